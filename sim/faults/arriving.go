package faults

import (
	"net"
	"os"
	"time"
)

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
