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
