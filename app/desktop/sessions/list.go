package sessions

import (
	"cmp"
	"math"
	"net"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
)

// list is the table of sessions.
func (s *Screen) list() fyne.CanvasObject {
	s.table = kit.NewDataTable(func(r *row) string { return r.key },
		kit.Column[*row]{
			ID: "state", Label: "State", Width: 66, Text: func(r *row) string { return r.state() },
			Create: newStateCell,
			Update: setState,
		},
		kit.TextColumn("device", "Device", 114, kit.Body, func(r *row) string { return r.device }),
		kit.TextColumn("remote", "Address", 126, kit.Mono, func(r *row) string { return r.remote }),
		kit.TextColumn("credential", "Credential", 76, kit.Mono.In(kit.Muted), func(r *row) string { return r.cred }),
		number("traffic", "In / out", 84, func(r *row) string { return r.traffic }, func(r *row) uint64 { return r.session.In + r.session.Out }),
		number("waits", "Waits", 50, func(r *row) string { return r.waits }, func(r *row) uint64 { return uint64(r.session.InFlight + r.session.Queued) }),
		number("subscriptions", "Subs", 42, func(r *row) string { return strconv.Itoa(len(r.session.Subscriptions)) },
			func(r *row) uint64 { return uint64(len(r.session.Subscriptions)) }),
		number("age", "For", 0, func(r *row) string { return r.age }, func(r *row) uint64 { return uint64(math.MaxInt64 - max(r.session.Since.Unix(), 0)) }),
	)
	s.table.Steady = true
	s.table.OnSelect = func(r *row) { s.ask(func(q *query) { q.selected = r.key }) }
	s.table.OnOpen = func(r *row) { s.p.Shell.Go(shell.Devices, r.key) }
	s.table.Menu = s.menu
	s.nothing = kit.NewProse()
	s.empty = container.NewStack(kit.Centred(360, kit.Down(10, s.nothing)))
	s.empty.Hide()
	return container.NewStack(container.NewClip(s.table), s.empty)
}

// number is a column of quantities, sorted by what they are rather than by what they look like.
func number(id, label string, width float32, text func(*row) string, value func(*row) uint64) kit.Column[*row] {
	c := kit.TextColumn(id, label, width, kit.Mono.Right(), text)
	c.Compare = func(a, b *row) int { return cmp.Compare(value(a), value(b)) }
	return c
}

// menu is what a row offers: only what its session has.
func (s *Screen) menu(r *row) *fyne.Menu {
	items := []*fyne.MenuItem{
		fyne.NewMenuItem("Show device "+r.device, func() { s.p.Shell.Go(shell.Devices, r.key) }),
	}
	if r.session.AttemptID != 0 {
		items = append(items, fyne.NewMenuItem("Show how it connected", func() { s.showAttempt(r) }),
			fyne.NewMenuItem("Show its packets", func() { s.showPackets(r) }))
	}
	if r.session.CredentialSID != "" {
		items = append(items, fyne.NewMenuItem("Attempts with "+r.cred, func() { s.p.Shell.Go(shell.Attempts, r.session.CredentialSID) }))
	}
	if host := hostOf(r.session.Remote); host != "" {
		items = append(items, fyne.NewMenuItem("Attempts from "+host, func() { s.p.Shell.Go(shell.Attempts, shell.FromKey(host)) }))
	}
	items = append(items, fyne.NewMenuItemSeparator())
	if s.p.Tracer != nil {
		items = append(items, fyne.NewMenuItem(traceLabel(r), func() { s.trace(r, !r.traced) }))
	}
	if r.session.Connected {
		items = append(items, fyne.NewMenuItem("Disconnect", func() { s.disconnect(r) }))
	}
	items = append(items, fyne.NewMenuItem("Drop session…", func() { s.drop(r) }))
	return fyne.NewMenu("", items...)
}

func (s *Screen) showAttempt(r *row) {
	s.p.Shell.Go(shell.Attempts, shell.AttemptKey(r.session.AttemptID))
}

func traceLabel(r *row) string {
	if r.traced {
		return "Stop tracing"
	}
	return "Trace packets"
}

// hostOf is an address without its port.
func hostOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// filters are the chips and the text field.
func (s *Screen) filters() fyne.CanvasObject {
	s.chips = map[string]*kit.Chip{}
	chips := kit.Across(6)
	for _, c := range [][2]string{{"all", "All"}, {"live", "Live"}, {"parked", "Parked"}} {
		chip := kit.NewChip("", c[1], func() { s.ask(func(q *query) { q.choice = c[0] }) })
		chip.Choose(c[0] == "all")
		s.chips[c[0]] = chip
		chips.Add(chip)
	}
	s.search = kit.NewField("Filter by device, address, topic…")
	s.search.OnChanged(func(text string) { s.ask(func(q *query) { q.text = text }) })
	s.count = kit.NewText("", kit.Caption)
	line := container.NewBorder(nil, nil, chips, kit.Inset(0, 0, 0, 12, s.count), kit.Inset(0, 0, 0, 8, s.search))
	return kit.Down(0, kit.Inset(10, 10, 10, 10, line), kit.Rule())
}

// newStateCell says live or parked, by icon, word and colour.
func newStateCell() fyne.CanvasObject {
	return kit.Across(5, kit.NewIcon("check", kit.Good, 11), kit.NewText("live", kit.CaptionBold.In(kit.Good)))
}

func setState(cell fyne.CanvasObject, r *row) {
	icon, color := "minus", kit.Muted
	if r.session.Connected {
		icon, color = "check", kit.Good
	}
	if r.traced {
		icon, color = "record", kit.Bad
	}
	parts := cell.(*fyne.Container).Objects
	parts[0].(*kit.Icon).Set(icon, color)
	word := parts[1].(*kit.Text)
	word.Set(r.state())
	word.SetType(kit.CaptionBold.In(color))
}
