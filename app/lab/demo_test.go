package lab

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/demo"
	"gatehouse/gateway/attempt"
)

// newDemoLab has a demo whose devices live ten times as fast as they do for people.
func newDemoLab(t *testing.T) (*Lab, *Demo) {
	t.Helper()
	l := newLab(t)
	l.demo.pace = 40
	return l, l.Demo()
}

func TestTheDemoIsLoadedByOneCallAndGoneAfterAnother(t *testing.T) {
	l, d := newDemoLab(t)
	g := l.runs.params.Gateway
	fleets, services, devices := len(g.Registry().Fleets()), len(g.Registry().Services()), len(g.Registry().Devices())
	assert.Equal(t, DemoState{Of: 12}, d.State())

	require.NoError(t, d.Load(t.Context()))
	assert.Equal(t, DemoState{Stage: DemoLiving, Made: 12, Of: 12}, d.State())
	require.NoError(t, d.Load(t.Context()), "it is there already")
	assert.Len(t, g.Registry().Devices(), devices+12)
	require.Eventually(t, func() bool {
		seen := map[attempt.Code]bool{}
		for _, a := range g.Attempts().Query(attempt.Filter{}).Attempts {
			seen[a.Code] = true
		}
		return seen[0] && seen[4] && seen[5] && len(g.Sessions()) >= 8 && g.Stats().MessagesIn > 0
	}, 10*time.Second, 5*time.Millisecond, "devices connect, talk, and are refused")

	require.NoError(t, d.Remove(t.Context()))
	assert.Equal(t, DemoState{Of: 12}, d.State())
	assert.Len(t, g.Registry().Fleets(), fleets)
	assert.Len(t, g.Registry().Services(), services)
	assert.Len(t, g.Registry().Devices(), devices)

	require.NoError(t, d.Load(t.Context()), "and again")
	require.NoError(t, d.Remove(t.Context()))
}

func TestADemoThatIsGivenUpWhileItIsMadeLeavesNothing(t *testing.T) {
	l, d := newDemoLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, d.Load(ctx), context.Canceled)
	assert.Equal(t, DemoOff, d.State().Stage)
	assert.False(t, demo.Left(l.runs.params.Gateway))
}

func TestADemoNeedsAGatewayThatListens(t *testing.T) {
	l, d := newDemoLab(t)
	require.NoError(t, l.runs.params.Gateway.Stop(t.Context()))
	require.ErrorIs(t, d.Load(t.Context()), ErrStopped)
	assert.Equal(t, DemoOff, d.State().Stage)
}

func TestTheFleetOfADemoThatNobodyPlaysCanBeRemoved(t *testing.T) {
	l, d := newDemoLab(t)
	g := l.runs.params.Gateway
	_, err := g.Registry().CreateFleet(t.Context(), demo.FleetName, "Demo fleet") // of a program that was killed
	require.NoError(t, err)
	assert.True(t, d.State().Left)
	require.NoError(t, d.Remove(t.Context()))
	assert.False(t, d.State().Left)
}

func TestADemoThatWasRemovedGivesBackWhatItTook(t *testing.T) {
	l, d := newDemoLab(t) // which looks for goroutines that are left
	g := l.runs.params.Gateway
	round := func() {
		require.NoError(t, d.Load(t.Context()))
		require.Eventually(t, func() bool { return g.Stats().Connected >= 8 }, 10*time.Second, 5*time.Millisecond)
		require.NoError(t, d.Remove(t.Context()))
		require.Eventually(t, func() bool { return g.Stats().Connected == 0 }, 10*time.Second, 5*time.Millisecond)
	}
	round() // what libraries and the store keep once is not counted below
	files, before := descriptors(t), heap()
	for range 5 {
		round()
	}
	const ofTheStore = 5 // files that the registry and the record of attempts may have begun
	require.Eventually(t, func() bool { return descriptors(t) <= files+ofTheStore }, 5*time.Second, 5*time.Millisecond)
	assert.Less(t, heap(), before+8<<20, "of which the record of attempts has some")
}

func TestClosingTheLabEndsTheDemoAndAllowsNoOther(t *testing.T) {
	l, d := newDemoLab(t) // which looks for goroutines that are left
	require.NoError(t, d.Load(t.Context()))
	l.Close()
	assert.False(t, demo.Left(l.runs.params.Gateway))
	require.ErrorIs(t, d.Load(t.Context()), ErrClosed)
}
