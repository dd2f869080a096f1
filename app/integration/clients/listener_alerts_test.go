//go:build integration

package clients

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// handshake is the step of the newest attempt in which its handshake failed, once the attempt is over.
func (b *bench) handshake(after uint64) (a attempt.Attempt, failed attempt.Step) {
	b.Helper()
	eventually(b.T, "the attempt is over", func() bool {
		page := b.gateway.Attempts().Query(attempt.Filter{Limit: 1, Whole: true})
		if len(page.Attempts) == 0 || page.Attempts[0].ID <= after || !page.Attempts[0].Done {
			return false
		}
		a = page.Attempts[0]
		return true
	})
	for _, s := range a.Steps {
		if s.Kind == attempt.Handshake {
			failed = s
		}
	}
	return a, failed
}

func (b *bench) newestID() uint64 {
	page := b.gateway.Attempts().Query(attempt.Filter{Limit: 1})
	if len(page.Attempts) == 0 {
		return 0
	}
	return page.Attempts[0].ID
}

// otherRoot is a root certificate that has nothing to do with the gateway.
func (b *bench) otherRoot() string {
	dir := b.TempDir()
	cert := filepath.Join(dir, "other.pem")
	run(b.T, "openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=other", "-days", "30",
		"-keyout", filepath.Join(dir, "key.pem"), "-out", cert).succeeds()
	return cert
}

// Each way in which a client judges the gateway's certificate, told by what the client really sends: openssl under TLS 1.3
// sends its alert in the clear, where Go expects an encrypted record; Node closes without a word.
func TestWhyAClientRefusesTheGatewayIsTold(t *testing.T) {
	b := newBench(t)
	other := b.otherRoot()
	inAYear := strconv.FormatInt(time.Now().AddDate(1, 0, 0).Unix(), 10)
	openssl := func(more ...string) []string {
		return append([]string{"openssl", "s_client", "-connect", b.status.MQTTAddr, "-servername", "localhost", "-verify_return_error"}, more...)
	}
	mosquitto := func(root string) []string {
		return []string{"mosquitto_pub", "-h", "localhost", "-p", strconv.Itoa(b.status.Port), "--cafile", root, "-t", "t", "-m", "m"}
	}
	node := func(options string) []string {
		script := filepath.Join(b.TempDir(), "client.js")
		require.NoError(t, os.WriteFile(script, []byte(`
const tls = require("tls");
const socket = tls.connect(Object.assign({host: "127.0.0.1", servername: "localhost", port: `+strconv.Itoa(b.status.Port)+`}, `+options+`));
socket.on("secureConnect", () => process.exit(0));
socket.on("error", () => process.exit(1));
`), 0o600))
		return []string{"node", script}
	}
	for name, c := range map[string]struct {
		command []string
		why     []cause.ID
		alert   []string // one of them; none: any
	}{
		"openssl, other root, 1.2":  {openssl("-tls1_2", "-CAfile", other), []cause.ID{cause.UntrustedRoot}, []string{"unknown_ca"}},
		"openssl, other root, 1.3":  {openssl("-tls1_3", "-CAfile", other), []cause.ID{cause.UntrustedRoot}, []string{"unknown_ca"}},
		"openssl, later clock, 1.2": {openssl("-tls1_2", "-CAfile", b.status.RootPath, "-attime", inAYear), []cause.ID{cause.ServerCertificateExpired}, []string{"certificate_expired"}},
		"openssl, later clock, 1.3": {openssl("-tls1_3", "-CAfile", b.status.RootPath, "-attime", inAYear), []cause.ID{cause.ServerCertificateExpired}, []string{"certificate_expired"}},
		"openssl, first day, 1.3":   {openssl("-tls1_3", "-CAfile", b.status.RootPath, "-attime", "86400"), []cause.ID{cause.ServerCertificateEarly}, []string{"bad_certificate"}},
		// Before TLS 1.3 this may as well be a Go client that lacks the root: the words say both.
		"openssl, first day, 1.2": {openssl("-tls1_2", "-CAfile", b.status.RootPath, "-attime", "86400"), []cause.ID{cause.UntrustedRoot}, []string{"bad_certificate"}},
		"openssl, other name, 1.2": {append(openssl("-tls1_2", "-CAfile", b.status.RootPath, "-verify_hostname", "elsewhere.example"), "-servername", "elsewhere.example"),
			[]cause.ID{cause.WrongServerName}, []string{"bad_certificate"}},
		"openssl, other name, 1.3": {append(openssl("-tls1_3", "-CAfile", b.status.RootPath, "-verify_hostname", "elsewhere.example"), "-servername", "elsewhere.example"),
			[]cause.ID{cause.WrongServerName}, []string{"bad_certificate", "certificate_unknown"}},
		"openssl, old suite": {openssl("-tls1_2", "-cipher", "AES128-SHA"), []cause.ID{cause.NoSharedSuite}, []string{"handshake_failure"}},
		"openssl, old group": {openssl("-tls1_3", "-groups", "P-521"), []cause.ID{cause.NoSharedSuite}, []string{"handshake_failure"}},
		"openssl, TLS 1.1":   {openssl("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), []cause.ID{cause.TLSVersion}, []string{"protocol_version"}},
		"mosquitto, no root": {mosquitto(other), []cause.ID{cause.UntrustedRoot}, []string{"unknown_ca"}},
		"node, no root, 1.3": {node(`{minVersion: "TLSv1.3"}`), []cause.ID{cause.ClosedInHandshake, cause.ClosedBeforeConnect}, nil},
		"node, no root, 1.2": {node(`{maxVersion: "TLSv1.2"}`), []cause.ID{cause.ClosedInHandshake, cause.ClosedBeforeConnect}, nil},
		"mosquitto, no TLS":  {[]string{"mosquitto_pub", "-h", "127.0.0.1", "-p", strconv.Itoa(b.status.Port), "-t", "t", "-m", "m"}, []cause.ID{cause.Plaintext}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t, b.gateway, b.status}
			before := b.newestID()
			run(t, c.command[0], c.command[1:]...).fails()
			a, failed := b.handshake(before)
			require.Contains(t, c.why, a.Cause, "%+v", a.Steps)
			if len(c.alert) > 0 {
				require.Contains(t, c.alert, failed.Fact("alert"), "%+v", failed)
			}
		})
	}
}
