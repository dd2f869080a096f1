package listener

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// TestAHelloIsToldAlsoWhenTheHandshakeFails, even one that crypto/tls cannot read.
func TestAHelloIsToldAlsoWhenTheHandshakeFails(t *testing.T) {
	w := newWorld(t, Settings{})
	whole := offered(t, &tls.Config{ServerName: "gateway.example", NextProtos: []string{"mqtt"}})
	cut := whole[:len(whole)-40]
	// The length of the extensions is wrong: crypto/tls refuses the message before anybody is told.
	long := append([]byte(nil), whole...)
	at := 5 + 4 + 2 + 32
	at += 1 + int(long[at])
	at += 2 + int(long[at])<<8 + int(long[at+1])
	at += 1 + int(long[at])
	long[at+1]++
	ssl3 := []byte{0x16, 3, 0, 0, 45, 1, 0, 0, 41, 3, 0}
	ssl3 = append(append(ssl3, make([]byte, 32)...), 0, 0, 2, 0, 0x2f, 1, 0)
	for name, c := range map[string]struct {
		send  []byte
		close bool
		why   cause.ID
		facts map[string]string
	}{
		"length is wrong": {send: long, why: cause.HandshakeFailed, facts: map[string]string{"sni": "gateway.example", "alpn": "mqtt", "problem": "the extensions are longer than the message"}},
		"cut":             {send: cut, close: true, why: cause.HandshakeFailed, facts: map[string]string{"problem": "the ClientHello is cut short"}},
		"SSL 3.0":         {send: ssl3, why: cause.SSL3, facts: map[string]string{"versions": "SSL 3.0", "suite_names": "TLS_RSA_WITH_AES_128_CBC_SHA"}},
	} {
		t.Run(name, func(t *testing.T) {
			conn := w.dialRaw(t)
			_, err := conn.Write(c.send)
			require.NoError(t, err)
			if c.close {
				require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			}
			assert.True(t, drained(conn))
			conn.Close()
			a := w.lastDone(t)
			assert.Equal(t, c.why, a.Cause)
			assert.Equal(t, attempt.TLS, a.Code)
			hello := step(a, attempt.ClientHello)
			assert.Equal(t, attempt.Bad, hello.State)
			for fact, want := range c.facts {
				assert.Equal(t, want, hello.Fact(fact), fact)
			}
		})
	}
}

// drained reads until the peer ends.
func drained(conn net.Conn) bool {
	_ = conn.SetDeadline(time.Now().Add(patient))
	for b := make([]byte, 512); ; {
		if _, err := conn.Read(b); err != nil {
			return !isTimeout(err)
		}
	}
}

// TestWhatIsNotSharedIsListedForBothSides.
func TestWhatIsNotSharedIsListedForBothSides(t *testing.T) {
	w := newWorld(t, Settings{})
	old := config(nil)
	old.MaxVersion, old.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	require.Error(t, w.try(t, old))
	failed := step(w.lastDone(t), attempt.Handshake)
	assert.Equal(t, "TLS_RSA_WITH_AES_128_CBC_SHA", failed.Fact("client_suites"))
	assert.Contains(t, failed.Fact("gateway_suites"), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
	assert.Equal(t, "X25519, P-256, P-384", failed.Fact("gateway_groups"))

	old = config(nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	require.Error(t, w.try(t, old))
	failed = step(w.lastDone(t), attempt.Handshake)
	assert.Equal(t, "TLS 1.1, TLS 1.0", failed.Fact("offered"))
	assert.Equal(t, "TLS 1.3, TLS 1.2", failed.Fact("taken"))
}

// TestADeviceThatLeavesWithTheCertificateInHand is told apart from one that fails, in both versions.
func TestADeviceThatLeavesWithTheCertificateInHand(t *testing.T) {
	w := newWorld(t, Settings{})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		raw := w.dialRaw(t)
		conf := config(nil)
		conf.MinVersion, conf.MaxVersion = version, version
		conf.VerifyConnection = func(tls.ConnectionState) error { raw.Close(); return nil }
		conf.InsecureSkipVerify = true
		_ = tls.Client(raw, conf).Handshake()
		a := w.lastDone(t)
		failed := step(a, attempt.Handshake)
		assert.Equal(t, cause.ClosedInHandshake, a.Cause)
		assert.Equal(t, tls.VersionName(version), failed.Fact("version"))
		assert.NotEmpty(t, failed.Fact("how"))
		assert.Empty(t, failed.Fact("alert"))
		assert.Equal(t, "device", a.Steps[len(a.Steps)-1].Fact("by"))
	}
}

// TestTLS13SaysWhenTheDeviceBelievedThatItWasConnected: its handshake had succeeded before the refusal came.
func TestTLS13SaysWhenTheDeviceBelievedThatItWasConnected(t *testing.T) {
	w := newWorld(t, Settings{})
	mine, other := clientCertificate(t, nil), clientCertificate(t, nil)
	stolen := tls.Certificate{Certificate: mine.Certificate, PrivateKey: other.PrivateKey}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conf := config(&stolen)
		conf.MinVersion, conf.MaxVersion = version, version
		conn := tls.Client(w.dialRaw(t), conf)
		believed := conn.Handshake() == nil
		drained(conn)
		conn.NetConn().Close()
		a := w.lastDone(t)
		assert.Equal(t, cause.KeyNotProven, a.Cause)
		assert.Equal(t, version == tls.VersionTLS13, believed, "what the device saw")
		if believed {
			assert.Equal(t, []cause.ID{cause.BelievedConnected}, a.Warnings)
		} else {
			assert.Empty(t, a.Warnings)
		}
	}
}

// TestBothChainsAreWrittenOut: what the gateway sent and why, and all that the device sent.
func TestBothChainsAreWrittenOut(t *testing.T) {
	w := newWorld(t, Settings{})
	cert := clientCertificate(t, func(c *x509.Certificate) crypto.Signer {
		c.DNSNames, c.ExtKeyUsage = []string{"pump.example"}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		return nil
	})
	for range 3 {
		cert.Certificate = append(cert.Certificate, clientCertificate(t, nil).Certificate[0])
	}
	w.connected(t, w.enrol(w.add("pump"), cert))
	a := w.last(t)
	sent := step(a, attempt.ServerChain)
	assert.Contains(t, sent.Fact("sent_1"), "CN=localhost; issuer ")
	assert.Contains(t, sent.Fact("sent_1"), "SHA-256 ")
	assert.NotEmpty(t, sent.Fact("sent_2"))
	assert.Empty(t, sent.Fact("sent_3"), "the root is not sent")
	assert.NotEmpty(t, sent.Fact("why"))
	assert.Contains(t, sent.Fact("names"), "localhost")

	got := step(a, attempt.ClientCertificate)
	assert.Equal(t, "4", got.Fact("certificates"))
	assert.Equal(t, 4, strings.Count(got.Fact("pem"), "BEGIN CERTIFICATE"))
	assert.Equal(t, "pump.example", got.Fact("names"))
	assert.Equal(t, "digitalSignature, clientAuth", got.Fact("key_usage"))
	assert.Contains(t, got.Fact("sent_4"), "CN=device")
	assert.Equal(t, []cause.ID{cause.LargeChain}, a.Warnings)

	resumes := config(nil)
	resumes.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for _, want := range []string{"understood", "resumes"} {
		conn := w.dial(t, resumes)
		c := w.withKey("lamp " + want).connect()
		_, err := offer(conn, wire.AppendConnect(nil, c, false))
		require.NoError(t, err)
		require.True(t, alive(conn))
		if got := step(w.last(t), attempt.ClientHello).Fact("session_ticket"); want == "resumes" {
			assert.Equal(t, want, got)
		}
		conn.Close()
	}
	assert.Equal(t, "yes", step(w.last(t), attempt.ClientHello).Fact("post_quantum"), "Go offers X25519MLKEM768")
}

// TestRemarksAreMadeForWhatCouldBeBetterOnly: each has its occasion, and an ordinary device has none.
func TestRemarksAreMadeForWhatCouldBeBetterOnly(t *testing.T) {
	w := newWorld(t, Settings{})
	valid := func(from, to time.Duration) *tls.Certificate {
		cert := clientCertificate(t, func(c *x509.Certificate) crypto.Signer {
			c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to)
			return nil
		})
		return &cert
	}
	const days = 24 * time.Hour
	for name, c := range map[string]struct {
		cert      *tls.Certificate
		keepalive uint16
		server    string
		want      []cause.ID
	}{
		"ordinary key":         {keepalive: 60},
		"ordinary certificate": {cert: valid(-days, 365*days), keepalive: 60},
		"dialled by address":   {server: "127.0.0.1", keepalive: 60},
		"renewed each day":     {cert: valid(-time.Hour, days), keepalive: 60},
		"expires soon":         {cert: valid(-340*days, 25*days), keepalive: 60, want: []cause.ID{cause.CertificateExpiresSoon}},
		"keepalive of seconds": {keepalive: 5, want: []cause.ID{cause.KeepaliveShort}},
		"no keepalive":         {want: []cause.ID{cause.KeepaliveOff}},
		"another name":         {server: "elsewhere.example", keepalive: 60, want: []cause.ID{cause.NameNotInCertificate}},
	} {
		t.Run(name, func(t *testing.T) {
			i := w.withKey(name)
			if c.cert != nil {
				i = w.enrol(w.add(name), *c.cert)
			}
			conf := config(&i.cert)
			if c.server != "" {
				conf.ServerName, conf.InsecureSkipVerify = c.server, true
			}
			hello := i.connect()
			hello.KeepAlive = c.keepalive
			connack, err := offer(w.dial(t, conf), wire.AppendConnect(nil, hello, false))
			require.NoError(t, err)
			require.EqualValues(t, 0, connack[3])
			a := w.last(t)
			assert.Equal(t, c.want, a.Warnings)
		})
	}
}
