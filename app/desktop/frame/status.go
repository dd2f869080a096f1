package frame

import (
	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
)

// statusBar counts at the foot of the window.
type statusBar struct {
	figures                                 pulled // shown
	content                                 *fyne.Container
	connected, in, out, refused, dropped    *kit.Text
	connectedWord, refusedWord, droppedWord *kit.Text
	findings, findingsWord                  *kit.Text
	finding                                 *fyne.Container // hidden while there are none
	cross                                   *kit.Icon
	note                                    *kit.Text
}

func newStatusBar() *statusBar {
	bold := func() *kit.Text { return kit.NewText("0", kit.CaptionBold) }
	quiet := func(s string) *kit.Text { return kit.NewText(s, kit.Caption) }
	b := &statusBar{
		connected: bold(), in: bold(), out: bold(), refused: bold(), dropped: bold(),
		connectedWord: quiet("connected"), refusedWord: quiet("refused in 5 min"), droppedWord: quiet("dropped"),
		cross: kit.NewIcon("cross", kit.Bad, 9),
	}
	b.cross.Hide()
	b.note = quiet("")
	b.findings, b.findingsWord = bold(), quiet("findings")
	b.finding = kit.Across(4, kit.NewIcon("attention", kit.Warn, 11), b.findings, b.findingsWord)
	b.finding.Hide()
	b.content = kit.Across(22,
		kit.Across(4, b.connected, b.connectedWord),
		kit.Across(4, quiet("in"), kit.Across(0, b.in, quiet("/s"))),
		kit.Across(4, quiet("out"), kit.Across(0, b.out, quiet("/s"))),
		kit.Across(4, b.cross, b.refused, b.refusedWord),
		kit.Across(4, b.dropped, b.droppedWord),
		b.finding,
		kit.Spacer(), b.note,
	)
	return b
}

// set shows figures. Widths follow the digits, so the bar is laid out again when one has changed.
func (b *statusBar) set(p pulled) {
	b.figures = p
	b.connected.Set(words.Grouped(p.tally.Sample.Connected))
	b.in.Set(words.Rate(float64(p.rates.in)))
	b.out.Set(words.Rate(float64(p.rates.out)))
	b.refused.Set(words.Grouped(p.tally.Refused))
	b.dropped.Set(words.Grouped(int(p.tally.Sample.Dropped)))
	ink, quiet := kit.Ink, kit.Muted
	if p.tally.Refused > 0 {
		ink, quiet = kit.Bad, kit.Bad
	}
	b.refused.SetType(kit.CaptionBold.In(ink))
	b.refusedWord.SetType(kit.Caption.In(quiet))
	b.cross.Hidden = p.tally.Refused == 0
	warn := kit.Ink
	if p.tally.Sample.Dropped > 0 {
		warn = kit.Warn
	}
	b.dropped.SetType(kit.CaptionBold.In(warn))
	b.findings.Set(words.Grouped(p.tally.Findings))
	b.findings.SetType(kit.CaptionBold.In(kit.Warn))
	word := "findings"
	if p.tally.Findings == 1 {
		word = "finding"
	}
	b.findingsWord.Set(word)
	b.findingsWord.SetType(kit.Caption.In(kit.Warn))
	b.finding.Hidden = p.tally.Findings == 0
	relayout(b.content)
}

// say shows what the screen has to say about itself.
func (b *statusBar) say(note string) {
	if note != b.note.String() {
		b.note.Set(note)
		relayout(b.content)
	}
}

// relayout places the parts of nested rows anew, after texts in them have changed width.
func relayout(o fyne.CanvasObject) {
	if c, ok := o.(*fyne.Container); ok && c.Layout != nil {
		c.Layout.Layout(c.Objects, c.Size())
		for _, part := range c.Objects {
			relayout(part)
		}
	}
}
