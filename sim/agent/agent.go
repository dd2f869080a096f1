// Package agent is a virtual device that is left to itself: it connects, subscribes, reports, reacts, and comes back as the contract advises, or, when it is to be
// a bad example, as it does not. It runs until its context ends. It does not know what gateway it talks to, nor who watches.
package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"gatehouse/sim"
	"gatehouse/sim/rules"
	"gatehouse/sim/script"
	"gatehouse/sim/telemetry"
)

// Behaviour is what a device does by itself. The zero value connects, and stays connected.
type Behaviour struct {
	State     map[string]any     `json:"state,omitempty" yaml:"state,omitempty"` // first values: numbers, texts, switches
	Subscribe []Subscription     `json:"subscribe,omitempty" yaml:"subscribe,omitempty"`
	Reports   []telemetry.Report `json:"reports,omitempty" yaml:"reports,omitempty"`
	Reactions []rules.Reaction   `json:"reactions,omitempty" yaml:"reactions,omitempty"` // their filters are subscribed to at QoS 1
	Reconnect Policy             `json:"reconnect,omitempty" yaml:"reconnect,omitempty"`
}

// Subscription is a filter to subscribe to after each connect.
type Subscription struct {
	Filter string `json:"filter" yaml:"filter"`
	QoS    byte   `json:"qos,omitempty" yaml:"qos,omitempty"`
}

// Policy is when to try again. The zero value follows the contract's advice: codes 1, 2 and 4 stop, code 3 and a lost connection back off with jitter,
// code 5 is tried again slowly.
type Policy struct {
	Never bool `json:"never,omitempty" yaml:"never,omitempty"` // one attempt, and none after a lost connection
	// Disobey are codes after which it tries again every DisobeyEvery, whatever the contract says; -1 is a lost connection or none.
	Disobey      []int              `json:"disobey,omitempty" yaml:"disobey,omitempty"`
	DisobeyEvery telemetry.Duration `json:"disobey_every,omitempty" yaml:"disobey_every,omitempty"` // 1s
	SlowRetry    telemetry.Duration `json:"slow_retry,omitempty" yaml:"slow_retry,omitempty"`       // after code 5; 1m
}

// Params of an Agent. Options are required.
type Params struct {
	Options   sim.Options
	Identity  telemetry.Device // its State is the agent's to make
	Behaviour Behaviour
	// Pace is how fast the device's time passes: 60 makes an hour a minute. 0 stands for 1. Keepalive and the network know no pace.
	Pace   float64
	Device Device // nil: one is made. Its messages must go to Agent.Received
	Now    func() time.Time
}

// Device is what an agent drives: a *sim.Device, or what stands before one and knows better with which options it connects.
type Device interface {
	Connect(ctx context.Context, o sim.Options) sim.Result
	Disconnect()
	Ended() <-chan struct{}
	Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error
	Subscribe(ctx context.Context, filter string, qos byte) (granted byte, err error)
}

var _ Device = (*sim.Device)(nil)

// Phase is what an agent does now.
type Phase string

// The phases of an agent.
const (
	Idle       Phase = "idle" // before Run
	Connecting Phase = "connecting"
	Connected  Phase = "connected"
	Waiting    Phase = "waiting" // for its next attempt
	Stopped    Phase = "stopped" // it will not try again by itself
)

// Status is an agent at one moment.
type Status struct {
	Phase    Phase
	Next     time.Time // of the next attempt, while Waiting
	Why      string    // it waits or has stopped
	Attempts int
	Accepted int            // attempts
	Sent     uint64         // messages
	Received uint64         // messages
	Skipped  uint64         // messages that were not sent, because earlier ones are still unacknowledged
	LastErr  string         // of the last report or reaction that failed
	Values   map[string]any // as last reported, and the state
}

// Agent runs one device. Run is called once; the other methods may be called from any goroutine.
type Agent struct {
	device   Device
	options  sim.Options
	identity telemetry.Device
	policy   Policy
	streams  []*telemetry.Stream
	rules    *rules.Rules
	filters  []Subscription
	pace     float64
	now      func() time.Time
	began    time.Time
	wake     chan struct{} // holds a token while inbox may have something
	sending  chan struct{} // a token for each message of QoS 1 and 2 on its way
	work     sync.WaitGroup

	mu     sync.Mutex
	inbox  []rules.Message // oldest first, at most inboxSize
	status Status
	series map[string]*series
	first  time.Time // it was connected
}

// Bounds of an agent.
const (
	inboxSize   = 256 // messages that wait for their reactions; more are dropped, oldest first
	mostSending = 32
)

// Bounds of a Behaviour; telemetry and rules have their own.
const (
	MostReports       = 100
	MostSubscriptions = 100
	MostState         = 100
)

// New checks a behaviour and makes its agent. All problems are told at once; with any, there is no agent.
func New(p Params) (*Agent, []telemetry.Problem) {
	a := &Agent{
		device: p.Device, options: p.Options, identity: p.Identity, policy: p.Behaviour.Reconnect, pace: p.Pace, now: p.Now,
		wake: make(chan struct{}, 1), sending: make(chan struct{}, mostSending),
		status: Status{Phase: Idle, Values: map[string]any{}}, series: map[string]*series{},
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.pace <= 0 {
		a.pace = 1
	}
	problems := a.compile(p.Behaviour)
	if p.Pace < 0 || math.IsNaN(p.Pace) || math.IsInf(p.Pace, 0) {
		problems = append(problems, telemetry.Problem{Path: "pace", What: "it is not a number above 0", Todo: "give 1 for real time, or 60 for an hour in a minute"})
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if a.device == nil {
		a.device = sim.NewDevice(sim.Params{Now: p.Now, Received: a.Received})
	}
	return a, nil
}

func (a *Agent) compile(b Behaviour) (problems []telemetry.Problem) {
	for _, bound := range []struct {
		path      string
		has, most int
	}{{"reports", len(b.Reports), MostReports}, {"subscribe", len(b.Subscribe), MostSubscriptions}, {"state", len(b.State), MostState}} {
		if bound.has > bound.most {
			problems = append(problems, telemetry.Problem{Path: bound.path, What: fmt.Sprintf("there are %d, and %d is the most", bound.has, bound.most), Todo: "leave some out, or make another device"})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	state, err := script.NewState(b.State)
	if err != nil {
		problems = append(problems, telemetry.Problem{Path: "state", What: err.Error(), Todo: "correct it"})
		state, _ = script.NewState(nil)
	}
	a.identity.State = state
	maps.Copy(a.status.Values, state.All())
	for i, r := range b.Reports {
		s, wrong := telemetry.Compile(r, a.identity)
		for _, p := range wrong {
			p.Path = fmt.Sprintf("reports[%d].%s", i, p.Path)
			problems = append(problems, p)
		}
		a.streams = append(a.streams, s)
	}
	compiled, wrong := rules.Compile(b.Reactions, a.identity)
	problems = append(problems, wrong...)
	a.rules = compiled
	a.filters = slices.Clone(b.Subscribe)
	for i, s := range a.filters {
		if s.Filter == "" || s.QoS > 2 {
			problems = append(problems, telemetry.Problem{Path: fmt.Sprintf("subscribe[%d]", i), What: "it is no subscription", Todo: "give a filter, and a QoS of 0, 1 or 2"})
		}
	}
	if compiled != nil {
		for _, filter := range compiled.Filters() {
			if !slices.ContainsFunc(a.filters, func(s Subscription) bool { return s.Filter == filter }) {
				a.filters = append(a.filters, Subscription{filter, 1})
			}
		}
	}
	return append(problems, b.Reconnect.check()...)
}

func (p Policy) check() (problems []telemetry.Problem) {
	for _, code := range p.Disobey {
		if code < -1 || code > 5 || code == 0 {
			problems = append(problems, telemetry.Problem{Path: "reconnect.disobey", What: fmt.Sprintf("%d is not a code that refuses", code), Todo: "give codes from 1 to 5, or -1 for no answer"})
		}
	}
	if p.DisobeyEvery < 0 || p.SlowRetry < 0 {
		problems = append(problems, telemetry.Problem{Path: "reconnect", What: "a wait is negative", Todo: "give a time such as 1s"})
	}
	return problems
}

// Next is what the policy does after the attempt-th attempt in a row (counted from 1) that ended with this result, or after a lost connection, which has code 0.
// r in [0, 1) spreads many devices.
func (p Policy) Next(result sim.Result, attempt int, r float64) (wait time.Duration, again bool) {
	code := result.Code
	if code == 0 {
		code = -1 // lost
	}
	switch {
	case p.Never:
		return 0, false
	case slices.Contains(p.Disobey, code):
		return orElse(p.DisobeyEvery, time.Second), true
	case result.Code == 5 && !result.V5:
		return sim.Spread(orElse(p.SlowRetry, time.Minute), r), true
	case result.Code == 0:
		wait, again = sim.Reconnect(0, attempt)
	default:
		wait, again = result.Reconnect(attempt)
	}
	return sim.Spread(wait, r), again
}

func orElse(d telemetry.Duration, standard time.Duration) time.Duration {
	if d > 0 {
		return time.Duration(d)
	}
	return standard
}

// Device is the device that is run.
func (a *Agent) Device() Device { return a.device }

// Status is a snapshot.
func (a *Agent) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	s.Values = maps.Clone(s.Values)
	maps.Copy(s.Values, a.identity.State.All())
	return s
}

// Counts are the figures of an agent, which cost less than its Status.
type Counts struct {
	Phase                   Phase
	Why                     string // it waits or has stopped
	Attempts, Accepted      int
	Sent, Received, Skipped uint64
	First                   time.Time // it was connected for the first time; zero: not yet
}

// Counts is a snapshot of the figures.
func (a *Agent) Counts() Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Counts{a.status.Phase, a.status.Why, a.status.Attempts, a.status.Accepted, a.status.Sent, a.status.Received, a.status.Skipped, a.first}
}

func (a *Agent) set(fn func(*Status)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fn(&a.status)
}

// Received takes a message that the device got; it does not block. When too many wait, the oldest is dropped.
func (a *Agent) Received(m sim.Message) {
	one := rules.Message{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain, At: a.now()}
	a.mu.Lock()
	a.status.Received++
	if len(a.inbox) >= inboxSize {
		a.inbox = a.inbox[1:]
	}
	a.inbox = append(a.inbox, one)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// arrived takes what waits for reactions.
func (a *Agent) arrived() []rules.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.inbox
	a.inbox = nil
	return all
}

// Run connects and does what the behaviour says, until ctx ends or the policy gives up; its error says why then. The device is disconnected afterwards, and everything
// that Run started has ended.
func (a *Agent) Run(ctx context.Context) error {
	a.began = a.now()
	defer a.work.Wait()
	defer a.device.Disconnect()
	for attempt := 1; ; attempt++ {
		a.set(func(s *Status) { s.Phase, s.Why, s.Next = Connecting, "", time.Time{}; s.Attempts++ })
		result := a.device.Connect(ctx, a.options)
		if ctx.Err() != nil {
			break
		}
		if result.Accepted() {
			since := a.now()
			again, err := a.live(ctx)
			if ctx.Err() != nil {
				break
			}
			if a.now().Sub(since) >= settled {
				attempt = 0
			}
			if again { // a reaction wanted it
				continue
			}
			if errors.Is(err, errLeft) {
				a.set(func(s *Status) { s.Phase, s.Why = Stopped, err.Error() })
				return nil
			}
		}
		wait, again := a.policy.Next(result, max(attempt, 1), rand.Float64()) //nolint:gosec // spreads devices
		storm, changed := a.storm()
		if storm > 0 {
			wait, again = storm, true
		}
		why := "the connection was lost"
		if result.Err != nil {
			why = result.Err.Error()
		}
		if !again {
			a.set(func(s *Status) { s.Phase, s.Why = Stopped, why })
			return fmt.Errorf("stopped: %s", why)
		}
		a.set(func(s *Status) { s.Phase, s.Why, s.Next = Waiting, why, a.now().Add(wait) })
		if !sleep(ctx, wait, changed) {
			break
		}
	}
	a.set(func(s *Status) { s.Phase, s.Why, s.Next = Stopped, "it was stopped", time.Time{} })
	return nil
}

// settled is how long a connection lasts that counts: after a shorter one the waits go on growing.
const settled = 5 * time.Second

// errLeft is the end of a device that disconnected because a reaction said so.
var errLeft = errors.New("a reaction disconnected the device")

// storm is how often the device is to connect anew, whatever happens; 0: it is not. changed is closed when that may have changed.
func (a *Agent) storm() (every time.Duration, changed <-chan struct{}) {
	if a.options.Faults == nil {
		return 0, nil
	}
	return a.options.Faults.Storming()
}

// sleep waits, or until early; false when ctx ended.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-early:
	case <-t.C:
	}
	return true
}
