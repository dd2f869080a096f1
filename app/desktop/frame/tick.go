package frame

import (
	"context"
	"time"

	"gatehouse/app/desktop/meter"
	"gatehouse/app/desktop/shell"
)

// Pace is how often the visible screen is looked at.
const Pace = 200 * time.Millisecond

// statusEvery is how often the gateway's state is asked for: it costs a look at the machine's network.
const statusEvery = time.Second

// pulled is what the header and the status bar show. It can be compared with ==.
type pulled struct {
	status Status
	tally  Tally
	rates  rates
	at     time.Time // when status was asked for; not shown
}

// rates are the last second's.
type rates struct{ in, out float32 }

// Run brings everything up to date, five times a second, until the window closes.
func (f *Frame) Run(ctx context.Context) {
	tick := time.NewTicker(Pace)
	defer tick.Stop()
	for {
		f.Tick()
		select {
		case <-ctx.Done():
			return
		case <-f.ctx.Done():
			return
		case <-tick.C:
		case <-f.kick:
		}
	}
}

// Wake wants a tick at once: the user did something whose effect should show.
func (f *Frame) Wake() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// Tick looks once, off the UI goroutine, and has all that has changed shown in one go: every change repaints the whole
// window, so the header, the status bar and the screen must not come one after another. Nothing is shown when nothing
// has changed, and nothing is looked at while the last update waits: fyne.Do queues without bound.
func (f *Frame) Tick() {
	if f.waiting.Load() || f.ctx.Err() != nil {
		return
	}
	now := f.p.Now()
	next := f.told
	if f.p.Meter.Due(now) {
		next.tally = f.p.Gateway.Tally()
		f.p.Meter.Add(now, next.tally.Sample)
		reading := f.p.Meter.Read()
		next.rates = rates{reading.MessagesIn.Recent(), reading.MessagesOut.Recent()}
		next.tally.Sample = shownOf(next.tally.Sample)
	}
	if f.asked.Swap(false) || now.Sub(next.at) >= statusEvery || now.Before(next.at) {
		next.status, next.at = f.p.Gateway.Status(), now
	}
	at := next.at
	next.at = f.told.at
	changed := next != f.told
	next.at = at
	f.told = next

	var apply func()
	if sheet := f.sheet.Load(); sheet != nil && f.over.Load() {
		apply = (*sheet).Pull()
	} else if p := f.visible.Load(); p != nil {
		apply = p.pull()
	}
	if !changed && apply == nil {
		return
	}
	f.waiting.Store(true)
	f.p.Do(func() {
		f.waiting.Store(false)
		if f.ctx.Err() != nil {
			return
		}
		if changed {
			f.header.set(next.status, now)
			f.banner.set(next.status)
			f.status.set(next)
			f.mark(shell.Overview, next.tally.Findings)
		}
		if apply != nil {
			apply()
		}
		f.status.say(f.note())
	})
}

// shownOf leaves of a sample what the status bar shows.
func shownOf(s meter.Sample) meter.Sample {
	return meter.Sample{Connected: s.Connected, Dropped: s.Dropped}
}

// refreshStatus has the next tick ask for the gateway's state.
func (f *Frame) refreshStatus() {
	f.asked.Store(true)
	f.Wake()
}
