package checkup

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/gateway/attempt"
)

// given is the left side: what the device has, and where it goes.
type given struct {
	sheet   *Sheet
	content fyne.CanvasObject

	files      *fyne.Container
	paste      *form.Area
	pasting    *fyne.Container // the field with its buttons; hidden until it is wanted
	passRow    *fyne.Container
	passphrase *kit.Field
	key        *kit.Field
	secret     *kit.Field
	here       bool
	hereChip   *kit.Chip
	otherChip  *kit.Chip
	target     *kit.Field
	mine       *kit.Text
	round      *form.Switch
	warning    *fyne.Container
	warned     *kit.Prose
	run        *kit.Button
	pasted     int // texts, to name them
}

func newGiven(s *Sheet) *given {
	g := &given{
		sheet: s, files: kit.Down(6), here: true, warned: kit.NewProse(), mine: kit.NewText("", kit.Mono),
		passphrase: masked("passphrase of the private key"), key: kit.NewField("Key SID, or the user name of another server"), secret: masked("secret"),
		target: kit.NewField("mqtts://broker.example:8883"),
	}
	g.passphrase.OnChanged(func(string) { s.inspect() })
	g.key.OnChanged(func(string) { s.inspect() })
	g.target.OnChanged(func(string) { g.show() })
	for _, f := range []*kit.Field{g.passphrase, g.key, g.secret, g.target} {
		f.Entry.OnSubmitted = func(string) { s.start() }
	}
	g.hereChip = kit.NewChip("", "This gateway", func() { g.aim(true) })
	g.otherChip = kit.NewChip("", "Another server", func() { g.aim(false) })
	g.round = form.NewSwitch("Subscribe and publish as well", nil)
	g.run = kit.NewButton("Check", kit.Primary, s.start)
	g.warning = container.NewBorder(nil, nil, kit.Inset(1, 8, 0, 0, kit.Down(0, kit.NewIcon("attention", kit.Warn, 12))), nil, kit.Down(0, g.warned))
	choose := kit.NewButton("Choose a file…", kit.Secondary, func() {
		s.p.Fix.Shell.Open(func(name string, content []byte) { s.Take([]shell.File{{Name: name, Content: content}}) })
	})
	g.paste = form.NewArea("-----BEGIN CERTIFICATE----- …", 5, nil)
	take := kit.NewButton("Take it", kit.Secondary, g.takePasted)
	g.pasting = kit.Down(6, g.paste, kit.Across(6, take, kit.NewButton("Cancel", kit.Secondary, func() { g.openPaste(false) })))
	g.pasting.Hide()
	paste := kit.NewButton("Paste text…", kit.Secondary, func() { g.openPaste(true) })
	drop := container.NewStack(kit.NewBox(kit.Look{Fill: kit.Well, Border: kit.Line, Radius: kit.CardRound, Dashed: true}), kit.Inset(12, 12, 12, 12, kit.Down(8,
		kit.NewProse(kit.Run{Text: "Drop files here: certificate, private key, PKCS#12, authority", Type: kit.Quiet}),
		kit.Flow(6, choose, paste))))
	g.passRow = labelled("Passphrase", g.passphrase)
	fields := kit.Down(14,
		section("What the device has", drop, g.pasting, g.files, g.passRow, labelled("Key SID", g.key), labelled("Secret", g.secret)),
		section("Where it connects", kit.Across(6, g.hereChip, g.otherChip), container.NewStack(g.target, kit.Sized(0, 30, kit.Clipped(kit.Across(0, g.mine)))), g.round),
	)
	foot := kit.Inset(10, 10, 0, 0, kit.Down(8, g.warning, kit.Across(10, g.run)))
	g.content = container.NewBorder(nil, foot, nil, nil, container.NewVScroll(kit.Inset(0, 10, 0, 0, fields)))
	g.aim(true)
	return g
}

// masked is a field whose text cannot be read, nor be revealed: a room may look on.
func masked(placeholder string) *kit.Field {
	f := kit.NewField(placeholder)
	f.Entry.Password = true
	f.Entry.ActionItem = canvas.NewRectangle(kit.Clear) // instead of the framework's button that reveals
	return f
}

func section(title string, parts ...fyne.CanvasObject) fyne.CanvasObject {
	return kit.Down(8, append([]fyne.CanvasObject{kit.NewText(title, kit.Title)}, parts...)...)
}

func labelled(label string, field fyne.CanvasObject) *fyne.Container {
	return container.NewBorder(nil, nil, kit.Sized(86, 30, kit.NewText(label, kit.Caption)), nil, field)
}

func (g *given) user() string   { return form.Trim(g.key) }
func (g *given) keySID() string { return keySID(g.user()) }

// address is where the check goes.
func (g *given) address() string {
	if g.here {
		return g.sheet.p.Gateway.Target()
	}
	return form.Trim(g.target)
}

func (g *given) aim(here bool) {
	g.here = here
	g.hereChip.Choose(here)
	g.otherChip.Choose(!here)
	g.target.Hidden, g.mine.Hidden = here, !here
	g.show()
}

func (g *given) openPaste(on bool) {
	g.paste.Entry.SetText("")
	g.pasting.Hidden = !on
	g.sheet.content.Refresh()
}

// takePasted takes what was pasted as a file, so that it is shown and removed as one.
func (g *given) takePasted() {
	text := g.paste.Entry.Text
	g.openPaste(false)
	if strings.TrimSpace(text) == "" {
		return
	}
	name := "pasted text"
	if g.pasted++; g.pasted > 1 {
		name = "more pasted text"
	}
	for g.sheet.has(name) {
		name += ", too"
	}
	g.sheet.Take([]shell.File{{Name: name, Content: []byte(text)}})
}

func (s *Sheet) has(name string) bool {
	for _, f := range s.files {
		if f.Name == name {
			return true
		}
	}
	return false
}

// show brings files, warning and buttons up to date.
func (g *given) show() {
	s := g.sheet
	if s.content == nil {
		return // being built
	}
	g.files.RemoveAll()
	encrypted := false
	for _, f := range s.found {
		g.files.Add(g.file(f))
		encrypted = encrypted || f.Encrypted
	}
	for _, p := range s.together {
		g.files.Add(problem(p))
	}
	g.files.Hidden = len(g.files.Objects) == 0
	g.passRow.Hidden = !encrypted && g.passphrase.Entry.Text == ""
	target := s.p.Gateway.Target()
	if target == "" {
		g.mine.Set("The gateway is stopped: start it above.")
	} else {
		g.mine.Set(target)
	}
	said := g.evicts()
	g.warning.Hidden = said == ""
	g.warned.Set(kit.Run{Text: said, Type: kit.Body})
	if s.cancel != nil || g.address() == "" {
		g.run.Disable()
	} else {
		g.run.Enable()
	}
	s.content.Refresh()
}

// evicts warns that a device has one connection at most: the check takes its place.
func (g *given) evicts() string {
	o := g.sheet.owner
	switch {
	case g.here && o.Connected:
		return o.Device + " is connected now. The check takes its place and ends that connection; its session stays, and it may connect again."
	case !g.here && len(g.sheet.files) > 0, !g.here && g.user() != "":
		return "If the device is connected there now, the server may end that connection when the check takes its place."
	}
	return ""
}

// file is one file: what it is, and what is wrong with it.
func (g *given) file(f Found) fyne.CanvasObject {
	icon, color := "file", kit.Muted
	for _, p := range f.Problems {
		if p.State == attempt.Bad {
			icon, color = "cross", kit.Bad
		}
	}
	said := kit.Down(2, kit.NewProse(kit.Run{Text: f.Title, Type: kit.Strong}))
	detail := f.Name
	if f.Detail != "" {
		detail += " · " + f.Detail
	}
	said.Add(kit.NewProse(kit.Run{Text: detail, Type: kit.Caption}))
	for _, p := range f.Problems {
		said.Add(problem(p))
	}
	remove := kit.NewButton("Remove", kit.Small, func() { g.sheet.remove(f.Name) })
	return kit.Panel(kit.Raised, kit.Line, 10, container.NewBorder(nil, nil, kit.Inset(2, 9, 0, 0, kit.Down(0, kit.NewIcon(icon, color, 14))), kit.Inset(0, 0, 0, 10, kit.Down(0, remove)), said))
}

func problem(p Problem) fyne.CanvasObject {
	icon, color := stateLook(p.State)
	said := []kit.Run{{Text: p.What, Type: kit.Body.In(color)}}
	if p.Advice != "" {
		said = append(said, kit.Run{Text: " " + p.Advice, Type: kit.Body})
	}
	return container.NewBorder(nil, nil, kit.Inset(3, 7, 0, 0, kit.Down(0, kit.NewIcon(icon, color, 11))), nil, kit.Down(0, kit.NewProse(said...)))
}

func stateLook(s attempt.State) (icon string, color kit.Color) {
	switch s {
	case attempt.Bad:
		return "cross", kit.Bad
	case attempt.Warn:
		return "attention", kit.Warn
	}
	return "check", kit.Good
}

// forget wipes what was typed.
func (g *given) forget() {
	for _, f := range []*kit.Field{g.passphrase, g.key, g.secret, g.target} {
		f.OnChanged(nil)
		f.Entry.SetText("")
	}
	g.paste.Entry.SetText("")
	g.files.RemoveAll()
}
