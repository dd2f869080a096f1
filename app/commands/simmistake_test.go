package commands

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/sim/simtest"
)

// TestAScenarioWithAMistakeBeginsNothing: no gateway, no folder, no device, no connection, not even of the steps before the mistake.
func TestAScenarioWithAMistakeBeginsNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var came atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			_ = conn.Close()
		}
	}()
	leak := goleak.IgnoreCurrent()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("XDG_DATA_HOME", temporary)
	folder := t.TempDir()
	const begin = "name: x\ndevices:\n  a: {name: lamp, behaviour: {reports: [{topic: t, every: 1s, text: x}]}}\nsteps:\n  - create: a\n  - connect: {device: a}\n"
	for name, text := range map[string]string{
		"no YAML":                  begin + "  - wait: [1s\n",
		"no such step":             begin + "  - explode: a\n",
		"no such field":            begin + "  - connect: {device: a, colour: red}\n",
		"a misspelt device":        begin + "  - connect: {device: b}\n",
		"a formula that is wrong":  begin + "  - expect_message: {device: a, topic: t, when: json.x ==}\n",
		"a filter that is wrong":   begin + "  - subscribe: {device: a, filter: a+/b}\n",
		"a time that is wrong":     begin + "  - wait: soon\n",
		"two steps in one":         begin + "  - {create: a, wait: 1s}\n",
		"inside parallel":          begin + "  - parallel:\n      - wait: 1s\n      - stop: nobody\n",
		"inside repeat":            begin + "  - repeat: {times: 2, steps: [{publish: {device: a}}]}\n",
		"a code that there is not": begin + "  - connect: {device: a, code: 9}\n",
		"a file that is not there": strings.Replace(begin, "text: x", "fields: [{name: v, kind: replay, file: none.csv}]", 1),
		"nothing to do":            "name: x\n",
		"an empty file":            "",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder, strings.ReplaceAll(name, " ", "-")+".yaml")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			for _, more := range [][]string{nil, {"--target", "mqtts://" + listener.Addr().String()}, {"--json"}, {"--junit", filepath.Join(temporary, "report.xml")}} {
				code, out, errs, _ := run(append([]string{"sim", "run", path}, more...)...)
				assert.Equal(t, ExitUsage, code, errs)
				assert.Empty(t, out, "%v", more)
				assert.Contains(t, errs, "was not begun")
			}
		})
	}
	good := filepath.Join(folder, "good.yaml")
	require.NoError(t, os.WriteFile(good, []byte("name: x\ndevices: {a: {}}\nsteps: [{connect: {device: a}}]\n"), 0o600))
	_, root := simtest.Server()
	ca := filepath.Join(folder, "root.pem")
	require.NoError(t, os.WriteFile(ca, root, 0o600))
	target := []string{"--target", "mqtts://" + listener.Addr().String()}
	for name, more := range map[string][]string{
		"a device that is never created":            nil,
		"an address that is none":                   {"--target", "mqtts://"},
		"an address without TLS":                    {"--target", "mqtt://" + listener.Addr().String()},
		"authorities that are none":                 append(target, "--ca", good),
		"a certificate without its key":             append(target, "--cert", ca),
		"a key without its certificate":             append(target, "--key", ca),
		"a password without a user name":            append(target, "--password-file", ca),
		"an outcome that cannot be written":         append(target, "--junit", filepath.Join(folder, "none", "report.xml")),
		"a password for a gateway of the scenarios": {"--password-file", ca},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs, _ := run(append([]string{"sim", "run", good}, more...)...)
			assert.Equal(t, ExitUsage, code, errs)
			assert.Empty(t, out)
		})
	}
	made, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, made, "folders of gateways, or reports")
	assert.Zero(t, came.Load(), "connections")
	simtest.NothingRuns(t, leak)
	require.NoError(t, listener.Close())
}
