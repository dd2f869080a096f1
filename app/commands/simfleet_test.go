package commands

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFleetTellsItsFiguresAtTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pump.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`{name: Pump, behaviour: {reports: [{topic: "{device}/bar", every: 100ms, qos: 1, fields: [{name: bar, kind: uniform, min: 1, max: 3}]}]}}`), 0o600))
	for _, credential := range []string{"key", "certificate"} {
		var out bytes.Buffer
		code := perform([]string{"sim", "fleet", "--devices", "10", "--behaviour", file, "--credential", credential, "--ramp", "100ms", "--duration", "1s", "--json"},
			streams{out: &out, err: io.Discard}, nil)
		require.Equal(t, ExitOK, code, out.String())
		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		var end figureLine
		require.NoError(t, json.Unmarshal(lines[len(lines)-1], &end))
		assert.Equal(t, "end", end.Event)
		assert.Equal(t, 10, end.Connected)
		assert.Equal(t, 10, end.Provisioned)
		assert.Greater(t, end.Sent, uint64(20))
		assert.Positive(t, end.PerDevice)
	}
}

func TestAFleetWithAMistakeIsNotBegun(t *testing.T) {
	for _, args := range [][]string{{"--devices", "0"}, {"--behaviour", "no-such-kind"}, {"--devices", "20001"}, {"--ramp", "-1s"}} {
		var errs bytes.Buffer
		code := perform(append([]string{"sim", "fleet"}, args...), streams{out: io.Discard, err: &errs}, nil)
		assert.Equal(t, ExitUsage, code, args)
		assert.NotEmpty(t, errs.String())
	}
}
