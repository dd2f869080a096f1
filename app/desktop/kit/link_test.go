package kit

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"
)

func TestALinkIsFollowedByMouseAndKeyboardAndLeadsNowhereWithoutATarget(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	followed := 0
	l := NewLink("THab…01", Mono, func() { followed++ })
	test.NewTempWindow(t, l)
	l.Tapped(&fyne.PointEvent{})
	l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyA})
	require.Equal(t, 2, followed)
	require.Equal(t, desktop.PointerCursor, l.Cursor())
	require.True(t, l.under.Hidden)
	l.FocusGained()
	require.False(t, l.under.Hidden, "the keyboard is seen to be on it")
	l.Set("—", nil)
	l.Tapped(&fyne.PointEvent{})
	require.Equal(t, 2, followed)
	require.Equal(t, desktop.DefaultCursor, l.Cursor())
	require.True(t, l.under.Hidden)
	require.Equal(t, "—", l.String())
}
