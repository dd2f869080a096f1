//go:build integration

package library

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway"
	"gatehouse/gateway/credential"
)

// The library is fetched once for all suites: into a folder of its own, as the lock file says.
var installed string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "gatehouse-library")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
			panic(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		npm := exec.CommandContext(ctx, "npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress")
		npm.Dir = dir
		if out, err := npm.CombinedOutput(); err != nil {
			panic("npm cannot fetch the library: " + err.Error() + "\n" + string(out))
		}
		installed = dir
		return m.Run()
	}())
}

func TestTheLibraryManagesDevices(t *testing.T) { suite(t, "devices") }

// suite runs the claims of testdata/<name>.js against a gateway of their own, each as a test.
func suite(t *testing.T, name string) {
	t.Helper()
	g, err := gateway.Open(gateway.Config{DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Drain: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	require.NoError(t, g.Start())
	account := g.Registry().Account()
	board, err := credential.GenerateP256("board", time.Now())
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", filepath.Join(installed, "main.js"), name)
	node.Dir = installed
	node.Env = append(os.Environ(), "BASE_URL="+g.Status().HTTPURL, "ACCOUNT_SID="+account.SID, "AUTH_TOKEN="+account.AuthToken,
		"CERTIFICATE="+string(board.CertPEM), "THUMBPRINT="+credential.Thumbprint(board.Cert.Raw))
	var errors bytes.Buffer
	node.Stderr = &errors
	out, err := node.Output()
	require.NoError(t, err, "%s%s", out, &errors)

	claims := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); claims++ {
		var line struct {
			Claim string  `json:"claim"`
			Error *string `json:"error"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), "%s", lines.Bytes())
		t.Run(line.Claim, func(t *testing.T) {
			if line.Error != nil {
				t.Error(*line.Error)
			}
		})
	}
	require.NotZero(t, claims)
}
