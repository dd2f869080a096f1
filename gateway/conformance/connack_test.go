package conformance

import (
	"testing"

	"gatehouse/gateway/wire"
)

// connackStatements concern section 3.2, CONNACK, and section 7, what a server is to rest on.
var connackStatements = map[string]func(*testing.T){
	"MQTT-3.2.0-1": func(t *testing.T) {
		// Also when messages wait and the device has asked for more before it was answered.
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.Clean = false
		c := w.accepted(t, hello)
		c.subscribe("t", 1)
		_ = c.conn.Close()
		w.accepted(t, w.newDevice(t).hello()).publish("t", "waits", 1)
		c = w.offer(t, hello, wire.AppendEmpty(nil, wire.PINGREQ))
		c.wantBytes(0x20, 2, 1, 0)
		c.both(wire.PINGRESP, []byte{0xd0, 0})
	},
	"MQTT-3.2.2-1": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 1)
		c.drop()
		e.connect(clean("d"), false)
	},
	"MQTT-3.2.2-2": func(t *testing.T) {
		e := newEngine(t)
		e.connect(persistent("d"), false).drop()
		e.connect(persistent("d"), true) // the session counts, not what is in it
	},
	"MQTT-3.2.2-3": func(t *testing.T) {
		e := newEngine(t)
		e.connect(persistent("d"), false)
		e.connect(clean("c"), false).drop()
		e.connect(persistent("c"), false)
	},
	"MQTT-3.2.2-4": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.Clean = false
		_ = w.accepted(t, hello).conn.Close()
		wrong := hello
		wrong.Password = []byte("wrong")
		w.offer(t, wrong).refused(4) // wants the byte to be 0 although there is a session
		wrong = hello
		wrong.Level = 5
		w.offer(t, wrong).refused(1)
	},
	"MQTT-3.2.2-5": func(t *testing.T) {
		w := listening(t)
		good := w.newDevice(t).hello()
		for code, edit := range map[byte]func(*wire.Connect){
			1: func(c *wire.Connect) { c.Level = 5 },
			2: func(c *wire.Connect) { c.User = "lamp" },
			4: func(c *wire.Connect) { c.Password = []byte("wrong") },
		} {
			hello := good
			edit(&hello)
			w.offer(t, hello).refused(code)
		}
		w.offer(t, w.disabledDevice(t).hello()).refused(5)
	},
	"MQTT-3.2.2-6": func(t *testing.T) {
		// No code fits a CONNECT that is none.
		w := listening(t)
		w.offerBody(t, []byte("GET / HTTP/1.1")).closed()
	},
	"MQTT-7.0.0-2": func(t *testing.T) {
		// User name, password and plain packets are all that a device needs.
		w := listening(t)
		c := w.accepted(t, w.newDevice(t).hello())
		c.subscribe("t/+", 2)
		for qos := range byte(3) {
			id := c.freshID()
			c.send(wire.AppendPublish(nil, wire.Message{Topic: "t/x", QoS: qos, ID: id}))
			switch qos {
			case 0:
				c.gets("t/x", "", 0)
			case 1:
				c.gotten(c.both(wire.PUBACK, wire.AppendAck(nil, wire.PUBACK, id)), "t/x", "", 1)
			case 2:
				c.gotten(c.both(wire.PUBREC, wire.AppendAck(nil, wire.PUBREC, id)), "t/x", "", 2)
			}
		}
	},
	"MQTT-7.1.1-1": func(t *testing.T) {
		// TCP under TLS: messages of up to 40 KB arrive whole and in order.
		w := listening(t)
		c := w.accepted(t, w.newDevice(t).hello())
		c.subscribe("t", 1)
		p := w.accepted(t, w.newDevice(t).hello())
		for i := range 200 {
			payload := string(make([]byte, i*200)) + string(rune('a'+i%26))
			p.publish("t", payload, 1)
			c.gets("t", payload, 1)
		}
	},
}
