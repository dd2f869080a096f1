package onboard_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/onboard"
	"gatehouse/sim"
	"gatehouse/sim/ordinary"
	"gatehouse/sim/simtest"
)

// TestADeviceBelievesWhomItIsToldToAtThisGatewayAndElsewhere tries each way to trust on this gateway and on a server of another authority.
func TestADeviceBelievesWhomItIsToldToAtThisGatewayAndElsewhere(t *testing.T) {
	w, device := settled(t)
	config, root := simtest.Server()
	other, err := ordinary.Start(ordinary.Params{TLS: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	for _, c := range []struct {
		trust           onboard.Trust
		file            []byte
		here, elsewhere bool
	}{
		{onboard.TrustGateway, nil, true, false},
		{onboard.TrustSystem, nil, false, false},
		{onboard.TrustFile, root, false, true},
		{onboard.TrustEverybody, nil, true, true},
	} {
		for target, accepted := range map[string]bool{"": c.here, other.URL(): c.elsewhere} {
			o := w.bench.Setup(device.SID).Options
			o.Trust, o.TrustPEM, o.Target = c.trust, c.file, target
			r := w.bench.Connect(t.Context(), device.SID, o)
			assert.Equal(t, accepted, r.Accepted(), "%q at %q: %v", c.trust, target, r.Err)
			if refused := new(sim.ConnectError); !accepted && assert.True(t, errors.As(r.Err, &refused)) {
				assert.Equal(t, sim.FailureUnknownAuthority, refused.Failure)
			}
		}
	}
	w.bench.Disconnect(device.SID)
}
