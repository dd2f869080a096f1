package commands

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

func TestAFleetThatDoesNotConnectSaysWhy(t *testing.T) {
	for _, more := range []string{"--json", "--ramp=1ms"} {
		var out bytes.Buffer
		code := perform([]string{"sim", "fleet", "--devices", "3", "--target", "mqtts://127.0.0.1:1", "--duration", "1500ms", more}, streams{out: &out, err: io.Discard}, nil)
		assert.Equal(t, ExitFailure, code)
		assert.Contains(t, out.String(), "nothing listens on that port")
	}
}

// TestCtrlCAtAnyMomentLeavesNothingAndSaysSo: a real process is interrupted while it prepares, registers, ramps, lives and plays.
func TestCtrlCAtAnyMomentLeavesNothingAndSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		when string // the process has printed this
		says string // with or after it
		code int
	}{
		"a fleet that is registered": {[]string{"sim", "fleet", "--devices", "20000", "--credential", "certificate"}, "of 20000 provisioned", "nothing is left of them", ExitFailure},
		"a fleet that ramps":         {[]string{"sim", "fleet", "--devices", "50", "--ramp", "1h"}, "1 of 50 connected", "1 of 50 connected, ", ExitFailure},
		"a fleet that lives":         {[]string{"sim", "fleet", "--devices", "5", "--ramp", "1ms"}, "5 of 5 connected", "5 of 5 connected, ", ExitOK},
		"a scenario that plays":      {[]string{"sim", "run", "thermostat-day"}, "house subscribes to", "the scenario was stopped", ExitFailure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temporary := t.TempDir()
			p := exec.Command(os.Args[0], c.args...)
			p.Env = append(os.Environ(), beGatehouse+"=1", "TMPDIR="+temporary)
			var errs bytes.Buffer
			p.Stderr = &errs
			out, err := p.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, p.Start())
			t.Cleanup(func() { _ = p.Process.Kill() }) // it has ended already when all went well
			said, interrupted := "", false
			for lines := bufio.NewScanner(out); lines.Scan(); {
				said += lines.Text() + "\n"
				if !interrupted && strings.Contains(said, c.when) {
					interrupted = true
					require.NoError(t, p.Process.Signal(os.Interrupt))
				}
			}
			_ = p.Wait()
			assert.True(t, interrupted)
			assert.Equal(t, c.code, p.ProcessState.ExitCode())
			assert.Contains(t, said+errs.String(), c.says)
			left, err := os.ReadDir(temporary)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

func TestAFleetWithAMistakeIsNotBegun(t *testing.T) {
	for _, args := range [][]string{{"--devices", "0"}, {"--behaviour", "no-such-kind"}, {"--devices", "20001"}, {"--ramp=-1s"}, {"--target", "http://x"}, {"--ca", "root.pem"}} {
		var errs bytes.Buffer
		code := perform(append([]string{"sim", "fleet"}, args...), streams{out: io.Discard, err: &errs}, nil)
		assert.Equal(t, ExitUsage, code, args)
		assert.NotEmpty(t, errs.String())
	}
}
