package broker

import (
	"net"
	"sync"

	"gatehouse/gateway/cause"
)

// Open attaches a connection to its device's session, which it makes anew when there is none or one of the two is clean
// (MQTT 3.1.1, 3.1.2.4). present is the session-present bit of 3.1.1, pending the number of messages that wait. A
// session that belongs to another Sync service is discarded first. Run must follow. An error means that the session's
// beginning or end could not be stored: nothing has changed, and there is no connection.
func (h *Hub) Open(nc net.Conn, hello Hello) (c *Conn, present bool, pending int, err error) {
	c = &Conn{hub: h, net: nc, hello: hello, killed: make(chan struct{})}
	c.tapping.Store(hello.Tap != nil)
	c.in.conn = c
	h.mu.Lock()
	h.open.Add(1)
	h.conns[c] = struct{}{}
	old := h.sessions[hello.DeviceSID]
	switch {
	case h.closed: // it ends at once, and leaves everything as it is
		c.attach(h.newSession(hello, h.serviceOf(hello.ServiceSID)), false)
		c.session.clean = true
		c.kill(cause.GatewayStopped)
		h.mu.Unlock()
		return c, false, 0, nil
	case hello.Clean && (old == nil || old.clean): // nothing is to be stored
		var left *Conn
		if old != nil {
			left = h.end(old)
		}
		s := h.newSession(hello, h.serviceOf(hello.ServiceSID))
		h.sessions[hello.DeviceSID] = s
		c.attach(s, false)
		h.mu.Unlock()
		if left != nil {
			left.Kill(cause.TakenOver)
		}
		return c, false, 0, nil
	}
	h.mu.Unlock()
	a := &attaching{conn: c, done: make(chan error, 1)}
	if err = h.sequencer.add(entry{kind: entryStep, step: a}, 0, false); err == nil {
		err = <-a.done
	}
	if err != nil {
		h.mu.Lock()
		delete(h.conns, c)
		h.mu.Unlock()
		h.open.Done()
		return nil, false, 0, err
	}
	return c, c.present, int(c.session.waiting.Load()), nil
}

func (h *Hub) newSession(hello Hello, v *service) *session {
	s := &session{hub: h, device: hello.DeviceSID, service: v, clean: hello.Clean}
	s.room.L = &s.mu
	return s
}

// attach gives the connection its session and returns one that should not have been there.
func (c *Conn) attach(s *session, present bool) (old *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.conn
	s.conn, s.hello, s.since = c, c.hello, c.hub.now()
	s.hello.Tap = nil
	s.reconnect()
	s.here.Store(true)
	c.session, c.present = s, present
	return old
}

// attaching is a connection on its way to a session that is stored.
type attaching struct {
	conn *Conn
	done chan error
}

func (a *attaching) fail(err error) {
	select {
	case a.done <- err:
	default: // it was told already
	}
}

func (a *attaching) build(g *group) {
	h, hello := g.hub, a.conn.hello
	h.mu.Lock()
	s, v := h.sessions[hello.DeviceSID], h.serviceOf(hello.ServiceSID)
	h.mu.Unlock()
	if s != nil && (hello.Clean || s.clean || s.service != v) {
		g.end(s, cause.TakenOver, false)
		s = nil
	}
	present := s != nil
	if s == nil {
		s = g.born(h.newSession(hello, v))
	}
	if g.lasts(s) && !s.online {
		g.record.Online(s.number)
		s.online = true
	}
	g.act(act{kind: actDo, rare: rare{
		do: func() {
			if old := a.conn.attach(s, present); old != nil {
				old.Kill(cause.TakenOver)
			}
			a.fail(nil)
		},
		undo: func() {
			s.online = s.here.Load()
			a.fail(errStoreOf(h))
		},
	}})
}

func errStoreOf(h *Hub) error {
	if err := h.sequencer.failed(); err != nil {
		return err
	}
	return errStore
}

// born begins a session.
func (g *group) born(s *session) *session {
	h := g.hub
	if !s.clean {
		h.numbers++
		s.number = h.numbers
	}
	h.mu.Lock()
	h.sessions[s.device] = s
	h.mu.Unlock()
	if g.lasts(s) {
		g.record.Born(s.number, s.device, s.service.sid)
	}
	g.act(act{kind: actDo, rare: rare{undo: func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.sessions[s.device] == s {
			delete(h.sessions, s.device)
		}
	}}})
	return s
}

// end ends a session; its connection ends with why. With force it ends also when that cannot be stored.
func (g *group) end(s *session, why cause.ID, force bool) {
	h := g.hub
	if g.lasts(s) {
		g.flush()
		g.record.Ended(s.number)
	}
	s.ending = true
	h.mu.Lock()
	if h.sessions[s.device] == s {
		delete(h.sessions, s.device)
	}
	h.mu.Unlock()
	filters := s.unindex()
	finish := func() {
		if c := s.finish(); c != nil {
			c.Kill(why)
		}
	}
	undo := finish
	if !force {
		undo = func() {
			s.ending = false
			h.mu.Lock()
			h.sessions[s.device] = s
			h.mu.Unlock()
			for f, w := range filters {
				s.service.index.subscribe(f, s, w.qos)
			}
		}
	}
	g.act(act{kind: actDo, rare: rare{do: finish, undo: undo}})
}

// unindex takes the session's filters out of the index, and leaves them with the session.
func (s *session) unindex() (filters map[string]granted) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	filters = s.filters
	s.mu.Unlock()
	for f := range filters {
		s.service.index.unsubscribe(f, s)
	}
	return filters
}

// finish forgets what a session holds and returns the connection that it has.
func (s *session) finish() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.filters, s.received = true, nil, nil
	s.outbox.drop(&s.hub.shelf)
	s.waiting.Store(0)
	s.waitingBytes.Store(0)
	s.wakePublishers()
	return s.conn
}

// end ends a clean session, or any when nothing can be stored, and returns the connection that it has. Called with h.mu
// held.
func (h *Hub) end(s *session) *Conn {
	if h.sessions[s.device] == s {
		delete(h.sessions, s.device)
	}
	s.mu.Lock()
	s.ended = true // it takes no more filters: a SUBSCRIBE may be on its way through the sequencer
	s.mu.Unlock()
	s.unindex()
	return s.finish()
}

// overflow discards a session that is stored and has more waiting than it may.
func (g *group) overflow(s *session) {
	lost := int(s.waiting.Load()) + 1
	g.end(s, cause.SessionOverflow, false)
	g.act(act{kind: actDo, rare: rare{do: func() { g.hub.lost(s, lost) }}})
}

// dropping discards sessions, and what a service retains.
type dropping struct {
	device, service string // either may be empty
	why             cause.ID
	retained        bool
	found           bool
	once            sync.Once
	done            chan struct{} // closed when it has happened, or cannot
}

func (d *dropping) matches(s *session) bool {
	return (d.device == "" || s.device == d.device) && (d.service == "" || s.service.sid == d.service)
}

// doomed are the sessions that are meant.
func (d *dropping) doomed(h *Hub) (doomed []*session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.device != "" {
		if s := h.sessions[d.device]; s != nil && d.matches(s) {
			doomed = append(doomed, s)
		}
		return doomed
	}
	for _, s := range h.sessions {
		if d.matches(s) {
			doomed = append(doomed, s)
		}
	}
	return doomed
}

func (d *dropping) build(g *group) {
	doomed := d.doomed(g.hub)
	d.found = len(doomed) > 0
	for _, s := range doomed {
		g.end(s, d.why, true)
	}
	if d.retained {
		g.dropRetained(d.service)
	}
	finish := func() { d.fail(nil) }
	g.act(act{kind: actDo, rare: rare{do: finish, undo: finish}})
}

func (d *dropping) fail(error) { d.once.Do(func() { close(d.done) }) }

// drop discards what d says, in memory also when it cannot be stored: then it is stored when the store works again.
func (h *Hub) drop(d *dropping) bool {
	d.done = make(chan struct{})
	if err := h.sequencer.add(entry{kind: entryStep, step: d}, 0, false); err == nil {
		<-d.done
	}
	if h.sequencer.failed() == nil {
		return d.found
	}
	for _, s := range d.doomed(h) {
		d.found = true
		h.mu.Lock()
		c := h.end(s)
		h.mu.Unlock()
		if c != nil {
			c.Kill(d.why)
		}
	}
	if d.retained {
		h.mu.Lock()
		delete(h.services, d.service)
		h.mu.Unlock()
	}
	return d.found
}

// DropSession discards a device's session and reports whether there was one. A connection that is still open is ended
// with session_dropped.
func (h *Hub) DropSession(deviceSID string) bool {
	return h.drop(&dropping{device: deviceSID, why: cause.SessionDropped})
}

// DropSessionOf discards a device's session if it belongs to this Sync service, and leaves one of another service alone. A
// connection that is still open is ended with service_changed.
func (h *Hub) DropSessionOf(deviceSID, serviceSID string) bool {
	return h.drop(&dropping{device: deviceSID, service: serviceSID, why: cause.ServiceChanged})
}

// DropService discards the sessions and retained messages of a Sync service; open connections are ended with
// service_changed.
func (h *Hub) DropService(serviceSID string) {
	h.drop(&dropping{service: serviceSID, why: cause.ServiceChanged, retained: true})
}

// leaving says that a device is away.
type leaving struct{ session *session }

func (l leaving) fail(error) {}

func (l leaving) build(g *group) {
	s := l.session
	if !g.lasts(s) {
		return
	}
	s.mu.Lock()
	sent := s.sent
	s.mu.Unlock()
	g.record.Offline(s.number, sent)
	s.online = false
}
