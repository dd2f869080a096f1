package scenario

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Params of a Play. World is required.
type Params struct {
	World World
	// Told is told each event as it happens, one at a time; it must not block. May be nil.
	Told func(Event)
	// Between is waited for before each step but the first of the outermost list: somebody shows the scenario at his own pace. The time it takes
	// does not count for the scenario's timeout. An error ends the scenario. May be nil.
	Between func(context.Context) error
	// Open reads files that telemetry names.
	Open func(name string) ([]byte, error)
	Now  func() time.Time
}

// Outcome is how a step went.
type Outcome string

// The outcomes of a step.
const (
	Running Outcome = "running"
	Held    Outcome = "held"    // done, and as expected
	Broken  Outcome = "broken"  // not as expected, or it could not be done
	Skipped Outcome = "skipped" // something before it broke, or the scenario was stopped
)

// Event is the beginning or the end of a step.
type Event struct {
	Path    string // "steps[3].repeat.steps[0]"
	Title   string
	Round   int // of the innermost repeat, from 1; 0 outside
	Outcome Outcome
	At      time.Duration // since the beginning
	Took    time.Duration
	Why     string // it broke
}

// Result is how a scenario went.
type Result struct {
	Name   string
	Held   bool
	Took   time.Duration
	Events []Event // the ends of steps, in their order
	Why    string  // of the first that broke
	Where  string  // its path
}

// outermost is the path of the list that is the scenario.
const outermost = "steps"

// errStopped is why steps are skipped.
var errStopped = errors.New("the scenario was stopped")

// Run plays a scenario that Parse has found good, to its end, to the first step that breaks, or until ctx ends. Everything that it started has ended when it returns; what it
// registered is the World's to remove.
func Run(ctx context.Context, s *Scenario, p Params) Result {
	if p.Now == nil {
		p.Now = time.Now
	}
	timeout := time.Duration(s.Timeout)
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	play := &play{scenario: s, params: p, began: p.Now(), cast: map[string]*actor{}}
	play.clock = newClock(timeout, func() { cancel(fmt.Errorf("the scenario took longer than %s", timeout)) })
	defer play.clock.stop()
	defer play.end()
	result := Result{Name: s.Name}
	if _, plain := p.World.(Plain); plain {
		if where, why := s.NeedsGateway(); why != "" {
			result.Where, result.Why = where, "it needs a gateway: "+why
			return result
		}
		play.suffix = "-" + strings.ToLower(rand.Text()[:6])
	} else if where, why := s.NeedsCreate(); why != "" {
		result.Where, result.Why = where, why
		return result
	}
	err := play.list(ctx, outermost, s.Steps, 0)
	play.mu.Lock()
	defer play.mu.Unlock()
	result.Events, result.Took, result.Held = play.events, p.Now().Sub(play.began), err == nil
	if err != nil {
		result.Why, result.Where = err.Error(), play.where
	}
	return result
}

// play is one run.
type play struct {
	scenario *Scenario
	params   Params
	began    time.Time
	clock    *clock
	suffix   string // of client ids that the file does not give: on a server that is not the scenario's own they are new each time

	mu     sync.Mutex
	cast   map[string]*actor
	events []Event
	where  string // the first step that broke
}

// list plays steps one after another. After one that breaks the rest are skipped.
func (p *play) list(ctx context.Context, path string, steps []Step, round int) error {
	for i, s := range steps {
		if err := p.between(ctx, path, i); err != nil {
			return p.skip(path, steps, i, round, err)
		}
		if err := p.step(ctx, fmt.Sprintf("%s[%d]", path, i), s, round); err != nil {
			return p.skip(path, steps, i+1, round, err)
		}
	}
	return nil
}

// skip tells of the steps that are not played because of err.
func (p *play) skip(path string, steps []Step, from, round int, err error) error {
	for i := from; i < len(steps); i++ {
		p.tell(Event{Path: fmt.Sprintf("%s[%d]", path, i), Title: steps[i].Title(), Round: round, Outcome: Skipped})
	}
	return err
}

// between lets whoever shows the scenario take his time before step i.
func (p *play) between(ctx context.Context, path string, i int) error {
	if p.params.Between == nil || path != outermost || i == 0 {
		return nil
	}
	p.clock.stop()
	err := p.params.Between(ctx)
	if ctx.Err() != nil {
		err = p.why(ctx, err)
	}
	if err == nil {
		p.clock.goOn()
	}
	return err
}

// why is what ended ctx, in place of what a step made of it.
func (p *play) why(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil {
		return err
	}
	if errors.Is(cause, context.Canceled) {
		return errStopped
	}
	return cause
}

// step plays one step and tells of it.
func (p *play) step(ctx context.Context, path string, s Step, round int) error {
	title := s.Title()
	p.tell(Event{Path: path, Title: title, Round: round, Outcome: Running})
	began := p.params.Now()
	err := p.do(ctx, path, s, round)
	e := Event{Path: path, Title: title, Round: round, Outcome: Held, Took: p.params.Now().Sub(began)}
	if err != nil {
		err = p.why(ctx, err)
		e.Outcome, e.Why = Broken, err.Error()
		p.mu.Lock()
		if p.where == "" {
			p.where = path
		}
		p.mu.Unlock()
	}
	p.tell(e)
	return err
}

func (p *play) tell(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.At = p.params.Now().Sub(p.began)
	if e.Outcome != Running && len(p.events) < mostEvents {
		p.events = append(p.events, e)
	}
	if p.params.Told != nil {
		p.params.Told(e)
	}
}

// mostEvents bounds what a long repeat leaves behind; all are told.
const mostEvents = 20_000

// together plays steps at the same time. The first that breaks ends the others.
func (p *play) together(ctx context.Context, path string, steps []Step, round int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	errs := make([]error, len(steps))
	for i, s := range steps {
		wg.Go(func() {
			if errs[i] = p.step(ctx, fmt.Sprintf("%s[%d]", path, i), s, round); errs[i] != nil {
				cancel(fmt.Errorf("a step beside it broke: %w", errs[i]))
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *play) repeat(ctx context.Context, path string, r Repeat) error {
	for round := 1; round <= r.Times; round++ {
		if err := p.list(ctx, path+".steps", r.Steps, round); err != nil {
			return fmt.Errorf("round %d of %d: %w", round, r.Times, err)
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// clock is a timeout that can stand still. Its methods belong to one goroutine.
type clock struct {
	timer *time.Timer
	left  time.Duration
	since time.Time
}

func newClock(timeout time.Duration, over func()) *clock {
	return &clock{timer: time.AfterFunc(timeout, over), left: timeout, since: time.Now()}
}

func (c *clock) stop() {
	if c.timer.Stop() {
		c.left -= time.Since(c.since)
	}
}

func (c *clock) goOn() {
	c.since = time.Now()
	c.timer.Reset(max(c.left, 1))
}
