package servers

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
)

// list is the left side: all wrong servers.
type list struct {
	view    *View
	content fyne.CanvasObject
	table   *kit.DataTable[row]
	all     *kit.Button
	count   *kit.Text
	chips   map[string]*kit.Chip // by group; empty: all
}

func newList(v *View) *list {
	l := &list{view: v, count: kit.NewText("", kit.Caption), chips: map[string]*kit.Chip{}}
	l.table = kit.NewDataTable(func(r row) string { return string(r.kind) },
		kit.Column[row]{
			ID: "on", Width: 26, Create: func() fyne.CanvasObject { return kit.NewIcon("minus", kit.Line, 12) },
			Update: func(cell fyne.CanvasObject, r row) {
				if r.on {
					cell.(*kit.Icon).Set("record", kit.Good)
				} else {
					cell.(*kit.Icon).Set("minus", kit.Line)
				}
			},
		},
		kit.TextColumn("title", "Server", 0, kit.Body, func(r row) string { return r.title }),
		kit.Column[row]{
			ID: "switch", Width: 68, Text: row.does,
			Create: func() fyne.CanvasObject { return kit.NewLink("Start", kit.Body, nil) },
			Update: func(cell fyne.CanvasObject, r row) {
				link := cell.(*kit.Link)
				switch {
				case r.busy != "":
					link.Set(r.busy, nil)
				case r.on:
					link.Set("Stop", func() { v.stop(r) })
				default:
					link.Set("Start", func() { v.start(r) })
				}
			},
		},
	)
	l.table.Steady = true
	l.table.OnSelect = func(r row) { v.choose(r.kind) }
	l.table.OnOpen = func(r row) { v.toggle(r) }
	l.table.Menu = func(r row) *fyne.Menu {
		items := []*fyne.MenuItem{fyne.NewMenuItem(r.does(), func() { v.toggle(r) })}
		if r.on {
			items = append(items, fyne.NewMenuItem("Copy its address", func() { v.p.Shell.Copy("address", r.server.URL) }))
		}
		return fyne.NewMenu("", items...)
	}
	l.all = kit.NewButton("Stop all", kit.Small, v.stopAll)
	l.all.Hide()
	head := container.NewBorder(nil, nil, nil, kit.Across(0, l.all), kit.Clipped(kit.NewText("Wrong servers", kit.Title)))
	top := kit.Down(0, kit.Inset(10, 10, 6, 12, kit.Sized(0, 24, head)), kit.Inset(0, 12, 8, 12, kit.Clipped(l.count)), kit.Inset(0, 10, 10, 10, l.newChips()), kit.Rule())
	l.content = kit.Card(1, kit.Above(0, top, container.NewClip(l.table)))
	return l
}

// newChips filter by what is wrong.
func (l *list) newChips() fyne.CanvasObject {
	chips := kit.Flow(6)
	add := func(group, label string) {
		l.chips[group] = kit.NewChip("", label, func() { l.view.ask(func() { l.view.group = group }) })
		chips.Add(l.chips[group])
	}
	add("", "All")
	for _, r := range l.view.kinds {
		if l.chips[r.group] == nil {
			add(r.group, r.group)
		}
	}
	return chips
}

// does is what a tap does, in a word.
func (r row) does() string {
	if r.on {
		return "Stop"
	}
	return "Start"
}

// toggle starts a server, or stops it.
func (v *View) toggle(r row) {
	if r.on {
		v.stop(r)
	} else {
		v.start(r)
	}
}

func (l *list) show(shot snapshot) {
	rows := shot.rows
	if shot.group != "" {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.group != shot.group })
	}
	l.table.SetRows(rows)
	for group, chip := range l.chips {
		chip.Choose(group == shot.group)
	}
	if chosen, ok := l.table.Selected(); !ok || chosen.kind != shot.chosen.kind {
		l.table.Select(string(shot.chosen.kind))
	}
	l.all.Hidden = shot.running == 0
	text := "None is running. Start one, and let your device connect to it."
	if shot.running > 0 {
		text = words.Grouped(shot.running) + " running, each for an hour at most."
	}
	l.count.Set(text)
}
