package frame

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
)

// mostCounted is the largest number that a mark on the rail shows.
const mostCounted = 99

// railCount is a number at the corner of an item of the rail: how much there is to look at. It takes no taps.
type railCount struct {
	content *fyne.Container
	back    *canvas.Rectangle
	text    *kit.Text
}

func newRailCount() *railCount {
	c := &railCount{
		back: &canvas.Rectangle{FillColor: kit.Warn, CornerRadius: countHeight / 2},
		text: kit.NewText("", kit.CaptionBold.In(kit.OnAccent).Centre()),
	}
	c.content = &fyne.Container{Layout: countLayout{}, Objects: []fyne.CanvasObject{c.back, c.text}}
	c.content.Hide()
	return c
}

func (c *railCount) set(n int) {
	label := words.Grouped(n)
	if n > mostCounted {
		label = words.Grouped(mostCounted) + "+"
	}
	if c.content.Hidden = n == 0; n > 0 {
		c.text.Set(label)
	}
	c.content.Refresh()
}

// mark shows how much there is to look at on a screen.
func (f *Frame) mark(name shell.Place, n int) {
	for _, p := range f.places {
		if p.name == name {
			p.count.set(n)
		}
	}
}

const countHeight = 16

// countLayout keeps the number at the upper right of the item's icon.
type countLayout struct{}

// MinSize implements fyne.Layout.
func (countLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// Layout implements fyne.Layout.
func (countLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := max(objects[1].MinSize().Width+9, countHeight)
	for _, o := range objects {
		o.Resize(fyne.NewSize(width, countHeight))
		o.Move(fyne.NewPos(float32(int(size.Width/2))+8, 6))
	}
}
