// Package fleet is many virtual devices of one template: they are provisioned in bulk, started one after another, left to their behaviour, and all ended at once. It
// does not know where devices are registered, nor who watches.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/telemetry"
)

// Most devices of one fleet. Each takes a port of the loopback interface and a file descriptor.
const Most = 20_000

// Template is what all devices of a fleet have in common.
type Template struct {
	Prefix string // of their names: "meter-" makes meter-00001; empty: "device-"
	// Name is a pattern for their names instead of a prefix. It must hold {n}, for a device's number with as many digits as the last one has, and may hold
	// the names of variables: "{room}-{n}".
	Name string
	// Vars are variables that differ from device to device: each takes its values in turn. In a value {n} stands for the device's number.
	Vars map[string][]string
	// Topics is put before the topics of all reports, with a stroke between: "site/{room}".
	Topics    string
	Behaviour agent.Behaviour
	Pace      float64     // see agent.Params
	Options   sim.Options // their URL, trust, keepalive; identity and client ID are each device's own
}

// Identity is how a device is known where it connects.
type Identity struct {
	SID        string
	Credential sim.Credential
}

// Provision registers one device. It is called from several goroutines.
type Provision func(ctx context.Context, name string) (Identity, error)

// Params of a Fleet.
type Params struct {
	Count     int
	Template  Template
	Provision Provision // nil: devices have no credential
	Parallel  int       // how many are provisioned at the same time; 0: two for each processor
	// Ramp is the time from the first device's start to the last one's. 0: what 250 starts a second need.
	Ramp time.Duration
	Now  func() time.Time
}

// startsPerSecond is the ramp that nobody chose. A gateway takes 500 connects a second, and needs time for handshakes beside devices in the same process.
const startsPerSecond = 250

// Stage is how far a fleet has come.
type Stage string

// The stages of a fleet.
const (
	Idle         Stage = "idle"
	Provisioning Stage = "provisioning"
	Ready        Stage = "ready"
	Running      Stage = "running"
	Ended        Stage = "ended"
)

// Status is a fleet at one moment.
type Status struct {
	Stage       Stage
	Count       int
	Provisioned int
	Started     int
	Connected   int    // now
	Waiting     int    // devices that were refused or lost, and will try again
	Stopped     int    // devices that will not try again
	Why         string // of most of those that wait or have stopped; empty when there are none
	Attempts    int
	Accepted    int // attempts
	Sent        uint64
	Received    uint64
	Skipped     uint64        // messages that were not sent, see agent.Status
	Ramped      time.Duration // from the first start until the last of those that ever were was connected for the first time
}

// Fleet is many devices. Provision is called once, then Run, and again when it has returned; the other methods from any goroutine.
type Fleet struct {
	params      Params
	names       []string
	ids         []Identity
	provisioned atomic.Int64

	mu     sync.Mutex
	stage  Stage
	agents []*agent.Agent
	began  time.Time
	ended  Status // of the run before, whose agents are gone
}

// New checks a fleet. All problems of its behaviour are told at once.
func New(p Params) (*Fleet, []telemetry.Problem) {
	var problems []telemetry.Problem
	if p.Count < 1 || p.Count > Most {
		return nil, append(problems, telemetry.Problem{Path: "count", What: fmt.Sprintf("%d is not between 1 and %d", p.Count, Most), Todo: "give how many devices there are to be"})
	}
	if p.Ramp < 0 {
		problems = append(problems, telemetry.Problem{Path: "ramp", What: "it is negative", Todo: "give a time such as 20s"})
	}
	if p.Ramp == 0 {
		p.Ramp = time.Duration(p.Count) * time.Second / startsPerSecond
	}
	if p.Template.Prefix == "" {
		p.Template.Prefix = "device-"
	}
	if p.Parallel <= 0 {
		p.Parallel = 2 * runtime.GOMAXPROCS(0)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	f := &Fleet{params: p, stage: Idle, ids: make([]Identity, p.Count), names: make([]string, p.Count)}
	problems = append(problems, p.Template.check()...)
	p.Template.Behaviour.Reports = p.Template.reports()
	f.params = p
	for i := range f.names {
		f.names[i] = p.Template.name(i, p.Count)
	}
	_, wrong := f.agent(0)
	if problems = append(problems, wrong...); len(problems) > 0 {
		return nil, problems
	}
	return f, nil
}

func (f *Fleet) agent(i int) (*agent.Agent, []telemetry.Problem) {
	f.mu.Lock()
	t, name := f.params.Template, f.names[i]
	f.mu.Unlock()
	o := t.Options
	o.ClientID = name
	if f.params.Provision != nil {
		o.Credential = f.ids[i].Credential
	}
	return agent.New(agent.Params{
		Options: o, Identity: telemetry.Device{Name: name, SID: f.ids[i].SID, Vars: t.vars(i)}, Behaviour: t.Behaviour, Pace: t.Pace, Now: f.params.Now,
	})
}

// Provision registers all devices. It ends at the first that cannot be registered, and with ctx.
func (f *Fleet) Provision(ctx context.Context) error {
	f.enter(Provisioning)
	if f.params.Provision == nil {
		f.provisioned.Store(int64(f.params.Count))
		f.enter(Ready)
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(f.params.Parallel, f.params.Count) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < f.params.Count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				id, err := f.params.Provision(ctx, f.names[i])
				if err != nil {
					cancel(fmt.Errorf("provision %s: %w", f.names[i], err))
					return
				}
				f.ids[i] = id
				f.provisioned.Add(1)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	f.enter(Ready)
	return nil
}

func (f *Fleet) enter(s Stage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage = s
}

// Ramp is the time from the first device's start to the last one's, as it was given or chosen.
func (f *Fleet) Ramp() time.Duration { return f.params.Ramp }

// Run starts the devices over the ramp, and lets them live until ctx ends. All that it started has ended when it returns.
func (f *Fleet) Run(ctx context.Context) error {
	f.mu.Lock()
	if f.stage != Ready && f.stage != Ended {
		f.mu.Unlock()
		return errors.New("run fleet: it is not provisioned, or it runs already")
	}
	f.stage, f.began, f.agents = Running, f.params.Now(), nil
	f.mu.Unlock()
	defer f.forget()
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	wg.Go(func() { f.twins(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range f.params.Count {
		timer.Reset(f.began.Add(f.params.Ramp * time.Duration(i) / time.Duration(f.params.Count)).Sub(f.params.Now()))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		a, problems := f.agent(i)
		if len(problems) > 0 { // New has found none for the first; files may have changed
			return fmt.Errorf("run fleet: %s: %w", f.names[i], problems[0])
		}
		f.mu.Lock()
		f.agents = append(f.agents, a)
		f.mu.Unlock()
		wg.Go(func() { _ = a.Run(ctx) }) // its phase tells how it ended
	}
	<-ctx.Done()
	return nil
}

// To sets where the devices connect to, and whom they trust, from the next Run on.
func (f *Fleet) To(url string, rootPEM []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.params.Template.Options.URL, f.params.Template.Options.RootPEM = url, rootPEM
}

// forget ends a run: its figures are kept, and its devices, each with what it remembers, are not.
func (f *Fleet) forget() {
	s := f.Status()
	s.Stage, s.Connected, s.Waiting, s.Stopped, s.Why = Ended, 0, 0, 0, ""
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage, f.ended, f.agents = Ended, s, nil
}

// Status counts. It takes about a millisecond for 5 000 devices.
func (f *Fleet) Status() Status {
	f.mu.Lock()
	if f.stage == Ended {
		defer f.mu.Unlock()
		return f.ended
	}
	agents, began := slices.Clone(f.agents), f.began
	s := Status{Stage: f.stage, Count: f.params.Count, Started: len(agents), Provisioned: int(f.provisioned.Load())}
	f.mu.Unlock()
	reasons, most := map[string]int{}, 0
	for _, a := range agents {
		c := a.Counts()
		switch c.Phase {
		case agent.Connected:
			s.Connected++
		case agent.Waiting:
			s.Waiting++
		case agent.Stopped:
			s.Stopped++
		}
		if c.Phase == agent.Waiting || c.Phase == agent.Stopped {
			if reasons[c.Why]++; reasons[c.Why] > most {
				s.Why, most = c.Why, reasons[c.Why]
			}
		}
		s.Attempts += c.Attempts
		s.Accepted += c.Accepted
		s.Sent += c.Sent
		s.Received += c.Received
		s.Skipped += c.Skipped
		if !c.First.IsZero() {
			s.Ramped = max(s.Ramped, c.First.Sub(began))
		}
	}
	return s
}
