package listener

import (
	"io"
	"net"
	"sync"
	"time"
)

const (
	recordHandshake = 0x16 // TLS ContentType, RFC 8446, 5.1
	recordAlert     = 0x15
	recordData      = 0x17
	firstRead       = 1024 // a ClientHello fits nearly always
	// What is shown of the bytes that are not TLS: of a known protocol enough to recognise it, and in a CONNECT the client id
	// begins only here; of any other what tells little of a secret that begins with them.
	knownShown   = 12
	unknownShown = 4
	// enough to tell protocols apart, and how long to wait for them once the first byte is not TLS.
	tellingBytes = 16
	tellingWait  = 300 * time.Millisecond
)

// longestHello bounds what is kept of a ClientHello; crypto/tls takes 64 KiB, and none that is meant well has that many.
const longestHello = 16 << 10

// wireConn is the socket below TLS. It gives back the bytes that were read to find out what the peer speaks. During the
// handshake it notes plain alerts in both directions, because crypto/tls does not say which one it sent, and not always
// which one it got.
type wireConn struct {
	net.Conn
	ahead   []byte  // read, not yet given to TLS
	pool    *[]byte // the memory of ahead
	hello   []byte  // what came until the ClientHello was understood
	keeping bool    // hello is being added to
	in, out *alertWatch
}

var firstBuffers = sync.Pool{New: func() any { b := make([]byte, firstRead); return &b }}

func (c *wireConn) Read(b []byte) (int, error) {
	if len(c.ahead) == 0 {
		n, err := c.Conn.Read(b)
		if c.in != nil {
			c.in.follow(b[:n])
		}
		if c.keeping && len(c.hello) < longestHello {
			c.hello = append(c.hello, b[:n]...)
		}
		return n, err
	}
	n := copy(b, c.ahead)
	if c.in != nil {
		c.in.follow(b[:n])
	}
	if c.ahead = c.ahead[n:]; len(c.ahead) == 0 && !c.keeping {
		c.release()
	}
	return n, nil
}

// understood says that crypto/tls could read the ClientHello.
func (c *wireConn) understood() {
	c.keeping, c.hello = false, nil
	if len(c.ahead) == 0 {
		c.release()
	}
}

func (c *wireConn) release() {
	if c.pool != nil {
		firstBuffers.Put(c.pool)
		c.pool, c.ahead, c.hello = nil, nil, nil
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
		c.hello, c.keeping = c.ahead, true
		return true, nil
	}
	if n < tellingBytes {
		_ = c.Conn.SetReadDeadline(time.Now().Add(tellingWait))
		more, _ := io.ReadAtLeast(c.Conn, buffer[n:], tellingBytes-n)
		c.ahead = buffer[:n+more]
	}
	return false, nil
}
