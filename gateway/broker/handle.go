package broker

import (
	"strings"
	"time"

	"gatehouse/gateway/wire"
)

// handle does what a packet asks for. Any error ends the connection [MQTT-4.8.0-1].
func (c *Conn) handle(packet []byte, header int) error {
	c.tap(false, packet)
	level, first, body := c.hello.Level, packet[0], packet[header:]
	switch kind := first >> 4; kind {
	case wire.PUBLISH:
		return c.publish(first, body, header)
	case wire.PUBACK, wire.PUBREC, wire.PUBCOMP, wire.PUBREL:
		id, err := wire.DecodeAck(level, first, body, header)
		if err != nil {
			return err
		}
		return c.acknowledged(kind, id)
	case wire.SUBSCRIBE:
		return c.subscribe(first, body, header)
	case wire.UNSUBSCRIBE:
		return c.unsubscribe(first, body, header)
	case wire.PINGREQ:
		if err := wire.DecodeEmpty(first, body); err != nil {
			return err
		}
		c.send([]byte{wire.PINGRESP << 4, 0}) // [MQTT-3.12.4-1]
		return nil
	case wire.DISCONNECT:
		if err := wire.DecodeEmpty(first, body); err != nil {
			return err
		}
		return errDisconnect
	}
	return wire.Unexpected(first)
}

// acknowledge sends one of the packets that are only an identifier.
func (c *Conn) acknowledge(packetType byte, id uint16) {
	var b [4]byte
	c.send(wire.AppendAck(b[:0], packetType, id))
}

// publishAnswer is the packet that acknowledges a PUBLISH; 0 is none.
func publishAnswer(qos byte) byte {
	switch qos {
	case 1:
		return wire.PUBACK
	case 2:
		return wire.PUBREC
	}
	return 0
}

// publish routes a message and acknowledges it after it was stored [MQTT-4.3.2-2] [MQTT-4.3.3-2].
func (c *Conn) publish(first byte, body []byte, header int) error {
	p, err := wire.DecodePublish(c.hello.Level, first, body, header, c.topic)
	if err != nil {
		return err
	}
	if string(p.Topic) != c.topic {
		c.topic = string(p.Topic)
	}
	c.messagesIn++
	if !c.mayPublish(c.topic) || p.QoS == 2 && !c.session.take(p.ID) {
		if p.QoS == 0 {
			return nil
		}
		return c.answer(publishAnswer(p.QoS), p.ID)
	}
	if strings.HasPrefix(c.topic, syncPrefix) {
		return c.publishObject(c.topic, p.Payload, p.QoS, p.ID)
	}
	m := newMessage(p.Payload) // the packet's memory is used again
	m.Topic, m.QoS, m.Retain, m.From = c.topic, p.QoS, p.Retain, c.hello.DeviceSID
	if targets, ok := c.direct(m); ok {
		c.deliver(m, targets)
		c.slowDown()
		if p.QoS > 0 {
			c.acknowledge(publishAnswer(p.QoS), p.ID)
		}
		return nil
	}
	return c.submit(entry{
		kind: entryPublish, answer: publishAnswer(p.QoS), id: p.ID, message: m, bytes: m.size(), fresh: p.QoS == 2,
	})
}

// mayPublish decides on a topic; 3.1.1 cannot refuse a message, so that it is acknowledged, dropped and reported
// [MQTT-3.3.5-2].
func (c *Conn) mayPublish(topic string) bool {
	objects := strings.HasPrefix(topic, syncPrefix)
	switch {
	case topic[0] == '$':
		c.notice(SystemTopic, topic)
	case !objects && c.hub.syncOnly.Load():
		c.notice(NotSyncTopic, topic)
	case objects && c.hub.objects == nil:
		c.notice(NoObjects, topic)
	default:
		return true
	}
	return false
}

// direct reports whether a message may go past the sequencer: nothing of it is to be stored, and nothing of its publisher is
// still on the way, which it would overtake [MQTT-4.6.0-2].
func (c *Conn) direct(m *Message) (targets []target, ok bool) {
	if m.Retain || m.QoS == 2 && c.session.stores() || c.pending.Load() > 0 {
		return nil, false
	}
	targets = c.session.service.index.match(m.Topic)
	if m.QoS > 0 {
		for _, t := range targets {
			if t.qos > 0 && !t.session.clean {
				return nil, false
			}
		}
	}
	return targets, true
}

// stores reports whether what becomes of the session is stored.
func (s *session) stores() bool { return s.number != 0 && s.hub.shelf.log != nil }

// deliver puts the message into outboxes, with RETAIN 0 [MQTT-3.3.1-9], and takes note of a device that cannot keep up.
func (c *Conn) deliver(m *Message, targets []target) {
	var crowded *session
	for _, t := range targets {
		isCrowded, over := t.session.push(m, min(m.QoS, t.qos), false)
		if isCrowded {
			crowded = t.session
		}
		if over {
			c.hub.overflowed(t.session)
		}
	}
	if crowded != nil && m.QoS > 0 {
		c.crowded = crowded
	}
	c.session.service.seen(m)
}

// slowDown waits until the device that could not keep up has taken some, at most Settings.SlowDown.
func (c *Conn) slowDown() {
	s := c.crowded
	if s == nil {
		return
	}
	c.crowded = nil
	eased := s.uncrowded()
	if eased == nil || s == c.session {
		return // a device is never made to wait for itself
	}
	c.hub.totals.slowed.Add(1)
	limit := time.NewTimer(c.hub.settings.SlowDown)
	defer limit.Stop()
	select {
	case <-eased:
	case <-limit.C:
	case <-c.killed:
	}
}

// acknowledged handles PUBACK, PUBREC, PUBREL and PUBCOMP from the device. One that fits nothing in flight changes nothing.
func (c *Conn) acknowledged(kind byte, id uint16) error {
	s := c.session
	switch kind {
	case wire.PUBREL:
		if known := s.forget(id); known && s.stores() {
			return c.submit(entry{kind: entryForget, answer: wire.PUBCOMP, id: id})
		}
		return c.answer(wire.PUBCOMP, id) // [MQTT-4.3.3-2]
	case wire.PUBREC:
		if seq := c.release(id); seq != 0 {
			return c.submit(entry{kind: entryRelease, answer: wire.PUBREL, id: id, seq: seq})
		}
		return c.answer(wire.PUBREL, id) // [MQTT-4.3.3-1], owed even for an identifier that is not known
	}
	c.done(kind, id)
	return nil
}

// release handles a PUBREC and returns the sequence number of a message whose release is to be stored before PUBREL is sent,
// or 0.
func (c *Conn) release(id uint16) (seq uint64) {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(id)
	if s.conn != c || i < 0 || s.inFlight[i].qos() != 2 || s.inFlight[i].released() {
		return 0
	}
	if s.stores() {
		return s.inFlight[i].seq()
	}
	s.inFlight[i].mark |= markReleased
	return 0
}

// done handles a PUBACK or PUBCOMP. That it came may be stored some time later: if it is not, the message is only sent
// again, with DUP.
func (c *Conn) done(kind byte, id uint16) {
	s := c.session
	s.mu.Lock()
	if s.conn != c {
		s.mu.Unlock()
		return
	}
	it, ok := s.outbox.done(kind, id)
	if !ok {
		s.mu.Unlock()
		return
	}
	s.await(-1, -it.size())
	if s.queued.len() > 0 {
		c.kick()
	}
	s.mu.Unlock()
	if it.stored != nil {
		c.hub.shelf.release(it.stored)
		// An error means that nothing is stored now, and then memory is the truth.
		_ = c.hub.sequencer.add(entry{kind: entryDone, session: s, seq: it.seq()}, 0, true)
	}
}
