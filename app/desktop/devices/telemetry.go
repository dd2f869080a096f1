package devices

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/sim/agent"
	"gatehouse/sim/telemetry"
)

// telemetryTab is what the virtual device reports by itself, and how the next messages would be.
type telemetryTab struct {
	*draft
	kind    *form.Select
	about   *kit.Prose
	said    string // by about
	pace    *kit.Field
	bar     *saveBar
	chips   *fyne.Container
	series  *fyne.Container
	preview *preview
	scroll  *container.Scroll
	view    *fyne.Container

	built    int // the draft's number for which the form was built
	problems []*placed
	general  *form.Problem
}

// placed is a problem beside what it is about.
type placed struct {
	*form.Problem
	path string
}

func newTelemetry(d *detail) *telemetryTab {
	v := &telemetryTab{draft: d.draft, chips: kit.Flow(6), series: kit.Down(10), about: kit.NewProse(), general: form.NewProblem(), built: -1}
	names := []string{"Nothing by itself"}
	for _, k := range kinds() {
		names = append(names, k.Name)
	}
	names = append(names, "Its own telemetry and reactions")
	v.kind = form.NewSelect(v.pick, names...)
	v.pace = kit.NewField("1")
	v.pace.OnChanged(func(text string) {
		if n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil && n > 0 && n <= 1000 && n != v.speed() {
			v.setup.Pace = n
			v.touch()
		}
	})
	v.bar = newSaveBar(d.draft)
	v.preview = newPreview()
	v.scroll = container.NewVScroll(kit.Inset(14, 14, 14, 14, kit.Down(14,
		form.Row("Behaves as", kit.Down(4, form.Narrow(360, v.kind), v.about), ""),
		form.Row("Time passes", kit.Across(8, kit.Sized(60, 0, v.pace), kit.NewText("times as fast, to see a day in minutes", kit.Quiet)), ""),
		kit.Rule(),
		v.chips, v.general.Container, v.series)))
	bar := kit.Down(0, kit.Inset(10, 14, 10, 14, v.bar.content), kit.Rule())
	v.view = container.New(fitting{v.preview.fit, layout.NewBorderLayout(bar, v.preview.content, nil, nil)}, v.scroll, bar, v.preview.content)
	return v
}

// fitting is a layout that tells first how much room there is, so that less can be shown where there is little.
type fitting struct {
	fit    func(height float32)
	border fyne.Layout
}

// MinSize implements fyne.Layout.
func (l fitting) MinSize(objects []fyne.CanvasObject) fyne.Size { return l.border.MinSize(objects) }

// Layout implements fyne.Layout.
func (l fitting) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.fit(size.Height)
	l.border.Layout(objects, size)
}

func (v *telemetryTab) content() fyne.CanvasObject { return v.view }

func (v *telemetryTab) show(f *facts) {
	v.changed = v.update
	v.take(f)
	v.bar.show(f)
	v.update()
}

// leave keeps the draft: it is saved, or with another device.
func (v *telemetryTab) leave() {}

// update shows the draft as it is.
func (v *telemetryTab) update() {
	if v.built != v.number {
		v.built = v.number
		v.build()
	}
	v.showKind()
	v.bar.update()
	for _, p := range v.problems {
		p.Say(v.problem(p.path))
	}
	v.general.Say(v.elsewhere())
	v.preview.show(v.behaviour(), v.setup.Pace, v.report, v.messages)
	v.view.Refresh()
}

// elsewhere is a problem that has no place on this form.
func (v *telemetryTab) elsewhere() string {
	for _, p := range v.draft.problems {
		here := false
		for _, shown := range v.problems {
			here = here || shown.path == p.Path
		}
		if here {
			continue
		}
		var report int
		if n, _ := fmt.Sscanf(p.Path, "reports[%d]", &report); n == 1 && report != v.report {
			return fmt.Sprintf("Series %d is not right yet: %s", report+1, say(p))
		}
		if strings.HasPrefix(p.Path, "reactions") {
			return "A reaction is not right yet: see the tab Reactions."
		}
		return say(p)
	}
	return ""
}

func (v *telemetryTab) speed() float64 {
	if v.setup.Pace > 0 {
		return v.setup.Pace
	}
	return 1
}

func (v *telemetryTab) showKind() {
	own := v.setup.Behaviour
	chosen, text := 0, "It connects and stays connected. Choose a ready-made kind, or add a series of messages below."
	if len(own.Reports)+len(own.Reactions)+len(own.State)+len(own.Subscribe) > 0 {
		chosen, text = len(kinds())+1, "What it does is written on this tab and on Reactions."
	}
	for i, k := range kinds() {
		if k.ID == v.setup.Kind {
			chosen, text = i+1, k.Description+" Whatever you change below makes it a behaviour of its own."
		}
	}
	v.kind.Set(chosen, v.kind.Options()...)
	if v.said != text {
		v.said = text
		v.about.Set(kit.Run{Text: text, Type: kit.Caption})
	}
	if n, err := strconv.ParseFloat(form.Trim(v.pace), 64); err != nil || n != v.speed() {
		if !focused(v.pace) {
			setText(v.pace, strconv.FormatFloat(v.speed(), 'f', -1, 64))
		}
	}
}

// pick takes what the user has chosen.
func (v *telemetryTab) pick(i int) {
	switch {
	case i == 0:
		v.choose("", agent.Behaviour{})
	case i <= len(kinds()):
		v.choose(kinds()[i-1].ID, agent.Behaviour{})
	default: // from what it does now
		v.choose("", copied(v.behaviour()))
		if len(v.setup.Behaviour.Reports) == 0 {
			v.add()
		}
	}
	v.update()
}

// add begins another series.
func (v *telemetryTab) add() {
	v.rebuild(func(b *agent.Behaviour) {
		b.Reports = append(b.Reports, telemetry.Report{
			Topic: "{device}/data", Every: telemetry.Duration(5 * time.Second), QoS: 1,
			Fields: []telemetry.Field{{Name: "value", Source: begin(telemetry.Walk)}},
		})
		v.report = len(b.Reports) - 1
	})
	v.update()
}

// build makes the form for the series that is looked at.
func (v *telemetryTab) build() {
	b := v.behaviour()
	v.problems = nil
	v.chips.Objects, v.series.Objects = nil, nil
	for i, r := range b.Reports {
		chip := kit.NewChip("", chipName(r.Topic, i), func() { v.look(i); v.update() })
		chip.Choose(i == v.report)
		v.chips.Add(chip)
	}
	v.chips.Add(kit.NewChip("", "+ Add a series", v.add))
	if v.report < len(b.Reports) {
		v.buildSeries(b.Reports[v.report])
	}
	v.chips.Refresh()
	v.series.Refresh()
}

func chipName(topic string, i int) string {
	if topic == "" {
		return fmt.Sprintf("Series %d", i+1)
	}
	if r := []rune(topic); len(r) > 26 {
		return "…" + string(r[len(r)-25:])
	}
	return topic
}

// place is where the problem of a path is shown.
func (v *telemetryTab) place(path string) *placed {
	p := &placed{Problem: form.NewProblem(), path: fmt.Sprintf("reports[%d].%s", v.report, path)}
	v.problems = append(v.problems, p)
	return p
}

// text is a field that edits the series; take understands what was typed, or says why it does not.
func (v *telemetryTab) text(placeholder, shown string, at *placed, take func(*telemetry.Report, string) string) *kit.Field {
	field := kit.NewField(placeholder)
	field.Entry.SetText(shown)
	field.OnChanged(func(text string) { v.typed(at, text, take) })
	return field
}

func (v *telemetryTab) typed(at *placed, text string, take func(*telemetry.Report, string) string) {
	report := v.report
	v.edit(func(b *agent.Behaviour) {
		if report < len(b.Reports) {
			v.understood(at.path, take(&b.Reports[report], text))
		}
	})
	v.update()
}

var formats = []telemetry.Format{telemetry.JSON, telemetry.Text, telemetry.Binary}

func (v *telemetryTab) buildSeries(r telemetry.Report) {
	topic := v.place("topic")
	every, jitter, payload := v.place("every"), v.place("jitter"), v.place("payload")
	qos := form.NewSelect(func(i int) { v.edit(func(b *agent.Behaviour) { b.Reports[v.report].QoS = byte(i) }); v.update() }, "QoS 0", "QoS 1", "QoS 2")
	qos.Set(int(min(r.QoS, 2)), qos.Options()...)
	retain := form.NewSwitch("Retained", func(on bool) { v.edit(func(b *agent.Behaviour) { b.Reports[v.report].Retain = on }); v.update() })
	retain.Set(r.Retain)
	format := form.NewSelect(func(i int) {
		v.rebuild(func(b *agent.Behaviour) {
			one := &b.Reports[v.report]
			one.Format = formats[i]
			if i == 0 {
				one.Format = ""
			}
		})
		v.update()
	}, "JSON", "Text", "Binary")
	text := form.NewArea("", 2, func(text string) {
		v.typed(payload, text, func(r *telemetry.Report, text string) string { r.Payload = text; return "" })
	})
	hint := "A template of JSON, instead of an object of all values. Names in braces: {device}, {sid}, {time}, {seq}, and the values below; {{ is a brace."
	switch r.Format {
	case telemetry.Text:
		format.Set(1, format.Options()...)
		hint = "Names in braces are filled in: {device}, {sid}, {time}, {unix}, {seq}, and the values below. {{ is a brace."
	case telemetry.Binary:
		format.Set(2, format.Options()...)
		hint = "Pairs of hexadecimal digits; names in braces are filled in before."
	default:
		format.Set(0, format.Options()...)
	}
	quiet := text.Entry.OnChanged
	text.Entry.OnChanged = nil
	text.Entry.SetText(r.Payload)
	text.Entry.OnChanged = quiet
	remove := kit.NewButton("Remove the series", kit.Small, func() {
		v.rebuild(func(b *agent.Behaviour) {
			b.Reports = append(b.Reports[:v.report], b.Reports[v.report+1:]...)
			v.report = max(v.report-1, 0)
		})
		v.update()
	})
	rows := []fyne.CanvasObject{
		form.Row("Topic", kit.Down(4, form.Narrow(360, v.text("{device}/data", r.Topic, topic, func(r *telemetry.Report, text string) string {
			r.Topic = strings.TrimSpace(text)
			return ""
		})), topic.Container), ""),
		form.Row("Every", kit.Down(4, kit.Across(8,
			kit.Sized(74, 0, v.text("5s", wait(r.Every, ""), every, func(r *telemetry.Report, text string) string { return duration(&r.Every, text) })),
			kit.NewText("give or take", kit.Quiet),
			kit.Sized(74, 0, v.text("0s", wait(r.Jitter, ""), jitter, func(r *telemetry.Report, text string) string { return duration(&r.Jitter, text) }))),
			every.Container, jitter.Container), ""),
		form.Row("Delivery", kit.Across(12, kit.Sized(92, 0, qos), retain), ""),
		form.Row("Payload", kit.Down(4, kit.Across(8, kit.Sized(110, 0, format)), text, payload.Container), hint),
	}
	fields := v.place("fields")
	values := kit.Down(8)
	for i, f := range r.Fields {
		values.Add(v.buildField(i, f))
	}
	values.Add(fields.Container)
	values.Add(kit.Across(8, kit.NewButton("Add a value", kit.Small, v.addField), remove))
	rows = append(rows, form.Row("Values", values, ""))
	v.series.Objects = rows
}

func (v *telemetryTab) addField() {
	v.rebuild(func(b *agent.Behaviour) {
		r := &b.Reports[v.report]
		name := "value"
		for n := 2; named(r.Fields, name); n++ {
			name = fmt.Sprintf("value%d", n)
		}
		r.Fields = append(r.Fields, telemetry.Field{Name: name, Source: begin(telemetry.Sine)})
	})
	v.update()
}

func named(fields []telemetry.Field, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// buildField is one value: its name, how it comes about, and the figures of that.
func (v *telemetryTab) buildField(i int, f telemetry.Field) fyne.CanvasObject {
	path := fmt.Sprintf("fields[%d].", i)
	field := func(b *agent.Behaviour) *telemetry.Field { return &b.Reports[v.report].Fields[i] }
	g := generators[generatorOf(f.Kind)]
	name := v.place(path + "name")
	kind := form.NewSelect(func(n int) {
		v.rebuild(func(b *agent.Behaviour) {
			field(b).Source = begin(generators[n].kind)
		})
		v.update()
	}, generatorNames()...)
	kind.Set(generatorOf(f.Kind), generatorNames()...)
	sent := form.NewSwitch("Sent", func(on bool) { v.edit(func(b *agent.Behaviour) { field(b).Hidden = !on }); v.update() })
	sent.Set(!f.Hidden)
	remove := kit.NewButton("Remove", kit.Small, func() {
		v.rebuild(func(b *agent.Behaviour) {
			r := &b.Reports[v.report]
			r.Fields = append(r.Fields[:i], r.Fields[i+1:]...)
		})
		v.update()
	})
	head := container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 8, kit.Across(8, sent, remove)), kit.Columns(8, []float32{1, 1.2},
		v.text("name", f.Name, name, func(r *telemetry.Report, text string) string {
			r.Fields[i].Name = strings.TrimSpace(text)
			return ""
		}), kind))
	small, body := kit.Flow(8), kit.Down(6, head, name.Container)
	var below []fyne.CanvasObject
	for _, p := range g.params {
		at := v.place(path + p.key)
		input := v.text("", p.get(f.Source), at, func(r *telemetry.Report, text string) string { return p.set(&r.Fields[i].Source, text) })
		labelled := kit.Down(2, kit.NewText(p.label, kit.Caption), input)
		if p.wide {
			body.Add(labelled)
		} else {
			small.Add(kit.Sized(78, 0, labelled))
		}
		below = append(below, at.Container)
	}
	if len(small.Objects) > 0 {
		body.Add(small)
	}
	for _, o := range append(below, v.place(path+"kind").Container) {
		body.Add(o)
	}
	return kit.Panel(kit.Surface, kit.Line, 10, body)
}

// saveBar says whether the draft is saved, and saves it.
type saveBar struct {
	*draft
	state   *kit.Prose
	said    string
	save    *kit.Button
	start   *kit.Button
	running bool
	content *fyne.Container
}

func newSaveBar(t *draft) *saveBar {
	s := &saveBar{draft: t, state: kit.NewProse()}
	s.save = kit.NewButton("Save", kit.Secondary, func() { t.save(false); s.update() })
	s.start = kit.NewButton("Save and start", kit.Primary, func() { t.save(true); s.update() })
	text := kit.NewButton("As text…", kit.Secondary, func() { t.openText() })
	s.content = container.NewBorder(nil, nil, nil, kit.Down(0, kit.Across(8, text, s.save, s.start)), kit.Inset(6, 8, 0, 0, kit.Down(0, s.state)))
	return s
}

func (s *saveBar) show(f *facts) {
	s.running = f.life.Running
	s.update()
}

func (s *saveBar) update() {
	text := "It does nothing by itself."
	switch {
	case s.wrong():
		text = "Something is not right yet; see below."
	case s.dirty:
		text = "Not saved yet."
	case s.running:
		text = "Left to itself, it does this now."
	case s.setup.ByItself:
		text = "It does this as soon as it is started."
	case s.setup.Kind != "" || len(s.setup.Behaviour.Reports) > 0:
		text = "It is driven by hand; the tab Connect leaves it to itself."
	}
	if text != s.said {
		s.said = text
		s.state.Set(kit.Run{Text: text, Type: kit.Quiet})
	}
	if s.running {
		s.start.SetLabel("Save and restart")
	} else {
		s.start.SetLabel("Save and start")
	}
	toggleEnabled(s.save, s.dirty && len(s.typed) == 0)
	toggleEnabled(s.start, !s.wrong() && (s.dirty || !s.running))
	toggle(s.save, !s.running)
	s.content.Refresh()
}

func toggleEnabled(b *kit.Button, on bool) {
	if on {
		b.Enable()
	} else {
		b.Disable()
	}
}

// focused reports whether the keyboard is on a field.
func focused(f *kit.Field) bool {
	c := fyne.CurrentApp().Driver().CanvasForObject(f)
	return c != nil && c.Focused() == fyne.Focusable(f.Entry)
}

// preview is the next messages of a series as they would be, and the curves of their values.
type preview struct {
	title   *kit.Text
	lines   []*previewLine
	plots   *plots
	content *fyne.Container
	ready   int  // lines that have a message
	low     bool // there is little room
}

type previewLine struct {
	when, topic *kit.Text
	payload     *kit.Text
	row         *fyne.Container
}

// previewLines are how many messages are shown.
const previewLines = 3

func newPreview() *preview {
	p := &preview{title: kit.NewText("", kit.Strong), plots: newPlots(1)}
	list := kit.Down(4)
	for range previewLines {
		l := &previewLine{when: kit.NewText("", kit.Caption.Right()), topic: kit.NewText("", kit.Caption), payload: kit.NewText("", kit.Mono)}
		l.row = container.NewBorder(nil, nil, kit.Inset(0, 8, 0, 0, kit.Sized(64, 0, l.when)), nil, kit.Down(0, kit.Clipped(l.topic), kit.Clipped(l.payload)))
		p.lines = append(p.lines, l)
		list.Add(l.row)
	}
	p.content = container.NewStack(canvas.NewRectangle(kit.Surface), kit.Down(0, kit.Rule(), kit.Inset(10, 14, 10, 14, kit.Down(8, kit.Clipped(p.title), list, p.plots.content))))
	return p
}

func (p *preview) show(b agent.Behaviour, pace float64, report int, messages []telemetry.Message) {
	toggle(p.content, len(b.Reports) > 0)
	p.ready = 0
	if report >= len(b.Reports) || len(messages) == 0 {
		p.title.Set("The next messages are shown here as soon as everything is right.")
		p.plots.show(nil)
		p.place()
		return
	}
	r := b.Reports[report]
	p.title.Set(fmt.Sprintf("The next messages, as they would be · QoS %d%s", r.QoS, map[bool]string{true: " · retained"}[r.Retain]))
	p.ready = min(len(messages), len(p.lines))
	for i, m := range messages[:p.ready] {
		l := p.lines[i]
		l.when.Set("in " + span(onboard.PreviewTime(r, pace, i)))
		if i == 0 {
			l.when.Set("at once")
		}
		l.topic.Set(m.Topic)
		l.payload.Set(shownPayload(r.Format, m.Payload))
	}
	p.plots.show(curves(r, messages))
	p.place()
}

// fit takes notice of how high the tab is.
func (p *preview) fit(height float32) {
	if low := height < lowPlace; low != p.low {
		p.low = low
		p.place()
	}
}

// place shows as much as there is room for.
func (p *preview) place() {
	lines := p.ready
	if p.low {
		lines = min(lines, 1)
	}
	for i, l := range p.lines {
		l.row.Hidden = i >= lines
	}
	p.plots.content.Hidden = p.low || p.ready == 0
}

// shownPayload is a payload on one line.
func shownPayload(format telemetry.Format, payload []byte) string {
	if format == telemetry.Binary {
		return fmt.Sprintf("% x", payload[:min(len(payload), 64)])
	}
	return strings.Map(visible, string(payload[:min(len(payload), 200)]))
}

// curves are the numeric values of messages over their times.
func curves(r telemetry.Report, messages []telemetry.Message) (all []onboard.Series) {
	begin := time.Unix(0, 0)
	span := time.Duration(r.Every) * time.Duration(max(len(messages)-1, 1))
	for _, f := range r.Fields {
		if f.Hidden {
			continue
		}
		one := onboard.Series{Name: f.Name}
		for i, m := range messages {
			v, ok := numeric(m.Values[f.Name])
			if !ok {
				continue
			}
			// Drawn over the width of the live plot, however long it takes.
			at := begin.Add(time.Duration(float64(plotSpan) * float64(r.Every) * float64(i) / float64(max(span, 1))))
			one.Points = append(one.Points, agent.Point{At: at, Value: v})
		}
		if len(one.Points) > 0 {
			all = append(all, one)
		}
	}
	return all
}

func numeric(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case bool:
		return float64(yes(v)), true
	}
	return 0, false
}
