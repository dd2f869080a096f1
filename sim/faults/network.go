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

// Read takes what has arrived, as late and as slowly as the network brings it.
func (c *conn) Read(b []byte) (int, error) {
	if err := c.whileOpen(); err != nil {
		return 0, err
	}
	n := c.switches.Network()
	rate := n.readRate()
	if rate > 0 {
		b = b[:min(len(b), max(1, rate/8))] // an eighth of a second at a time
	}
	if n.delays() {
		c.readAhead()
	}
	read, late, err := c.take(b)
	if read == 0 {
		return read, err
	}
	n = c.switches.Network() // it may have changed while nothing came
	wait := time.Duration(0)
	if late { // it came past the one who reads ahead
		wait = n.delay()
	}
	if rate = n.readRate(); rate > 0 {
		wait += timeFor(read, rate)
	}
	if wait > 0 {
		_, changed := c.switches.look()
		if !c.sleep(wait, changed) {
			return 0, net.ErrClosed
		}
	}
	if closed := c.whileOpen(); closed != nil { // it became half-open while it was on its way
		return 0, closed
	}
	return read, err
}

// take reads from what was read ahead, once that is due, or else from the connection. late: nothing has delayed it yet.
func (c *conn) take(b []byte) (read int, late bool, err error) {
	for {
		c.inMu.Lock()
		switch {
		case !c.ahead:
			c.inMu.Unlock()
			read, err = c.Conn.Read(b)
			return read, true, err
		case len(c.arrived) == 0 && c.inErr != nil:
			defer c.inMu.Unlock()
			return 0, false, c.inErr
		}
		if c.news == nil {
			c.news = make(chan struct{})
		}
		news, due := (<-chan struct{})(c.news), time.Time{}
		if len(c.arrived) > 0 {
			if due = c.arrived[0].due; !time.Now().Before(due) || !c.switches.Network().delays() {
				defer c.inMu.Unlock()
				return c.takeFirst(b), false, nil
			}
		}
		c.inMu.Unlock()
		if err := c.until(due, news); err != nil {
			return 0, false, err
		}
	}
}

// takeFirst takes from the first piece that has arrived; inMu is held.
func (c *conn) takeFirst(b []byte) int {
	first := &c.arrived[0]
	n := copy(b, first.bytes)
	first.bytes = first.bytes[n:]
	if len(first.bytes) == 0 {
		*first = segment{}
		c.arrived = c.arrived[1:]
	}
	c.inBytes -= n
	if c.inRoom != nil {
		close(c.inRoom)
		c.inRoom = nil
	}
	return n
}

// until waits for news, for a moment (none when it is zero), or for the network to change; within the read deadline.
func (c *conn) until(due time.Time, news <-chan struct{}) error {
	var moment <-chan time.Time
	if !due.IsZero() {
		t := time.NewTimer(time.Until(due))
		defer t.Stop()
		moment = t.C
	}
	_, changed := c.switches.look()
	expired, moved := c.readDeadline.look()
	select {
	case <-news:
	case <-moment:
	case <-changed:
	case <-moved:
	case <-c.done:
		return net.ErrClosed
	case <-expired:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// readAhead begins to read ahead, for as long as the connection lasts: what arrives is to be delayed by the same time, not each piece by that of the one before
// it as well.
func (c *conn) readAhead() {
	c.inMu.Lock()
	defer c.inMu.Unlock()
	if c.ahead {
		return
	}
	c.ahead = true
	_ = c.Conn.SetReadDeadline(time.Time{}) // it is kept by whoever takes
	go c.fetch()
}

// aheadBytes bounds what is read ahead.
const aheadBytes = 256 << 10

// fetch reads ahead until the connection ends. A device that takes slowly is left the pipe to the server full.
func (c *conn) fetch() {
	buffer := make([]byte, 4096)
	var last time.Time
	for {
		n := c.switches.Network()
		room := aheadBytes
		if rate := n.readRate(); rate > 0 {
			room = max(1, rate/8)
		}
		c.inMu.Lock()
		if c.inBytes >= room {
			if c.inRoom == nil {
				c.inRoom = make(chan struct{})
			}
			wait := c.inRoom
			c.inMu.Unlock()
			_, changed := c.switches.look()
			select {
			case <-wait:
			case <-changed:
			case <-c.done:
				return
			}
			continue
		}
		room -= c.inBytes
		c.inMu.Unlock()
		read, err := c.Conn.Read(buffer[:min(len(buffer), room)])
		due := time.Now().Add(c.switches.Network().delay())
		if due.Before(last) {
			due = last
		}
		last = due
		c.inMu.Lock()
		if read > 0 {
			c.arrived = append(c.arrived, segment{append([]byte(nil), buffer[:read]...), due})
			c.inBytes += read
		}
		c.inErr = err
		if c.news != nil {
			close(c.news)
			c.news = nil
		}
		c.inMu.Unlock()
		if err != nil {
			return
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

// whileOpen waits while the network is half-open.
func (c *conn) whileOpen() error {
	for {
		n, changed := c.switches.look()
		if !n.HalfOpen {
			return nil
		}
		if err := c.wait(changed, &c.readDeadline); err != nil {
			return err
		}
	}
}

// SetDeadline sets both.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline holds for what waits here as well.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.readDeadline.set(t)
	c.inMu.Lock()
	defer c.inMu.Unlock()
	if c.ahead {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline holds for what waits here as well. What was taken before is still sent.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeDeadline.set(t)
	if c.pumping {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// deadline can be waited for and moved meanwhile. It costs a timer only while somebody waits for it.
type deadline struct {
	mu      sync.Mutex
	at      time.Time
	timer   *time.Timer
	expired chan struct{} // closed at the deadline; nil: nobody has waited for this one
	changed chan struct{} // closed when it is moved; nil: nobody waits
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
	d.at, d.expired = t, nil
}

func (d *deadline) time() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

func (d *deadline) look() (expired, changed <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	if d.expired == nil && !d.at.IsZero() {
		over := make(chan struct{})
		d.expired = over
		if left := time.Until(d.at); left <= 0 {
			close(over)
		} else {
			d.timer = time.AfterFunc(left, func() { close(over) })
		}
	}
	return d.expired, d.changed
}
