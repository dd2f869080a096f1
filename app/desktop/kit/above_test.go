package kit

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"
)

// What is left is all that wrapped text does not need at its width, and nothing stays empty where there is none.
func TestWrappedTextLeavesTheRestOfTheHeight(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	prose := NewProse(Run{Text: strings.Repeat("words and words ", 20), Type: Body})
	for _, below := range []bool{false, true} {
		prose.Show()
		rest := canvas.NewRectangle(Line)
		c := Above(10, prose, rest)
		if below {
			c = Below(10, rest, prose)
		}
		c.Resize(fyne.NewSize(300, 400))
		require.Greater(t, prose.Size().Height, float32(60), "it wraps")
		require.Equal(t, float32(400), prose.Size().Height+10+rest.Size().Height)
		if below {
			require.Equal(t, rest.Size().Height+10, prose.Position().Y)
		} else {
			require.Equal(t, prose.Size().Height+10, rest.Position().Y)
		}
		prose.Hide()
		c.Refresh()
		require.Equal(t, fyne.NewSize(300, 400), rest.Size())
	}
}
