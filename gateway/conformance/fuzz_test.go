package conformance

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"gatehouse/gateway/broker"
	"gatehouse/gateway/wire"
)

// FuzzConnection plays bytes of any kind to the engine as what two connections of one device send after CONNECT, the second
// of which resumes the session, after a restart or not. Another device subscribes to everything. The engine must never panic,
// ends each connection when it should, sends packets that are well formed, and takes no more memory than the input warrants.
func FuzzConnection(f *testing.F) {
	for _, seed := range streams() {
		f.Add(byte(0), seed, seed)
	}
	whole := []byte(nil)
	for _, seed := range streams() {
		whole = append(whole, seed...)
	}
	for mode := range byte(8) {
		f.Add(mode, whole, whole)
	}
	f.Fuzz(func(t *testing.T, mode byte, first, second []byte) {
		hello := broker.Hello{DeviceSID: "fuzzed", ServiceSID: "IS1", Level: 4, Clean: mode&1 != 0, ClientID: "fuzzed"}
		if mode&2 != 0 {
			hello.Level = 3
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		log := &memoryLog{}
		e := engineOf(t, hubOn(t, log))
		watch := e.connect(clean("watch"), false)
		watch.subscribe("#", 2)
		watching := make(chan error, 1)
		go func() { watching <- checkStream(watch, wire.Level311, false) }()
		for i, input := range [][]byte{first, second} {
			if i > 0 && mode&4 != 0 {
				e.close()
				e = engineOf(t, hubOn(t, log))
			}
			c := e.dial(hello)
			checked := make(chan error, 1)
			go func() { checked <- checkStream(c, hello.Level, true) }()
			c.send(input) // over a pipe: returns when it was read, or when the connection has ended
			c.drop()
			if err := <-checked; err != nil {
				t.Fatal(err)
			}
		}
		watch.drop()
		if err := <-watching; err != nil {
			t.Fatal("the other device: ", err)
		}
		runtime.ReadMemStats(&after)
		// A message of one byte may be held by two sessions and be sent twice: that is less than this by far. What must not
		// happen is that a length which is only claimed takes memory.
		if took, bound := after.TotalAlloc-before.TotalAlloc, uint64(8<<20+2_000*(len(first)+len(second))); took > bound {
			t.Fatalf("%d bytes were allocated for an input of %d", took, len(first)+len(second))
		}
	})
}

// checkStream reads what a server sends to a device until the end. CONNACK must be the first packet of a connection that is
// fresh, and none of the others.
func checkStream(c *client, level byte, fresh bool) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for ; ; fresh = false {
		select {
		case p, open := <-c.in:
			if !open {
				return nil
			}
			if err := checkPacket(p, level); err != nil {
				return fmt.Errorf("%v: %w", p, err)
			}
			if (p.kind() == wire.CONNACK) != fresh {
				return fmt.Errorf("%v comes at the wrong place", p)
			}
		case <-deadline.C:
			return fmt.Errorf("the connection does not end in %s", patience)
		}
	}
}

// checkPacket says what a server must not send (MQTT 3.1.1, section 2 and 3).
func checkPacket(p packet, level byte) error {
	flags, length := byte(0), 2
	switch p.kind() {
	case wire.CONNACK:
		if p.body[0]&^1 != 0 || p.body[1] != 0 {
			return fmt.Errorf("a CONNACK that makes no sense here")
		}
		return checkForm(p, flags, length)
	case wire.PUBLISH:
		m, err := wire.DecodePublish(wire.Level311, p.first, p.body, len(p.raw)-len(p.body), "")
		if err == nil && m.Topic[0] == '$' {
			err = fmt.Errorf("a $ topic")
		}
		return err
	case wire.SUBACK:
		for _, code := range p.body[min(2, len(p.body)):] {
			if code > 2 && (code != 0x80 || level < 4) {
				return fmt.Errorf("the SUBACK code %#x", code)
			}
		}
		if len(p.body) < 3 {
			return fmt.Errorf("a SUBACK without codes")
		}
		length = len(p.body)
	case wire.PINGRESP:
		return checkForm(p, 0, 0)
	case wire.PUBREL:
		flags = 2
		if level < 4 {
			p.first &^= 8 // DUP
		}
	case wire.PUBACK, wire.PUBREC, wire.PUBCOMP, wire.UNSUBACK:
	default:
		return fmt.Errorf("a packet that no server sends")
	}
	if err := checkForm(p, flags, length); err != nil {
		return err
	}
	if p.id() == 0 {
		return fmt.Errorf("the identifier 0")
	}
	return nil
}

func checkForm(p packet, flags byte, length int) error {
	if p.first&15 != flags || len(p.body) != length {
		return fmt.Errorf("flags %x and length %d, want %x and %d", p.first&15, len(p.body), flags, length)
	}
	return nil
}

// streams are sound and unsound beginnings of what devices send.
func streams() [][]byte {
	ack := func(kind byte, id uint16) []byte { return wire.AppendAck(nil, kind, id) }
	return [][]byte{
		nil,
		wire.AppendEmpty(nil, wire.PINGREQ),
		wire.AppendEmpty(nil, wire.DISCONNECT),
		wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "a/#", QoS: 2}, wire.Subscription{Filter: "+/b", QoS: 1}, wire.Subscription{Filter: "$SYS/#"}),
		wire.AppendSubscribe(nil, 2, wire.Subscription{Filter: "sync/docs/a", QoS: 1}, wire.Subscription{Filter: "sync/#", QoS: 1}),
		wire.AppendPublish(nil, wire.Message{Topic: "a/b", Payload: []byte("x"), Retain: true}),
		wire.AppendPublish(nil, wire.Message{Topic: "a/b", Payload: []byte("x"), QoS: 1, ID: 7}),
		wire.AppendPublish(nil, wire.Message{Topic: "a/b", Payload: []byte("x"), QoS: 2, ID: 8, Dup: true, Retain: true}),
		wire.AppendPublish(nil, wire.Message{Topic: "sync/docs/a", Payload: []byte(`{"n":1}`), QoS: 1, ID: 9}),
		wire.AppendPublish(nil, wire.Message{Topic: "$x", QoS: 1, ID: 9}),
		ack(wire.PUBREL, 8), ack(wire.PUBACK, 1), ack(wire.PUBREC, 2), ack(wire.PUBCOMP, 2),
		wire.AppendUnsubscribe(nil, 3, "a/#", "nothing"),
		{0x30, 0xff, 0xff, 0x0f, 0, 1}, {0x82, 0x80, 0x80, 0x80, 0x80, 1}, {0x36, 5, 0, 1, 'a', 0, 1}, {0xf0, 0},
		append(wire.AppendPublish(nil, wire.Message{Topic: "a/b", QoS: 1, ID: 7}), 0x32, 5, 0),
	}
}
