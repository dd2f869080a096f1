package conformance

import (
	"testing"

	"gatehouse/gateway/wire"
)

// formatStatements concern sections 1 and 2: how packets are made of bytes.
var formatStatements = map[string]func(*testing.T){
	"MQTT-1.5.3-1": func(t *testing.T) {
		e := newEngine(t)
		for _, bad := range []string{"a\xff", "a\xc0\xaf", "a\xed\xa0\x80", "a\xed\xbf\xbf", "\xf4\x90\x80\x80", "a\xe2\x82"} {
			e.refuses(t, frame(0x30, text(bad)))
			e.refuses(t, frame(0x82, []byte{0, 1}, text(bad), []byte{0}))
			e.refuses(t, frame(0xa2, []byte{0, 1}, text(bad)))
		}
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.ClientID = "board\xed\xa0\x80"
		w.offer(t, hello).closed()
	},
	"MQTT-1.5.3-2": func(t *testing.T) {
		e := newEngine(t)
		e.refuses(t, frame(0x30, text("a\x00b")))
		e.refuses(t, frame(0x82, []byte{0, 1}, text("a\x00"), []byte{0}))
		e.refuses(t, frame(0xa2, []byte{0, 1}, text("\x00")))
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.ClientID = "bo\x00ard"
		w.offer(t, hello).closed()
	},
	"MQTT-1.5.3-3": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.subscribe("\ufeffa", 0)
		c.subscribe("b\ufeff", 0)
		c.publish("a", "without", 0)
		c.publish("b", "without", 0)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "\ufeffa", Payload: []byte("first")}))
		c.gets("\ufeffa", "first", 0)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "b\ufeff", Payload: []byte("last")}))
		c.gets("b\ufeff", "last", 0)
		c.quiet()
	},
	"MQTT-2.2.2-1": func(t *testing.T) {
		// Whatever the server sends has the flags of table 2.2.
		e := newEngine(t)
		c := e.connect(persistent("d"), false)
		c.send(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "t", QoS: 2}))
		c.wantBytes(0x90, 3, 0, 1, 2)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: 2, ID: 7}))
		id := c.both(wire.PUBREC, []byte{0x50, 2, 0, 7}).ID
		c.ack(wire.PUBREC, id)
		c.wantBytes(0x62, 2, byte(id>>8), byte(id))
		c.ack(wire.PUBCOMP, id)
		c.ack(wire.PUBREL, 7)
		c.wantBytes(0x70, 2, 0, 7)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "u", QoS: 1, ID: 8}))
		c.wantBytes(0x40, 2, 0, 8)
		c.send(wire.AppendUnsubscribe(nil, 9, "t"))
		c.wantBytes(0xb0, 2, 0, 9)
		c.send(wire.AppendEmpty(nil, wire.PINGREQ))
		c.wantBytes(0xd0, 0)
		listening(t).accepted(t, listening(t).newDevice(t).hello()) // compares CONNACK byte by byte
	},
	"MQTT-2.2.2-2": func(t *testing.T) {
		e := newEngine(t)
		for kind, flags := range map[byte]byte{wire.PUBACK: 0, wire.PUBREC: 0, wire.PUBREL: 2, wire.PUBCOMP: 0} {
			for f := range byte(16) {
				if f != flags {
					e.refuses(t, []byte{kind<<4 | f, 2, 0, 1})
				}
			}
		}
		for f := byte(1); f < 16; f++ {
			e.refuses(t, []byte{wire.PINGREQ<<4 | f, 0})
			e.refuses(t, []byte{wire.DISCONNECT<<4 | f, 0})
		}
		w := listening(t)
		packet := wire.AppendConnect(nil, w.newDevice(t).hello(), false)
		packet[0] |= 1
		c := w.dial(t)
		c.send(packet)
		c.closed()
	},
	"MQTT-2.3.1-1": func(t *testing.T) {
		e := newEngine(t)
		e.refuses(t, wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: 1}))
		e.refuses(t, wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: 2}))
		e.refuses(t, wire.AppendSubscribe(nil, 0, wire.Subscription{Filter: "t"}))
		e.refuses(t, wire.AppendUnsubscribe(nil, 0, "t"))
		c := e.connect(clean("d"), false)
		c.subscribe("t", 2)
		const atOnce = 64
		for range 70_000 / atOnce { // past the end of the 16 bits
			var messages, acks []byte
			for id := range uint16(atOnce) {
				messages = wire.AppendPublish(messages, wire.Message{Topic: "t", QoS: 1, ID: id + 1})
			}
			c.send(messages)
			for range 2 * atOnce { // PUBACKs, and the messages
				p, open := c.receive()
				if !open {
					t.Fatal("the connection ended")
				}
				if p.kind() == wire.PUBACK {
					continue
				}
				m, err := p.publish() // refuses the identifier 0
				if err != nil {
					t.Fatal(err)
				}
				acks = wire.AppendAck(acks, wire.PUBACK, m.ID)
			}
			c.send(acks)
		}
	},
	"MQTT-2.3.1-4": func(t *testing.T) {
		// An identifier is not given to another message before its acknowledgement; after that it may be.
		e := newEngine(t)
		c := e.connect(persistent("d"), false)
		c.subscribe("t/1", 1)
		c.subscribe("t/2", 2)
		p := e.connect(clean("p"), false)
		inUse := map[uint16]bool{}
		var last wire.Publish
		for i := range 40 {
			p.publish([]string{"t/1", "t/2"}[i%2], "x", 2)
			m := c.message()
			if inUse[m.ID] {
				t.Fatalf("identifier %d is given twice", m.ID)
			}
			inUse[m.ID] = true
			last = m
		}
		c.ack(wire.PUBREC, last.ID) // not yet its end
		c.wantBytes(wire.AppendAck(nil, wire.PUBREL, last.ID)...)
		p.publish("t/1", "x", 1)
		if m := c.message(); inUse[m.ID] {
			t.Fatalf("identifier %d is given again before PUBCOMP", m.ID)
		}
	},
	"MQTT-2.3.1-5": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.subscribe("t", 2)
		c.send(frame(0x30, text("t"), []byte{0, 9, 'x'})) // the bytes that would be an identifier are payload
		c.wantBytes(0x30, 6, 0, 1, 't', 0, 9, 'x')
	},
	"MQTT-2.3.1-6": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		for _, id := range []uint16{1, 255, 256, 65535} {
			c.publishMessage(wire.Message{Topic: "t", QoS: 1, ID: id}) // compares every answer
			c.publishMessage(wire.Message{Topic: "t", QoS: 2, ID: id})
		}
		c.subscribe("t", 2)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: 2, ID: 5}))
		m := c.both(wire.PUBREC, []byte{0x50, 2, 0, 5})
		c.ack(wire.PUBREC, m.ID)
		c.wantBytes(wire.AppendAck(nil, wire.PUBREL, m.ID)...)
	},
	"MQTT-2.3.1-7": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		for _, id := range []uint16{1, 255, 256, 65535} {
			c.send(wire.AppendSubscribe(nil, id, wire.Subscription{Filter: "t", QoS: 1}))
			c.wantBytes(0x90, 3, byte(id>>8), byte(id), 1)
			c.send(wire.AppendUnsubscribe(nil, id, "t"))
			c.wantBytes(0xb0, 2, byte(id>>8), byte(id))
		}
	},
}

// refuses wants the end of a connection, and nothing before it, after these bytes.
func (e *engine) refuses(t *testing.T, bytes []byte) {
	t.Helper()
	c := e.connect(clean("refused"), false)
	c.send(bytes)
	c.closed()
}

// both waits for an acknowledgement and a message, in whatever order they come, and returns the message.
func (c *client) both(kind byte, ack []byte) wire.Publish {
	c.t.Helper()
	var m wire.Publish
	for range 2 {
		p, open := c.receive()
		switch {
		case !open:
			c.t.Fatal("the connection ended")
		case p.kind() == wire.PUBLISH:
			var err error
			if m, err = p.publish(); err != nil {
				c.t.Fatal(err)
			}
		case p.kind() != kind || string(p.raw) != string(ack):
			c.t.Fatalf("got %v, want % x", p, ack)
		}
	}
	if m.Topic == nil {
		c.t.Fatal("no message came")
	}
	return m
}
