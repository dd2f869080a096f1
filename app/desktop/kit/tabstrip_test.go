package kit

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/assert"
)

func TestTabsThatDoNotFitAreBehindMoreAndTheChosenOneAlwaysFits(t *testing.T) {
	test.NewTempApp(t)
	s := NewTabStrip("Identity", "Credentials", "Connect", "Live", "Telemetry")
	w := test.NewTempWindow(t, s)
	w.Resize(fyne.NewSize(800, 60))
	assert.Empty(t, s.Behind())
	s.Resize(fyne.NewSize(260, tabHeight))
	assert.Contains(t, s.Behind(), "Telemetry")
	chosen := -1
	s.OnChoose = func(i int) { chosen = i }
	s.Choose(4)
	assert.Equal(t, 4, chosen)
	assert.NotContains(t, s.Behind(), "Telemetry")
	assert.NotEmpty(t, s.Behind())
	right := s.more.Position().X + s.more.Size().Width
	assert.LessOrEqual(t, right, float32(260), "nothing is cut off")
	s.LeaveOut(0, true)
	s.LeaveOut(1, true)
	assert.NotContains(t, s.Behind(), "Identity", "what is left out is nowhere")
}
