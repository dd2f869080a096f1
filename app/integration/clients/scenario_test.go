//go:build integration

package clients

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/app/commands"
	"gatehouse/app/story"
)

// TestReadyScenariosThatNeedNoGatewayHoldOnMosquitto: telemetry, one identity on two boards, and the plain ones, as the command line plays
// them, with each way in which mosquitto knows devices.
func TestReadyScenariosThatNeedNoGatewayHoldOnMosquitto(t *testing.T) {
	p := newPKI(t)
	secured := fmt.Sprintf("cafile %s\ncertfile %s\nkeyfile %s\n", p.rootFile, p.cert, p.keyFile)
	passwords, password := filepath.Join(p.dir, "passwords"), filepath.Join(p.dir, "password")
	run(t, "mosquitto_passwd", "-b", "-c", passwords, "bench", "open sesame").succeeds()
	certificate, key := filepath.Join(p.dir, "lamp.pem"), filepath.Join(p.dir, "lamp.key")
	for path, content := range map[string][]byte{password: []byte("open sesame\n"), certificate: p.lamp, key: p.lampKey} {
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
	open := broker(t, p.dir, secured+"allow_anonymous true\n")
	keyed := broker(t, p.dir, secured+"allow_anonymous false\npassword_file "+passwords+"\n")
	certified := broker(t, p.dir, secured+"require_certificate true\nallow_anonymous true\n")

	play := func(t *testing.T, scenario string, port int, more ...string) (code int, said string) {
		var out, errs bytes.Buffer
		args := []string{"sim", "run", scenario, "--target", fmt.Sprintf("mqtts://localhost:%d", port), "--ca", p.rootFile}
		code = commands.Run(append(args, more...), &out, &errs, nil)
		return code, out.String() + errs.String()
	}
	holds := func(t *testing.T, scenario string, port int, more ...string) {
		t.Parallel()
		code, said := play(t, scenario, port, more...)
		require.Zero(t, code, said)
		require.Contains(t, said, "every expectation held")
	}
	ready, err := story.All()
	require.NoError(t, err)
	var played []string
	for _, r := range ready {
		_, needs := r.NeedsGateway()
		if needs != "" {
			t.Run(r.ID, func(t *testing.T) {
				t.Parallel()
				code, said := play(t, r.ID, open)
				require.Equal(t, commands.ExitUsage, code, said)
				require.Contains(t, said, "needs a gateway")
			})
			continue
		}
		played = append(played, r.ID)
		t.Run(r.ID, func(t *testing.T) { holds(t, r.ID, open) })
	}
	require.Equal(t, []string{"flaky-network", "one-identity", "server-certificate", "thermostat-day"}, played)
	t.Run("each version of MQTT", func(t *testing.T) { holds(t, "testdata/protocols.yaml", open) })
	t.Run("with a password", func(t *testing.T) { holds(t, "one-identity", keyed, "--user", "bench", "--password-file", password) })
	t.Run("with a certificate", func(t *testing.T) { holds(t, "flaky-network", certified, "--cert", certificate, "--key", key) })
	t.Run("without the password", func(t *testing.T) {
		t.Parallel()
		code, said := play(t, "one-identity", keyed)
		require.Equal(t, commands.ExitFailure, code, said)
		require.Contains(t, said, "CONNACK 5")
	})
}
