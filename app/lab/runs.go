package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/app/story"
	"gatehouse/sim"
	"gatehouse/sim/scenario"
)

// Errors of Runs.
var (
	ErrRunning = errors.New("a scenario is playing; stop it first")
	ErrClosed  = errors.New("the lab is closed")
)

// Pace is how long is waited between the steps of a scenario.
type Pace time.Duration

// The paces that are offered. ByHand waits for Next.
const (
	AtOnce Pace = 0
	Slowly Pace = Pace(time.Second)
	Calmly Pace = Pace(3 * time.Second)
	ByHand Pace = -1
)

// Step is a step of a run as it stands.
type Step struct {
	Path    string // as scenario.Event names it
	Title   string
	Depth   int              // 0: of the outermost list
	Outcome scenario.Outcome // empty: not yet
	Round   int              // of the innermost repeat, from 1; 0 outside
	Took    time.Duration
	Why     string // it broke
}

// Made is a device that a run registered. It is removed when the run is over; its attempts stay.
type Made struct{ Name, SID string }

// Run is how a scenario goes, or went.
type Run struct {
	Number   int    // from 1, of this process; 0: none has run
	ID       string // of what was chosen: a ready scenario's, or a file's name
	Name     string
	Steps    []Step
	Done     int // steps of the outermost list that are over
	Of       int
	Made     []Made
	Began    time.Time
	Took     time.Duration
	Pace     Pace
	Apart    bool // it plays on another server than the gateway
	Playing  bool
	Stopping bool
	Awaiting bool // Next, by hand
	Held     bool // it is over, and everything was as expected
	Why      string
	Where    string          // the path of the step that broke
	Result   scenario.Result // once it is over
}

// Runs plays scenarios, one at a time, each in a fleet of its own where there are fleets.
type Runs struct {
	params  Params
	version atomic.Uint64

	mu     sync.Mutex
	run    Run
	index  map[string]int // of a step in run.Steps, by its path
	end    context.CancelFunc
	next   chan struct{}
	closed bool
	work   sync.WaitGroup
}

// newRuns also removes what plays of an earlier process have left, in the background.
func newRuns(p Params) *Runs {
	r := &Runs{params: p}
	left := story.Abandoned(p.Gateway)
	r.work.Go(func() {
		for _, stage := range left {
			if err := stage.Close(); err != nil {
				p.Logger.Warn("what a scenario has left could not be removed; it is tried again at the next start", "err", err)
			}
		}
	})
	return r
}

// Version rises with every change of what Last returns, apart from the passing of time.
func (r *Runs) Version() uint64 { return r.version.Load() }

// Last is the run that plays, or else the last one.
func (r *Runs) Last() Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.run
	run.Steps, run.Made = slices.Clone(run.Steps), slices.Clone(run.Made)
	if run.Playing {
		run.Took = r.params.Now().Sub(run.Began)
	}
	return run
}

// Script is a scenario to play.
type Script struct {
	ID       string // of what was chosen: a ready scenario's, or a file's name
	Scenario *scenario.Scenario
	// Open reads files that telemetry names; nil: none can be read.
	Open func(name string) ([]byte, error)
	Pace Pace
	// On is a server without a registry, for a scenario that needs no gateway; nil: the gateway.
	On *Target
	// As is a device that there is, and plays one of the scenario's; nil: all are made, and removed afterwards.
	As *As
}

// Start plays a scenario on the gateway. It returns once it plays, or says why it does not: ErrRunning or ErrClosed.
func (r *Runs) Start(script Script) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case r.run.Playing:
		return ErrRunning
	}
	ctx, end := context.WithCancel(context.Background())
	s, steps := script.Scenario, Outline(script.Scenario)
	r.run = Run{
		Number: r.run.Number + 1, ID: script.ID, Name: s.Name, Steps: steps, Of: len(s.Steps), Began: r.params.Now(), Pace: script.Pace, Apart: script.On != nil, Playing: true,
	}
	r.index = make(map[string]int, len(steps))
	for i, step := range steps {
		r.index[step.Path] = i
	}
	r.end, r.next = end, make(chan struct{}, 1)
	r.version.Add(1)
	r.work.Go(func() {
		defer end()
		result, err := r.play(ctx, script)
		r.over(result, err)
	})
	return nil
}

// Stop ends the run that plays. What it made is removed; Playing says when that is done.
func (r *Runs) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run.Playing && !r.run.Stopping {
		r.run.Stopping = true
		r.end()
		r.version.Add(1)
	}
}

// SetPace changes the pace of the run that plays, from the next step on.
func (r *Runs) SetPace(p Pace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run.Playing && r.run.Pace != p {
		r.run.Pace = p
		r.version.Add(1)
		r.wake()
	}
}

// Next plays the step that is awaited.
func (r *Runs) Next() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run.Awaiting {
		r.wake()
	}
}

// wake ends a wait between two steps.
func (r *Runs) wake() {
	select {
	case r.next <- struct{}{}:
	default:
	}
}

// Close ends the run that plays, waits for it, and starts no other.
func (r *Runs) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Stop()
	r.work.Wait()
}

func (r *Runs) play(ctx context.Context, script Script) (result scenario.Result, err error) {
	params := scenario.Params{Told: r.told, Between: r.between, Open: script.Open}
	if to := script.On; to != nil {
		params.World = scenario.Plain{URL: to.URL, RootPEM: to.RootPEM, Credential: sim.Credential{KeySID: to.User, Secret: to.Secret}}
		return scenario.Run(ctx, script.Scenario, params), nil
	}
	stage, err := story.NewStage(ctx, r.params.Gateway)
	if err != nil {
		return scenario.Result{}, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	params.World = noting{stage, r}
	if script.As != nil {
		params.World = script.As.in(params.World)
	}
	return scenario.Run(ctx, script.Scenario, params), nil
}

// noting is the stage of a run that says which devices it makes.
type noting struct {
	*story.Stage
	runs *Runs
}

// Create implements scenario.World.
func (n noting) Create(ctx context.Context, d scenario.NewDevice) (string, sim.Credential, error) {
	sid, c, err := n.Stage.Create(ctx, d)
	if err == nil {
		n.runs.mu.Lock()
		n.runs.run.Made = append(n.runs.run.Made, Made{d.Name, sid})
		n.runs.mu.Unlock()
		n.runs.version.Add(1)
	}
	return sid, c, err
}

// told notes how a step goes.
func (r *Runs) told(e scenario.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, known := r.index[e.Path]
	if !known {
		return
	}
	step := &r.run.Steps[i]
	step.Outcome, step.Round, step.Took, step.Why = e.Outcome, e.Round, e.Took, e.Why
	if e.Outcome == scenario.Running {
		r.renew(i)
	} else if step.Depth == 0 && e.Outcome != scenario.Skipped {
		r.run.Done++
	}
	r.version.Add(1)
}

// renew forgets how the steps below one went: another round of it begins.
func (r *Runs) renew(i int) {
	steps := r.run.Steps
	for j := i + 1; j < len(steps) && steps[j].Depth > steps[i].Depth; j++ {
		steps[j].Outcome, steps[j].Took, steps[j].Why = "", 0, ""
	}
}

// between waits as the pace says.
func (r *Runs) between(ctx context.Context) error {
	began := time.Now()
	defer func() {
		r.mu.Lock()
		r.run.Awaiting = false
		r.mu.Unlock()
		r.version.Add(1)
	}()
	for {
		r.mu.Lock()
		pace := r.run.Pace
		r.run.Awaiting = pace == ByHand
		r.mu.Unlock()
		r.version.Add(1)
		var over <-chan time.Time
		if pace != ByHand {
			left := time.Duration(pace) - time.Since(began)
			if left <= 0 {
				return ctx.Err()
			}
			timer := time.NewTimer(left)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return nil
		case <-r.next:
			r.mu.Lock()
			changed := r.run.Pace != pace
			r.mu.Unlock()
			if !changed && pace == ByHand {
				return nil
			}
		}
	}
}

// over notes how the run ended.
func (r *Runs) over(result scenario.Result, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := &r.run
	run.Playing, run.Took, run.Result = false, r.params.Now().Sub(run.Began), result
	run.Held, run.Why, run.Where = result.Held && err == nil, result.Why, result.Where
	if err != nil && run.Why == "" {
		run.Why = err.Error()
	}
	for i := range run.Steps {
		if o := run.Steps[i].Outcome; o == "" || o == scenario.Running {
			run.Steps[i].Outcome = scenario.Skipped
		}
	}
	if err != nil {
		r.params.Logger.Error("a scenario could not be played, or cleaned up after", "scenario", run.Name, "err", err)
	}
	r.version.Add(1)
}

// Outline are the steps of a scenario as a run of it would begin.
func Outline(s *scenario.Scenario) []Step { return outline(nil, "steps", s.Steps, 0) }

// outline lists steps with those inside them, in the order in which they are written.
func outline(all []Step, path string, steps []scenario.Step, depth int) []Step {
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", path, i)
		all = append(all, Step{Path: at, Title: s.Title(), Depth: depth})
		all = outline(all, at+".parallel", s.Parallel, depth+1)
		if s.Repeat != nil {
			all = outline(all, at+".repeat.steps", s.Repeat.Steps, depth+1)
		}
	}
	return all
}
