package attempts

import (
	"context"
	"fmt"
	"net"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/timeline"
	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/sid"
)

// view is the chosen attempt, made ready for the screen off the UI goroutine.
type view struct {
	id      uint64
	found   bool
	attempt attempt.Attempt
	words   words.Explanation
	steps   timeline.Steps
	remedy  remedy.Remedy
	fixable bool
}

// look reads the chosen attempt.
func (s *Screen) look(id uint64) view {
	v := view{id: id}
	if id == 0 {
		return v
	}
	if v.attempt, v.found = s.log.Get(id); !v.found {
		return v
	}
	v.words = words.Explain(v.attempt)
	v.steps = timeline.Prepare(v.attempt)
	v.remedy, v.fixable = s.p.Remedy(v.attempt)
	return v
}

// same reports whether two views look the same. Steps and packets are only ever added.
func (v view) same(o view) bool {
	return v.id == o.id && v.found == o.found && v.verdict() == o.verdict() &&
		len(v.steps) == len(o.steps) && len(v.attempt.Packets) == len(o.attempt.Packets)
}

// verdict is all that the verdict card depends on.
func (v view) verdict() string {
	return fmt.Sprint(v.id, v.attempt.Code, v.words, v.fixable, v.remedy.Label, v.attempt.Live, v.attempt.Done, v.attempt.DeviceSID)
}

// The tabs, by their place.
const (
	tabTimeline = iota
	tabPackets
)

// detail is the right side: the verdict above the tabs.
type detail struct {
	screen   *Screen
	content  *fyne.Container
	body     *fyne.Container // verdict, tabs and what they show; hidden without a choice
	none     *fyne.Container
	verdict  *fyne.Container
	head     *fyne.Container // tabs, and what stands beside them
	tabs     *kit.Tabs
	took     *kit.Text
	unfold   *kit.Button
	timeline *timeline.Timeline
	scroll   *container.Scroll
	packets  *fyne.Container
	bytes    *container.Scroll

	shown view
	tab   int
	fixed map[uint64]bool // attempts whose fix was pressed here
}

func newDetail(s *Screen) *detail {
	d := &detail{screen: s, verdict: container.NewStack(), packets: kit.Down(12), fixed: map[uint64]bool{}}
	d.tabs = kit.NewTabs("", "Timeline", "Packets")
	d.took = kit.NewText("", kit.Caption.Right())
	d.timeline = timeline.New(timeline.Actions{Copy: s.shell.Copy, Lead: s.lead, Folded: d.foldLabel})
	d.unfold = kit.NewButton("Unfold all", kit.Small, d.timeline.ToggleAll)
	d.tabs.OnChoose = func(i int) { d.tab = i; d.turn() }
	d.scroll = container.NewVScroll(kit.Inset(12, 8, 8, 0, d.timeline.Content()))
	d.bytes = container.NewVScroll(kit.Inset(12, 8, 8, 0, d.packets))
	d.bytes.Hide()
	d.head = container.NewStack(d.tabs, kit.Across(12, kit.Spacer(), d.took, d.unfold))
	d.body = container.NewBorder(kit.Down(6, d.verdict, d.head), nil, nil, nil, container.NewStack(d.scroll, d.bytes))
	d.body.Hide()
	d.none = container.NewStack(kit.Centred(320, kit.Down(6,
		kit.NewText("No attempt chosen", kit.Title),
		kit.NewProse(kit.Run{Text: "Choose one in the list to see what happened, step by step, and what to do about it.", Type: kit.Quiet}),
	)))
	d.content = kit.Card(14, container.NewStack(d.none, d.body))
	return d
}

// show puts a view on the screen; what looks the same already is left alone, so that the keyboard's place is kept.
func (d *detail) show(v view) {
	before := d.shown
	d.shown = v
	if !v.found {
		d.body.Hide()
		d.none.Show()
		return
	}
	if before.verdict() != v.verdict() || !before.found {
		d.verdict.Objects = []fyne.CanvasObject{d.card(v)}
		d.verdict.Refresh()
	}
	if before.id != v.id {
		d.scroll.ScrollToTop()
		d.bytes.ScrollToTop()
	}
	d.took.Set(took(v.attempt))
	d.took.Hidden = d.took.String() == ""
	d.timeline.ShowSteps(v.steps)
	d.foldLabel()
	d.none.Hide()
	d.body.Show()
	if d.tab == tabPackets && (before.id != v.id || len(before.attempt.Packets) != len(v.attempt.Packets)) {
		d.listPackets()
	}
}

// foldLabel says what the button beside the tabs does.
func (d *detail) foldLabel() {
	label := "Unfold all"
	if d.timeline.AllOpen() {
		label = "Fold all"
	}
	d.unfold.SetLabel(label)
	d.unfold.Hidden = d.tab != tabTimeline
	d.head.Refresh()
}

// turn shows what belongs to the chosen tab.
func (d *detail) turn() {
	d.scroll.Show()
	d.bytes.Hide()
	if d.tab == tabPackets {
		d.scroll.Hide()
		d.bytes.Show()
		d.listPackets()
	}
	d.foldLabel()
	d.body.Refresh()
}

// card says the code, what it means, the cause in a sentence, and offers the fix.
func (d *detail) card(v view) fyne.CanvasObject {
	return timeline.Card(v.attempt, timeline.Said{Advice: d.advice(v), Buttons: d.buttons(v)})
}

// advice is what to do, once the cause is known; after a fix, what happens next.
func (d *detail) advice(v view) string {
	if d.fixed[v.id] && !v.fixable {
		return "Fixed. The device gets in when it tries again."
	}
	if v.fixable && v.remedy.Kind == remedy.Press {
		return "" // the button says it
	}
	return v.words.Advice
}

// buttons are the fix, and the ways to what the attempt is about.
func (d *detail) buttons(v view) []fyne.CanvasObject {
	s, a := d.screen, v.attempt
	var line []fyne.CanvasObject
	if v.fixable {
		line = append(line, kit.NewButton(v.remedy.Label, kit.Primary, func() {
			s.p.Fix.Press(v.remedy, func() { d.fixed[v.id] = true; s.again() })
		}))
	}
	if a.DeviceSID != "" {
		line = append(line, kit.NewButton("Show device", kit.Secondary, func() { s.shell.Go(shell.Devices, a.DeviceSID) }))
		if a.Live {
			line = append(line, kit.NewButton("Show session", kit.Secondary, func() { s.shell.Go(shell.Sessions, a.DeviceSID) }))
		}
	}
	line = append(line, kit.NewButton("Copy report", kit.Secondary, func() { s.copyReport(a.ID) }))
	return line
}

// lead follows a link: a device has a page of its own, everything else is listed or chosen here.
func (s *Screen) lead(key string) {
	if sid.Valid(sid.Device, key) {
		s.shell.Go(shell.Devices, key)
		return
	}
	s.Show(key)
}

// took is how long it took until the verdict, or that it goes on.
func took(a attempt.Attempt) string {
	switch {
	case a.Code == attempt.Pending:
		return "in progress"
	case a.Live:
		return "connected"
	case a.Total == 0:
		return ""
	}
	return words.Took(a.Total) + " in all"
}

// listPackets shows the bytes of the first packets.
func (d *detail) listPackets() {
	packets := d.shown.attempt.Packets
	d.packets.RemoveAll()
	if len(packets) == 0 {
		d.packets.Add(kit.NewProse(kit.Run{Text: "No MQTT packet was exchanged in this attempt.", Type: kit.Quiet}))
	}
	for _, p := range packets {
		d.packets.Add(packetView(p))
	}
	d.packets.Refresh()
}

func packetView(p attempt.Packet) fyne.CanvasObject {
	way := "from the device"
	if p.Outbound {
		way = "to the device"
	}
	length := words.Count(p.Length, "byte", "bytes")
	if len(p.Bytes) < p.Length {
		length += fmt.Sprintf(", the first %d kept", len(p.Bytes))
	}
	head := kit.NewLine(
		kit.Run{Text: packetName(p.Bytes), Type: kit.Strong},
		kit.Run{Text: "  " + way + " · " + length + " · " + words.Offset(p.Offset), Type: kit.Caption},
	)
	return kit.Down(6, kit.Clipped(head), kit.CodeBlock(hexDump(p.Bytes)))
}

var packetNames = [16]string{
	"Reserved 0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "Reserved 15",
}

// packetName is the type in a packet's first byte [MQTT-2.2.1].
func packetName(b []byte) string {
	if len(b) == 0 {
		return "Empty"
	}
	return packetNames[b[0]>>4]
}

// hexDump is bytes as offset, eight bytes in hex and what of them is text: narrow enough for half a small window.
func hexDump(b []byte) string {
	const perLine = 8
	var out strings.Builder
	for start := 0; start < len(b); start += perLine {
		line := b[start:min(start+perLine, len(b))]
		text := make([]byte, len(line))
		for i, c := range line {
			if text[i] = '.'; c >= ' ' && c < 0x7f {
				text[i] = c
			}
		}
		fmt.Fprintf(&out, "%04x  %-23s  %s\n", start, strings.TrimSpace(fmt.Sprintf("% x", line)), text)
	}
	return out.String()
}

// host is an address without its port.
func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

// copyReport puts an attempt on the clipboard as Markdown.
func (s *Screen) copyReport(id uint64) {
	var text string
	s.shell.Background(func(context.Context) error {
		a, found := s.log.Get(id)
		if !found {
			return fmt.Errorf("attempt %d is no longer kept", id)
		}
		text = report(a)
		return nil
	}, func(err error) {
		if err != nil {
			s.shell.Fail("The report could not be made", err)
			return
		}
		s.shell.Copy("report", text)
	})
}

// report is an attempt as Markdown, to be sent to somebody: the facts of its steps hold no secrets.
func report(a attempt.Attempt) string {
	e := words.Explain(a)
	var out strings.Builder
	fmt.Fprintf(&out, "# Connection attempt %d: %s %s\n\n", a.ID, words.CodeLabel(a.Code), e.Name)
	fmt.Fprintf(&out, "%s from %s\n\n", a.At.UTC().Format("2006-01-02 15:04:05.000 MST"), a.Remote)
	fmt.Fprintf(&out, "**%s** %s\n", e.Cause, e.More)
	if e.Advice != "" {
		fmt.Fprintf(&out, "\n%s\n", e.Advice)
	}
	if a.DeviceSID != "" {
		fmt.Fprintf(&out, "\nDevice %s (%s)", a.DeviceName, a.DeviceSID)
		if sid.Valid(sid.Key, a.CredentialSID) || sid.Valid(sid.Certificate, a.CredentialSID) {
			fmt.Fprintf(&out, ", credential %s", a.CredentialSID)
		}
		out.WriteString("\n")
	}
	out.WriteString("\n| ms | step | |\n|---|---|---|\n")
	for _, s := range a.Steps {
		title, said := words.Step(s, a)
		fmt.Fprintf(&out, "| %s | %s | %s |\n", words.Offset(s.Offset), cellText(title), cellText(said))
	}
	return out.String()
}

func cellText(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}
