package faults

import (
	"sync"
	"time"
)

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
