package demo

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/story"
	"gatehouse/gateway/attempt"
)

func TestTheDemoComesAliveAndLeavesNothingBehind(t *testing.T) {
	g, err := story.NewThrowaway()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	fleets, services := len(g.Registry().Fleets()), len(g.Registry().Services())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Params{Gateway: g.Gateway, Pace: 40}) }()

	codes := func() map[int]bool {
		seen := map[int]bool{}
		for _, a := range g.Attempts().Query(attempt.Filter{}).Attempts {
			seen[int(a.Code)] = true
		}
		return seen
	}
	assert.Eventually(t, func() bool {
		seen := codes()
		return seen[0] && seen[1] && seen[4] && seen[5] && len(g.Sessions()) >= 8
	}, 8*time.Second, 20*time.Millisecond, "devices are let in, and refused with each code")
	assert.Len(t, g.Registry().Devices(), 12)
	assert.Eventually(t, func() bool {
		fights := 0
		for _, a := range g.Attempts().Query(attempt.Filter{}).Attempts {
			if a.DeviceName == "meter-garage" && a.Code == 0 {
				fights++
			}
		}
		return fights >= 3
	}, 8*time.Second, 20*time.Millisecond, "two boards fight for one identity")

	stop()
	require.NoError(t, <-ended)
	assert.Len(t, g.Registry().Fleets(), fleets)
	assert.Len(t, g.Registry().Services(), services)
	assert.Empty(t, g.Registry().Devices())
}
