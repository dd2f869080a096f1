package fleet

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/lab"
	"gatehouse/app/words"
	"gatehouse/sim/scenario"
	"gatehouse/sim/telemetry"
)

// where the devices of a fleet connect.
type where int

const (
	here where = iota
	ordinaryBroker
	elsewhere
)

// form is what a fleet is to be.
type form struct {
	view    *View
	content *fyne.Container
	foot    fyne.CanvasObject // what would be made, and the button that makes it

	kinds            map[string]*kit.Chip
	about            *kit.Prose
	count, rate      *kit.Field
	name, vars       *kit.Field
	topics           *kit.Field
	key, certificate *kit.Chip
	places           [3]*kit.Chip
	url              *kit.Field
	user, password   *kit.Field
	rootName         *kit.Text
	root             []byte
	other            *fyne.Container // for elsewhere
	lines            map[string]*kit.FormLine
	preview          *kit.Prose
	start            *kit.Button

	kind     string
	certs    bool
	place    where
	ordinary bool // the ordinary broker runs
	working  bool
}

func newForm(v *View) *form {
	f := &form{view: v, kinds: map[string]*kit.Chip{}, lines: map[string]*kit.FormLine{}, about: kit.NewProse(), preview: kit.NewProse(), other: kit.Down(8)}
	kinds := kit.Flow(6)
	for _, k := range scenario.Kinds() {
		chip := kit.NewChip("", k.Name, func() { f.choose(k) })
		f.kinds[k.ID] = chip
		kinds.Add(chip)
	}
	field := func(placeholder, text string) *kit.Field {
		field := kit.NewField(placeholder)
		field.Entry.SetText(text)
		field.OnChanged(func(string) { f.check() })
		field.Entry.OnSubmitted = func(string) { f.submit() }
		return field
	}
	f.count, f.rate = field("from 1 to 5 000", strconv.Itoa(lab.UsualFleetNumber)), field("from 1 to 400", strconv.Itoa(lab.UsualPerSecond))
	f.name, f.vars, f.topics = field("meter-{n}", ""), field("room = kitchen, hall; floor = {n}", ""), field("site/{room}", "")
	f.url, f.user, f.password = field("mqtts://broker.example:8883", ""), field("user name, if it wants one", ""), field("password", "")
	f.password.Entry.Password = true
	f.key = kit.NewChip("", "A key each", func() { f.certs = false; f.check() })
	f.certificate = kit.NewChip("", "A certificate each", func() { f.certs = true; f.check() })
	for i, label := range []string{"This gateway", "Ordinary broker", "Another server"} {
		f.places[i] = kit.NewChip("", label, func() { f.place = where(i); f.check() })
	}
	f.rootName = kit.NewText("", kit.Caption)
	f.start = kit.NewButton("Make and start them", kit.Primary, f.submit)
	f.line("kind", "Kind", kinds, "")
	f.line("count", "How many", f.count, "")
	f.line("rate", "Started", kit.Columns(8, []float32{1, 1}, f.rate, kit.Across(0, kit.NewText("a second", kit.Caption))), "")
	f.line("name", "Names", f.name, "{n} is the number of the device.")
	f.line("vars", "Variables", f.vars, "For names and topics. Devices take the values in turn.")
	f.line("topics", "Topics below", f.topics, "Put before the topics of this kind’s reports.")
	f.line("identity", "Identity", kit.Flow(6, f.key, f.certificate), "")
	f.line("place", "Connect to", kit.Flow(6, f.places[0], f.places[1], f.places[2]), "")
	f.line("target", "Address", f.url, "")
	f.line("root", "Trust", kit.Across(8, kit.NewButton("Choose a root…", kit.Small, f.chooseRoot), kit.Clipped(f.rootName)), "")
	f.line("user", "User", kit.Columns(6, []float32{1, 1}, f.user, f.password), "Sent by every device.")
	f.other.Objects = []fyne.CanvasObject{f.lines["target"].Content, f.lines["root"].Content, f.lines["user"].Content}
	f.content = kit.Down(10,
		kit.NewText("New fleet", kit.Title), f.lines["kind"].Content, f.about, f.lines["count"].Content, f.lines["rate"].Content,
		f.lines["place"].Content, f.other, f.lines["identity"].Content, f.lines["name"].Content, f.lines["vars"].Content, f.lines["topics"].Content)
	f.foot = kit.Down(8, f.preview, kit.Flow(0, f.start))
	meter, _ := scenario.KindOf("meter")
	f.choose(meter)
	return f
}

func (f *form) line(id, label string, what fyne.CanvasObject, remark string) {
	f.lines[id] = kit.NewFormLine(label, what, remark)
}

// choose takes a kind, and its name for the devices while the user has not given another.
func (f *form) choose(k scenario.Kind) {
	if text := f.name.Entry.Text; text == "" || text == f.kind+"-{n}" {
		f.kind = k.ID
		f.name.Entry.SetText(k.ID + "-{n}")
	}
	f.kind = k.ID
	f.about.Set(kit.Run{Text: k.Description, Type: kit.Quiet})
	f.check()
}

func (f *form) chooseRoot() {
	f.view.p.Shell.Open(func(name string, content []byte) {
		f.root = content
		f.rootName.Set(name)
		f.check()
	})
}

// set shows whether the ordinary broker can be chosen.
func (f *form) set(ordinary bool) {
	if ordinary != f.ordinary {
		f.ordinary = ordinary
		f.check()
	}
}

// busy keeps the button from being pressed twice.
func (f *form) busy(on bool) {
	f.working = on
	f.check()
}

// plan is what the fields say; problems are those of fields that say nothing that can be understood.
func (f *form) plan() (p lab.FleetPlan, problems []telemetry.Problem) {
	number := func(field *kit.Field) int {
		n, err := strconv.Atoi(strings.Join(strings.Fields(field.Entry.Text), ""))
		if err != nil {
			return -1
		}
		return n
	}
	p = lab.FleetPlan{
		Kind: f.kind, Count: number(f.count), PerSecond: number(f.rate), Name: strings.TrimSpace(f.name.Entry.Text),
		Topics: strings.TrimSpace(f.topics.Entry.Text), Certificate: f.certs && f.place == here, Ordinary: f.place == ordinaryBroker,
	}
	vars, err := lab.ParseVars(f.vars.Entry.Text)
	if p.Vars = vars; err != nil {
		problems = append(problems, telemetry.Problem{Path: "vars", What: err.Error()})
	}
	if f.place == elsewhere {
		p.Other = &lab.Target{URL: strings.TrimSpace(f.url.Entry.Text), RootPEM: f.root, User: f.user.Entry.Text, Secret: f.password.Entry.Text}
	}
	return p, append(problems, p.Check()...)
}

// check says beside each field what is wrong with it, and below what would be made.
func (f *form) check() {
	if f.content == nil {
		return // it is being built
	}
	p, problems := f.plan()
	for id, chip := range f.kinds {
		chip.Choose(id == f.kind)
	}
	f.key.Choose(!f.certs)
	f.certificate.Choose(f.certs)
	for i, chip := range f.places {
		chip.Choose(where(i) == f.place)
	}
	f.other.Hidden = f.place != elsewhere
	f.lines["identity"].Content.Hidden = f.place != here
	f.lines["place"].Remark([]string{
		"Registered here, in a fleet of their own.",
		"With its user name and password, if it has one. Nothing is registered here.",
		"Nothing is registered here.",
	}[f.place])
	if f.place == ordinaryBroker && !f.ordinary {
		problems = append(problems, telemetry.Problem{Path: "place", What: "it does not run", Todo: "start it on the tab “Ordinary broker”"})
	}
	if f.rootName.String() == "" {
		f.rootName.Set("the authorities that this computer trusts")
	}
	f.blame(problems)
	f.content.Refresh()
	if len(problems) > 0 {
		f.preview.Set(kit.Run{Text: sentence(problems[0]), Type: kit.Body.In(kit.Bad)})
		return
	}
	first, last := p.Sample()
	named := first
	if p.Count > 1 {
		named += " to " + last
	}
	f.preview.Set(kit.Run{Text: named, Type: kit.Mono}, kit.Run{Text: ", all started within " + took(p) + ".", Type: kit.Quiet})
}

// took is how long the ramp takes.
func took(p lab.FleetPlan) string {
	return words.Span(max(time.Duration(p.Count)*time.Second/time.Duration(p.PerSecond), time.Second))
}

// blame says beside its field what is wrong, the first of each.
func (f *form) blame(problems []telemetry.Problem) {
	said := map[string]string{}
	for _, p := range problems {
		if said[p.Path] == "" {
			said[p.Path] = sentence(p)
		}
	}
	for id, line := range f.lines {
		line.Wrong(said[id])
	}
	if len(problems) > 0 || f.working {
		f.start.Disable()
	} else {
		f.start.Enable()
	}
}

// sentence is a problem as people read it.
func sentence(p telemetry.Problem) string {
	first, width := utf8.DecodeRuneInString(p.What)
	text := string(unicode.ToUpper(first)) + p.What[width:]
	if p.Todo != "" {
		text += ": " + p.Todo
	}
	return text + "."
}

func (f *form) submit() {
	if p, problems := f.plan(); len(problems) == 0 && !f.working && (f.place != ordinaryBroker || f.ordinary) {
		f.view.start(p)
	}
}
