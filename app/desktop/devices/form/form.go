// Package form is what the device screens and the onboarding wizard are filled in with: labelled rows, choices, pasted
// text, secrets. It knows how things look and what the user chose, nothing of devices.
package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
)

// LabelWidth is what rows give their labels.
const LabelWidth = 120

// Row is a control with its label to the left, on the control's first line, and a hint below when there is one.
func Row(label string, control fyne.CanvasObject, hint string) *fyne.Container {
	name := kit.Sized(LabelWidth, 30, container.NewBorder(nil, nil, kit.Across(0, kit.NewText(label, kit.Quiet)), nil))
	body := kit.Down(4, control)
	if hint != "" {
		body.Add(kit.NewProse(kit.Run{Text: hint, Type: kit.Caption}))
	}
	return container.NewBorder(nil, nil, kit.Down(0, name), nil, body)
}

// Fact is a label with a value that is only shown.
func Fact(label string, value fyne.CanvasObject) *fyne.Container {
	name := kit.Sized(LabelWidth, 0, kit.NewText(label, kit.Quiet))
	return container.NewBorder(nil, nil, kit.Across(0, name), nil, value)
}

// Narrow keeps a control no wider than width, at the left.
func Narrow(width float32, control fyne.CanvasObject) *fyne.Container {
	return container.New(narrow{width}, control)
}

type narrow struct{ width float32 }

func (n narrow) MinSize(o []fyne.CanvasObject) fyne.Size {
	m := o[0].MinSize()
	return fyne.NewSize(min(m.Width, n.width), m.Height)
}

func (n narrow) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Resize(fyne.NewSize(min(size.Width, n.width), size.Height))
	o[0].Move(fyne.Position{})
}

// Problem is a line that says what is wrong; it takes no room while nothing is.
type Problem struct {
	*fyne.Container
	prose *kit.Prose
	said  string
}

// NewProblem makes a line that says nothing.
func NewProblem() *Problem {
	p := &Problem{prose: kit.NewProse()}
	p.Container = container.NewBorder(nil, nil, kit.Inset(2, 8, 0, 0, kit.Down(0, kit.NewIcon("cross", kit.Bad, 12))), nil, kit.Down(0, p.prose))
	p.Hide()
	return p
}

// Say shows what is wrong, or nothing for an empty text.
func (p *Problem) Say(what string) {
	if what == p.said {
		return
	}
	p.said = what
	p.prose.Set(kit.Run{Text: what, Type: kit.Body.In(kit.Bad)})
	p.Hidden = what == ""
	p.Refresh()
}

// String is what is said.
func (p *Problem) String() string { return p.said }

// Select chooses one of some options from a menu.
type Select struct {
	widget.BaseWidget
	inner   *widget.Select
	changed func(int)
	quiet   bool
}

// NewSelect makes a choice; changed is told the index when the user chooses.
func NewSelect(changed func(int), options ...string) *Select {
	s := &Select{changed: changed}
	s.inner = widget.NewSelect(options, nil)
	s.inner.PlaceHolder = " "
	s.inner.OnChanged = func(string) {
		if !s.quiet && s.changed != nil {
			s.changed(s.inner.SelectedIndex())
		}
	}
	s.ExtendBaseWidget(s)
	return s
}

// Set shows options and which one is chosen, without telling.
func (s *Select) Set(chosen int, options ...string) {
	s.quiet = true
	defer func() { s.quiet = false }()
	if !equal(s.inner.Options, options) {
		s.inner.SetOptions(options)
	}
	if chosen != s.inner.SelectedIndex() {
		s.inner.SetSelectedIndex(chosen)
	}
}

// Choose does what the user does.
func (s *Select) Choose(i int) { s.inner.SetSelectedIndex(i) }

// Chosen is the index of the choice, -1 without one.
func (s *Select) Chosen() int { return s.inner.SelectedIndex() }

// Disable and Enable say whether the user may choose.
func (s *Select) Disable() { s.inner.Disable() }

// Enable undoes Disable.
func (s *Select) Enable() { s.inner.Enable() }

// MinSize implements fyne.Widget.
func (s *Select) MinSize() fyne.Size { return fyne.NewSize(90, 30) }

// CreateRenderer implements fyne.Widget.
func (s *Select) CreateRenderer() fyne.WidgetRenderer {
	box := kit.NewBox(kit.Look{Fill: kit.Raised, Border: kit.Line, Radius: kit.ControlRound})
	return widget.NewSimpleRenderer(container.NewStack(box, kit.Inset(0, 4, 0, 4, s.inner)))
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Options are what can be chosen.
func (s *Select) Options() []string { return s.inner.Options }
