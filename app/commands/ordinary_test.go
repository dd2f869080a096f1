package commands

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/pki"
	"gatehouse/sim"
)

// An ordinary broker uses the local authority and leaves it as it is; without one it makes its own, which goes with it.
func TestTheOrdinaryBrokerUsesTheLocalAuthorityAndOnlyReadsIt(t *testing.T) {
	data := t.TempDir()
	folder := filepath.Join(data, "pki")
	_, err := pki.Open(pki.Params{Dir: folder, Names: []string{"gateway.example"}})
	require.NoError(t, err)
	before := contents(t, folder)
	password := filepath.Join(t.TempDir(), "secret.txt")
	require.NoError(t, os.WriteFile(password, []byte("open sesame\n"), 0o600))

	root := tryOrdinary(t, ordinaryCommand{Data: data, User: "bench", PasswordFile: password}, "bench", "open sesame")
	assert.Equal(t, folder, filepath.Dir(root))
	assert.Equal(t, before, contents(t, folder))

	root = tryOrdinary(t, ordinaryCommand{Data: t.TempDir()}, "", "")
	assert.NoFileExists(t, root, "its own authority is gone")
}

func TestTheOrdinaryBrokerIsNotOpenToAllWithoutAPassword(t *testing.T) {
	err := (&ordinaryCommand{Addr: "0.0.0.0:0", Data: t.TempDir()}).serve(t.Context(), streams{out: io.Discard, err: io.Discard})
	assert.Equal(t, ExitUsage, exitCode(err))
	err = (&ordinaryCommand{User: "x", Data: t.TempDir()}).serve(t.Context(), streams{out: io.Discard, err: io.Discard})
	assert.Equal(t, ExitUsage, exitCode(err))
}

// tryOrdinary runs the broker, connects a device that trusts the root it names, and returns the root's path.
func tryOrdinary(t *testing.T, c ordinaryCommand, user, password string) string {
	t.Helper()
	c.Addr, c.JSON = "127.0.0.1:0", true
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	in, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := c.serve(ctx, streams{out: out, err: io.Discard})
		_ = out.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(in)
	require.True(t, lines.Scan())
	var ready struct{ Event, URL, Root string }
	require.NoError(t, json.Unmarshal(lines.Bytes(), &ready))
	assert.Equal(t, "ready", ready.Event)
	rootPEM, err := os.ReadFile(ready.Root)
	require.NoError(t, err)
	device := sim.NewDevice(sim.Params{})
	defer device.Close()
	options := sim.Options{URL: ready.URL, RootPEM: rootPEM, ClientID: "x", Credential: sim.Credential{KeySID: user, Secret: password}, Timeout: 5 * time.Second}
	require.NoError(t, device.Connect(t.Context(), options).Err)
	if password != "" {
		options.WrongSecret = true
		require.Error(t, device.Connect(t.Context(), options).Err)
	}
	device.Close()
	stop()
	go func() { _, _ = io.Copy(io.Discard, in) }()
	require.NoError(t, <-ended)
	return ready.Root
}

func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(content)
	}
	return all
}
