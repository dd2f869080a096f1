//go:build e2e

package drive

import (
	"fmt"
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"gatehouse/app/desktop/drive/ask"
)

// Visible returns the texts and icons of a canvas that can be seen, from the lowest layer to the highest and in the order
// of painting. It belongs to the UI goroutine.
func Visible(c fyne.Canvas) []ask.Text {
	var texts []ask.Text
	w := walk{scale: c.Scale(), clip: area{size: c.Size()}, texts: &texts}
	w.into(c.Content())
	for i, overlay := range c.Overlays().List() {
		w.layer = i + 1
		w.into(overlay)
	}
	return texts
}

// area is a rectangle in Fyne's units from the canvas's corner.
type area struct {
	at   fyne.Position
	size fyne.Size
}

// and returns what two areas share.
func (a area) and(b area) area {
	x, y := max(a.at.X, b.at.X), max(a.at.Y, b.at.Y)
	right := min(a.at.X+a.size.Width, b.at.X+b.size.Width)
	bottom := min(a.at.Y+a.size.Height, b.at.Y+b.size.Height)
	return area{fyne.NewPos(x, y), fyne.NewSize(max(right-x, 0), max(bottom-y, 0))}
}

// walk is the way from the canvas down to an object: where that is, what cuts it off, and the widgets around it.
type walk struct {
	scale float32
	layer int
	at    fyne.Position
	clip  area
	in    []string
	texts *[]ask.Text // all that was seen so far
}

// into visits an object and what it holds.
func (w *walk) into(object fyne.CanvasObject) {
	if object == nil || !object.Visible() {
		return
	}
	next := *w
	next.at = w.at.Add(object.Position())
	switch object := object.(type) {
	case *canvas.Text:
		next.see(object, object.Text, false)
	case *canvas.Image:
		if object.Resource != nil {
			next.see(object, object.Resource.Name(), true)
		}
	case *fyne.Container:
		next.each(object.Objects)
	case fyne.Widget:
		if cuts(object) {
			next.clip = w.clip.and(area{next.at, object.Size()})
		}
		next.in = append([]string{fmt.Sprintf("%T", object)}, w.in...)
		next.each(test.WidgetRenderer(object).Objects())
	}
}

func (w *walk) each(objects []fyne.CanvasObject) {
	for _, o := range objects {
		w.into(o)
	}
}

// cuts tells whether a widget hides what reaches beyond it.
func cuts(object fyne.CanvasObject) bool {
	if _, clip := object.(*container.Clip); clip {
		return true
	}
	_, scrolls := object.(fyne.Scrollable)
	return scrolls
}

// see notes a text or icon, unless nothing of it can be seen.
func (w *walk) see(object fyne.CanvasObject, text string, icon bool) {
	size := object.Size()
	if !icon { // a text is painted in full, whatever its size was set to
		size = size.Max(object.MinSize())
	}
	seen := w.clip.and(area{w.at, size})
	if text == "" || seen.size.Width < 1 || seen.size.Height < 1 {
		return
	}
	pixels := func(v float32) int { return int(v * w.scale) }
	r := image.Rect(pixels(seen.at.X), pixels(seen.at.Y), pixels(seen.at.X+seen.size.Width), pixels(seen.at.Y+seen.size.Height))
	*w.texts = append(*w.texts, ask.Text{
		Text: text, X: r.Min.X, Y: r.Min.Y, Width: r.Dx(), Height: r.Dy(), Layer: w.layer, Icon: icon, In: w.in,
	})
}
