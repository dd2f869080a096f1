package findings

import (
	"context"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
)

// source remembers what was dismissed.
type source struct{ dismissed []uint64 }

func (s *source) Version() uint64   { return 1 }
func (s *source) Active() []Finding { return nil }
func (s *source) Dismiss(id uint64) { s.dismissed = append(s.dismissed, id) }

var meter = "TH" + strings.Repeat("2", 32)

func fight() Finding {
	key := "KY" + strings.Repeat("4", 32)
	return Finding{
		ID: 7, State: attempt.Bad, Title: "Two connections of meter-3 end each other", Evidence: "8 times in the last minute",
		Advice: "The same key is on two boards: give one of them a key of its own.", DeviceSID: meter, DeviceName: "meter-3",
		Parties:  []Party{{Remote: "127.0.0.1:51790", CredentialSID: key, ClientID: "a"}, {Remote: "192.168.1.7:4000", CredentialSID: key}},
		Attempts: []uint64{41, 40},
	}
}

func newList(t *testing.T, after func()) (*List, *source, *shelltest.Shell) {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	from, s := &source{}, &shelltest.Shell{}
	l := NewList(fix.Fixer{Shell: s}, from, after)
	test.NewTempWindow(t, l.Content()).Resize(fyne.NewSize(500, 600))
	return l, from, s
}

func TestAFightShowsBothSidesAsOneFinding(t *testing.T) {
	l, _, s := newList(t, nil)
	l.Set([]Finding{fight()})
	texts := shelltest.Texts(l.Content())
	for _, want := range []string{"127.0.0.1:51790", "192.168.1.7:4000", "KY44…44", "client “a”", "no client ID", "8 times in the last minute", "The same key is on two boards"} {
		require.Contains(t, texts, want)
	}
	require.Equal(t, 1, strings.Count(texts, "Two connections of meter-3"))
	require.Contains(t, texts, "Problem:", "a word, not the colour alone")
	var links []*kit.Link
	shelltest.Each(l.Content(), func(o fyne.CanvasObject) {
		if link, ok := o.(*kit.Link); ok {
			links = append(links, link)
		}
	})
	for _, link := range links {
		link.Tapped(nil)
	}
	require.Equal(t, [][2]string{
		{"attempts", "from:127.0.0.1"}, {"attempts", "KY" + strings.Repeat("4", 32)},
		{"attempts", "from:192.168.1.7"}, {"attempts", "KY" + strings.Repeat("4", 32)},
	}, s.Gone)
}

func TestAFindingLeadsToTheAttemptsThatProveIt(t *testing.T) {
	l, _, s := newList(t, nil)
	l.Set([]Finding{fight()})
	shelltest.Press(t, l.Content(), "Show 2 attempts")
	require.Equal(t, [][2]string{{"attempts", meter}, {"attempts", "41"}}, s.Gone)
	shelltest.Press(t, l.Content(), "Show meter-3")
	require.Equal(t, [2]string{"devices", meter}, s.Gone[2])
}

func TestAFindingIsFixedOrDismissedWhereItStands(t *testing.T) {
	done, enabled := 0, false
	l, from, s := newList(t, func() { done++ })
	f := fight()
	f.Fixable = true
	f.Remedy = remedy.Remedy{Kind: remedy.Press, Label: "Disable meter-3", Do: func(context.Context) (remedy.Done, error) {
		enabled = true
		return remedy.Done{Message: "meter-3 is disabled"}, nil
	}}
	l.Set([]Finding{f})
	shelltest.Press(t, l.Content(), "Disable meter-3")
	require.True(t, enabled)
	require.Equal(t, "meter-3 is disabled", s.Toasts[0].Message)
	shelltest.Press(t, l.Content(), "Dismiss")
	require.Equal(t, []uint64{7}, from.dismissed)
	require.Equal(t, 2, done)
}

func TestWhatIsShownAlreadyIsLeftAlone(t *testing.T) {
	l, _, _ := newList(t, nil)
	l.Set([]Finding{fight()})
	first := l.Content().Objects[0]
	l.Set([]Finding{fight()})
	require.Same(t, first, l.Content().Objects[0])
	again := fight()
	again.Evidence = "9 times in the last minute"
	l.Set([]Finding{again})
	require.Contains(t, shelltest.Texts(l.Content()), "9 times")
	l.Set(nil)
	require.Empty(t, l.Content().Objects)
}

func TestOfLeavesADevicesOwn(t *testing.T) {
	other := fight()
	other.DeviceSID = ""
	require.Len(t, Of([]Finding{fight(), other}, meter), 1)
	require.Empty(t, Of([]Finding{other}, ""))
}
