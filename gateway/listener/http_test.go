package listener

import (
	"crypto/tls"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// TestHTTPInsideTLSIsNamedAndNothingOfItsHeadersKept: a browser, or MQTT over WebSocket, is no malformed CONNECT.
func TestHTTPInsideTLSIsNamedAndNothingOfItsHeadersKept(t *testing.T) {
	const secret = "a-secret-that-nobody-may-see"
	w := newWorld(t, Settings{})
	for name, c := range map[string]struct {
		send   string
		why    cause.ID
		facts  map[string]string
		answer string
	}{
		"a WebSocket of MQTT": {"GET /mqtt?token=" + secret + " HTTP/1.1\r\nHost: x\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\nAuthorization: Bearer " + secret +
			"\r\nSec-WebSocket-Protocol: mqttv3.1, mqtt\r\nCookie: s=" + secret + "\r\n\r\n",
			cause.WebSocketInTLS, map[string]string{"looks_like": "WebSocket", "subprotocol": "mqttv3.1", "method": "GET", "within": "TLS"}, "HTTP/1.0 400"},
		"a WebSocket whose token stands where the protocol does": {"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt" + secret + "\r\n\r\n",
			cause.WebSocketInTLS, map[string]string{"subprotocol": ""}, "HTTP/1.0 400"},
		"a browser": {"POST /" + secret + " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + secret + "\r\n\r\n",
			cause.HTTPInTLS, map[string]string{"looks_like": "HTTP", "method": "POST"}, "HTTP/1.0 400"},
		"a request without an end":   {"PUT /" + secret + strings.Repeat("x", 4000), cause.HTTPInTLS, nil, "HTTP/1.0 400"},
		"what only begins like HTTP": {"Good morning, " + secret, cause.MalformedConnect, nil, ""},
		"a packet that is no method": {"\x82\x03\x00\x01\x00", cause.MalformedConnect, nil, ""},
	} {
		conn := w.dial(t, config(nil))
		_, err := io.WriteString(conn, c.send)
		require.NoError(t, err, name)
		got, _ := io.ReadAll(conn)
		assert.True(t, strings.HasPrefix(string(got), c.answer) && (c.answer != "") == (len(got) > 0), "%s: %q", name, got)
		conn.Close()
		a := w.lastDone(t)
		assert.Equal(t, c.why, a.Cause, name)
		assert.Equal(t, attempt.NoAnswer, a.Code, name)
		assert.False(t, holdsSecret(t, a, secret), name)
		for fact, want := range c.facts {
			assert.Equal(t, want, step(a, attempt.FirstBytes).Fact(fact), "%s: %s", name, fact)
		}
	}
}

// TestHTTPInsideTLSIsToldEvenInPieces, as a slow client sends it, and one that stops after a letter is let go.
func TestHTTPInsideTLSIsToldEvenInPieces(t *testing.T) {
	w := newWorld(t, Settings{})
	conn := w.dial(t, config(nil))
	for _, piece := range []string{"G", "ET /mqtt HTTP/1.1\r\nUpgr", "ade: websocket\r\n\r\n"} {
		_, err := io.WriteString(conn, piece)
		require.NoError(t, err)
	}
	_, _ = io.ReadAll(conn)
	conn.Close()
	assert.Equal(t, cause.WebSocketInTLS, w.lastDone(t).Cause)

	conn = tls.Client(w.dialRaw(t), config(nil))
	began := time.Now()
	_, err := io.WriteString(conn, "G")
	require.NoError(t, err)
	_, _ = io.ReadAll(conn)
	conn.Close()
	assert.Equal(t, cause.MalformedConnect, w.lastDone(t).Cause)
	assert.Less(t, time.Since(began), 5*time.Second)
}

// TestOfFirstBytesNothingIsKeptThatMayBeASecret: what is no known protocol may be a password from its first byte.
func TestOfFirstBytesNothingIsKeptThatMayBeASecret(t *testing.T) {
	w := newWorld(t, Settings{})
	for send, want := range map[string]string{
		"hunter2-and-more-of-the-secret":                   "hunt",
		"\x01\x02\x03\x04\x05\x06\x07\x08":                 "\x01\x02\x03\x04",
		"\x10hunter2":                                      "\x10hun",
		"SSH-2.0-hunter2\r\n":                              "SSH-2.0-",
		"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04hunt": "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c",
		"GET /hunter2 HTTP/1.1\r\n\r\n":                    "GET ",
	} {
		conn := w.dialRaw(t)
		_, err := io.WriteString(conn, send)
		require.NoError(t, err)
		_, _ = io.ReadAll(conn)
		conn.Close()
		assert.Equal(t, hex.EncodeToString([]byte(want)), step(w.lastDone(t), attempt.FirstBytes).Fact("hex"), "%q", send)
	}
}
