package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim/ordinary"
	"gatehouse/sim/simtest"
)

func TestAScenarioIsPlayedOnAServerThatWantsAPassword(t *testing.T) {
	config, root := simtest.Server()
	b, err := ordinary.Start(ordinary.Params{TLS: config, User: "bench", Password: "open sesame"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	folder := t.TempDir()
	ca, password := filepath.Join(folder, "root.pem"), filepath.Join(folder, "password")
	require.NoError(t, os.WriteFile(ca, root, 0o600))
	require.NoError(t, os.WriteFile(password, []byte("open sesame\n"), 0o600))
	run := func(c simRun) (string, error) {
		c.Target, c.CA = b.URL(), ca
		var out bytes.Buffer
		err := c.Run(streams{in: bytes.NewReader(nil), out: &out, err: &out})
		return out.String(), err
	}
	said, err := run(simRun{Scenario: "one-identity", User: "bench", Password: password})
	require.NoError(t, err, said)
	assert.Contains(t, said, "every expectation held")
	said, err = run(simRun{Scenario: "one-identity"})
	require.Error(t, err)
	assert.Contains(t, said, "CONNACK")
	said, err = run(simRun{Scenario: "revoked-certificate"})
	require.ErrorContains(t, err, "needs a gateway")
	assert.Empty(t, said)
}
