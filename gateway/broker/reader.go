package broker

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"gatehouse/gateway/wire"
)

const (
	coldBuffer = 256
	hotBuffer  = 8 << 10
)

// hotBuffers are lent to connections while data comes in bulk.
var hotBuffers = sync.Pool{New: func() any { b := make([]byte, hotBuffer); return &b }}

var errKeepAlive = errors.New("nothing came for one and a half times the keep alive")

// reader cuts packets out of the stream. It waits with a small buffer, borrows a larger one while data comes in bulk, and
// grows beyond only as the bytes of a large packet arrive, never because they are claimed.
type reader struct {
	conn  *Conn
	buf   []byte // cold, a lent buffer, or one made for a large packet
	r, w  int    // unread bytes are buf[r:w]
	start int    // of the packet that is being handled: buf[start:r], while handling
	lent  *[]byte
	quiet time.Time // when waiting for the current packet began
	armed time.Time // the read deadline; zero: none
	cold  [coldBuffer]byte
}

// next returns a whole packet and the length of its fixed header. The packet is valid until the next call.
func (x *reader) next(limit int) (packet []byte, header int, err error) {
	if x.buf == nil {
		x.buf = x.cold[:]
	}
	x.start = x.r
	x.quiet = time.Time{}
	if err := x.need(2); err != nil {
		return nil, 0, err
	}
	n, used := 0, 0
	for have := 1; used == 0; have++ {
		if err := x.need(1 + have); err != nil {
			return nil, 0, err
		}
		if n, used, err = wire.Length(x.buf[x.r+1 : x.r+1+have]); err != nil {
			return nil, 0, err
		}
	}
	if n > limit {
		return nil, 0, wire.TooLarge(n, limit)
	}
	if err := x.need(1 + used + n); err != nil {
		return nil, 0, err
	}
	packet = x.buf[x.r : x.r+1+used+n]
	x.start = x.r
	x.r += len(packet)
	return packet, 1 + used, nil
}

// current is what came of the packet that is being read or handled.
func (x *reader) current() []byte {
	if x.start < x.r {
		return x.buf[x.start:x.r]
	}
	return x.buf[x.r:x.w]
}

// need makes n bytes available at buf[r:].
func (x *reader) need(n int) error {
	for x.w-x.r < n {
		x.makeRoom(n)
		x.conn.count(0) // before it waits, so that a snapshot lags behind by nothing
		k, err := x.read()
		x.w += k
		x.conn.count(k)
		if err != nil && x.w-x.r < n {
			return err
		}
		x.settle(k)
	}
	return nil
}

// makeRoom leaves at least one free byte at the end of the buffer.
func (x *reader) makeRoom(n int) {
	if x.r == x.w {
		x.r, x.w, x.start = 0, 0, 0
		if len(x.buf) > hotBuffer { // made for one large packet
			x.giveBack()
			x.buf = x.cold[:]
		}
	}
	if x.r+n <= len(x.buf) {
		return
	}
	x.w = copy(x.buf, x.buf[x.r:x.w])
	x.r, x.start = 0, 0
	if x.w == len(x.buf) {
		x.grow(max(hotBuffer, min(n, 2*len(x.buf))))
	}
}

// settle takes a larger buffer when the last read filled this one, and gives it back when things are calm again.
func (x *reader) settle(k int) {
	switch {
	case x.w == len(x.buf) && len(x.buf) < hotBuffer:
		x.grow(hotBuffer)
	case k < coldBuffer/2 && x.lent != nil && x.r == 0 && x.w <= coldBuffer:
		copy(x.cold[:], x.buf[:x.w])
		x.giveBack()
		x.buf = x.cold[:]
	}
}

// grow moves the unread bytes to a buffer of n bytes.
func (x *reader) grow(n int) {
	var grown []byte
	var lent *[]byte
	if n <= hotBuffer {
		lent = hotBuffers.Get().(*[]byte)
		grown = *lent
	} else {
		grown = make([]byte, n)
		lent = &grown
	}
	x.w = copy(grown, x.buf[x.r:x.w])
	x.r, x.start = 0, 0
	x.giveBack()
	x.buf, x.lent = grown, lent
}

func (x *reader) giveBack() {
	if x.lent != nil && len(*x.lent) == hotBuffer {
		hotBuffers.Put(x.lent)
	}
	x.lent = nil
}

// release gives the buffer back for good.
func (x *reader) release() {
	x.giveBack()
	x.buf, x.r, x.w, x.start = nil, 0, 0, 0
}

// read waits for bytes until keepalive expires: one and a half times the keep alive without a whole packet
// [MQTT-3.1.2-24]. Time that the gateway itself took for the packet before does not count.
func (x *reader) read() (int, error) {
	keepAlive := time.Duration(x.conn.hello.KeepAlive) * time.Second * 3 / 2
	if keepAlive == 0 {
		if x.quiet.IsZero() {
			x.quiet = time.Now()
		}
		return x.conn.net.Read(x.buf[x.w:])
	}
	if x.quiet.IsZero() {
		x.quiet = time.Now()
		x.conn.due.Store(x.quiet.Add(keepAlive).UnixNano())
	}
	due := x.quiet.Add(keepAlive)
	for {
		// A deadline that is still to come is left alone: arming a timer for each read costs more than the read. When it
		// fires too early, it is set anew.
		if x.armed.IsZero() {
			if err := x.conn.net.SetReadDeadline(due); err != nil {
				return 0, fmt.Errorf("set the keepalive deadline: %w", err)
			}
			x.armed = due
		}
		k, err := x.conn.net.Read(x.buf[x.w:])
		if k > 0 || !isTimeout(err) {
			return k, err
		}
		x.armed = time.Time{}
		if !time.Now().Before(due) {
			return 0, errKeepAlive
		}
	}
}
