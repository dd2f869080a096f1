package kit

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

const plainLine = 18

// Lines shows any number of lines of text in the monospace font at the cost of those that can be seen. What is wider than
// its place is cut off.
type Lines struct {
	widget.List
	lines []string
}

// NewLines makes an empty one.
func NewLines() *Lines {
	l := &Lines{}
	l.Length = func() int { return len(l.lines) }
	l.CreateItem = func() fyne.CanvasObject { return Sized(0, plainLine, Clipped(NewText("", Mono))) }
	l.UpdateItem = func(i int, o fyne.CanvasObject) {
		if i < len(l.lines) {
			clipped := o.(*fyne.Container).Objects[0].(*fyne.Container)
			clipped.Layout.(clippedLayout).object.(*Text).Set(l.lines[i])
		}
	}
	l.HideSeparators = true
	l.ExtendBaseWidget(l)
	return l
}

// Set shows lines, at no cost when they are shown already.
func (l *Lines) Set(lines []string) {
	if !slices.Equal(lines, l.lines) {
		l.lines = lines
		l.Refresh()
	}
}

// All are the lines.
func (l *Lines) All() []string { return l.lines }
