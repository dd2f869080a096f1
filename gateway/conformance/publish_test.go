package conformance

import (
	"testing"

	"gatehouse/gateway/wire"
)

// publishStatements concern section 3.3, PUBLISH, and 3.6, PUBREL.
var publishStatements = map[string]func(*testing.T){
	"MQTT-3.3.1-1": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 2)
		p.publish("t", "one", 1)
		p.publish("t", "two", 2)
		for range 2 {
			if m := c.message(); m.Dup {
				t.Fatalf("the first delivery of %q has DUP", m.Payload)
			}
		}
		c.drop()
		p.publish("t", "three", 1) // never delivered so far
		c = e.connect(persistent("d"), true)
		for _, want := range []bool{true, true, false} {
			if m := c.message(); m.Dup != want {
				t.Fatalf("%q has DUP %v, want %v", m.Payload, m.Dup, want)
			}
		}
	},
	"MQTT-3.3.1-2": func(t *testing.T) {
		e := newEngine(t)
		e.refuses(t, frame(0x38, text("t")))
		e.refuses(t, frame(0x39, text("t")))
		c := e.connect(clean("d"), false)
		c.subscribe("t", 0)
		for _, dup := range []bool{true, false} {
			c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: 1, ID: 3, Dup: dup}))
			if m := c.both(wire.PUBACK, []byte{0x40, 2, 0, 3}); m.Dup || m.QoS != 0 {
				t.Fatalf("QoS %d with DUP %v", m.QoS, m.Dup)
			}
		}
	},
	"MQTT-3.3.1-3": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.subscribe("t", 2)
		p := e.connect(clean("p"), false)
		for _, qos := range []byte{1, 2} {
			p.publishMessage(wire.Message{Topic: "t", QoS: qos, ID: 3, Dup: true})
			if m := c.gets("t", "", qos); m.Dup {
				t.Fatalf("DUP is passed on at QoS %d", qos)
			}
		}
	},
	"MQTT-3.3.1-4": func(t *testing.T) {
		e := newEngine(t)
		for _, first := range []byte{0x36, 0x37, 0x3e, 0x3f} {
			e.refuses(t, frame(first, text("t"), []byte{0, 1, 'x'}))
		}
	},
	"MQTT-3.3.1-5": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		for qos := range byte(3) {
			p.retain("r", "kept", qos)
			c := e.connect(clean("d"), false)
			c.subscribe("r", 2)
			c.gets("r", "kept", qos) // its QoS is kept, too
			c.drop()
		}
	},
	"MQTT-3.3.1-6": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		p.retain("r/1", "old", 1)
		p.retain("r/1", "last", 1)
		p.retain("r/2", "two", 0)
		p.retain("r", "parent", 1)
		p.retain("s", "elsewhere", 1)
		c := e.connect(clean("d"), false)
		c.subscribe("r/#", 1)
		got := map[string]string{}
		for range 3 {
			m := c.message()
			got[string(m.Topic)] = string(m.Payload)
			c.acknowledge(m)
		}
		if got["r/1"] != "last" || got["r/2"] != "two" || got["r"] != "parent" {
			t.Fatalf("got %q", got)
		}
		c.quiet()
	},
	"MQTT-3.3.1-7": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		p.retain("r", "at QoS 1", 1)
		p.retain("r", "at QoS 0", 0)
		c := e.connect(clean("d"), false)
		c.subscribe("r", 1)
		c.gets("r", "at QoS 0", 0)
		c.quiet()
	},
	"MQTT-3.3.1-8": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		p.retain("r", "kept", 1)
		c := e.connect(clean("d"), false)
		c.subscribe("r", 1)
		if m := c.gets("r", "kept", 1); !m.Retain {
			t.Fatal("RETAIN is 0")
		}
		c.subscribe("r", 0) // again is new, too
		if m := c.gets("r", "kept", 0); !m.Retain {
			t.Fatal("RETAIN is 0")
		}
	},
	"MQTT-3.3.1-9": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("r", 2)
		for qos := range byte(3) {
			p.retain("r", "x", qos)
			if m := c.gets("r", "x", qos); m.Retain {
				t.Fatal("RETAIN is 1")
			}
		}
		c.drop()
		p.retain("r", "while away", 1)
		c = e.connect(persistent("d"), true)
		if m := c.gets("r", "while away", 1); m.Retain {
			t.Fatal("RETAIN is 1 for what was queued")
		}
	},
	"MQTT-3.3.1-10": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(clean("d"), false)
		for qos := range byte(3) {
			p.retain("r", "kept", 1)
			c.subscribe("r", 2)
			c.gets("r", "kept", 1)
			p.retain("r", "", qos)
			c.gets("r", "", qos)
			c.subscribe("r", 2)
			c.quiet()
			c.unsubscribe("r")
		}
	},
	"MQTT-3.3.1-11": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		p.retain("r", "", 1) // where there was nothing
		c := e.connect(clean("d"), false)
		c.subscribe("#", 1)
		c.quiet()
	},
	"MQTT-3.3.1-12": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		p.publish("r/1", "not kept", 1)
		p.retain("r/2", "kept", 1)
		p.publish("r/2", "not kept", 1)
		p.publish("r/2", "", 1)
		c := e.connect(clean("d"), false)
		c.subscribe("r/+", 1)
		c.gets("r/2", "kept", 1)
		c.quiet()
	},
	"MQTT-3.3.2-1": func(t *testing.T) {
		e := newEngine(t)
		for _, body := range [][]byte{nil, {0}, {0, 5, 't'}, text("\xff")} {
			e.refuses(t, frame(0x30, body))
		}
		c := e.connect(clean("d"), false)
		c.subscribe("first", 0)
		c.send(frame(0x30, text("first"), text("second")))
		c.gets("first", "\x00\x06second", 0)
	},
	"MQTT-3.3.2-2": func(t *testing.T) {
		e := newEngine(t)
		for _, topic := range []string{"+", "#", "a/+", "a/#", "+/a", "a+", "a#b", "/+/"} {
			e.refuses(t, frame(0x30, text(topic)))
		}
	},
	"MQTT-3.3.2-3": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		for filter, topics := range matching {
			c := e.connect(clean("d"), false)
			c.subscribe("marker/of/the/end", 0)
			c.subscribe(filter, 0)
			for _, topic := range everyTopic() {
				p.publish(topic, "", 0)
			}
			p.publish("marker/of/the/end", "end", 0)
			got := map[string]bool{}
			for m := c.message(); string(m.Payload) != "end"; m = c.message() {
				got[string(m.Topic)] = true
			}
			for _, topic := range topics {
				if !got[topic] {
					t.Errorf("%s does not match %s", filter, topic)
				}
				delete(got, topic)
			}
			for topic := range got {
				t.Errorf("%s matches %s", filter, topic)
			}
			c.drop()
		}
	},
	"MQTT-3.3.4-1": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "t"}))
		c.quiet() // nothing is the answer to QoS 0
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: 1, ID: 0x0102}))
		c.wantBytes(0x40, 2, 1, 2)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: 2, ID: 0x0102}))
		c.wantBytes(0x50, 2, 1, 2)
		c.quiet()
	},
	"MQTT-3.3.5-1": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(clean("d"), false)
		c.subscribe("a/#", 0)
		c.subscribe("a/+", 2)
		c.subscribe("a/b", 1)
		p.publish("a/b", "x", 2)
		c.gets("a/b", "x", 2)
		c.quiet() // the contract's choice of the two that the standard allows: one copy
		c.unsubscribe("a/+")
		p.publish("a/b", "y", 2)
		c.gets("a/b", "y", 1)
	},
	"MQTT-3.3.5-2": func(t *testing.T) {
		// What may not be published is acknowledged and has no effect (contract, section 6).
		e := newEngine(t)
		c := e.connect(clean("d"), false)
		c.subscribe("#", 2)
		for qos := range byte(3) {
			c.retain("$forbidden/topic", "x", qos)
		}
		c.quiet()
	},
	"MQTT-3.6.1-1": func(t *testing.T) {
		e := newEngine(t)
		for flags := range byte(16) {
			if flags != 2 {
				c := e.connect(clean("d"), false)
				c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: 2, ID: 1}))
				c.wantBytes(0x50, 2, 0, 1)
				c.send([]byte{0x60 | flags, 2, 0, 1})
				c.closed()
			}
		}
	},
}

// matching is what each filter matches of all the topics in it (MQTT 3.1.1, 4.7.1).
var matching = map[string][]string{
	"sport/tennis/player1/#": {"sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"},
	"sport/tennis/+":         {"sport/tennis/player1", "sport/tennis/player2"},
	"sport/+":                {"sport/", "sport/tennis"},
	"sport/#": {
		"sport", "sport/", "sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking",
		"sport/tennis/player1/score/wimbledon", "sport/tennis/player2",
	},
	"sport":         {"sport"},
	"+":             {"sport", "SPORT", "finance", " "},
	"+/+":           {"sport/", "sport/tennis", "/finance"},
	"/+":            {"/finance"},
	"/#":            {"/finance"},
	"+/tennis/#":    {"sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon", "sport/tennis/player2"},
	"+/+/+/score/+": {"sport/tennis/player1/score/wimbledon"},
	"finance":       {"finance"},
}

// everyTopic is each topic of matching, once.
func everyTopic() []string {
	var topics []string
	seen := map[string]bool{}
	for _, some := range matching {
		for _, topic := range some {
			if !seen[topic] {
				topics = append(topics, topic)
			}
			seen[topic] = true
		}
	}
	return topics
}
