package conformance

import (
	"testing"

	"gatehouse/gateway/wire"
)

// subscribeStatements concern sections 3.8 to 3.14: SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ and DISCONNECT.
var subscribeStatements = map[string]func(*testing.T){
	"MQTT-3.8.1-1": func(t *testing.T) {
		e := newEngine(t)
		for flags := range byte(16) {
			if flags != 2 {
				e.refuses(t, frame(0x80|flags, []byte{0, 1}, text("t"), []byte{0}))
			}
		}
	},
	"MQTT-3.8.3-1": func(t *testing.T) {
		e := newEngine(t)
		for _, filter := range []string{"\xff", "a/\xed\xa0\x80", "a\x00"} {
			e.refuses(t, frame(0x82, []byte{0, 1}, text(filter), []byte{0}))
		}
		e.refuses(t, frame(0x82, []byte{0, 1}, []byte{0, 9, 't'}, []byte{0})) // longer than the packet
	},
	"MQTT-3.8.3-2": func(t *testing.T) {
		// Wildcards are supported, but not below sync/ (contract, section 6): there they are rejected.
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		for _, filter := range []string{"#", "+", "a/#", "+/b"} {
			if code := c.subscribe(filter, 1); code != 1 {
				t.Errorf("%s gets %#x", filter, code)
			}
		}
		for _, filter := range []string{"sync/#", "sync/docs/+", "sync/+/x", "sync/maps/m/#"} {
			if code := c.subscribe(filter, 1); code != 0x80 {
				t.Errorf("%s gets %#x", filter, code)
			}
		}
	},
	"MQTT-3.8.3-3": func(t *testing.T) {
		e := newEngine(t)
		e.refuses(t, frame(0x82, []byte{0, 1}))
		e.refuses(t, frame(0x82, []byte{0, 1}, text("t"))) // a filter without its QoS
	},
	"MQTT-3.8.3-4": func(t *testing.T) {
		e := newEngine(t)
		for _, qos := range []byte{3, 4, 0x10, 0x81, 0xff} {
			e.refuses(t, frame(0x82, []byte{0, 1}, text("t"), []byte{qos}))
			e.refuses(t, frame(0x82, []byte{0, 1}, text("t"), []byte{1}, text("u"), []byte{qos}))
		}
	},
	"MQTT-3.8.4-1": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		for _, filter := range []string{"t", "#", "$SYS/#", "sync/#"} { // refused or not
			c.send(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: filter}))
			c.want(wire.SUBACK)
		}
	},
	"MQTT-3.8.4-2": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		for _, id := range []uint16{1, 2, 0x00ff, 0xff00, 65535, 1} {
			c.send(wire.AppendSubscribe(nil, id, wire.Subscription{Filter: "t"}))
			c.wantBytes(0x90, 3, byte(id>>8), byte(id), 0)
		}
	},
	"MQTT-3.8.4-3": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		p.retain("t/r", "kept", 2)
		c := e.connect(clean("d"), false)
		for _, qos := range []byte{2, 0, 1} {
			c.subscribe("t/+", qos)
			c.gets("t/r", "kept", qos) // sent again
			p.publish("t/x", "live", 2)
			c.gets("t/x", "live", qos) // at the new QoS, and once
			c.quiet()
		}
		// The flow is not interrupted: all that is published meanwhile arrives.
		const messages = 500
		go func() {
			var b []byte
			for i := range messages {
				b = wire.AppendPublish(b, wire.Message{Topic: "t/x", Payload: []byte{byte(i >> 8), byte(i)}})
			}
			p.send(b)
		}()
		for next, codes := 0, 0; next < messages || codes < 20; {
			if codes < 20 {
				c.send(wire.AppendSubscribe(nil, c.freshID(), wire.Subscription{Filter: "t/+"}))
			}
			switch got, open := c.receive(); {
			case !open:
				t.Fatal("the connection ended")
			case got.kind() == wire.SUBACK:
				codes++
			default:
				m, err := got.publish()
				if err != nil {
					t.Fatal(err)
				}
				if m.Retain {
					continue
				}
				if i := int(m.Payload[0])<<8 | int(m.Payload[1]); i != next {
					t.Fatalf("message %d comes after %d", i, next-1)
				}
				next++
			}
		}
	},
	"MQTT-3.8.4-4": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		p.retain("b", "kept", 1)
		c := e.connect(clean("d"), false)
		c.send(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "a", QoS: 2}, wire.Subscription{Filter: "b", QoS: 1},
			wire.Subscription{Filter: "$x"}, wire.Subscription{Filter: "a", QoS: 0}))
		c.wantBytes(0x90, 6, 0, 1, 2, 1, 0x80, 0)
		c.gets("b", "kept", 1)
		p.publish("a", "x", 2)
		c.gets("a", "x", 0) // the later one of the two replaced the first
		c.quiet()
	},
	"MQTT-3.8.4-5": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		many := make([]wire.Subscription, 300)
		want := []byte{0x90, 0xae, 0x02, 0, 1}
		for i := range many {
			many[i] = wire.Subscription{Filter: string(rune('a'+i%26)) + string(rune('a'+i/26)), QoS: byte(i % 3)}
			want = append(want, byte(i%3))
		}
		c.send(wire.AppendSubscribe(nil, 1, many...))
		c.wantBytes(want...)
	},
	"MQTT-3.8.4-6": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(clean("d"), false)
		for granted := range byte(3) {
			c.subscribe("t", granted)
			for published := range byte(3) {
				p.publish("t", "x", published)
				c.gets("t", "x", min(granted, published))
			}
			c.subscribe("r", granted)
			for published := range byte(3) {
				p.retain("r", "x", published)
				c.gets("r", "x", min(granted, published))
				c.subscribe("r", granted)
				c.gets("r", "x", min(granted, published))
			}
			p.retain("r", "", 0)
			c.gets("r", "", 0)
			c.quiet()
		}
	},
	"MQTT-3.9.3-1": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.send(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "a", QoS: 2}, wire.Subscription{Filter: "$b", QoS: 1},
			wire.Subscription{Filter: "c", QoS: 0}, wire.Subscription{Filter: "sync/#", QoS: 0}, wire.Subscription{Filter: "d", QoS: 1}))
		c.wantBytes(0x90, 7, 0, 1, 2, 0x80, 0, 0x80, 1)
	},
	"MQTT-3.9.3-2": func(t *testing.T) {
		e := newEngine(t)
		for _, level := range []byte{3, 4} {
			hello := clean("d")
			hello.Level = level
			c := e.connect(hello, false)
			for _, filter := range []string{"t", "#", "$SYS/#", "$share/g/t", "sync/#"} {
				for qos := range byte(3) {
					code := c.subscribe(filter, qos)
					if code > 2 && code != 0x80 || level == 3 && code > 2 {
						t.Errorf("level %d: %s gets %#x", level, filter, code)
					}
				}
			}
			c.drop()
		}
	},
	"MQTT-3.10.1-1": func(t *testing.T) {
		e := newEngine(t)
		for flags := range byte(16) {
			if flags != 2 {
				e.refuses(t, frame(0xa0|flags, []byte{0, 1}, text("t")))
			}
		}
	},
	"MQTT-3.10.3-1": func(t *testing.T) {
		e := newEngine(t)
		e.refuses(t, frame(0xa2, []byte{0, 1}, text("a\xff")))
		e.refuses(t, frame(0xa2, []byte{0, 1}, text("a"), []byte{0})) // not packed
		e.refuses(t, frame(0xa2, []byte{0, 1}, []byte{0, 9, 't'}))
	},
	"MQTT-3.10.3-2": func(t *testing.T) { newEngine(t).refuses(t, frame(0xa2, []byte{0, 1})) },
	"MQTT-3.10.4-1": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(clean("d"), false)
		c.subscribe("a/+", 0)
		c.unsubscribe("a/b", "a/#", "A/+", "a/+/", "+/+", "#") // others, although they match or are matched
		p.publish("a/b", "still there", 0)
		c.gets("a/b", "still there", 0)
		c.unsubscribe("a/+")
		p.publish("a/b", "gone", 0)
		c.quiet()
	},
	"MQTT-3.10.4-2": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 2)
		c.unsubscribe("t")
		for qos := range byte(3) {
			p.publish("t", "x", qos)
		}
		c.quiet()
		c.drop()
		p.publish("t", "x", 1)
		e.connect(persistent("d"), true).quiet()
	},
	"MQTT-3.10.4-3": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 2)
		p.publish("t", "one", 1)
		p.publish("t", "two", 2)
		one, two := c.message(), c.message()
		c.unsubscribe("t")
		c.ack(wire.PUBREC, two.ID)
		c.wantBytes(wire.AppendAck(nil, wire.PUBREL, two.ID)...) // goes on
		c.drop()
		c = e.connect(persistent("d"), true)
		again := c.message()
		if again.ID != one.ID || string(again.Payload) != "one" || !again.Dup {
			t.Fatalf("got %q, identifier %d, DUP %v", again.Payload, again.ID, again.Dup)
		}
		c.wantBytes(wire.AppendAck(nil, wire.PUBREL, two.ID)...)
		c.ack(wire.PUBACK, one.ID)
		c.ack(wire.PUBCOMP, two.ID)
		c.quiet()
	},
	"MQTT-3.10.4-4": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.subscribe("t", 1)
		for _, id := range []uint16{1, 0x0100, 65535} {
			c.send(wire.AppendUnsubscribe(nil, id, "t"))
			c.wantBytes(0xb0, 2, byte(id>>8), byte(id))
		}
	},
	"MQTT-3.10.4-5": func(t *testing.T) {
		c := newEngine(t).connect(clean("d"), false)
		c.send(wire.AppendUnsubscribe(nil, 7, "never subscribed", "nor/this/#"))
		c.wantBytes(0xb0, 2, 0, 7)
	},
	"MQTT-3.10.4-6": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(clean("d"), false)
		for _, filter := range []string{"a", "b", "c"} {
			c.subscribe(filter, 0)
		}
		c.unsubscribe("a", "unknown", "c", "a") // wants one answer
		c.quiet()
		for _, topic := range []string{"a", "b", "c"} {
			p.publish(topic, topic, 0)
		}
		c.gets("b", "b", 0)
		c.quiet()
	},
	"MQTT-3.12.4-1": func(t *testing.T) {
		c := newEngine(t).connect(clean("d"), false)
		for range 3 {
			c.send(wire.AppendEmpty(nil, wire.PINGREQ), wire.AppendEmpty(nil, wire.PINGREQ))
			c.wantBytes(0xd0, 0)
			c.wantBytes(0xd0, 0)
		}
	},
	"MQTT-3.14.1-1": func(t *testing.T) {
		e := newEngine(t)
		for flags := byte(1); flags < 16; flags++ {
			e.refuses(t, []byte{0xe0 | flags, 0})
		}
		e.refuses(t, []byte{0xe0, 1, 0})
		c := e.connect(clean("d"), false) // and the right one ends it as well
		c.send(wire.AppendEmpty(nil, wire.DISCONNECT))
		c.closed()
	},
	"MQTT-3.14.4-3": func(t *testing.T) {
		// No will is ever published: it is discarded when it comes (contract, section 2).
		w := listening(t)
		watch := w.accepted(t, w.newDevice(t).hello())
		watch.subscribe("#", 2)
		for _, disconnect := range []bool{true, false} {
			hello := w.newDevice(t).hello()
			hello.HasWill, hello.WillTopic, hello.WillPayload, hello.WillQoS, hello.WillRetain = true, "will", []byte("gone"), 1, true
			c := w.accepted(t, hello)
			if disconnect {
				c.send(wire.AppendEmpty(nil, wire.DISCONNECT))
				c.closed()
			}
			_ = c.conn.Close()
			next := w.accepted(t, w.newDevice(t).hello())
			next.publish("marker", "", 0)
			watch.gets("marker", "", 0)
			next.subscribe("will", 1)
			next.quiet()
		}
	},
}
