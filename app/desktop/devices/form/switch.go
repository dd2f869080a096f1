package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
)

// Switch is a yes or no: a box with a tick, and what yes means.
type Switch struct {
	widget.BaseWidget
	on      bool
	hovered bool
	focused bool
	changed func(bool)
	box     *canvas.Rectangle
	ring    *canvas.Rectangle
	tick    *kit.Icon
	label   *kit.Text
}

var (
	_ fyne.Tappable     = (*Switch)(nil)
	_ fyne.Focusable    = (*Switch)(nil)
	_ desktop.Hoverable = (*Switch)(nil)
)

// NewSwitch makes one that is off; changed, which may be nil, is told what the user does.
func NewSwitch(label string, changed func(bool)) *Switch {
	s := &Switch{
		changed: changed, label: kit.NewText(label, kit.Body), tick: kit.NewIcon("check", kit.OnAccent, 12),
		box:  &canvas.Rectangle{FillColor: kit.Raised, StrokeColor: kit.Muted, StrokeWidth: 1, CornerRadius: 4},
		ring: &canvas.Rectangle{FillColor: kit.Clear, StrokeColor: kit.Accent, StrokeWidth: 2, CornerRadius: kit.ControlRound},
	}
	s.ring.Hide()
	s.ExtendBaseWidget(s)
	s.paint()
	return s
}

// On reports whether it is a yes.
func (s *Switch) On() bool { return s.on }

// Set shows a yes or no without telling.
func (s *Switch) Set(on bool) {
	if on != s.on {
		s.on = on
		s.paint()
	}
}

// Tapped implements fyne.Tappable.
func (s *Switch) Tapped(*fyne.PointEvent) {
	s.Set(!s.on)
	if s.changed != nil {
		s.changed(s.on)
	}
}

// TypedKey implements fyne.Focusable: Space and Enter change it.
func (s *Switch) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		s.Tapped(nil)
	}
}

// TypedRune implements fyne.Focusable.
func (s *Switch) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (s *Switch) FocusGained() { s.focused = true; s.paint() }

// FocusLost implements fyne.Focusable.
func (s *Switch) FocusLost() { s.focused = false; s.paint() }

// MouseIn implements desktop.Hoverable.
func (s *Switch) MouseIn(*desktop.MouseEvent) { s.hovered = true; s.paint() }

// MouseMoved implements desktop.Hoverable.
func (s *Switch) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (s *Switch) MouseOut() { s.hovered = false; s.paint() }

func (s *Switch) paint() {
	s.box.FillColor, s.box.StrokeColor = kit.Raised, kit.Muted
	if s.hovered {
		s.box.StrokeColor = kit.Ink
	}
	if s.on {
		s.box.FillColor, s.box.StrokeColor = kit.Accent, kit.Accent
	}
	s.tick.Hidden = !s.on
	s.ring.Hidden = !s.focused
	canvas.Refresh(s)
}

// CreateRenderer implements fyne.Widget.
func (s *Switch) CreateRenderer() fyne.WidgetRenderer {
	mark := kit.Sized(16, 16, container.NewStack(s.box, s.tick))
	return widget.NewSimpleRenderer(container.NewStack(kit.Sized(0, 30, kit.Inset(0, 8, 0, 0, kit.Across(8, mark, s.label))), s.ring))
}
