package attempts

import (
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/gateway/cause"
)

// list is the table of attempts, newest first.
func (s *Screen) list() fyne.CanvasObject {
	s.table = kit.NewDataTable(func(r *row) string { return r.key },
		kit.TextColumn("time", "Time", 94, kit.Mono, func(r *row) string { return r.at }),
		kit.Column[*row]{
			ID: "code", Label: "Code", Width: 62, Text: func(r *row) string { return r.code.Label() },
			Create: func() fyne.CanvasObject { return kit.NewBadge(0) },
			Update: func(cell fyne.CanvasObject, r *row) { cell.(*kit.Badge).Set(r.code) },
		},
		kit.Column[*row]{
			ID: "mark", Width: 18, Text: func(r *row) string { return "" },
			Create: func() fyne.CanvasObject { m := kit.NewIcon("attention", kit.Warn, 12); m.Hide(); return m },
			Update: func(cell fyne.CanvasObject, r *row) {
				if cell.Visible() != r.marked {
					if r.marked {
						cell.Show()
					} else {
						cell.Hide()
					}
				}
			},
		},
		kit.TextColumn("device", "Device", 98, kit.Body, func(r *row) string { return r.device }),
		kit.TextColumn("what", "What happened", 226, kit.Body, func(r *row) string { return r.what }).Narrowing(110),
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
	only := func(label string, narrow func(*query)) {
		items = append(items, fyne.NewMenuItem("Only "+label, func() { s.ask(narrow) }))
	}
	if r.credentialSID != "" {
		only("attempts with "+r.cred, func(q *query) { q.credential = r.credentialSID })
	} else if r.thumbprint != "" {
		only("this certificate", func(q *query) { q.thumbprint = r.thumbprint })
	}
	only("attempts from "+host(r.remote), func(q *query) { q.from = host(r.remote) })
	if r.serverName != "" {
		only("server name "+r.serverName, func(q *query) { q.serverName = r.serverName })
	}
	if r.cause != "" && r.cause != cause.Accepted {
		only("“"+causeLabel(r.cause)+"”", func(q *query) { q.cause = r.cause })
	}
	items = append(items,
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem("Copy report", func() { s.copyReport(r.id) }),
	)
	return fyne.NewMenu("", items...)
}

// filters are the chips, the text field, the button that follows or pauses, and what else restricts the list.
func (s *Screen) filters() fyne.CanvasObject {
	s.chips = map[string]*kit.Chip{}
	row := kit.Flow(6)
	s.bar = row
	for _, c := range choices {
		if c.rare {
			continue
		}
		chip := kit.NewChip(c.icon, c.label, func() { s.ask(func(q *query) { q.choice = c.id }) })
		chip.Choose(c.id == "all")
		s.chips[c.id] = chip
		row.Add(chip)
	}
	s.rarer = kit.NewChip("unfolded", "More", func() { dropDown(s.rarer, s.rarerMenu()...) })
	s.span = kit.NewChip("unfolded", spans[0].label, func() { dropDown(s.span, s.spanMenu()...) })
	row.Add(s.rarer)
	s.on = kit.Flow(6)
	s.on.Hide()
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
	s.line = container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 8, kit.Across(8, s.span, s.follow)), s.search)
	return kit.Down(0, kit.Inset(10, 10, 10, 10, kit.Down(8, row, s.line, s.on)), kit.Rule())
}

// dropDown opens a menu below a control.
func dropDown(below fyne.CanvasObject, items ...*fyne.MenuItem) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(below); c != nil {
		widget.ShowPopUpMenuAtRelativePosition(fyne.NewMenu("", items...), c, fyne.NewPos(0, below.Size().Height+2), below)
	}
}

// rarerMenu holds the codes without a chip of their own, and what can be picked from a list.
func (s *Screen) rarerMenu() (items []*fyne.MenuItem) {
	q := s.wanted()
	for _, c := range choices {
		if c.rare {
			item := fyne.NewMenuItem(c.said(), func() { s.ask(func(q *query) { q.choice = c.id }) })
			item.Checked = q.choice == c.id
			items = append(items, item)
		}
	}
	pick := func(label string, of func(*row) (key, label string), narrow func(*query, string)) {
		items = append(items, fyne.NewMenuItem(label+"…", func() {
			var keys, labels []string
			for _, r := range s.rows {
				if key, label := of(r); key != "" && !slices.Contains(keys, key) {
					keys, labels = append(keys, key), append(labels, label)
				}
			}
			s.p.Fix.Pick("Show only attempts of one "+strings.ToLower(strings.TrimPrefix(label, "By ")), labels, func(i int) {
				s.ask(func(q *query) { narrow(q, keys[i]) })
			})
		}))
	}
	items = append(items, fyne.NewMenuItemSeparator())
	pick("By device", func(r *row) (string, string) { return r.deviceSID, r.device }, func(q *query, key string) { q.device = key })
	pick("By credential", func(r *row) (string, string) { return r.credentialSID, r.cred }, func(q *query, key string) { q.credential = key })
	pick("By address", func(r *row) (string, string) { return host(r.remote), host(r.remote) }, func(q *query, key string) { q.from = key })
	pick("By server name", func(r *row) (string, string) { return r.serverName, r.serverName }, func(q *query, key string) { q.serverName = key })
	pick("By cause", func(r *row) (string, string) {
		if r.cause == "" || r.cause == cause.Accepted {
			return "", ""
		}
		return string(r.cause), causeLabel(r.cause)
	}, func(q *query, key string) { q.cause = cause.ID(key) })
	return items
}

func (s *Screen) spanMenu() (items []*fyne.MenuItem) {
	now := s.wanted().within
	for _, span := range spans {
		item := fyne.NewMenuItem(span.label, func() { s.ask(func(q *query) { q.within = span.within }) })
		item.Checked = span.within == now
		items = append(items, item)
	}
	return items
}

// mark shows what is on.
func (s *Screen) mark(q query) {
	rare := "More"
	for _, c := range choices {
		if chip := s.chips[c.id]; chip != nil {
			chip.Choose(c.id == q.choice)
		} else if c.id == q.choice {
			rare = c.said()
		}
	}
	s.rarer.SetLabel(rare)
	s.rarer.Choose(rare != "More")
	s.span.SetLabel(spanLabel(q.within))
	s.span.Choose(q.within != 0)
	s.line.Refresh()
	s.bar.Refresh()
	s.on.RemoveAll()
	for _, r := range q.restrictions(s.nameOf(q.device)) {
		chip := kit.NewChip("cross", r.label, func() { s.ask(r.drop) })
		chip.Choose(true)
		s.on.Add(chip)
	}
	s.on.Hidden = !q.filtered()
	if q.filtered() {
		s.on.Add(kit.NewButton("Clear filters", kit.Small, s.clear))
	}
	s.on.Refresh()
}

// clear takes all filters off.
func (s *Screen) clear() {
	s.search.Entry.SetText("")
	s.ask(func(q *query) { *q = q.cleared() })
}

// nameOf is the name of a device, as far as a listed attempt has it.
func (s *Screen) nameOf(deviceSID string) string {
	for _, r := range s.rows {
		if deviceSID != "" && r.deviceSID == deviceSID && r.device != "—" {
			return r.device
		}
	}
	return ""
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
	e.all = kit.NewButton("Show all attempts", kit.Secondary, s.clear)
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
	nobody := !q.filtered()
	e.add.Hidden, e.all.Hidden = !nobody, nobody
	e.content.Show()
	e.content.Refresh()
}
