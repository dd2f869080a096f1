package faults

import (
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// conn is a connection over the network of its Switches. While that is good it costs a lock per call, and no goroutine;
// once what arrives is delayed, it has one that reads ahead.
type conn struct {
	net.Conn
	switches *Switches
	done     chan struct{} // closed by Close
	once     sync.Once

	readDeadline, writeDeadline deadline

	mu      sync.Mutex
	held    []segment // on their way to the server, in order
	bytes   int
	pumping bool
	failed  error         // of a write that was done later
	room    chan struct{} // closed when bytes has fallen; nil: nobody waits
	last    time.Time     // when the last of held is due

	inMu    sync.Mutex
	ahead   bool      // somebody reads ahead
	arrived []segment // read ahead, in order
	inBytes int
	inErr   error         // how reading ended
	inRoom  chan struct{} // closed when inBytes has fallen; nil: nobody waits
	news    chan struct{} // closed when something has arrived, or reading has ended; nil: nobody waits
}

// segment is a piece of what was sent, and when it arrives.
type segment struct {
	bytes []byte
	due   time.Time
}

// Wrap puts the network of s between the device and c.
func (s *Switches) Wrap(c net.Conn) net.Conn {
	w := &conn{Conn: c, switches: s, done: make(chan struct{})}
	s.mu.Lock()
	if s.conns == nil {
		s.conns = map[*conn]struct{}{}
	}
	s.conns[w] = struct{}{}
	s.mu.Unlock()
	return w
}

// Close ends the connection. What is still on its way is lost.
func (c *conn) Close() error {
	c.stop()
	return c.Conn.Close()
}

func (c *conn) stop() {
	c.once.Do(func() {
		close(c.done)
		c.readDeadline.set(time.Time{})
		c.writeDeadline.set(time.Time{})
		c.switches.mu.Lock()
		delete(c.switches.conns, c)
		c.switches.mu.Unlock()
	})
}

// Write sends, or lets it be sent when the network would have carried it.
func (c *conn) Write(b []byte) (int, error) {
	n := c.switches.Network()
	c.mu.Lock()
	if c.failed != nil {
		defer c.mu.Unlock()
		return 0, c.failed
	}
	direct := !c.pumping && !n.delays() && n.BytesPerSecond == 0 && !n.HalfOpen
	if direct {
		c.mu.Unlock()
		return c.inPieces(b, n.Fragment)
	}
	for c.bytes+len(b) > maxHeld && c.bytes > 0 {
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.mu.Unlock()
		if err := c.wait(room, &c.writeDeadline); err != nil {
			return 0, err
		}
		c.mu.Lock()
	}
	due := time.Now().Add(n.delay())
	if due.Before(c.last) {
		due = c.last
	}
	c.last = due
	c.held = append(c.held, segment{append([]byte(nil), b...), due})
	c.bytes += len(b)
	if !c.pumping {
		c.pumping = true
		_ = c.Conn.SetWriteDeadline(time.Time{}) // what was taken is sent, however late
		go c.pump()
	}
	c.mu.Unlock()
	return len(b), nil
}

// inPieces writes b in pieces of so many bytes; 0: as it is.
func (c *conn) inPieces(b []byte, size int) (written int, err error) {
	if size <= 0 || size >= len(b) {
		return c.Conn.Write(b)
	}
	for len(b) > 0 {
		piece := b[:min(size, len(b))]
		n, err := c.Conn.Write(piece)
		written += n
		if err != nil {
			return written, err
		}
		b = b[len(piece):]
		if len(b) > 0 && !c.sleep(fragmentPause, nil) {
			return written, net.ErrClosed
		}
	}
	return written, nil
}

// fragmentPause keeps the kernel from joining the pieces again.
const fragmentPause = time.Millisecond

// pump writes what is held when it is due, and ends when nothing is.
func (c *conn) pump() {
	for {
		c.mu.Lock()
		if len(c.held) == 0 {
			c.pumping, c.held = false, nil
			_ = c.Conn.SetWriteDeadline(c.writeDeadline.time())
			c.mu.Unlock()
			return
		}
		next := c.held[0]
		c.mu.Unlock()
		n, ok := c.carry(next)
		if !ok {
			c.fail(net.ErrClosed)
			return
		}
		if _, err := c.inPieces(next.bytes, n.Fragment); err != nil {
			c.fail(err)
			return
		}
		c.mu.Lock()
		c.held = c.held[1:]
		c.bytes -= len(next.bytes)
		if c.room != nil {
			close(c.room)
			c.room = nil
		}
		c.mu.Unlock()
	}
}

// carry waits until the network has carried a segment; false when the connection was closed meanwhile. Faults that are switched off meanwhile no longer
// count.
func (c *conn) carry(s segment) (Network, bool) {
	began := time.Now()
	for {
		n, changed := c.switches.look()
		due := s.due
		if !n.delays() {
			due = began
		}
		if n.BytesPerSecond > 0 {
			if paced := began.Add(timeFor(len(s.bytes), n.BytesPerSecond)); paced.After(due) {
				due = paced
			}
		}
		switch {
		case n.HalfOpen:
			select {
			case <-changed:
			case <-c.done:
				return n, false
			}
		case time.Now().Before(due):
			if !c.sleep(time.Until(due), changed) {
				return n, false
			}
		default:
			return n, true
		}
	}
}

func timeFor(bytes, perSecond int) time.Duration {
	return time.Duration(float64(bytes) / float64(perSecond) * float64(time.Second))
}

// fail keeps the error of a late write for the next one.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed, c.held, c.bytes, c.pumping = err, nil, 0, false
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}

// sleep waits, or until early; false when the connection was closed.
func (c *conn) sleep(d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-c.done:
		return false
	}
	return true
}

// wait waits for ready, within a deadline.
func (c *conn) wait(ready <-chan struct{}, d *deadline) error {
	for {
		expired, changed := d.look()
		select {
		case <-ready:
			return nil
		case <-c.done:
			return net.ErrClosed
		case <-expired:
			return os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

// delays reports whether what is sent takes time to arrive.
func (n Network) delays() bool { return n.Latency > 0 || n.Jitter > 0 }

// delay is how long one piece takes.
func (n Network) delay() time.Duration {
	d := n.Latency
	if n.Jitter > 0 {
		d += rand.N(n.Jitter) //nolint:gosec // a delay
	}
	return d
}

// readRate is how many bytes a second the device takes at most; 0: any.
func (n Network) readRate() int {
	if n.ReadBytesPerSecond == 0 || n.BytesPerSecond > 0 && n.BytesPerSecond < n.ReadBytesPerSecond {
		return n.BytesPerSecond
	}
	return n.ReadBytesPerSecond
}
