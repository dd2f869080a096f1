package lab

import (
	"context"
	"errors"
	"sync"

	"gatehouse/app/demo"
	"gatehouse/app/onboard"
	"gatehouse/gateway"
)

// ErrStopped is returned for what needs a gateway that listens.
var ErrStopped = errors.New("the gateway is stopped: start it, and try again")

// DemoStage is how far the demo has come.
type DemoStage string

// The stages of the demo.
const (
	DemoOff      DemoStage = ""
	DemoBuilding DemoStage = "building"
	DemoLiving   DemoStage = "living"
	DemoRemoving DemoStage = "removing"
)

// DemoState is the demo at one moment. It can be compared with ==.
type DemoState struct {
	Stage DemoStage
	Made  int // devices that are registered, while they are being made
	Of    int
	Left  bool // the fleet of an earlier demo is registered, and nobody plays its devices
}

// Demo is the demo fleet on the gateway, at most once.
type Demo struct {
	gateway *gateway.Gateway
	bench   *onboard.Bench
	pace    float64 // see demo.Params; 0 but for tests

	mu     sync.Mutex
	stage  DemoStage
	made   int
	end    context.CancelFunc
	ended  chan struct{} // closed when the run is over and removed
	err    error         // of the run that has ended
	closed bool
}

func newDemo(p Params) *Demo { return &Demo{gateway: p.Gateway, bench: p.Bench} }

// State is a snapshot.
func (d *Demo) State() DemoState {
	left := demo.Left(d.gateway)
	d.mu.Lock()
	defer d.mu.Unlock()
	return DemoState{Stage: d.stage, Made: d.made, Of: demo.Devices, Left: d.stage == DemoOff && left}
}

// Load makes the devices and lets them live, until Remove or Close. It returns when they live, and does nothing when they do already. When ctx ends before, what was
// made is removed again.
func (d *Demo) Load(ctx context.Context) error {
	if d.gateway.Status().State != gateway.Listening {
		return ErrStopped
	}
	d.mu.Lock()
	switch {
	case d.closed:
		d.mu.Unlock()
		return ErrClosed
	case d.stage == DemoRemoving:
		d.mu.Unlock()
		return errors.New("the demo is just being removed: try again in a moment")
	case d.stage != DemoOff:
		d.mu.Unlock()
		return nil
	}
	running, end := context.WithCancel(context.Background())
	living, ended := make(chan struct{}), make(chan struct{})
	d.stage, d.made, d.end, d.ended, d.err = DemoBuilding, 0, end, ended, nil
	d.mu.Unlock()
	go func() {
		err := demo.Run(running, demo.Params{Gateway: d.gateway, Bench: d.bench, Pace: d.pace, Made: func(n int) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.made = n; n == demo.Devices && d.stage == DemoBuilding {
				d.stage = DemoLiving
				close(living)
			}
		}})
		end()
		d.mu.Lock()
		d.stage, d.made, d.err = DemoOff, 0, err
		d.mu.Unlock()
		close(ended)
	}()
	select {
	case <-living:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), d.stop())
	case <-ended:
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.err == nil { // somebody removed it meanwhile
			return context.Canceled
		}
		return d.err
	}
}

// Remove ends the demo and removes its fleet, also one that an earlier demo had to leave. It returns when that is done, within about three seconds.
func (d *Demo) Remove(ctx context.Context) error {
	if err := d.stop(); err != nil {
		return err
	}
	return demo.Remove(ctx, d.gateway)
}

// stop ends a run and waits for it.
func (d *Demo) stop() error {
	d.mu.Lock()
	ended := d.ended
	switch d.stage {
	case DemoOff:
		d.mu.Unlock()
		return nil
	case DemoBuilding, DemoLiving:
		d.stage = DemoRemoving
		d.end()
	}
	d.mu.Unlock()
	<-ended
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// close ends the demo for good.
func (d *Demo) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	_ = d.stop() // what stays is removed when the demo is loaded again
}
