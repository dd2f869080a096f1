package fleet

import (
	"context"
	"sync"
	"time"

	"gatehouse/sim/agent"
	"gatehouse/sim/faults"
	"gatehouse/sim/telemetry"
)

// MostTwins is how many devices a fleet may have so that second boards connect when its faults say so: each takes as many files as its device.
const MostTwins = 250

// twinEvery is how soon a second board is back after it was evicted.
const twinEvery = 2 * time.Second

// twins runs second boards while the faults of the fleet say so, until ctx ends. A board has all that its device has: identity, credential and client ID.
func (f *Fleet) twins(ctx context.Context) {
	switches := f.params.Template.Options.Faults
	if switches == nil || f.params.Count > MostTwins {
		return
	}
	for ctx.Err() == nil {
		on, changed := switches.Twins()
		if !on {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		second, end := context.WithCancel(ctx)
		var boards sync.WaitGroup
		for i := range f.params.Count {
			boards.Go(func() { f.twin(second, i) })
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
		end()
		boards.Wait()
	}
}

// twin is the second board of one device. It comes back whatever ends its connection.
func (f *Fleet) twin(ctx context.Context, i int) {
	f.mu.Lock()
	o := f.params.Template.Options
	f.mu.Unlock()
	o.ClientID, o.Faults = f.names[i], new(faults.Switches)
	if f.params.Provision != nil {
		o.Credential = f.ids[i].Credential
	}
	a, problems := agent.New(agent.Params{
		Options: o, Behaviour: agent.Behaviour{Reconnect: agent.Policy{Disobey: []int{-1}, DisobeyEvery: telemetry.Duration(twinEvery)}}, Now: f.params.Now,
	})
	if len(problems) == 0 { // a behaviour that does nothing has none
		_ = a.Run(ctx) // a refusal shows at the server
	}
}
