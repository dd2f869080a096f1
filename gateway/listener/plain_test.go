package listener

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// TestFirstBytesAreNamedAndTold: what is not TLS has a cause of its own, and what can be told of it.
func TestFirstBytesAreNamedAndTold(t *testing.T) {
	const secret = "a-secret-that-nobody-may-see"
	key := identity{credential: "KY0123456789abcdef0123456789abcdef", secret: secret}
	for name, c := range map[string]struct {
		send  string
		why   cause.ID
		facts map[string]string
	}{
		"MQTT": {string(wire.AppendConnect(nil, key.connect(), false)), cause.Plaintext, map[string]string{
			"protocol": "MQTT", "level": "4", "client_id": "test", "user": key.credential, "password": "present", "clean": "yes",
		}},
		"the secret as client id": {string(wire.AppendConnect(nil, wire.Connect{ClientID: secret, HasUser: true, User: secret, HasPassword: true, Password: []byte(secret)}, false)),
			cause.Plaintext, map[string]string{"user": "present", "password": "present"}},
		"MQTT 5":        {string(wire.AppendConnect(nil, wire.Connect{ProtocolName: "MQTT", Level: 5, ClientID: secret}, false)), cause.Plaintext, map[string]string{"level": "5", "client_id": ""}},
		"MQTT, in part": {string(wire.AppendConnect(nil, key.connect(), false)[:40]), cause.Plaintext, map[string]string{"protocol": "MQTT", "client_id": ""}},
		"SSH":           {"SSH-2.0-OpenSSH_9.2\r\n", cause.SpeaksSSH, map[string]string{"looks_like": "SSH"}},
		"PROXY 1":       {"PROXY TCP4 192.0.2.1 192.0.2.2 5 8883\r\n", cause.ProxyHeader, nil},
		"PROXY 2":       {"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", cause.ProxyHeader, nil},
		"WebSocket": {"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
			cause.PlainWebSocket, map[string]string{"subprotocol": "mqtt"}},
		"SSL 2.0": {"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x03\x00", cause.SSL2, map[string]string{"versions": "SSL 2.0", "suites": "7"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Settings{})
			conn := w.dialRaw(t)
			_, err := io.WriteString(conn, c.send)
			require.NoError(t, err)
			_, _ = io.ReadAll(conn)
			conn.Close()
			a := w.lastDone(t)
			assert.Equal(t, c.why, a.Cause)
			assert.False(t, holdsSecret(t, a, secret))
			for fact, want := range c.facts {
				assert.Equal(t, want, step(a, attempt.FirstBytes).Fact(fact), fact)
			}
		})
	}
}

// TestNothingSentTellsAPortCheckFromAReset.
func TestNothingSentTellsAPortCheckFromAReset(t *testing.T) {
	w := newWorld(t, Settings{})
	for how, leave := range map[string]func(*net.TCPConn){
		"closed": func(c *net.TCPConn) {},
		"reset":  func(c *net.TCPConn) { _ = c.SetLinger(0) },
	} {
		conn := w.dialRaw(t).(*net.TCPConn)
		leave(conn)
		conn.Close()
		a := w.lastDone(t)
		assert.Equal(t, cause.NothingSent, a.Cause)
		assert.Equal(t, how, step(a, attempt.Ended).Fact("how"))
	}
}
