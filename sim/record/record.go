// Package record writes down what a device did as a scenario that does it again. It is given the events of the device with
// their times, wherever they were seen, and keeps them within bounds. It knows no gateway and no clock, and is given no
// secret: the device of the scenario gets a credential of its own.
package record

import (
	"time"
)

// Bounds of a recording. What goes beyond them ends it.
const (
	MostEvents = 2000
	MostBytes  = 512 << 10 // of topics and payloads together
	Longest    = 50 * time.Minute

	MostDocuments     = 50
	MostDocumentBytes = 16 << 10 // of one
)

// Kind says what happened.
type Kind string

// What can happen to a device.
const (
	Connected    Kind = "connected"
	Refused      Kind = "refused" // with a return code, or without an answer
	Subscribed   Kind = "subscribed"
	Unsubscribed Kind = "unsubscribed"
	Published    Kind = "published"
	Received     Kind = "received"
	Disconnected Kind = "disconnected" // as it should, with DISCONNECT
	Vanished     Kind = "vanished"     // without
	Reset        Kind = "reset"        // the same, with a TCP reset
	Ended        Kind = "ended"        // by the server
)

// Event is one thing that happened.
type Event struct {
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`

	// Connection tells the device's connections apart, and its attempts to connect.
	Connection uint64 `json:"connection,omitempty"`

	Connect *Connect `json:"connect,omitempty"` // of Connected
	Code    int      `json:"code,omitempty"`    // of Refused; -1 without an answer
	Why     string   `json:"why,omitempty"`     // of Refused and the ends: a name of the cause
	// WrongSecret says of Refused that the device is known, and that its secret was wrong.
	WrongSecret bool `json:"wrong_secret,omitempty"`

	Topic   string `json:"topic,omitempty"` // of a message; the filter of Subscribed and Unsubscribed
	Payload []byte `json:"payload,omitempty"`
	Length  int    `json:"length,omitempty"` // of the payload, in bytes, when Payload does not hold all of it
	QoS     byte   `json:"qos,omitempty"`
	Retain  bool   `json:"retain,omitempty"`
	Denied  bool   `json:"denied,omitempty"` // of Subscribed: the server refused it
	// Before says of Connected and Subscribed that it was so already when the recording began.
	Before bool `json:"before,omitempty"`
}

// Connect is what a device said in its CONNECT, without who it is.
type Connect struct {
	Protocol    string        `json:"protocol"` // "3.1", "3.1.1" or "5"
	ClientID    string        `json:"client_id"`
	Clean       bool          `json:"clean,omitempty"`
	KeepAlive   time.Duration `json:"keepalive_ns"` // whole seconds; 0: none
	Certificate bool          `json:"certificate,omitempty"`
	Will        *Will         `json:"will,omitempty"`
}

// Will is the message that the server is to publish when the device vanishes.
type Will struct {
	Topic   string `json:"topic"`
	Payload []byte `json:"payload,omitempty"`
	QoS     byte   `json:"qos,omitempty"`
	Retain  bool   `json:"retain,omitempty"`
}

// Recording is what a device did.
type Recording struct {
	Name       string    `json:"name"`
	DeviceSID  string    `json:"device_sid"`
	DeviceName string    `json:"device_name"`
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended"`
	Events     []Event   `json:"events"`
	Notes      []string  `json:"notes,omitempty"` // what is missing, and why, in sentences
	// Documents are the Sync documents that it used, by their unique names, as JSON: the scenario's own service needs them as well. One that is
	// used and not among them is empty there.
	Documents map[string]string `json:"documents,omitempty"`
}

// Took is how long it was recorded.
func (r Recording) Took() time.Duration { return r.Ended.Sub(r.Began) }

// Counts are how many events there are of a kind.
func (r Recording) Counts() map[Kind]int {
	all := map[Kind]int{}
	for _, e := range r.Events {
		all[e.Kind]++
	}
	return all
}
