package scenario

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/faults"
	"gatehouse/sim/rules"
)

// actor is a device while it plays.
type actor struct {
	name   string
	role   Device
	device *sim.Device
	faults *faults.Switches

	mu         sync.Mutex
	sid        string
	left       leavings
	credential sim.Credential
	inbox      []rules.Message // not yet expected, oldest first
	agent      *agent.Agent
	stop       context.CancelFunc
	running    chan struct{} // closed when the agent has ended
}

// mostUnexpected bounds the messages that wait for an expectation; the oldest are forgotten.
const mostUnexpected = 10_000

// actor finds the device of a name, and brings it on stage at its first step.
func (p *play) actor(name string) *actor {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.cast[name]; a != nil {
		return a
	}
	a := &actor{name: name, role: p.scenario.Devices[name], faults: new(faults.Switches)}
	a.device = sim.NewDevice(sim.Params{Now: p.params.Now, Received: a.received})
	p.cast[name] = a
	return a
}

func (a *actor) received(m sim.Message) {
	a.mu.Lock()
	if len(a.inbox) >= mostUnexpected {
		a.inbox = a.inbox[1:]
	}
	a.inbox = append(a.inbox, rules.Message{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain})
	agent := a.agent
	a.mu.Unlock()
	if agent != nil {
		agent.Received(m)
	}
}

// take finds the first message that meets an expectation, and forgets it and those before it.
func (a *actor) take(e ExpectMessage, r *rules.Rules) (found bool, errs []error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, m := range a.inbox {
		firings, wrong := r.Match(m)
		errs = append(errs, wrong...)
		if len(firings) > 0 && (e.Payload == nil || *e.Payload == string(m.Payload)) && (e.Base64 == "" || e.Base64 == base64.StdEncoding.EncodeToString(m.Payload)) {
			a.inbox = a.inbox[i+1:]
			return true, nil
		}
	}
	return false, errs
}

// options are those of a connection; c may change them for one attempt.
func (p *play) options(a *actor, c Connect) (sim.Options, error) {
	url, root := p.params.World.Server()
	d := a.role
	o := sim.Options{
		URL: url, RootPEM: root, Protocol: protocols[d.Protocol], Clean: d.Clean, KeepAlive: time.Duration(d.KeepAlive), ClientID: p.fill(a, d.ClientID, 1),
		Faults: a.faults, ClockOff: time.Duration(d.ClockOff), WrongSecret: c.WrongSecret,
	}
	if c.Protocol != "" {
		o.Protocol = protocols[c.Protocol]
	}
	if d.NoKeepAlive {
		o.KeepAlive = sim.NoKeepAlive
	}
	if o.ClientID == "" && !d.NoClientID {
		o.ClientID = p.scenario.deviceName(a.name) + p.suffix
	}
	switch d.Trust {
	case System:
		o.RootPEM = nil
	case Everybody:
		o.TrustEverybody = true
	}
	if d.CA != "" {
		var err error
		if o.RootPEM, err = readAuthorities(d, p.params.Open); err != nil {
			return o, err
		}
	}
	if w := d.Will; w != nil {
		o.Will = &sim.Will{Topic: w.Topic, Payload: p.payload(a, w.Payload, w.Base64, 1), QoS: w.QoS, Retain: w.Retain}
		o.Will.Topic = p.fill(a, w.Topic, 1)
	}
	if !c.NoCredential {
		credential, err := p.credential(a)
		if err != nil {
			return o, err
		}
		o.Credential = credential
	}
	return o, nil
}

var protocols = map[string]int{"": sim.MQTT311, "3.1": sim.MQTT31, "3.1.1": sim.MQTT311, "5": sim.MQTT5}

// credential is the device's own, or that of the device which it is like.
func (p *play) credential(a *actor) (sim.Credential, error) {
	owner := a
	if a.role.Like != "" {
		owner = p.actor(a.role.Like)
	}
	if plain, ok := p.params.World.(Plain); ok {
		return plain.Credential, nil
	}
	owner.mu.Lock()
	defer owner.mu.Unlock()
	if owner.role.Credential != None && owner.credential.KeySID == "" && len(owner.credential.CertPEM) == 0 {
		return sim.Credential{}, fmt.Errorf("%s has no credential: create it in a step before", owner.name)
	}
	return owner.credential, nil
}

// start leaves the device to its behaviour.
func (p *play) start(ctx context.Context, a *actor) error {
	o, err := p.options(a, Connect{})
	if err != nil {
		return err
	}
	identity := p.scenario.identity(a.name, p.params.Open)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.agent != nil {
		return fmt.Errorf("%s was started already", a.name)
	}
	identity.SID = a.sid
	made, problems := agent.New(agent.Params{Options: o, Identity: identity, Behaviour: *a.role.behaviour(), Pace: a.role.Pace, Device: a.device, Now: p.params.Now})
	if len(problems) > 0 {
		return problems[0]
	}
	// It outlives the step, and ends with the play.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	running := make(chan struct{})
	a.agent, a.stop, a.running = made, cancel, running
	a.left.session = &o // it will have one
	go func() {
		defer close(running)
		_ = made.Run(ctx) // its state tells why it ended
	}()
	return nil
}

var errNotStarted = errors.New("it was not started")

// halt ends what start began.
func (a *actor) halt() error {
	a.mu.Lock()
	stop, running := a.stop, a.running
	a.mu.Unlock()
	if stop == nil {
		return fmt.Errorf("%s: %w", a.name, errNotStarted)
	}
	stop()
	<-running
	a.mu.Lock()
	a.agent, a.stop, a.running = nil, nil, nil
	a.mu.Unlock()
	return nil
}

// end sends everybody home.
func (p *play) end() {
	p.mu.Lock()
	cast := p.cast
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, a := range cast {
		wg.Go(func() {
			_ = a.halt()
			a.faults.SetNetwork(faults.Network{}) // so that what waits for the network ends
			a.device.Close()
			p.tidy(a)
		})
	}
	wg.Wait()
}
