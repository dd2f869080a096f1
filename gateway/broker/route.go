package broker

import "gatehouse/gateway/broker/record"

// route delivers a message to those who are subscribed now, and retains it if it says so. c is the publisher.
func (g *group) route(v *service, m *Message, c *Conn) {
	var st *stored
	if m.Retain {
		g.retain(v, m, c)
		st = m.stored
	}
	for _, t := range v.index.match(m.Topic) {
		st = g.send(t.session, m, min(m.QoS, t.qos), false, st)
	}
	if v.watched.any.Load() {
		g.act(act{kind: actDo, rare: rare{do: func() { v.seen(m) }}})
	}
}

// send puts a message on its way to one session. st is the message in the log; nil means that it is not there yet, and the
// result is what it is then.
func (g *group) send(s *session, m *Message, qos byte, retain bool, st *stored) *stored {
	switch {
	case s.ending:
		return st
	case qos == 0 || s.clean:
		g.act(act{kind: actPush, session: s, message: m, qos: qos, retain: retain})
		return st
	}
	if s.await(1, m.size()) {
		s.await(-1, -m.size())
		g.overflow(s)
		return st
	}
	s.last++
	if g.hub.shelf.log != nil {
		var at record.Place
		st, at = g.place(m, st)
		st.refs.Add(1)
		if at == 0 && s.here.Load() {
			g.placed[len(g.placed)-1].wanted = true
		}
		g.record.Deliver(s.number, s.last, qos, retain, false, at)
	}
	g.act(act{kind: actPush, session: s, message: m, stored: st, seq: s.last, qos: qos, retain: retain})
	return st
}

// place sees to it that a message is in the log, and tells where; nowhere means that it is the last one in this record.
func (g *group) place(m *Message, st *stored) (*stored, record.Place) {
	if st == nil {
		return g.write(m, &stored{size: int32(m.size())}, false), 0
	}
	if n := len(g.placed); n > 0 && g.placed[n-1].stored == st {
		return st, 0
	}
	if at := st.at(); at != 0 && at.Record() >= g.hub.compaction.since {
		return st, at
	}
	// It is in this record before another one, or in one that is about to be trimmed: write it again.
	return g.write(m, st, true), 0
}

// write puts a message into the record.
func (g *group) write(m *Message, st *stored, moved bool) *stored {
	offset := g.record.Message(record.Message{Topic: m.Topic, From: m.From, Payload: m.Payload, QoS: m.QoS})
	g.placed = append(g.placed, placed{stored: st, message: m, offset: offset, moved: moved})
	return st
}

// retain makes a message its topic's last one, or removes that.
func (g *group) retain(v *service, m *Message, c *Conn) {
	v.retainedMu.Lock()
	old := v.retained.get(m.Topic)
	kept := v.retained.set(m)
	v.retainedMu.Unlock()
	if !kept {
		c.notice(NotRetained, m.Topic)
	}
	switch {
	case g.hub.shelf.log == nil || v.dropped:
	case kept && len(m.Payload) > 0:
		m.stored = g.write(m, &stored{size: int32(m.size())}, false)
		m.stored.refs.Add(1)
		g.record.Retain(v.sid)
	case old != nil:
		g.record.Unretain(v.sid, m.Topic)
	}
	g.act(act{kind: actDo, rare: rare{
		do: func() { g.hub.unretained(old) },
		undo: func() {
			if v.dropped {
				g.hub.unretained(old)
				return
			}
			v.retainedMu.Lock()
			defer v.retainedMu.Unlock()
			if old != nil {
				v.retained.set(old)
			} else {
				v.retained.remove(m.Topic)
			}
		},
	}})
}

// dropRetained forgets all that a service retains, and the service.
func (g *group) dropRetained(sid string) {
	h := g.hub
	h.mu.Lock()
	v := h.services[sid]
	delete(h.services, sid)
	h.mu.Unlock()
	if v == nil {
		return
	}
	v.dropped = true
	v.retainedMu.Lock()
	var old []*Message
	v.retained.root.all(false, func(m *Message) { old = append(old, m) })
	v.retained = retained{maxMessages: v.retained.maxMessages, maxBytes: v.retained.maxBytes}
	v.retainedMu.Unlock()
	if h.shelf.log != nil {
		g.record.DropRetained(sid)
	}
	forget := func() {
		for _, m := range old {
			h.unretained(m)
		}
	}
	g.act(act{kind: actDo, rare: rare{do: forget, undo: forget}}) // as with its sessions, it is gone in any case
}

// unretained lets go of a message that was retained; nil is none.
func (h *Hub) unretained(m *Message) {
	if m != nil && m.stored != nil {
		h.shelf.release(m.stored)
	}
}
