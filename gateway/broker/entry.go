package broker

import (
	"fmt"

	"gatehouse/gateway/cause"
)

// entryKind is what an entry of the sequencer asks for.
type entryKind byte

const (
	entryAnswer  entryKind = iota + 1 // nothing but an answer behind what came before
	entryPublish                      // route a message, and answer
	entryForget                       // PUBREL came
	entryRelease                      // PUBREC came
	entryDone                         // a message was acknowledged for good
	entryStep                         // anything that is rare
)

// entry is one step on its way through the sequencer.
type entry struct {
	kind    entryKind
	answer  byte // packet type of the acknowledgement; 0: none
	id      uint16
	fresh   bool // id is that of a QoS 2 message which has just been taken
	conn    *Conn
	session *session // of conn, or whose message was acknowledged
	message *Message // nil: only answer
	seq     uint64   // of the message that was acknowledged
	bytes   int      // counted as pending with conn
	step    step
}

// step is something rare that goes through the sequencer.
type step interface {
	// build adds to the group what is to be stored and what happens after that. It is called in the log's order.
	build(g *group)
	// fail is called instead of build when nothing can be stored.
	fail(err error)
}

// submit hands an entry to the sequencer. It waits while too much of this connection waits there already, or the device does
// not read its answers: then the device is not read from either. Only the connection's reader calls it.
func (c *Conn) submit(e entry) error {
	s := c.session
	e.conn, e.session = c, s
	s.mu.Lock()
	for !c.dead && (c.pending.Load() >= mostPending || c.pendingBytes > mostPendingBytes || len(c.control) > controlBytes) {
		c.stalled = true
		s.room.Wait()
	}
	c.pending.Add(1)
	c.pendingBytes += e.bytes
	s.mu.Unlock()
	err := c.hub.sequencer.add(e, e.bytes, false)
	if err != nil {
		s.mu.Lock()
		c.settle(e.bytes)
		s.mu.Unlock()
		if e.fresh {
			s.took(e.id, false)
		}
	}
	return err
}

// settle takes note that an entry has come through. Called with session.mu held.
func (c *Conn) settle(bytes int) {
	c.pending.Add(-1)
	c.pendingBytes -= bytes
	if c.stalled {
		c.stalled = false
		c.session.room.Broadcast()
	}
}

// answer acknowledges, behind what is still to be stored.
func (c *Conn) answer(packetType byte, id uint16) error {
	if c.pending.Load() == 0 {
		c.acknowledge(packetType, id)
		return nil
	}
	return c.submit(entry{kind: entryAnswer, answer: packetType, id: id})
}

// build adds the entry to a group.
func (e *entry) build(g *group) {
	switch e.kind {
	case entryPublish:
		if e.message != nil {
			g.route(e.session.service, e.message, e.conn)
		}
		if e.fresh && g.lasts(e.session) {
			g.record.Received(e.session.number, e.id)
			g.act(act{kind: actTook, session: e.session, id: e.id})
		}
	case entryForget:
		if g.lasts(e.session) {
			g.record.Forgotten(e.session.number, e.id)
		}
	case entryRelease:
		if g.lasts(e.session) {
			g.record.Released(e.session.number, e.seq)
			g.act(act{kind: actReleased, session: e.session, seq: e.seq})
		}
	case entryDone:
		if g.lasts(e.session) {
			g.done(e.session, e.seq)
		}
		return
	case entryStep:
		e.step.build(g)
	}
	if e.conn != nil {
		g.act(act{kind: actAnswer, conn: e.conn, answer: e.answer, id: e.id, bytes: e.bytes})
	}
}

// fail is what becomes of an entry that cannot be stored: its connection ends without an acknowledgement, so that the device
// sends again.
func (e *entry) fail(err error) {
	if e.step != nil {
		e.step.fail(err)
	}
	if e.fresh {
		e.session.took(e.id, false)
	}
	if e.conn != nil {
		e.conn.unstored(err, e.bytes)
	}
}

// unstored ends a connection for which something could not be stored.
func (c *Conn) unstored(err error, bytes int) {
	c.session.mu.Lock()
	if c.refused == nil {
		c.refused = err
	}
	c.settle(bytes)
	c.session.mu.Unlock()
	c.Kill(cause.StoreDown)
}

// guarded builds an entry; a panic ends the connection that asked for it, and not the process.
func (g *group) guarded(e *entry) {
	defer func() {
		if r := recover(); r != nil {
			err := fmt.Errorf("panic: %v", r)
			if e.conn != nil {
				err = e.conn.panicked(r).Err
			} else {
				g.hub.log.Error("a step of the session engine panicked", "panic", r)
			}
			if e.step != nil {
				e.step.fail(err)
			}
			if e.conn != nil {
				g.act(act{kind: actAnswer, conn: e.conn, bytes: e.bytes})
				e.conn.Kill(cause.InternalError)
			}
		}
	}()
	e.build(g)
}
