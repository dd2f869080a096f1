package attempts

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/sid"
)

// list is the table of attempts, newest first.
func (s *Screen) list() fyne.CanvasObject {
	s.table = kit.NewDataTable(func(r *row) string { return r.key },
		kit.TextColumn("time", "Time", 94, kit.Mono, func(r *row) string { return r.at }),
		kit.Column[*row]{
			ID: "code", Label: "Code", Width: 66, Text: func(r *row) string { return r.code.Label() },
			Create: func() fyne.CanvasObject { return kit.NewBadge(0) },
			Update: func(cell fyne.CanvasObject, r *row) { cell.(*kit.Badge).Set(r.code) },
		},
		kit.TextColumn("device", "Device", 98, kit.Body, func(r *row) string { return r.device }),
		kit.TextColumn("what", "What happened", 240, kit.Body, func(r *row) string { return r.what }),
		kit.TextColumn("credential", "Credential", 0, kit.Mono.In(kit.Muted), func(r *row) string { return r.cred }), // goes first where room is scarce
	)
	s.table.OnSelect = func(r *row) {
		s.ask(func(q *query) { q.selected = r.id })
	}
	s.table.Menu = s.menu
	s.table.OnBacklog = func(paused bool, waiting int) {
		switch {
		case !paused:
			s.follow.SetLabel("Pause")
		case waiting == 0:
			s.follow.SetLabel("Follow")
		default:
			s.follow.SetLabel(fmt.Sprintf("Follow · %d new", waiting))
		}
	}
	s.empty = newEmptyState(s)
	return container.NewStack(container.NewClip(s.table), s.empty.content)
}

// menu is what a row offers: only what its attempt has.
func (s *Screen) menu(r *row) *fyne.Menu {
	var items []*fyne.MenuItem
	if r.deviceSID != "" {
		items = append(items,
			fyne.NewMenuItem("Show device "+r.device, func() { s.shell.Go(shell.Devices, r.deviceSID) }),
			fyne.NewMenuItem("Only attempts of "+r.device, func() { s.Show(r.deviceSID) }),
		)
	}
	if r.credentialSID != "" {
		items = append(items, fyne.NewMenuItem("Only attempts with "+r.cred, func() { s.Show(r.credentialSID) }))
	}
	items = append(items,
		fyne.NewMenuItem("Only attempts from "+host(r.remote), func() { s.search.Entry.SetText(host(r.remote)) }),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem("Copy report", func() { s.copyReport(r.id) }),
	)
	return fyne.NewMenu("", items...)
}

// filters are the chips, the text field and the button that follows or pauses.
func (s *Screen) filters() fyne.CanvasObject {
	s.chips = map[string]*kit.Chip{}
	row := kit.Flow(6)
	for _, c := range choices {
		chip := kit.NewChip(c.icon, c.label, func() { s.ask(func(q *query) { q.choice = c.id }) })
		chip.Choose(c.id == "all")
		s.chips[c.id] = chip
		row.Add(chip)
	}
	s.about = kit.NewButton("", kit.Small, func() { s.ask(func(q *query) { q.about = "" }) })
	s.about.Hide()
	row.Add(s.about)
	s.search = kit.NewField("Filter by device, address, cause, SID or thumbprint")
	s.search.OnChanged(func(text string) { s.ask(func(q *query) { q.text = text }) })
	s.follow = kit.NewButton("Pause", kit.Secondary, func() {
		if s.table.Paused() {
			s.table.Follow()
		} else {
			s.table.Pause()
		}
		s.again() // the foot of the window says it, too
	})
	line := container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 8, s.follow), s.search)
	return kit.Down(0, kit.Inset(10, 10, 10, 10, kit.Down(8, row, line)), kit.Rule())
}

// foot says how many are listed, and lists more.
func (s *Screen) foot() fyne.CanvasObject {
	s.count = kit.NewText("", kit.Caption)
	s.more = kit.NewButton("Show older ones", kit.Small, func() { s.ask(func(q *query) { q.limit *= 2 }) })
	s.more.Hide()
	return kit.Down(0, kit.Rule(), kit.Sized(0, 30, kit.Inset(3, 8, 3, 8, kit.Across(10, s.count, kit.Spacer(), s.more))))
}

// emptyState stands in place of rows.
type emptyState struct {
	content       *fyne.Container
	title, detail *kit.Prose
	add, all      *kit.Button
}

func newEmptyState(s *Screen) *emptyState {
	e := &emptyState{title: kit.NewProse(), detail: kit.NewProse()}
	e.add = kit.NewButton("Add a device", kit.Primary, s.shell.AddDevice)
	e.all = kit.NewButton("Show all attempts", kit.Secondary, func() {
		s.search.Entry.SetText("")
		s.ask(func(q *query) { q.choice, q.text, q.about = "all", "", "" })
	})
	check := kit.NewButton("Check credentials", kit.Secondary, func() { s.shell.Check() })
	e.content = container.NewStack(kit.Centred(360, kit.Down(10, e.title, e.detail, kit.Across(8, e.add, e.all, check))))
	e.content.Hide()
	return e
}

func (e *emptyState) set(on bool, q query) {
	if !on {
		e.content.Hide()
		return
	}
	title, detail := q.nothing()
	e.title.Set(kit.Run{Text: title, Type: kit.Title})
	e.detail.Set(kit.Run{Text: detail, Type: kit.Quiet})
	nobody := q.withoutSelection() == query{choice: "all", limit: q.limit}
	e.add.Hidden, e.all.Hidden = !nobody, nobody
	e.content.Show()
	e.content.Refresh()
}

func aboutLabel(about string) string {
	if sid.Valid(sid.Device, about) {
		return "Device " + sid.Short(about)
	}
	if isThumbprint(about) {
		return "Certificate " + words.Thumbprint(about)
	}
	return "Credential " + sid.Short(about)
}
