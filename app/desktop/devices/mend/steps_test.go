package mend

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/gateway/attempt"
)

func TestStepsUnfoldAndStayOpenWhileOthersCome(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	var copied [2]string
	s := NewSteps(func(name, value string) { copied = [2]string{name, value} })
	test.NewTempWindow(t, s.Content()).Resize(fyne.NewSize(500, 600))
	hex := strings.Repeat("16 03 01 ", 30)
	a := attempt.Attempt{ID: 7, Remote: "127.0.0.1:1", Local: "127.0.0.1:8883", Steps: []attempt.Step{
		{Kind: attempt.Accepted},
		{Kind: attempt.FirstBytes, State: attempt.Bad, Facts: []attempt.Fact{{Name: "looks_like", Value: "http"}, {Name: "hex", Value: hex}}},
	}}
	s.Show(a)
	require.Contains(t, shelltest.Texts(s.Content()), "TCP accepted")
	require.NotContains(t, shelltest.Texts(s.Content()), "Looks like")
	s.line.Toggle("7/1")
	require.Contains(t, shelltest.Texts(s.Content()), "Looks like")
	a.Steps = append(a.Steps, attempt.Step{Kind: attempt.Ended, State: attempt.Bad})
	s.Show(a)
	require.Contains(t, shelltest.Texts(s.Content()), "Looks like", "still open")
	shelltest.Press(t, s.Content(), "Copy")
	require.Equal(t, [2]string{"Bytes", hex}, copied)
	s.Show(attempt.Attempt{ID: 8, Steps: a.Steps[:1]})
	require.NotContains(t, shelltest.Texts(s.Content()), "Looks like")
}
