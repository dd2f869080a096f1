package check_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/check"
	"gatehouse/app/check/checktest"
)

// What a check says of servers that are wrong in one way each, word for word.
func TestWhatIsSaidOfServersThatAreWrong(t *testing.T) {
	s := check.NewServers(t)
	now := time.Now()
	good := func(*x509.Certificate) {}
	rsaKey := func(bits int) crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		return key
	}
	plain := s.Config(t, nil, false, good)
	with := func(key crypto.Signer, change func(*tls.Config)) *tls.Config {
		config := s.Config(t, key, false, good)
		change(config)
		return config
	}
	accepts := check.Answers("\x20\x02\x00\x00")
	cases := []struct {
		name   string
		config *tls.Config
		then   func(net.Conn)
		exit   int
		wait   time.Duration // for the whole; 0 means as usual
	}{
		{"expired", s.Config(t, nil, false, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0) }), accepts, check.ExitTrust, 0},
		{"not-yet-valid", s.Config(t, nil, false, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(1, 0, 0), now.AddDate(2, 0, 0) }), accepts, check.ExitTrust, 0},
		{"wrong-name", s.Config(t, nil, false, func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "other.example", []string{"other.example", "www.other.example"}, nil
		}), accepts, check.ExitTrust, 0},
		{"common-name-only", s.Config(t, nil, false, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }), accepts, check.ExitTrust, 0},
		{"unknown-root", check.NewServers(t).Config(t, nil, false, good), accepts, check.ExitTrust, 0},
		{"missing-intermediate", s.Config(t, nil, true, good), accepts, check.ExitTrust, 0},
		{"self-signed", s.SelfSigned(t), accepts, check.ExitTrust, 0},
		{"rsa-1024", s.Config(t, rsaKey(1024), false, good), accepts, check.ExitTrust, 0},
		{"tls-1.2-only", with(nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), accepts, check.ExitAccepted, 0},
		{"tls-1.3-only", with(nil, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }), accepts, check.ExitAccepted, 0},
		{"tls-1.0-only", with(nil, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }), accepts, check.ExitAccepted, 0},
		{"legacy-suite-only", with(rsaKey(2048), func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		}), accepts, check.ExitAccepted, 0},
		{"certificate-required", with(nil, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }), accepts, check.ExitTLS, 0},
		{"connack-withheld", plain, check.Waits, check.ExitNoAnswer, time.Second},
		{"closes-after-connect", plain, check.Closes, check.ExitClosed, 0},
		{"closes-after-connack", plain, func(c net.Conn) { check.Closes(c); _, _ = io.WriteString(c, "\x20\x02\x00\x00") }, check.ExitClosed, 0},
		{"speaks-http", plain, check.Answers("HTTP/1.1 400 Bad Request\r\n\r\n"), check.ExitOther, 0},
		{"half-open", nil, check.Waits, check.ExitTLS, time.Second},
		{"plain-http", nil, check.Answers("HTTP/1.1 400 Bad Request\r\n\r\n"), check.ExitOther, 0},
	}
	for code := range 6 {
		exit := check.ExitCode + code
		if code == 0 {
			exit = check.ExitAccepted
		}
		cases = append(cases, struct {
			name   string
			config *tls.Config
			then   func(net.Conn)
			exit   int
			wait   time.Duration
		}{fmt.Sprintf("code-%d", code), plain, check.Answers("\x20\x02\x00" + string(rune(code))), exit, 0})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var port string
			if c.config == nil {
				port = check.Serve(t, c.then)
			} else {
				port = check.ServeTLS(t, c.config, c.then)
			}
			result, text := checktest.Run(t, check.Options{Target: "mqtts://localhost:" + port, CA: s.Root(), CAName: "root.pem", User: "lamp", Password: []byte("never-to-be-shown"), Timeout: c.wait})
			require.Equal(t, c.exit, result.Exit, text)
			require.NotContains(t, text, "never-to-be-shown")
			checktest.Golden(t, "wrong-"+c.name, text)
		})
	}
}
