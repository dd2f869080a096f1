package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"gatehouse/gateway/atomicfile"
)

// Settings are what the user may change; they are kept in the data folder. Zero values stand for the defaults.
type Settings struct {
	// Port of the MQTT listener; 0 stands for 8883. It moves only when the user says so.
	Port int `json:"port,omitempty"`
	// Network lets devices on the network connect; otherwise the listener is bound to loopback (contract, section 1).
	Network bool `json:"network,omitempty"`
	// Names are added to those in the server's certificate: host names and addresses, at most 32.
	Names []string `json:"names,omitempty"`
	// SyncTopicsOnly refuses topics that are not below sync/ (contract, section 6).
	SyncTopicsOnly bool `json:"sync_topics_only,omitempty"`
	// StrictPublishes disconnects a device whose message to a Sync object is refused; otherwise it is acknowledged,
	// changes nothing and is reported (contract, section 6).
	StrictPublishes bool `json:"strict_publishes,omitempty"`
	// Durable says when what is acknowledged must be on the disk itself: empty, within a second, so that it survives the
	// process being killed at once and a power cut a second later; DurableAlways, before it is acknowledged. It, Limits
	// and PostQuantum take effect when the gateway is opened the next time.
	Durable string `json:"durable,omitempty"`
	Limits  Limits `json:"limits,omitzero"`
	// PostQuantum adds the key exchange X25519MLKEM768 (contract, section 1).
	PostQuantum bool `json:"post_quantum,omitempty"`
	// Attempts bounds the record of connection attempts, in memory and on the disk. It takes effect at once.
	Attempts Retention `json:"attempts,omitzero"`
}

// Retention is how many attempts are kept; the oldest go first, whichever bound they are beyond. Zero values stand for the
// defaults.
type Retention struct {
	Count int   `json:"count,omitempty"` // default 10 000; at most 1 000 000
	Bytes int64 `json:"bytes,omitempty"` // about, in memory; default 64 MiB; 1 MiB to 4 GiB
}

// Bounds of Retention.
const (
	maxAttempts     = 1_000_000
	minAttemptBytes = 1 << 20
	maxAttemptBytes = 4 << 30
)

func (r Retention) check() error {
	if r.Count < 0 || r.Count > maxAttempts {
		return fmt.Errorf("attempts.count %d: from 1 to %d attempts can be kept, or 0 for the default", r.Count, maxAttempts)
	}
	if r.Bytes != 0 && (r.Bytes < minAttemptBytes || r.Bytes > maxAttemptBytes) {
		return fmt.Errorf("attempts.bytes %d: from %d (1 MiB) to %d (4 GiB) bytes can be kept, or 0 for the default", r.Bytes, minAttemptBytes, int64(maxAttemptBytes))
	}
	return nil
}

// Limits are the bounds of the contract, sections 2, 4 and 6. Zero values stand for its defaults.
type Limits struct {
	ConnectsPerSecond           int `json:"connects_per_second,omitempty"`             // in total; default 500
	ConnectsPerSecondPerAddress int `json:"connects_per_second_per_address,omitempty"` // default 500
	Unfinished                  int `json:"unfinished_handshakes,omitempty"`           // in total; default 1 000
	UnfinishedPerAddress        int `json:"unfinished_handshakes_per_address,omitempty"`
	Window                      int `json:"window,omitempty"`           // QoS 1 and 2 messages in flight to a device; default 100
	PacketBytes                 int `json:"packet_bytes,omitempty"`     // default 256 KiB
	SessionMessages             int `json:"session_messages,omitempty"` // QoS 1 and 2, waiting for a device; default 100 000
	SessionBytes                int `json:"session_bytes,omitempty"`    // of those; default 256 MiB
	ObjectHistory               int `json:"object_history,omitempty"`   // revisions remembered of each Sync object; default 20
}

// DurableAlways is the value of Settings.Durable that has every write on the disk before it is acknowledged.
const DurableAlways = "always"

func (l Limits) check() error {
	for _, n := range []int{l.ConnectsPerSecond, l.ConnectsPerSecondPerAddress, l.Unfinished, l.UnfinishedPerAddress, l.Window, l.PacketBytes,
		l.SessionMessages, l.SessionBytes, l.ObjectHistory} {
		if n < 0 {
			return fmt.Errorf("limit %d: a limit is a number above 0, or 0 for the default", n)
		}
	}
	if l.Window > 65535 {
		return fmt.Errorf("window %d: at most 65535 messages have identifiers", l.Window)
	}
	return nil
}

// DefaultPort is MQTT's over TLS (contract, section 1).
const DefaultPort = 8883

const (
	settingsFile = "settings.json"
	maxNames     = 32
)

// port is the port to listen on.
func (s Settings) port() int {
	if s.Port == 0 {
		return DefaultPort
	}
	return s.Port
}

// check says what is wrong with settings, if anything.
func (s Settings) check() error {
	if s.Port < 0 || s.Port > 65535 {
		return fmt.Errorf("port %d: a port is a number from 1 to 65535", s.Port)
	}
	if len(s.Names) > maxNames {
		return fmt.Errorf("%d names: at most %d fit into the certificate", len(s.Names), maxNames)
	}
	for _, name := range s.Names {
		if err := checkName(name); err != nil {
			return err
		}
	}
	if s.Durable != "" && s.Durable != DurableAlways {
		return fmt.Errorf("durable %q: write %q, or leave it out", s.Durable, DurableAlways)
	}
	if err := s.Attempts.check(); err != nil {
		return err
	}
	return s.Limits.check()
}

// checkName accepts a host name (RFC 1123) or an IP address.
func checkName(name string) error {
	if net.ParseIP(name) != nil {
		return nil
	}
	bad := fmt.Errorf("name %q is neither a host name nor an IP address", name)
	if name == "" || len(name) > 253 {
		return bad
	}
	label := 0
	for i, c := range name {
		switch {
		case c == '.':
			if label == 0 {
				return bad
			}
			label = 0
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' && label > 0 || c == '*' && i == 0:
			if label++; label > 63 {
				return bad
			}
		default:
			return bad
		}
	}
	if label == 0 {
		return bad
	}
	return nil
}

func (s Settings) equal(o Settings) bool {
	return s.Port == o.Port && s.Network == o.Network && s.SyncTopicsOnly == o.SyncTopicsOnly &&
		s.StrictPublishes == o.StrictPublishes && s.Durable == o.Durable && s.Limits == o.Limits && s.PostQuantum == o.PostQuantum && s.Attempts == o.Attempts && slices.Equal(s.Names, o.Names)
}

// peekSettings reads the settings of a data folder that another instance may have; what cannot be understood stands for the
// defaults, and nothing is set aside.
func peekSettings(dir string) Settings {
	var s Settings
	content, err := os.ReadFile(filepath.Join(dir, settingsFile))
	if err != nil || json.Unmarshal(content, &s) != nil || s.check() != nil {
		return Settings{}
	}
	return s
}

// loadSettings reads the settings of a data folder. A file that cannot be understood is set aside, never overwritten;
// aside names it.
func loadSettings(dir string, now time.Time) (s Settings, aside string, err error) {
	path := filepath.Join(dir, settingsFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, "", nil
	}
	if err != nil {
		return Settings{}, "", fmt.Errorf("settings cannot be read: %w", err)
	}
	if bad := json.Unmarshal(content, &s); bad == nil {
		bad = s.check()
		if bad == nil {
			return s, "", nil
		}
	}
	aside = path + ".damaged-" + strconv.FormatInt(now.Unix(), 10)
	if err := os.Rename(path, aside); err != nil {
		return Settings{}, "", fmt.Errorf("settings file %s is damaged and cannot be set aside: %w", path, err)
	}
	return Settings{}, aside, nil
}

// saveSettings replaces the settings file as a whole.
func saveSettings(dir string, s Settings) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, settingsFile), append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("settings cannot be saved: %w", err)
	}
	return nil
}
