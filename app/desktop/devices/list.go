package devices

import (
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/kit"
	"gatehouse/gateway/registry"
)

// list is the table of devices under its filters, or what to do while there are none.
type list struct {
	s       *Screen
	all     snapshot
	filter  filter
	order   int
	sort    *fyne.Container // the chip that says how the rows are sorted
	table   *kit.DataTable[row]
	chips   map[string]*countChip
	search  *kit.Field
	full    fyne.CanvasObject
	empty   fyne.CanvasObject
	none    fyne.CanvasObject // the filters leave nothing
	content *fyne.Container
}

var columnWidths = []float32{168, 116, 66, 86, 96, 148, 88, 96, 92}

func newList(s *Screen) *list {
	l := &list{s: s, filter: filter{only: onlyAll}, chips: map[string]*countChip{}}
	l.table = kit.NewDataTable(func(r row) string { return r.device.SID }, l.columns()...)
	l.table.Steady = true
	l.table.OnSelect = func(r row) { s.choose(r.device.SID) }
	l.table.OnBacklog = func(bool, int) { l.escaped() }
	l.table.Menu = func(r row) *fyne.Menu { return s.menu(r) }
	bar := kit.Flow(8)
	for _, only := range []string{onlyAll, onlyConnected, onlyVirtual, onlyDisabled, onlyNotDeployed} {
		chip := newCountChip(only, func() { l.pick(only) })
		l.chips[only] = chip
		bar.Add(chip.Container)
	}
	l.chips[onlyAll].Choose(true)
	l.search = kit.NewField("Filter by name, SID, fleet…")
	l.search.OnChanged(func(text string) { l.filter.text = text; l.apply() })
	add := kit.NewButton("Add a device", kit.Primary, s.p.Shell.AddDevice)
	l.sort = container.NewStack()
	bar.Add(l.sort)
	l.showOrder()
	top := kit.Down(8, container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 8, add), l.search), bar)
	l.none = container.NewCenter(kit.Down(10, kit.NewText("No device matches.", kit.Quiet),
		kit.Across(0, kit.NewButton("Show all", kit.Secondary, l.clear))))
	l.none.Hide()
	clip := container.NewClip(l.table)
	clip.ExtendBaseWidget(clip) // else it has no size until somebody asks for its minimum, and nobody asks what is hidden
	l.full = container.NewBorder(kit.Down(0, kit.Inset(10, 10, 10, 10, top), kit.Rule()), nil, nil, nil, container.NewStack(clip, l.none))
	l.empty = emptyState(s)
	l.full.Hide()
	l.content = kit.Panel(kit.Surface, kit.Line, 1, container.NewStack(l.full, l.empty))
	return l
}

// emptyState says what to do while there is no device.
func emptyState(s *Screen) fyne.CanvasObject {
	return kit.Centred(460, kit.Down(14,
		kit.NewIcon("devices", kit.Muted, 40),
		kit.NewText("No devices yet", kit.Title.Centre()),
		kit.NewProse(kit.Run{Text: "Add one in four steps: a name, a credential, a deployment, and its first connection. This computer can play the device if you have none at hand.", Type: kit.Quiet}),
		container.NewCenter(kit.NewButton("Add your first device", kit.Primary, s.p.Shell.AddDevice)),
	))
}

func (l *list) columns() []kit.Column[row] {
	w := columnWidths
	return []kit.Column[row]{
		kit.TextColumn("name", "Name", w[0], kit.Body, func(r row) string { return r.name }),
		stateColumn("state", "State", w[1], func(r row) mark {
			if r.connected {
				return mark{"check", "Connected", kit.Good}
			}
			return mark{"minus", "Offline", kit.Muted}
		}),
		{
			ID: "code", Label: "Last", Width: w[2],
			Create: func() fyne.CanvasObject { return newCodeCell() },
			Update: func(o fyne.CanvasObject, r row) { o.(*codeCell).set(r.code, r.attempts) },
		},
		kit.TextColumn("sid", "SID", w[3], kit.Mono.In(kit.Muted), func(r row) string { return r.shortSID }),
		stateColumn("enabled", "Enabled", w[4], func(r row) mark {
			if r.device.Enabled {
				return mark{"check", "Enabled", kit.Muted}
			}
			return mark{"barred", "Disabled", kit.Blocked}
		}),
		stateColumn("deployed", "Deployed", w[5], func(r row) mark {
			if r.device.DeploymentSID == "" {
				return mark{"barred", "Not deployed", kit.Blocked}
			}
			return mark{"check", r.deployment, kit.Muted}
		}),
		kit.TextColumn("kind", "Kind", w[6], kit.Quiet, func(r row) string { return kindOf(r) }),
		kit.TextColumn("credentials", "Credentials", w[7], kit.Quiet, row.credentials),
		kit.TextColumn("fleet", "Fleet", w[8], kit.Quiet, func(r row) string { return r.fleet }),
		kit.TextColumn("identity", "Identity", 0, kit.Quiet, func(r row) string { return r.device.Identity }),
	}
}

func kindOf(r row) string {
	if r.virtual {
		return "virtual"
	}
	return "external"
}

// listWidth is the widest that shows whole columns within a room.
func listWidth(room float32) float32 {
	const margins = 8 + 2
	width := columnWidths[0] + columnWidths[1]
	for _, w := range columnWidths[2:] {
		if width+w+margins > room {
			break
		}
		width += w
	}
	return width + margins
}

// set brings the rows as they are now.
func (l *list) set(all snapshot) {
	l.all = all
	for only, chip := range l.chips {
		chip.set(all.counts[only])
	}
	l.apply()
}

func (l *list) apply() {
	rows := sorted(l.filter.apply(l.all.rows), l.order)
	l.table.SetRows(rows)
	some := len(l.all.rows) > 0
	toggle(l.none, some && len(rows) == 0)
	toggle(l.full, some)
	toggle(l.empty, !some)
}

// arrange sorts the rows in another way.
func (l *list) arrange(order int) {
	l.order = order
	l.showOrder()
	l.apply()
}

// showOrder names the order on a chip that offers the others.
func (l *list) showOrder() {
	var chip *kit.Chip
	chip = kit.NewChip("", "Sort: "+orders[l.order].name, func() {
		var items []*fyne.MenuItem
		for i, o := range orders {
			items = append(items, fyne.NewMenuItem(o.name, func() { l.arrange(i) }))
			items[i].Checked = i == l.order
		}
		mend.Menu(chip, items...)
	})
	l.sort.Objects = []fyne.CanvasObject{chip}
	l.sort.Refresh()
}

func toggle(o fyne.CanvasObject, visible bool) {
	if visible != o.Visible() {
		if visible {
			o.Show()
		} else {
			o.Hide()
		}
	}
}

func (l *list) pick(only string) {
	l.filter.only = only
	for name, chip := range l.chips {
		chip.Choose(name == only)
	}
	l.apply()
}

// escaped closes the detail when the Escape key has dropped the choice. A chosen device that the filters hide stays open.
func (l *list) escaped() {
	sid := l.s.Selected()
	if r, found := l.row(sid); !found || !l.filter.keeps(r) {
		return
	}
	if _, chosen := l.table.Selected(); !chosen {
		l.s.choose("")
	}
}

// clear shows all devices.
func (l *list) clear() {
	l.search.Entry.SetText("")
	l.pick(onlyAll)
}

// reveal drops the filters when they hide a device.
func (l *list) reveal(sid string) {
	if r, found := l.row(sid); found && !l.filter.keeps(r) {
		l.clear()
	}
}

// choose selects a device in the table, if it is there.
func (l *list) choose(sid string) bool {
	if _, found := l.row(sid); !found {
		return false
	}
	l.table.Select(sid)
	return true
}

func (l *list) row(sid string) (row, bool) {
	i := slices.IndexFunc(l.all.rows, func(r row) bool { return r.device.SID == sid })
	if i < 0 {
		return row{}, false
	}
	return l.all.rows[i], true
}

// countChip is a filter with how many it keeps.
type countChip struct {
	*fyne.Container
	name   string
	tapped func()
	chip   *kit.Chip
	chosen bool
	shown  int
}

func newCountChip(name string, tapped func()) *countChip {
	c := &countChip{name: name, tapped: tapped, shown: -1}
	c.Container = container.NewStack()
	c.set(0)
	return c
}

// set shows a number; the chip's width follows it.
func (c *countChip) set(n int) {
	if n == c.shown {
		return
	}
	c.shown = n
	label := strings.ToUpper(c.name[:1]) + c.name[1:]
	c.chip = kit.NewChip("", fmt.Sprintf("%s %d", label, n), c.tapped)
	c.chip.Choose(c.chosen)
	c.Objects = []fyne.CanvasObject{c.chip}
	c.Refresh()
}

// Choose marks it.
func (c *countChip) Choose(on bool) { c.chosen = on; c.chip.Choose(on) }

func deploymentName(d registry.Deployment) string { return nameOf(d.FriendlyName, "", d.SID) }
