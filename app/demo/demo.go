// Package demo shows what the gateway does when nobody has a device at hand: a fleet of twelve virtual devices that live by themselves, talk, follow documents, and
// are refused, each for a reason of its own. Fleet and Sync service are named gatehouse-demo and are removed at the end.
package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gatehouse/app/onboard"
	"gatehouse/gateway"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/telemetry"
)

// FleetName is the unique name of the demo’s fleet and service, so that nothing of the user’s is mistaken for it.
const FleetName = "gatehouse-demo"

// Params say which gateway is shown, and how fast.
type Params struct {
	Gateway *gateway.Gateway
	// Bench plays the devices, so that they can be watched and changed there as any other virtual device; nil: one of the demo’s own.
	Bench *onboard.Bench
	// Pace is how fast the devices’ time passes, and how often documents change; 0 stands for 4: a report that is due every ten seconds comes every 2.5.
	Pace float64
	// Made is told how many devices are registered, from 0 to Devices; with the last one they live. It may be nil.
	Made func(devices int)
}

// Devices is how many devices the demo has.
var Devices = len(roles)

// Documents are those that the ready-made kinds of device follow, as they are at first.
var Documents = map[string]string{"BoardLED": `{"led":"OFF"}`, "Heating": `{"target":21}`}

// Run shows the demo until ctx ends, and then removes its fleet. A fleet that an earlier run had to leave is removed
// first.
func Run(ctx context.Context, p Params) (err error) {
	if p.Pace <= 0 {
		p.Pace = 4
	}
	if p.Made == nil {
		p.Made = func(int) {}
	}
	if err := Remove(ctx, p.Gateway); err != nil {
		return err
	}
	defer func() { // ctx is over by then
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		err = errors.Join(err, Remove(last, p.Gateway)) // what stays is removed by the next run
	}()
	d := &demo{gateway: p.Gateway, registry: p.Gateway.Registry(), bench: p.Bench, pace: p.Pace, made: p.Made}
	if d.bench == nil {
		d.bench = ownBench(p.Gateway)
		d.target = p.Gateway.Status().URL
		defer d.bench.Close()
	}
	defer func() { err = errors.Join(err, d.takeBack()) }()
	if err := d.build(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	d.conduct(ctx)
	return nil
}

// demo is one run.
type demo struct {
	gateway  *gateway.Gateway
	registry *registry.Registry
	bench    *onboard.Bench
	target   string // where the devices connect; empty: the bench knows
	pace     float64
	made     func(int)
	fleet    string
	service  string
	devices  []string // SIDs of those that the bench plays
	twice    []bool   // whether each has a second board
}

// ownBench plays devices where nobody else does, and writes nothing to the disk.
func ownBench(g *gateway.Gateway) *onboard.Bench {
	return onboard.NewBench(onboard.BenchParams{
		Registry: g.Registry(), Endpoint: func() onboard.Endpoint { return onboard.Endpoint{RootPEM: g.RootPEM()} },
		NewPlayer: func(received func(sim.Message)) onboard.Player { return sim.NewDevice(sim.Params{Received: received}) },
	})
}

// role is what a device of the demo is cast as.
type role struct {
	name, kind  string
	certificate bool
	disabled    bool
	undeployed  bool
	revoked     bool // its key
	twice       bool // a second board has its key
	protocol    int
}

var roles = []role{
	{name: "lamp-kitchen", kind: "lamp", certificate: true},
	{name: "lamp-hall", kind: "lamp"},
	{name: "button-hall", kind: "button"},
	{name: "thermostat-4", kind: "thermostat"},
	{name: "thermostat-5", kind: "thermostat", certificate: true},
	{name: "meter-1", kind: "meter"},
	{name: "door-front", kind: "lock", certificate: true},
	{name: "meter-garage", kind: "meter", twice: true},
	{name: "thermostat-7", kind: "thermostat", disabled: true},
	{name: "sensor-roof", kind: "thermostat", undeployed: true},
	{name: "meter-3", kind: "meter", revoked: true},
	{name: "board-new", kind: "lamp", protocol: sim.MQTT5},
}

// build registers the fleet and its devices, with the documents that they follow.
func (d *demo) build(ctx context.Context) error {
	service, err := d.registry.CreateService(ctx, FleetName, "Demo fleet")
	if err != nil {
		return fmt.Errorf("demo fleet: %w", err)
	}
	d.service = service.SID
	for name, content := range Documents {
		if _, err := d.gateway.Objects().Create(ctx, objects.System(), d.service, objects.Document, objects.NewObject{UniqueName: name, Data: []byte(content)}); err != nil {
			return fmt.Errorf("demo fleet: %w", err)
		}
	}
	fleet, err := d.registry.CreateFleet(ctx, FleetName, "Demo fleet")
	if err != nil {
		return fmt.Errorf("demo fleet: %w", err)
	}
	d.fleet = fleet.SID
	if _, err := d.registry.UpdateDeployment(ctx, fleet.DefaultDeploymentSID, nil, &d.service); err != nil {
		return fmt.Errorf("demo fleet: %w", err)
	}
	for i, r := range roles {
		d.made(i)
		if err := d.cast(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if err := d.start(); err != nil {
		return fmt.Errorf("demo fleet: %w", err)
	}
	d.made(len(roles))
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
	c, err := d.credential(ctx, r, device.SID)
	if err != nil {
		return err
	}
	d.lend(r, device.SID, c)
	return nil
}

func (d *demo) credential(ctx context.Context, r role, deviceSID string) (sim.Credential, error) {
	if r.certificate {
		made, err := credential.GenerateP256(r.name, time.Now())
		if err != nil {
			return sim.Credential{}, err
		}
		enrolled, err := d.registry.ImportCertificate(ctx, d.fleet, deviceSID, r.name, made.CertPEM)
		return sim.Credential{CertificateSID: enrolled.SID, CertPEM: made.CertPEM, KeyPEM: made.KeyPEM}, err
	}
	key, secret, err := d.registry.CreateKey(ctx, d.fleet, deviceSID, r.name)
	if err == nil && r.revoked {
		err = d.registry.DeleteKey(ctx, key.SID)
	}
	return sim.Credential{KeySID: key.SID, Secret: secret}, err
}

// Waits of devices that do not do as they should, so that there is something to see.
const (
	retryRefused = 12 * time.Second
	retryLost    = 4 * time.Second
)

// lend lets the bench play a device, which does not connect yet.
func (d *demo) lend(r role, deviceSID string, c sim.Credential) {
	options := onboard.DefaultOptions(registry.Device{SID: deviceSID, UniqueName: r.name})
	options.Target = d.target
	if r.protocol != 0 {
		options.Protocol = r.protocol
	}
	policy := agent.Policy{Disobey: []int{-1}, DisobeyEvery: telemetry.Duration(retryLost)}
	if r.disabled || r.undeployed || r.revoked || r.protocol == sim.MQTT5 {
		policy = agent.Policy{Disobey: []int{-1, 1, 2, 4, 5}, DisobeyEvery: telemetry.Duration(retryRefused)}
	}
	d.bench.Lend(deviceSID, c, onboard.Setup{Options: options, ByItself: true, Kind: r.kind, Reconnect: policy, Pace: d.pace})
	d.devices = append(d.devices, deviceSID)
	d.twice = append(d.twice, r.twice)
}

// start lets the devices live.
func (d *demo) start() error {
	for i, device := range d.devices {
		if err := d.bench.Leave(device); err != nil {
			return err
		}
		if d.twice[i] {
			if err := d.bench.Trouble(device, onboard.Troubles{Twin: true}); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeBack ends what the bench plays.
func (d *demo) takeBack() error {
	problems := make([]error, len(d.devices))
	var all sync.WaitGroup
	for i, device := range d.devices {
		all.Go(func() { problems[i] = d.bench.Remove(device) })
	}
	all.Wait()
	return errors.Join(problems...)
}

// conduct changes the documents now and then, until ctx ends.
func (d *demo) conduct(ctx context.Context) {
	tick := time.NewTicker(max(time.Duration(float64(8*time.Second)/d.pace), 10*time.Millisecond))
	defer tick.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		name, content := "BoardLED", fmt.Sprintf(`{"led":%q}`, []string{"ON", "OFF"}[turn/2%2])
		if turn%2 == 1 {
			name, content = "Heating", fmt.Sprintf(`{"target":%d}`, 19+turn/2%5)
		}
		// What goes wrong while the gateway stops or the user removes the service concerns nobody.
		_, _ = d.gateway.Objects().Update(ctx, objects.System(), d.service, objects.Document, name, objects.ObjectChange{Data: []byte(content)})
	}
}

// Left reports whether a demo's fleet or service is registered, be it of a run that could not remove it.
func Left(g *gateway.Gateway) bool {
	_, fleet := g.Registry().FleetByName(FleetName)
	_, service := g.Registry().ServiceByName(FleetName)
	return fleet || service
}

// Remove deletes the demo's fleet and service with all that is in them. That they are gone already is no error.
func Remove(ctx context.Context, g *gateway.Gateway) error {
	r := g.Registry()
	if f, there := r.FleetByName(FleetName); there {
		if err := r.DeleteFleet(ctx, f.SID); err != nil && !errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("demo fleet cannot be removed: %w", err)
		}
	}
	if s, there := r.ServiceByName(FleetName); there {
		if err := r.DeleteService(ctx, s.SID); err != nil && !errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("demo service cannot be removed: %w", err)
		}
	}
	return nil
}
