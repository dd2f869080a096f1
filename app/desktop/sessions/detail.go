package sessions

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/broker"
)

// detail is the right side: the chosen session.
type detail struct {
	screen  *Screen
	content *fyne.Container
	body    *fyne.Container
	none    *fyne.Container
	hint    *kit.Prose
	head    *fyne.Container
	values  map[string]*kit.Text
	address *kit.Link
	cred    *kit.Link
	attempt *kit.Link
	rows    *fyne.Container
	topics  *fyne.Container
	shown   *row
}

// facts are the lines of the detail: label, and value of a row.
var facts = []struct {
	label string
	value func(*row) string
}{
	{"Client ID", func(r *row) string { return dashed(r.session.ClientID) }},
	{"Protocol", func(r *row) string { return r.protocol }},
	{"Session", func(r *row) string { return r.clean }},
	{"Keepalive", func(r *row) string { return keepalive(r) }},
	{"TLS", func(r *row) string { return dashed(r.tls) }},
	{"Received", func(r *row) string { return r.messagesIn + " messages, " + r.bytesIn }},
	{"Sent", func(r *row) string { return r.messagesOut + " messages, " + r.bytesOut }},
	{"In flight", func(r *row) string { return words.Grouped(r.session.InFlight) }},
	{"Queued", func(r *row) string { return queued(r) }},
	{"Dropped", func(r *row) string { return r.lost }},
}

// queued is what waits beyond the messages in flight, and how large all that waits is.
func queued(r *row) string {
	if r.session.Queued+r.session.InFlight == 0 {
		return "0"
	}
	return words.Grouped(r.session.Queued) + ", " + words.Bytes(uint64(r.session.QueuedBytes))
}

func keepalive(r *row) string {
	if r.due != "" {
		return r.keepalive + ", " + r.due
	}
	return r.keepalive
}

func newDetail(s *Screen) *detail {
	d := &detail{screen: s, head: container.NewStack(), values: map[string]*kit.Text{}, rows: kit.Down(5), topics: kit.Down(4), hint: kit.NewProse()}
	d.address, d.cred, d.attempt = kit.NewLink("", kit.Mono, nil), kit.NewLink("", kit.Mono, nil), kit.NewLink("", kit.Mono, nil)
	d.add("Address", d.address)
	d.add("Credential", d.cred)
	d.add("Attempt", d.attempt)
	for _, f := range facts {
		value := kit.NewText("", kit.Mono)
		d.values[f.label] = value
		d.add(f.label, value)
	}
	d.body = container.NewBorder(kit.Down(12, d.head, kit.Rule()), nil, nil, nil, container.NewVScroll(kit.Inset(12, 8, 8, 0, kit.Down(14,
		d.rows, kit.Rule(), kit.NewText("Subscriptions", kit.Title), d.topics))))
	d.body.Hide()
	d.none = container.NewStack(kit.Centred(300, kit.Down(6, kit.NewText("No session chosen", kit.Title), d.hint)))
	d.content = kit.Card(14, container.NewStack(d.none, d.body))
	d.explain("")
	return d
}

// add puts a line below the others.
func (d *detail) add(label string, value fyne.CanvasObject) {
	d.rows.Add(container.NewBorder(nil, nil, kit.Sized(86, 0, kit.NewText(label, kit.Caption)), nil, kit.Clipped(value)))
}

// link shows where address, credential and attempt of a session lead to.
func (d *detail) link(r *row) {
	s := d.screen
	lead := func(l *kit.Link, text string, some bool, do func()) {
		if !some {
			do = nil
		}
		l.Set(text, do)
	}
	host, cred, id := hostOf(r.session.Remote), r.session.CredentialSID, r.session.AttemptID
	lead(d.address, r.remote, r.remote != "—", func() { s.p.Shell.Go(shell.Attempts, shell.FromKey(host)) })
	lead(d.cred, r.cred, cred != "", func() { s.p.Shell.Go(shell.Attempts, cred) })
	number := "—"
	if id != 0 {
		number = words.Grouped(int(id))
	}
	lead(d.attempt, number, id != 0, func() { s.p.Shell.Go(shell.Attempts, shell.AttemptKey(id)) })
}

func (d *detail) explain(selected string) {
	text := "Choose one in the list to see what the device is subscribed to and what waits for it."
	if selected != "" {
		text = "This device has no session now. It gets one when it connects."
	}
	d.hint.Set(kit.Run{Text: text, Type: kit.Quiet})
}

// show puts the chosen session on the screen.
func (d *detail) show(shot snapshot) {
	r, before := shot.chosen, d.shown
	d.shown = r
	if r == nil {
		d.explain(shot.query.selected)
		d.body.Hide()
		d.none.Show()
		return
	}
	if before == nil || before.key != r.key || before.device != r.device || before.session.Connected != r.session.Connected || before.traced != r.traced || before.session.AttemptID != r.session.AttemptID {
		d.head.Objects = []fyne.CanvasObject{d.title(r)}
		d.head.Refresh()
	}
	if before == nil || before.key != r.key || before.remote != r.remote || before.cred != r.cred || before.session.AttemptID != r.session.AttemptID {
		d.link(r)
	}
	for _, f := range facts {
		d.values[f.label].Set(f.value(r))
	}
	if before == nil || before.key != r.key || !sameTopics(before.session.Subscriptions, r.session.Subscriptions) {
		d.list(r.session.Subscriptions)
	}
	d.none.Hide()
	d.body.Show()
}

// title is the device with its state, and what can be done. The buttons act on the session as it is then.
func (d *detail) title(r *row) fyne.CanvasObject {
	s := d.screen
	icon, color, word := "minus", kit.Muted, "Parked: the device is away"
	if r.session.Connected {
		icon, color, word = "check", kit.Good, "Live"
	}
	if r.traced {
		icon, color = "record", kit.Bad
		word += " · every packet is recorded"
	}
	now := func() *row { return d.shown }
	buttons := kit.Flow(6, kit.NewButton("Show device", kit.Secondary, func() { s.p.Shell.Go(shell.Devices, r.key) }))
	if r.session.AttemptID != 0 {
		buttons.Add(kit.NewButton("Show attempt", kit.Secondary, func() { s.showAttempt(now()) }))
	}
	if s.p.Tracer != nil {
		buttons.Add(kit.NewButton(traceLabel(r), kit.Secondary, func() { s.trace(now(), !r.traced) }))
	}
	if r.session.AttemptID != 0 && (r.traced || s.p.Tracer == nil) {
		buttons.Add(kit.NewButton("Show packets", kit.Secondary, func() { s.showPackets(now()) }))
	}
	if r.session.Connected {
		buttons.Add(kit.NewButton("Disconnect", kit.Secondary, func() { s.disconnect(now()) }))
	}
	buttons.Add(kit.NewButton("Drop session…", kit.Secondary, func() { s.drop(now()) }))
	return kit.Down(8,
		kit.Clipped(kit.NewText(r.device, kit.Title)),
		kit.Across(5, kit.NewIcon(icon, color, 11), kit.NewText(word, kit.CaptionBold.In(color))),
		buttons,
	)
}

func (d *detail) list(subscriptions []broker.Subscription) {
	d.topics.RemoveAll()
	if len(subscriptions) == 0 {
		d.topics.Add(kit.NewProse(kit.Run{Text: "None. The device gets no messages.", Type: kit.Quiet}))
	}
	for _, sub := range subscriptions {
		d.topics.Add(container.NewBorder(nil, nil, nil, kit.NewText(fmt.Sprintf("QoS %d", sub.QoS), kit.Caption), kit.Clipped(kit.NewText(sub.Filter, kit.Mono))))
	}
	d.topics.Refresh()
}

func sameTopics(a, b []broker.Subscription) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
