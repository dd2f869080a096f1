package listener

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/pki"
)

const (
	answerTimeout = 5 * time.Second // for writing a CONNACK that refuses
	lingerTime    = time.Second     // for the peer to take it and close
	lingerBytes   = 256 << 10       // thrown away meanwhile
	mostLingering = 1000            // at once; beyond it a connection is closed without waiting
)

// arrival is a connection from accept to its verdict. It is used by one goroutine, and forgotten once the broker has the
// connection.
type arrival struct {
	l     *Listener
	shift *shift
	guest *guest
	conn  *wireConn
	rec   *attempt.Recorder

	tls        *tls.Conn
	greeted    bool                 // a ClientHello came
	offer      *tls.ClientHelloInfo // what it offers; nil before
	answer     pki.Answer           // to it
	noAnswer   error                // why it could not be answered
	serverName string
	version    string
	suite      string

	certificates []*x509.Certificate // presented, the device's own first; empty: none
	thumbprint   string              // that of the device's own, once the key is proven

	inputs *attempt.Inputs // what the verdict rests on; nil before it

	handed bool // the connection belongs to the broker's goroutine now
}

// arrive takes a fresh connection; it does not block.
func (l *Listener) arrive(s *shift, conn net.Conn) {
	if l.other != nil && l.other.Wrap != nil {
		conn = l.other.Wrap(conn)
	}
	g, ok := l.lobby.enter(conn, s)
	if !ok {
		rec := l.begin(conn)
		rec.Decide(attempt.TLS, cause.TooManyHandshakes)
		_ = conn.Close()
		rec.End(cause.TooManyHandshakes, byGateway, nil)
		s.work.Done()
		return
	}
	go l.receive(s, g, conn)
}

// begin begins the record of a connection.
func (l *Listener) begin(conn net.Conn) *attempt.Recorder {
	rec := l.log.Begin(conn.RemoteAddr().String(), conn.LocalAddr().String())
	if l.other != nil {
		rec.Identify(func(at *attempt.Attempt) { at.Server = l.other.Server })
	}
	return rec
}

// receive is the way of a connection up to its verdict. A panic ends this connection only.
func (l *Listener) receive(s *shift, g *guest, conn net.Conn) {
	a := &arrival{l: l, shift: s, guest: g, conn: &wireConn{Conn: conn}}
	defer func() {
		if r := recover(); r != nil {
			l.logger.Error("connection ended by a panic", "remote", conn.RemoteAddr(), "panic", r, "stack", string(debug.Stack()))
			if a.rec != nil {
				a.rec.End(cause.InternalError, byGateway, fmt.Errorf("panic: %v", r))
			}
		}
		l.lobby.leave(g)
		if l.other != nil && a.rec != nil {
			l.other.Ended(a.rec.ID())
		}
		if !a.handed {
			_ = conn.Close()
			s.work.Done()
		}
	}()
	a.rec = l.begin(conn)
	_ = conn.SetDeadline(time.Now().Add(l.settings.Deadline)) // for handshake and CONNECT, never extended
	select {
	case <-s.closing: // it may have come in too late for the sweep
		a.end(attempt.TLS, cause.GatewayStopped, byGateway, nil)
		return
	default:
	}
	isTLS, err := a.conn.peek()
	switch {
	case err != nil && l.lobby.wasCut(g):
		a.end(attempt.TLS, a.whyCut(), byGateway, nil)
	case err != nil:
		a.refuseSilent(err)
	case !isTLS:
		a.refusePlain()
	case a.handshake():
		a.connect()
	}
}

// whyCut tells why the gateway closed the socket of a guest.
func (a *arrival) whyCut() cause.ID {
	select {
	case <-a.shift.closing:
		return cause.GatewayStopped
	default:
		return cause.TooManyHandshakes
	}
}

// end closes without an answer.
func (a *arrival) end(code attempt.Code, why cause.ID, by string, err error, facts ...attempt.Fact) {
	a.rec.Decide(code, why)
	a.close()
	a.rec.End(why, by, err, facts...)
}

func (a *arrival) close() {
	a.conn.release()
	_ = a.conn.Close()
}

// lingerAndClose makes sure that what was written arrives. Closing a socket with unread bytes makes TCP reset it, and
// the reset overtakes the answer; so our direction ends first, and the peer has a moment to read and close.
func (a *arrival) lingerAndClose() {
	defer a.close()
	if !a.l.lobby.linger(a.guest, mostLingering) {
		return
	}
	if a.tls != nil {
		_ = a.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
		_ = a.tls.CloseWrite() // close_notify; an error only if there is no session to close
	}
	if a.conn.CloseWrite() != nil {
		return
	}
	_ = a.conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, a.conn.Conn, lingerBytes)
}
