package conformance

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/gateway/wire"
)

// behaviourStatements concern section 4: state, quality of service, order, topics and errors.
var behaviourStatements = map[string]func(*testing.T){
	"MQTT-4.1.0-1": func(t *testing.T) {
		// All that belongs to a session outlives the connection: subscriptions, messages in every state of their delivery,
		// and the identifiers of QoS 2 messages that the device has sent.
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 2)
		p.publish("t", "sent", 2)
		p.publish("t", "received", 2)
		sent, received := c.message(), c.message()
		c.ack(wire.PUBREC, received.ID)
		c.wantBytes(wire.AppendAck(nil, wire.PUBREL, received.ID)...)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "u", QoS: 2, ID: 77}))
		c.wantBytes(0x50, 2, 0, 77)
		c.drop()
		p.publish("t", "pending", 1)
		p.subscribe("u", 2)
		for range 3 { // however often it comes and goes
			c = e.connect(persistent("d"), true)
			if m := c.message(); m.ID != sent.ID || string(m.Payload) != "sent" {
				t.Fatalf("got %q under %d", m.Payload, m.ID)
			}
			c.wantBytes(wire.AppendAck(nil, wire.PUBREL, received.ID)...)
			if m := c.message(); string(m.Payload) != "pending" {
				t.Fatalf("got %q", m.Payload)
			}
			c.send(wire.AppendPublish(nil, wire.Message{Topic: "u", QoS: 2, ID: 77, Dup: true}))
			c.wantBytes(0x50, 2, 0, 77)
			p.quiet() // it is no new message
			c.drop()
		}
	},
	"MQTT-4.1.0-2": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.subscribe("t", 1)
		for i := range 100 {
			other := e.connect(persistent(fmt.Sprint("other", i)), false)
			other.publish("t", "x", 1)
			c.gets("t", "x", 1)
			other.drop()
		}
	},
	"MQTT-4.3.1-1": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 0)
		for qos := range byte(3) {
			p.publish("t", "x", qos)
			c.wantBytes(0x30, 4, 0, 1, 't', 'x')
		}
		c.drop()
		e.connect(persistent("d"), true).quiet() // at most once: it does not come again
	},
	"MQTT-4.3.2-1": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 1)
		p.publish("t", "x", 1)
		p.publish("t", "y", 1)
		x, y := c.message(), c.message()
		if x.QoS != 1 || x.Dup || y.QoS != 1 || y.Dup || x.ID == y.ID {
			t.Fatalf("got %+v and %+v", x, y)
		}
		c.ack(wire.PUBACK, y.ID)
		c.ping()
		c.drop()
		c = e.connect(persistent("d"), true)
		if m := c.message(); m.ID != x.ID || !m.Dup {
			t.Fatalf("got %+v", m)
		}
		c.ack(wire.PUBACK, x.ID)
		c.ping()
		c.drop()
		e.connect(persistent("d"), true).quiet()
	},
	"MQTT-4.3.2-2": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.subscribe("t", 0)
		for i, dup := range []bool{false, true, false, true} { // the same identifier is a new message each time
			payload := fmt.Sprint("n", i)
			c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", Payload: []byte(payload), QoS: 1, ID: 5, Dup: dup}))
			c.gotten(c.both(wire.PUBACK, []byte{0x40, 2, 0, 5}), "t", payload, 0)
		}
	},
	"MQTT-4.3.3-1": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 2)
		p.publish("t", "x", 2)
		first := c.message()
		if first.QoS != 2 || first.Dup {
			t.Fatalf("got %+v", first)
		}
		c.drop()
		c = e.connect(persistent("d"), true)
		if m := c.message(); m.ID != first.ID || !m.Dup || m.QoS != 2 {
			t.Fatalf("unacknowledged: got %+v", m)
		}
		rel := wire.AppendAck(nil, wire.PUBREL, first.ID)
		c.ack(wire.PUBREC, first.ID)
		c.wantBytes(rel...)
		c.ack(wire.PUBREC, first.ID) // again
		c.wantBytes(rel...)
		for range 2 {
			c.drop()
			c = e.connect(persistent("d"), true)
			c.wantBytes(rel...) // and not the PUBLISH
			c.quiet()
		}
		c.ack(wire.PUBCOMP, first.ID)
		c.ping()
		c.drop()
		e.connect(persistent("d"), true).quiet()
	},
	"MQTT-4.3.3-2": func(t *testing.T) {
		e := newEngine(t)
		w := e.connect(clean("w"), false)
		w.subscribe("t", 2)
		c := e.connect(persistent("d"), false)
		publish := func(dup bool) {
			c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", Payload: []byte("x"), QoS: 2, ID: 5, Dup: dup}))
			c.wantBytes(0x50, 2, 0, 5)
		}
		publish(false)
		w.gets("t", "x", 2)
		publish(true)
		publish(false) // DUP makes no difference
		c.drop()
		c = e.connect(persistent("d"), true)
		publish(true)
		w.quiet()
		for range 2 {
			c.ack(wire.PUBREL, 5)
			c.wantBytes(0x70, 2, 0, 5)
		}
		publish(true) // a new message now
		w.gets("t", "x", 2)
	},
	"MQTT-4.4.0-1": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 2)
		var sent []wire.Publish
		for i := range 6 {
			p.publish("t", fmt.Sprint(i), byte(1+i%2))
			m := c.message()
			m.Payload = []byte(fmt.Sprint(i)) // the packet's memory is the client's
			sent = append(sent, m)
		}
		c.ack(wire.PUBREC, sent[3].ID)
		c.wantBytes(wire.AppendAck(nil, wire.PUBREL, sent[3].ID)...)
		c.ack(wire.PUBACK, sent[2].ID)
		c.ping()
		c.drop()
		c = e.connect(persistent("d"), true)
		for _, i := range []int{0, 1, 3, 4, 5} {
			if i == 3 {
				c.wantBytes(wire.AppendAck(nil, wire.PUBREL, sent[3].ID)...)
				continue
			}
			if m := c.message(); m.ID != sent[i].ID || string(m.Payload) != string(sent[i].Payload) || m.QoS != sent[i].QoS || !m.Dup {
				t.Fatalf("message %d: got %+v", i, m)
			}
		}
		c.quiet()
	},
	"MQTT-4.5.0-1": func(t *testing.T) {
		e := newEngine(t)
		here, away := e.connect(clean("here"), false), e.connect(persistent("away"), false)
		here.subscribe("a/+", 2)
		away.subscribe("#", 1)
		e.connect(clean("elsewhere"), false).subscribe("b", 1)
		away.drop()
		p := e.connect(clean("p"), false)
		for qos := byte(1); qos < 3; qos++ {
			p.publish("a/b", "x", qos)
			here.gets("a/b", "x", qos)
		}
		away = e.connect(persistent("away"), true)
		away.gets("a/b", "x", 1)
		away.gets("a/b", "x", 1)
	},
	"MQTT-4.6.0-1": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t/#", 2)
		want := make([]string, 0, 50)
		for i := range 50 {
			p.publish(fmt.Sprint("t/", i%3), fmt.Sprint(i), byte(1+i%2))
			want = append(want, fmt.Sprint(i))
		}
		for range want {
			c.message()
		}
		for range 2 {
			c.drop()
			c = e.connect(persistent("d"), true)
			var got []string
			for range want {
				got = append(got, string(c.message().Payload))
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Fatalf("resent in the order %s", got)
			}
		}
	},
	"MQTT-4.6.0-5": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(persistent("d"), false)
		c.subscribe("#", 1)
		p := e.connect(clean("p"), false)
		topics := []string{"a", "b/c", "/", " "}
		for i := range 400 {
			p.publish(topics[i%4], fmt.Sprintf("%03d", i/4), byte(i%4%2)) // QoS 0 on one, QoS 1 on the next
		}
		ordered(c, 400)
	},
	"MQTT-4.6.0-6": func(t *testing.T) {
		// Several devices publish at once; what each of them sent on a topic arrives in its order, here and at a device that
		// was away. Acknowledgements come in the order of what they acknowledge.
		e := newEngine(t)
		here, away := e.connect(clean("here"), false), e.connect(persistent("away"), false)
		here.subscribe("t/+", 2)
		away.subscribe("t/+", 2)
		away.drop()
		const publishers, each = 4, 100
		done := make(chan error, publishers)
		for n := range publishers {
			p := e.connect(clean(fmt.Sprint("p", n)), false)
			go func() {
				var b []byte
				for i := range each {
					b = wire.AppendPublish(b, wire.Message{Topic: fmt.Sprint("t/", n), Payload: fmt.Appendf(nil, "%03d", i), QoS: 1, ID: uint16(i + 1)})
				}
				p.send(b)
				for i := range each {
					if got, open := <-p.in; !open || got.kind() != wire.PUBACK || got.id() != uint16(i+1) {
						done <- fmt.Errorf("acknowledgement %d is %v", i, got)
						return
					}
				}
				done <- nil
			}()
		}
		ordered(here, publishers*each)
		for range publishers {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		ordered(e.connect(persistent("away"), true), publishers*each)
	},
	"MQTT-4.7.1-1": func(t *testing.T) {
		e := newEngine(t)
		for _, topic := range []string{"#", "+", "a/+/b", "a/#"} {
			e.refuses(t, wire.AppendPublish(nil, wire.Message{Topic: topic}))
			c := e.connect(clean("d"), false)
			if code := c.subscribe(topic, 0); code != 0 {
				t.Errorf("%s gets %#x", topic, code)
			}
			c.drop()
		}
	},
	"MQTT-4.7.1-2": func(t *testing.T) {
		refusesFilters(t, "a#", "a/b#", "#/", "#/a", "a/#/b", "##", "a/##", "+#", "/#/")
		grantsFilters(t, "#", "a/#", "/#", "+/#")
	},
	"MQTT-4.7.1-3": func(t *testing.T) {
		refusesFilters(t, "a+", "+a", "a/b+", "a/+b/c", "++", "+/++", "a+/b")
		grantsFilters(t, "+", "+/", "/+", "a/+", "+/b/+", "+/+")
	},
	"MQTT-4.7.2-1": func(t *testing.T) {
		// Nothing may publish to $ topics here (contract, section 6), so no filter can match one.
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		for _, filter := range []string{"#", "+/monitor/Clients", "+/#", "+"} {
			c.subscribe(filter, 1)
		}
		p := e.connect(clean("p"), false)
		for _, topic := range []string{"$SYS/monitor/Clients", "$SYS", "$", "$x/y"} {
			p.publish(topic, "hidden", 1)
			p.retain(topic, "hidden", 1)
		}
		c.quiet()
		c.subscribe("#", 1)
		c.quiet()
		p.publish("a/$b", "shown", 1) // only the first character counts
		c.gets("a/$b", "shown", 1)
	},
	"MQTT-4.7.3-1": func(t *testing.T) {
		e := newEngine(t)
		e.refuses(t, wire.AppendPublish(nil, wire.Message{Topic: ""}))
		e.refuses(t, wire.AppendUnsubscribe(nil, 1, ""))
		refusesFilters(t, "")
		c := e.connect(clean("d"), false)
		c.subscribe("/", 0)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "/"}))
		c.gets("/", "", 0)
	},
	"MQTT-4.7.3-2": func(t *testing.T) {
		e := newEngine(t)
		for _, name := range []string{"\x00", "a/\x00/b", "a\x00"} {
			e.refuses(t, wire.AppendPublish(nil, wire.Message{Topic: name}))
			e.refuses(t, wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: name}))
			e.refuses(t, wire.AppendUnsubscribe(nil, 1, name))
		}
	},
	"MQTT-4.7.3-3": func(t *testing.T) {
		// The contract (section 6) draws the line at 1 024 bytes and 64 levels; within it every length works.
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		for _, topic := range []string{strings.Repeat("x", 1024), strings.Repeat("é", 512), strings.Repeat("x/", 63) + "x"} {
			c.subscribe(topic, 0)
			c.send(wire.AppendPublish(nil, wire.Message{Topic: topic}))
			c.gets(topic, "", 0)
		}
		for _, topic := range []string{strings.Repeat("x", 1025), strings.Repeat("/", 64), strings.Repeat("x", 65_535)} {
			e.refuses(t, wire.AppendPublish(nil, wire.Message{Topic: topic}))
			e.refuses(t, wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: topic}))
		}
	},
	"MQTT-4.7.3-4": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		alike := []string{"a/b", "A/b", "a//b", "/a/b", "a/b/", "a/ b", "a/./b", "a%2Fb", "\u00e9", "e\u0301", "ﬁ", "fi", "\ufeffa/b", "a\u200b/b"}
		for _, filter := range alike {
			c := e.connect(clean("d"), false)
			c.subscribe(filter, 0)
			for _, topic := range alike {
				p.publish(topic, topic, 0)
			}
			c.gets(filter, filter, 0)
			c.quiet()
			c.drop()
		}
	},
	"MQTT-4.8.0-1": func(t *testing.T) {
		e := newEngine(t)
		for _, packet := range [][]byte{
			{0x20, 2, 0, 0}, {0x90, 3, 0, 1, 0}, {0xb0, 2, 0, 1}, {0xd0, 0}, // from server to client only
			{0x00, 0}, {0xf0, 0}, // of no type
			{0xc0, 1, 0}, {0x40, 3, 0, 1, 0}, {0x40, 1, 0}, {0x62, 0}, // of a length that they cannot have
			{0x40, 2, 0, 0},                               // without an identifier
			{0x30, 0xff, 0xff, 0xff, 0xff, 1},             // five bytes of remaining length
			{0xc0, 0xff, 0xff, 0xff, 0x7f, 0, 0},          // 256 MB are claimed
			frame(0x30, text("t"), make([]byte, 300<<10)), // beyond the contract's 256 KiB
		} {
			e.refuses(t, packet)
		}
	},
	"MQTT-4.8.0-2": func(t *testing.T) {
		log := &memoryLog{}
		e := engineOf(t, hubOn(t, log))
		c, p := e.connect(persistent("d"), false), e.connect(clean("p"), false)
		c.subscribe("t", 1)
		log.fill()
		for _, qos := range []byte{1, 2} { // what cannot be stored is not acknowledged
			p.send(wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: qos, ID: 2}))
			p.closed()
			p = e.dial(clean("p"))
			if connack, accepted := p.receive(); !accepted || connack.kind() != wire.CONNACK {
				return // nobody is let in while the store is down: then nothing more can go wrong
			}
		}
	},
}

// ordered takes messages whose payloads rise by one within each topic.
func ordered(c *client, messages int) {
	c.t.Helper()
	next := map[string]int{}
	for range messages {
		m := c.message()
		topic := string(m.Topic)
		if want := fmt.Sprintf("%03d", next[topic]); string(m.Payload) != want {
			c.t.Fatalf("%s comes on %q, want %s", m.Payload, topic, want)
		}
		next[topic]++
		c.acknowledge(m)
	}
}

// refusesFilters wants each filter to be refused: the whole connection, or with 0x80 alone.
func refusesFilters(t *testing.T, filters ...string) {
	t.Helper()
	e := newEngine(t)
	for _, filter := range filters {
		c := e.connect(clean("d"), false)
		c.send(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: filter, QoS: 1}))
		if p, open := c.receive(); open && (p.kind() != wire.SUBACK || p.body[2] != 0x80) {
			t.Errorf("%q gets %v", filter, p)
		}
		c.drop()
	}
}

func grantsFilters(t *testing.T, filters ...string) {
	t.Helper()
	c := newEngine(t).connect(clean("d"), false)
	for _, filter := range filters {
		if code := c.subscribe(filter, 1); code != 1 {
			t.Errorf("%q gets %#x", filter, code)
		}
	}
}
