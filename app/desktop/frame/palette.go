package frame

import (
	"context"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	box "fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/state"
)

// Found is something that can be gone to, or done.
type Found struct {
	Icon   string // of the kit
	Title  string
	Detail string
	Do     func() // runs on the UI goroutine
}

// mostFound are listed at once: more is a reason to type another letter.
const mostFound = 50

// shortcuts are Ctrl+K and Ctrl+1 to Ctrl+8. Fields of the kit forward what they do not know.
func (f *Frame) shortcuts() {
	add := func(key fyne.KeyName, do func()) {
		f.p.Window.Canvas().AddShortcut(&desktop.CustomShortcut{KeyName: key, Modifier: fyne.KeyModifierShortcutDefault},
			func(fyne.Shortcut) { do() })
	}
	add(fyne.KeyK, f.OpenPalette)
	f.p.Window.Canvas().SetOnTypedKey(f.typed)
	for i, key := range []fyne.KeyName{fyne.Key1, fyne.Key2, fyne.Key3, fyne.Key4, fyne.Key5, fyne.Key6, fyne.Key7, fyne.Key8} {
		add(key, func() {
			if i < len(f.places) {
				f.Go(f.places[i].name, "")
			}
		})
	}
}

// actions are what can be done from anywhere.
func (f *Frame) actions() []Found {
	var all []Found
	for i, p := range f.places {
		all = append(all, Found{Icon: string(p.name), Title: p.label, Detail: "Ctrl+" + strconv.Itoa(i+1), Do: func() { f.Go(p.name, "") }})
	}
	if f.p.Actions != nil {
		all = append(all, f.p.Actions()...)
	}
	s := f.header.shown
	act := func(title, detail string, do func()) {
		all = append(all, Found{Icon: "chevron", Title: title, Detail: detail, Do: do})
	}
	if f.p.AddDevice != nil {
		act("Add a device", "", f.AddDevice)
	}
	if f.p.Check != nil {
		act("Check credentials", "a certificate, a key, a secret, any server", func() { f.Check() })
	}
	if s.State == Listening {
		act("Stop the gateway", s.URL, f.header.toggle)
	} else {
		act("Start the gateway", s.URL, f.header.toggle)
	}
	act("Copy the gateway’s address", s.URL, func() { f.Copy("address", s.URL) })
	switch {
	case s.Fixed:
	case s.Network:
		act("Keep to this machine only", "", func() { f.header.network(false) })
	default:
		act("Let devices on my network connect", "", func() { f.header.network(true) })
	}
	if f.presenter {
		act("End presenting", "", func() { f.SetPresenter(false) })
	} else {
		act("Present: larger, secrets masked", "", func() { f.SetPresenter(true) })
	}
	act("Use the light theme", "", func() { f.SetTheme(state.Light) })
	act("Use the dark theme", "", func() { f.SetTheme(state.Dark) })
	act("Use the system’s theme", "", func() { f.SetTheme(state.System) })
	return all
}

// matching are the actions that hold every word of a query.
func matching(all []Found, query string) []Found {
	words := strings.Fields(strings.ToLower(query))
	var found []Found
next:
	for _, item := range all {
		text := strings.ToLower(item.Title + " " + item.Detail)
		for _, word := range words {
			if !strings.Contains(text, word) {
				continue next
			}
		}
		found = append(found, item)
	}
	return found
}

// OpenPalette finds and does anything: actions, devices and attempts.
func (f *Frame) OpenPalette() {
	actions := f.actions()
	f.choose("Find a device, an attempt or an action", func(query string, show func([]Found)) {
		found := matching(actions, query)
		show(found)
		if f.p.Find == nil || strings.TrimSpace(query) == "" {
			return
		}
		var more []Found
		f.Background(func(context.Context) error { more = f.p.Find(query); return nil }, func(error) {
			show(append(found[:len(found):len(found)], more...))
		})
	})
}

// Pick asks for one of several; labels may be many.
func (f *Frame) Pick(title string, labels []string, chosen func(int)) {
	items := make([]Found, len(labels))
	for i, label := range labels {
		items[i] = Found{Icon: "chevron", Title: label, Do: func() { chosen(i) }}
	}
	f.choose(title, func(query string, show func([]Found)) { show(matching(items, query)) })
}

// choose opens the palette; look is asked at every letter, and may show more than once.
func (f *Frame) choose(title string, look func(query string, show func([]Found))) {
	if f.palette != nil {
		f.palette.close()
	}
	p := &palette{frame: f, look: look}
	f.palette = p
	p.open(title)
}

// palette is a field above a table of what was found. The keyboard stays in the field: arrows move in the table.
type palette struct {
	frame *Frame
	look  func(string, func([]Found))
	pop   *widget.PopUp
	field *paletteEntry
	table *kit.DataTable[Found]
	found []Found
	at    int
	marks bool // the table is being told the choice: it is not the user who chose
	asked int  // rises with every letter: answers to older ones are dropped
}

// paletteEntry hands over the keys that move the choice.
type paletteEntry struct {
	kit.Entry
	onKey func(fyne.KeyName) bool
}

// TypedKey implements fyne.Focusable.
func (e *paletteEntry) TypedKey(k *fyne.KeyEvent) {
	if !e.onKey(k.Name) {
		e.Entry.TypedKey(k)
	}
}

func (p *palette) open(title string) {
	p.field = &paletteEntry{onKey: p.typed}
	p.field.ExtendBaseWidget(p.field)
	p.field.PlaceHolder = title
	p.field.OnChanged = p.ask
	p.table = kit.NewDataTable(func(f Found) string { return f.Icon + f.Title + "\x00" + f.Detail },
		kit.Column[Found]{
			ID: "icon", Width: 30,
			Create: func() fyne.CanvasObject { return kit.NewIcon("chevron", kit.Muted, 14) },
			Update: func(cell fyne.CanvasObject, f Found) { cell.(*kit.Icon).Set(f.Icon, kit.Muted) },
		},
		kit.TextColumn("title", "", 0, kit.Body, func(f Found) string { return f.Title }),
		kit.TextColumn("detail", "", 250, kit.Caption, func(f Found) string { return f.Detail }),
	)
	p.table.OnSelect = func(f Found) {
		if !p.marks {
			p.do(f)
		}
	}
	size := p.frame.p.Window.Canvas().Size()
	width, height := min(640, size.Width-40), min(420, size.Height-80)
	body := box.NewBorder(kit.Down(0, kit.Sized(0, 40, kit.Inset(5, 6, 5, 6, p.field)), kit.Rule()), nil, nil, nil,
		box.NewClip(&fyne.Container{Layout: headless{}, Objects: []fyne.CanvasObject{p.table}}))
	p.pop = widget.NewModalPopUp(kit.Sized(width, height, body), p.frame.p.Window.Canvas())
	p.pop.Show()
	p.ask("")
	p.frame.p.Window.Canvas().Focus(p.field)
}

func (p *palette) ask(query string) {
	p.asked++
	asked := p.asked
	p.look(query, func(found []Found) {
		if asked == p.asked && p.pop != nil {
			p.set(found)
		}
	})
}

func (p *palette) set(found []Found) {
	p.found = found[:min(len(found), mostFound)]
	p.at = 0
	p.table.Follow()
	p.table.SetRows(p.found)
	p.mark()
}

// mark shows which one Enter takes.
func (p *palette) mark() {
	if p.at < len(p.found) {
		f := p.found[p.at]
		p.marks = true
		p.table.Select(f.Icon + f.Title + "\x00" + f.Detail)
		p.marks = false
	}
}

// typed takes the keys that are not text.
func (p *palette) typed(key fyne.KeyName) bool {
	switch key {
	case fyne.KeyDown:
		p.at = min(p.at+1, max(len(p.found)-1, 0))
		p.mark()
	case fyne.KeyUp:
		p.at = max(p.at-1, 0)
		p.mark()
	case fyne.KeyReturn, fyne.KeyEnter:
		if p.at < len(p.found) {
			p.do(p.found[p.at])
		}
	case fyne.KeyEscape:
		p.close()
	default:
		return false
	}
	return true
}

func (p *palette) do(f Found) {
	p.close()
	f.Do()
}

func (p *palette) close() {
	if p.pop != nil {
		p.pop.Hide()
		p.pop = nil
	}
	if p.frame.palette == p {
		p.frame.palette = nil
	}
}

// headless hides the head of a table above its place: what was found needs no names of columns.
type headless struct{}

const headHeight = kit.RowHeight + 1

// MinSize implements fyne.Layout.
func (headless) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(100, 100) }

// Layout implements fyne.Layout.
func (headless) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	objects[0].Resize(size.AddWidthHeight(0, headHeight))
	objects[0].Move(fyne.NewPos(0, -headHeight))
}
