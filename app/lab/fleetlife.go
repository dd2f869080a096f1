package lab

import (
	"context"
	"time"

	"gatehouse/app/story"
)

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
