package demo

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/app/story"
	"gatehouse/gateway/attempt"
	"gatehouse/sim"
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
	refusals := map[string]attempt.Code{"thermostat-7": 5, "sensor-roof": 5, "meter-3": 4} // disabled, not deployed, its key revoked
	assert.Eventually(t, func() bool {
		seen := map[string]attempt.Code{}
		for _, a := range g.Attempts().Query(attempt.Filter{}).Attempts {
			if code, known := refusals[a.DeviceName]; known && a.Code == code {
				seen[a.DeviceName] = code
			}
		}
		return maps.Equal(seen, refusals)
	}, 20*time.Second, 20*time.Millisecond, "each that is refused is refused for its own reason")
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

func TestTheDemosDevicesAreVirtualDevicesLikeAnyOther(t *testing.T) {
	g, err := story.NewThrowaway()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	vault := &onboardtest.Vault{}
	bench := onboard.NewBench(onboard.BenchParams{
		Registry: g.Registry(), Vault: vault,
		Endpoint: func() onboard.Endpoint {
			return onboard.Endpoint{Host: "localhost", Port: g.Status().Port, RootPEM: g.RootPEM()}
		},
		NewPlayer: func(received func(sim.Message)) onboard.Player {
			return sim.NewDevice(sim.Params{Received: received})
		},
	})
	t.Cleanup(bench.Close)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Params{Gateway: g.Gateway, Bench: bench, Pace: 40}) }()

	device := func(name string) string {
		for _, d := range g.Registry().Devices() {
			if d.Name() == name {
				return d.SID
			}
		}
		return ""
	}
	const soon, often = 20 * time.Second, 20 * time.Millisecond
	require.Eventually(t, func() bool { return bench.ByItself(device("meter-1")) && bench.ByItself(device("board-new")) }, soon, often)
	meter, lamp, garage := device("meter-1"), device("lamp-kitchen"), device("meter-garage")
	require.Eventually(t, func() bool {
		l := bench.Life(meter)
		return len(l.Series) > 0 && len(l.Series[0].Points) > 2
	}, soon, often, "what it reports can be plotted")
	assert.Equal(t, "meter", bench.Setup(meter).Kind)
	assert.True(t, bench.Troubles(garage).Twin, "the second board is a fault that is switched on")
	player, ok := bench.Player(lamp)
	require.True(t, ok)
	require.Eventually(t, func() bool { return len(player.Console(0)) > 2 }, soon, often, "its console tells what it does")

	attempts := func() int { return g.Attempts().Query(attempt.Filter{Text: lamp}).Total }
	before := attempts()
	bench.Cut(lamp)
	require.Eventually(t, func() bool { return attempts() > before && bench.Connected(lamp) }, soon, often, "a fault reaches it, and it comes back")
	require.NoError(t, bench.Change(meter, func(s *onboard.Setup) { s.Pace = 1 }))
	assert.Empty(t, vault.Get(meter), "nothing of it is kept")

	stop()
	require.NoError(t, <-ended)
	assert.False(t, bench.Virtual(meter))
	assert.Empty(t, g.Registry().Devices())
	assert.Zero(t, g.Stats().Connected)
}
