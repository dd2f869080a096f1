package story

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim/ordinary"
	"gatehouse/sim/scenario"
	"gatehouse/sim/simtest"
)

func TestEveryReadyScenarioHoldsAndLeavesNothingBehind(t *testing.T) {
	g, err := NewThrowaway()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	all, err := All()
	require.NoError(t, err)
	require.Len(t, all, 9)
	for _, ready := range all {
		t.Run(ready.ID, func(t *testing.T) {
			began := time.Now()
			result, err := Play(t.Context(), g.Gateway, ready.Scenario, scenario.Params{})
			require.NoError(t, err)
			require.True(t, result.Held, "%s: %s", result.Where, result.Why)
			assert.Less(t, time.Since(began), 30*time.Second)
			assert.NotEmpty(t, ready.Description)
			for _, f := range g.Registry().Fleets() {
				assert.False(t, strings.HasPrefix(f.UniqueName, FleetPrefix), f.UniqueName)
			}
			for _, s := range g.Registry().Services() {
				assert.False(t, strings.HasPrefix(s.UniqueName, FleetPrefix), s.UniqueName)
			}
			assert.Empty(t, g.Sessions())
		})
	}
}

// TestReadyScenariosThatNeedNoGatewayHoldOnAnOrdinaryBroker are those of telemetry, of one identity on two boards, and the plain ones.
func TestReadyScenariosThatNeedNoGatewayHoldOnAnOrdinaryBroker(t *testing.T) {
	config, root := simtest.Server()
	b, err := ordinary.Start(ordinary.Params{TLS: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	all, err := All()
	require.NoError(t, err)
	var played []string
	for _, ready := range all {
		if _, why := ready.NeedsGateway(); why != "" {
			continue
		}
		played = append(played, ready.ID)
		t.Run(ready.ID, func(t *testing.T) {
			t.Parallel()
			result := scenario.Run(t.Context(), ready.Scenario, scenario.Params{World: scenario.Plain{URL: b.URL(), RootPEM: root}})
			require.True(t, result.Held, "%s: %s", result.Where, result.Why)
		})
	}
	assert.Equal(t, []string{"flaky-network", "one-identity", "server-certificate", "thermostat-day"}, played)
}
