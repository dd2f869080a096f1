package lab

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/app/story"
	"gatehouse/sim/scenario"
	"gatehouse/sim/simtest"
)

func newLab(t *testing.T) *Lab {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { simtest.NothingRuns(t, before) })
	g, err := story.NewThrowaway()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	l := New(Params{Gateway: g.Gateway, Dir: t.TempDir()})
	t.Cleanup(l.Close)
	return l
}

func parsed(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	s, mistakes := scenario.Parse([]byte(text), nil)
	require.Empty(t, mistakes)
	return s
}

const lampStory = `name: A lamp
devices: {lamp: {}}
steps:
  - create: lamp
  - connect: {device: lamp}
  - repeat: {times: 2, steps: [{publish: {device: lamp, topic: "lamp/{n}", qos: 1}}, {wait: 1ms}]}
  - parallel: [{wait: 1ms}, {disconnect: lamp}]
`

func TestStepsTickWhileAScenarioPlays(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.Runs().Start(Script{ID: "lamp", Scenario: parsed(t, lampStory), Pace: AtOnce}))
	require.ErrorIs(t, l.Runs().Start(Script{ID: "lamp", Scenario: parsed(t, lampStory), Pace: AtOnce}), ErrRunning)
	require.Eventually(t, func() bool { return !l.Runs().Last().Playing }, 10*time.Second, time.Millisecond)
	run := l.Runs().Last()
	require.True(t, run.Held, run.Why)
	assert.Equal(t, [2]int{4, 4}, [2]int{run.Done, run.Of})
	require.Len(t, run.Steps, 8)
	for _, s := range run.Steps {
		assert.Equal(t, scenario.Held, s.Outcome, s.Title)
	}
	assert.Equal(t, []int{0, 0, 0, 1, 1, 0, 1, 1}, depths(run.Steps))
	assert.Equal(t, 2, run.Steps[3].Round)
	require.Len(t, run.Made, 1)
	assert.Equal(t, "lamp", run.Made[0].Name)
	_, there := l.runs.params.Gateway.Registry().Device(run.Made[0].SID)
	assert.False(t, there, "what it made is removed")
}

func depths(steps []Step) (all []int) {
	for _, s := range steps {
		all = append(all, s.Depth)
	}
	return all
}

func TestAScenarioIsShownStepByStepAndStopped(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.Runs().Start(Script{ID: "lamp", Scenario: parsed(t, lampStory), Pace: ByHand}))
	awaited := func(done int) {
		t.Helper()
		require.Eventually(t, func() bool { r := l.Runs().Last(); return r.Awaiting && r.Done == done }, 10*time.Second, time.Millisecond)
	}
	awaited(1)
	l.Runs().Next()
	awaited(2)
	l.Runs().SetPace(Calmly)
	require.Eventually(t, func() bool { return !l.Runs().Last().Awaiting }, 10*time.Second, time.Millisecond)
	l.Runs().Stop()
	require.Eventually(t, func() bool { return !l.Runs().Last().Playing }, 10*time.Second, time.Millisecond)
	run := l.Runs().Last()
	assert.False(t, run.Held)
	assert.Equal(t, 2, run.Done)
	for _, s := range run.Steps[2:] {
		assert.Equal(t, scenario.Skipped, s.Outcome, s.Title)
	}
	_, there := l.runs.params.Gateway.Registry().Device(run.Made[0].SID)
	assert.False(t, there)
}

func TestWhatAPlayOfAProcessThatWasKilledHasLeftIsRemovedAtTheNextStart(t *testing.T) {
	l := newLab(t)
	g := l.runs.params.Gateway
	fleets, services, devices := len(g.Registry().Fleets()), len(g.Registry().Services()), len(g.Registry().Devices())
	stage, err := story.NewStage(t.Context(), g)
	require.NoError(t, err)
	_, _, err = stage.Create(t.Context(), scenario.NewDevice{Name: "lamp", Credential: scenario.Key})
	require.NoError(t, err)
	fleet, err := story.NewFleetStage(t.Context(), g, "1 × meter")
	require.NoError(t, err)
	again := New(Params{Gateway: g, Dir: t.TempDir()})
	again.Runs().Close() // waits for it
	assert.Len(t, g.Registry().Devices(), devices)
	assert.Len(t, g.Registry().Fleets(), fleets+1, "that of generated devices is the user's to remove")
	assert.Len(t, g.Registry().Services(), services+1)
	require.NoError(t, fleet.Close())
	again.Close()
}

func TestAStepThatBreaksSaysWhy(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.Runs().Start(Script{ID: "x", Scenario: parsed(t, `name: x
devices: {lamp: {disabled: true}}
steps:
  - create: lamp
  - connect: {device: lamp}
  - wait: 1ms
`), Pace: AtOnce}))
	require.Eventually(t, func() bool { return !l.Runs().Last().Playing }, 10*time.Second, time.Millisecond)
	run := l.Runs().Last()
	assert.False(t, run.Held)
	assert.Equal(t, "steps[1]", run.Where)
	assert.Contains(t, run.Steps[1].Why, "5")
	assert.Equal(t, scenario.Skipped, run.Steps[2].Outcome)
}

func TestAScenarioThatNeedsNoGatewayIsPlayedOnTheOrdinaryBroker(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.Broker().Start(BrokerPlan{}))
	to, runs := l.Broker().Target()
	require.True(t, runs)
	require.NoError(t, l.Runs().Start(Script{ID: "lamp", Scenario: parsed(t, lampStory), On: &to}))
	require.Eventually(t, func() bool { return !l.Runs().Last().Playing }, 10*time.Second, time.Millisecond)
	run := l.Runs().Last()
	require.True(t, run.Held, run.Why)
	assert.True(t, run.Apart)
	assert.Empty(t, run.Made)
	assert.Empty(t, l.runs.params.Gateway.Registry().Devices())
}

func TestAClosedLabPlaysNothing(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.Runs().Start(Script{ID: "lamp", Scenario: parsed(t, lampStory), Pace: ByHand}))
	l.Close()
	assert.False(t, l.Runs().Last().Playing)
	assert.ErrorIs(t, l.Runs().Start(Script{ID: "lamp", Scenario: parsed(t, lampStory), Pace: AtOnce}), ErrClosed)
}
