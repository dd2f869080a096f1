package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/wire"
)

// open opens a gateway that listens on ports of its own.
func open(t *testing.T, dir string) *Gateway {
	t.Helper()
	g, err := Open(Config{DataDir: dir, MQTTAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Drain: time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { _ = g.Close() })
	require.NoError(t, g.Start())
	return g
}

// offer sends a CONNECT and returns the connection and the return code.
func offer(t *testing.T, g *Gateway, c wire.Connect) (*tls.Conn, byte) {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(g.RootPEM()))
	conn, err := tls.Dial("tcp", g.Status().MQTTAddr, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = conn.Write(wire.AppendConnect(nil, c, false))
	require.NoError(t, err)
	var connack [4]byte
	_, err = io.ReadFull(conn, connack[:])
	require.NoError(t, err)
	return conn, connack[3]
}

func withKey(t *testing.T, g *Gateway) (keySID, secret string) {
	t.Helper()
	device, err := g.Registry().CreateDevice(context.Background(), registry.NewDevice{UniqueName: "lamp"})
	require.NoError(t, err)
	key, secret, err := g.Registry().CreateKey(context.Background(), device.FleetSID, device.SID, "")
	require.NoError(t, err)
	return key.SID, secret
}

func TestAttemptsAndFindingsSurviveAndHoldNoSecret(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	key, secret := withKey(t, g)
	planted := []string{secret, "an0therSecretThatIsWrong", "s3cretInTheUserName", "s3cretPayloadOfAWill"}
	live, code := offer(t, g, wire.Connect{ClientID: "a", HasUser: true, User: key, HasPassword: true, Password: []byte(secret)})
	require.Zero(t, code)
	for range 3 {
		_, code = offer(t, g, wire.Connect{ClientID: "a", HasUser: true, User: key, HasPassword: true, Password: []byte(planted[1]), HasWill: true, WillTopic: "gone", WillPayload: []byte(planted[3])})
		require.EqualValues(t, 4, code)
	}
	_, code = offer(t, g, wire.Connect{HasUser: true, User: planted[2], HasPassword: true, Password: []byte(secret)})
	require.EqualValues(t, 2, code)
	_, code = offer(t, g, wire.Connect{HasUser: true, User: key, HasPassword: true, Password: []byte(secret + "\n")})
	require.EqualValues(t, 4, code)
	written(t, g)
	require.NotEmpty(t, g.Findings().All())

	copied := filepath.Join(t.TempDir(), "killed") // as kill -9 leaves it
	require.NoError(t, os.CopyFS(filepath.Join(copied, attemptsFolder), os.DirFS(filepath.Join(dir, attemptsFolder))))
	require.NoError(t, filepath.WalkDir(filepath.Join(copied, attemptsFolder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.Contains(t, string(content), key, "the attempts are in the file")
		for _, s := range planted {
			for _, form := range []string{s, hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s)), s[:8], s[len(s)-8:]} {
				require.NotContains(t, string(content), form)
			}
			require.NotContains(t, string(bytes.ReplaceAll(content, []byte(" "), nil)), hex.EncodeToString([]byte(s)))
		}
		return err
	}))

	again := open(t, copied)
	<-again.Attempts().Restored()
	page := again.Attempts().Query(attempt.Filter{})
	require.Equal(t, 6, page.Total)
	require.Zero(t, again.Attempts().Query(attempt.Filter{OnlyLive: true}).Total)
	require.Equal(t, cause.GatewayDied, page.Attempts[5].End)
	require.NotEmpty(t, page.Attempts[5].DeviceSID)
	kinds := map[cause.ID]bool{}
	for _, f := range again.Findings().All() {
		kinds[f.Kind] = true
	}
	require.True(t, kinds[cause.IgnoresCode] && kinds[cause.WillDiscarded], "%v", kinds)
	_ = live.Close()
}

// written waits until all that happened is on the disk.
func written(t *testing.T, g *Gateway) {
	t.Helper()
	require.Eventually(t, func() bool {
		r := g.Attempts().Record()
		return !r.Loading && r.Waiting == 0 && g.Attempts().Query(attempt.Filter{Codes: []attempt.Code{attempt.Pending}}).Total == 0
	}, 20*time.Second, 10*time.Millisecond)
}

func TestTheRecordIsAskedForOverHTTPByTheAccountAlone(t *testing.T) {
	g := open(t, t.TempDir())
	key, _ := withKey(t, g)
	_, code := offer(t, g, wire.Connect{HasUser: true, User: key, HasPassword: true, Password: []byte("wrong")})
	require.EqualValues(t, 4, code)
	written(t, g)
	account := g.Registry().Account()
	get := func(path, token string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", g.Status().HTTPURL+path, nil)
		require.NoError(t, err)
		r.SetBasicAuth(account.SID, token)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(body)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for _, path := range []string{"/gatehouse/v1/Attempts", "/gatehouse/v1/Attempts/1", "/gatehouse/v1/Attempts/1/Diagnosis", "/gatehouse/v1/Findings"} {
		status, body := get(path, account.AuthToken)
		require.Equal(t, 200, status, body)
		require.True(t, json.Valid([]byte(body)))
		status, _ = get(path, "guessed")
		require.Equal(t, 401, status)
	}
	_, body := get("/gatehouse/v1/Attempts?credential="+key, account.AuthToken)
	require.Contains(t, body, `"wrong_secret"`)
	status, _ := get("/gatehouse/v1/Services/default/Changes", account.AuthToken)
	require.Equal(t, 200, status, "what stood there before still does")
	_, body = get("/metrics", account.AuthToken)
	require.Contains(t, body, "gatehouse_attempts_kept 1")
}

func TestRetentionIsCheckedAndTakesEffectAtOnce(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	for range 12 {
		offer(t, g, wire.Connect{})
	}
	written(t, g)
	for _, bad := range []Retention{{Count: -1}, {Count: maxAttempts + 1}, {Bytes: 1000}, {Bytes: -1}, {Bytes: maxAttemptBytes + 1}} {
		s := g.Settings()
		s.Attempts = bad
		require.ErrorContains(t, g.SetSettings(s), "attempts.")
	}
	s := g.Settings()
	s.Attempts = Retention{Count: 5}
	require.NoError(t, g.SetSettings(s))
	require.Equal(t, 5, g.Attempts().Len())
	require.NoError(t, g.ClearAttempts())
	require.Zero(t, g.Attempts().Len())
	offer(t, g, wire.Connect{})
	require.NoError(t, g.Close())
	g = open(t, dir)
	<-g.Attempts().Restored()
	require.Equal(t, Retention{Count: 5}, g.Settings().Attempts)
	page := g.Attempts().Query(attempt.Filter{})
	require.Equal(t, 1, page.Total)
	require.EqualValues(t, 13, page.Attempts[0].ID)
}

func TestARecordThatCannotBeKeptStopsNobody(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, attemptsFolder), []byte("in the way"), 0o600))
	g := open(t, dir)
	_, code := offer(t, g, wire.Connect{})
	require.EqualValues(t, 2, code)
	require.Equal(t, 1, g.Attempts().Len())
	err := g.Attempts().Record().Err
	require.True(t, err != nil && strings.Contains(err.Error(), attemptsFolder), "%v", err)
	var path *fs.PathError
	require.True(t, errors.As(err, &path))
}
