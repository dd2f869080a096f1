package kit

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

func TestStepsThatUnfoldAreTabStopsAndKeepTheKeyboard(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	line := NewTimeline()
	folds := 0
	line.OnFold = func() { folds++ }
	steps := []Step{
		{Key: "a", Title: "TCP accepted", State: Good},
		{Key: "b", Title: "ClientHello", State: Good, Body: func() fyne.CanvasObject { return NewText("14 suites", Mono) }},
	}
	line.Set(steps)
	w := test.NewTempWindow(t, line.Content())
	w.Resize(fyne.NewSize(400, 300))
	w.Canvas().FocusNext()
	focused := w.Canvas().Focused()
	if focused != line.views["b"] {
		t.Fatalf("the Tab key reaches %v", focused)
	}
	focused.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	focused.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	focused.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if folds != 3 {
		t.Errorf("folded %d times", folds)
	}
	steps = append(steps, Step{Key: "c", Title: "Handshake done", State: Good})
	line.Set(steps)
	if w.Canvas().Focused() != line.views["b"] || len(line.Content().Objects) != 4 {
		t.Errorf("focus on %v, %d objects", w.Canvas().Focused(), len(line.Content().Objects))
	}
}

func TestBarsAreTabStopsAndKeepTheKeyboardWhileCountsChange(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	var pressed []Code
	bars := NewCodeBars(func(c Code) { pressed = append(pressed, c) })
	w := test.NewTempWindow(t, bars.Column)
	w.Resize(fyne.NewSize(400, 300))
	w.Canvas().FocusNext()
	w.Canvas().FocusNext()
	bars.Set([6]int{1000, 1, 0, 0, 0, 3})
	w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if len(pressed) != 1 || pressed[0] != 1 {
		t.Errorf("pressed %v", pressed)
	}
	if one, none := bars.bars[1].bar, bars.bars[2].bar; one.Size().Width < 10 || !none.Hidden {
		t.Errorf("one in a thousand is %v wide, none is hidden: %v", one.Size().Width, none.Hidden)
	}
}

func TestABadgeShowsOneFaceAndKeepsTheOthers(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	badge := NewBadge(0)
	test.NewTempWindow(t, badge)
	first := badge.faces[0]
	for _, code := range []Code{4, CodeTLS, CodePending, CodeNoAnswer, 0} {
		badge.Set(code)
		for c, face := range badge.faces {
			if face.label.Hidden == (c == code) || face.label.String() != c.Label() {
				t.Errorf("showing %d: face of %d hidden %v, says %q", code, c, face.label.Hidden, face.label.String())
			}
		}
	}
	if badge.faces[0] != first {
		t.Error("a face was made again")
	}
}
