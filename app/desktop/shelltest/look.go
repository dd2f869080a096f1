package shelltest

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"gatehouse/app/desktop/kit"
)

// Each visits what is visible in o, o included.
func Each(o fyne.CanvasObject, do func(fyne.CanvasObject)) {
	if o == nil || !o.Visible() {
		return
	}
	do(o)
	switch c := o.(type) {
	case *fyne.Container:
		for _, part := range c.Objects {
			Each(part, do)
		}
	case fyne.Widget:
		for _, part := range test.WidgetRenderer(c).Objects() {
			Each(part, do)
		}
	}
}

// Texts is all text that is visible in o, in the order in which it is drawn.
func Texts(o fyne.CanvasObject) string {
	var all []string
	Each(o, func(o fyne.CanvasObject) {
		if text, ok := o.(*kit.Text); ok {
			all = append(all, strings.TrimSpace(text.String()))
		}
	})
	return strings.Join(all, " ")
}

// Buttons are the visible buttons with a label.
func Buttons(in fyne.CanvasObject, label string) (found []*kit.Button) {
	Each(in, func(o fyne.CanvasObject) {
		if b, ok := o.(*kit.Button); ok && Texts(b) == label {
			found = append(found, b)
		}
	})
	return found
}

// Press presses the visible button with a label, and fails the test when there is none, or more than one.
func Press(t testing.TB, in fyne.CanvasObject, label string) {
	t.Helper()
	found := Buttons(in, label)
	if len(found) != 1 {
		t.Fatalf("%d buttons are named %q; visible: %s", len(found), label, Texts(in))
	}
	found[0].Tapped(&fyne.PointEvent{})
}

// PressChip presses the visible chip with a label.
func PressChip(t testing.TB, in fyne.CanvasObject, label string) {
	t.Helper()
	var found []*kit.Chip
	Each(in, func(o fyne.CanvasObject) {
		if c, ok := o.(*kit.Chip); ok && Texts(c) == label {
			found = append(found, c)
		}
	})
	if len(found) != 1 {
		t.Fatalf("%d chips are named %q; visible: %s", len(found), label, Texts(in))
	}
	found[0].Tapped(&fyne.PointEvent{})
}

// Tick is one pull of a screen, applied at once; it reports whether anything was shown anew.
func Tick(s interface{ Pull() func() }) bool {
	apply := s.Pull()
	if apply != nil {
		apply()
	}
	return apply != nil
}
