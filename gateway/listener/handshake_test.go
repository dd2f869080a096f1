package listener

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// try dials and offers a CONNECT, whatever comes of it.
func (w *world) try(t testing.TB, c *tls.Config) error {
	t.Helper()
	conn := tls.Client(w.dialRaw(t), c)
	_, err := offer(conn, wire.AppendConnect(nil, wire.Connect{}, false))
	conn.NetConn().Close()
	return err
}

func TestAFailedHandshakeIsExplained(t *testing.T) {
	w := newWorld(t, Settings{})
	unknownRoot := func() *tls.Config { c := config(nil); c.RootCAs = x509.NewCertPool(); return c }
	presenting := func(cert tls.Certificate) *tls.Config { return config(&cert) }
	mine, other := clientCertificate(t, nil), clientCertificate(t, nil)
	stolen := tls.Certificate{Certificate: mine.Certificate, PrivateKey: other.PrivateKey}
	broken := tls.Certificate{Certificate: [][]byte{append([]byte{0x30, 0x82}, mine.Certificate[0][10:]...)}, PrivateKey: mine.PrivateKey}
	strange := tls.Certificate{Certificate: [][]byte{onStrangeCurve(t)}, PrivateKey: mine.PrivateKey}
	foreign := tls.Certificate{Certificate: [][]byte{withStrangeAlgorithm(t)}, PrivateKey: mine.PrivateKey}
	for name, c := range map[string]struct {
		config *tls.Config
		only13 bool
		only12 bool
		why    cause.ID
		alert  string
		from   string
	}{
		"root not installed":      {config: unknownRoot(), why: cause.UntrustedRoot, alert: "bad_certificate", from: "device"},
		"another name":            {config: named("gateway.example"), why: cause.WrongServerName, alert: "bad_certificate", from: "device"},
		"the key is not the one":  {config: presenting(stolen), why: cause.KeyNotProven, alert: "decrypt_error", from: "gateway"},
		"certificate is garbage":  {config: presenting(broken), why: cause.CertificateMalformed, alert: "decode_error", from: "gateway"},
		"curve that Go lacks":     {config: presenting(strange), why: cause.CertificateUnsupported, from: "gateway"},
		"algorithm that Go lacks": {config: presenting(foreign), why: cause.CertificateUnsupported, alert: "unsupported_certificate", from: "gateway"},
		"TLS 1.1 only":            {config: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, only12: true, why: cause.TLSVersion, alert: "protocol_version", from: "gateway"},
		"no suite in common":      {config: &tls.Config{CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}}, only12: true, why: cause.NoSharedSuite, alert: "handshake_failure", from: "gateway"},
		"no group in common, 1.3": {config: &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, only13: true, why: cause.NoSharedSuite, alert: "handshake_failure", from: "gateway"},
		"no group in common, 1.2": {config: &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, only12: true, why: cause.NoSharedSuite, alert: "handshake_failure", from: "gateway"},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if c.only13 && version != tls.VersionTLS13 || c.only12 && version != tls.VersionTLS12 {
				continue
			}
			conf := c.config.Clone()
			if conf.MaxVersion == 0 {
				conf.MinVersion, conf.MaxVersion = version, version
			}
			if conf.RootCAs == nil {
				conf.RootCAs, conf.ServerName = roots(), "localhost"
			}
			if err := w.try(t, conf); err == nil {
				t.Errorf("%s: it was answered", name)
			}
			a := w.lastDone(t)
			failed := step(a, attempt.Handshake)
			if a.Code != attempt.TLS || a.Cause != c.why || failed.State != attempt.Bad || failed.Fact("error") == "" {
				t.Errorf("%s, %s: code %d, cause %s: %+v", name, tls.VersionName(version), a.Code, a.Cause, failed)
			}
			if c.alert != "" && failed.Fact("alert") != c.alert || failed.Fact("alert") != "" && failed.Fact("alert_from") != c.from {
				t.Errorf("%s, %s: alert %s from %s", name, tls.VersionName(version), failed.Fact("alert"), failed.Fact("alert_from"))
			}
			if step(a, attempt.ClientHello).Fact("suites") == "" {
				t.Errorf("%s: the ClientHello was not recorded", name)
			}
		}
	}
}

func named(host string) *tls.Config {
	c := config(nil)
	c.ServerName = host
	return c
}

// onStrangeCurve is a certificate whose key claims to be on secp256k1: the same length as P-256, another OID.
func onStrangeCurve(t testing.TB) []byte {
	return replaced(t, []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, []byte{0x06, 0x08, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x00, 0x00, 0x00})
}

// withStrangeAlgorithm is a certificate whose key is of an algorithm that does not exist.
func withStrangeAlgorithm(t testing.TB) []byte {
	return replaced(t, []byte{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}, []byte{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x7f})
}

func replaced(t testing.TB, old, new []byte) []byte {
	t.Helper()
	der := append([]byte(nil), clientCertificate(t, nil).Certificate[0]...)
	for i := 0; i+len(old) <= len(der); i++ {
		if string(der[i:i+len(old)]) == string(old) {
			copy(der[i:], new)
			return der
		}
	}
	t.Fatal("nothing to replace")
	return nil
}

func TestAnyUsableClientCertificateIsTakenAndFindingsAreSaid(t *testing.T) {
	w := newWorld(t, Settings{})
	rsaKey := func(bits int) func(*x509.Certificate) crypto.Signer {
		return func(*x509.Certificate) crypto.Signer {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
	}
	curve := func(c elliptic.Curve) func(*x509.Certificate) crypto.Signer {
		return func(*x509.Certificate) crypto.Signer {
			key, err := ecdsa.GenerateKey(c, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
	}
	for name, c := range map[string]struct {
		edit func(*x509.Certificate) crypto.Signer
		key  string
		warn cause.ID
	}{
		"P-256":    {curve(elliptic.P256()), "ECDSA P-256", ""},
		"P-384":    {curve(elliptic.P384()), "ECDSA P-384", cause.HeavyKey},
		"P-521":    {curve(elliptic.P521()), "ECDSA P-521", cause.HeavyKey},
		"RSA 2048": {rsaKey(2048), "RSA 2048", cause.HeavyKey},
		"RSA 1024": {rsaKey(1024), "RSA 1024", cause.WeakKey},
		"Ed25519": {func(*x509.Certificate) crypto.Signer {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return key
		}, "Ed25519", ""},
		"expired": {func(c *x509.Certificate) crypto.Signer {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
			return nil
		}, "ECDSA P-256", cause.CertificateExpired},
		"not valid yet": {func(c *x509.Certificate) crypto.Signer {
			c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
			return nil
		}, "ECDSA P-256", cause.CertificateNotYetValid},
		"a server's": {func(c *x509.Certificate) crypto.Signer {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			return nil
		}, "ECDSA P-256", ""},
	} {
		i := w.enrol(w.add(name), clientCertificate(t, c.edit))
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			conf := config(&i.cert)
			conf.MinVersion, conf.MaxVersion = version, version
			conn := tls.Client(w.dialRaw(t), conf)
			connack, err := offer(conn, wire.AppendConnect(nil, wire.Connect{KeepAlive: 60}, false))
			if err != nil || connack[3] != 0 {
				t.Errorf("%s, %s: %x, %v", name, tls.VersionName(version), connack, err)
				continue
			}
			a := w.last(t)
			if got := step(a, attempt.ClientCertificate).Fact("key"); got != c.key || a.DeviceSID != i.device {
				t.Errorf("%s: key %s", name, got)
			}
			if c.warn == "" && len(a.Warnings) > 0 || c.warn != "" && (len(a.Warnings) != 1 || a.Warnings[0] != c.warn) {
				t.Errorf("%s: warnings %v", name, a.Warnings)
			}
			conn.NetConn().Close()
		}
	}
}

func TestAResumedHandshakeKeepsTheCertificate(t *testing.T) {
	w := newWorld(t, Settings{})
	i := w.withCertificate(t, "pump")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conf := config(&i.cert)
		conf.MinVersion, conf.MaxVersion, conf.ClientSessionCache = version, version, tls.NewLRUClientSessionCache(1)
		for round, resumed := range []string{"no", "yes"} {
			conn := w.dial(t, conf)
			connack, err := offer(conn, wire.AppendConnect(nil, wire.Connect{}, false))
			if err != nil || connack[3] != 0 || !alive(conn) {
				t.Fatalf("%s, round %d: %x, %v", tls.VersionName(version), round, connack, err)
			}
			if a := w.last(t); step(a, attempt.Handshake).Fact("resumed") != resumed || a.DeviceSID != i.device {
				t.Errorf("%s, round %d: %+v", tls.VersionName(version), round, step(a, attempt.Handshake))
			}
			conn.Close()
		}
	}
}

func TestADeviceThatLeavesInTheHandshakeIsNotBlamedOnTheGateway(t *testing.T) {
	w := newWorld(t, Settings{})
	raw := w.dialRaw(t)
	_, _ = raw.Write([]byte{0x16, 3, 1, 0, 200, 1, 0})
	raw.Close()
	if a := w.lastDone(t); a.Cause != cause.HandshakeFailed || a.Steps[len(a.Steps)-1].Fact("by") != "device" {
		t.Errorf("%s, %+v", a.Cause, a.Steps[len(a.Steps)-1])
	}
	conn := w.dial(t, config(nil))
	conn.Close()
	if a := w.lastDone(t); a.Cause != cause.ClosedBeforeConnect || a.Code != attempt.NoAnswer {
		t.Errorf("%s", a.Cause)
	}
}

// TestTheAlertArrives: the gateway refuses a certificate while the device has already sent more, which must not turn the
// alert into a reset.
func TestTheAlertArrives(t *testing.T) {
	w := newWorld(t, Settings{})
	mine, other := clientCertificate(t, nil), clientCertificate(t, nil)
	for range 10 {
		conn := tls.Client(w.dialRaw(t), config(&tls.Certificate{Certificate: mine.Certificate, PrivateKey: other.PrivateKey}))
		if err := conn.Handshake(); err != nil { // with TLS 1.3 the device believes that it is connected
			t.Fatal(err)
		}
		_, _ = conn.Write(make([]byte, 20_000))
		if _, err := conn.Read(make([]byte, 1)); remoteAlert(err) < 0 {
			t.Fatalf("no alert: %v", err)
		}
		conn.NetConn().Close()
	}
}

func TestClassifyNeverFails(t *testing.T) {
	for first := range 256 {
		for _, rest := range []string{"", "\x00", "\x01\x01", "GET / HTTP/1.1 and so on"} {
			looks, code, why := classify(append([]byte{byte(first)}, rest...))
			if looks == "" || why == "" || code == 0 {
				t.Fatalf("%02x%s", first, rest)
			}
		}
	}
}

func TestPlainAlertsAreNoticedHoweverTheRecordsAreCut(t *testing.T) {
	stream := []byte{22, 3, 3, 0, 2, 2, 40, 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 3, 21, 3, 3, 21, 3, 3, 0, 2, 2, 48}
	for size := 1; size <= len(stream); size++ {
		w := &alertWatch{}
		for at := 0; at < len(stream); at += size {
			if w.description() != -1 {
				t.Fatalf("pieces of %d: noticed %d too early", size, w.description())
			}
			w.follow(stream[at:min(at+size, len(stream))])
		}
		if w.description() != 48 {
			t.Errorf("pieces of %d: %d", size, w.description())
		}
	}
	encrypted := &alertWatch{}
	encrypted.follow(append([]byte{21, 3, 3, 0, 26}, make([]byte, 26)...))
	if encrypted.description() != -1 || (*alertWatch)(nil).description() != -1 {
		t.Error("an encrypted alert was read")
	}
}

// inTheClear is a client's socket that replaces what follows the ClientHello by a plain alert, as OpenSSL sends it.
type inTheClear struct {
	net.Conn
	alert  byte
	writes int
}

func (c *inTheClear) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 1 {
		return c.Conn.Write(b)
	}
	if c.writes == 2 {
		_, err := c.Conn.Write([]byte{21, 3, 3, 0, 2, 2, c.alert})
		return len(b), err
	}
	return len(b), nil
}

func TestAnAlertInTheClearUnderTLS13IsUnderstood(t *testing.T) {
	w := newWorld(t, Settings{})
	for alert, c := range map[byte]struct {
		name string
		why  cause.ID
		host string
	}{
		48:  {"unknown_ca", cause.UntrustedRoot, "localhost"},
		42:  {"bad_certificate", cause.WrongServerName, "elsewhere.example"},
		45:  {"certificate_expired", cause.ServerCertificateExpired, "localhost"},
		46:  {"certificate_unknown", cause.UntrustedRoot, "localhost"},
		43:  {"unsupported_certificate", cause.ServerCertificateRefused, "localhost"},
		40:  {"handshake_failure", cause.HandshakeRefused, "localhost"},
		112: {"unrecognized_name", cause.WrongServerName, "localhost"},
	} {
		conf := named(c.host)
		conf.MinVersion = tls.VersionTLS13
		conn := tls.Client(&inTheClear{Conn: w.dialRaw(t), alert: alert}, conf)
		_ = conn.Handshake()
		conn.NetConn().Close()
		a := w.lastDone(t)
		failed := step(a, attempt.Handshake)
		if a.Cause != c.why || failed.Fact("alert") != c.name || failed.Fact("alert_from") != "device" {
			t.Errorf("%s: cause %s, %+v", c.name, a.Cause, failed)
		}
	}
}
