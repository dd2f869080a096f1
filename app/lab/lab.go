// Package lab is what the Lab runs on the gateway of this process, and what outlives its screen: scenarios, fleets, the
// ordinary broker, recordings. It knows neither the window nor the command line. The servers that are wrong on purpose are
// the gateway's own.
package lab

import (
	"log/slog"
	"sync"
	"time"

	"gatehouse/app/onboard"
	"gatehouse/gateway"
)

// Params of a Lab. Gateway is required.
type Params struct {
	Gateway *gateway.Gateway
	// Bench plays the demo's devices; nil: the demo has one of its own.
	Bench  *onboard.Bench
	Dir    string // of what is kept
	Now    func() time.Time
	Logger *slog.Logger
	// Secrets are those of a virtual device, which no recording of it may hold; nil: none is known.
	Secrets func(deviceSID string) []string
	// Elsewhere is a virtual device that connects to another server; false for any other device. nil: there is none.
	Elsewhere func(deviceSID string) (Elsewhere, bool)
}

// Lab holds what runs. Its parts are safe for concurrent use.
type Lab struct {
	runs *Runs
	demo *Demo

	broker *Broker
	fleets *Fleets

	recordings *Recordings
}

// New makes a lab in which nothing runs.
func New(p Params) *Lab {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	broker := newBroker(p)
	return &Lab{runs: newRuns(p), demo: newDemo(p), broker: broker, fleets: newFleets(p, broker), recordings: newRecordings(p)}
}

// Runs are the scenarios.
func (l *Lab) Runs() *Runs { return l.runs }

// Demo is the demo fleet.
func (l *Lab) Demo() *Demo { return l.demo }

// Broker is the ordinary broker.
func (l *Lab) Broker() *Broker { return l.broker }

// Fleets are the fleets that were generated.
func (l *Lab) Fleets() *Fleets { return l.fleets }

// Recordings are what devices did.
func (l *Lab) Recordings() *Recordings { return l.recordings }

// Close ends whatever runs, all at once, and waits for it.
func (l *Lab) Close() {
	var all sync.WaitGroup
	for _, end := range []func(){l.runs.Close, l.demo.close, l.fleets.close, l.broker.close, l.recordings.close} {
		all.Go(end)
	}
	all.Wait()
}
