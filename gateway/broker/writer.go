package broker

import (
	"errors"
	"sync"
	"time"

	"gatehouse/gateway/cause"
)

const (
	batchBytes   = 16 << 10 // what one write gathers before it goes out
	batchKept    = 64 << 10 // larger buffers are not kept
	aheadMost    = 64       // messages that are read back at a time
	aheadBytes   = 128 << 10
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
		b, lacking, more := c.gather((*p)[:0])
		switch {
		case !more:
			return
		case len(b) == 0:
			if err := c.fetch(lacking); err != nil {
				c.hub.log.Error("queued messages cannot be read", "device", c.hello.DeviceSID, "error", err)
				c.fail(cause.StoreDown)
				return
			}
			continue
		}
		c.tap(true, b)
		if err := c.write(b); err != nil {
			why := cause.ClientClosed
			if isTimeout(err) {
				why = cause.WriteTimeout
			}
			c.lost(err)
			c.fail(why)
			return
		}
		for rest := b; len(rest) > 0; rest = rest[first(rest):] {
			c.traffic.PacketsOut++
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

// lost notes that the device did not take what was written.
func (c *Conn) lost(err error) {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	c.failed = err
	c.traffic.Unwritten += len(c.control)
}

func (c *Conn) fail(why cause.ID) {
	c.kill(why)
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	c.dead, c.writing = true, false
	s.room.Broadcast()
}

// fetch reads messages back from the log.
func (c *Conn) fetch(lacking []*stored) error {
	if c.fetched == nil {
		c.fetched = map[*stored]*Message{}
	}
	for _, st := range lacking {
		m, err := c.hub.shelf.fetch(st)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return err
		}
		c.fetched[st] = m
	}
	return nil
}

// gather takes what is due. When that is nothing and there is more, messages must be read back first. Without more the
// writer has ended.
func (c *Conn) gather(b []byte) (due []byte, lacking []*stored, more bool) {
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
			window := c.hub.settings.Window
			var messages int
			b, messages, more = s.fill(b, batchBytes, window, c.hello.Level, c.fetched)
			if more && len(b) == 0 {
				lacking = s.lacks(aheadMost, aheadBytes, window, c.fetched)
			} else if len(c.fetched) == 0 {
				c.fetched = nil
			}
			if s.eased != nil && !s.crowded() {
				s.wakePublishers()
			}
			s.messagesOut += uint64(messages)
			c.hub.totals.messagesOut.Add(uint64(messages))
		}
	} else {
		b = b[:0]
	}
	c.writing = more || len(b) > 0
	return b, lacking, c.writing
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
	c.traffic.BytesOut += uint64(n)
	c.traffic.Unwritten = len(b) - n
	c.session.bytesOut.Add(uint64(n))
	c.hub.totals.bytesOut.Add(uint64(n))
	return err
}
