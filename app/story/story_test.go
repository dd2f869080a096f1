package story

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim/scenario"
)

func TestEveryReadyScenarioHoldsAndLeavesNothingBehind(t *testing.T) {
	g, err := NewThrowaway()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	all, err := All()
	require.NoError(t, err)
	require.Len(t, all, 8)
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
