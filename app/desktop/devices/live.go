package devices

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/agent"
)

// live is the virtual device's console: what it sent and got, the newest last, and what it can be told to do.
type live struct {
	d       *detail
	device  registry.Device
	version uint64

	entries []sim.Entry
	list    *widget.List
	newest  *kit.Button // back to the newest, while the user has scrolled up
	follow  bool
	hidden  uint64 // the last entry that was cleared away

	topic, payload, filter *kit.Field
	qos, subQoS            *form.Select
	retain                 *form.Switch
	publish, subscribe     *kit.Button
	granted                *fyne.Container
	shownGrants            string

	life *kit.Prose
	make *kit.Button // of the documents that it follows in vain

	offered *fyne.Container // make, while there are some
	lived   string          // what life says
	plots   *plots
	curves  *fyne.Container // the plots with what is around them

	console *fyne.Container
	idle    *fyne.Container
	hint    *kit.Prose
	start   *kit.Button
	view    fyne.CanvasObject
}

func newLive(d *detail) *live {
	v := &live{d: d, follow: true, granted: kit.Flow(6)}
	v.list = widget.NewList(func() int { return len(v.entries) }, func() fyne.CanvasObject { return newEntryView() }, func(i int, o fyne.CanvasObject) {
		if i < len(v.entries) {
			o.(*entryView).set(v.entries[i])
		}
	})
	v.list.HideSeparators = true
	v.list.OnSelected = func(i int) {
		v.list.UnselectAll()
		if i < len(v.entries) {
			v.open(v.entries[i])
		}
	}
	v.newest = kit.NewButton("Newest", kit.Small, func() { v.follow = true; v.list.ScrollToBottom(); toggle(v.newest, false) })
	v.newest.Hide()
	wipe := kit.NewButton("Clear", kit.Small, v.clear)

	v.topic, v.payload, v.filter = kit.NewField("topic"), kit.NewField("payload"), kit.NewField("topic filter, such as devices/#")
	v.qos, v.subQoS = form.NewSelect(nil, "QoS 0", "QoS 1", "QoS 2"), form.NewSelect(nil, "QoS 0", "QoS 1", "QoS 2")
	v.qos.Set(1, v.qos.Options()...)
	v.subQoS.Set(1, v.subQoS.Options()...)
	v.retain = form.NewSwitch("Retain", nil)
	v.publish = kit.NewButton("Publish", kit.Primary, v.send)
	v.subscribe = kit.NewButton("Subscribe", kit.Secondary, v.listen)
	v.payload.Entry.OnSubmitted = func(string) { v.send() }
	v.topic.Entry.OnSubmitted = func(string) { v.send() }
	v.filter.Entry.OnSubmitted = func(string) { v.listen() }

	const right = 108
	tools := kit.Down(8,
		kit.Columns(8, []float32{1, 1}, v.topic, v.payload),
		container.NewBorder(nil, nil, kit.Across(12, kit.Sized(92, 0, v.qos), v.retain), kit.Sized(right, 0, v.publish), nil),
		kit.Rule(),
		container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 8, kit.Across(8, kit.Sized(92, 0, v.subQoS), kit.Sized(right, 0, v.subscribe))), v.filter),
		v.granted)
	bar := container.NewBorder(nil, nil, nil, kit.Across(8, v.newest, wipe), kit.Across(0, kit.NewText("Packets both ways, the newest last; press one for all of it", kit.Caption)))
	v.make = kit.NewButton("", kit.Small, nil)
	v.offered = kit.Across(0, v.make)
	v.offered.Hide()
	v.life, v.plots = kit.NewProse(), newPlots(2)
	v.curves = kit.Down(0, kit.Inset(10, 14, 10, 14, kit.Down(6, v.life, v.offered, v.plots.content)), kit.Rule())
	above, below := kit.Down(0, v.curves, kit.Inset(8, 14, 8, 14, bar), kit.Rule()), kit.Down(0, kit.Rule(), kit.Inset(10, 14, 12, 14, tools))
	v.console = container.New(fitting{v.plots.fit, layout.NewBorderLayout(above, below, nil, nil)}, v.list, above, below)
	v.hint = kit.NewProse()
	v.start = kit.NewButton("Connect it", kit.Primary, func() { d.open(tabConnect); d.views[tabConnect].(*connect).start() })
	v.idle = kit.Inset(24, 24, 24, 24, kit.Down(12, v.hint, kit.Across(0, v.start)))
	v.view = container.NewStack(v.console, v.idle)
	return v
}

func (v *live) content() fyne.CanvasObject { return v.view }

func (v *live) show(f *facts) {
	if f.row.device.SID != v.device.SID {
		v.device = f.row.device
		v.version, v.hidden, v.follow, v.shownGrants = 0, 0, true, "-"
		setText(v.topic, "devices/"+v.device.Name()+"/hello")
		setText(v.payload, `{"hello":true}`)
		setText(v.filter, "devices/#")
	}
	v.showIdle(f)
	v.showLife(f)
	able := f.state.Connected
	for _, b := range []*kit.Button{v.publish, v.subscribe} {
		if able {
			b.Enable()
		} else {
			b.Disable()
		}
	}
	v.showGrants(f)
	if f.version == v.version && v.version != 0 {
		return
	}
	v.version = f.version
	v.entries = after(f.console, v.hidden)
	atEnd := v.atEnd()
	v.list.Refresh()
	if v.follow || atEnd {
		v.list.ScrollToBottom()
	}
	toggle(v.newest, !v.follow && !atEnd)
}

// leave keeps the console: it is the device's.
func (v *live) leave() {}

// showLife says how a device fares that is left to itself, and draws what it sends.
func (v *live) showLife(f *facts) {
	shown := f.life.Known || len(f.life.Series) > 0
	toggle(v.curves, shown)
	if !shown {
		return
	}
	if text := sayLife(f.life); text != v.lived {
		v.lived = text
		v.life.Set(kit.Run{Text: text, Type: kit.Quiet})
	}
	v.offer(f)
	v.plots.show(f.life.Series)
	v.console.Refresh()
}

// offer offers to make the documents that the device follows in vain: a gateway refuses to subscribe to what is not there.
func (v *live) offer(f *facts) {
	missing := unheard(f)
	toggle(v.offered, len(missing) > 0 && v.d.s.p.Follow != nil)
	if v.offered.Hidden {
		return
	}
	label := "Make the document " + missing[0]
	if len(missing) > 1 {
		label = "Make the documents " + strings.Join(missing, ", ")
	}
	v.make.SetLabel(label)
	s, device := v.d.s, v.device
	v.make.OnTapped(func() {
		s.work(label, device.Name()+" follows "+strings.Join(missing, ", ")+" now", func(ctx context.Context) error {
			if err := s.p.Follow(ctx, device.SID, missing); err != nil {
				return err
			}
			return s.p.Bench.Leave(device.SID) // it subscribes when it connects
		}, nil)
	})
}

// unheard are the documents that a device which is left to itself wants to follow and was refused.
func unheard(f *facts) (documents []string) {
	if !f.life.Running || !f.state.Connected || !refusedSync(f.life.Status) {
		return nil
	}
	for _, r := range f.setup.Does().Reactions {
		name, isDocument := strings.CutPrefix(r.On, "sync/docs/")
		granted := slices.ContainsFunc(f.granted, func(g sim.Subscription) bool { return g.Filter == r.On })
		if isDocument && !granted && !strings.ContainsAny(name, "+#/") && !slices.Contains(documents, name) {
			documents = append(documents, name)
		}
	}
	return documents
}

// refusedSync reports whether the latest trouble is that a Sync object cannot be followed.
func refusedSync(s agent.Status) bool {
	return strings.HasPrefix(s.LastErr, "subscribe sync/") && strings.HasSuffix(s.LastErr, sim.ErrRefusedFilter.Error())
}

// sayLife is one sentence on a device that is left to itself.
func sayLife(l onboard.Life) string {
	if !l.Known {
		return "The numbers that you have sent by hand."
	}
	s := l.Status
	text := "It is driven by hand now; this is what it sent while it was left to itself."
	if l.Running {
		text = "Left to itself · " + string(s.Phase)
		if s.Phase == agent.Waiting {
			text += ": it tries again at " + s.Next.Local().Format("15:04:05")
		}
	}
	text += fmt.Sprintf(" · %d sent · %d received", s.Sent, s.Received)
	if s.Skipped > 0 {
		text += fmt.Sprintf(" · %d left out, because earlier ones are not acknowledged", s.Skipped)
	}
	if s.LastErr != "" {
		text += " · last trouble: " + s.LastErr
		if refusedSync(s) {
			text += "; a Sync object has to be there before a device can follow it"
		}
	}
	return text
}

// showIdle says what to do while there is no console.
func (v *live) showIdle(f *facts) {
	silent := !f.played || len(f.console) == 0
	toggle(v.console, !silent)
	toggle(v.idle, silent)
	toggle(v.start, f.row.virtual)
	v.start.SetLabel(map[bool]string{true: "Start it", false: "Connect it"}[f.setup.ByItself])
	if f.row.virtual {
		v.hint.Set(kit.Run{Text: "Nothing yet: connect the device, and every packet that it sends and gets is shown here.", Type: kit.Quiet})
	} else {
		v.hint.Set(kit.Run{Text: "This device is external. Its console is on the device; what it sent while connecting is under Attempts. The Connect tab lets this computer play it.", Type: kit.Quiet})
	}
}

// atEnd reports whether the newest entry is in sight.
func (v *live) atEnd() bool {
	whole := float32(len(v.entries)) * entryHeight
	return v.list.GetScrollOffset()+v.list.Size().Height >= whole-2*entryHeight
}

func (v *live) clear() {
	if n := len(v.entries); n > 0 {
		v.hidden = v.entries[n-1].Seq
		v.entries = nil
		v.list.Refresh()
	}
}

func after(entries []sim.Entry, seq uint64) []sim.Entry {
	for i, e := range entries {
		if e.Seq > seq {
			return entries[i:]
		}
	}
	return nil
}

// showGrants lists what the device has subscribed to; pressing one unsubscribes.
func (v *live) showGrants(f *facts) {
	state := fmt.Sprint(f.granted, f.state.Connected)
	if state == v.shownGrants {
		return
	}
	v.shownGrants = state
	v.granted.Objects = nil
	for _, g := range f.granted {
		v.granted.Objects = append(v.granted.Objects, kit.NewChip("cross", fmt.Sprintf("%s · QoS %d", g.Filter, g.QoS), func() { v.unlisten(g.Filter) }))
	}
	if len(f.granted) == 0 {
		v.granted.Objects = []fyne.CanvasObject{kit.NewText("It has subscribed to nothing since it connected.", kit.Caption)}
	}
	v.granted.Refresh()
	v.view.Refresh()
}

// act lets the device do something and shows what failed.
func (v *live) act(what string, do func(ctx context.Context, p onboard.Player) error) {
	player, ok := v.d.s.p.Bench.Player(v.device.SID)
	if !ok {
		return
	}
	v.d.s.p.Shell.Background(func(ctx context.Context) error { return do(ctx, player) }, func(err error) {
		if err != nil {
			v.d.s.p.Shell.Fail(what, err)
		}
		v.d.s.reload()
	})
}

func (v *live) send() {
	topic, payload, qos, retain := form.Trim(v.topic), []byte(v.payload.Entry.Text), byte(max(v.qos.Chosen(), 0)), v.retain.On()
	v.follow = true
	bench, device := v.d.s.p.Bench, v.device.SID
	v.act("Publish to "+topic, func(ctx context.Context, _ onboard.Player) error {
		return bench.Publish(ctx, device, topic, payload, qos, retain)
	})
}

func (v *live) listen() {
	filter, qos := form.Trim(v.filter), byte(max(v.subQoS.Chosen(), 0))
	v.follow = true
	var granted byte
	v.act("Subscribe to "+filter, func(ctx context.Context, p onboard.Player) (err error) {
		if granted, err = p.Subscribe(ctx, filter, qos); err == nil && granted == 0x80 {
			return onboard.Problem("The gateway refused the subscription (SUBACK 0x80).")
		}
		return err
	})
}

func (v *live) unlisten(filter string) {
	v.act("Unsubscribe from "+filter, func(ctx context.Context, p onboard.Player) error { return p.Unsubscribe(ctx, filter) })
}

// open shows one entry whole.
func (v *live) open(e sim.Entry) {
	s := v.d.s.p.Shell
	text := string(e.Payload)
	if !utf8.Valid(e.Payload) {
		text = fmt.Sprintf("% x", e.Payload)
	}
	direction := "to the device"
	if e.Outbound {
		direction = "from the device"
	}
	var pop *widget.PopUp
	body := kit.Down(10,
		kit.NewText(e.Type+", "+direction, kit.Title),
		kit.NewProse(kit.Run{Text: e.At.Local().Format("15:04:05.000") + " · " + e.Summary, Type: kit.Quiet}))
	if len(e.Payload) > 0 {
		body.Add(limited(240, form.NewCode(wrap(text, 72)).Container))
	}
	foot := kit.Across(8, kit.Spacer())
	if len(e.Payload) > 0 {
		foot.Add(kit.NewButton("Copy the payload", kit.Secondary, func() { s.Copy("Payload", text) }))
	}
	foot.Add(kit.NewButton("Close", kit.Primary, func() { pop.Hide() }))
	body.Add(foot)
	pop = widget.NewModalPopUp(kit.Sized(560, 0, kit.Panel(kit.Surface, kit.Line, 18, body)), s.Window().Canvas())
	pop.Show()
}

// wrap breaks long lines of a payload.
func wrap(text string, width int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		runes := []rune(line)
		for len(runes) > width {
			out.WriteString(string(runes[:width]) + "\n")
			runes = runes[width:]
		}
		out.WriteString(string(runes))
	}
	return out.String()
}

const entryHeight = 24

// entryView is one line of the console.
type entryView struct {
	widget.BaseWidget
	time, kind, text *kit.Text
	arrow            *kit.Text
}

func newEntryView() *entryView {
	v := &entryView{time: kit.NewText("", kit.Mono.In(kit.Muted)), arrow: kit.NewText("", kit.Strong), kind: kit.NewText("", kit.CaptionBold), text: kit.NewText("", kit.Mono)}
	v.ExtendBaseWidget(v)
	return v
}

// MinSize implements fyne.Widget.
func (v *entryView) MinSize() fyne.Size { return fyne.NewSize(60, entryHeight) }

// CreateRenderer implements fyne.Widget.
func (v *entryView) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewBorder(nil, nil,
		kit.Inset(0, 0, 0, 14, kit.Across(8, kit.Sized(86, 0, v.time), kit.Sized(14, 0, v.arrow), kit.Sized(94, 0, v.kind))), nil, kit.Clipped(v.text)))
}

func (v *entryView) set(e sim.Entry) {
	v.time.Set(e.At.Local().Format("15:04:05.000"))
	arrow, color := "←", kit.Accent
	switch {
	case e.Type == sim.TypeNote:
		arrow, color = "·", kit.Muted
	case e.Outbound:
		arrow, color = "→", kit.Good
	}
	v.arrow.Set(arrow)
	v.arrow.SetType(kit.Strong.In(color))
	kind := e.Type
	if kind == sim.TypeNote {
		kind = "note"
	}
	v.kind.Set(kind)
	v.kind.SetType(kit.CaptionBold.In(map[bool]kit.Color{true: kit.Muted, false: kit.Ink}[e.Type == sim.TypeNote]))
	v.text.Set(line(e))
}

// line is an entry without its type: of a message first what it is about and what it says, then the rest.
func line(e sim.Entry) string {
	rest := strings.TrimLeft(strings.TrimPrefix(e.Summary, e.Type), " ·")
	if len(e.Payload) == 0 || !utf8.Valid(e.Payload) {
		return rest
	}
	payload := string(bytes.Map(visible, e.Payload[:min(len(e.Payload), 160)]))
	about, details, _ := strings.Cut(rest, " · ")
	return join(about+"  "+payload, details)
}

// visible keeps a line one line.
func visible(c rune) rune {
	if c < ' ' {
		return ' '
	}
	return c
}
