// Package demo shows what the gateway does when nobody has a device at hand: a small fleet of virtual devices that
// connect, talk, and are refused, each for a reason of its own. The fleet is named gatehouse-demo and is removed at the end.
package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
)

// FleetName is the unique name of the demo’s fleet, so that no fleet of the user’s is mistaken for it.
const FleetName = "gatehouse-demo"

// Params say which gateway is shown, and how fast.
type Params struct {
	Gateway *gateway.Gateway
	// Pace is the time between two events; 0 stands for 1.5 s.
	Pace time.Duration
}

// Run shows the demo until ctx ends, and then removes its fleet. A fleet that an earlier run had to leave is removed
// first.
func Run(ctx context.Context, p Params) error {
	if p.Pace == 0 {
		p.Pace = 1500 * time.Millisecond
	}
	d := &demo{gateway: p.Gateway, registry: p.Gateway.Registry(), pace: p.Pace}
	if err := d.remove(ctx); err != nil {
		return err
	}
	defer func() { // ctx is over by then
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = d.remove(last) // what stays is removed by the next run
	}()
	if err := d.build(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer d.disconnect()
	return d.play(ctx)
}

// demo is one run.
type demo struct {
	gateway  *gateway.Gateway
	registry *registry.Registry
	pace     time.Duration
	fleet    string
	actors   []*actor
}

// actor is a device of the demo and how it behaves.
type actor struct {
	name    string
	device  *sim.Device
	options sim.Options
	talks   bool // publishes while it is connected
	refused bool // tries again now and then, in vain
}

// role is what an actor is cast as.
type role struct {
	name        string
	certificate bool
	disabled    bool
	undeployed  bool
	wrongSecret bool
	protocol    int
}

var roles = []role{
	{name: "lamp-kitchen", certificate: true},
	{name: "thermostat-4"},
	{name: "meter-1"},
	{name: "door-front", certificate: true},
	{name: "sensor-roof", undeployed: true},
	{name: "thermostat-7", disabled: true},
	{name: "meter-3", wrongSecret: true},
	{name: "board-new", protocol: sim.MQTT5},
}

// build registers the fleet and its devices.
func (d *demo) build(ctx context.Context) error {
	fleet, err := d.registry.CreateFleet(ctx, FleetName, "Demo fleet")
	if err != nil {
		return fmt.Errorf("demo fleet: %w", err)
	}
	d.fleet = fleet.SID
	for _, r := range roles {
		if err := d.cast(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

func (d *demo) cast(ctx context.Context, r role) error {
	what := registry.NewDevice{FleetSID: d.fleet, UniqueName: r.name, Disabled: r.disabled}
	if r.undeployed {
		what.DeploymentSID = new("")
	}
	device, err := d.registry.CreateDevice(ctx, what)
	if err != nil {
		return err
	}
	a := &actor{name: r.name, device: sim.NewDevice(sim.Params{})}
	a.options = sim.Options{
		URL: d.gateway.Status().URL, RootPEM: d.gateway.RootPEM(), Protocol: r.protocol, ClientID: r.name, WrongSecret: r.wrongSecret,
	}
	a.refused = r.disabled || r.undeployed || r.wrongSecret || r.protocol == sim.MQTT5
	a.talks = !a.refused
	if r.certificate {
		made, err := credential.GenerateP256(r.name, time.Now())
		if err != nil {
			return err
		}
		if _, err := d.registry.ImportCertificate(ctx, d.fleet, device.SID, r.name, made.CertPEM); err != nil {
			return err
		}
		a.options.Credential = sim.Credential{CertPEM: made.CertPEM, KeyPEM: made.KeyPEM}
	} else {
		key, secret, err := d.registry.CreateKey(ctx, d.fleet, device.SID, r.name)
		if err != nil {
			return err
		}
		a.options.Credential = sim.Credential{KeySID: key.SID, Secret: secret}
	}
	d.actors = append(d.actors, a)
	return nil
}

// play lets one actor after the other act, until ctx ends.
func (d *demo) play(ctx context.Context) error {
	for turn := 0; ; turn++ {
		a := d.actors[turn%len(d.actors)]
		d.act(ctx, a, turn)
		for _, other := range d.actors {
			if other.talks && other.device.State().Connected {
				other.say(ctx, turn)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(d.pace):
		}
	}
}

// act connects an actor. One that is connected goes and comes back now and then, so that its session is resumed.
func (d *demo) act(ctx context.Context, a *actor, turn int) {
	if a.device.State().Connected {
		if rand.IntN(3) > 0 {
			return
		}
		a.device.Disconnect()
	}
	a.options.URL = d.gateway.Status().URL // the user may have moved the gateway
	result := a.device.Connect(ctx, a.options)
	if result.Err == nil && result.Code == 0 && a.talks {
		_, _ = a.device.Subscribe(ctx, "demo/#", 1) // a lost connection shows in the gateway
	}
}

func (a *actor) say(ctx context.Context, turn int) {
	value := 21 + 3*math.Sin(float64(turn)/7+float64(len(a.name)))
	_ = a.device.Publish(ctx, "demo/"+a.name, fmt.Appendf(nil, `{"value":%.2f}`, value), 1, false)
}

func (d *demo) disconnect() {
	for _, a := range d.actors {
		a.device.Disconnect()
	}
}

// remove deletes the demo's fleet with all that is in it.
func (d *demo) remove(ctx context.Context) error {
	for _, f := range d.registry.Fleets() {
		if f.UniqueName != FleetName {
			continue
		}
		if err := d.registry.DeleteFleet(ctx, f.SID); err != nil && !errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("demo fleet cannot be removed: %w", err)
		}
	}
	return nil
}
