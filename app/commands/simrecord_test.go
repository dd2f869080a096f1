package commands

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/registry"
	"gatehouse/sim"
)

// told is a writer that passes on each text.
type told chan string

func (t told) Write(b []byte) (int, error) {
	t <- string(b)
	return len(b), nil
}

// TestARecordedDeviceIsPlayedAgain records a device of a running gateway from the command line, and plays what was written.
func TestARecordedDeviceIsPlayedAgain(t *testing.T) {
	folder := t.TempDir()
	g, err := startGateway(folder)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	fleet := g.Registry().Fleets()[0].SID
	device, err := g.Registry().CreateDevice(t.Context(), registry.NewDevice{FleetSID: fleet, UniqueName: "lamp"})
	require.NoError(t, err)
	key, secret, err := g.Registry().CreateKey(t.Context(), fleet, device.SID, "")
	require.NoError(t, err)
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	o := sim.Options{URL: g.Status().URL, RootPEM: g.RootPEM(), ClientID: "lamp", Credential: sim.Credential{KeySID: key.SID, Secret: secret}}
	require.NoError(t, d.Connect(t.Context(), o).Err)
	_, err = d.Subscribe(t.Context(), "orders/#", 1)
	require.NoError(t, err)

	file := filepath.Join(folder, "lamp.yaml")
	c := &simRecord{remote: remote{Data: g.Status().DataDir}, Device: "lamp", Duration: time.Minute, Output: file, Speed: 2}
	c.Fleet = "default"
	said := make(told, 10)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(streams{in: nil, out: io.Discard, err: said}) }()
	assert.Contains(t, <-said, "recording lamp")
	assert.True(t, g.Traced(device.SID))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, d.Publish(ctx, "lamp/"+device.SID, []byte(`{"on":true}`), 1, true))
	d.Disconnect()
	require.NoError(t, d.Connect(ctx, o).Err)
	require.NoError(t, d.Publish(ctx, "lamp/raw", []byte{0, 255}, 0, false))
	d.Disconnect()
	require.Eventually(t, func() bool { return len(g.Sessions()) == 0 || !g.Sessions()[0].Connected }, 5*time.Second, time.Millisecond)
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(os.Interrupt)) // Ctrl+C
	require.NoError(t, <-ended)
	assert.False(t, g.Traced(device.SID))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, want := range []string{"  # It had subscribed before.\n", `filter: "orders/#", qos: 1}`, `topic: "lamp/{sid}", payload: '{"on":true}', qos: 1, retain: true}`, "topic: lamp/raw, base64: AP8=}", "disconnect: lamp\n"} {
		assert.Contains(t, string(text), want)
	}
	assert.NotContains(t, string(text), secret)
	assert.NotContains(t, string(text), key.SID)
	assert.NotContains(t, string(text), device.SID)
	var out bytes.Buffer
	require.NoError(t, (&simRun{Scenario: file}).Run(streams{out: &out, err: &out}), out.String())
	assert.Contains(t, out.String(), "every expectation held")
	require.Error(t, writeOwn(file, text), "a file is not written over")
}
