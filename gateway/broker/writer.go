package broker

import (
	"sync"
	"time"

	"gatehouse/gateway/cause"
)

const (
	batchBytes   = 16 << 10 // what one write gathers before it goes out
	batchKept    = 64 << 10 // larger buffers are not kept
	controlBytes = 32 << 10 // unwritten acknowledgements before the device is not read any more
)

var batches = sync.Pool{New: func() any { b := make([]byte, 0, batchBytes+4<<10); return &b }}

// send queues what the protocol owes the device and starts the writer. While too much is unwritten it waits: a device
// that does not read is not read from either. It reports whether the connection is still alive.
func (c *Conn) send(b []byte) bool {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(c.control) > controlBytes && !c.dead {
		s.room.Wait()
	}
	if c.dead {
		return false
	}
	c.control = append(c.control, b...)
	c.up = true // the first is CONNACK
	c.kick()
	return true
}

// kick starts the writer if there is none. Called with session.mu held.
func (c *Conn) kick() {
	if c.up && !c.writing && !c.dead {
		c.writing = true
		go c.flush()
	}
}

// flush writes until nothing is due, many packets to one write, and ends.
func (c *Conn) flush() {
	defer c.flushed()
	p := batches.Get().(*[]byte)
	defer batches.Put(p)
	for {
		b := c.gather((*p)[:0])
		if len(b) == 0 {
			return
		}
		c.tap(true, b)
		if err := c.write(b); err != nil {
			why := cause.ClientClosed
			if isTimeout(err) {
				why = cause.WriteTimeout
			}
			c.fail(why)
			return
		}
		if cap(b) <= batchKept {
			*p = b[:0]
		}
	}
}

// flushed keeps a panic of the writer within its connection.
func (c *Conn) flushed() {
	if r := recover(); r != nil {
		c.fail(c.panicked(r).Cause)
	}
}

func (c *Conn) fail(why cause.ID) {
	c.kill(why)
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	c.dead, c.writing = true, false
	s.room.Broadcast()
}

// gather takes what is due; when that is nothing, the writer has ended.
func (c *Conn) gather(b []byte) []byte {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.room.Broadcast()
	if !c.dead {
		b = append(b, c.control...)
		if c.control = c.control[:0]; cap(c.control) > 1024 {
			c.control = nil
		}
		if s.conn == c {
			var messages int
			b, messages = s.fill(b, batchBytes)
			s.messagesOut += uint64(messages)
			c.hub.totals.messagesOut.Add(uint64(messages))
		}
	} else {
		b = b[:0]
	}
	c.writing = len(b) > 0
	return b
}

func (c *Conn) write(b []byte) error {
	timeout := c.hub.settings.WriteTimeout
	if now := time.Now(); now.After(c.writeArmed) { // arming a timer for each write costs more than it is worth
		if err := c.net.SetWriteDeadline(now.Add(timeout)); err != nil {
			return err
		}
		c.writeArmed = now.Add(timeout / 4)
	}
	n, err := c.net.Write(b)
	c.session.bytesOut.Add(uint64(n))
	c.hub.totals.bytesOut.Add(uint64(n))
	return err
}
