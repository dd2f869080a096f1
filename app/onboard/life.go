package onboard

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/faults"
	"gatehouse/sim/telemetry"
)

// Life is a device that is left to itself.
type Life struct {
	Known   bool // it was left to itself since the program started
	Running bool // it is now
	Status  agent.Status
	Series  []Series // what it has sent, by name, then what a person has sent
}

// Series is a numeric value that a device sends, over time.
type Series struct {
	Name   string
	Points []agent.Point // oldest first, bounded
}

// BehaviourError is a behaviour that cannot be lived.
type BehaviourError struct{ Problems []telemetry.Problem }

func (e *BehaviourError) Error() string {
	if n := len(e.Problems); n > 1 {
		return fmt.Sprintf("%v, and %d more", e.Problems[0], n-1)
	}
	return e.Problems[0].Error()
}

// MostFile bounds a file that a device replays, in bytes.
const MostFile = 16 << 20

// OpenFile reads a file that telemetry names.
func OpenFile(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the user named it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, MostFile+1))
	if err == nil && len(content) > MostFile {
		err = fmt.Errorf("it is larger than %d MiB", MostFile>>20)
	}
	return content, err
}

// Identity is what templates and formulas of a device know of it.
func (b *Bench) Identity(deviceSID string) telemetry.Device {
	device, _ := b.p.Registry.Device(deviceSID)
	return telemetry.Device{Name: device.Name(), SID: deviceSID, Open: OpenFile}
}

// Problems are what is wrong with a setup's behaviour; none: it can be lived.
func (b *Bench) Problems(deviceSID string, s Setup) []telemetry.Problem {
	_, problems := agent.New(agent.Params{Identity: b.Identity(deviceSID), Behaviour: s.Does(), Pace: s.Pace, Device: &driven{}})
	return problems
}

// Leave leaves a device to itself, as its setup says. It connects in the background; one that is left to itself already begins anew. Its
// error is ErrNoCredential or a *BehaviourError: nothing has begun then.
func (b *Bench) Leave(deviceSID string) error {
	v := b.play(deviceSID)
	v.turn.Lock()
	defer v.turn.Unlock()
	return b.leave(deviceSID, v, b.Setup(deviceSID), false)
}

// leave starts an agent on the device's own connection. Its turn is held.
func (b *Bench) leave(deviceSID string, v *virtual, s Setup, bare bool) error {
	if len(b.Credentials(deviceSID)) == 0 {
		return ErrNoCredential
	}
	a, problems := agent.New(agent.Params{
		Options: sim.Options{Faults: v.faults}, Identity: b.Identity(deviceSID), Behaviour: s.Does(), Pace: s.Pace,
		Device: &driven{Player: v.player, bench: b, device: deviceSID, faults: v.faults}, Now: b.p.Now,
	})
	if len(problems) > 0 {
		return &BehaviourError{problems}
	}
	b.halt(v)
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{cancel, make(chan struct{})}
	b.mu.Lock()
	if b.virtual[deviceSID] != v { // removed meanwhile
		b.mu.Unlock()
		cancel()
		return ErrNoCredential
	}
	v.last, v.running, v.bare, v.hidden = a, r, bare, hidden(s.Does())
	v.inbox.Store(a)
	b.mu.Unlock()
	go func() {
		defer close(r.ended)
		defer b.changes.Add(1)
		defer v.inbox.CompareAndSwap(a, nil)
		defer cancel()
		_ = a.Run(ctx) // its status tells how it ended
	}()
	b.changes.Add(1)
	return nil
}

// hidden are the values that no report sends by themselves.
func hidden(b agent.Behaviour) map[string]bool {
	names := map[string]bool{}
	for _, r := range b.Reports {
		for _, f := range r.Fields {
			if f.Hidden {
				names[f.Name] = true
			}
		}
	}
	return names
}

// halt ends the device's agent, if it has one, and its connection with it.
func (b *Bench) halt(v *virtual) {
	b.mu.Lock()
	r := v.running
	v.running, v.bare = nil, false
	b.mu.Unlock()
	r.stop()
}

// Life is how a device fares that is left to itself.
func (b *Bench) Life(deviceSID string) Life {
	v, ok := b.played(deviceSID)
	if !ok {
		return Life{}
	}
	b.mu.Lock()
	a, running, hidden, byHand := v.last, !v.running.over(), v.hidden, v.handSeries()
	b.mu.Unlock()
	if a == nil {
		return Life{Series: byHand}
	}
	l := Life{Known: true, Running: running, Status: a.Status()}
	for _, name := range a.Plotted() {
		if hidden[name] {
			continue
		}
		l.Series = append(l.Series, Series{name, a.Points(name)})
	}
	for _, one := range byHand {
		if !slices.ContainsFunc(l.Series, func(s Series) bool { return s.Name == one.Name }) {
			l.Series = append(l.Series, one)
		}
	}
	return l
}

// ByItself reports whether a device is left to itself now.
func (b *Bench) ByItself(deviceSID string) bool {
	v, ok := b.played(deviceSID)
	if !ok {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !v.running.over()
}

// driven is a device as its agent drives it: the player that the console shows, connecting with the options of the moment.
type driven struct {
	Player
	bench  *Bench
	device string
	faults *faults.Switches
	suffix string // of its client id
}

// Connect makes an attempt with the options that the device has now, whatever the agent began with.
func (d *driven) Connect(ctx context.Context, _ sim.Options) sim.Result {
	o, err := d.bench.connection(d.device)
	if err != nil {
		return sim.Result{Code: -1, Err: err, Advice: sim.AdviceFixSetup}
	}
	o.Faults = d.faults
	o.ClientID += d.suffix
	return d.Player.Connect(ctx, o)
}

// twinEvery is how soon the second board is back after it was evicted.
const twinEvery = 2 * time.Second

// double lets a second board with the same credential connect, and come back whenever it is evicted. Its turn is held.
func (b *Bench) double(deviceSID string, v *virtual) error {
	if len(b.Credentials(deviceSID)) == 0 {
		return ErrNoCredential
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !v.twin.over() {
		return nil
	}
	if b.virtual[deviceSID] != v {
		return ErrNoCredential // removed meanwhile
	}
	player := b.p.NewPlayer(func(sim.Message) {})
	wrong := new(faults.Switches)
	a, problems := agent.New(agent.Params{
		Options:   sim.Options{Faults: wrong},
		Behaviour: agent.Behaviour{Reconnect: agent.Policy{Disobey: []int{-1}, DisobeyEvery: telemetry.Duration(twinEvery)}},
		Device:    &driven{Player: player, bench: b, device: deviceSID, faults: wrong, suffix: "-copy"}, Now: b.p.Now,
	})
	if len(problems) > 0 {
		return &BehaviourError{problems}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{cancel, make(chan struct{})}
	v.twin = r
	go func() {
		defer close(r.ended)
		defer b.changes.Add(1)
		defer player.Close()
		defer cancel()
		_ = a.Run(ctx)
	}()
	return nil
}

// separate ends the second board. Its turn is held.
func (b *Bench) separate(v *virtual) {
	b.mu.Lock()
	r := v.twin
	v.twin = nil
	b.mu.Unlock()
	r.stop()
}
