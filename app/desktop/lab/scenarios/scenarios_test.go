package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/lab"
	"gatehouse/app/story"
	"gatehouse/sim/scenario"
)

// fake plays nothing; the test says how it goes.
type fake struct {
	run     lab.Run
	version uint64
	asked   []string
	err     error
	on      *lab.Target
}

func (f *fake) Version() uint64 { return f.version }
func (f *fake) Last() lab.Run   { return f.run }
func (f *fake) Start(s lab.Script) error {
	f.asked, f.on = append(f.asked, "start "+s.ID), s.On
	if f.err == nil {
		f.run = lab.Run{Number: f.run.Number + 1, ID: s.ID, Name: s.Scenario.Name, Steps: lab.Outline(s.Scenario), Of: len(s.Scenario.Steps), Playing: true, Pace: s.Pace}
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
	runs   *fake
	shell  *shelltest.Shell
	view   *View
	open   bool
	chosen string // in the file dialog
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
		Ready:  []Offer{{ID: "lamp", File: story.File{Scenario: one}}, {ID: "other", File: story.File{Scenario: &other}}},
		Choose: func(take func(string)) { take(s.chosen) },
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

	s.runs.run.Playing, s.runs.run.Why, s.runs.run.Where = false, "the gateway answered with code 5, not 0", "steps[1]"
	s.runs.run.Steps[1].Outcome, s.runs.run.Steps[1].Why = scenario.Broken, "the gateway answered with code 5, not 0"
	s.runs.version++
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "“lamp connects” did not go as expected: the gateway answered with code 5, not 0.")
	shelltest.Press(t, s.view.Content(), "Play again")
}

func TestAFileWithMistakesIsNotPlayed(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.chosen = filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(s.chosen, []byte("name: Mine\ndevices: {lamp: {}}\nsteps:\n  - conect: {device: lamp}\n  - wait: 1ms\n"), 0o600))
	shelltest.Press(t, s.view.Content(), "Choose…")
	shelltest.Tick(s.view)
	for _, want := range []string{"2 mistakes. Nothing was begun", "Line 4, column 5", "4    - conect: {device: lamp} ^ 5    - wait: 1ms"} {
		require.Contains(t, s.texts(), want)
	}
	require.Empty(t, shelltest.Buttons(s.view.Content(), "Play"))
	s.view.table.OnOpen(item{Offer: *s.view.detail.shown})
	require.Empty(t, s.runs.asked)

	require.NoError(t, os.WriteFile(s.chosen, []byte(lamp), 0o600))
	shelltest.Press(t, s.view.Content(), "Read the file again")
	shelltest.Tick(s.view)
	require.NotContains(t, s.texts(), "conect", "the file was mended")
	shelltest.Press(t, s.view.Content(), "Play")
	require.Equal(t, []string{"start mine.yaml"}, s.runs.asked)
	require.Empty(t, s.view.Selected(), "a file is not there after a restart")
}

func TestAPathIsTypedAndAFileThatIsNotThereIsSaid(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	path := filepath.Join(t.TempDir(), "typed.yaml")
	s.view.path.Entry.OnSubmitted(path)
	require.Len(t, s.shell.Failures, 1)
	require.NoError(t, os.WriteFile(path, []byte(lamp), 0o600))
	s.view.path.Entry.OnSubmitted(" " + path + " ")
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "A lamp · typed.yaml")
	s.view.path.Entry.OnSubmitted("")
	require.Len(t, s.shell.Failures, 1)
}

func TestOnlySoManyFilesAreListed(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	dir := t.TempDir()
	for i := range mostOwn + 3 {
		path := filepath.Join(dir, strconv.Itoa(i)+".yaml")
		require.NoError(t, os.WriteFile(path, []byte(lamp), 0o600))
		s.view.Open(path)
	}
	require.Len(t, s.view.offers, 2+mostOwn)
	require.Equal(t, "3.yaml", s.view.offers[2].ID)
}

func TestTheOutcomeIsKeptInTheListAndSaved(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.view.play()
	s.runs.run.Playing, s.runs.run.Held, s.runs.run.Took = false, true, 1500*time.Millisecond
	s.runs.run.Result = scenario.Result{Name: "A lamp", Held: true}
	s.runs.run.Made = []lab.Made{{Name: "lamp", SID: "TH123"}}
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "Everything went as expected , in 1.5 s.")
	shelltest.Press(t, s.view.Content(), "JSON")
	shelltest.Press(t, s.view.Content(), "JUnit")
	require.Contains(t, string(s.shell.Saved["lamp.jsonl"]), `"held":true`)
	require.Contains(t, string(s.shell.Saved["lamp.xml"]), "<testsuite")
	s.view.Show("other")
	s.view.play()
	shelltest.Tick(s.view)
	require.Equal(t, "1.5 s", item{run: s.view.past["lamp"]}.took(), "of an earlier one as well")
	require.Equal(t, "now", item{run: s.view.past["other"]}.took())
}

func TestDevicesLeadToTheirPagesAndOnceTheyAreGoneToTheirAttempts(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.view.play()
	s.runs.run.Made = []lab.Made{{Name: "lamp", SID: "TH123"}}
	shelltest.Tick(s.view)
	follow := func() { s.view.detail.made.Objects[1].(*kit.Link).Tapped(nil) }
	follow()
	s.runs.run.Playing, s.runs.run.Stopping = false, true
	s.runs.version++
	shelltest.Tick(s.view)
	follow()
	require.Equal(t, [][2]string{{"devices", "TH123"}, {"attempts", "TH123"}}, s.shell.Gone)
	require.Contains(t, s.texts(), "You stopped it after 0 of 3 steps.")
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
	require.Contains(t, s.texts(), "Create lamp next")
	shelltest.Press(t, s.view.Content(), "Next step")
	require.Equal(t, []string{"pace", "start lamp", "next"}, s.runs.asked)
}

func TestAScenarioThatNeedsNoGatewayIsPlayedOnTheOrdinaryBrokerWhileThatRuns(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	require.NotContains(t, s.texts(), "Ordinary broker")
	runs := true
	s.view.p.Broker = func() (lab.Target, bool) { return lab.Target{URL: "mqtts://localhost:1"}, runs }
	s.open = false
	require.True(t, shelltest.Tick(s.view))
	shelltest.PressChip(t, s.view.Content(), "Ordinary broker")
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "It plays on the ordinary broker")
	shelltest.Press(t, s.view.Content(), "Play")
	require.Equal(t, "mqtts://localhost:1", s.runs.on.URL)
	s.runs.run.Playing, s.runs.run.Held, s.runs.run.Apart, s.open, runs = false, true, true, true, false
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "on the ordinary broker.")
	shelltest.Press(t, s.view.Content(), "Play again")
	require.Nil(t, s.runs.on, "it does not run any more")
}

func TestNothingIsShownAnewWhenNothingChanged(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	require.False(t, shelltest.Tick(s.view))
}
