package conformance

import (
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/gateway/broker"
	"gatehouse/gateway/wire"
)

// connectStatements concern section 3.1, CONNECT.
var connectStatements = map[string]func(*testing.T){
	"MQTT-3.1.0-1": func(t *testing.T) {
		w := listening(t)
		for _, first := range [][]byte{
			wire.AppendEmpty(nil, wire.PINGREQ), wire.AppendPublish(nil, wire.Message{Topic: "t"}),
			wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "t"}), wire.AppendEmpty(nil, wire.DISCONNECT), {0xf0, 0}, {0x00, 0},
		} {
			c := w.dial(t)
			c.send(first)
			c.closed()
		}
	},
	"MQTT-3.1.0-2": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		c := w.accepted(t, hello)
		c.ping()
		c.send(wire.AppendConnect(nil, hello, false))
		c.closed()
	},
	"MQTT-3.1.2-1": func(t *testing.T) {
		// The contract answers other protocols with code 1 (section 2); nothing after the level is looked at.
		w := listening(t)
		for _, name := range []string{"mqtt", "MQTT ", "MQIsdp", "HTTP", ""} {
			w.offerBody(t, text(name), []byte{4}, []byte("what follows is not for us")).refused(1)
		}
	},
	"MQTT-3.1.2-2": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		for _, level := range []byte{1, 2, 5, 6, 0x84, 255} {
			hello.Level = level
			w.offer(t, hello).refused(1)
		}
		w.offerBody(t, text("MQTT"), []byte{0}).refused(1) // 0 cannot be said with wire.Connect
	},
	"MQTT-3.1.2-3": func(t *testing.T) {
		w := listening(t)
		packet := wire.AppendConnect(nil, w.newDevice(t).hello(), false)
		packet[flagsAt(packet)] |= 1
		c := w.dial(t)
		c.send(packet)
		c.closed()
	},
	"MQTT-3.1.2-4": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(persistent("d"), false) // there was none: it is made
		c.subscribe("t", 1)
		c.drop()
		c = e.connect(persistent("d"), true)
		e.connect(clean("p"), false).publish("t", "x", 1)
		c.gets("t", "x", 1)
		c.drop()
		e.connect(persistent("d"), true)
	},
	"MQTT-3.1.2-5": func(t *testing.T) {
		e := newEngine(t)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 2)
		c.drop()
		p := e.connect(clean("p"), false)
		p.publish("t", "one", 1)
		p.publish("t", "two", 2)
		p.publish("other", "three", 2)
		c = e.connect(persistent("d"), true)
		c.gets("t", "one", 1)
		c.gets("t", "two", 2)
		c.quiet()
	},
	"MQTT-3.1.2-6": func(t *testing.T) {
		e := newEngine(t)
		p := e.connect(clean("p"), false)
		c := e.connect(persistent("d"), false)
		c.subscribe("t", 1)
		p.publish("t", "unacknowledged", 1)
		c.message()
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "u", QoS: 2, ID: 9}))
		c.wantBytes(0x50, 2, 0, 9)
		c.drop()
		p.publish("t", "queued", 1)
		c = e.connect(clean("d"), false) // discards what was there
		p.publish("t", "nobody subscribes", 1)
		c.quiet()
		c.subscribe("u", 1)
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "u", QoS: 2, ID: 9})) // a new message under an old identifier
		c.gotten(c.both(wire.PUBREC, []byte{0x50, 2, 0, 9}), "u", "", 1)
		c.drop()
		c = e.connect(persistent("d"), false) // what was clean is not used again
		p.publish("u", "nobody subscribes", 1)
		c.quiet()
	},
	"MQTT-3.1.2-7": func(t *testing.T) {
		e := newEngine(t)
		for _, hello := range []broker.Hello{clean("d"), persistent("d")} {
			c := e.connect(hello, false)
			c.retain("r", "kept", 1)
			c.drop()
			c = e.connect(clean("d"), false) // ends the session either way
			c.subscribe("r", 1)
			c.gets("r", "kept", 1)
			c.drop()
		}
	},
	"MQTT-3.1.2-9": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.HasUser, hello.HasPassword = false, false // so that no later field is taken for the will's
		for _, fields := range [][]byte{nil, text("topic"), append(text("topic"), 0, 9, 'x')} {
			packet := wire.AppendConnect(nil, hello, false)
			packet[flagsAt(packet)] |= 0x04
			c := w.dial(t)
			c.send(frame(packet[0], packet[2:], fields))
			c.closed()
		}
	},
	"MQTT-3.1.2-11": func(t *testing.T) {
		w := listening(t)
		account := w.newDevice(t)
		hello := account.hello()
		hello.HasPassword, hello.Password = false, nil
		packet := wire.AppendConnect(nil, hello, false)
		c := w.dial(t)
		c.send(frame(packet[0], packet[2:], text("topic"), text("message"))) // fields of a will that is not announced
		c.closed()
		for _, bits := range []byte{0x08, 0x10, 0x20, 0x38} {
			packet := wire.AppendConnect(nil, account.hello(), false)
			packet[flagsAt(packet)] |= bits
			c := w.dial(t)
			c.send(packet)
			c.closed()
		}
	},
	"MQTT-3.1.2-12": func(t *testing.T) {
		w := listening(t)
		watch := w.accepted(t, w.newDevice(t).hello())
		watch.subscribe("#", 2)
		c := w.accepted(t, w.newDevice(t).hello())
		c.ping()
		_ = c.conn.Close() // without DISCONNECT
		last := w.accepted(t, w.newDevice(t).hello())
		last.publish("marker", "", 0)
		watch.gets("marker", "", 0)
	},
	"MQTT-3.1.2-13": func(t *testing.T) { refusesFlags(t, 0x08, 0x10, 0x18) },
	"MQTT-3.1.2-14": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.HasWill, hello.WillTopic, hello.WillQoS = true, "gone", 3
		w.offer(t, hello).closed()
		for qos := range byte(3) {
			hello.WillQoS = qos
			w.accepted(t, hello)
		}
	},
	"MQTT-3.1.2-15": func(t *testing.T) { refusesFlags(t, 0x20) },
	"MQTT-3.1.2-18": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.HasUser, hello.HasPassword = false, false
		packet := wire.AppendConnect(nil, hello, false)
		c := w.dial(t)
		c.send(frame(packet[0], packet[2:], text(hello.User)))
		c.closed()
	},
	"MQTT-3.1.2-19": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.HasUser, hello.HasPassword = false, false
		packet := wire.AppendConnect(nil, hello, false)
		packet[flagsAt(packet)] |= 0x80
		c := w.dial(t)
		c.send(packet)
		c.closed()
	},
	"MQTT-3.1.2-20": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		packet := wire.AppendConnect(nil, hello, false)
		packet[flagsAt(packet)] &^= 0x40
		c := w.dial(t)
		c.send(packet)
		c.closed()
	},
	"MQTT-3.1.2-21": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.HasPassword = false
		packet := wire.AppendConnect(nil, hello, false)
		packet[flagsAt(packet)] |= 0x40
		c := w.dial(t)
		c.send(packet)
		c.closed()
	},
	"MQTT-3.1.2-22": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.HasUser = false
		w.offer(t, hello).closed()
	},
	"MQTT-3.1.2-24": func(t *testing.T) {
		for _, seconds := range []uint16{1, 60, 43_691, 65_535} {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t)
				hello := clean("d")
				hello.KeepAlive = seconds
				c := e.connect(hello, false)
				bound := time.Duration(seconds) * time.Second * 3 / 2
				time.Sleep(bound - time.Second/4)
				c.ping()
				began := time.Now()
				time.Sleep(bound - time.Second/4)
				synctest.Wait()
				select {
				case <-c.gone:
					t.Fatalf("cut after %s of %d s", time.Since(began), seconds)
				default:
				}
				<-c.gone
				if took := time.Since(began); took != bound {
					t.Fatalf("cut after %s with a keep alive of %d s", took, seconds)
				}
			})
		}
	},
	"MQTT-3.1.3-1": func(t *testing.T) {
		w := listening(t)
		a := w.newDevice(t)
		head := [][]byte{text("MQTT"), {4, 0xc6, 0, 60}}
		right := append(head[:2:2], text("board"), text("topic"), text("message"), text(a.key), text(a.secret))
		w.offerBody(t, right...).wantBytes(0x20, 2, 0, 0)
		swapped := append(head[:2:2], text("board"), text("topic"), text("message"), text(a.secret), text(a.key))
		w.offerBody(t, swapped...).refused(2) // what stands where the user name should is none of ours
		early := append(head[:2:2], text(a.key), text(a.secret), text("board"), text("topic"), text("message"))
		w.offerBody(t, early...).refused(2)
	},
	"MQTT-3.1.3-2": func(t *testing.T) {
		// The contract's deviation: the session is the device's, whatever its client id (section 3).
		w := listening(t)
		one, other := w.newDevice(t), w.newDevice(t)
		hello := one.hello()
		hello.Clean = false
		c := w.accepted(t, hello)
		c.subscribe("t", 1)
		_ = c.conn.Close()
		hello.ClientID = "another id"
		w.offer(t, hello).wantBytes(0x20, 2, 1, 0)
		hello = other.hello() // the same client id is no claim to the session of another device
		hello.Clean = false
		w.offer(t, hello).wantBytes(0x20, 2, 0, 0)
	},
	"MQTT-3.1.3-3": func(t *testing.T) {
		w := listening(t)
		w.offerBody(t, text("MQTT"), []byte{4, 0x02, 0, 60}).closed()
	},
	"MQTT-3.1.3-4": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		for _, id := range []string{"\xff", "a\xed\xa0\x80", "a\x00"} {
			hello.ClientID = id
			w.offer(t, hello).closed()
		}
		hello.ClientID = "Gerät 🌡 \ufeff"
		w.accepted(t, hello)
	},
	"MQTT-3.1.3-5": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		for _, id := range []string{"0", "0123456789abcdefghijklm", "nopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVW", "XYZ"} {
			hello.ClientID = id
			w.accepted(t, hello)
		}
	},
	"MQTT-3.1.3-6": func(t *testing.T) {
		// Nothing need be assigned: the device is known by its credential (contract, section 3).
		w := listening(t)
		for range 2 {
			hello := w.newDevice(t).hello()
			hello.ClientID = ""
			c := w.accepted(t, hello)
			c.subscribe(hello.User, 0)
			c.send(wire.AppendPublish(nil, wire.Message{Topic: hello.User}))
			c.gets(hello.User, "", 0)
			defer c.ping() // both are there at the same time
		}
	},
	"MQTT-3.1.3-8": func(t *testing.T) {
		// The contract's deviation: an empty client id may have a session, too (section 3).
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.ClientID, hello.Clean = "", false
		c := w.accepted(t, hello)
		c.subscribe("t", 1)
		_ = c.conn.Close()
		w.offer(t, hello).wantBytes(0x20, 2, 1, 0)
	},
	"MQTT-3.1.3-9": func(t *testing.T) {
		// No client id is rejected; what the contract (section 4) rejects with code 2 is a credential that is none.
		w := listening(t)
		good := w.newDevice(t).hello()
		for _, edit := range []func(*wire.Connect){
			func(c *wire.Connect) { c.HasUser, c.HasPassword = false, false },
			func(c *wire.Connect) { c.User = "lamp" },
			func(c *wire.Connect) { c.HasPassword = false },
			func(c *wire.Connect) { c.Password = nil },
		} {
			hello := good
			edit(&hello)
			w.offer(t, hello).refused(2)
		}
	},
	"MQTT-3.1.3-10": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.HasWill, hello.WillTopic = true, "go\xedne"
		w.offer(t, hello).closed()
	},
	"MQTT-3.1.3-11": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		hello.User += "\xff"
		w.offer(t, hello).closed()
	},
	"MQTT-3.1.4-1": func(t *testing.T) {
		w := listening(t)
		whole := wire.AppendConnect(nil, w.newDevice(t).hello(), false)
		body := whole[2:]
		for _, packet := range [][]byte{
			frame(0x10), frame(0x10, body[:1]), frame(0x10, body[:6]), frame(0x10, body[:9]), frame(0x10, body[:len(body)-1]), // cut
			frame(0x10, body, []byte{0}),         // more than was announced
			{0x10, 0xff, 0xff, 0xff, 0xff, 0x7f}, // a remaining length that is none
		} {
			c := w.dial(t)
			c.send(packet)
			c.closed()
		}
	},
	"MQTT-3.1.4-2": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		for _, cleanly := range []bool{true, false} {
			hello.Clean = cleanly
			old := w.accepted(t, hello)
			old.ping()
			hello.ClientID += "x" // the device counts, not its client id
			next := w.offer(t, hello)
			next.wantBytes(0x20, 2, bit(!cleanly), 0)
			old.closed()
			next.ping()
			_ = next.conn.Close()
			hello.Clean = true // for the next round
			w.accepted(t, hello)
		}
	},
	"MQTT-3.1.4-3": func(t *testing.T) {
		w := listening(t)
		hello := w.newDevice(t).hello()
		for _, step := range []struct {
			clean, present bool
		}{{true, false}, {false, false}, {false, true}, {true, false}, {false, false}} {
			hello.Clean = step.clean
			c := w.offer(t, hello)
			c.wantBytes(0x20, 2, bit(step.present), 0)
			_ = c.conn.Close()
		}
	},
	"MQTT-3.1.4-4": func(t *testing.T) {
		w := listening(t)
		for _, protocol := range []wire.Connect{{ProtocolName: "MQTT", Level: 4}, {ProtocolName: "MQTT", Level: 3}, {ProtocolName: "MQIsdp", Level: 3}} {
			hello := w.newDevice(t).hello()
			hello.ProtocolName, hello.Level = protocol.ProtocolName, protocol.Level
			w.accepted(t, hello).ping()
		}
	},
	"MQTT-3.1.4-5": func(t *testing.T) {
		w := listening(t)
		a := w.newDevice(t)
		watch := w.accepted(t, w.newDevice(t).hello())
		watch.subscribe("#", 0)
		hello := a.hello()
		hello.Password = []byte("wrong")
		c := w.offer(t, hello, wire.AppendPublish(nil, wire.Message{Topic: "smuggled"}), wire.AppendEmpty(nil, wire.PINGREQ))
		c.refused(4)
		w.accepted(t, a.hello()).publish("marker", "", 0)
		watch.gets("marker", "", 0)
	},
}

// flagsAt is where the connect flags of a packet with a header of two bytes are.
func flagsAt(packet []byte) int { return 2 + 2 + int(packet[3]) + 1 }

// refusesFlags wants CONNECTs without a will, but with these of its flags, to end the connection.
func refusesFlags(t *testing.T, flags ...byte) {
	t.Helper()
	w := listening(t)
	for _, bits := range flags {
		packet := wire.AppendConnect(nil, w.newDevice(t).hello(), false)
		packet[flagsAt(packet)] |= bits
		c := w.dial(t)
		c.send(packet)
		c.closed()
	}
}
