package lab

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
)

type part struct {
	name, chosen string
	pulled       int
}

func (p *part) Content() fyne.CanvasObject { return kit.NewText("this is "+p.name, kit.Body) }
func (p *part) Show(key string)            { p.chosen = key }
func (p *part) Selected() string           { return p.chosen }
func (p *part) Pull() func()               { p.pulled++; return nil }

func TestATabIsShownByItsKeyAndOnlyItIsAsked(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	one, two := &part{name: "one"}, &part{name: "two"}
	s := New(Tab{"one", "One", one}, Tab{"two", "Two", two})
	test.NewTempWindow(t, s.Content())
	require.Contains(t, shelltest.Texts(s.Content()), "this is one")
	require.Equal(t, "one", s.Selected())
	s.Pull()

	s.Show("two/x")
	require.Contains(t, shelltest.Texts(s.Content()), "this is two")
	require.NotContains(t, shelltest.Texts(s.Content()), "this is one")
	require.Equal(t, "two/x", s.Selected())
	s.Pull()
	require.Equal(t, [2]int{1, 1}, [2]int{one.pulled, two.pulled})

	s.Show("three")
	require.Equal(t, "two/x", s.Selected(), "what is not there changes nothing")
}
