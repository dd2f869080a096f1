// Package screentest is a window for tests of the device screens: a shell that remembers what it was asked, and eyes and
// hands that see texts and press buttons by their labels. It is used by tests only.
package screentest

import (
	"context"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
)

// Confirmation is what the user was asked.
type Confirmation struct {
	Title, Lost, Verb string
	Do                func()
}

// Shell remembers what a screen asked of the window. Background work runs at once, unless it is held.
type Shell struct {
	Went    []string
	Toasts  []string
	Undo    func() // of the last toast
	Failed  []string
	Asked   []Confirmation
	Copied  map[string]string
	Saved   map[string]string
	File    []byte // what Open hands over
	Masked  bool
	Added   int
	Hold    bool
	held    []func()
	content fyne.Window
}

var _ shell.Shell = (*Shell)(nil)

// New starts Fyne's test driver with the kit's theme.
func New(t *testing.T) *Shell {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &Shell{Copied: map[string]string{}, Saved: map[string]string{}}
	s.content = test.NewTempWindow(t, container.NewStack())
	return s
}

// Put shows a screen in a window of 1280×800.
func (s *Shell) Put(o fyne.CanvasObject) {
	s.content.SetContent(o)
	s.content.Resize(fyne.NewSize(1280, 800))
}

// Go implements shell.Shell.
func (s *Shell) Go(place shell.Place, key string) {
	s.Went = append(s.Went, strings.TrimSpace(string(place)+" "+key))
}

// AddDevice implements shell.Shell.
func (s *Shell) AddDevice() { s.Added++ }

// Toast implements shell.Shell.
func (s *Shell) Toast(message string, undo func()) {
	s.Toasts, s.Undo = append(s.Toasts, message), undo
}

// Fail implements shell.Shell.
func (s *Shell) Fail(what string, err error) { s.Failed = append(s.Failed, what+": "+err.Error()) }

// Confirm implements shell.Shell.
func (s *Shell) Confirm(title, lost, verb string, do func()) {
	s.Asked = append(s.Asked, Confirmation{title, lost, verb, do})
}

// Copy implements shell.Shell.
func (s *Shell) Copy(what, text string) { s.Copied[what] = text }

// Save implements shell.Shell.
func (s *Shell) Save(name string, content []byte) { s.Saved[name] = string(content) }

// Open implements shell.Shell.
func (s *Shell) Open(take func(name string, content []byte)) { take("device.pem", s.File) }

// Background implements shell.Shell.
func (s *Shell) Background(work func(context.Context) error, after func(error)) {
	run := func() { after(work(context.Background())) }
	if s.Hold {
		s.held = append(s.held, run)
		return
	}
	run()
}

// Release runs what was held.
func (s *Shell) Release() {
	s.Hold = false
	held := s.held
	s.held = nil
	for _, run := range held {
		run()
	}
}

// Presenter implements shell.Shell.
func (s *Shell) Presenter() bool { return s.Masked }

// Window implements shell.Shell.
func (s *Shell) Window() fyne.Window { return s.content }

// walk visits what can be seen, the outer objects first; it goes no deeper where visit returns false.
func walk(o fyne.CanvasObject, visit func(fyne.CanvasObject) bool) {
	if o == nil || !o.Visible() || !visit(o) {
		return
	}
	switch x := o.(type) {
	case *fyne.Container:
		for _, child := range x.Objects {
			walk(child, visit)
		}
	case fyne.Widget:
		for _, child := range test.WidgetRenderer(x).Objects() {
			walk(child, visit)
		}
	}
}

// Text is every visible text, a line each.
func Text(o fyne.CanvasObject) string {
	var lines []string
	walk(o, func(o fyne.CanvasObject) bool {
		if text, ok := o.(*kit.Text); ok {
			lines = append(lines, text.String())
			return false
		}
		return true
	})
	return strings.Join(lines, "\n")
}

// Flat is Text with its lines joined by spaces, for sentences that are wrapped.
func Flat(o fyne.CanvasObject) string { return strings.Join(strings.Fields(Text(o)), " ") }

// Find is the innermost thing that can be pressed and shows exactly this label; nil without one.
func Find(o fyne.CanvasObject, label string) fyne.Tappable {
	var found fyne.Tappable
	walk(o, func(o fyne.CanvasObject) bool {
		if tappable, ok := o.(fyne.Tappable); ok && found == nil {
			for _, line := range strings.Split(Text(o), "\n") {
				if line == label {
					found = tappable
				}
			}
		}
		return found == nil
	})
	return found
}

// Press presses what shows this label.
func Press(t *testing.T, o fyne.CanvasObject, label string) {
	t.Helper()
	found := Find(o, label)
	if found == nil {
		t.Fatalf("there is no %q to press among:\n%s", label, Text(o))
	}
	found.Tapped(&fyne.PointEvent{})
}

// Want fails unless all texts can be seen.
func Want(t *testing.T, o fyne.CanvasObject, texts ...string) {
	t.Helper()
	all := Flat(o)
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("%q is not shown in:\n%s", text, Text(o))
		}
	}
}

// WantNone fails when any of the texts can be seen.
func WantNone(t *testing.T, o fyne.CanvasObject, texts ...string) {
	t.Helper()
	all := Flat(o)
	for _, text := range texts {
		if text != "" && strings.Contains(all, text) {
			t.Errorf("%q is shown in:\n%s", text, Text(o))
		}
	}
}
