package check

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/check/files"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
)

// speaks is what a server speaks instead of what was expected.
type speaks string

const (
	plainMQTT speaks = "mqtt"
	http      speaks = "http"
	webSocket speaks = "websocket"
	overTLS   speaks = "tls"
	ssh       speaks = "ssh"
	greeting  speaks = "greeting" // of mail, FTP and the like
	mqtt5     speaks = "mqtt5"
)

// recognise tells by the first bytes what speaks there.
func recognise(first []byte) (speaks, bool) {
	switch {
	case bytes.HasPrefix(first, []byte("HTTP/")), bytes.HasPrefix(first, []byte("<!DOCTYPE")), bytes.HasPrefix(first, []byte("<html")):
		return http, true
	case bytes.HasPrefix(first, []byte("SSH-")):
		return ssh, true
	case bytes.HasPrefix(first, []byte("220")), bytes.HasPrefix(first, []byte("+OK")), bytes.HasPrefix(first, []byte("* OK")):
		return greeting, true
	case len(first) >= 2 && first[0] == wire.CONNACK<<4 && first[1] == 2:
		return plainMQTT, true
	case len(first) >= 3 && (first[0] == 21 || first[0] == 22) && first[1] == 3 && first[2] <= 4:
		return overTLS, true
	}
	return "", false
}

// spoken is the step that names what speaks there.
func (r *run) spoken(kind speaks) Step {
	step := Step{ID: StepPeer, State: attempt.Bad, Facts: facts("speaks", string(kind))}
	here := net.JoinHostPort(r.target.host, strconv.Itoa(r.target.port))
	switch kind {
	case plainMQTT:
		step.Title, step.Detail = "MQTT without TLS is spoken there", "The server took an MQTT packet that was not encrypted."
		step.Advice = "Use the server’s port for MQTT over TLS, often 8883, or have it speak TLS. With mqtt://" + here + " this check goes on without TLS."
	case http:
		step.Title, step.Detail = "HTTP is spoken there", "This is the port of a web server."
		step.Advice = "Use the server’s port for MQTT over TLS, often 8883."
	case webSocket:
		step.Title, step.Detail = "MQTT over WebSocket is spoken there", "The server takes MQTT inside of WebSocket, as browsers need it, and not alone."
		step.Advice = "Devices use the server’s port for MQTT over TLS, often 8883."
	case overTLS:
		step.Title, step.Detail = "TLS is spoken there", "The server wants an encrypted connection."
		step.Advice = "Check it as mqtts://" + here + "."
	case ssh:
		step.Title, step.Detail, step.Advice = "SSH is spoken there", "This is the port of an SSH server.", "Use the server’s port for MQTT over TLS, often 8883."
	case greeting:
		step.Title, step.Detail, step.Advice = "Something else is spoken there", "The server greets as a mail or FTP server does.", "Use the server’s port for MQTT over TLS, often 8883."
	case mqtt5:
		step.Title, step.Detail, step.Advice = "MQTT 5 is spoken there", "The server answered as MQTT 5 has it, to a device of MQTT 3.1.1.", "Use a client of MQTT 5, or have the server speak 3.1.1."
	}
	return step
}

// exchange writes to a fresh connection and returns the first that comes back, within a short time.
func exchange(conn io.ReadWriter, text []byte) []byte {
	if _, err := conn.Write(text); err != nil {
		return nil
	}
	answer := make([]byte, maxHeard)
	n, _ := io.ReadAtLeast(conn, answer, 4) // what came before it failed is what counts
	return answer[:n]
}

// probePlain asks a port without TLS what it speaks: with a CONNECT that has no credential and leaves nothing behind, then
// with a request for WebSocket.
func (r *run) probePlain() (speaks, bool) {
	for _, words := range [][]byte{wire.AppendConnect(nil, wire.Connect{Clean: true}, false), upgrade(r.target)} {
		conn, err := r.peer()
		if err != nil {
			return "", false
		}
		answer := exchange(conn, words)
		_ = conn.Close()
		if kind, told := recogniseHTTP(answer); told && kind != overTLS {
			return kind, true
		}
	}
	return "", false
}

// probeTLS asks whether a port that was expected to speak without TLS speaks with it.
func (r *run) probeTLS() bool {
	conn, err := r.peer()
	if err != nil {
		return false
	}
	defer conn.Close()
	s, err := r.shakeBare(conn)
	kind, told := recognise(s.heard.bytes())
	return err == nil || told && kind == overTLS
}

// probeWebSocket asks over a connection that is secured, if the check's is, whether it is for WebSocket.
func (r *run) probeWebSocket() (speaks, bool) {
	conn, err := r.peer()
	if err != nil {
		return "", false
	}
	defer conn.Close()
	if r.target.plain {
		return recogniseHTTP(exchange(conn, upgrade(r.target)))
	}
	s, err := r.shakeBare(conn)
	if err != nil {
		return "", false
	}
	return recogniseHTTP(exchange(s.conn, upgrade(r.target)))
}

// shakeBare makes a handshake without a client certificate.
func (r *run) shakeBare(conn net.Conn) (*secured, error) {
	return r.shake(conn, false, files.Identity{})
}

// saysMQTT is in the answer of this gateway to a request of HTTP: it is for a person who took the port for that of a web server.
const saysMQTT = "This port speaks MQTT over TLS, not HTTP."

// recogniseHTTP tells a server of WebSocket by its consent to it.
func recogniseHTTP(answer []byte) (speaks, bool) {
	kind, told := recognise(answer)
	if told && kind == http && bytes.Contains(answer, []byte(saysMQTT)) {
		return "", false // it speaks HTTP only to say so
	}
	if told && kind == http {
		if status, _, _ := strings.Cut(string(answer), "\r\n"); strings.Contains(status, " 101") {
			return webSocket, true
		}
	}
	return kind, told
}

// upgrade is a request for MQTT over WebSocket (RFC 6455, 4.1; MQTT 3.1.1, 6).
func upgrade(t target) []byte {
	return fmt.Appendf(nil, "GET /mqtt HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: Z2F0ZWhvdXNlLWNoZWNrIQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
		net.JoinHostPort(t.host, strconv.Itoa(t.port)))
}

// within sets the time that is left for a step on a connection.
func (r *run) within(conn net.Conn, bound time.Duration) {
	until := time.Now().Add(bound)
	if whole, has := r.ctx.Deadline(); has && whole.Before(until) {
		until = whole
	}
	_ = conn.SetDeadline(until)
}
