package scenarios

import (
	"errors"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/lab"
	"gatehouse/sim/scenario"
)

// fake plays nothing; the test says how it goes.
type fake struct {
	run     lab.Run
	version uint64
	asked   []string
	err     error
}

func (f *fake) Version() uint64 { return f.version }
func (f *fake) Last() lab.Run   { return f.run }
func (f *fake) Start(id string, s *scenario.Scenario, p lab.Pace) error {
	f.asked = append(f.asked, "start "+id)
	if f.err == nil {
		f.run = lab.Run{Number: f.run.Number + 1, ID: id, Name: s.Name, Steps: lab.Outline(s), Of: len(s.Steps), Playing: true, Pace: p}
	}
	f.version++
	return f.err
}
func (f *fake) SetPace(lab.Pace) { f.asked = append(f.asked, "pace") }
func (f *fake) Next()            { f.asked = append(f.asked, "next") }
func (f *fake) Stop()            { f.asked = append(f.asked, "stop") }

const lamp = `name: A lamp
description: It connects, and goes again.
devices: {lamp: {}}
steps:
  - create: lamp
  - connect: {device: lamp}
  - parallel: [{wait: 1ms}, {disconnect: lamp}]
`

type stage struct {
	runs  *fake
	shell *shelltest.Shell
	view  *View
	open  bool
}

func newStage(t *testing.T, width, height float32, mode kit.Mode) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: mode})
	one, mistakes := scenario.Parse([]byte(lamp), nil)
	require.Empty(t, mistakes)
	other := *one
	other.Name = "Another"
	s := &stage{runs: &fake{}, shell: &shelltest.Shell{}, open: true}
	s.view = New(Params{
		Shell: s.shell, Runs: s.runs, Listening: func() bool { return s.open },
		Ready: []Offer{{ID: "lamp", Scenario: one}, {ID: "other", Scenario: &other}},
	})
	w := test.NewTempWindow(t, s.view.Content())
	w.Resize(fyne.NewSize(width, height))
	s.shell.Win = w
	shelltest.Tick(s.view)
	return s
}

func (s *stage) texts() string { return shelltest.Texts(s.view.Content()) }

func TestAScenarioIsReadBeforeItIsPlayedAndTicksThen(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	for _, want := range []string{"A lamp", "It connects, and goes again.", "Create lamp", "lamp connects", "2 steps at the same time", "Nothing of yours is touched"} {
		require.Contains(t, s.texts(), want)
	}
	shelltest.Press(t, s.view.Content(), "Play")
	require.Equal(t, []string{"start lamp"}, s.runs.asked)
	s.runs.run.Steps[0].Outcome, s.runs.run.Steps[0].Took = scenario.Held, 12*time.Millisecond
	s.runs.run.Steps[1].Outcome = scenario.Running
	s.runs.run.Done, s.runs.run.Made = 1, []lab.Made{{Name: "lamp", SID: "TH123"}}
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "12 ms")
	require.Contains(t, s.texts(), "1 of 3 steps")
	require.Empty(t, shelltest.Buttons(s.view.Content(), "Play"))
	shelltest.Press(t, s.view.Content(), "Stop")
	require.Contains(t, s.runs.asked, "stop")

	s.runs.run.Playing, s.runs.run.Why = false, "the gateway answered with code 5, not 0"
	s.runs.run.Steps[1].Outcome, s.runs.run.Steps[1].Why = scenario.Broken, "the gateway answered with code 5, not 0"
	s.runs.version++
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "It ended before its time: the gateway answered with code 5, not 0.")
	shelltest.Press(t, s.view.Content(), "Play again")
}

func TestAFileWithMistakesIsNotPlayed(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.shell.FileName, s.shell.File = "mine.yaml", []byte("name: Mine\ndevices: {lamp: {}}\nsteps:\n  - conect: {device: lamp}\n")
	shelltest.Press(t, s.view.Content(), "Open a file…")
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "Line 4, column 5")
	require.Contains(t, s.texts(), "- conect: {device: lamp}")
	require.Contains(t, s.texts(), "Nothing was begun")
	shelltest.Press(t, s.view.Content(), "Play")
	require.Empty(t, s.runs.asked)

	s.shell.File = []byte(lamp)
	shelltest.Press(t, s.view.Content(), "Open a file…")
	shelltest.Tick(s.view)
	require.NotContains(t, s.texts(), "conect", "the file was mended")
	shelltest.Press(t, s.view.Content(), "Play")
	require.Equal(t, []string{"start mine.yaml"}, s.runs.asked)
	require.Empty(t, s.view.Selected(), "a file is not there after a restart")
}

func TestOneScenarioAtATimeAndOnlyWithAGateway(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.view.play()
	s.view.Show("other")
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "“A lamp” is playing.")
	shelltest.Press(t, s.view.Content(), "Play")
	require.Len(t, s.runs.asked, 1)

	s.runs.run.Playing, s.open = false, false
	s.runs.version++
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "The gateway is stopped")
	s.open, s.runs.err = true, errors.New("no")
	s.runs.version++
	shelltest.Tick(s.view)
	shelltest.Press(t, s.view.Content(), "Play")
	require.Len(t, s.shell.Failures, 1)
}

func TestStepByStepAsksForTheNextOne(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	shelltest.PressChip(t, s.view.Content(), "Step by step")
	s.view.play()
	require.Equal(t, lab.ByHand, s.runs.run.Pace)
	s.runs.run.Awaiting = true
	shelltest.Tick(s.view)
	shelltest.Press(t, s.view.Content(), "Next step")
	require.Equal(t, []string{"pace", "start lamp", "next"}, s.runs.asked)
}

func TestNothingIsShownAnewWhenNothingChanged(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	require.False(t, shelltest.Tick(s.view))
}
