package lab

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gatehouse/app/story"
)

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
