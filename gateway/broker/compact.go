package broker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	smallLog   = 64 << 20             // a log of this many bytes is never compacted
	worthwhile = 4                    // it is when it has this many times what is live
	chunkBytes = 256 << 10            // of a checkpoint between two groups
	chunkTime  = 5 * time.Millisecond // for reading what is moved
	aSession   = 512                  // what a session takes in a checkpoint beside its messages and filters, about
	aWaiting   = 16                   // what it takes that a message waits for a session, which may be more than the message
	aFilter    = 64
)

// compaction rewrites what is live at the end of the log and trims the rest. It writes in chunks between ordinary records: a
// record that begins the checkpoint, each retained message, then for each session its messages that are in older records
// and after them its state, at last that the checkpoint is complete. Each chunk is true at the moment of its record, so
// that replaying it on top of what came before changes nothing, and what comes after it applies to it. Until it is
// complete, nothing is trimmed; a crash in between is harmless.
type compaction struct {
	hub      *Hub
	small    int64  // a log of this many bytes is left as it is
	since    uint64 // the record that began it; 0: none is being written
	logBytes int64
	newBytes int64 // of it, since the checkpoint began
	kept     int64 // of it, when the last checkpoint was complete
	askAt    int64 // what is live is counted when the log has this many bytes
	recovers bool

	retained []topicOf
	sessions []*session
	session  *session // whose messages are being moved
	moving   []*stored
}

type topicOf struct {
	service *service
	topic   string
}

func (c *compaction) running() bool { return c.since != 0 }

// written takes note of a record.
func (c *compaction) written(bytes int) {
	c.logBytes += int64(bytes)
	c.newBytes += int64(bytes)
}

// compact does some of what is to be done between two groups.
func (h *Hub) compact() {
	c := &h.compaction
	switch {
	case h.group.broken != nil:
		c.abandon()
	case c.running():
		c.step()
	case h.shelf.log != nil && c.worthIt():
		c.begin()
	}
}

// worthIt reports whether a checkpoint would make the log so much smaller that it pays. However wrong the estimate is, the log
// has doubled since the last one.
func (c *compaction) worthIt() bool {
	if c.logBytes <= max(c.small, c.askAt, 2*c.kept) {
		return false
	}
	c.askAt = c.logBytes + c.small/64
	return c.logBytes > worthwhile*c.needed()
}

// needed is about what a checkpoint would take.
func (c *compaction) needed() int64 {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	bytes := c.hub.shelf.live.Load()
	for _, s := range c.hub.sessions {
		if s.number != 0 {
			s.mu.Lock()
			bytes += aSession + s.waiting.Load()*aWaiting + int64(len(s.filters))*aFilter
			s.mu.Unlock()
		}
	}
	return bytes
}

func (c *compaction) abandon() {
	c.since, c.retained, c.sessions, c.session, c.moving, c.recovers = 0, nil, nil, nil, nil, false
}

// begin notes what there is. What comes into being later is in later records.
func (c *compaction) begin() {
	h, g := c.hub, &c.hub.group
	c.newBytes = 0
	g.record.Begin()
	g.commit()
	if g.broken != nil {
		return
	}
	c.since = g.stored
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		if s.number != 0 {
			c.sessions = append(c.sessions, s)
		}
	}
	slices.SortFunc(c.sessions, func(a, b *session) int { return cmp.Compare(a.number, b.number) })
	for _, v := range h.services {
		v.retainedMu.RLock()
		v.retained.root.all(false, func(m *Message) { c.retained = append(c.retained, topicOf{v, m.Topic}) })
		v.retainedMu.RUnlock()
	}
}

// step writes a chunk.
func (c *compaction) step() {
	g := &c.hub.group
	switch {
	case len(c.retained) > 0:
		c.moveRetained(g)
	case len(c.moving) > 0:
		if err := c.move(g); err != nil {
			c.hub.log.Error("the log of sessions is not compacted", "error", err)
			if c.recovers {
				g.broken = fmt.Errorf("%w: %w", errStore, err)
				return
			}
			c.abandon()
			c.logBytes, c.askAt = c.newBytes, 0 // not again at once
			return
		}
	case c.session != nil:
		c.state(g, c.session)
		c.session = nil
	case len(c.sessions) > 0:
		c.next()
		return
	default:
		c.complete(g)
		return
	}
	g.commit()
}

// moveRetained writes retained messages.
func (c *compaction) moveRetained(g *group) {
	for len(c.retained) > 0 && g.record.Len() < chunkBytes {
		x := c.retained[0]
		c.retained = c.retained[1:]
		x.service.retainedMu.RLock()
		m := x.service.retained.get(x.topic)
		x.service.retainedMu.RUnlock()
		if m != nil && m.stored != nil && !x.service.dropped {
			g.write(m, m.stored, true)
			g.record.Retain(x.service.sid)
		}
	}
}

// next takes the next session: first its messages are moved that are in older records.
func (c *compaction) next() {
	s := c.sessions[0]
	c.sessions = c.sessions[1:]
	if s.ending {
		return
	}
	c.session = s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox.all(func(it *item) {
		if it.stored.at().Record() < c.since {
			c.moving = append(c.moving, it.stored)
		}
	})
}

// move writes messages of a session.
func (c *compaction) move(g *group) error {
	for began := time.Now(); len(c.moving) > 0 && g.record.Len() < chunkBytes && time.Since(began) < chunkTime; {
		st := c.moving[0]
		c.moving = c.moving[1:]
		if st.refs.Load() <= 0 || st.at().Record() >= c.since {
			continue
		}
		m, err := c.hub.shelf.fetch(st)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			g.reset()
			return err
		}
		g.write(m, st, true)
	}
	return nil
}

// state writes a session as it is.
func (c *compaction) state(g *group, s *session) {
	if s.ending {
		return
	}
	if c.recovers {
		s.online = s.here.Load()
	}
	s.mu.Lock()
	sent := s.sent
	filters := make([]Subscription, 0, len(s.filters))
	for f, w := range s.filters {
		filters = append(filters, Subscription{f, w.qos})
	}
	var ids []uint16
	for id, isStored := range s.received {
		if isStored {
			ids = append(ids, id)
		}
	}
	items := make([]item, 0, len(s.inFlight)+s.queued.len())
	s.outbox.all(func(it *item) { items = append(items, *it) })
	s.mu.Unlock()
	g.record.State(s.number, s.device, s.service.sid, s.last, sent, s.online)
	split := func() {
		if g.record.Len() >= groupBytes {
			g.commit()
		}
	}
	for _, f := range filters {
		g.record.Subscribed(s.number, f.Filter, f.QoS)
		split()
	}
	for _, id := range ids {
		g.record.Received(s.number, id)
		split()
	}
	for _, it := range items {
		g.record.Deliver(s.number, it.seq(), it.qos(), it.retain(), it.released(), it.stored.at())
		split()
	}
}

// complete says that the checkpoint is whole, and trims what was before it.
func (c *compaction) complete(g *group) {
	since := c.since
	g.record.Complete(since, c.hub.numbers+1)
	g.commit()
	if g.broken != nil {
		return
	}
	c.abandon()
	c.logBytes, c.kept, c.askAt = c.newBytes, c.newBytes, 0
	if err := c.hub.shelf.log.Trim(since); err != nil {
		// Nothing is lost by it. If the store has failed, the next record tells.
		c.hub.log.Error("the log of sessions is not trimmed", "error", err)
	}
}

// Err tells why nothing can be stored, from the first record that could not be until Recover has returned nil; nil: all is well.
func (h *Hub) Err() error {
	if err := h.sequencer.failed(); !errors.Is(err, errClosed) {
		return err
	}
	return nil
}

// Recover makes the log say what memory says, after Params.Log has failed and works again, and lets messages through
// from then on. What was acknowledged is in memory; what was being stored when the log failed was not acknowledged and is not
// there. An error means that the log does not work yet.
func (h *Hub) Recover() error {
	q, g, c := &h.sequencer, &h.group, &h.compaction
	q.seize()
	defer q.letGo()
	err := q.failed()
	if err == nil {
		return nil
	}
	if errors.Is(err, errClosed) {
		return err
	}
	q.mu.Lock()
	left := q.waiting
	q.waiting, q.eager, q.bytes = nil, 0, 0
	q.mu.Unlock()
	for i := range left {
		left[i].fail(err)
	}
	g.broken = nil
	c.abandon()
	c.recovers = true
	c.begin()
	for g.broken == nil && c.running() {
		c.step()
	}
	if g.broken != nil {
		c.abandon()
		return fmt.Errorf("recover the sessions: %w", g.broken)
	}
	q.mu.Lock()
	q.err = nil
	q.mu.Unlock()
	return nil
}
