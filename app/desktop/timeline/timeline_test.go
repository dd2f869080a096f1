package timeline

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

func facts(all ...string) (out []attempt.Fact) {
	for i := 0; i < len(all); i += 2 {
		out = append(out, attempt.F(all[i], all[i+1]))
	}
	return out
}

func links(in fyne.CanvasObject) (all []*kit.Link) {
	shelltest.Each(in, func(o fyne.CanvasObject) {
		if l, ok := o.(*kit.Link); ok {
			all = append(all, l)
		}
	})
	return all
}

func TestEverySIDThumbprintAddressAndAttemptIsALink(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	key, thumbprint := "KY"+strings.Repeat("4", 32), strings.Repeat("ab", 32)
	var went []string
	line := New(Actions{Lead: func(k string) { went = append(went, k) }})
	test.NewTempWindow(t, line.Content()).Resize(fyne.NewSize(500, 600))
	line.Show(attempt.Attempt{ID: 4, Steps: []attempt.Step{
		{Kind: attempt.Lookup, Facts: facts("credential", key, "sha256", thumbprint)},
		{Kind: attempt.Takeover, Facts: facts("old_remote", "192.168.1.7:4000", "old_attempt", "12", "waited", "12")},
		{Kind: attempt.Connect, Facts: facts("keepalive", "60", "client_id", "meter:3")},
	}})
	line.ToggleAll()
	for _, l := range links(line.Content()) {
		l.Tapped(nil)
	}
	require.ElementsMatch(t, []string{key, thumbprint, "from:192.168.1.7", "12", "12"}, went)
}

func TestOpenStepsStayOpenWhileOthersCome(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	line := New(Actions{})
	test.NewTempWindow(t, line.Content()).Resize(fyne.NewSize(500, 600))
	a := attempt.Attempt{ID: 4, Steps: []attempt.Step{{Kind: attempt.Connect, Facts: facts("client_id", "very-special")}}}
	line.Show(a)
	require.False(t, line.AllOpen())
	line.Toggle(0)
	require.Contains(t, shelltest.Texts(line.Content()), "Client ID very-special")
	a.Steps = append(a.Steps, attempt.Step{Kind: attempt.Ended})
	line.Show(a)
	require.Contains(t, shelltest.Texts(line.Content()), "Client ID very-special")
	line.Show(attempt.Attempt{ID: 5, Steps: a.Steps})
	require.NotContains(t, shelltest.Texts(line.Content()), "very-special ", "another attempt begins folded")
}

func TestTheCardSaysCodeMeaningCauseAndFix(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	card := Card(attempt.Attempt{Code: 5, Cause: cause.DeviceDisabled, DeviceName: "meter"}, Said{
		Advice: "Look here.", Buttons: []fyne.CanvasObject{kit.NewButton("Enable meter", kit.Primary, nil)},
	})
	test.NewTempWindow(t, card).Resize(fyne.NewSize(500, 600))
	said := shelltest.Texts(card)
	for _, want := range []string{"5", "Not authorized", "The device is known, but may not connect.", "meter is disabled.", "Look here."} {
		require.Contains(t, said, want)
	}
	require.Len(t, shelltest.Buttons(card, "Enable meter"), 1)
}

func TestACardWithATitleShowsTheCodeAsABadgeAndWhenItWas(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	card := Card(attempt.Attempt{Code: 4, Cause: cause.WrongSecret, DeviceName: "meter"}, Said{
		Title: "It tried and was refused", Caption: kit.NewText("14:06:12 from 192.168.1.44", kit.Caption),
	})
	test.NewTempWindow(t, card).Resize(fyne.NewSize(330, 400))
	said := shelltest.Texts(card)
	for _, want := range []string{"It tried and was refused", "14:06:12 from 192.168.1.44"} {
		require.Contains(t, said, want)
	}
	require.NotContains(t, said, "Bad credentials", "the title stands in the place of the code's name")
	badges := 0
	shelltest.Each(card, func(o fyne.CanvasObject) {
		if _, is := o.(*kit.Badge); is {
			badges++
		}
	})
	require.Equal(t, 1, badges)
}

func TestThatARefusedConnectionWasClosedIsNothingToBeGladOf(t *testing.T) {
	end := []attempt.Step{{Kind: attempt.Ended}}
	require.Equal(t, kit.Muted, Prepare(attempt.Attempt{Code: 5, Steps: end})[0].state)
	require.Equal(t, kit.Good, Prepare(attempt.Attempt{Code: 0, Steps: end})[0].state)
	require.Equal(t, kit.Bad, Prepare(attempt.Attempt{Code: 5, Steps: []attempt.Step{{Kind: attempt.Ended, State: attempt.Bad}}})[0].state, "what went wrong stays so")
}
