package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// Link is a word of text that leads somewhere: a SID, an address, an attempt. It is set in the accent colour, underlined
// while the mouse or the keyboard is on it; Clipped shortens it where its place is too narrow.
type Link struct {
	widget.BaseWidget
	touch
	text   *Text
	under  *canvas.Rectangle
	tapped func()
}

var (
	_ fyne.Tappable      = (*Link)(nil)
	_ fyne.Focusable     = (*Link)(nil)
	_ desktop.Hoverable  = (*Link)(nil)
	_ desktop.Cursorable = (*Link)(nil)
)

// NewLink sets text in a type, whose colour does not count; tapped runs on the UI goroutine.
func NewLink(text string, t Type, tapped func()) *Link {
	l := &Link{text: NewText(text, t.In(Accent)), under: canvas.NewRectangle(Accent), tapped: tapped}
	l.touch.changed = l.paint
	l.ExtendBaseWidget(l)
	return l
}

// NewTitle is a link in its type's own colour, for a title that leads to what it is about.
func NewTitle(text string, t Type, tapped func()) *Link {
	l := NewLink(text, t, tapped)
	l.text.SetType(t)
	l.under.FillColor = t.Color
	return l
}

// Set changes text and what pressing it does; with tapped nil it is plain text that leads nowhere.
func (l *Link) Set(text string, tapped func()) {
	l.text.Set(text)
	ink := Accent
	if tapped == nil {
		ink = Ink
	}
	l.text.SetType(l.text.typ.In(ink))
	l.tapped = tapped
	l.Refresh()
}

// String is the text shown.
func (l *Link) String() string { return l.text.String() }

// Tapped implements fyne.Tappable.
func (l *Link) Tapped(*fyne.PointEvent) {
	if l.tapped != nil {
		l.tapped()
	}
}

// TypedKey implements fyne.Focusable: Enter and Space follow it.
func (l *Link) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter || e.Name == fyne.KeySpace {
		l.Tapped(nil)
	}
}

// Cursor implements desktop.Cursorable.
func (l *Link) Cursor() desktop.Cursor {
	if l.tapped == nil {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// MinSize implements fyne.Widget.
func (l *Link) MinSize() fyne.Size { return l.text.MinSize() }

// CreateRenderer implements fyne.Widget.
func (l *Link) CreateRenderer() fyne.WidgetRenderer {
	l.paint()
	return newRenderer(renderer{
		objects: []fyne.CanvasObject{l.text, l.under},
		layout: func(size fyne.Size) {
			l.text.Resize(size)
			l.under.Resize(fyne.NewSize(min(l.text.Natural(), size.Width), 1))
			l.under.Move(fyne.NewPos(0, floor((size.Height+l.text.MinSize().Height)/2)-1))
		},
		refresh: func() { l.paint(); l.text.Refresh(); canvas.Refresh(l) },
	})
}

func (l *Link) paint() {
	l.under.Hidden = l.tapped == nil || !l.hovered && !l.focused
	canvas.Refresh(l.under)
}
