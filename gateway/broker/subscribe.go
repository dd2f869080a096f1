package broker

import (
	"strings"

	"gatehouse/gateway/wire"
)

// subscribe grants filters one by one, answers, and then sends what is retained under them [MQTT-3.8.4-4]
// [MQTT-3.8.4-5].
func (c *Conn) subscribe(first byte, body []byte, header int) error {
	id, wanted, err := wire.DecodeSubscribe(c.hello.Level, first, body, header)
	if err != nil {
		return err
	}
	codes := make([]byte, len(wanted))
	granted := make([]bool, len(wanted))
	for i, w := range wanted {
		codes[i], granted[i] = c.grant(w)
		if granted[i] {
			c.session.subscribe(w.Filter, codes[i])
		}
	}
	c.send(wire.AppendSuback(nil, id, codes))
	for i, w := range wanted {
		if granted[i] {
			c.sendRetained(w.Filter, codes[i]) // for each SUBSCRIBE anew [MQTT-3.8.4-3]
		}
	}
	return nil
}

// grant decides on one filter. MQTT 3.1 knows no failure in SUBACK: there a refused filter gets the QoS that it would
// have got, and is reported (contract, section 2).
func (c *Conn) grant(w wire.Subscription) (code byte, granted bool) {
	objects := strings.HasPrefix(w.Filter, syncPrefix)
	if objects {
		w.QoS = min(w.QoS, 1)
	}
	switch {
	case w.Filter[0] == '$':
		c.notice(SystemTopic, w.Filter)
	case objects && strings.ContainsAny(w.Filter, "+#"):
		c.notice(SyncWildcard, w.Filter)
	case !objects && c.hub.syncOnly.Load():
		c.notice(NotSyncTopic, w.Filter)
	default:
		return w.QoS, true
	}
	if c.hello.Level < wire.Level311 {
		return w.QoS, false
	}
	return wire.SubackFailure, false
}

// unsubscribe takes filters away, known or not, and answers [MQTT-3.10.4-4] [MQTT-3.10.4-5].
func (c *Conn) unsubscribe(first byte, body []byte, header int) error {
	id, filters, err := wire.DecodeUnsubscribe(c.hello.Level, first, body, header)
	if err != nil {
		return err
	}
	for _, f := range filters {
		c.session.unsubscribe(f)
	}
	c.acknowledge(wire.UNSUBACK, id)
	return nil
}

// sendRetained queues what is retained under a filter, with RETAIN 1 [MQTT-3.3.1-8].
func (c *Conn) sendRetained(filter string, qos byte) {
	v := c.session.service
	v.retainedMu.RLock()
	defer v.retainedMu.RUnlock()
	v.retained.match(filter, func(m *Message) { c.session.push(m, min(m.QoS, qos), true) })
}

// subscribe adds a filter, or changes the QoS of one that is there [MQTT-3.8.4-3]. A session that was discarded
// meanwhile takes none.
func (s *session) subscribe(filter string, qos byte) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	if s.filters == nil {
		s.filters = map[string]byte{}
	}
	s.filters[filter] = qos
	s.mu.Unlock()
	s.service.index.subscribe(filter, s, qos)
}

func (s *session) unsubscribe(filter string) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	_, known := s.filters[filter]
	delete(s.filters, filter)
	s.mu.Unlock()
	if known {
		s.service.index.unsubscribe(filter, s)
	}
}
