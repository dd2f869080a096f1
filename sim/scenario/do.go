package scenario

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/faults"
)

// do plays what a step says.
func (p *play) do(ctx context.Context, path string, s Step, round int) error {
	world := p.params.World
	switch {
	case s.Create != "":
		return p.create(ctx, p.actor(s.Create))
	case s.Enable != "":
		return p.change(ctx, s.Enable, SetEnabled)
	case s.Disable != "":
		return p.change(ctx, s.Disable, SetDisabled)
	case s.Deploy != "":
		return p.change(ctx, s.Deploy, SetDeployed)
	case s.Undeploy != "":
		return p.change(ctx, s.Undeploy, SetUndeployed)
	case s.Delete != "":
		return p.change(ctx, s.Delete, SetDeleted)
	case s.Enrol != "":
		return p.enrol(ctx, p.actor(s.Enrol))
	case s.Revoke != "":
		a := p.actor(s.Revoke)
		credential, err := p.credential(a)
		if err != nil {
			return err
		}
		return world.Revoke(ctx, a.sid, credential)
	case s.Set != nil:
		return world.SetDocument(ctx, s.Set.Document, []byte(s.Set.JSON))
	case s.Connect != nil:
		return p.connect(ctx, *s.Connect)
	case s.Disconnect != "":
		p.actor(s.Disconnect).device.Disconnect()
		return nil
	case s.Start != "":
		return p.start(ctx, p.actor(s.Start))
	case s.Stop != "":
		return p.actor(s.Stop).halt()
	case s.Publish != nil:
		return p.publish(ctx, *s.Publish, round)
	case s.Subscribe != nil:
		return p.subscribe(ctx, *s.Subscribe, round)
	case s.Unsubscribe != nil:
		a := p.actor(s.Unsubscribe.Device)
		return a.device.Unsubscribe(ctx, p.fill(a, s.Unsubscribe.Filter, max(round, 1)))
	case s.Fault != nil:
		return p.fault(*s.Fault)
	case s.ExpectMessage != nil:
		return p.expect(ctx, *s.ExpectMessage)
	case s.ExpectNone != nil:
		return p.expectNone(ctx, *s.ExpectNone)
	case s.ExpectState != nil:
		return p.expectState(ctx, *s.ExpectState)
	case s.Wait != 0:
		return wait(ctx, time.Duration(s.Wait))
	case s.Parallel != nil:
		return p.together(ctx, path+".parallel", s.Parallel, round)
	case s.Repeat != nil:
		return p.repeat(ctx, path+".repeat", *s.Repeat)
	}
	return errors.New("nothing is done")
}

func (p *play) create(ctx context.Context, a *actor) error {
	kind := a.role.Credential
	switch {
	case a.role.Like != "":
		return fmt.Errorf("%s uses the identity of %s, and has none of its own to create", a.name, a.role.Like)
	case kind == "":
		kind = Key
	}
	sid, credential, err := p.params.World.Create(ctx, NewDevice{
		Name: p.scenario.deviceName(a.name), Credential: kind, Disabled: a.role.Disabled, Undeployed: a.role.Undeployed,
	})
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sid, a.credential = sid, credential
	return nil
}

func (p *play) change(ctx context.Context, name string, what Change) error {
	a := p.actor(name)
	if a.sid == "" {
		return fmt.Errorf("%s is not registered: create it in a step before", name)
	}
	return p.params.World.Change(ctx, a.sid, what)
}

func (p *play) enrol(ctx context.Context, a *actor) error {
	if a.sid == "" {
		return fmt.Errorf("%s is not registered: create it in a step before", a.name)
	}
	kind := a.role.Credential
	if kind == "" || kind == None {
		kind = Key
	}
	credential, err := p.params.World.Enrol(ctx, a.sid, kind)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.credential = credential
	return nil
}

// patience is how long an expectation waits.
func patience(d Duration) time.Duration {
	if d == 0 {
		return DefaultPatience
	}
	return time.Duration(d)
}

func (p *play) connect(ctx context.Context, c Connect) error {
	a := p.actor(c.Device)
	o, err := p.options(a, c)
	if err != nil {
		return err
	}
	o.Timeout = patience(c.Within)
	r := a.device.Connect(ctx, o)
	a.connected(o, r)
	want := 0
	if c.Code != nil {
		want = *c.Code
	}
	switch {
	case r.Code != want && r.Code < 0:
		return fmt.Errorf("code %d was expected, but no CONNACK came: %w", want, r.Err)
	case r.Code != want && want < 0:
		return fmt.Errorf("the connection was expected to fail, but CONNACK %d came", r.Code)
	case r.Code != want:
		return fmt.Errorf("code %d was expected, but CONNACK %d came (%s)", want, r.Code, sim.CodeName(r.Code))
	case c.Failure != "" && !strings.Contains(r.Err.Error(), c.Failure):
		return fmt.Errorf("it failed otherwise than with %q: %w", c.Failure, r.Err)
	case r.Code == 0 && r.Err != nil:
		return r.Err
	case c.SessionPresent != nil && r.SessionPresent != *c.SessionPresent:
		return fmt.Errorf("session present was expected to be %v, but is %v", *c.SessionPresent, r.SessionPresent)
	}
	return nil
}

func (p *play) publish(ctx context.Context, m Publish, round int) error {
	a := p.actor(m.Device)
	for n := range max(m.Times, 1) {
		number := n + 1
		if m.Times == 0 && round > 0 {
			number = round
		}
		topic, payload := p.fill(a, m.Topic, number), p.payload(a, m.Payload, m.Base64, number)
		if err := a.device.Publish(ctx, topic, payload, m.QoS, m.Retain); err != nil {
			return err
		}
		if m.Retain {
			a.retained(topic, len(payload) > 0)
		}
	}
	return nil
}

func (p *play) subscribe(ctx context.Context, s Subscribe, round int) error {
	a := p.actor(s.Device)
	_, err := a.device.Subscribe(ctx, p.fill(a, s.Filter, max(round, 1)), s.QoS)
	switch {
	case s.Refused && errors.Is(err, sim.ErrRefusedFilter):
		return nil
	case s.Refused && err == nil:
		return errors.New("the server was expected to refuse it, but granted it")
	}
	return err
}

func (p *play) fault(f Fault) error {
	a := p.actor(f.Device)
	s := a.faults
	s.SetNetwork(faults.Network{
		Latency: time.Duration(f.Latency), Jitter: time.Duration(f.Jitter), BytesPerSecond: f.BytesPerSecond, ReadBytesPerSecond: f.ReadPerSecond,
		Fragment: f.Fragment, HalfOpen: f.HalfOpen,
	})
	s.Packets.DropAcks(f.DropAcks)
	s.Packets.DuplicatePublishes(f.Duplicate)
	s.Packets.IgnoreKeepAlive(f.IgnoreKeepAlive)
	s.SetClockOff(time.Duration(f.ClockOff))
	s.SetStorm(time.Duration(f.Storm))
	if f.Send != "" {
		b, err := faults.Invalid(f.Send).Bytes()
		if err != nil {
			return err
		}
		if err := a.device.SendRaw(b); err != nil {
			return err
		}
	}
	if f.Cut {
		s.Cut()
	}
	if f.Reset {
		s.Reset()
	}
	return nil
}

// pollEvery is how often an expectation looks.
const pollEvery = 5 * time.Millisecond

// until waits for a claim to hold; otherwise, says why not.
func until(ctx context.Context, within time.Duration, claim func() bool, otherwise func() error) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if claim() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			if claim() {
				return nil
			}
			return otherwise()
		case <-tick.C:
		}
	}
}

func (p *play) expect(ctx context.Context, e ExpectMessage) error {
	a := p.actor(e.Device)
	matcher, problems := e.matcher()
	if len(problems) > 0 {
		return problems[0]
	}
	got, want := 0, max(e.Count, 1)
	var wrong []error
	return until(ctx, patience(e.Within), func() bool {
		for got < want {
			found, errs := a.take(e, matcher)
			if wrong = errs; !found {
				return false
			}
			got++
		}
		return true
	}, func() error {
		err := fmt.Errorf("%d of %d messages came within %s", got, want, patience(e.Within))
		if len(wrong) > 0 {
			err = fmt.Errorf("%w; %w", err, wrong[0])
		}
		return err
	})
}

func (p *play) expectNone(ctx context.Context, e ExpectMessage) error {
	a := p.actor(e.Device)
	matcher, problems := e.matcher()
	if len(problems) > 0 {
		return problems[0]
	}
	came := false
	err := until(ctx, patience(e.Within), func() bool { came, _ = a.take(e, matcher); return came }, func() error { return nil })
	if came {
		return errors.New("a message came that was not to come")
	}
	return err
}

func (p *play) expectState(ctx context.Context, e ExpectState) error {
	a := p.actor(e.Device)
	var why error
	return until(ctx, patience(e.Within), func() bool { why = a.differs(e); return why == nil }, func() error { return why })
}

// differs says in what a device is not as described; nil: in nothing.
func (a *actor) differs(e ExpectState) error {
	a.mu.Lock()
	running := a.agent
	a.mu.Unlock()
	if is := a.device.State().Connected; e.Connected != nil && is != *e.Connected {
		return fmt.Errorf("connected is %v, not %v", is, *e.Connected)
	}
	if e.Phase == "" && len(e.Values) == 0 && e.Attempts == 0 && e.Sent == 0 {
		return nil
	}
	if running == nil {
		return fmt.Errorf("%s: %w", a.name, errNotStarted)
	}
	s := running.Status()
	switch {
	case e.Phase != "" && s.Phase != agent.Phase(e.Phase):
		return fmt.Errorf("it is %s, not %s (%s)", s.Phase, e.Phase, s.Why)
	case s.Attempts < e.Attempts:
		return fmt.Errorf("it has tried to connect %d times, not %d", s.Attempts, e.Attempts)
	case s.Sent < uint64(max(e.Sent, 0)):
		return fmt.Errorf("it has sent %d messages, not %d", s.Sent, e.Sent)
	}
	for name, want := range e.Values {
		if is := s.Values[name]; !same(is, want) {
			return fmt.Errorf("%s is %v, not %v", name, is, want)
		}
	}
	return nil
}

func same(is, want any) bool {
	a, number := is.(float64)
	if !number {
		return reflect.DeepEqual(is, want)
	}
	b, err := strconv.ParseFloat(fmt.Sprint(want), 64)
	return err == nil && a == b
}
