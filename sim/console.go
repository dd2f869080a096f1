package sim

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// The bounds of a device's console: the oldest entries make room.
const (
	ConsoleEntries = 1000
	ConsoleBytes   = 1 << 20 // of payloads, topics and summaries together
	ConsolePayload = 4096    // of one payload
)

// TypeNote is the Entry.Type of what is not a packet: connected, TLS agreed, closed.
const TypeNote = "NOTE"

// Entry is one line of a device's console: a packet, or a note.
type Entry struct {
	Seq      uint64 // counts from 1; a gap to the last one seen means that entries were dropped
	At       time.Time
	Outbound bool   // from the device to the server
	Type     string // "PUBLISH", …, or TypeNote
	Summary  string // one line for people: "PUBLISH sync/docs/x · QoS 1 · id 3 · 24 bytes"
	Topic    string // of PUBLISH; the first filter of SUBSCRIBE and UNSUBSCRIBE
	Payload  []byte // of PUBLISH, its first ConsolePayload bytes; not to be changed
	Cut      bool   // Payload was longer
	QoS      byte
	Retain   bool
	Bytes    int // the packet's size on the wire; 0 for a note
}

// console is the bounded ring of entries. It never holds the secret that it is told to hide.
type console struct {
	mu      sync.Mutex
	entries []Entry // oldest first
	bytes   int
	seq     uint64
	secrets []string
	changed func() // called without the lock
}

// hide makes the console blank these texts wherever they would appear. Short ones are left alone: blanking "a" hides nothing.
func (c *console) hide(secrets ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= 8 && !contains(c.secrets, s) {
			c.secrets = append(c.secrets, s)
		}
	}
	if extra := len(c.secrets) - 16; extra > 0 {
		c.secrets = c.secrets[extra:]
	}
}

func (c *console) add(e Entry) {
	c.mu.Lock()
	if len(e.Payload) > ConsolePayload {
		e.Payload, e.Cut = e.Payload[:ConsolePayload], true
	}
	e.Payload = bytes.Clone(e.Payload)
	for _, s := range c.secrets {
		e.Summary, e.Topic = strings.ReplaceAll(e.Summary, s, "•••"), strings.ReplaceAll(e.Topic, s, "•••")
		e.Payload = bytes.ReplaceAll(e.Payload, []byte(s), []byte("•••"))
		if e.Cut {
			e.Payload = withoutPart(e.Payload, s)
		}
	}
	c.seq++
	e.Seq = c.seq
	c.entries = append(c.entries, e)
	c.bytes += e.weight()
	drop := 0
	for len(c.entries)-drop > ConsoleEntries || c.bytes > ConsoleBytes && len(c.entries)-drop > 1 {
		c.bytes -= c.entries[drop].weight()
		c.entries[drop] = Entry{}
		drop++
	}
	c.entries = c.entries[drop:] // append moves to a fresh array when this one is used up, so the dropped ones go
	c.mu.Unlock()
	c.changed()
}

// withoutPart takes the beginning of a secret off the end of what was cut there.
func withoutPart(cut []byte, secret string) []byte {
	for n := min(len(secret), len(cut)); n > 0; n-- {
		if bytes.HasSuffix(cut, []byte(secret[:n])) {
			return cut[:len(cut)-n]
		}
	}
	return cut
}

func (e Entry) weight() int { return len(e.Payload) + len(e.Topic) + len(e.Summary) }

// since returns the entries whose Seq is greater than after, oldest first.
func (c *console) since(after uint64) []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := min(c.seq-min(after, c.seq), uint64(len(c.entries)))
	return append([]Entry(nil), c.entries[uint64(len(c.entries))-fresh:]...)
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
