package frame

import (
	"context"
	"time"

	"gatehouse/app/desktop/meter"
)

// State is what the gateway does.
type State int

// The states. A gateway that Failed wanted to listen and could not.
const (
	Stopped State = iota
	Listening
	Failed
)

// Status is the gateway as header and status bar show it. It can be compared with ==.
type Status struct {
	State   State
	URL     string // mqtts://host:8883
	Port    int
	Network bool // devices on the network may connect
	Fixed   bool // the address was given at the start and cannot be changed
	// LeafNotAfter is when the server's certificate expires.
	LeafNotAfter time.Time
	TLS          string // the versions that devices may speak: "TLS 1.2, 1.3"
	// Problem is what is wrong, in one sentence; empty when all is well. Advice says what to do about it.
	Problem, Advice string
	// OtherPort is a port to offer, when the problem is that Port is taken; else 0.
	OtherPort int
}

// Tally is what the status bar counts.
type Tally struct {
	Sample  meter.Sample
	Refused int // attempts in the last five minutes
	// Findings are those that stand now: what several attempts together show.
	Findings int
}

// Gateway is the gateway as the frame needs it. Every method but Status and Tally may take seconds and is called off
// the UI goroutine; those two are quick, and called off it as well.
type Gateway interface {
	Status() Status
	Tally() Tally
	Start() error
	Stop(context.Context) error
	SetNetwork(on bool) error
	SetPort(port int) error
}
