package story

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim/scenario"
)

func TestAScenarioReadsOnlyWhatStandsBesideIt(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "inside")
	require.NoError(t, os.Mkdir(inside, 0o700))
	path := filepath.Join(inside, "mine.yaml")
	require.NoError(t, os.WriteFile(path, []byte("name: Mine\ndevices: {lamp: {}}\nsteps: [{create: lamp}]\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(inside, "day.csv"), []byte("watts\n1\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600))
	f, err := ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, f.Mistakes)
	assert.Equal(t, "Mine", f.Scenario.Name)
	day, err := f.Open("day.csv")
	require.NoError(t, err)
	assert.Equal(t, "watts\n1\n", string(day))
	_, err = f.Open("../secret")
	require.Error(t, err, "it lies outside of the scenario's folder")
	_, err = f.Open(".")
	require.Error(t, err)
}

// What telemetry replays is read when the file is checked, and again while it plays.
func TestAScenarioReplaysTheTableBesideIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "replay.yaml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "day.csv"), []byte("watts\n417\n"), 0o600))
	require.NoError(t, os.WriteFile(path, []byte(`name: Replay
devices:
  meter:
    behaviour: {reports: [{topic: load, every: 100ms, qos: 1, fields: [{name: watts, kind: csv, file: day.csv, column: watts}]}]}
  reader: {}
steps:
  - parallel: [{create: meter}, {create: reader}]
  - connect: {device: reader}
  - subscribe: {device: reader, filter: load}
  - start: meter
  - expect_message: {device: reader, payload: '{"watts":417}'}
`), 0o600))
	f, err := ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, f.Mistakes)
	g, err := NewThrowaway()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	result, err := Play(t.Context(), g.Gateway, f.Scenario, scenario.Params{Open: f.Open})
	require.NoError(t, err)
	require.True(t, result.Held, result.Why)
}

func TestAFileThatCannotBeReadOrIsTooLargeIsNoScenario(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadFile(filepath.Join(dir, "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = ReadFile(dir)
	require.ErrorContains(t, err, "is a directory")
	large := filepath.Join(dir, "large.yaml")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("#", scenario.MaxBytes+1)), 0o600))
	_, err = ReadFile(large)
	require.ErrorContains(t, err, "larger than 1 MiB")
}

func TestMistakesAreFoundWhenAFileIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(path, []byte("name: Mine\nsteps: [{conect: lamp}]\n"), 0o600))
	f, err := ReadFile(path)
	require.NoError(t, err)
	require.NotEmpty(t, f.Mistakes)
	assert.Equal(t, 2, f.Mistakes[0].Line)
}

func TestAnOutcomeIsWrittenForPeopleWhoCount(t *testing.T) {
	r := scenario.Result{Name: "Mine & yours", Took: 1500 * time.Millisecond, Why: "code 5, not 0", Where: "steps[1]", Events: []scenario.Event{
		{Path: "steps[0]", Title: "create lamp", Outcome: scenario.Held, Took: time.Millisecond},
		{Path: "steps[1]", Title: "lamp connects", Outcome: scenario.Broken, Why: "code 5, not 0"},
		{Path: "steps[2]", Title: "wait", Outcome: scenario.Skipped},
	}}
	junit, err := JUnit(r)
	require.NoError(t, err)
	for _, want := range []string{`name="Mine &amp; yours" tests="3" failures="1" skipped="1" time="1.500"`, `<failure message="code 5, not 0"></failure>`, `<skipped></skipped>`} {
		assert.Contains(t, string(junit), want)
	}
	lines, err := JSON(r)
	require.NoError(t, err)
	all := strings.Split(strings.TrimSpace(string(lines)), "\n")
	require.Len(t, all, 4)
	assert.JSONEq(t, `{"event":"step","path":"steps[0]","title":"create lamp","outcome":"held","at_ms":0,"took_ms":1}`, all[0])
	assert.JSONEq(t, `{"event":"end","name":"Mine & yours","held":false,"took_ms":1500,"where":"steps[1]","why":"code 5, not 0"}`, all[3])
}
