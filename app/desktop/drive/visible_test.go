//go:build e2e

package drive

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/drive/ask"
)

// find returns the only visible text that reads so.
func find(t *testing.T, texts []ask.Text, text string) ask.Text {
	t.Helper()
	var found []ask.Text
	for _, seen := range texts {
		if seen.Text == text {
			found = append(found, seen)
		}
	}
	require.Len(t, found, 1, "%q in %v", text, texts)
	return found[0]
}

func open(t *testing.T, content fyne.CanvasObject) fyne.Window {
	t.Helper()
	test.NewTempApp(t)
	w := test.NewTempWindow(t, content)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(400, 300))
	return w
}

func TestATextInsideAWidgetIsFoundWhereAClickOnItPressesTheWidget(t *testing.T) {
	pressed := 0
	button := widget.NewButton("Enable device", func() { pressed++ })
	w := open(t, container.NewWithoutLayout(button))
	button.Move(fyne.NewPos(120, 80))
	button.Resize(button.MinSize())

	seen := find(t, Visible(w.Canvas()), "Enable device")
	require.Contains(t, seen.In, "*widget.Button")
	test.TapCanvas(w.Canvas(), fyne.NewPos(float32(seen.X+seen.Width/2), float32(seen.Y+seen.Height/2)))
	require.Equal(t, 1, pressed)
}

func TestWhatIsHiddenOrScrolledAwayIsNotVisible(t *testing.T) {
	hidden := widget.NewLabel("hidden")
	hidden.Hide()
	far := widget.NewLabel("far")
	far.Move(fyne.NewPos(0, 900))
	near := widget.NewLabel("near")
	near.Resize(near.MinSize())
	far.Resize(far.MinSize())
	w := open(t, container.NewStack(hidden, container.NewClip(container.NewWithoutLayout(near, far))))

	var texts []string
	for _, seen := range Visible(w.Canvas()) {
		texts = append(texts, seen.Text)
	}
	require.Equal(t, []string{"near"}, texts)
}

func TestAPopUpLiesOnAHigherLayer(t *testing.T) {
	w := open(t, canvas.NewText("below", nil))
	widget.NewPopUp(canvas.NewText("above", nil), w.Canvas()).Show()

	texts := Visible(w.Canvas())
	require.Less(t, find(t, texts, "below").Layer, find(t, texts, "above").Layer)
}
