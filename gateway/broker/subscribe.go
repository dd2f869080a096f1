package broker

import (
	"strings"

	"gatehouse/gateway/wire"
)

// subscribe has filters granted one by one, answered, and then sent what is retained under them [MQTT-3.8.4-4]
// [MQTT-3.8.4-5].
func (c *Conn) subscribe(first byte, body []byte, header int) error {
	id, wanted, err := wire.DecodeSubscribe(c.hello.Level, first, body, header)
	if err != nil {
		return err
	}
	return c.submit(entry{kind: entryStep, step: &subscribing{conn: c, id: id, wanted: wanted}, bytes: len(body)})
}

// subscribing is a SUBSCRIBE on its way through the sequencer.
type subscribing struct {
	conn   *Conn
	id     uint16
	wanted []wire.Subscription
}

func (*subscribing) fail(error) {}

func (u *subscribing) build(g *group) {
	c, s := u.conn, u.conn.session
	if s.ending {
		return
	}
	codes := make([]byte, len(u.wanted))
	was := make([]bool, len(u.wanted)) // granted
	for i, w := range u.wanted {
		if codes[i], was[i] = c.grant(w); was[i] {
			g.subscribe(s, w.Filter, codes[i])
		}
	}
	g.act(act{kind: actReply, conn: c, reply: wire.AppendSuback(nil, u.id, codes)})
	left := max(g.hub.settings.SessionMessages, g.hub.settings.RetainedMessages)
	for i, w := range u.wanted {
		if was[i] && left > 0 { // a packet of many wildcards brings no more than a session may have
			left -= g.sendState(s, w.Filter, codes[i], left) // for each SUBSCRIBE anew [MQTT-3.8.4-3]
		}
	}
}

// grant decides on one filter. MQTT 3.1 knows no failure in SUBACK: there a refused filter gets the QoS that it would
// have got, and is reported (contract, section 2).
func (c *Conn) grant(w wire.Subscription) (code byte, granted bool) {
	objects := strings.HasPrefix(w.Filter, syncPrefix)
	if objects {
		w.QoS = min(w.QoS, 1)
	}
	switch {
	case wire.CheckFilter(w.Filter) != nil:
		c.notice(InvalidFilter, w.Filter)
	case w.Filter[0] == '$':
		c.notice(SystemTopic, w.Filter)
	case objects && strings.ContainsAny(w.Filter, "+#"):
		c.notice(SyncWildcard, w.Filter)
	case !objects && c.hub.syncOnly.Load():
		c.notice(NotSyncTopic, w.Filter)
	case objects && c.hub.objects == nil:
		c.notice(NoObjects, w.Filter)
	case c.session.full(w.Filter):
		c.notice(TooManyFilters, w.Filter)
	case objects && !c.hub.objects.MaySubscribe(c.hello.ServiceSID, c.hello.DeviceSID, w.Filter): // it reports
	default:
		return w.QoS, true
	}
	if c.hello.Level < wire.Level311 {
		return w.QoS, false
	}
	return wire.SubackFailure, false
}

// full reports whether the session may not have one more filter.
func (s *session) full(filter string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, there := s.filters[filter]
	return !there && len(s.filters) >= s.hub.settings.Subscriptions
}

// subscribe adds a filter to a session, and to its record.
func (g *group) subscribe(s *session, filter string, qos byte) {
	old, had := s.subscribe(filter, granted{qos: qos})
	if g.lasts(s) && (!had || old.qos != qos) {
		g.record.Subscribed(s.number, filter, qos)
	}
	g.act(act{kind: actDo, rare: rare{undo: func() {
		if had {
			s.subscribe(filter, old)
		} else {
			s.unsubscribe(filter)
		}
	}}})
}

// sendState queues what is retained under a filter, or the state of the object that it names, and counts the messages.
func (g *group) sendState(s *session, filter string, qos byte, most int) (sent int) {
	var messages []*Message
	if strings.HasPrefix(filter, syncPrefix) {
		if qos == 0 { // contract, section 6
			return 0
		}
		messages = g.snapshot(s, filter)
	} else {
		v := s.service
		v.retainedMu.RLock()
		v.retained.match(filter, func(m *Message) {
			if len(messages) < most {
				messages = append(messages, m)
			}
		})
		v.retainedMu.RUnlock()
	}
	for _, m := range messages {
		g.send(s, m, min(m.QoS, qos), true, m.stored) // [MQTT-3.3.1-8]
		if g.full() {
			g.commit()
		}
		if s.ending || g.broken != nil {
			break
		}
	}
	return len(messages)
}

// unsubscribe takes filters away, known or not, and answers [MQTT-3.10.4-4] [MQTT-3.10.4-5].
func (c *Conn) unsubscribe(first byte, body []byte, header int) error {
	id, filters, err := wire.DecodeUnsubscribe(c.hello.Level, first, body, header)
	if err != nil {
		return err
	}
	return c.submit(entry{kind: entryStep, step: &unsubscribing{conn: c, id: id, filters: filters}, bytes: len(body)})
}

// unsubscribing is an UNSUBSCRIBE on its way through the sequencer.
type unsubscribing struct {
	conn    *Conn
	id      uint16
	filters []string
}

func (*unsubscribing) fail(error) {}

func (u *unsubscribing) build(g *group) {
	s := u.conn.session
	if s.ending {
		return
	}
	for _, f := range u.filters {
		old, had := s.unsubscribe(f)
		if !had {
			continue
		}
		if g.lasts(s) {
			g.record.Unsubscribed(s.number, f)
		}
		g.act(act{kind: actDo, rare: rare{undo: func() { s.subscribe(f, old) }}})
	}
	g.act(act{kind: actReply, conn: u.conn, reply: wire.AppendAck(nil, wire.UNSUBACK, u.id)})
}

// subscribe adds a filter, or changes the QoS of one that is there [MQTT-3.8.4-3]. A session that was discarded
// meanwhile takes none.
func (s *session) subscribe(filter string, to granted) (old granted, had bool) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return granted{}, false
	}
	if s.filters == nil {
		s.filters = map[string]granted{}
	}
	old, had = s.filters[filter]
	to.after = max(to.after, old.after) // also if no state is sent now, what came with the last one is not sent again
	s.filters[filter] = to
	s.mu.Unlock()
	if !had || old.qos != to.qos {
		s.service.index.subscribe(filter, s, to.qos)
	}
	return old, had
}

func (s *session) unsubscribe(filter string) (old granted, had bool) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	old, had = s.filters[filter]
	delete(s.filters, filter)
	s.mu.Unlock()
	if had {
		s.service.index.unsubscribe(filter, s)
	}
	return old, had
}
