package desktop

import (
	"context"

	"gatehouse/app/demo"
	"gatehouse/app/desktop/frame"
	"gatehouse/app/desktop/overview"
	"gatehouse/app/lab"
)

// demoOf is the demo fleet as the overview asks for it.
type demoOf struct{ *program }

// State implements overview.Demo.
func (d demoOf) State() overview.DemoState {
	s := d.lab.Demo().State()
	return overview.DemoState{
		Making: s.Stage == lab.DemoBuilding, Made: s.Made, Of: s.Of, Living: s.Stage == lab.DemoLiving, Removing: s.Stage == lab.DemoRemoving, Left: s.Left,
	}
}

// Load implements overview.Demo.
func (d demoOf) Load(ctx context.Context) error { return d.lab.Demo().Load(ctx) }

// Remove implements overview.Demo.
func (d demoOf) Remove(ctx context.Context) error { return d.lab.Demo().Remove(ctx) }

// Devices implements overview.Demo.
func (d demoOf) Devices() (n int) {
	r := d.gateway.Registry()
	fleet, there := r.FleetByName(demo.FleetName)
	for _, device := range r.Devices() {
		if there && device.FleetSID == fleet.SID {
			n++
		}
	}
	return n
}

// demoActions are what the command palette can do with the demo.
func (p *program) demoActions() []frame.Found {
	d := demoOf{p}
	s := d.State()
	switch {
	case s.Making, s.Removing:
		return nil
	case s.Living:
		return []frame.Found{{Icon: "chevron", Title: "Remove the demo fleet", Do: func() { overview.RemoveDemo(p.frame, d) }}}
	}
	found := []frame.Found{{Icon: "chevron", Title: "Load the demo fleet", Detail: "devices that live on this computer", Do: func() { overview.LoadDemo(p.frame, d) }}}
	if s.Left {
		found = append(found, frame.Found{Icon: "chevron", Title: "Remove the demo fleet", Detail: "left from an earlier time", Do: func() { overview.RemoveDemo(p.frame, d) }})
	}
	return found
}

// startDemo loads the demo when the command line asks for it.
func (p *program) startDemo() {
	if !p.options.Demo {
		return
	}
	p.frame.Background(demoOf{p}.Load, func(err error) {
		if err != nil {
			p.frame.Fail("The demo fleet could not be loaded", err)
		}
	})
}
