// Package screentest is the eyes and hands of tests of the device screens: it sees texts and presses buttons by their
// labels. It is used by tests only.
package screentest

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
)

// New starts Fyne's test driver with the kit's theme, and a shell in a window of 1280×800.
func New(t *testing.T) *shelltest.Shell {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	return &shelltest.Shell{Win: test.NewTempWindow(t, container.NewStack())}
}

// Put shows a screen in the window.
func Put(s *shelltest.Shell, o fyne.CanvasObject) {
	s.Win.SetContent(o)
	s.Win.Resize(fyne.NewSize(1280, 800))
}

// Copied is the text that was last copied under a name.
func Copied(s *shelltest.Shell, what string) string {
	for i := len(s.Copied) - 1; i >= 0; i-- {
		if s.Copied[i][0] == what {
			return s.Copied[i][1]
		}
	}
	return ""
}

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
