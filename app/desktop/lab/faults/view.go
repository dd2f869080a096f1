package faults

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/troubles"
	"gatehouse/app/words"
)

// list is the groups and devices, with what is wrong with them.
type list struct {
	view    *View
	table   *kit.DataTable[group]
	content fyne.CanvasObject
}

func newList(v *View) *list {
	l := &list{view: v}
	l.table = kit.NewDataTable(func(g group) string { return g.key },
		kit.TextColumn("name", "For", 132, kit.Body, func(g group) string { return g.title }),
		kit.Column[group]{
			ID: "connected", Label: "Connected", Width: 82, Align: fyne.TextAlignTrailing,
			Text:   func(g group) string { return fmt.Sprint(g.connected()) },
			Create: func() fyne.CanvasObject { return kit.NewText("", kit.Mono.Right()) },
			Update: func(o fyne.CanvasObject, g group) { o.(*kit.Text).Set(connected(g)) },
		},
		kit.Column[group]{
			ID: "wrong", Label: "What is wrong", Text: func(g group) string { return wrong(g) },
			Create: func() fyne.CanvasObject { return kit.NewText("", kit.Body) },
			Update: func(o fyne.CanvasObject, g group) {
				text, typ := o.(*kit.Text), kit.Quiet
				if g.affected() > 0 {
					typ = kit.Body.In(kit.Warn)
				}
				text.SetType(typ)
				text.Set(wrong(g))
			},
		})
	l.table.Steady = true
	l.table.OnSelect = func(g group) { v.choose(g.key); v.pull() }
	l.content = kit.Card(1, l.table)
	return l
}

// newEmpty says what to do while there is nothing to make wrong.
func newEmpty(v *View) *fyne.Container {
	return kit.Card(1, kit.Inset(24, 24, 24, 24, kit.Down(12,
		kit.NewText("No virtual devices yet", kit.Title),
		kit.NewProse(kit.Run{Text: "A virtual device is one that this computer plays. Add one, or let this computer play one of yours from its tab Connect; then everything can be made wrong with it here, while it is connected.", Type: kit.Quiet}),
		kit.Across(8, kit.NewButton("Add a device", kit.Primary, func() { v.p.Shell.AddDevice() }), kit.NewButton("Go to Devices", kit.Secondary, func() { v.p.Shell.Go(shell.Devices, "") })))))
}

// pull shows what has changed at once, rather than with the next tick.
func (v *View) pull() {
	if apply := v.Pull(); apply != nil {
		apply()
	}
}

func connected(g group) string {
	if g.devices() == 1 {
		return map[int]string{0: "no", 1: "yes"}[g.connected()]
	}
	return fmt.Sprintf("%d of %d", g.connected(), g.devices())
}

// wrong is what is on, with how many it is on for.
func wrong(g group) string {
	names := g.wrong()
	if names == "" {
		return "nothing"
	}
	if g.devices() == 1 {
		return names
	}
	return fmt.Sprintf("%d affected: %s", g.affected(), names)
}

func (l *list) show(shot snapshot) {
	l.table.SetRows(shot.groups)
	if chosen, ok := l.table.Selected(); !ok || chosen.key != shot.chosen.key {
		l.table.Select(shot.chosen.key)
	}
}

// detail is the switches for the chosen group.
type detail struct {
	view    *View
	title   *kit.Text
	what    *kit.Text
	link    *kit.Link
	form    *troubles.Form
	content fyne.CanvasObject
}

func newDetail(v *View) *detail {
	d := &detail{view: v, title: kit.NewText("", kit.Title), what: kit.NewText("", kit.Quiet), link: kit.NewLink("", kit.Mono, nil)}
	d.form = troubles.New(v.actions())
	head := kit.Down(4, kit.Clipped(d.title), kit.Clipped(kit.Across(10, d.what, d.link)))
	d.content = kit.Card(1, container.NewBorder(kit.Down(0, kit.Inset(13, 14, 10, 14, head), kit.Rule()), nil, nil, nil,
		container.NewVScroll(kit.Inset(14, 14, 14, 14, d.form.Content()))))
	return d
}

func (d *detail) show(shot snapshot) {
	g := shot.chosen
	d.content.(*fyne.Container).Hidden = g.devices() == 0
	d.title.Set(g.title)
	d.link.Hidden = len(g.members) != 1 || g.key != g.members[0].sid
	switch {
	case !d.link.Hidden:
		d.what.Set("A virtual device")
		sid := g.key
		d.link.Set(sid, func() { d.view.p.Shell.Go(shell.Devices, sid) })
	case g.generated.Switches != nil:
		d.what.Set(words.Count(g.devices(), "device", "devices") + " of a generated fleet, which share their faults")
	case g.devices() == 1:
		d.what.Set("1 virtual device")
	default:
		d.what.Set(words.Count(g.devices(), "virtual device", "virtual devices") + ": a switch is for all of them")
	}
	d.form.Show(g.parts())
}
