// Package faults is the Lab's tab of everything that can be made wrong with virtual devices: with one of them, with those of a fleet, with all,
// or with a generated fleet, while they are connected. It tells which are affected and what is on. The devices are kept by package onboard.
package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/troubles"
	"gatehouse/app/onboard"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/faults"
	"gatehouse/sim/fleet"
)

// Bench holds the virtual devices. Trouble may take half a second; the others are quick.
type Bench interface {
	Virtual(deviceSID string) bool
	Connected(deviceSID string) bool
	Troubles(deviceSID string) onboard.Troubles
	Trouble(deviceSID string, t onboard.Troubles) error
	Cut(deviceSID string)
	Reset(deviceSID string)
	Break(ctx context.Context, deviceSID string, packet faults.Invalid) error
	Version() uint64
}

// Registry knows which devices there are.
type Registry interface {
	Version() uint64
	Fleets() []registry.Fleet
	Devices() []registry.Device
}

// Generated is a fleet that was generated, whose devices share their faults.
type Generated struct {
	Number    int
	Title     string
	Devices   int
	Connected int
	Switches  *faults.Switches
}

// Params are what the tab stands on. Generated may be nil.
type Params struct {
	Shell     shell.Shell
	Bench     Bench
	Registry  Registry
	Generated func() []Generated
}

// View is the tab. It implements lab.Part of the screen.
type View struct {
	p       Params
	list    *list
	detail  *detail
	full    *fyne.Container
	empty   *fyne.Container // while there is nothing to make wrong
	content fyne.CanvasObject

	mu      sync.Mutex // guards what follows
	chosen  string     // key of a group
	changes uint64
	seen    [3]uint64
	last    []group

	shown snapshot // belongs to the UI goroutine
}

// member is one virtual device.
type member struct {
	sid       string
	name      string
	connected bool
	troubles  onboard.Troubles
}

// group is what the switches can be for.
type group struct {
	key       string // "all", "fleet:…", "generated:1", or a device's SID
	title     string
	what      string // it is
	members   []member
	generated Generated // of a generated fleet: it has no members
}

func (g group) devices() int {
	if g.generated.Switches != nil {
		return g.generated.Devices
	}
	return len(g.members)
}

func (g group) connected() (n int) {
	if g.generated.Switches != nil {
		return g.generated.Connected
	}
	for _, m := range g.members {
		if m.connected {
			n++
		}
	}
	return n
}

// wrong are the names of what is on, each once.
func (g group) wrong() string {
	var all []string
	for _, m := range g.parts() {
		for _, name := range troubles.Words(m.Troubles) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return strings.Join(all, ", ")
}

// affected is how many devices have something wrong.
func (g group) affected() (n int) {
	for _, m := range g.parts() {
		if m.Troubles.Any() {
			n += m.Devices
		}
	}
	return n
}

// parts are the group as the form takes it.
func (g group) parts() (all []troubles.Member) {
	if g.generated.Switches != nil {
		return []troubles.Member{{Troubles: onboard.TroublesOf(g.generated.Switches), Devices: g.generated.Devices, Connected: g.generated.Connected}}
	}
	for _, m := range g.members {
		one := troubles.Member{Troubles: m.troubles, Devices: 1}
		if m.connected {
			one.Connected = 1
		}
		all = append(all, one)
	}
	return all
}

// snapshot is what Pull brings.
type snapshot struct {
	groups []group
	chosen group
}

const everybody = "all"

// New builds the tab; nothing is read before the first Pull.
func New(p Params) *View {
	if p.Generated == nil {
		p.Generated = func() []Generated { return nil }
	}
	v := &View{p: p, chosen: everybody, changes: 1}
	v.list, v.detail = newList(v), newDetail(v)
	v.full, v.empty = kit.Columns(kit.CardGap, []float32{480, 678}, v.list.content, v.detail.content), newEmpty(v)
	v.empty.Hide()
	v.content = container.NewStack(v.full, v.empty)
	return v
}

// Content implements lab.Part.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show implements lab.Part; key is a group's: a device's SID, "all", or that of a fleet.
func (v *View) Show(key string) {
	v.choose(key)
	v.list.table.Select(key)
}

// Selected implements lab.Part.
func (v *View) Selected() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.chosen
}

func (v *View) choose(key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if key != v.chosen {
		v.chosen = key
		v.changes++
	}
}

// Pull implements lab.Part.
func (v *View) Pull() func() {
	generated := v.p.Generated()
	v.mu.Lock()
	defer v.mu.Unlock()
	now := [3]uint64{v.p.Bench.Version(), v.p.Registry.Version(), v.changes}
	if now == v.seen && len(generated) == 0 {
		return nil
	}
	groups := v.read(generated)
	if now[1] == v.seen[1] && now[2] == v.seen[2] && slices.EqualFunc(groups, v.last, same) {
		v.seen = now
		return nil
	}
	v.seen, v.last = now, groups
	shot := snapshot{groups: groups}
	for _, g := range groups {
		if g.key == v.chosen || shot.chosen.key == "" {
			shot.chosen = g
		}
	}
	return func() { v.apply(shot) }
}

// same compares what is shown of two groups.
func same(a, b group) bool {
	return a.key == b.key && a.title == b.title && a.generated == b.generated && slices.Equal(a.members, b.members) && slices.Equal(a.parts(), b.parts())
}

// read makes the groups: all, the fleets that have virtual devices, the generated ones, then each device.
func (v *View) read(generated []Generated) (groups []group) {
	all := group{key: everybody, title: "All virtual devices", what: "all"}
	byFleet := map[string][]member{}
	for _, d := range v.p.Registry.Devices() {
		if !v.p.Bench.Virtual(d.SID) {
			continue
		}
		m := member{sid: d.SID, name: d.Name(), connected: v.p.Bench.Connected(d.SID), troubles: v.p.Bench.Troubles(d.SID)}
		all.members = append(all.members, m)
		byFleet[d.FleetSID] = append(byFleet[d.FleetSID], m)
	}
	groups = append(groups, all)
	for _, f := range v.p.Registry.Fleets() {
		if members := byFleet[f.SID]; len(members) > 0 {
			groups = append(groups, group{key: "fleet:" + f.SID, title: fleetName(f), what: "fleet", members: members})
		}
	}
	for _, g := range generated {
		groups = append(groups, group{key: fmt.Sprintf("generated:%d", g.Number), title: g.Title, what: "generated fleet", generated: g})
	}
	for _, m := range all.members {
		groups = append(groups, group{key: m.sid, title: m.name, what: "device", members: []member{m}})
	}
	return groups
}

func fleetName(f registry.Fleet) string {
	return "Fleet “" + cmp.Or(f.FriendlyName, f.UniqueName) + "”"
}

func (v *View) apply(shot snapshot) {
	v.shown = shot
	none := len(shot.groups) == 1 && shot.groups[0].devices() == 0
	v.empty.Hidden, v.full.Hidden = !none, none
	v.list.show(shot)
	v.detail.show(shot)
	v.content.Refresh()
}

// actions are what the form does with the chosen group.
func (v *View) actions() troubles.Actions {
	return troubles.Actions{
		Change: func(what string, connected bool, change func(*onboard.Troubles)) { v.change(what, connected, change) },
		Cut: func() {
			v.each("Cut", true, func(m member) error { v.p.Bench.Cut(m.sid); return nil }, func(s *faults.Switches) error { s.Cut(); return nil })
		},
		Reset: func() {
			v.each("Reset", true, func(m member) error { v.p.Bench.Reset(m.sid); return nil }, func(s *faults.Switches) error { s.Reset(); return nil })
		},
		Break: func(packet faults.Invalid) {
			v.each("Send a wrong packet", true, func(m member) error { return v.p.Bench.Break(context.Background(), m.sid, packet) }, func(s *faults.Switches) error {
				content, err := packet.Bytes()
				if err == nil && s.Send(content) == 0 {
					err = sim.ErrNotConnected
				}
				return err
			})
		},
	}
}

func (v *View) change(what string, connected bool, change func(*onboard.Troubles)) {
	devices := v.shown.chosen.devices()
	v.each(what, connected, func(m member) error {
		t := v.p.Bench.Troubles(m.sid)
		change(&t)
		return v.p.Bench.Trouble(m.sid, t)
	}, func(s *faults.Switches) error {
		t := onboard.TroublesOf(s)
		change(&t)
		if t.Twin && devices > fleet.MostTwins {
			return fmt.Errorf("a generated fleet of more than %d devices has no second boards; make a smaller one, or choose devices that this computer plays", fleet.MostTwins)
		}
		t.Apply(s)
		return nil
	})
}

// together is how many devices are changed at once: a second board may take half a second to end.
const together = 16

// each does something with every device of the chosen group, off the UI goroutine.
func (v *View) each(what string, connected bool, one func(member) error, generated func(*faults.Switches) error) {
	g := v.shown.chosen
	v.p.Shell.Background(func(context.Context) error {
		if g.generated.Switches != nil {
			return generated(g.generated.Switches)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var errs []error
		room := make(chan struct{}, together)
		for _, m := range g.members {
			if connected && !m.connected {
				continue
			}
			room <- struct{}{}
			wg.Go(func() {
				defer func() { <-room }()
				if err := one(m); err != nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(errs) > 1 {
			return fmt.Errorf("%d devices could not: %w", len(errs), errs[0])
		}
		return errors.Join(errs...)
	}, func(err error) {
		if err != nil {
			v.p.Shell.Fail(what, fmt.Errorf("%s", onboard.Say(err)))
		}
		v.mu.Lock()
		v.changes++
		v.mu.Unlock()
		if apply := v.Pull(); apply != nil {
			apply()
		}
	})
}
