// Package scenario is a story with virtual devices that is told in a file, played step by step, and either holds or does not. It reads the
// file strictly, finds every mistake before anything starts, and plays it in a World, which stands for the gateway or any other server. It does not know the
// gateway's code.
package scenario

import (
	"time"

	"gatehouse/sim/agent"
	"gatehouse/sim/telemetry"
)

// Duration is written as "1.5s".
type Duration = telemetry.Duration

// Bounds of a scenario.
const (
	MaxBytes        = 1 << 20
	MostDevices     = 1000
	MostSteps       = 5000 // written in the file, at all depths
	MostRepeats     = 10_000
	DeepestNesting  = 8
	DefaultTimeout  = 30 * time.Second // of the whole scenario
	LongestTimeout  = time.Hour
	DefaultPatience = 5 * time.Second // of an expectation that names none
)

// Scenario is a file.
type Scenario struct {
	Name        string            `json:"name" yaml:"name"`
	Description string            `json:"description,omitempty" yaml:"description,omitempty"`
	Target      Target            `json:"target,omitempty" yaml:"target,omitempty"`   // as the steps need; see NeedsGateway
	Timeout     Duration          `json:"timeout,omitempty" yaml:"timeout,omitempty"` // DefaultTimeout
	Devices     map[string]Device `json:"devices" yaml:"devices"`                     // by the names that steps use
	Steps       []Step            `json:"steps" yaml:"steps"`
}

// Target is what a scenario needs to play against.
type Target string

// The targets. Any server lets a device in by its own rules: creating one tells it nothing, devices cannot be disabled or revoked, and no code but that
// of the server can be expected.
const (
	Gateway Target = "gateway"
	Any     Target = "any"
)

// Device is a device of the story.
type Device struct {
	Name       string         `json:"name,omitempty" yaml:"name,omitempty"`             // on the gateway; the name that steps use
	Kind       string         `json:"kind,omitempty" yaml:"kind,omitempty"`             // a ready-made behaviour, of Kinds
	Credential CredentialKind `json:"credential,omitempty" yaml:"credential,omitempty"` // key
	Like       string         `json:"like,omitempty" yaml:"like,omitempty"`             // uses the credential of this other device: the same identity on two boards
	Disabled   bool           `json:"disabled,omitempty" yaml:"disabled,omitempty"`
	Undeployed bool           `json:"undeployed,omitempty" yaml:"undeployed,omitempty"`
	Protocol   string         `json:"protocol,omitempty" yaml:"protocol,omitempty"`   // "3.1", "3.1.1" (standard) or "5"
	ClientID   string         `json:"client_id,omitempty" yaml:"client_id,omitempty"` // its name
	Clean      bool           `json:"clean,omitempty" yaml:"clean,omitempty"`
	NoClientID bool           `json:"no_client_id,omitempty" yaml:"no_client_id,omitempty"`
	KeepAlive  Duration       `json:"keepalive,omitempty" yaml:"keepalive,omitempty"` // 60s
	// NoKeepAlive connects with keepalive 0: no pings, and the server expects none.
	NoKeepAlive bool              `json:"no_keepalive,omitempty" yaml:"no_keepalive,omitempty"`
	Will        *Will             `json:"will,omitempty" yaml:"will,omitempty"`
	Trust       Trust             `json:"trust,omitempty" yaml:"trust,omitempty"` // root
	CA          string            `json:"ca,omitempty" yaml:"ca,omitempty"`       // a PEM file of authorities, which it trusts instead
	ClockOff    Duration          `json:"clock_off,omitempty" yaml:"clock_off,omitempty"`
	Vars        map[string]string `json:"vars,omitempty" yaml:"vars,omitempty"`
	Pace        float64           `json:"pace,omitempty" yaml:"pace,omitempty"` // how fast its time passes; 1
	Behaviour   *agent.Behaviour  `json:"behaviour,omitempty" yaml:"behaviour,omitempty"`
}

// CredentialKind is what a device proves itself with.
type CredentialKind string

// The kinds of credential.
const (
	Key         CredentialKind = "key"
	Certificate CredentialKind = "certificate"
	None        CredentialKind = "none"
)

// Trust is which server a device believes.
type Trust string

// Whom a device trusts.
const (
	Root      Trust = "root"      // the target's root certificate
	System    Trust = "system"    // the authorities of the operating system
	Everybody Trust = "everybody" // on purpose: it does not check the server's certificate
)

// Will is the message that a server publishes when the device vanishes.
type Will struct {
	Topic   string `json:"topic" yaml:"topic"`
	Payload string `json:"payload,omitempty" yaml:"payload,omitempty"`
	Base64  string `json:"base64,omitempty" yaml:"base64,omitempty"` // in place of Payload, for what is no text
	QoS     byte   `json:"qos,omitempty" yaml:"qos,omitempty"`
	Retain  bool   `json:"retain,omitempty" yaml:"retain,omitempty"`
}
