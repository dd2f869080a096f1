package troubles

import (
	"fmt"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/sim/faults"
)

// Actions are what the form does, each for all devices that it is for, off the UI goroutine.
type Actions struct {
	// Change changes what is wrong. connected: with those devices only that are connected.
	Change func(what string, connected bool, change func(*onboard.Troubles))
	Cut    func()
	Reset  func()
	Break  func(faults.Invalid)
}

// Member is a device of those that the form is for, or several that have the same troubles.
type Member struct {
	Troubles  onboard.Troubles
	Devices   int
	Connected int // of them
}

// Form is the switches. All methods belong to the UI goroutine.
type Form struct {
	actions Actions
	rows    []*row
	off     *kit.Button
	summary *kit.Text
	once    []*kit.Button
	invalid *form.Select
	content *fyne.Container
	members []Member
	devices int
}

// row is one fault.
type row struct {
	form    *Form
	fault   *fault
	toggle  *form.Switch
	figure  *kit.Field // nil without one
	count   *kit.Text
	problem *form.Problem
	shown   int // the figure that is on
	quiet   bool
}

// New makes the form for no device.
func New(a Actions) *Form {
	f := &Form{actions: a, summary: kit.NewText("", kit.Quiet)}
	f.off = kit.NewButton("All off", kit.Secondary, func() {
		f.actions.Change("All faults off", false, func(t *onboard.Troubles) { *t = onboard.Troubles{} })
	})
	body := kit.Down(14, container.NewBorder(nil, nil, nil, f.off, kit.Clipped(f.summary)))
	for _, g := range groups {
		section := kit.Down(2, kit.NewText(g.title, kit.Strong))
		for _, one := range g.faults {
			r := newRow(f, one)
			f.rows = append(f.rows, r)
			section.Add(r.content())
		}
		body.Add(section)
	}
	body.Add(f.newOnce())
	f.content = body
	return f
}

// newOnce are the things that happen once.
func (f *Form) newOnce() fyne.CanvasObject {
	names := make([]string, 0, len(packets))
	for _, p := range packets {
		names = append(names, p.name)
	}
	f.invalid = form.NewSelect(nil, names...)
	f.invalid.Set(0, names...)
	cut := kit.NewButton("Cut", kit.Secondary, func() { f.actions.Cut() })
	reset := kit.NewButton("Reset", kit.Secondary, func() { f.actions.Reset() })
	send := kit.NewButton("Send it", kit.Secondary, func() { f.actions.Break(packets[max(f.invalid.Chosen(), 0)].id) })
	f.once = []*kit.Button{cut, reset, send}
	line := func(b *kit.Button, control fyne.CanvasObject, sentence string) fyne.CanvasObject {
		say := kit.NewProse(kit.Run{Text: sentence, Type: kit.Caption})
		right := kit.Down(2, say)
		if control != nil {
			right = kit.Down(2, control, say)
		}
		return container.NewBorder(nil, nil, kit.Inset(0, 10, 0, 0, kit.Down(0, kit.Sized(90, 30, b))), nil, right)
	}
	return kit.Down(8, kit.NewText("Once, now", kit.Strong),
		line(cut, nil, "The connection ends without DISCONNECT, as when the device’s program is killed: what was written still arrives."),
		line(reset, nil, "The connection ends with a TCP reset, as when the device reboots: what was on its way is lost."),
		line(send, f.invalid, "A packet that MQTT forbids: the gateway closes the connection and says which rule it broke."))
}

// Content is the form.
func (f *Form) Content() fyne.CanvasObject { return f.content }

// Show brings it up to date.
func (f *Form) Show(members []Member) {
	f.members = members
	connected, troubled := 0, 0
	f.devices = 0
	for _, m := range members {
		f.devices += m.Devices
		connected += m.Connected
		if m.Troubles.Any() {
			troubled += m.Devices
		}
	}
	f.summary.Set(f.say(connected, troubled))
	for _, r := range f.rows {
		r.show(members)
	}
	enable(f.off, troubled > 0)
	for _, b := range f.once {
		enable(b, connected > 0)
	}
}

func (f *Form) say(connected, troubled int) string {
	if f.devices == 1 {
		switch {
		case troubled == 0 && connected == 1:
			return "Nothing is wrong. A switch counts at once, for the connection that there is."
		case troubled == 0:
			return "Nothing is wrong. What you switch on counts when it connects."
		case connected == 0:
			return "What is on counts when the device connects."
		}
		return "What is on counts now."
	}
	return fmt.Sprintf("%d of %d devices have something wrong · %d connected", troubled, f.devices, connected)
}

func enable(b *kit.Button, on bool) {
	if on {
		b.Enable()
	} else {
		b.Disable()
	}
}

func newRow(f *Form, one *fault) *row {
	r := &row{form: f, fault: one, count: kit.NewText("", kit.Caption.Right()), problem: form.NewProblem()}
	r.toggle = form.NewSwitch(one.name, func(bool) { r.apply() })
	if one.unit != "" {
		r.figure = kit.NewField("")
		r.figure.Entry.SetText(strconv.Itoa(one.standard))
		r.figure.Entry.OnSubmitted = func(string) { r.apply() }
		r.figure.OnChanged(func(text string) {
			if r.quiet {
				return
			}
			n, wrong := one.parse(text)
			r.problem.Say(wrong)
			f.content.Refresh()
			if r.toggle.On() && wrong == "" && n != r.shown {
				r.apply()
			}
		})
	}
	return r
}

func (r *row) content() fyne.CanvasObject {
	right := kit.Across(8, r.count)
	if r.figure != nil {
		right = kit.Across(8, r.count, kit.Sized(76, 0, r.figure), kit.Sized(58, 0, kit.NewText(r.fault.unit, kit.Caption)))
	}
	return kit.Down(0,
		container.NewBorder(nil, nil, nil, right, kit.Clipped(r.toggle)),
		kit.Inset(0, 0, 4, 24, kit.Down(0, kit.NewProse(kit.Run{Text: r.fault.sentence, Type: kit.Caption}), r.problem.Container)))
}

// apply does what the row says.
func (r *row) apply() {
	n := yes(r.toggle.On())
	if n > 0 && r.figure != nil {
		var wrong string
		if n, wrong = r.fault.parse(r.figure.Entry.Text); wrong != "" {
			r.problem.Say(wrong)
			r.toggle.Set(false)
			r.form.content.Refresh()
			return
		}
	}
	r.shown = n
	r.form.actions.Change(r.fault.name, r.fault.alone && r.form.devices > 1, func(t *onboard.Troubles) { r.fault.set(t, n) })
}

// show is the row for what is wrong now.
func (r *row) show(members []Member) {
	on, figure, same := 0, 0, true
	for _, m := range members {
		n := r.fault.figure(m.Troubles)
		if n == 0 {
			continue
		}
		if on > 0 && n != figure {
			same = false
		}
		on += m.Devices
		figure = n
	}
	r.toggle.Set(on > 0)
	typing := false
	if r.figure != nil {
		c := fyne.CurrentApp().Driver().CanvasForObject(r.figure)
		typing = c != nil && c.Focused() == fyne.Focusable(r.figure.Entry)
	}
	if r.figure != nil && on > 0 && same && figure != r.shown && !typing && !r.fault.passing {
		r.quiet = true
		r.figure.Entry.SetText(strconv.Itoa(figure))
		r.quiet = false
	}
	r.shown = figure
	switch {
	case on == 0:
		r.count.Set("")
	case r.fault.passing && r.form.devices == 1:
		r.count.Set(fmt.Sprintf("%d to come", figure))
	case r.form.devices > 1:
		r.count.Set(fmt.Sprintf("%d of %d", on, r.form.devices))
	default:
		r.count.Set("")
	}
}

// packets are those that MQTT forbids, in words.
var packets = []struct {
	id   faults.Invalid
	name string
}{
	{faults.ReservedType, "A packet of the reserved type 0"},
	{faults.ReservedFlags, "SUBSCRIBE with wrong flags"},
	{faults.QoS3, "PUBLISH with QoS 3"},
	{faults.PacketIDZero, "SUBSCRIBE with packet identifier 0"},
	{faults.WildcardTopic, "PUBLISH to the wildcard a/#"},
	{faults.BadUTF8, "PUBLISH to a topic that is not UTF-8"},
	{faults.NullInTopic, "PUBLISH to a topic with a null character"},
	{faults.EmptySubscribe, "SUBSCRIBE to nothing"},
	{faults.LongLength, "A length of five bytes"},
	{faults.SecondConnect, "A second CONNECT"},
	{faults.FromServer, "SUBACK, which only a server may send"},
	{faults.ShorterThanItSays, "A topic that is longer than its packet"},
}
