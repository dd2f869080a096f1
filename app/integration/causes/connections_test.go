package causes

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/listener"
)

// says sends bytes without TLS and waits for the end.
func (w *world) says(text string) attempt.Attempt {
	w.Helper()
	c := w.tcp()
	w.send(c, []byte(text))
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
	return w.done(c)
}

// inTheClear sends an alert without encryption in place of the client's second flight, as some stacks do under TLS 1.3.
type inTheClear struct {
	net.Conn
	alert  byte
	writes int
}

func (c *inTheClear) Write(b []byte) (int, error) {
	switch c.writes++; c.writes {
	case 1:
		return c.Conn.Write(b)
	case 2:
		_, err := c.Conn.Write([]byte{21, 3, 3, 0, 2, 2, c.alert})
		return len(b), err
	}
	return len(b), nil
}

// alerts has a client that answers the server's certificate with an alert.
func (w *world) alerts(alert byte) attempt.Attempt {
	w.Helper()
	conn := w.tcp()
	config := w.config()
	config.MinVersion = tls.VersionTLS13
	_ = tls.Client(&inTheClear{Conn: conn, alert: alert}, config).Handshake()
	_ = conn.Close()
	return w.done(conn)
}

// replaced is a certificate with some bytes of its key replaced by as many others.
func (w *world) replaced(old, other []byte) tls.Certificate {
	w.Helper()
	pair := w.identity("x", false)
	der := bytes.Replace(pair.Certificate[0], old, other, 1)
	if bytes.Equal(der, pair.Certificate[0]) {
		w.Fatal("nothing to replace")
	}
	pair.Certificate = [][]byte{der}
	pair.Leaf = nil
	return pair
}

// ssl3Hello is a ClientHello that offers SSL 3.0 with one suite.
func ssl3Hello() string {
	body := "\x03\x00" + strings.Repeat("r", 32) + "\x00" + "\x00\x02\x00\x0a" + "\x01\x00"
	return "\x16\x03\x00\x00" + string(rune(len(body)+4)) + "\x01\x00\x00" + string(rune(len(body))) + body
}

// connections are the ends without a CONNACK.
var connections = []row{
	{cause: cause.Plaintext, how: "A CONNECT without TLS", short: "Speaks MQTT without TLS", fix: "Copy the TLS address", provoke: func(w *world) seen {
		return w.refusal(w.says(string(bytesOf(w.connect()))), cause.Plaintext)
	}},
	{cause: cause.PlaintextHTTP, how: "“GET / HTTP/1.1”", short: "Speaks HTTP, not MQTT", provoke: func(w *world) seen {
		return w.refusal(w.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), cause.PlaintextHTTP)
	}},
	{cause: cause.PlainWebSocket, how: "An HTTP request to speak WebSocket", short: "Speaks WebSocket, not MQTT", fix: "Copy the TLS address", provoke: func(w *world) seen {
		return w.refusal(w.says("GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"), cause.PlainWebSocket)
	}},
	{cause: cause.WebSocketInTLS, how: "wss:// to the port of mqtts://: an HTTP request inside TLS", short: "Speaks MQTT over WebSocket", fix: "Copy the TLS address", provoke: func(w *world) seen {
		return w.refusal(w.refused(-1, []byte("GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")), cause.WebSocketInTLS)
	}},
	{cause: cause.HTTPInTLS, how: "https:// to the port of mqtts://", short: "Speaks HTTPS, not MQTT", provoke: func(w *world) seen {
		conn := w.tls(w.config())
		dialled := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialTLSContext: dialled}}
		answer, err := client.Get("https://localhost/")
		w.must(err)
		_ = answer.Body.Close()
		return w.refusal(w.done(conn.NetConn()), cause.HTTPInTLS)
	}},
	{cause: cause.SpeaksSSH, how: "The greeting of an SSH client", short: "Speaks SSH, not MQTT", provoke: func(w *world) seen {
		return w.refusal(w.says("SSH-2.0-OpenSSH_9.6\r\n"), cause.SpeaksSSH)
	}},
	{cause: cause.ProxyHeader, how: "“PROXY TCP4 …” before anything else", short: "Starts with a proxy’s header", provoke: func(w *world) seen {
		return w.refusal(w.says("PROXY TCP4 192.0.2.1 192.0.2.2 56324 8883\r\n"), cause.ProxyHeader)
	}},
	{cause: cause.SSL2, how: "A ClientHello of SSL 2.0", short: "Speaks SSL 2.0", fix: "Copy the mosquitto option", provoke: func(w *world) seen {
		return w.refusal(w.says("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x03\x00"), cause.SSL2)
	}},
	{cause: cause.SSL3, how: "A ClientHello that offers SSL 3.0 alone", short: "Speaks SSL 3.0", fix: "Copy the mosquitto option", provoke: func(w *world) seen {
		return w.refusal(w.says(ssl3Hello()), cause.SSL3)
	}},
	{cause: cause.ClosedInHandshake, how: "The client leaves without an alert once it has the gateway’s certificate", short: "Left after the gateway’s certificate", fix: "Save root.pem", provoke: func(w *world) seen {
		conn := w.tcp()
		config := w.config()
		config.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return conn.Close() }
		_ = tls.Client(conn, config).Handshake()
		return w.refusal(w.done(conn), cause.ClosedInHandshake)
	}},
	{cause: cause.ServerCertificateEarly, how: "The client answers with bad_certificate in the clear under TLS 1.3, as OpenSSL does", short: "Takes the certificate for not valid yet", provoke: func(w *world) seen {
		return w.refusal(w.alerts(42), cause.ServerCertificateEarly)
	}},
	{cause: cause.ServerCertificateExpired, how: "The client answers with the alert certificate_expired", short: "Says the certificate has expired", provoke: func(w *world) seen {
		return w.refusal(w.alerts(45), cause.ServerCertificateExpired)
	}},
	{cause: cause.ServerCertificateRefused, how: "The client answers with the alert unsupported_certificate", short: "Cannot use the gateway’s certificate", provoke: func(w *world) seen {
		return w.refusal(w.alerts(43), cause.ServerCertificateRefused)
	}},
	{cause: cause.HandshakeRefused, how: "The client answers with the alert handshake_failure", short: "Device broke the handshake off", provoke: func(w *world) seen {
		return w.refusal(w.alerts(40), cause.HandshakeRefused)
	}},
	{cause: cause.NotTLS, how: "Bytes that are neither TLS nor MQTT", short: "Not TLS", provoke: func(w *world) seen {
		return w.refusal(w.says("\xde\xad\xbe\xef and more of it, at length"), cause.NotTLS)
	}},
	{cause: cause.NothingSent, how: "A connection that is closed at once", short: "Nothing was sent", provoke: func(w *world) seen {
		c := w.tcp()
		_ = c.Close()
		return w.refusal(w.done(c), cause.NothingSent)
	}},
	{cause: cause.HandshakeFailed, how: "The client answers with the alert internal_error", short: "Handshake failed", provoke: func(w *world) seen {
		return w.refusal(w.alerts(80), cause.HandshakeFailed)
	}},
	{cause: cause.HandshakeTimeout, how: "Half a ClientHello, and then nothing for 10 seconds", short: "Handshake took too long", provoke: func(w *world) seen {
		return w.refusal(w.says("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), cause.HandshakeTimeout)
	}},
	{cause: cause.UntrustedRoot, how: "A client without root.pem", short: "Does not trust this gateway’s root", fix: "Save root.pem", provoke: func(w *world) seen {
		config := w.config()
		config.RootCAs = x509.NewCertPool()
		return w.refusal(w.shake(config), cause.UntrustedRoot)
	}},
	{cause: cause.UntrustedRoot, how: "The client answers with the alert unknown_ca", short: "Does not trust this gateway’s root", fix: "Save root.pem", provoke: func(w *world) seen {
		return w.refusal(w.alerts(48), cause.UntrustedRoot)
	}},
	{cause: cause.WrongServerName, how: "The client expects gateway.example", short: "Server name does not match", fix: "Add gateway.example to the certificate", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		config := w.config()
		config.ServerName = "gateway.example"
		a := w.shake(config)
		s := w.refusal(a, cause.WrongServerName)
		fix, _ := w.source().For(a)
		done, err := fix.Do(w.Context())
		w.must(err)
		conn := w.sessionBy(w.connect(), config)
		_ = conn.Close()
		w.must(done.Undo(w.Context()))
		w.refusal(w.shake(config), cause.WrongServerName)
		return s
	}},
	{cause: cause.WrongServerName, how: "A client that dials an address of the machine, which the certificate lacks, and checks names", short: "Server name does not match", fix: "Add 192.0.2.7 to the certificate", provoke: func(w *world) seen {
		w.apartAt("192.0.2.7", broker.Settings{}, func(*listener.Params) {})
		config := w.config()
		config.ServerName = "192.0.2.7"
		return w.refusal(w.shake(config), cause.WrongServerName)
	}},
	{cause: cause.UntrustedRoot, how: "A client that trusts root.pem and dials another address than the one that it reaches, as through a router", short: "Does not trust this gateway’s root", fix: "Save root.pem", provoke: func(w *world) seen {
		config := w.config()
		config.ServerName = "192.0.2.9"
		return w.refusal(w.shake(config), cause.UntrustedRoot)
	}},
	{cause: cause.TLSVersion, how: "A client that offers TLS 1.0 and 1.1", short: "TLS version too old", fix: "Copy the mosquitto option", provoke: func(w *world) seen {
		return w.refusal(w.shake(tls10(w.config())), cause.TLSVersion)
	}},
	{cause: cause.NoSharedSuite, how: "TLS 1.2 with ECDHE-RSA-AES256-SHA alone", short: "No cipher suite in common", provoke: func(w *world) seen {
		config := w.config()
		config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}
		return w.refusal(w.shake(config), cause.NoSharedSuite)
	}},
	{cause: cause.CertificateMalformed, how: "A client certificate with bytes missing", short: "Certificate cannot be read", fix: "Copy a command that makes one", provoke: func(w *world) seen {
		pair := w.identity("x", false)
		pair.Certificate, pair.Leaf = [][]byte{append([]byte{0x30, 0x82}, pair.Certificate[0][10:]...)}, nil
		return w.refusal(w.shake(w.presenting(pair)), cause.CertificateMalformed)
	}},
	{cause: cause.CertificateUnsupported, how: "A client certificate whose key is on curve secp256k1", short: "Certificate has an unusable key", fix: "Copy a command that makes one", provoke: func(w *world) seen {
		p256, secp256k1 := []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, []byte{0x06, 0x08, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x00, 0x00, 0x00}
		return w.refusal(w.shake(w.presenting(w.replaced(p256, secp256k1))), cause.CertificateUnsupported)
	}},
	{cause: cause.KeyNotProven, how: "A client certificate with the private key of another", short: "Private key does not fit", fix: "Copy a command that makes one", provoke: func(w *world) seen {
		pair := w.identity("x", false)
		pair.PrivateKey = w.identity("y", false).PrivateKey
		return w.refusal(w.shake(w.presenting(pair)), cause.KeyNotProven)
	}},
	{cause: cause.TooManyHandshakes, how: "Two connections that say nothing, where one is allowed", short: "Too many unfinished handshakes", settings: &gateway.Settings{Limits: gateway.Limits{Unfinished: 1}}, provoke: func(w *world) seen {
		first := w.tcp()
		w.at(first, func(attempt.Attempt) bool { return true })
		w.tcp()
		return w.refusal(w.done(first), cause.TooManyHandshakes)
	}},
	{cause: cause.ConnectTimeout, how: "TLS, and then nothing for 10 seconds", short: "No CONNECT in time", provoke: func(w *world) seen {
		return w.refusal(w.ended(w.tls(w.config())), cause.ConnectTimeout)
	}},
	{cause: cause.ClosedBeforeConnect, how: "TLS, and then the client leaves", short: "Closed before CONNECT", fix: "Save root.pem", provoke: func(w *world) seen {
		c := w.tls(w.config())
		_ = c.Close()
		return w.refusal(w.done(c.NetConn()), cause.ClosedBeforeConnect)
	}},
	{cause: cause.MalformedConnect, how: "A CONNECT whose reserved flag is set", short: "CONNECT is malformed", provoke: func(w *world) seen {
		packet := bytesOf(w.connect())
		packet[9] |= 1 // the flags follow type, length, name and level
		return w.refusal(w.refused(-1, packet), cause.MalformedConnect)
	}},
}
