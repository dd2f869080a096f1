package lab

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/sim/faults"
)

func TestTheFaultsOfAFleetAreThoseOfAllItsDevices(t *testing.T) {
	l := newLab(t)
	number, err := l.Fleets().Start(plan(5))
	require.NoError(t, err)
	connected := func(n int) func() bool {
		return func() bool { return only(t, l.Fleets()).Figures.Connected == n }
	}
	require.Eventually(t, connected(5), 20*time.Second, 5*time.Millisecond)
	wrong, err := faults.ReservedType.Bytes()
	require.NoError(t, err)
	assert.Equal(t, 5, l.Fleets().Faults(number).Send(wrong))
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Connected < 5 }, 20*time.Second, time.Millisecond, "the gateway ends them")
	require.Eventually(t, connected(5), 20*time.Second, 5*time.Millisecond)
	takeovers := func() (n int) {
		for _, f := range l.runs.params.Gateway.Attempts().Query(attempt.Filter{Limit: 10_000}).Attempts {
			if f.End == cause.TakenOver {
				n++
			}
		}
		return n
	}
	require.Zero(t, takeovers())
	l.Fleets().Faults(number).SetTwins(true)
	require.Eventually(t, func() bool { return takeovers() >= 10 }, 20*time.Second, 5*time.Millisecond, "each fights with its second board")
	l.Fleets().Faults(number).SetTwins(false)
	require.Eventually(t, connected(5), 20*time.Second, 5*time.Millisecond, "and has peace afterwards")
	attempts := only(t, l.Fleets()).Figures.Attempts
	l.Fleets().Faults(number).SetStorm(100 * time.Millisecond)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Attempts >= attempts+15 }, 20*time.Second, 5*time.Millisecond, "all of them storm")
	l.Fleets().Faults(number).SetStorm(0)
	require.Eventually(t, connected(5), 20*time.Second, 5*time.Millisecond)
	l.Fleets().Faults(number).Reset()
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Connected < 5 }, 20*time.Second, time.Millisecond)
	assert.Nil(t, l.Fleets().Faults(number+1), "there is no such fleet")
}
