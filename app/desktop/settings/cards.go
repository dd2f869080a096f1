package settings

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/state"
	"gatehouse/app/words"
)

// card is a titled card with a sentence on what it is for.
func card(title, about string, parts ...fyne.CanvasObject) *fyne.Container {
	all := []fyne.CanvasObject{kit.NewText(title, kit.Title)}
	if about != "" {
		all = append(all, kit.NewProse(kit.Run{Text: about, Type: kit.Quiet}))
	}
	return kit.Card(14, kit.Down(10, append(all, parts...)...))
}

const labelWidth = 92

// line is a label before what it names.
func line(label string, what fyne.CanvasObject, right fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(nil, nil, kit.Sized(labelWidth, 30, kit.NewText(label, kit.Caption)), right, what)
}

// value is a text that fits its place, with a button that copies the whole of it.
type value struct {
	text *kit.Text
	copy *kit.Button
	line fyne.CanvasObject
}

func (s *Screen) value(label, what string) *value {
	v := &value{text: kit.NewText("", kit.Mono)}
	v.copy = kit.NewButton("Copy", kit.Small, func() { s.p.Shell.Copy(what, v.text.String()) })
	v.line = line(label, kit.Clipped(v.text), kit.Across(0, v.copy))
	return v
}

// listenerCard is where devices connect.
type listenerCard struct {
	screen       *Screen
	content      *fyne.Container
	url          *value
	address      *kit.Text
	port         *kit.Field
	save         *kit.Button
	machine, lan *kit.Chip
	wrong        *kit.Prose
	fixed        *kit.Prose
	free         *fyne.Container // what can be changed, unless the address is fixed
	any, sync    *kit.Chip
	shown        View
}

func newListenerCard(s *Screen) *listenerCard {
	c := &listenerCard{screen: s, address: kit.NewText("", kit.Mono), port: kit.NewField("8883"), wrong: kit.NewProse(), fixed: kit.NewProse()}
	c.url = s.value("Devices use", "address")
	c.save = kit.NewButton("Use this port", kit.Secondary, c.move)
	c.save.Disable()
	c.port.Entry.OnSubmitted = func(string) { c.move() }
	c.port.OnChanged(func(string) { c.check() })
	c.machine = kit.NewChip("", "This machine only", func() { c.network(false) })
	c.lan = kit.NewChip("", "My network", func() { c.network(true) })
	c.any = kit.NewChip("", "Any topic", func() { c.topics(false) })
	c.sync = kit.NewChip("", "Only below sync/", func() { c.topics(true) })
	c.wrong.Hide()
	c.fixed.Hide()
	c.free = kit.Down(10, line("Port", c.port, kit.Inset(0, 0, 0, 8, c.save)), c.wrong,
		line("Reachable by", kit.Across(6, c.machine, c.lan), nil))
	c.content = card("Listener", "MQTT over TLS. A change ends live connections; devices may connect again at once, and their sessions stay.",
		c.url.line,
		line("Listens on", kit.Clipped(c.address), nil),
		c.free, c.fixed,
		line("Topics", kit.Across(6, c.any, c.sync), nil),
	)
	return c
}

func (c *listenerCard) set(v View) {
	before := c.shown
	c.shown = v
	c.url.text.Set(v.URL)
	bound := v.Address
	if bound == "" {
		bound = "not listening"
	}
	c.address.Set(bound)
	if before.Port != v.Port && c.port.Entry.Text != strconv.Itoa(v.Port) {
		c.port.Entry.SetText(strconv.Itoa(v.Port))
	}
	c.machine.Choose(!v.Network)
	c.lan.Choose(v.Network)
	c.any.Choose(!v.SyncTopicsOnly)
	c.sync.Choose(v.SyncTopicsOnly)
	c.fixed.Hidden, c.free.Hidden = !v.Fixed, v.Fixed
	if v.Fixed {
		c.fixed.Set(kit.Run{Text: "The address was given on the command line, which decides until the program ends.", Type: kit.Caption})
	}
	c.check()
}

// check says what is wrong with the port while it is typed.
func (c *listenerCard) check() {
	port, ok := parsePort(c.port.Entry.Text)
	c.wrong.Hidden = ok
	if !ok {
		c.wrong.Set(kit.Run{Text: "A port is a number from 1 to 65535.", Type: kit.Caption.In(kit.Bad)})
	}
	if ok && port != c.shown.Port && !c.shown.Fixed {
		c.save.Enable()
	} else {
		c.save.Disable()
	}
	c.content.Refresh()
}

func parsePort(text string) (port int, ok bool) {
	port, err := strconv.Atoi(strings.TrimSpace(text))
	return port, err == nil && port >= 1 && port <= 65535
}

func (c *listenerCard) move() {
	port, ok := parsePort(c.port.Entry.Text)
	if !ok || port == c.shown.Port || c.shown.Fixed {
		return
	}
	c.screen.change("Port "+strconv.Itoa(port)+" could not be used", "The gateway listens on port "+strconv.Itoa(port),
		func(s *Settings) { s.Port = port })
}

func (c *listenerCard) network(on bool) {
	if on == c.shown.Network || c.shown.Fixed {
		return
	}
	said := "Only this machine’s devices can connect now"
	if on {
		said = "Devices on your network can connect now"
	}
	c.screen.change("The network could not be changed", said, func(s *Settings) { s.Network = on })
}

func (c *listenerCard) topics(only bool) {
	if only == c.shown.SyncTopicsOnly {
		return
	}
	said := "Devices may use any topic."
	if only {
		said = "Devices may use topics below sync/ only."
	}
	c.screen.change("The topics could not be changed", said, func(s *Settings) { s.SyncTopicsOnly = only })
}

// certificateCard is under which names devices may reach the gateway.
type certificateCard struct {
	screen  *Screen
	content *fyne.Container
	until   *kit.Text
	names   *kit.Prose
	added   *fyne.Container
	field   *kit.Field
	root    *value
	shown   View
}

func newCertificateCard(s *Screen) *certificateCard {
	c := &certificateCard{screen: s, until: kit.NewText("", kit.Body), names: kit.NewProse(), added: kit.Flow(6), field: kit.NewField("gateway.example or 192.168.1.20")}
	c.field.Entry.OnSubmitted = func(string) { c.add() }
	c.added.Hide()
	c.root = s.value("root.pem", "path of root.pem")
	c.content = card("Server certificate", "Devices check that the name they connect to is in it, and that it leads to root.pem.",
		line("Valid until", c.until, nil),
		line("Names", kit.Inset(6, 0, 6, 0, c.names), nil),
		line("Add a name", c.field, kit.Inset(0, 0, 0, 8, kit.NewButton("Add", kit.Secondary, c.add))),
		c.added,
		c.root.line,
		kit.Flow(6, kit.NewButton("Save root.pem", kit.Secondary, func() { s.p.Shell.Save("root.pem", s.p.Gateway.RootPEM()) }),
			kit.NewButton("Copy its text", kit.Secondary, func() { s.p.Shell.Copy("root.pem", string(s.p.Gateway.RootPEM())) })),
	)
	return c
}

func (c *certificateCard) set(v View) {
	before := c.shown
	c.shown = v
	c.until.Set(v.NotAfter.Local().Format("2 January 2006"))
	c.names.Set(kit.Run{Text: strings.Join(v.CertNames, "  "), Type: kit.Mono})
	c.root.text.Set(v.RootPath)
	if slices.Equal(before.Settings.Names, v.Settings.Names) {
		return
	}
	c.added.RemoveAll()
	for _, name := range v.Settings.Names {
		c.added.Add(kit.NewButton("Remove "+name, kit.Small, func() {
			c.screen.change(name+" could not be removed", name+" is no longer in the certificate", func(s *Settings) {
				s.Names = slices.DeleteFunc(s.Names, func(n string) bool { return n == name })
			})
		}))
	}
	c.added.Hidden = len(v.Settings.Names) == 0
}

func (c *certificateCard) add() {
	name := strings.TrimSpace(c.field.Entry.Text)
	if name == "" || slices.Contains(c.shown.Settings.Names, name) {
		return
	}
	c.field.Entry.SetText("")
	c.screen.change("“"+name+"” could not be added", name+" is in the certificate now", func(s *Settings) { s.Names = append(s.Names, name) })
}

// lookCard is how the window looks.
type lookCard struct {
	screen  *Screen
	content *fyne.Container
	themes  map[state.Theme]*kit.Chip
	off, on *kit.Chip
}

func newLookCard(s *Screen) *lookCard {
	c := &lookCard{screen: s, themes: map[state.Theme]*kit.Chip{}}
	chips := kit.Across(6)
	for _, t := range []struct {
		theme state.Theme
		label string
	}{{state.System, "As the system"}, {state.Light, "Light"}, {state.Dark, "Dark"}} {
		chip := kit.NewChip("", t.label, func() { s.p.Look.SetTheme(t.theme); c.set() })
		c.themes[t.theme] = chip
		chips.Add(chip)
	}
	c.off = kit.NewChip("", "Off", func() { s.p.Look.SetPresenter(false); c.set(); s.api.mask() })
	c.on = kit.NewChip("", "On", func() { s.p.Look.SetPresenter(true); c.set(); s.api.mask() })
	c.content = card("Appearance", "", line("Theme", chips, nil),
		line("Presenting", kit.Across(6, c.off, c.on), nil),
		kit.NewProse(kit.Run{Text: "Presenting makes everything half as large again and masks secrets.", Type: kit.Quiet}))
	c.set()
	return c
}

func (c *lookCard) set() {
	now := c.screen.p.Look.Theme()
	for theme, chip := range c.themes {
		chip.Choose(theme == now)
	}
	c.off.Choose(!c.screen.p.Look.Presenter())
	c.on.Choose(c.screen.p.Look.Presenter())
}

// placesCard is where things lie.
type placesCard struct {
	screen  *Screen
	content *fyne.Container
	data    *value
	aside   *kit.Prose
}

func newPlacesCard(s *Screen) *placesCard {
	c := &placesCard{screen: s, data: s.value("Folder", "path of the data folder"), aside: kit.NewProse()}
	c.aside.Hide()
	about := "Everything that is kept lies in one folder, which only you may read."
	if s.p.Version != "" {
		about += " This is Gatehouse " + s.p.Version + "."
	}
	c.content = card("Data", about, c.data.line, c.aside)
	return c
}

func (c *placesCard) set(v View) {
	c.data.text.Set(v.DataDir)
	c.aside.Hidden = len(v.SetAside) == 0
	if c.aside.Hidden {
		return
	}
	var names []string
	for _, path := range v.SetAside {
		names = append(names, filepath.Base(path))
	}
	c.aside.Set(
		kit.Run{Text: words.Count(len(names), "damaged part was", "damaged parts were") + " put aside, untouched: ", Type: kit.Strong.In(kit.Warn)},
		kit.Run{Text: strings.Join(names, ", ") + ".", Type: kit.Body})
}

// suitesCard lists what the gateway speaks, best first.
func suitesCard(suites []Suite) *fyne.Container {
	rows := kit.Down(3)
	for _, s := range suites {
		key := s.Key
		if key == "" {
			key = "any"
		}
		rows.Add(container.NewBorder(nil, nil, kit.Sized(62, 18, kit.NewText(s.Version, kit.Caption)),
			kit.NewText(key, kit.Caption), kit.Clipped(kit.NewText(s.Name, kit.Mono))))
	}
	return card("Cipher suites", "Best first, with the server key that each needs. The order of the TLS 1.3 suites is the TLS library’s and cannot be changed.", rows)
}
