package kit

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

const sentence = "A device has one connection at a time: if this device is connected, the device is disconnected"

// needs fails the test when a text is painted wider than its place, or without its last letters and an ellipsis.
func needs(t *testing.T, x *Text, width float32) {
	t.Helper()
	painted := x.draw.Text
	if size, _ := x.typ.measure(painted); size.Width > width+2 {
		t.Errorf("%q is %v wide in a place of %v", painted, size.Width, width)
	}
	if head, shortened := strings.CutSuffix(painted, "…"); painted != x.String() && (!shortened || !strings.HasPrefix(x.String(), head)) {
		t.Errorf("%q is painted of %q", painted, x.String())
	}
}

func TestAShortenedTextEndsWithAnEllipsisWhereItHasNoRoom(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	x := NewText(sentence, Caption)
	w := test.NewTempWindow(t, Clipped(x))
	w.SetPadded(false)
	w.Resize(fyne.NewSize(200, 40))
	needs(t, x, 200)
	if !x.Cut() || len(x.draw.Text) < 20 {
		t.Errorf("%q is painted", x.draw.Text)
	}
	if x.String() != sentence {
		t.Errorf("it calls itself %q", x.String())
	}
	x.Set("short")
	if x.Cut() || x.draw.Text != "short" {
		t.Errorf("%q is painted of a short text", x.draw.Text)
	}
	x.Set(sentence)
	needs(t, x, 200)
	w.Resize(fyne.NewSize(900, 40))
	if x.Cut() || x.draw.Text != sentence {
		t.Errorf("%q is painted where there is room for all", x.draw.Text)
	}
}

func TestAButtonIsAsWideAsItsLabelAndShortensItWhereItCannotBe(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	for _, rank := range []Rank{Primary, Secondary, Small} {
		b := NewButton("Enable thermostat-7", rank, nil)
		w := test.NewTempWindow(t, Flow(6, b))
		w.SetPadded(false)
		w.Resize(fyne.NewSize(600, 40))
		if b.label.Cut() || b.MinSize().Width < b.label.Natural() {
			t.Errorf("%q is painted on a button %v wide", b.label.draw.Text, b.Size().Width)
		}
		w.Resize(fyne.NewSize(120, 40))
		needs(t, b.label, 120-16+2)
		if !b.label.Cut() {
			t.Errorf("the whole label is painted on a button %v wide", b.Size().Width)
		}
	}
}

func TestTheTextAtTheEndOfAClippedLineIsShortened(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	first, last := NewText("2 findings:", Strong), NewText(sentence, Body)
	w := test.NewTempWindow(t, Clipped(Across(6, first, last)))
	w.SetPadded(false)
	w.Resize(fyne.NewSize(300, 40))
	needs(t, last, 300-first.Natural()-6)
	if !last.Cut() || first.Cut() {
		t.Errorf("%q and %q are painted", first.draw.Text, last.draw.Text)
	}
	w.Resize(fyne.NewSize(1000, 40))
	if last.Cut() {
		t.Errorf("%q is painted where there is room for all", last.draw.Text)
	}
}

func TestALinkIsShortenedInANarrowPlace(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	link := NewLink(sentence, Mono, func() {})
	w := test.NewTempWindow(t, Clipped(link))
	w.SetPadded(false)
	w.Resize(fyne.NewSize(120, 40))
	needs(t, link.text, 120)
	if !link.text.Cut() || link.String() != sentence {
		t.Errorf("%q is painted of %q", link.text.draw.Text, link.String())
	}
}

func TestADetailThatHasNoRoomUnfoldsToItself(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	line := NewTimeline()
	line.Set([]Step{{Key: "a", Title: "Before anything is sent", Detail: sentence}, {Key: "b", Title: "TCP connected", Detail: "127.0.0.1"}})
	w := test.NewTempWindow(t, line.Content())
	w.Resize(fyne.NewSize(400, 300))
	long, fits := line.views["a"], line.views["b"]
	needs(t, long.detail, 400-stepLeft)
	if !long.detail.Cut() || !long.opens() || !long.more.Visible() || line.AllOpen() {
		t.Fatalf("%q cannot be unfolded", long.detail.draw.Text)
	}
	if fits.opens() || fits.more.Visible() {
		t.Error("what can be seen whole unfolds")
	}
	line.ToggleAll()
	var said strings.Builder
	for _, o := range line.Content().Objects {
		if body, is := o.(*fyne.Container); is {
			for _, piece := range body.Objects[0].(*fyne.Container).Objects[0].(*Prose).pieces {
				said.WriteString(piece.String())
			}
		}
	}
	if said.String() != sentence || !line.AllOpen() {
		t.Errorf("it unfolds to %q", said.String())
	}
	w.Resize(fyne.NewSize(1200, 300))
	if long.detail.Cut() || long.more.Visible() && !long.opens() {
		t.Error("it still unfolds where there is room for all of it")
	}
}

func TestATitleThatHasNoRoomLeavesItsMarkInSight(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	line := NewTimeline()
	line.Set([]Step{{Key: "a", Title: sentence, Body: func() fyne.CanvasObject { return Spacer() }}})
	w := test.NewTempWindow(t, line.Content())
	w.Resize(fyne.NewSize(300, 300))
	v := line.views["a"]
	if end := v.more.Position().X + v.more.Size().Width; !v.title.Cut() || end > v.Size().Width-stepLeft {
		t.Errorf("the mark ends at %v of %v", end, v.Size().Width-stepLeft)
	}
}

func TestAWordThatIsWiderThanItsParagraphIsBroken(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	const long = "it is thermostat-7-of-the-upper-floor now"
	p := NewProse(Run{Text: long, Type: Mono})
	w := test.NewTempWindow(t, Down(0, p))
	w.SetPadded(false)
	w.Resize(fyne.NewSize(90, 200))
	var all strings.Builder
	for _, piece := range p.pieces {
		all.WriteString(piece.String())
		if size, _ := piece.typ.measure(strings.TrimRight(piece.String(), " ")); size.Width > 90 {
			t.Errorf("%q is %v wide", piece.String(), size.Width)
		}
	}
	if all.String() != long || len(p.pieces) < 4 {
		t.Errorf("%q is set in %d lines", all.String(), len(p.pieces))
	}
}

func TestAColumnEndsWhereItsTableEnds(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	text := func(s string) string { return s }
	table := NewDataTable(text, TextColumn("a", "A", 100, Body, text), TextColumn("b", "B", 400, Body, text), TextColumn("c", "C", 0, Body, text))
	w := test.NewTempWindow(t, table)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(300, 200))
	table.SetRows([]string{sentence})
	if w := table.widths; w[0] != 100 || w[1] != 300-100-cellMargin || w[2] != 0 {
		t.Errorf("the columns are %v wide", w)
	}
	for row := range table.live {
		needs(t, row.cells[1].(*Text), table.widths[1]-cellMargin)
	}
	w.Resize(fyne.NewSize(700, 200))
	if w := table.widths; w[1] != 400 || w[2] != 700-500-2*cellMargin {
		t.Errorf("the columns are %v wide where there is room", w)
	}
}

func TestALineOfACellGrowsWithItsText(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	word := NewText("", CaptionBold)
	w := test.NewTempWindow(t, cell(Across(5, NewIcon("check", Good, 11), word)))
	w.SetPadded(false)
	w.Resize(fyne.NewSize(66, 28))
	word.Set("parked")
	if word.Cut() {
		t.Errorf("%q is painted, though there is room", word.draw.Text)
	}
}
