// Package fleet is the Lab's tab of generated fleets: a form for many devices of one kind, and each fleet with its figures. What runs is kept by package lab and goes on
// while another screen is visited; the tab reads snapshots of it.
package fleet

import (
	"context"
	"errors"
	"slices"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/lab"
	"gatehouse/sim/telemetry"
)

// Fleets are what the tab shows. Start and Again may take a moment; the others are quick.
type Fleets interface {
	Start(lab.FleetPlan) (number int, err error)
	Stop(number int)
	Again(number int) error
	Remove(number int)
	All() []lab.FleetState
}

// Params are what the tab stands on. All are required.
type Params struct {
	Shell  shell.Shell
	Fleets Fleets
	// Ordinary reports whether the ordinary broker runs.
	Ordinary func() bool
}

// View is the tab. It is a part of the Lab's screen.
type View struct {
	p       Params
	content fyne.CanvasObject
	form    *form
	column  *fyne.Container // of the cards
	cards   map[int]*card
	order   []int
	empty   fyne.CanvasObject

	mu    sync.Mutex // guards what follows, which belongs to Pull
	stale bool
	seen  snapshot
}

// snapshot is what Pull brings.
type snapshot struct {
	fleets   []lab.FleetState
	ordinary bool
}

// New builds the tab; nothing is read before the first Pull.
func New(p Params) *View {
	v := &View{p: p, cards: map[int]*card{}, column: kit.Down(kit.CardGap), stale: true}
	v.form = newForm(v)
	v.empty = kit.Card(16, kit.Centred(460, kit.Down(8,
		kit.NewText("No fleet yet", kit.Type{Size: 18, Color: kit.Ink, Bold: true}),
		kit.NewProse(kit.Run{Type: kit.Quiet, Text: "A fleet is many virtual devices of one kind. Each is a client of its own, with an identity and a TLS connection, and lives by itself: it reports, reacts, and comes back " +
			"when it was refused. Say at the left what they are to be, and see here how the server bears them."}),
		kit.NewProse(kit.Run{Type: kit.Quiet, Text: "A fleet goes on while you visit other screens. It has a fleet and a Sync service of its own, and both are removed with the window: your own devices are never touched."}),
	)))
	v.content = kit.Columns(kit.CardGap, []float32{430, 728},
		kit.Card(1, container.NewBorder(nil, container.NewBorder(kit.Rule(), nil, nil, nil, kit.Inset(12, 15, 14, 15, v.form.foot)), nil, nil,
			container.NewVScroll(kit.Inset(15, 15, 15, 15, v.form.content)))),
		container.NewStack(v.empty, container.NewVScroll(v.column)))
	return v
}

// Content implements the part.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show implements the part: nothing can be chosen here.
func (v *View) Show(string) {}

// Selected implements the part.
func (v *View) Selected() string { return "" }

// Pull implements the part.
func (v *View) Pull() func() {
	next := snapshot{v.p.Fleets.All(), v.p.Ordinary()}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.stale && next.ordinary == v.seen.ordinary && slices.Equal(next.fleets, v.seen.fleets) {
		return nil
	}
	v.stale, v.seen = false, next
	return func() { v.apply(next) }
}

func (v *View) apply(shot snapshot) {
	v.form.set(shot.ordinary)
	order := make([]int, 0, len(shot.fleets))
	for _, s := range shot.fleets {
		order = append(order, s.Number)
	}
	if !slices.Equal(order, v.order) || v.column.Objects == nil {
		v.arrange(shot.fleets, order)
	}
	for _, s := range shot.fleets {
		v.cards[s.Number].set(s)
	}
}

// arrange puts the cards of fleets into the column, the newest on top.
func (v *View) arrange(all []lab.FleetState, order []int) {
	v.order = order
	cards := map[int]*card{}
	v.column.RemoveAll()
	for _, s := range all {
		c := v.cards[s.Number]
		if c == nil {
			c = newCard(v, s)
		}
		cards[s.Number] = c
		v.column.Add(c.content)
	}
	if len(all) > 0 {
		v.column.Add(kit.NewProse(kit.Run{Type: kit.Caption, Text: "Memory is heap and stacks after a collection, once all devices have been started; the server’s part is in it where the server is in this program."}))
	}
	v.cards = cards
	v.empty.(*fyne.Container).Hidden = len(all) > 0
	v.empty.Refresh()
	v.column.Refresh()
}

// start makes what the form says.
func (v *View) start(p lab.FleetPlan) {
	v.form.busy(true)
	v.p.Shell.Background(func(context.Context) error {
		_, err := v.p.Fleets.Start(p)
		return err
	}, func(err error) {
		v.form.busy(false)
		var problem telemetry.Problem
		switch {
		case errors.As(err, &problem):
			v.form.blame([]telemetry.Problem{problem})
		case err != nil:
			v.p.Shell.Fail("The fleet could not be started", err)
		}
	})
}

// again starts a fleet that was stopped.
func (v *View) again(s lab.FleetState) {
	v.p.Shell.Background(func(context.Context) error { return v.p.Fleets.Again(s.Number) }, func(err error) {
		if err != nil {
			v.p.Shell.Fail("“"+s.Title+"” could not be started again", err)
		}
	})
}
