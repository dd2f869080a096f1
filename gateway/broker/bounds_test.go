package broker

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

func kinds(h *Hub) map[NoticeKind]int {
	kinds := map[NoticeKind]int{}
	for _, n := range h.Notices(0) {
		kinds[n.Kind] += n.Times
	}
	return kinds
}

func TestASessionWithTooMuchWaitingIsDiscardedAsAWhole(t *testing.T) {
	for name, settings := range map[string]Settings{
		"messages": {SessionMessages: 50},
		"bytes":    {SessionBytes: 50 * (1 + 1000 + messageOverhead)},
	} {
		for _, clean := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, clean %v", name, clean), func(t *testing.T) {
				l := newMemoryLog()
				g := serve(t, withLog(l), withSettings(settings))
				c, _ := g.connect("d", clean)
				c.subscribe(1, "t", 1)
				other, _ := g.connect("other", false)
				other.subscribe(1, "t", 1)
				p, _ := g.connect("p", true)
				for i := range 50 {
					p.publish1("t", filler(1000, i), 1)
					m := other.want(wire.PUBLISH).publish()
					other.ack(wire.PUBACK, m.ID)
				}
				s, _ := g.session("d")
				require.Equal(t, 50, s.InFlight+s.Queued)
				require.Equal(t, int64(50*(1+1000+messageOverhead)), s.QueuedBytes)
				p.publish1("t", filler(1000, 50), 1)
				c.closed()
				assert.Equal(t, cause.SessionOverflow, g.ended("d", 0).Cause)
				assert.Len(t, other.want(wire.PUBLISH).publish().Payload, 1000, "the others get it")
				_, there := g.session("d")
				assert.False(t, there)
				n := g.hub.Notices(0)
				require.Len(t, n, 1)
				assert.Equal(t, SessionOverflow, n[0].Kind)
				assert.Equal(t, "d", n[0].DeviceSID)
				assert.Equal(t, 51, n[0].Lost)
				assert.Equal(t, uint64(51), g.hub.Stats().Lost)
				g.close()
				g = serve(t, withLog(l), withSettings(settings))
				_, present := g.connect("d", false)
				assert.False(t, present)
			})
		}
	}
}

func TestAnAbsentDeviceOverflowsToo(t *testing.T) {
	g := serve(t, withLog(newMemoryLog()), withSettings(Settings{SessionMessages: 10}))
	c, _ := g.connect("d", false)
	c.subscribe(1, "t", 1)
	_ = c.Close()
	g.ended("d", 0)
	p, _ := g.connect("p", true)
	for i := range 30 {
		p.publish1("t", strconv.Itoa(i), 1)
	}
	c, present := g.connect("d", false)
	assert.False(t, present, "so that it knows")
	c.silent()
	assert.Equal(t, uint64(11), g.hub.Stats().Lost)
	assert.Zero(t, g.hub.shelf.live.Load())
}

func TestMisplacedWildcardsAreRefusedByThemselves(t *testing.T) {
	g := serve(t)
	c, _ := g.connect("d", true)
	c.send(wire.AppendSubscribe(nil, 1, []wire.Subscription{{Filter: "sport#", QoS: 1}, {Filter: "ok", QoS: 1}, {Filter: "a+/b", QoS: 1}, {Filter: "#/x", QoS: 0}}...))
	assert.Equal(t, []byte{0x80, 1, 0x80, 0x80}, c.want(wire.SUBACK).body[2:])
	c.send(wire.AppendUnsubscribe(nil, 2, "sport#", "ok"))
	c.want(wire.UNSUBACK)
	assert.Equal(t, map[NoticeKind]int{InvalidFilter: 3}, kinds(g.hub))
	s, _ := g.session("d")
	assert.Empty(t, s.Subscriptions)
	old := g.connect31("old", true)
	assert.Equal(t, byte(1), old.subscribe(1, "sport#", 1), "3.1 has no refusal")
}

func TestASessionHasABoundedNumberOfSubscriptions(t *testing.T) {
	g := serve(t, withSettings(Settings{Subscriptions: 2}))
	c, _ := g.connect("d", false)
	assert.Equal(t, byte(0), c.subscribe(1, "a", 0))
	assert.Equal(t, byte(0), c.subscribe(2, "b", 0))
	assert.Equal(t, byte(0x80), c.subscribe(3, "c", 0))
	assert.Equal(t, byte(1), c.subscribe(4, "b", 1), "what is there can change")
	assert.Equal(t, map[NoticeKind]int{TooManyFilters: 1}, kinds(g.hub))
}

func TestAPublisherIsNotReadFromWhileTooMuchOfItIsToBeStored(t *testing.T) {
	l := newMemoryLog()
	g := serve(t, withLog(l))
	sub, _ := g.connect("sub", false)
	sub.subscribe(1, "t", 1)
	_ = sub.Close()
	g.ended("sub", 0)
	p, _ := g.connect("p", true)
	p.silent()
	hold := make(chan struct{})
	l.mu.Lock()
	l.hold = hold
	l.mu.Unlock()
	const messages = 5000
	go func() {
		for i := range messages {
			p.publish("t", strconv.Itoa(i), 1, uint16(i+1), false)
		}
	}()
	conn := func() *Conn {
		g.hub.mu.Lock()
		defer g.hub.mu.Unlock()
		return g.hub.sessions["p"].conn
	}()
	g.until("the bound is reached", func() bool { return conn.pending.Load() == mostPending })
	other, _ := g.connect("other", true) // others go on
	other.publish("else", "x", 1, 1, false)
	assert.Equal(t, uint16(1), other.want(wire.PUBACK).id())
	assert.LessOrEqual(t, g.hub.Stats().MessagesIn, uint64(mostPending+2))
	close(hold)
	l.mu.Lock()
	l.hold = nil
	l.mu.Unlock()
	for i := range messages {
		require.Equal(t, uint16(i+1), p.want(wire.PUBACK).id(), "in the order of the publishes") // [MQTT-4.6.0-2]
	}
	s, _ := g.session("sub")
	assert.Equal(t, messages, s.Queued)
	t.Logf("%d messages in %d records", messages, g.hub.Stats().Commits)
}

var errDisk = errors.New("disk full")

func TestWhatIsNotStoredIsNotAcknowledged(t *testing.T) {
	l := newMemoryLog()
	g := serve(t, withLog(l))
	sub, _ := g.connect("sub", false)
	sub.subscribe(1, "t", 1)
	p, _ := g.connect("pub", true)
	p.publish1("t", "before", 1)
	m := sub.want(wire.PUBLISH).publish()
	sub.ack(wire.PUBACK, m.ID)
	live, _ := g.connect("live", true)
	sub.silent()
	l.failing(func(int) error { return errDisk })
	p.publish("t", "x", 2, 2, false)
	assert.Empty(t, p.closed(), "no PUBREC")
	end := g.ended("pub", 0)
	assert.Equal(t, cause.StoreDown, end.Cause)
	require.ErrorIs(t, end.Err, errDisk)
	sub.silent()
	live.publish1("nobody", "goes on", 1)
	d := g.dial()
	d.send(wire.AppendConnect(nil, wire.Connect{ClientID: "new", HasUser: true, User: "IS1"}, false))
	assert.Equal(t, byte(3), d.want(wire.CONNACK).body[1], "a session that cannot be stored does not begin")
	require.Error(t, g.hub.Recover())
	require.ErrorIs(t, g.hub.Err(), errDisk)
	l.failing(nil)
	require.NoError(t, g.hub.Recover())
	require.NoError(t, g.hub.Err())
	p, _ = g.connect("pub", true)
	p.send(wire.AppendPublish(nil, wire.Message{Topic: "t", Payload: []byte("x"), QoS: 2, ID: 2, Dup: true}))
	p.want(wire.PUBREC)
	assert.Equal(t, "x", string(sub.want(wire.PUBLISH).publish().Payload))
	sub.silent()
	_, present := g.connect("new", false)
	assert.False(t, present)
	left := l.cut(l.steps())
	g.close()
	g = serve(t, withLog(left))
	s, there := g.session("sub")
	require.True(t, there)
	assert.Equal(t, 1, s.Queued)
}

func TestAQoS2IdentifierThatWasNotStoredIsTakenAgain(t *testing.T) {
	l := newMemoryLog()
	g := serve(t, withLog(l))
	w, _ := g.connect("w", true)
	w.subscribe(1, "t", 2)
	p, _ := g.connect("p", false)
	hold := make(chan struct{})
	l.mu.Lock()
	l.hold = hold
	l.mu.Unlock()
	p.publish("t", "x", 2, 7, false)
	g.until("it is being stored", func() bool {
		g.hub.sequencer.mu.Lock()
		defer g.hub.sequencer.mu.Unlock()
		return g.hub.sequencer.running && len(g.hub.sequencer.waiting) == 0
	})
	p.publish("t", "y", 2, 8, false) // waits behind it
	g.until("it has come", func() bool { return g.hub.Stats().MessagesIn == 2 })
	l.failing(func(int) error { return errDisk })
	l.mu.Lock()
	l.hold = nil
	l.mu.Unlock()
	close(hold)
	assert.Empty(t, p.closed())
	w.silent()
	l.failing(nil)
	require.NoError(t, g.hub.Recover())
	p, present := g.connect("p", false)
	require.True(t, present)
	for id, payload := range map[uint16]string{7: "x", 8: "y"} {
		p.send(wire.AppendPublish(nil, wire.Message{Topic: "t", Payload: []byte(payload), QoS: 2, ID: id, Dup: true}))
		p.want(wire.PUBREC)
		assert.Equal(t, payload, string(w.want(wire.PUBLISH).publish().Payload))
	}
}

func TestMessagesAreStoredInGroupsAndAcknowledgementsDoNotWaitForEachOther(t *testing.T) {
	l := newMemoryLog()
	commits := make(chan int, 10_000)
	g := serve(t, withLog(l), func(_ *gate, p *Params) {
		p.OnCommit = func(took time.Duration, entries int) { commits <- entries }
	})
	sub, _ := g.connect("sub", false)
	sub.subscribe(1, "t", 1)
	_ = sub.Close()
	g.ended("sub", 0)
	hold := make(chan struct{})
	p, _ := g.connect("p", true)
	l.mu.Lock()
	l.hold = hold
	l.mu.Unlock()
	for i := range 100 {
		p.publish("t", "x", 1, uint16(i+1), false)
	}
	g.until("they have come", func() bool { return g.hub.Stats().MessagesIn == 100 })
	l.mu.Lock()
	l.hold = nil
	l.mu.Unlock()
	close(hold)
	for i := range 100 {
		require.Equal(t, uint16(i+1), p.want(wire.PUBACK).id())
	}
	close(commits)
	most := 0
	for n := range commits {
		most = max(most, n)
	}
	assert.Greater(t, most, 50, "entries in one record")
}

func TestALargeLogIsCompactedBesideTheTraffic(t *testing.T) {
	l := newMemoryLog()
	g := serve(t, withLog(l))
	c, _ := g.connect("away", false)
	c.subscribe(1, "kept", 1)
	_ = c.Close()
	g.ended("away", 0)
	p, _ := g.connect("p", true)
	for i := range 20 {
		p.publish1("kept", filler(1000, i), 1)
	}
	p.publish("state", "retained", 1, 2, true)
	p.want(wire.PUBACK)
	busy, _ := g.connect("busy", false)
	busy.subscribe(1, "t", 1)
	const messages, size = 500, 200 << 10
	for i := range messages {
		p.publish("t", filler(size, i), 1, 1, false)
		m := busy.want(wire.PUBLISH).publish()
		busy.ack(wire.PUBACK, m.ID)
		p.want(wire.PUBACK)
	}
	first, _, bytes := l.Bounds()
	t.Logf("%d MiB were written, %d are left", messages*size>>20, bytes>>20)
	assert.Greater(t, first, uint64(1))
	assert.Less(t, bytes, int64(smallLog+messages*size/4))
	g.close()
	g = serve(t, withLog(l))
	c, present := g.connect("away", false)
	require.True(t, present)
	for i := range 20 {
		m := c.want(wire.PUBLISH).publish()
		require.Equal(t, filler(1000, i), string(m.Payload))
		c.ack(wire.PUBACK, m.ID)
	}
	c.silent()
	assert.Equal(t, 1, g.hub.Stats().Retained)
}
