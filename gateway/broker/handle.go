package broker

import (
	"fmt"
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
		if kind == wire.PUBREL {
			c.session.forget(id)
			c.acknowledge(wire.PUBCOMP, id) // [MQTT-4.3.3-2]
			return nil
		}
		c.session.acknowledged(c, kind, id)
		return nil
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
	if c.mayPublish(c.topic) && (p.QoS < 2 || c.session.fresh(p.ID)) {
		m := newMessage(p.Payload) // the packet's memory is used again
		m.Topic, m.QoS, m.Retain, m.From = c.topic, p.QoS, p.Retain, c.hello.DeviceSID
		if strings.HasPrefix(m.Topic, syncPrefix) { // contract, section 6
			m.Retain = false
		}
		if err := c.route(m); err != nil {
			return err
		}
		if p.QoS == 2 {
			c.session.remember(p.ID)
		}
		c.slowDown()
	}
	switch p.QoS {
	case 1:
		c.acknowledge(wire.PUBACK, p.ID)
	case 2:
		c.acknowledge(wire.PUBREC, p.ID)
	}
	return nil
}

// mayPublish decides on a topic; 3.1.1 cannot refuse a message, so that it is acknowledged, dropped and reported
// [MQTT-3.3.5-2].
func (c *Conn) mayPublish(topic string) bool {
	switch {
	case topic[0] == '$':
		c.notice(SystemTopic, topic)
	case c.hub.syncOnly.Load() && !strings.HasPrefix(topic, syncPrefix):
		c.notice(NotSyncTopic, topic)
	default:
		return true
	}
	return false
}

// route delivers a message within the service. When it returns nil, the message is stored for every session that must
// not lose it.
func (c *Conn) route(m *Message) error {
	targets := c.session.service.index.match(m.Topic)
	if err := c.store(m, targets); err != nil {
		return err
	}
	if m.Retain {
		c.retain(m)
		return nil
	}
	c.deliver(m, targets)
	return nil
}

// store hands a QoS 1 or 2 message to the journal when a session that outlives its connection is to get it.
func (c *Conn) store(m *Message, targets []target) error {
	if m.QoS == 0 {
		return nil
	}
	var few [4]string
	devices := few[:0]
	for _, t := range targets {
		if t.qos > 0 && !t.session.clean {
			devices = append(devices, t.session.device)
		}
	}
	if len(devices) == 0 && !m.Retain {
		return nil
	}
	position, err := c.hub.journal.Append(m, devices)
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	m.Position = position
	return nil
}

// retain keeps the message as its topic's last one and delivers it under the same lock, so that a device which
// subscribes meanwhile never sees an older state after a newer one.
func (c *Conn) retain(m *Message) {
	v := c.session.service
	v.retainedMu.Lock()
	kept := v.retained.set(m)
	c.deliver(m, v.index.match(m.Topic))
	v.retainedMu.Unlock()
	if !kept {
		c.notice(NotRetained, m.Topic)
	}
}

// deliver puts the message into outboxes, with RETAIN 0 [MQTT-3.3.1-9], and holds the publisher back for a bounded time
// when a device cannot keep up.
func (c *Conn) deliver(m *Message, targets []target) {
	var crowded *session
	for _, t := range targets {
		if t.session.push(m, min(m.QoS, t.qos), false) {
			crowded = t.session
		}
	}
	if crowded != nil && m.QoS > 0 {
		c.crowded = crowded
	}
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
