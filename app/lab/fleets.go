package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gatehouse/app/demo"
	"gatehouse/app/story"
	"gatehouse/gateway"
	"gatehouse/sim"
	"gatehouse/sim/faults"
	"gatehouse/sim/fleet"
	"gatehouse/sim/scenario"
)

// FleetStage is how far a generated fleet has come.
type FleetStage string

// The stages of a generated fleet.
const (
	FleetMaking   FleetStage = "making"   // its devices are being registered
	FleetStarting FleetStage = "starting" // they are being started, as the ramp has them
	FleetRunning  FleetStage = "running"
	FleetStopping FleetStage = "stopping"
	FleetStopped  FleetStage = "stopped" // its devices are registered, and can be started again
	FleetRemoving FleetStage = "removing"
	FleetFailed   FleetStage = "failed" // see FleetState.Why; Registered devices stay until it is removed
	FleetLeft     FleetStage = "left"   // an earlier process could not remove it, and nobody has its secrets any more
)

// Active reports whether something goes on.
func (s FleetStage) Active() bool {
	return s == FleetMaking || s == FleetStarting || s == FleetRunning || s == FleetStopping || s == FleetRemoving
}

// FleetState is a generated fleet at one moment. It can be compared with ==.
type FleetState struct {
	Number      int // of this process, from 1
	Title       string
	Kind        string // of scenario.Kinds; empty for one that is left
	First, Last string // names of devices
	FirstSID    string // of that device; empty while it is not registered
	Certificate bool
	Where       string // the server; empty: this gateway
	FleetSID    string // empty when the devices are not registered here
	Stage       FleetStage
	Registered  int // devices that are on this gateway, once it has failed or is left
	Figures     fleet.Status
	ConnectRate float64       // connects in the last second
	MessageRate float64       // messages sent and received a second, over the last five: most devices report every few seconds
	PerDevice   uint64        // bytes of heap and stacks, the gateway's part included; 0: not measured yet
	MadeIn      time.Duration // all were registered; 0: not yet
	Why         string        // it failed
}

// Fleets are generated fleets. Each has a fleet and a Sync service of its own, and is removed with the lab.
type Fleets struct {
	params Params
	broker *Broker

	mu     sync.Mutex
	all    []*generated
	last   int // number
	closed bool
	work   sync.WaitGroup

	closing chan struct{} // is closed with closed
}

// generated is one of them. All but the constant part is guarded by Fleets.mu.
type generated struct {
	number      int
	plan        FleetPlan
	title       string
	kind        string
	first, last string
	where       string
	fleet       *fleet.Fleet     // nil for one that is left
	faults      *faults.Switches // of all its devices; nil for one that is left

	world  *story.Stage // nil: nothing is registered
	stage  FleetStage
	end    context.CancelFunc // of what goes on
	remove bool               // once what goes on has ended
	made   time.Duration
	counts counts
	why    string
	stays  int
}

// counts are the figures of which rates are made.
type counts struct {
	at                 time.Time
	accepted           int
	lately             []sample  // oldest first
	connects, messaged float64   // a second
	started            time.Time // all were
	before             uint64    // bytes in use before the first start
	perDevice          uint64
}

// sample is how many messages there were until a moment.
type sample struct {
	at       time.Time
	messages uint64
}

// span is how many seconds the rate of messages is over.
const span = 5

// Errors of Fleets.
var (
	ErrManyFleets  = fmt.Errorf("there are %d fleets: remove one first", MostFleets)
	ErrManyDevices = fmt.Errorf("all fleets together would have more than %d devices: remove one first", MostTogether)
	ErrNoBroker    = errors.New("the ordinary broker does not run: start it first")
	ErrNoFleet     = errors.New("there is no such fleet any more")
)

func newFleets(p Params, b *Broker) *Fleets {
	f := &Fleets{params: p, broker: b, closing: make(chan struct{})}
	for _, world := range story.AbandonedFleets(p.Gateway) {
		f.last++
		f.all = append(f.all, &generated{number: f.last, title: world.Title(), world: world, stage: FleetLeft, stays: world.Devices()})
	}
	return f
}

// Start makes a fleet and starts it, in the background. The plan must be without problems; other errors are ErrStopped, ErrClosed, ErrNoBroker, ErrManyFleets,
// ErrManyDevices, or tell that the process may not open so many files.
func (f *Fleets) Start(p FleetPlan) (number int, err error) {
	if problems := p.Check(); len(problems) > 0 {
		return 0, problems[0]
	}
	at, err := f.target(p)
	if err != nil {
		return 0, err
	}
	if err := roomForFiles(p); err != nil {
		return 0, err
	}
	kind, _ := p.kind()
	g := &generated{plan: p, title: p.title(), kind: p.Kind, stage: FleetMaking, faults: new(faults.Switches)}
	g.first, g.last = p.Sample()
	if !p.registered() {
		g.where = at.URL
	}
	template := p.template(kind, at)
	template.Options.Faults = g.faults
	made, problems := fleet.New(fleet.Params{Count: p.Count, Template: template, Ramp: p.ramp(), Provision: f.provision(g, at), Now: f.params.Now})
	if len(problems) > 0 {
		return 0, problems[0]
	}
	g.fleet = made
	f.mu.Lock()
	defer f.mu.Unlock()
	together := p.Count
	for _, other := range f.all {
		together += other.plan.Count
	}
	switch {
	case f.closed:
		return 0, ErrClosed
	case len(f.all) >= MostFleets:
		return 0, ErrManyFleets
	case together > MostTogether:
		return 0, ErrManyDevices
	}
	f.last++
	g.number = f.last
	f.all = append(f.all, g)
	f.begin(g, func(ctx context.Context) {
		if f.register(ctx, g) {
			f.live(ctx, g)
		}
	})
	return g.number, nil
}

// target is where the devices of a plan connect.
func (f *Fleets) target(p FleetPlan) (Target, error) {
	switch {
	case p.Other != nil:
		return *p.Other, nil
	case p.Ordinary:
		at, runs := f.broker.Target()
		if !runs {
			return at, ErrNoBroker
		}
		return at, nil
	}
	s := f.params.Gateway.Status()
	if s.State != gateway.Listening {
		return Target{}, ErrStopped
	}
	return Target{URL: s.URL, RootPEM: f.params.Gateway.RootPEM()}, nil
}

// provision registers a device, or gives it what the other server wants.
func (f *Fleets) provision(g *generated, at Target) fleet.Provision {
	if !g.plan.registered() {
		one := fleet.Identity{Credential: sim.Credential{KeySID: at.User, Secret: at.Secret}}
		return func(context.Context, string) (fleet.Identity, error) { return one, nil }
	}
	kind := scenario.CredentialKind(scenario.Key)
	if g.plan.Certificate {
		kind = scenario.Certificate
	}
	return func(ctx context.Context, name string) (fleet.Identity, error) {
		f.mu.Lock()
		world := g.world
		f.mu.Unlock()
		return world.Provision(kind)(ctx, name)
	}
}

// begin lets something go on with a fleet, until it is told to end; what is to be removed is removed then. The caller holds mu.
func (f *Fleets) begin(g *generated, do func(context.Context)) {
	ctx, end := context.WithCancel(context.Background())
	g.end = end
	f.work.Go(func() {
		defer end()
		do(ctx)
		f.mu.Lock()
		remove := g.remove
		if g.end = nil; remove {
			g.stage = FleetRemoving
		}
		f.mu.Unlock()
		if remove {
			f.takeAway(g)
		}
	})
}

// register makes the devices. When it cannot, or is told to end, all is to be removed.
func (f *Fleets) register(ctx context.Context, g *generated) bool {
	began := f.params.Now()
	err := func() error {
		if g.plan.registered() {
			world, err := story.NewFleetStage(ctx, f.params.Gateway, g.title)
			if err != nil {
				return err
			}
			f.mu.Lock()
			g.world = world
			f.mu.Unlock()
			if err := furnish(ctx, world, g.plan); err != nil {
				return err
			}
		}
		return g.fleet.Provision(ctx)
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		if g.remove = true; ctx.Err() == nil {
			g.why = err.Error()
		}
		return false
	}
	g.made = max(f.params.Now().Sub(began), 1)
	return true
}

// furnish makes the documents that the devices follow, so that each finds what it subscribes to.
func furnish(ctx context.Context, world *story.Stage, p FleetPlan) error {
	kind, _ := p.kind()
	for _, r := range kind.Behaviour.Reactions {
		name, isDocument := strings.CutPrefix(r.On, "sync/docs/")
		if !isDocument || strings.ContainsAny(name, "+#/") {
			continue
		}
		if err := world.SetDocument(ctx, name, []byte(cmp.Or(demo.Documents[name], "{}"))); err != nil {
			return fmt.Errorf("document %s: %w", name, err)
		}
	}
	return nil
}

// live lets the devices live until ctx ends.
func (f *Fleets) live(ctx context.Context, g *generated) {
	f.mu.Lock()
	now := f.params.Now()
	g.stage, g.counts = FleetStarting, counts{at: now, lately: []sample{{at: now}}}
	f.mu.Unlock()
	before := story.InUse()
	f.mu.Lock()
	g.counts.before = before
	f.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- g.fleet.Run(ctx) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			f.mu.Lock()
			defer f.mu.Unlock()
			g.counts.connects, g.counts.messaged = 0, 0
			switch {
			case err != nil:
				g.stage, g.why = FleetFailed, err.Error()
			case !g.remove:
				g.stage = FleetStopped
			}
			return
		case <-tick.C:
			f.measure(g)
		}
	}
}

// firstAnswer is how long memory is not measured because devices still wait for their first answer.
const firstAnswer = 15 * time.Second

// measure brings the rates up to date, and the memory once all devices have been started and have had their answer.
func (f *Fleets) measure(g *generated) {
	s, now := g.fleet.Status(), f.params.Now()
	f.mu.Lock()
	c := &g.counts
	if passed := now.Sub(c.at).Seconds(); passed > 0 {
		c.connects = float64(s.Accepted-c.accepted) / passed
	}
	c.at, c.accepted = now, s.Accepted
	c.lately = append(c.lately, sample{now, s.Sent + s.Received})
	c.lately = c.lately[max(len(c.lately)-span-1, 0):]
	if passed := now.Sub(c.lately[0].at).Seconds(); passed > 0 {
		c.messaged = float64(s.Sent+s.Received-c.lately[0].messages) / passed
	}
	if g.stage == FleetStarting && s.Started == s.Count {
		g.stage, c.started = FleetRunning, now
	}
	answered := s.Connected+s.Waiting+s.Stopped == s.Count || now.Sub(c.started) > firstAnswer
	due := g.stage == FleetRunning && c.perDevice == 0 && s.Connected > 0 && answered
	f.mu.Unlock()
	if !due {
		return
	}
	used := story.InUse()
	f.mu.Lock()
	defer f.mu.Unlock()
	c.perDevice = 1
	if used > c.before {
		c.perDevice = (used - c.before) / uint64(s.Connected) //nolint:gosec // more than 0
	}
}

// Stop ends a fleet: while it is being made nothing of it stays; later its devices stay registered, and can be started again.
func (f *Fleets) Stop(number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.find(number)
	if g == nil || g.end == nil {
		return
	}
	switch g.stage {
	case FleetMaking:
		g.stage, g.remove = FleetRemoving, true
		g.end()
	case FleetStarting, FleetRunning:
		g.stage = FleetStopping
		g.end()
	}
}

// Again starts the devices of a fleet that was stopped.
func (f *Fleets) Again(number int) error {
	f.mu.Lock()
	g := f.find(number)
	f.mu.Unlock()
	if g == nil {
		return ErrNoFleet
	}
	at, err := f.target(g.plan)
	if err != nil {
		return err
	}
	if err := roomForFiles(g.plan); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return ErrClosed
	case g.stage != FleetStopped || g.end != nil:
		return nil
	}
	g.fleet.To(at.URL, at.RootPEM)
	g.stage = FleetStarting
	f.begin(g, func(ctx context.Context) { f.live(ctx, g) })
	return nil
}

// Remove ends a fleet and removes its devices with all that belongs to them, in the background. It can be asked for again when that has failed.
func (f *Fleets) Remove(number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.find(number); g != nil && !f.closed {
		f.discard(g)
	}
}

// discard begins to remove a fleet. The caller holds mu.
func (f *Fleets) discard(g *generated) {
	if g.stage == FleetRemoving {
		return
	}
	g.remove, g.why = true, ""
	g.stage = FleetRemoving
	if g.end != nil {
		g.end()
		return
	}
	f.begin(g, func(context.Context) {})
}

// takeAway removes what a fleet has registered, and then the fleet from the list, unless there is something to be read about it.
func (f *Fleets) takeAway(g *generated) {
	f.mu.Lock()
	world := g.world
	f.mu.Unlock()
	var err error
	stays := 0
	if world != nil {
		if err = f.clear(world); err != nil {
			stays = world.Devices()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	g.remove, g.stays = false, stays
	switch {
	case err != nil:
		g.stage, g.why = FleetFailed, cmp.Or(g.why, err.Error())
	case g.why != "":
		g.stage, g.world = FleetFailed, nil
	default:
		f.all = slices.DeleteFunc(f.all, func(o *generated) bool { return o == g })
	}
}

// clear removes what is registered. A busy disk can make the store fail for a moment, so it is tried again.
func (f *Fleets) clear(world *story.Stage) error {
	for try := 1; ; try++ {
		err := world.Close()
		if err == nil || try == mostTries {
			return err
		}
		select {
		case <-f.closing:
			return err
		case <-time.After(betweenTries):
		}
	}
}

const (
	mostTries    = 3
	betweenTries = 3 * time.Second
)

func (f *Fleets) find(number int) *generated {
	i := slices.IndexFunc(f.all, func(g *generated) bool { return g.number == number })
	if i < 0 {
		return nil
	}
	return f.all[i]
}

// All is a snapshot, the newest first. It takes about a millisecond for each 5 000 devices.
func (f *Fleets) All() []FleetState {
	f.mu.Lock()
	all := make([]FleetState, 0, len(f.all))
	fleets := make([]*fleet.Fleet, 0, len(f.all))
	for _, g := range slices.Backward(f.all) {
		s := FleetState{
			Number: g.number, Title: g.title, Kind: g.kind, First: g.first, Last: g.last, Certificate: g.plan.Certificate, Where: g.where, Stage: g.stage,
			Registered: g.stays, ConnectRate: g.counts.connects, MessageRate: g.counts.messaged, PerDevice: g.counts.perDevice, MadeIn: g.made, Why: g.why,
		}
		if g.world != nil {
			s.FleetSID = g.world.FleetSID()
			if d, there := f.params.Gateway.Registry().DeviceByName(s.FleetSID, s.First); there {
				s.FirstSID = d.SID
			}
		}
		all, fleets = append(all, s), append(fleets, g.fleet)
	}
	f.mu.Unlock()
	for i, one := range fleets {
		if one != nil {
			all[i].Figures = one.Status()
		}
	}
	return all
}

// Faults are the switches that the devices of a fleet share; nil when there is no such fleet, or it has no devices that could be started.
func (f *Fleets) Faults(number int) *faults.Switches {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.find(number); g != nil {
		return g.faults
	}
	return nil
}

// close ends all fleets, removes them, and allows no other.
func (f *Fleets) close() {
	f.mu.Lock()
	if !f.closed {
		close(f.closing)
	}
	f.closed = true
	for _, g := range f.all {
		if g.stage != FleetLeft { // that is for the user to say
			f.discard(g)
		}
	}
	f.mu.Unlock()
	f.work.Wait()
}
