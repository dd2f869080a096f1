package lab

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	attempts := only(t, l.Fleets()).Figures.Attempts
	l.Fleets().Faults(number).SetStorm(100 * time.Millisecond)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Attempts >= attempts+15 }, 20*time.Second, 5*time.Millisecond, "all of them storm")
	l.Fleets().Faults(number).SetStorm(0)
	require.Eventually(t, connected(5), 20*time.Second, 5*time.Millisecond)
	l.Fleets().Faults(number).Reset()
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Connected < 5 }, 20*time.Second, time.Millisecond)
	assert.Nil(t, l.Fleets().Faults(number+1), "there is no such fleet")
}
