package overview

import (
	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/meter"
	"gatehouse/app/words"
)

// tiles are the figures along the top, each above its last minute.
type tiles struct {
	connected, connects, refused, in, out *tile
}

func (t *tiles) build() fyne.CanvasObject {
	t.connected = newTile("Connected", "devices", kit.Accent)
	t.connects = newTile("Connects", "a second", kit.Good)
	t.refused = newTile("Refused", "in 5 minutes", kit.Bad)
	t.in = newTile("Messages in", "a second", kit.Accent)
	t.out = newTile("Messages out", "a second", kit.Accent)
	return kit.Columns(kit.CardGap, []float32{1, 1, 1, 1, 1},
		t.connected.content, t.connects.content, t.refused.content, t.in.content, t.out.content)
}

func (t *tiles) set(r meter.Reading, refused int) {
	t.connected.set(words.Grouped(int(r.Connected.Last())), r.Connected)
	t.connects.set(words.Rate(float64(r.Connects.Recent())), r.Connects)
	t.refused.set(words.Grouped(refused), r.Refusals)
	ink := kit.Ink
	if refused > 0 {
		ink = kit.Bad
	}
	t.refused.figure.SetType(kit.Figure.In(ink))
	t.in.set(words.Rate(float64(r.MessagesIn.Recent())), r.MessagesIn)
	t.out.set(words.Rate(float64(r.MessagesOut.Recent())), r.MessagesOut)
}

// tile is one figure.
type tile struct {
	content *fyne.Container
	figure  *kit.Text
	line    *fyne.Container
	curve   *kit.Sparkline
	shown   meter.Curve
}

func newTile(title, unit string, color kit.Color) *tile {
	t := &tile{figure: kit.NewText("0", kit.Figure), curve: kit.NewSparkline(color, make([]float32, meter.Span))}
	t.line = kit.NewLine()
	t.line.Add(t.figure)
	t.line.Add(kit.NewText("  "+unit, kit.Caption))
	t.content = kit.Card(14, kit.Down(2,
		kit.Clipped(kit.NewText(title, kit.Quiet)), kit.Clipped(t.line), kit.Inset(0, 14, 0, 0, t.curve)))
	return t
}

// set shows a figure and its curve. Each new curve uploads a picture, so an unchanged one is left alone.
func (t *tile) set(figure string, curve meter.Curve) {
	if figure != t.figure.String() {
		t.figure.Set(figure)
		t.line.Layout.Layout(t.line.Objects, t.line.Size())
	}
	if curve != t.shown {
		t.shown = curve
		t.curve.Set(curve[:])
	}
}
