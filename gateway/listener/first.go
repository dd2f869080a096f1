package listener

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

const (
	recordHandshake = 0x16 // TLS ContentType, RFC 8446, 5.1
	recordAlert     = 0x15
	firstRead       = 1024 // a ClientHello fits nearly always
	// shownBytes of what is not TLS: enough to recognise it, and in a CONNECT the client id begins only here.
	shownBytes = 12
	// enough to tell protocols apart, and how long to wait for them once the first byte is not TLS.
	tellingBytes = 16
	tellingWait  = 300 * time.Millisecond
)

// wireConn is the socket below TLS. It gives back the bytes that were read to find out what the peer speaks. During the
// handshake it notes plain alerts in both directions, because crypto/tls does not say which one it sent, and not always
// which one it got.
type wireConn struct {
	net.Conn
	ahead   []byte  // read, not yet given to TLS
	pool    *[]byte // the memory of ahead
	in, out *alertWatch
}

var firstBuffers = sync.Pool{New: func() any { b := make([]byte, firstRead); return &b }}

func (c *wireConn) Read(b []byte) (int, error) {
	if len(c.ahead) == 0 {
		n, err := c.Conn.Read(b)
		if c.in != nil {
			c.in.follow(b[:n])
		}
		return n, err
	}
	n := copy(b, c.ahead)
	if c.in != nil {
		c.in.follow(b[:n])
	}
	if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
		c.release()
	}
	return n, nil
}

func (c *wireConn) release() {
	if c.pool != nil {
		firstBuffers.Put(c.pool)
		c.pool, c.ahead = nil, nil
	}
}

func (c *wireConn) Write(b []byte) (int, error) {
	if c.out != nil {
		c.out.follow(b)
	}
	return c.Conn.Write(b)
}

// CloseWrite ends our direction; the peer still gets all that was written.
func (c *wireConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// peek waits for the first bytes and keeps them ahead. It reports whether they begin a TLS handshake.
func (c *wireConn) peek() (isTLS bool, err error) {
	c.pool = firstBuffers.Get().(*[]byte)
	buffer := *c.pool
	n, err := c.Conn.Read(buffer)
	for n == 0 && err == nil {
		n, err = c.Conn.Read(buffer)
	}
	if n == 0 {
		c.release()
		return false, err
	}
	c.ahead = buffer[:n]
	if buffer[0] == recordHandshake {
		return true, nil
	}
	if n < tellingBytes {
		_ = c.Conn.SetReadDeadline(time.Now().Add(tellingWait))
		more, _ := io.ReadAtLeast(c.Conn, buffer[n:], tellingBytes-n)
		c.ahead = buffer[:n+more]
	}
	return false, nil
}

// What first bytes look like, beside TLS.
const (
	looksMQTT    = "MQTT without TLS"
	looksHTTP    = "HTTP"
	looksSSL2    = "SSL 2.0"
	looksUnknown = "unknown"
)

var httpMethods = [][]byte{
	[]byte("GET "), []byte("POST "), []byte("PUT "), []byte("HEAD "), []byte("DELETE "), []byte("OPTIONS "), []byte("PATCH "),
	[]byte("CONNECT "), []byte("TRACE "), []byte("PRI * HTTP/2"),
}

// classify names what is not TLS.
func classify(b []byte) (looks string, code attempt.Code, why cause.ID) {
	for _, method := range httpMethods {
		if bytes.HasPrefix(b, method) {
			return looksHTTP, attempt.TCP, cause.PlaintextHTTP
		}
	}
	head := b[:min(len(b), tellingBytes)]
	switch {
	case b[0]>>4 == 1 && (bytes.Contains(head, []byte("MQTT")) || bytes.Contains(head, []byte("MQIsdp"))), b[0] == 0x10 && len(b) < tellingBytes:
		return looksMQTT, attempt.TCP, cause.Plaintext
	case len(b) > 2 && b[0]&0x80 != 0 && b[2] == 1: // a ClientHello of RFC 6101, appendix E
		return looksSSL2, attempt.TLS, cause.TLSVersion
	}
	return looksUnknown, attempt.TCP, cause.NotTLS
}

// httpAnswer is for the browser or script that took the port for a web server; no device speaks HTTP.
const httpAnswer = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"This port speaks MQTT over TLS, not HTTP.\n"

// refusePlain records what was sent instead of TLS. A plaintext peer gets no MQTT service.
func (a *arrival) refusePlain() {
	sent := a.conn.ahead
	looks, code, why := classify(sent)
	shown := hex.EncodeToString(sent[:min(len(sent), shownBytes)])
	a.rec.Step(attempt.FirstBytes, attempt.Bad, attempt.F("looks_like", looks), attempt.F("hex", shown))
	if why == cause.PlaintextHTTP {
		_ = a.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
		_, _ = io.WriteString(a.conn.Conn, httpAnswer)
	}
	a.conn.release()
	a.rec.Decide(code, why)
	a.lingerAndClose()
	a.rec.End(why, byGateway, nil)
}

// refuseSilent records a peer that sent nothing at all.
func (a *arrival) refuseSilent(err error) {
	by := byGateway
	if errors.Is(err, io.EOF) {
		by, err = byDevice, nil
	}
	a.rec.Decide(attempt.TCP, cause.NothingSent)
	a.close()
	a.rec.End(cause.NothingSent, by, err)
}
