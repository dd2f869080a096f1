package attempts

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
	"gatehouse/gateway/inspect"
)

// packets is the inspector: the packets of an attempt, and the chosen one field by field beside its bytes.
type packets struct {
	detail  *detail
	content *fyne.Container
	search  *kit.Field
	ways    []*kit.Chip
	record  *kit.Button
	bar     *fyne.Container
	empty   *fyne.Container
	full    *fyne.Container
	table   *kit.DataTable[*packetRow]
	one     *packet

	id    uint64
	trace trace
	way   inspect.Direction
	text  string
	turn  int // of the search that was asked for last
}

func newPackets(d *detail) *packets {
	p := &packets{detail: d}
	p.search = kit.NewField("Filter packets")
	p.search.OnChanged(func(text string) { p.text = text; p.list() })
	p.bar = kit.Across(6)
	for i, label := range []string{"All", "→", "←"} {
		p.ways = append(p.ways, kit.NewChip("", label, func() { p.way = inspect.Direction(i); p.list() }))
		p.bar.Add(p.ways[i])
	}
	p.ways[0].Choose(true)
	p.record = kit.NewButton("Trace packets", kit.Small, p.switchTrace)
	p.record.Hide()
	var export *kit.Button
	export = kit.NewButton("Export…", kit.Small, func() { dropDown(export, p.exports()...) })
	top := container.New(searchBar{}, p.bar, p.search, kit.Across(6, p.record, export))
	p.table = kit.NewDataTable(func(r *packetRow) string { return r.key },
		kit.TextColumn("way", "", 18, kit.Strong.In(kit.Accent), func(r *packetRow) string { return r.way }),
		kit.TextColumn("at", "ms", 66, kit.Mono.In(kit.Muted), func(r *packetRow) string { return r.at }),
		kit.Column[*packetRow]{
			ID: "pair", Label: "Pairs", Width: 92, Text: func(r *packetRow) string { return r.took },
			Create: func() fyne.CanvasObject { return kit.NewBracket() },
			Update: func(cell fyne.CanvasObject, r *packetRow) { cell.(*kit.Bracket).Set(r.lanes, r.took) },
		},
		kit.TextColumn("what", "Packet", 0, kit.Body, func(r *packetRow) string { return r.summary }),
	)
	p.table.Steady = true
	p.one = newPacket(d)
	p.table.OnSelect = func(r *packetRow) { p.one.show(p.trace.lines[r.index]) }
	p.empty = container.NewStack(kit.Centred(340, kit.Down(6,
		kit.NewText("No packets", kit.Title),
		kit.NewProse(kit.Run{Text: "No MQTT packet was exchanged in this attempt.", Type: kit.Quiet}))))
	p.full = kit.Rows(10, []float32{5, 6}, kit.Panel(kit.Surface, kit.Line, 1, p.table), p.one.content)
	p.content = kit.Inset(10, 0, 0, 0, container.NewBorder(kit.Inset(0, 0, 8, 0, top), nil, nil, nil, container.NewStack(p.full, p.empty)))
	return p
}

// searchBar puts a field between two others, or on a line of its own where it would be too narrow to type into.
type searchBar struct{}

const (
	searchGap   = 6
	leastSearch = 110
)

func (searchBar) broken(o []fyne.CanvasObject, width float32) bool {
	return width-o[0].MinSize().Width-o[2].MinSize().Width-2*searchGap < leastSearch
}

// MinSize implements fyne.Layout.
func (l searchBar) MinSize(o []fyne.CanvasObject) fyne.Size {
	line := max(o[0].MinSize().Height, o[2].MinSize().Height)
	height := max(line, o[1].MinSize().Height)
	if width := o[1].Size().Width + searchGap; o[1].Position().Y > 0 && width > searchGap { // it was broken when it was last laid out
		height = line + searchGap + o[1].MinSize().Height
	}
	return fyne.NewSize(o[0].MinSize().Width+o[2].MinSize().Width+searchGap, height)
}

// Layout implements fyne.Layout.
func (l searchBar) Layout(o []fyne.CanvasObject, size fyne.Size) {
	left, right := o[0].MinSize(), o[2].MinSize()
	line := max(left.Height, right.Height)
	field := fyne.NewPos(left.Width+searchGap, 0)
	width := size.Width - left.Width - right.Width - 2*searchGap
	if l.broken(o, size.Width) {
		field, width = fyne.NewPos(0, line+searchGap), size.Width
	} else {
		line = max(line, o[1].MinSize().Height)
	}
	o[0].Resize(left)
	o[0].Move(fyne.NewPos(0, (line-left.Height)/2))
	o[1].Resize(fyne.NewSize(width, o[1].MinSize().Height))
	o[1].Move(field)
	o[2].Resize(right)
	o[2].Move(fyne.NewPos(size.Width-right.Width, (line-right.Height)/2))
}

// show lists the packets of an attempt.
func (p *packets) show(v view) {
	label := "Trace packets"
	if v.traced {
		label = "Stop tracing"
	}
	p.record.SetLabel(label)
	if on := p.detail.screen.p.Tracer != nil && v.attempt.DeviceSID != "" && (v.attempt.Live || v.traced); on == p.record.Hidden {
		p.record.Hidden = !on
		p.content.Refresh()
	}
	if p.id == v.id && len(p.trace.lines) == len(v.trace.lines) {
		return
	}
	other := p.id != v.id
	p.id, p.trace = v.id, v.trace
	if other {
		p.table.Unselect()
		p.one.clear()
	}
	p.empty.Hidden = len(p.trace.lines) > 0
	p.full.Hidden = !p.empty.Hidden
	p.list()
	if other && len(p.trace.rows) > 0 && p.text == "" && p.way == inspect.Either {
		p.table.Select(p.trace.rows[0].key)
	}
	p.content.Refresh()
}

// list lists what passes the filter, which is looked for off the UI goroutine.
func (p *packets) list() {
	for i, chip := range p.ways {
		chip.Choose(inspect.Direction(i) == p.way)
	}
	p.turn++
	turn, t, text, way := p.turn, p.trace, p.text, p.way
	if text == "" && way == inspect.Either {
		p.table.SetRows(t.rows)
		return
	}
	var rows []*packetRow
	p.detail.screen.shell.Background(func(context.Context) error { rows = t.matching(text, way); return nil }, func(error) {
		if turn == p.turn { // else another one was asked for meanwhile
			p.table.SetRows(rows)
		}
	})
}

// switchTrace records all packets of the device from now on, or no longer.
func (p *packets) switchTrace() {
	s, v := p.detail.screen, p.detail.shown
	on, done := !v.traced, false
	s.shell.Background(func(context.Context) error { done = s.p.Tracer.Trace(v.attempt.DeviceSID, on); return nil }, func(error) {
		switch {
		case on && !done:
			s.shell.Fail("The packets cannot be traced", fmt.Errorf("too many devices are traced already, or the device was deleted"))
		case on:
			s.shell.Toast("All packets of "+v.attempt.DeviceName+" are recorded for an hour", nil)
		default:
			s.shell.Toast("The packets of "+v.attempt.DeviceName+" are no longer recorded", nil)
		}
		s.again()
	})
}

// exports save the packets. Passwords are blank in all of them.
func (p *packets) exports() []*fyne.MenuItem {
	item := func(label, ending string, one func(inspect.Line) ([]byte, error)) *fyne.MenuItem {
		return fyne.NewMenuItem(label, func() {
			s, lines, id := p.detail.screen.shell, p.trace.lines, p.id
			var out bytes.Buffer
			s.Background(func(context.Context) error {
				for _, l := range lines {
					text, err := one(l)
					if err != nil {
						return err
					}
					out.Write(append(text, '\n'))
				}
				return nil
			}, func(err error) {
				if err != nil {
					s.Fail("The packets could not be exported", err)
					return
				}
				s.Save(fmt.Sprintf("attempt-%d-packets.%s", id, ending), out.Bytes())
			})
		})
	}
	text := func(payloads bool) func(inspect.Line) ([]byte, error) {
		return func(l inspect.Line) ([]byte, error) { return []byte(words.Packet(l, payloads)), nil }
	}
	lines := func(payloads bool) func(inspect.Line) ([]byte, error) {
		return func(l inspect.Line) ([]byte, error) { return l.JSONLine(payloads) }
	}
	return []*fyne.MenuItem{
		item("As text", "txt", text(false)), item("As text, with payloads", "txt", text(true)),
		fyne.NewMenuItemSeparator(),
		item("As JSON lines", "jsonl", lines(false)), item("As JSON lines, with payloads", "jsonl", lines(true)),
	}
}

// packet is one packet: its fields beside its bytes, or its payload.
type packet struct {
	content  *fyne.Container
	problem  *kit.Prose
	chips    []*kit.Chip
	fields   *kit.DataTable[fieldRow]
	hex      *kit.HexView
	text     *kit.Lines
	inspect  *fyne.Container
	payload  *fyne.Container
	line     inspect.Line
	onScreen int
}

// besideBytes puts the fields beside the bytes: about half each, and where that is too little for eight bytes on a line,
// only what four need.
type besideBytes struct{}

const (
	wellPadding = 8
	besideGap   = 10
)

// MinSize implements fyne.Layout.
func (besideBytes) MinSize(o []fyne.CanvasObject) fyne.Size {
	a, b := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(a.Width+besideGap+b.Width, max(a.Height, b.Height))
}

// Layout implements fyne.Layout.
func (besideBytes) Layout(o []fyne.CanvasObject, size fyne.Size) {
	bytes := kit.HexWidth((size.Width-besideGap)*11/21-2*wellPadding) + 2*wellPadding
	fields := max(size.Width-besideGap-bytes, 0)
	o[0].Resize(fyne.NewSize(fields, size.Height))
	o[1].Move(fyne.NewPos(fields+besideGap, 0))
	o[1].Resize(fyne.NewSize(bytes, size.Height))
}

// fieldRow is a field of a packet.
type fieldRow struct {
	key         string
	field       inspect.Field
	name, value string
}

// The ways to look at a packet.
const (
	asFields = iota
	asPayload
	asHex
)

func newPacket(d *detail) *packet {
	p := &packet{problem: kit.NewProse(), hex: kit.NewHexView(), text: kit.NewLines()}
	bar := kit.Across(6)
	for i, label := range []string{"Fields and bytes", "Payload", "Payload in hex"} {
		p.chips = append(p.chips, kit.NewChip("", label, func() { p.turn(i) }))
		bar.Add(p.chips[i])
	}
	bar.Add(kit.Spacer())
	bar.Add(kit.NewButton("Copy", kit.Small, func() { d.screen.shell.Copy("packet", p.copied()) }))
	p.fields = kit.NewDataTable(func(r fieldRow) string { return r.key },
		kit.TextColumn("name", "Field", 132, kit.Caption.In(kit.Ink), func(r fieldRow) string { return r.name }).Narrowing(84),
		kit.TextColumn("value", "Value", 0, kit.Mono, func(r fieldRow) string { return r.value }).Narrowing(64),
	)
	p.fields.Steady = true
	p.fields.OnSelect = func(r fieldRow) { p.hex.Mark(r.field.Offset, r.field.Length) }
	p.hex.OnByte = p.point
	p.inspect = container.New(besideBytes{}, p.fields, kit.Panel(kit.Well, kit.Line, wellPadding, p.hex))
	p.payload = kit.Panel(kit.Well, kit.Line, 8, p.text)
	p.content = container.NewBorder(kit.Inset(0, 0, 6, 0, kit.Down(4, bar, p.problem)), nil, nil, nil, container.NewStack(p.inspect, p.payload))
	p.turn(asFields)
	p.clear()
	return p
}

func (p *packet) clear() { p.content.Hide() }

// show takes a packet apart on the screen.
func (p *packet) show(l inspect.Line) {
	p.line = l
	rows := make([]fieldRow, len(l.Packet.Fields))
	for i, f := range l.Packet.Fields {
		rows[i] = fieldRow{strconv.Itoa(i), f, strings.Repeat("   ", f.Depth) + f.Name, f.Shown(true)}
	}
	p.fields.Unselect()
	p.fields.SetRows(rows)
	p.fields.ScrollTo(0)
	p.hex.Set(l.Blank(true))
	var said []kit.Run
	if l.Packet.Problem != "" {
		said = append(said, kit.Run{Text: fmt.Sprintf("Malformed at byte %d: %s. ", l.Packet.ProblemAt, l.Packet.Problem), Type: kit.Strong.In(kit.Bad)})
		p.hex.Mark(l.Packet.ProblemAt, 1)
	}
	if l.Packet.Truncated {
		said = append(said, kit.Run{Text: fmt.Sprintf("The first %d of its %d bytes are kept.", len(l.Bytes), l.Length), Type: kit.Caption})
	}
	p.problem.Set(said...)
	p.problem.Hidden = len(said) == 0
	has := len(l.Packet.Payload) > 0
	p.chips[asPayload].Hidden, p.chips[asHex].Hidden = !has, !has
	p.content.Show()
	if !has {
		p.turn(asFields)
	} else {
		p.turn(p.onScreen)
	}
	p.content.Refresh()
}

// turn shows the packet in one way.
func (p *packet) turn(way int) {
	p.onScreen = way
	for i, chip := range p.chips {
		chip.Choose(i == way)
	}
	p.inspect.Hidden, p.payload.Hidden = way != asFields, way == asFields
	p.text.Set(strings.Split(strings.TrimRight(p.payloadText(), "\n"), "\n"))
	p.content.Refresh()
}

func (p *packet) payloadText() string {
	l := p.line
	switch p.onScreen {
	case asPayload:
		v := inspect.ViewPayload(l.Packet.Payload, !l.Packet.Truncated)
		if v.Cut {
			return v.Text + "\n…"
		}
		return v.Text
	case asHex:
		return inspect.HexDump(l.Packet.Payload, 8)
	}
	return ""
}

func (p *packet) copied() string {
	if p.onScreen == asFields {
		return words.Packet(p.line, true)
	}
	return p.payloadText()
}

// point chooses the innermost field that holds a byte.
func (p *packet) point(offset int) {
	best := -1
	for i, f := range p.line.Packet.Fields {
		if offset >= f.Offset && offset < f.Offset+f.Length && (best < 0 || f.Length <= p.line.Packet.Fields[best].Length && f.Depth >= p.line.Packet.Fields[best].Depth) {
			best = i
		}
	}
	if best >= 0 {
		p.fields.Select(strconv.Itoa(best))
	}
}
