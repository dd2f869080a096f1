package listener

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// httpAnswer is for the browser or script that took the port for a web server; no device speaks HTTP.
const httpAnswer = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"This port speaks MQTT over TLS, not HTTP.\n"

var httpMethods = [][]byte{
	[]byte("GET "), []byte("POST "), []byte("PUT "), []byte("HEAD "), []byte("DELETE "), []byte("OPTIONS "), []byte("PATCH "),
	[]byte("CONNECT "), []byte("TRACE "), []byte("PRI * HTTP/2"),
}

// subprotocols are those of MQTT over WebSocket (MQTT 3.1.1, section 6).
var subprotocols = []string{"mqtt", "mqttv3.1"}

// httpFacts are what is kept of an HTTP request: nothing of its path and headers, which are full of tokens, cookies and
// passwords, but the method, and that the WebSocket is to carry MQTT.
func httpFacts(request []byte, looks string) []attempt.Fact {
	method, _, _ := bytes.Cut(request, []byte(" "))
	facts := []attempt.Fact{attempt.F("method", string(method))}
	if looks != looksWebSocket {
		return facts
	}
	offered := header(request, "sec-websocket-protocol")
	for one := range strings.SplitSeq(offered, ",") {
		if one = strings.TrimSpace(one); slices.Contains(subprotocols, one) {
			return append(facts, attempt.F("subprotocol", one))
		}
	}
	return facts
}

// refuseHTTP answers a request that came inside TLS, where CONNECT was expected, and records what it was: such a client is told
// more than that its packet is malformed. It reports false for all else, and has then read a few bytes at most.
func (a *arrival) refuseHTTP(first []byte, err error) bool {
	var wrong *wire.MalformedError
	if !errors.As(err, &wrong) || len(first) != 1 || !mayBeMethod(first[0]) {
		return false
	}
	request := make([]byte, firstRead)
	defer clear(request)
	n := copy(request, first)
	_ = a.conn.SetReadDeadline(time.Now().Add(tellingWait))
	for n < len(request) && !bytes.Contains(request[:n], []byte("\r\n\r\n")) {
		k, err := a.tls.Read(request[n:])
		if n += k; err != nil || n >= tellingBytes && !beginsWith(request[:n], httpMethods) {
			break
		}
	}
	if !beginsWith(request[:n], httpMethods) {
		return false
	}
	looks, _, _ := classify(request[:n])
	why := cause.HTTPInTLS
	if looks == looksWebSocket {
		why = cause.WebSocketInTLS
	}
	a.rec.Step(attempt.FirstBytes, attempt.Bad, append([]attempt.Fact{attempt.F("within", "TLS"), attempt.F("looks_like", looks)}, httpFacts(request[:n], looks)...)...)
	_ = a.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
	_, _ = io.WriteString(a.tls, httpAnswer)
	a.rec.Decide(attempt.NoAnswer, why)
	a.lingerAndClose()
	a.rec.End(why, byGateway, nil)
	return true
}

// mayBeMethod reports whether a method of HTTP begins with b, which no packet does that MQTT lets come first.
func mayBeMethod(b byte) bool {
	for _, method := range httpMethods {
		if method[0] == b {
			return true
		}
	}
	return false
}
