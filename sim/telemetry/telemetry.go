// Package telemetry makes what a virtual device reports: values from generators, put into the topic and payload of a message, and how long to wait
// for the next one. It sends nothing and has no clock of its own: the time is given, so that a day can pass in seconds. With the same seed
// and the same times it makes the same messages.
package telemetry

import (
	"time"

	"gatehouse/sim/script"
)

// Format is the form of a payload.
type Format string

// The forms of a payload.
const (
	JSON   Format = "json"   // an object of all fields in their order, or Payload as a template of JSON
	Text   Format = "text"   // Payload as a template
	Binary Format = "binary" // Payload as a template of hexadecimal digits; spaces are left out
)

// Bounds of a report.
const (
	ShortestEvery = 10 * time.Millisecond
	LongestEvery  = 24 * time.Hour
	MostFields    = 64
	MostRows      = 100_000 // of a CSV file
	MaxPayload    = 256 << 10
)

// Report is one message that a device sends again and again.
type Report struct {
	Topic   string   `json:"topic" yaml:"topic"` // a template
	QoS     byte     `json:"qos,omitempty" yaml:"qos,omitempty"`
	Retain  bool     `json:"retain,omitempty" yaml:"retain,omitempty"`
	Every   Duration `json:"every" yaml:"every"`                       // from ShortestEvery to LongestEvery
	Jitter  Duration `json:"jitter,omitempty" yaml:"jitter,omitempty"` // up to this much is added or taken away, at random; less than Every
	Format  Format   `json:"format,omitempty" yaml:"format,omitempty"` // empty: JSON
	Fields  []Field  `json:"fields,omitempty" yaml:"fields,omitempty"` // computed in their order; a formula may use those before it
	Payload string   `json:"payload,omitempty" yaml:"payload,omitempty"`
	Seed    uint64   `json:"seed,omitempty" yaml:"seed,omitempty"` // 0: another one for each device
}

// Field is a named value.
type Field struct {
	Name   string `json:"name" yaml:"name"`
	Source `yaml:",inline"`
	Hidden bool `json:"hidden,omitempty" yaml:"hidden,omitempty"` // for formulas and templates only, not in the JSON object
}

// Problem is what is wrong with a report: where, what, and what to do.
type Problem struct {
	Path string // "fields[1].period"
	What string
	Todo string
}

// Error is the problem in one line.
func (p Problem) Error() string { return p.Path + ": " + p.What + ": " + p.Todo }

// Device is whose report it is. Its Vars and State can be used in templates and formulas.
type Device struct {
	Name string
	SID  string
	Vars map[string]string
	// State is what the device changes itself; nil: nothing.
	State *script.State
	// Open reads a file that a CSV source names; nil: none can be read.
	Open func(name string) ([]byte, error)
}

// Message is one made by a Stream.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
	Values  map[string]any // by field: float64, string or bool
}
