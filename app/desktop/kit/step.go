package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

const (
	stepHeight  = 35
	offsetWidth = 48
	dotSize     = 8
	dotLeft     = offsetWidth + 12
	stepLeft    = dotLeft + dotSize + 12
)

// stepView shows one step; its part of the line reaches to its neighbours. One that unfolds is a stop for the Tab key.
type stepView struct {
	widget.BaseWidget
	touch
	holds         bool // more than title and detail
	unfolded      bool
	pressed       func()
	back          *canvas.Rectangle
	offset        *Text
	above, below  *canvas.Rectangle
	dot           *canvas.Rectangle
	title, detail *Text
	more          *Icon
	texts         *fyne.Container
}

var (
	_ fyne.Tappable     = (*stepView)(nil)
	_ fyne.Focusable    = (*stepView)(nil)
	_ fyne.Disableable  = (*stepView)(nil)
	_ desktop.Hoverable = (*stepView)(nil)
)

func newStepView(pressed func()) *stepView {
	v := &stepView{
		pressed: pressed,
		back:    &canvas.Rectangle{FillColor: Clear, StrokeColor: Accent, CornerRadius: ControlRound},
		offset:  NewText("", Mono.In(Muted).Right()),
		above:   canvas.NewRectangle(Line), below: canvas.NewRectangle(Line),
		dot:   &canvas.Rectangle{CornerRadius: dotSize / 2},
		title: NewText("", Strong).Shorten(), detail: NewText("", Caption).Shorten(),
		more: NewIcon("chevron", Muted, 9),
	}
	v.texts = Down(0, container.New(titleLayout{v.title, v.more}, v.title, v.more), v.detail)
	v.touch.changed = v.paint
	v.ExtendBaseWidget(v)
	return v
}

// set shows a step; what is shown already costs a comparison.
func (v *stepView) set(s Step, first, last bool) {
	ink := s.State
	if ink == Good || ink == Muted {
		ink = Ink // only what needs attention is coloured
	}
	moved := s.Title != v.title.String() || s.Detail != v.detail.String()
	v.offset.Set(s.Offset)
	v.title.Set(s.Title)
	v.title.SetType(Strong.In(ink))
	v.detail.Set(s.Detail)
	v.holds = s.Open != nil || s.Body != nil
	if v.dot.FillColor != s.State {
		v.dot.FillColor = s.State
		canvas.Refresh(v.dot)
	}
	show(v.above, !first)
	show(v.below, !last)
	if moved {
		v.texts.Refresh() // the mark stands behind the title
	}
	show(v.more, v.opens())
}

// opens tells whether there is more to the step than can be seen, or whether it can be folded again.
func (v *stepView) opens() bool { return v.unfolds() || v.unfolded }

// unfolds tells whether there is more to the step: what it holds, or a detail that has no room.
func (v *stepView) unfolds() bool { return v.holds || v.pressed != nil && v.detail.Cut() }

// fold turns the mark of what is open.
func (v *stepView) fold(open bool) {
	v.unfolded = open
	name := "chevron"
	if open {
		name = "unfolded"
	}
	v.more.Set(name, Muted)
}

// Tapped implements fyne.Tappable.
func (v *stepView) Tapped(*fyne.PointEvent) {
	if v.opens() && v.pressed != nil {
		v.pressed()
	}
}

// TypedKey implements fyne.Focusable: Enter and Space unfold.
func (v *stepView) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		v.Tapped(nil)
	}
}

// Disabled implements fyne.Disableable: the Tab key passes over steps that do not unfold.
func (v *stepView) Disabled() bool { return !v.opens() }

// Enable implements fyne.Disableable; what a step holds decides.
func (v *stepView) Enable() {}

// Disable implements fyne.Disableable; what a step holds decides.
func (v *stepView) Disable() {}

func (v *stepView) paint() {
	v.back.FillColor = Clear
	if v.hovered && v.opens() {
		v.back.FillColor = Hover
	}
	v.back.StrokeWidth = 0
	if v.focused {
		v.back.StrokeWidth = 1
	}
	canvas.Refresh(v.back)
}

// MinSize implements fyne.Widget.
func (v *stepView) MinSize() fyne.Size { return fyne.NewSize(stepLeft, stepHeight) }

// CreateRenderer implements fyne.Widget.
func (v *stepView) CreateRenderer() fyne.WidgetRenderer {
	texts := cell(v.texts)
	return newRenderer(renderer{
		objects: []fyne.CanvasObject{v.back, v.above, v.below, v.dot, v.offset, texts},
		layout: func(size fyne.Size) {
			const middle = 9 // of the title's line
			v.back.Resize(size)
			v.offset.Resize(fyne.NewSize(offsetWidth, 18))
			v.above.Resize(fyne.NewSize(2, middle-6))
			v.above.Move(fyne.NewPos(dotLeft+3, 0))
			v.below.Resize(fyne.NewSize(2, size.Height-middle-6))
			v.below.Move(fyne.NewPos(dotLeft+3, middle+6))
			v.dot.Resize(fyne.NewSquareSize(dotSize))
			v.dot.Move(fyne.NewPos(dotLeft, middle-dotSize/2))
			texts.Move(fyne.NewPos(stepLeft, 0))
			texts.Resize(size.SubtractWidthHeight(stepLeft, 0))
			show(v.more, v.opens())
		},
		refresh: func() {
			v.offset.Refresh()
			texts.Refresh()
			v.paint()
			canvas.Refresh(v)
		},
	})
}

// titleLayout has a mark follow a title, which is cut where there is too little room for both.
type titleLayout struct {
	title *Text
	mark  fyne.CanvasObject
}

// MinSize implements fyne.Layout.
func (l titleLayout) MinSize([]fyne.CanvasObject) fyne.Size { return l.title.MinSize() }

// Layout implements fyne.Layout. The mark keeps its room while it is hidden: it may be shown once the width is known.
func (l titleLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	const gap = 4
	mark := l.mark.MinSize()
	width := max(min(l.title.Natural(), size.Width-gap-mark.Width), 1)
	l.title.Resize(fyne.NewSize(width, size.Height))
	l.mark.Resize(mark)
	l.mark.Move(fyne.NewPos(width+gap, floor((size.Height-mark.Height)/2)))
}

// show makes an object visible or not, at no cost when it is so already.
func show(o fyne.CanvasObject, on bool) {
	switch {
	case on == o.Visible():
	case on:
		o.Show()
	default:
		o.Hide()
	}
}
