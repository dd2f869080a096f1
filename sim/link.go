package sim

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/sim/faults"
)

// closeGrace bounds the farewell of TLS: a peer that does not read must not hold up a disconnect.
const closeGrace = 300 * time.Millisecond

// writeTimeout ends a connection whose peer takes nothing for so long.
const writeTimeout = 10 * time.Second

// errEnded is all that the client library is told about the end of a connection: it would ignore a "closed network connection", and its
// goroutines would stay.
var errEnded = errors.New("connection ended")

// link is the connection to the server as the MQTT client gets it: every packet that passes is recorded, and what the server sends is
// checked before the client sees it. The client is given a link whose CONNECT is done: its own CONNECT goes nowhere, and is answered with
// the CONNACK that came.
type link struct {
	tls  *tls.Conn
	note func(outbound bool, packet []byte)
	// remark tells the console what did not pass.
	remark func(format string, a ...any)

	r *bufio.Reader

	faults *faults.Switches // nil: none
	pings  heldPings        // that the client is to believe were answered

	readMu sync.Mutex
	unread []byte // of the packet that is being handed to the client
	ended  func(error)

	closing atomic.Bool // Close was called: that the server closes too is no news
	leave   func()      // from who may send by the faults' switches; nil: it did not join

	writeMu sync.Mutex // held over recording and writing, so that the console has the order of the wire
	pending []byte     // what the client wrote of a packet that is not complete
	greeted bool       // the client's CONNECT was taken
}

// handOver makes the link behave as a fresh connection to the client library. ended is called with the error of reading that was not of our making.
func (l *link) handOver(connack []byte, ended func(error)) {
	l.readMu.Lock()
	defer l.readMu.Unlock()
	l.unread, l.ended = connack, ended
}

// ignoresKeepAlive tells that pings are kept back now.
func (l *link) ignoresKeepAlive() bool {
	if l.faults == nil {
		return false
	}
	_, _, ignore := l.faults.Packets.State()
	return ignore
}

// send records a packet and writes it.
func (l *link) send(packet []byte) error {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	return l.sendLocked(packet)
}

func (l *link) sendLocked(packet []byte) error {
	sent := [][]byte{packet}
	if l.faults != nil && packet[0]>>4 != typeConnect {
		var pinged bool
		if sent, pinged = l.faults.Packets.Outbound(packet); pinged {
			l.pings.hold(l.tls.NetConn())
		}
		if len(sent) == 0 {
			l.remark("%s kept back", typeName(packet[0]>>4))
		}
	}
	_ = l.tls.SetWriteDeadline(time.Now().Add(writeTimeout))
	for _, p := range sent {
		l.note(true, p)
		if _, err := l.tls.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// sendRaw records bytes and writes them, past all faults.
func (l *link) sendRaw(b []byte) error {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	l.note(true, b)
	_ = l.tls.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := l.tls.Write(b)
	return err
}

// receive reads a packet and records it.
func (l *link) receive() ([]byte, error) {
	packet, err := readPacket(l.r)
	if err == nil {
		l.note(false, packet)
	}
	return packet, err
}

// Read gives the client the server's packets, each checked.
func (l *link) Read(p []byte) (int, error) {
	l.readMu.Lock()
	defer l.readMu.Unlock()
	if len(l.unread) == 0 && l.pings.wait(l.r, l.tls.NetConn()) {
		l.unread = []byte{typePingresp << 4, 0}
	}
	if len(l.unread) == 0 {
		packet, err := l.receive()
		if err == nil {
			if err = checkInbound(packet); err != nil {
				err = &violation{err}
			}
		}
		if err != nil {
			if !l.closing.Load() {
				l.ended(err)
			}
			_ = l.Close()
			return 0, errEnded
		}
		l.unread = packet
	}
	n := copy(p, l.unread)
	l.unread = l.unread[n:]
	return n, nil
}

// Write takes the client's packets, whole or in parts.
func (l *link) Write(p []byte) (int, error) {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	l.pending = append(l.pending, p...)
	for {
		packet, rest, err := splitPacket(l.pending)
		if err != nil {
			return 0, err
		}
		if packet == nil {
			if len(l.pending) == 0 {
				l.pending = nil
			}
			return len(p), nil
		}
		if !l.greeted && packet[0]>>4 == typeConnect {
			l.greeted = true
		} else if err := l.sendLocked(packet); err != nil {
			return 0, err
		}
		l.pending = rest
	}
}

// Close says goodbye within closeGrace, then closes whatever the peer does.
func (l *link) Close() error {
	l.closing.Store(true)
	if l.leave != nil {
		l.leave()
	}
	raw := l.tls.NetConn()
	t := time.AfterFunc(closeGrace, func() { _ = raw.Close() })
	defer t.Stop()
	err := l.tls.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// LocalAddr is the device's end.
func (l *link) LocalAddr() net.Addr { return l.tls.LocalAddr() }

// RemoteAddr is the server's end.
func (l *link) RemoteAddr() net.Addr { return l.tls.RemoteAddr() }

// SetDeadline, SetReadDeadline and SetWriteDeadline do nothing: the deadlines are the link's own.
func (l *link) SetDeadline(time.Time) error      { return nil }
func (l *link) SetReadDeadline(time.Time) error  { return nil }
func (l *link) SetWriteDeadline(time.Time) error { return nil }

// violation is a packet that a server may not send.
type violation struct{ err error }

func (v *violation) Error() string { return "the server sent " + v.err.Error() }
func (v *violation) Unwrap() error { return v.err }
