package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway"
	"gatehouse/gateway/registry"
)

func TestADeviceThatThereIsNotIsNotTraced(t *testing.T) {
	g, err := gateway.Open(gateway.Config{DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	assert.False(t, g.Trace("TH0123456789abcdef0123456789abcdef", true))

	d, err := g.Registry().CreateDevice(t.Context(), registry.NewDevice{UniqueName: "lamp"})
	require.NoError(t, err)
	require.True(t, g.Trace(d.SID, true))
	assert.True(t, g.Traced(d.SID))
	require.True(t, g.Trace(d.SID, false))
	assert.False(t, g.Traced(d.SID))
}
