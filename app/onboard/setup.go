package onboard

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"gatehouse/gateway/atomicfile"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/scenario"
)

// Trust is whom a virtual device believes to be the gateway.
type Trust string

// The ways to trust.
const (
	TrustGateway   Trust = ""         // the local root of this gateway
	TrustSystem    Trust = "system"   // the authorities that this computer knows
	TrustFile      Trust = "file"     // those of Options.TrustPEM
	TrustEverybody Trust = "anything" // any certificate, as a careless device does
)

// Options are how a virtual device connects.
type Options struct {
	Protocol  int           `json:"protocol,omitempty"` // 3 (MQTT 3.1), 4 (3.1.1) or 5
	Clean     bool          `json:"clean,omitempty"`    // Clean Session
	KeepAlive time.Duration `json:"keepalive"`          // whole seconds, at most MaxKeepAlive; 0 sends none
	ClientID  string        `json:"clientId"`
	Will      *sim.Will     `json:"will,omitempty"`
	// Credential counts in the device's Credentials; 0 is the first.
	Credential  int  `json:"-"`
	WrongSecret bool `json:"-"` // on purpose, to see what the gateway says; not kept over a restart
	// CredentialSID is Credential by its name, as it is kept: the order changes with every new one.
	CredentialSID string `json:"credential,omitempty"`
	// Target is another server than this gateway, as mqtts://host:port.
	Target    string `json:"target,omitempty"`
	Trust     Trust  `json:"trust,omitempty"`
	TrustName string `json:"trustName,omitempty"` // of the file that TrustPEM came from
	TrustPEM  []byte `json:"trustPem,omitempty"`
}

// DefaultOptions are what the contract advises: MQTT 3.1.1, and a session that is kept.
func DefaultOptions(device registry.Device) Options {
	return Options{Protocol: 4, KeepAlive: 60 * time.Second, ClientID: device.Name()}
}

// Setup is how a virtual device is played: how it connects, and what it does by itself. It holds no secret.
type Setup struct {
	Options Options `json:"options"`
	// ByItself leaves the device to itself when it is connected; otherwise it is driven by hand, and Behaviour waits.
	ByItself bool `json:"byItself,omitempty"`
	// Kind is a ready-made kind whose behaviour the device has; empty: Behaviour is its own.
	Kind      string          `json:"kind,omitempty"`
	Behaviour agent.Behaviour `json:"behaviour,omitzero"`
	// Reconnect is what it does after a refusal and a lost connection while it is left to itself.
	Reconnect agent.Policy `json:"reconnect,omitzero"`
	Pace      float64      `json:"pace,omitempty"` // how fast its time passes; 0: as ours
}

// Does is what the device does by itself, with its policy.
func (s Setup) Does() agent.Behaviour {
	b := s.Behaviour
	if kind, known := scenario.KindOf(s.Kind); known {
		b = kind.Behaviour
	}
	b.Reconnect = s.Reconnect
	return b
}

// Setups keeps how virtual devices are played.
type Setups interface {
	Get(deviceSID string) (Setup, bool)
	// Remember keeps it until the program ends, or until it is put.
	Remember(deviceSID string, s Setup)
	// Put keeps it for good. It writes to disk.
	Put(deviceSID string, s Setup) error
	// Delete forgets it. It writes to disk when it was put.
	Delete(deviceSID string) error
}

// Setup is how a device is played, or the default.
func (b *Bench) Setup(deviceSID string) Setup {
	device, _ := b.p.Registry.Device(deviceSID)
	device.SID = deviceSID
	return b.setup(device)
}

func (b *Bench) setup(device registry.Device) Setup {
	s, known := b.p.Setups.Get(device.SID)
	if !known {
		return Setup{Options: DefaultOptions(device)}
	}
	for i, c := range b.Credentials(device.SID) {
		if s.Options.CredentialSID != "" && named(c) == s.Options.CredentialSID {
			s.Options.Credential = i
			return s
		}
	}
	s.Options.Credential = 0 // what it used is gone
	return s
}

// SetUp keeps how a device is played over restarts. What it changes of a connection counts from the next attempt on; what it changes of a
// behaviour counts when the device is left to itself anew. It writes to disk.
func (b *Bench) SetUp(deviceSID string, s Setup) error {
	defer b.changes.Add(1)
	s.Options.TrustPEM = certificatesOnly(s.Options.TrustPEM)
	if b.Lent(deviceSID) {
		b.p.Setups.Remember(deviceSID, b.named(deviceSID, s))
		return nil
	}
	if err := b.p.Setups.Put(deviceSID, b.named(deviceSID, s)); err != nil {
		return fmt.Errorf("keeping how the virtual device is played: %w", err)
	}
	return nil
}

// Change keeps how a device is played with a change. It writes to disk.
func (b *Bench) Change(deviceSID string, edit func(*Setup)) error {
	b.editing.Lock()
	defer b.editing.Unlock()
	s := b.Setup(deviceSID)
	edit(&s)
	return b.SetUp(deviceSID, s)
}

// named names the credential that is counted.
func (b *Bench) named(deviceSID string, s Setup) Setup {
	all := b.Credentials(deviceSID)
	if i := s.Options.Credential; i >= 0 && i < len(all) {
		s.Options.CredentialSID = named(all[i])
	}
	return s
}

// named is what a credential is called at the gateway.
func named(c sim.Credential) string {
	if c.KeySID != "" {
		return c.KeySID
	}
	return c.CertificateSID
}

// certificatesOnly leaves out what a file of authorities may hold beside them: a private key belongs in the vault alone.
func certificatesOnly(content []byte) (kept []byte) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			kept = append(kept, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
		}
	}
	return kept
}

// memory is Setups without a disk.
type memory struct {
	mu  sync.Mutex
	all map[string]Setup
}

// Get implements Setups.
func (m *memory) Get(deviceSID string) (Setup, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, known := m.all[deviceSID]
	return s, known
}

// Remember implements Setups.
func (m *memory) Remember(deviceSID string, s Setup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[string]Setup{}
	}
	m.all[deviceSID] = s
}

// Put implements Setups.
func (m *memory) Put(deviceSID string, s Setup) error {
	m.Remember(deviceSID, s)
	return nil
}

// Delete implements Setups.
func (m *memory) Delete(deviceSID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, deviceSID)
	return nil
}

// SetupFile is Setups in one file of mode 0600. Its methods may be called from any goroutine.
type SetupFile struct {
	path string
	memory
	write sync.Mutex
	kept  map[string]Setup // as on disk; guarded by write
}

const setupVersion = 1

type setupFile struct {
	Version int              `json:"version"`
	Devices map[string]Setup `json:"devices"`
}

// OpenSetups reads the file, which need not exist. One that cannot be understood is kept beside it under another name, and reported beside
// Setups that begin empty and are good to use.
func OpenSetups(path string) (*SetupFile, error) {
	f := &SetupFile{path: path, kept: map[string]Setup{}}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	var file setupFile
	if err == nil {
		if err = json.Unmarshal(content, &file); err == nil && file.Version != setupVersion {
			err = fmt.Errorf("it is of version %d", file.Version)
		}
	}
	if err != nil {
		aside := fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102T150405"))
		return f, fmt.Errorf("how virtual devices are played could not be read (%w); the file is kept as %s", err, errors.Join(errors.New(aside), os.Rename(path, aside)))
	}
	for sid, s := range file.Devices {
		f.kept[sid] = s
		f.Remember(sid, s)
	}
	return f, nil
}

// Put implements Setups.
func (f *SetupFile) Put(deviceSID string, s Setup) error {
	err := f.change(func(all map[string]Setup) { all[deviceSID] = s })
	if err == nil {
		f.Remember(deviceSID, s)
	}
	return err
}

// Delete implements Setups.
func (f *SetupFile) Delete(deviceSID string) error {
	_ = f.memory.Delete(deviceSID)
	f.write.Lock()
	_, kept := f.kept[deviceSID]
	f.write.Unlock()
	if !kept {
		return nil
	}
	return f.change(func(all map[string]Setup) { delete(all, deviceSID) })
}

// change writes what is kept with a change, and only then lets it count.
func (f *SetupFile) change(edit func(map[string]Setup)) error {
	f.write.Lock()
	defer f.write.Unlock()
	next := make(map[string]Setup, len(f.kept)+1)
	for sid, s := range f.kept {
		next[sid] = s
	}
	edit(next)
	content, err := json.MarshalIndent(setupFile{setupVersion, next}, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(f.path, append(content, '\n'), 0o600); err != nil {
		return err
	}
	f.kept = next
	return nil
}
