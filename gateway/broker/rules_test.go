package broker

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

func (g *gate) connect31(device string, clean bool) *client {
	g.t.Helper()
	c, _ := g.connectWith(wire.Connect{ProtocolName: "MQIsdp", Level: 3, ClientID: device, Clean: clean, HasUser: true, User: "IS1"})
	return c
}

func TestInvalidPacketsEndTheConnectionWithByteAndRule(t *testing.T) {
	long := strings.Repeat("x", 1025)
	deep := strings.Repeat("/", 64)
	sub := func(filter string) string {
		return string(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: filter, QoS: 1}))
	}
	pub := func(topic string) string { return string(wire.AppendPublish(nil, wire.Message{Topic: topic})) }
	for name, c := range map[string]struct {
		bytes  string
		why    cause.ID
		offset int
		rule   string
	}{
		"second CONNECT":             {"\x10\x00", cause.MalformedPacket, 0, "MQTT-3.1.0-2"},
		"type 0":                     {"\x00\x00", cause.MalformedPacket, 0, "MQTT 2.2.1"},
		"type 15":                    {"\xf0\x00", cause.MalformedPacket, 0, "MQTT 2.2.1"},
		"CONNACK":                    {"\x20\x02\x00\x00", cause.MalformedPacket, 0, "MQTT 2.2.1"},
		"remaining length":           {"\x30\xff\xff\xff\xff\x01", cause.MalformedPacket, 4, "MQTT 2.2.3"},
		"QoS 3":                      {"\x36\x05\x00\x01t\x00\x01", cause.MalformedPacket, 0, "MQTT-3.3.1-4"},
		"DUP at QoS 0":               {"\x38\x03\x00\x01t", cause.MalformedPacket, 0, "MQTT-3.3.1-2"},
		"empty topic":                {"\x30\x02\x00\x00", cause.MalformedPacket, 4, "MQTT-4.7.3-1"},
		"wildcard in a topic":        {"\x30\x03\x00\x01#", cause.MalformedPacket, 4, "MQTT-3.3.2-2"},
		"U+0000 in a topic":          {"\x30\x04\x00\x02a\x00", cause.MalformedPacket, 5, "MQTT-1.5.3-2"},
		"surrogate in a topic":       {"\x30\x05\x00\x03\xed\xa0\x80", cause.MalformedPacket, 4, "MQTT-1.5.3-1"},
		"topic beyond the packet":    {"\x30\x03\x00\x09t", cause.MalformedPacket, 2, "MQTT-3.3.2-1"},
		"PUBLISH identifier 0":       {"\x32\x05\x00\x01t\x00\x00", cause.MalformedPacket, 5, "MQTT-2.3.1-1"},
		"SUBSCRIBE flags":            {"\x80\x06\x00\x01\x00\x01t\x00", cause.MalformedPacket, 0, "MQTT-3.8.1-1"},
		"SUBSCRIBE without a filter": {"\x82\x02\x00\x01", cause.MalformedPacket, 4, "MQTT-3.8.3-3"},
		"SUBSCRIBE QoS 3":            {"\x82\x06\x00\x01\x00\x01t\x03", cause.MalformedPacket, 7, "MQTT-3.8.3-4"},
		"UNSUBSCRIBE flags":          {"\xa0\x05\x00\x01\x00\x01t", cause.MalformedPacket, 0, "MQTT-3.10.1-1"},
		"PUBREL flags":               {"\x60\x02\x00\x01", cause.MalformedPacket, 0, "MQTT-3.6.1-1"},
		"PUBACK identifier 0":        {"\x40\x02\x00\x00", cause.MalformedPacket, 2, "MQTT-2.3.1-1"},
		"PINGREQ with a body":        {"\xc0\x01x", cause.MalformedPacket, 1, "MQTT 3.12.1"},
		"DISCONNECT flags":           {"\xe1\x00", cause.MalformedPacket, 0, "MQTT-3.14.1-1"},
		"topic of 1025 bytes":        {pub(long), cause.TopicTooLong, 5, "MQTT-4.7.3-3"},
		"topic of 65 levels":         {pub(deep), cause.TopicTooLong, 4, "MQTT 4.7.1.1"},
		"filter of 1025 bytes":       {sub(long), cause.TopicTooLong, 7, "MQTT-4.7.3-3"},
		"filter of 65 levels":        {sub(deep), cause.TopicTooLong, 6, "MQTT 4.7.1.1"},
		"more than 256 KiB":          {"\x30\x81\x80\x10", cause.PacketTooLarge, 1, "MQTT 2.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			g := serve(t)
			d, _ := g.connect("d", true)
			d.send([]byte(c.bytes))
			assert.Empty(t, d.closed(), "nothing is answered")
			end := g.ended("d", 0)
			assert.Equal(t, c.why, end.Cause, "%v", end.Err)
			assert.Equal(t, c.offset, end.Offset, "%v", end.Err)
			assert.Equal(t, c.rule, end.Rule)
			assert.Equal(t, c.bytes[0], end.Packet[0])
		})
	}
}

func TestAPacketOfTheLargestSizeIsTaken(t *testing.T) {
	g := serve(t)
	c, _ := g.connect("d", true)
	c.subscribe(1, "t", 0)
	c.publish("t", strings.Repeat("x", 256<<10-3), 0, 0, false)
	assert.Len(t, c.want(wire.PUBLISH).body, 256<<10)
}

func TestMQTT31IsServedAsItsStandardSays(t *testing.T) {
	g := serve(t, withDocuments(&documents{}))
	c := g.connect31("old", false)
	c.send([]byte("\x8a\x06\x00\x01\x00\x01t\x01")) // SUBSCRIBE with DUP
	assert.Equal(t, byte(1), c.want(wire.SUBACK).body[2])
	c.send([]byte("\xaa\x05\x00\x02\x00\x01u")) // UNSUBSCRIBE with DUP
	c.want(wire.UNSUBACK)
	c.publish("own", "x", 2, 5, false)
	c.want(wire.PUBREC)
	c.send([]byte("\x6a\x02\x00\x05")) // PUBREL with DUP
	c.want(wire.PUBCOMP)
	assert.Equal(t, byte(2), c.subscribe(3, "$SYS/#", 2), "a refused filter gets its QoS")
	assert.Equal(t, byte(1), c.subscribe(4, "sync/docs/+", 2), "at most 1 under sync/")
	s, _ := g.session("old")
	assert.Equal(t, []Subscription{{"t", 1}}, s.Subscriptions, "and is not subscribed")
	notices := g.hub.Notices(0)
	require.Len(t, notices, 2)
	assert.Equal(t, SystemTopic, notices[0].Kind)
	assert.Equal(t, SyncWildcard, notices[1].Kind)
	assert.Equal(t, "old", notices[1].DeviceSID)
	_ = c.Close()
	g.ended("old", 0)
	c = g.dial()
	c.send(wire.AppendConnect(nil, wire.Connect{ProtocolName: "MQIsdp", Level: 3, ClientID: "old", HasUser: true, User: "IS1"}, false))
	assert.Equal(t, []byte{0, 0}, c.want(wire.CONNACK).body, "3.1 has no session-present bit, though the session is there")
	s, _ = g.session("old")
	assert.Len(t, s.Subscriptions, 1)
}

func TestPUBRELIsRepeatedAsTheLevelSays(t *testing.T) {
	for level, first := range map[byte]byte{3: 0x6a, 4: 0x62} {
		g := serve(t)
		o := wire.Connect{ProtocolName: "MQTT", Level: level, ClientID: "d", HasUser: true, User: "IS1"}
		c, _ := g.connectWith(o)
		c.subscribe(1, "t", 2)
		p, _ := g.connect("p", true)
		p.publish("t", "x", 2, 1, false)
		p.want(wire.PUBREC)
		id := c.want(wire.PUBLISH).publish().ID
		c.ack(wire.PUBREC, id)
		assert.Equal(t, byte(0x62), c.want(wire.PUBREL).first)
		_ = c.Close()
		g.ended("d", 0)
		c, _ = g.connectWith(o)
		again := c.want(wire.PUBREL)
		assert.Equal(t, first, again.first, "level %d", level)
		assert.Equal(t, id, again.id())
	}
}

func TestServicesShareNothing(t *testing.T) {
	g := serve(t, withDocuments(&documents{}))
	in := func(device, service string) *client {
		c, _ := g.connectWith(wire.Connect{ClientID: device, HasUser: true, User: service})
		return c
	}
	a, b := in("a", "IS1"), in("b", "IS2")
	for i, f := range []string{"#", "t", "+", "sync/docs/x"} {
		a.subscribe(uint16(i+1), f, 1)
	}
	b.publish("t", "kept", 1, 1, true)
	b.want(wire.PUBACK)
	b.publish1("sync/docs/x", "{}", 2)
	a.silent()
	late := in("late", "IS1")
	late.subscribe(1, "#", 1)
	late.silent()
	same := in("same", "IS2")
	same.subscribe(1, "#", 1)
	assert.True(t, same.want(wire.PUBLISH).publish().Retain)
}

func TestASessionOfAnotherServiceIsDiscarded(t *testing.T) {
	g := serve(t)
	c, _ := g.connect("d", false)
	c.subscribe(1, "t", 1)
	_ = c.Close()
	g.ended("d", 0)
	_, present := g.connectWith(wire.Connect{ClientID: "d", HasUser: true, User: "IS2"})
	assert.False(t, present)
	s, _ := g.session("d")
	assert.Empty(t, s.Subscriptions)
}

func TestTopicsThatAreNotServed(t *testing.T) {
	g := serve(t, withDocuments(&documents{}))
	c, _ := g.connect("d", true)
	for filter, code := range map[string]byte{
		"$SYS/#": 0x80, "$share/g/t": 0x80, "sync/#": 0x80, "sync/docs/+": 0x80, "sync/maps/#": 0x80,
		"sync/docs/x": 1, "sync": 2, "synchronous/#": 2, "#": 2, "+/docs/x": 2, "+/+": 2,
	} {
		assert.Equal(t, code, c.subscribe(1, filter, 2), filter)
	}
	c.send(wire.AppendUnsubscribe(nil, 2, "sync/docs/x"))
	c.want(wire.UNSUBACK)
	c.publish1("$SYS/x", "dropped", 3)
	c.publish1("sync/docs/x", "{}", 4)
	c.silent() // no wildcard matched either
	kinds := map[NoticeKind]int{}
	for _, n := range g.hub.Notices(0) {
		kinds[n.Kind] += n.Times
	}
	assert.Equal(t, map[NoticeKind]int{SystemTopic: 3, SyncWildcard: 3}, kinds)
}

func TestSyncTopicsAreCappedAtQoS1AndNeverRetained(t *testing.T) {
	g := serve(t, withDocuments(&documents{}))
	c, _ := g.connect("d", true)
	require.Equal(t, byte(1), c.subscribe(1, "sync/docs/x", 2))
	c.publish("sync/docs/x", "{}", 2, 2, true)
	// To the publisher itself the update and the acknowledgement may go out in either order.
	first, err := c.read(patience)
	require.NoError(t, err)
	second, err := c.read(patience)
	require.NoError(t, err)
	if first.kind() == wire.PUBREC {
		first, second = second, first
	}
	require.Equal(t, []byte{wire.PUBLISH, wire.PUBREC}, []byte{first.kind(), second.kind()})
	m := first.publish()
	assert.Equal(t, byte(1), m.QoS)
	assert.False(t, m.Retain)
	c.ack(wire.PUBACK, m.ID)
	assert.Zero(t, g.hub.Stats().Retained)
}

func TestSyncTopicsOnlyRefusesTheOthers(t *testing.T) {
	g := serve(t, withSettings(Settings{SyncTopicsOnly: true}), withDocuments(&documents{}))
	c, _ := g.connect("d", true)
	assert.Equal(t, byte(0x80), c.subscribe(1, "t", 1))
	assert.Equal(t, byte(1), c.subscribe(2, "sync/docs/x", 1))
	c.publish1("t", "dropped", 3)
	g.hub.SetSyncTopicsOnly(false)
	assert.Equal(t, byte(1), c.subscribe(4, "t", 1))
	c.silent()
}

func TestRetainedMessages(t *testing.T) {
	g := serve(t)
	p, _ := g.connect("pub", true)
	for i, topic := range []string{"par", "par/a", "par/a/b", "other"} {
		p.publish(topic, topic, 1, uint16(i+1), true)
		p.want(wire.PUBACK)
	}
	for filter, want := range map[string]int{"par/#": 3, "par": 1, "+/a": 1, "#": 4, "par/+": 1, "par/a/#": 2, "+": 2, "par/a/b/#": 1, "none/#": 0} {
		c, _ := g.connect("r", true)
		require.Equal(t, byte(2), c.subscribe(1, filter, 2), filter)
		got := map[string]bool{}
		for range want {
			m := c.want(wire.PUBLISH).publish()
			assert.True(t, m.Retain, filter)
			assert.True(t, wire.Matches(filter, string(m.Topic)), "%s got %s", filter, m.Topic)
			got[string(m.Topic)] = true
		}
		assert.Len(t, got, want, filter)
		c.silent()
		_ = c.Close()
	}
	c, _ := g.connect("live", true)
	c.subscribe(1, "par/#", 0)
	for range 3 {
		c.want(wire.PUBLISH)
	}
	p.publish("par", "live", 1, 9, true)
	p.want(wire.PUBACK)
	assert.False(t, c.want(wire.PUBLISH).publish().Retain, "live messages carry RETAIN 0")
	p.publish("par", "", 1, 10, true) // removes it
	p.want(wire.PUBACK)
	assert.Empty(t, c.want(wire.PUBLISH).publish().Payload, "and is delivered all the same")
	c.subscribe(2, "par", 0)
	c.silent()
	assert.Equal(t, 3, g.hub.Stats().Retained)
}

func TestRetainedMessagesAreBoundedByService(t *testing.T) {
	g := serve(t, withSettings(Settings{RetainedMessages: 2}))
	c, _ := g.connect("d", true)
	c.subscribe(1, "+", 0)
	for i, topic := range []string{"a", "b", "c", "b"} {
		c.publish(topic, fmt.Sprint(i), 0, 0, true)
		assert.Equal(t, topic, string(c.want(wire.PUBLISH).publish().Topic), "it is delivered")
	}
	assert.Equal(t, 2, g.hub.Stats().Retained)
	n := g.hub.Notices(0)
	require.Len(t, n, 1)
	assert.Equal(t, "c", n[0].Topic)
	assert.Equal(t, NotRetained, n[0].Kind)
	c.subscribe(2, "b", 0)
	assert.Equal(t, "3", string(c.want(wire.PUBLISH).publish().Payload), "what is there can be replaced")
	other, _ := g.connectWith(wire.Connect{ClientID: "o", Clean: true, HasUser: true, User: "IS2"})
	other.publish("x", "x", 0, 0, true)
	other.silent()
	assert.Equal(t, 3, g.hub.Stats().Retained, "another service has its own bound")
}

// pair serves one connection over a pipe, for tests whose time is not the real one.
func pair(t *testing.T, h *Hub, hello Hello) (device net.Conn, ended <-chan End) {
	near, far := net.Pipe()
	c, _, _, _ := h.Open(near, hello)
	ends := make(chan End, 1)
	go func() { ends <- c.Run() }()
	t.Cleanup(func() { _ = far.Close() })
	b := make([]byte, 4)
	_, err := far.Read(b)
	require.NoError(t, err)
	return far, ends
}

func TestKeepAliveIsEnforcedAtOneAndAHalfAndNotEarlier(t *testing.T) {
	for _, seconds := range []uint16{1, 10, 60, 43691, 65535} {
		synctest.Test(t, func(t *testing.T) {
			h := New(Params{})
			device, ended := pair(t, h, Hello{DeviceSID: "d", Level: 4, Clean: true, KeepAlive: seconds})
			bound := time.Duration(seconds) * time.Second * 3 / 2
			ping := func() {
				_, err := device.Write([]byte{wire.PINGREQ << 4, 0})
				require.NoError(t, err)
				_, err = device.Read(make([]byte, 2))
				require.NoError(t, err)
			}
			for range 5 { // each just in time
				time.Sleep(bound - time.Millisecond)
				ping()
			}
			at := time.Now()
			synctest.Wait()
			assert.Equal(t, at.Add(bound), h.Sessions()[0].KeepAliveDue, "what the snapshot says")
			_, err := device.Write([]byte{0x30}) // half a packet is no packet
			require.NoError(t, err)
			assert.Equal(t, cause.KeepaliveExpired, (<-ended).Cause)
			assert.Equal(t, bound, time.Since(at))
		})
	}
}

func TestKeepAliveZeroNeverExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Params{})
		device, ended := pair(t, h, Hello{DeviceSID: "d", Level: 4, Clean: true})
		time.Sleep(1000 * time.Hour)
		assert.Zero(t, h.Sessions()[0].KeepAliveDue)
		_ = device.Close()
		assert.Equal(t, cause.ClientClosed, (<-ended).Cause)
	})
}

func TestADeviceThatDoesNotReadIsCutAfterTheWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Params{})
		device, ended := pair(t, h, Hello{DeviceSID: "d", Level: 4, Clean: true})
		_, err := device.Write([]byte{wire.PINGREQ << 4, 0})
		require.NoError(t, err)
		at := time.Now()
		assert.Equal(t, cause.WriteTimeout, (<-ended).Cause)
		assert.LessOrEqual(t, time.Since(at), 20*time.Second)
		assert.GreaterOrEqual(t, time.Since(at), 15*time.Second)
	})
}

func TestEveryPacketIsShownToTheTapUntilItHasEnough(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	g := serve(t, func(g *gate, _ *Params) {
		g.tap = func(Hello) func(bool, []byte) bool {
			return func(outbound bool, b []byte) bool {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, fmt.Sprintf("%v % x", outbound, b))
				return len(seen) < 5
			}
		}
	})
	c, _ := g.connect("d", true)
	c.subscribe(1, "t", 0)
	c.silent()
	c.silent()
	assert.Equal(t, []string{"true 20 02 00 00", "false 82 06 00 01 00 01 74 00", "true 90 03 00 01 00", "false c0 00", "true d0 00"}, seen)
}

func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	for _, outbound := range []bool{false, true} {
		g := serve(t, func(g *gate, _ *Params) {
			g.tap = func(h Hello) func(bool, []byte) bool {
				if h.DeviceSID != "bad" {
					return nil
				}
				return func(out bool, b []byte) bool {
					if kind := b[0] >> 4; out == outbound && (kind == wire.PINGREQ || kind == wire.PINGRESP) {
						panic("tap")
					}
					return true
				}
			}
		})
		good, _ := g.connect("good", true)
		bad, _ := g.connect("bad", true)
		bad.send([]byte{wire.PINGREQ << 4, 0})
		bad.closed()
		end := g.ended("bad", 0)
		assert.Equal(t, cause.InternalError, end.Cause)
		if !outbound {
			assert.Equal(t, []byte{wire.PINGREQ << 4, 0}, end.Packet)
		}
		good.silent()
	}
}

func TestCloseEndsEverything(t *testing.T) {
	g := serve(t)
	stalled, _ := g.connect("stalled", false)
	stalled.send(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "#", QoS: 1})) // and never reads
	var wg sync.WaitGroup
	for i := range 10 {
		c, _ := g.connect(fmt.Sprint("c", i), i%2 == 0)
		wg.Go(func() {
			for id := uint16(1); ; id++ {
				_ = c.SetWriteDeadline(time.Now().Add(patience))
				b := wire.AppendPublish(nil, wire.Message{Topic: "t", Payload: make([]byte, 4096), QoS: 1, ID: max(id, 1)})
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		})
	}
	g.until("traffic", func() bool { return g.hub.Stats().MessagesIn > 200 })
	at := time.Now()
	g.hub.Close()
	t.Logf("closed in %v", time.Since(at))
	assert.Less(t, time.Since(at), 2*time.Second)
	wg.Wait()
	assert.Zero(t, g.hub.Stats().Connected)
	assert.Equal(t, cause.GatewayStopped, g.ended("stalled", 0).Cause)
	late := g.dial()
	late.send(wire.AppendConnect(nil, wire.Connect{ClientID: "late", HasUser: true, User: "IS1"}, false))
	late.closed()
	assert.Equal(t, cause.GatewayStopped, g.ended("late", 0).Cause)
}

func TestDroppedSessionsAndServicesAreGone(t *testing.T) {
	g := serve(t)
	c, _ := g.connect("d", false)
	c.subscribe(1, "t", 1)
	c.publish("t", "x", 0, 0, true)
	c.want(wire.PUBLISH)
	require.True(t, g.hub.DropSession("d"))
	c.closed()
	assert.Equal(t, cause.SessionDropped, g.ended("d", 0).Cause)
	require.False(t, g.hub.DropSession("d"))
	c, present := g.connect("d", false)
	require.False(t, present)
	g.hub.DropService("IS1")
	c.closed()
	assert.Equal(t, cause.ServiceChanged, g.ended("d", 1).Cause)
	c, present = g.connect("d", false)
	assert.False(t, present)
	c.subscribe(1, "#", 1)
	c.silent()
	assert.Zero(t, g.hub.Stats().Retained)
}

func TestSnapshotsTellWhoIsThereAndWhatWent(t *testing.T) {
	g := serve(t)
	c, _ := g.connect("d", false)
	c.subscribe(1, "b", 1)
	c.subscribe(2, "a", 2)
	c.publish1("x", "12345", 3)
	c.silent()
	s, found := g.session("d")
	require.True(t, found)
	assert.True(t, s.Connected)
	assert.Equal(t, "MQTT 3.1.1", s.Protocol())
	assert.Equal(t, []Subscription{{"a", 2}, {"b", 1}}, s.Subscriptions)
	assert.Equal(t, "IS1", s.ServiceSID)
	assert.Equal(t, uint64(1), s.In)
	assert.Equal(t, uint64(2*8+2+3+2+5+2), s.BytesIn)
	assert.Equal(t, c.LocalAddr().String(), s.Remote)
	assert.WithinDuration(t, time.Now().Add(90*time.Second), s.KeepAliveDue, 5*time.Second)
	st := g.hub.Stats()
	assert.Equal(t, 1, st.Connected)
	assert.Equal(t, 1, st.Sessions)
	_ = c.Close()
	g.ended("d", 0)
	s, found = g.session("d")
	require.True(t, found)
	assert.False(t, s.Connected)
	assert.Zero(t, s.KeepAliveDue)
}

func TestDroppingTheSessionOfAnEarlierServiceLeavesTheNewOneAlone(t *testing.T) {
	g := serve(t)
	c, _ := g.connectWith(wire.Connect{ClientID: "mover", KeepAlive: 60, HasUser: true, User: "IS2"})
	assert.False(t, g.hub.DropSessionOf("mover", "IS1"))
	assert.False(t, g.hub.DropSessionOf("nobody", "IS1"))
	assert.Equal(t, byte(1), c.subscribe(1, "x", 1))
	assert.True(t, g.hub.DropSessionOf("mover", "IS2"))
	c.closed()
	assert.Equal(t, cause.ServiceChanged, g.ended("mover", 0).Cause)
	_, found := g.session("mover")
	assert.False(t, found)
}
