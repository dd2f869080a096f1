package broker

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

func TestTakeoversUnderLoadLoseNothing(t *testing.T) {
	takeovers := 400
	bothWays(t, func(t *testing.T, serve func(...option) *gate) {
		defer func() { takeovers = 100 }() // over TLS each takes longer
		g := serve(withLog(newMemoryLog()))
		c, _ := g.connect("sub", false)
		c.subscribe(1, "a/b", 1)
		assert.NotZero(t, g.hub.Stats().Commits)
		var stop atomic.Bool
		var sent atomic.Int64
		published := make(chan struct{})
		publisher, _ := g.connect("pub", true)
		go func() {
			defer close(published)
			for i := 0; !stop.Load(); i++ {
				publisher.publish("a/b", strconv.Itoa(i), 1, uint16(i%65535)+1, false)
				if p, err := publisher.read(patience); err != nil || p.kind() != wire.PUBACK {
					t.Errorf("PUBACK %d: %v %v", i, p, err)
					return
				}
				sent.Add(1)
			}
		}()
		var wg sync.WaitGroup
		seen, next, wrong := map[int]bool{}, 0, 0 // by one reader at a time
		follow := func(c *client) {
			defer wg.Done()
			for {
				p, err := c.read(patience)
				if err != nil {
					return
				}
				m := p.publish()
				n, _ := strconv.Atoi(string(m.Payload))
				seen[n] = true
				switch {
				case n == next:
					next++
				case n > next || !m.Dup: // a gap, or a repetition that does not say so
					wrong++
					next = max(next, n+1)
				}
				c.ack(wire.PUBACK, m.ID)
			}
		}
		wg.Add(1)
		go follow(c)
		for i := range takeovers {
			before := sent.Load()
			n := g.dial()
			n.send(wire.AppendConnect(nil, wire.Connect{ClientID: "sub", KeepAlive: 60, HasUser: true, User: "IS1"}, false))
			require.Equal(t, byte(1), n.want(wire.CONNACK).body[0], "session present at takeover %d", i)
			wg.Wait() // the old reader has ended, so that the order can be judged
			c = n
			wg.Add(1)
			go follow(n)
			g.until("publisher goes on", func() bool { return sent.Load() > before })
		}
		stop.Store(true)
		<-published
		g.until("all are delivered and acknowledged", func() bool { s, _ := g.session("sub"); return s.InFlight+s.Queued == 0 })
		_ = c.Close()
		wg.Wait()
		lost := 0
		for i := range int(sent.Load()) {
			if !seen[i] {
				lost++
			}
		}
		t.Logf("%d takeovers, %d messages", takeovers, sent.Load())
		assert.Zero(t, lost, "lost")
		assert.Zero(t, wrong, "out of order, or repeated without DUP")
		assert.Equal(t, cause.TakenOver, g.ended("sub", 0).Cause)
	})
}

func TestIdentifiersOfTheTwoDirectionsAreIndependent(t *testing.T) {
	g := serve(t)
	p, _ := g.connect("pub", true)
	c, _ := g.connect("sub", false)
	c.subscribe(1, "x", 2)
	for i := 1; i <= 20; i++ {
		p.publish1("x", fmt.Sprint("m", i), uint16(i))
	}
	var ids []uint16
	for range 20 { // not acknowledged
		ids = append(ids, c.want(wire.PUBLISH).publish().ID)
	}
	require.Equal(t, byte(1), c.subscribe(1, "y", 1)) // the same identifiers the other way
	c.send(wire.AppendUnsubscribe(nil, 2, "z"))
	c.want(wire.UNSUBACK)
	for i := 1; i <= 20; i++ {
		c.publish1("own", "", uint16(i))
	}
	c.publish("own", "q2", 2, 3, false)
	c.want(wire.PUBREC)
	c.ack(wire.PUBACK, ids[2])
	c.ack(wire.PUBREL, 3)
	c.want(wire.PUBCOMP)
	_ = c.Close()
	g.ended("sub", 0)
	c, present := g.connect("sub", false)
	require.True(t, present)
	for i := 1; i <= 20; i++ {
		if i == 3 {
			continue
		}
		m := c.want(wire.PUBLISH).publish()
		assert.Equal(t, fmt.Sprint("m", i), string(m.Payload))
		assert.True(t, m.Dup)
		assert.Equal(t, ids[i-1], m.ID)
		c.ack(wire.PUBACK, m.ID)
	}
	p.publish1("x", "last", 99)
	assert.Equal(t, "last", string(c.want(wire.PUBLISH).publish().Payload))
}

func TestMessagesForADeviceThatIsAwayComeInOrderWithoutDUP(t *testing.T) {
	bothWays(t, func(t *testing.T, serve func(...option) *gate) {
		g := serve()
		c, present := g.connect("sub", false)
		require.False(t, present)
		c.subscribe(1, "q/#", 1)
		c.send([]byte{wire.DISCONNECT << 4, 0})
		assert.Equal(t, cause.ClientDisconnect, g.ended("sub", 0).Cause)
		p, _ := g.connect("pub", true)
		p.publish("q/0", "not kept", 0, 0, false)
		for i := range 1000 {
			p.publish1("q/t", strconv.Itoa(i), uint16(i+1))
		}
		s, _ := g.session("sub")
		assert.Equal(t, 1000, s.Queued)
		assert.False(t, s.Connected)
		c, present = g.connect("sub", false)
		require.True(t, present)
		for i := range 1000 {
			m := c.want(wire.PUBLISH).publish()
			require.Equal(t, strconv.Itoa(i), string(m.Payload))
			require.False(t, m.Dup)
			c.ack(wire.PUBACK, m.ID)
		}
		c.silent()
		_ = c.Close()
		g.ended("sub", 1)
		c, present = g.connect("sub", false)
		require.True(t, present)
		c.silent() // what was acknowledged does not come again
		_ = c.Close()
		g.ended("sub", 2)
		_, present = g.connect("sub", true)
		assert.False(t, present, "clean session")
		_, present = g.connect("sub", false)
		assert.False(t, present, "after a clean session")
	})
}

func TestQoS2IsDeliveredOnceOverReconnects(t *testing.T) {
	g := serve(t)
	s, _ := g.connect("sub", false)
	s.subscribe(1, "e", 2)
	const messages, cutsWanted = 300, 30
	got := map[string]int{}
	received := make(chan int, 1)
	var all atomic.Bool
	go func() { // an honest receiver that loses its connection at awkward moments
		open := map[uint16]bool{}
		cuts, steps := 0, 0
		defer func() { received <- cuts }()
		for {
			p, err := s.read(patience)
			if err != nil {
				return
			}
			if p.kind() == wire.PINGRESP {
				continue
			}
			steps++
			cut := cuts < cutsWanted && steps%17 == 0
			answer, id := wire.PUBCOMP, uint16(0)
			switch p.kind() {
			case wire.PUBLISH:
				m := p.publish()
				answer, id = wire.PUBREC, m.ID
				if !open[id] {
					open[id] = true
					got[string(m.Payload)]++
				}
			case wire.PUBREL:
				id = p.id()
				delete(open, id)
			}
			if !cut {
				s.ack(answer, id)
				if all.Load() && len(got) == messages && len(open) == 0 {
					return
				}
				continue
			}
			cuts++
			_ = s.Close()
			s = g.dial()
			s.send(wire.AppendConnect(nil, wire.Connect{ClientID: "sub", KeepAlive: 60, HasUser: true, User: "IS1"}, false))
			if p, err := s.read(patience); err != nil || p.body[0] != 1 {
				t.Errorf("reconnect: %v %v", p, err)
				return
			}
		}
	}()
	p, _ := g.connect("pub", false)
	again := func() {
		_ = p.Close()
		p, _ = g.connect("pub", false)
	}
	repeat := func(payload string, id uint16) {
		p.send(wire.AppendPublish(nil, wire.Message{Topic: "e", Payload: []byte(payload), QoS: 2, ID: id, Dup: true}))
	}
	for i := range messages {
		id, payload := uint16(i%100)+1, strconv.Itoa(i)
		if i == messages-1 {
			all.Store(true)
		}
		p.publish("e", payload, 2, id, false)
		switch i % 20 {
		case 3: // the answer is lost
			again()
			repeat(payload, id)
		case 7: // the answer came, and it is sent again all the same
			p.want(wire.PUBREC)
			again()
			repeat(payload, id)
		}
		p.want(wire.PUBREC)
		p.ack(wire.PUBREL, id)
		if i%20 == 11 {
			again()
			p.ack(wire.PUBREL, id)
		}
		p.want(wire.PUBCOMP)
	}
	cuts := <-received
	assert.Equal(t, cutsWanted, cuts)
	for i := range messages {
		assert.Equal(t, 1, got[strconv.Itoa(i)], "message %d", i)
	}
}

func TestASlowReaderLosesNothingAndDelaysNobody(t *testing.T) {
	bothWays(t, func(t *testing.T, serve func(...option) *gate) {
		g := serve(withLog(newMemoryLog()))
		g.hub.shelf.budget = 256 << 10 // most is read back from the log
		const messages = 5000
		fast, _ := g.connect("fast", false)
		fast.subscribe(1, "s", 1)
		p, _ := g.connect("pub", true)
		// round publishes some messages one after the other, and tells how long the other subscriber waited for each.
		round := func(messages int) (p99 time.Duration) {
			var took []time.Duration
			for i := range messages {
				at := time.Now()
				p.publish("s", filler(1024, i), 1, uint16(i+1), false)
				m := fast.want(wire.PUBLISH).publish()
				took = append(took, time.Since(at))
				require.Equal(t, i, int(binary.BigEndian.Uint32(m.Payload)))
				fast.ack(wire.PUBACK, m.ID)
				p.want(wire.PUBACK)
			}
			slices.Sort(took)
			return took[len(took)*99/100]
		}
		alone := round(1000)
		slow, _ := g.connect("slow", false)
		slow.subscribe(1, "s", 1)
		beside := round(messages)
		t.Logf("from publish to the other subscriber, p99: alone %v, beside a slow reader %v", alone, beside)
		assert.Less(t, beside, 3*alone+50*time.Millisecond)
		s, _ := g.session("slow")
		assert.LessOrEqual(t, s.InFlight, 100, "in-flight window")
		assert.Equal(t, messages, s.InFlight+s.Queued)
		assert.LessOrEqual(t, g.hub.shelf.resident.Load(), g.hub.shelf.budget, "payloads in memory")
		for i := range messages {
			m := slow.want(wire.PUBLISH).publish()
			require.Equal(t, i, int(binary.BigEndian.Uint32(m.Payload)))
			require.False(t, m.Dup)
			slow.ack(wire.PUBACK, m.ID)
		}
		slow.silent()
		assert.Zero(t, g.hub.shelf.live.Load())
		assert.Zero(t, g.hub.shelf.resident.Load())
	})
}

func TestPublishersAreSlowedDownByABoundedTime(t *testing.T) {
	g := serve(t, withSettings(Settings{SoftQueue: 300, SlowDown: 5 * time.Millisecond}))
	slow, _ := g.connect("slow", true)
	slow.subscribe(1, "s", 1)
	p, _ := g.connect("pub", true)
	const messages = 450
	for i := range messages {
		p.publish1("s", strconv.Itoa(i), uint16(i+1))
	}
	assert.Equal(t, uint64(messages-100-300), g.hub.Stats().SlowedDown)
	for i := range messages {
		m := slow.want(wire.PUBLISH).publish()
		require.Equal(t, strconv.Itoa(i), string(m.Payload))
		slow.ack(wire.PUBACK, m.ID)
	}
}

func TestQoS0OverTheBoundDropsTheOldestAndCounts(t *testing.T) {
	g := serve(t, withSettings(Settings{QoS0Bytes: 64 << 10}))
	slow, _ := g.connect("slow", false)
	slow.subscribe(1, "s", 0)
	p, _ := g.connect("pub", true)
	const messages = 20_000
	for i := range messages {
		p.publish("s", filler(1024, i), 0, 0, false)
	}
	p.silent()
	got, last := 0, -1
	for last != messages-1 {
		n := int(binary.BigEndian.Uint32(slow.want(wire.PUBLISH).publish().Payload))
		require.Greater(t, n, last, "order")
		got, last = got+1, n
	}
	s, _ := g.session("slow")
	t.Logf("delivered %d, dropped %d", got, s.Dropped)
	assert.NotZero(t, s.Dropped)
	assert.Equal(t, messages, got+int(s.Dropped))
	assert.Equal(t, s.Dropped, g.hub.Stats().Dropped)
}

func TestTheWindowBoundsWhatIsInFlight(t *testing.T) {
	g := serve(t, withSettings(Settings{Window: 5}))
	c, _ := g.connect("sub", true)
	c.subscribe(1, "t", 1)
	p, _ := g.connect("pub", true)
	for i := range 12 {
		p.publish1("t", strconv.Itoa(i), uint16(i+1))
	}
	var ids []uint16
	for range 5 {
		ids = append(ids, c.want(wire.PUBLISH).publish().ID)
	}
	c.silent()
	s, _ := g.session("sub")
	assert.Equal(t, 5, s.InFlight)
	assert.Equal(t, 7, s.Queued)
	c.ack(wire.PUBACK, ids[0])
	assert.Equal(t, "5", string(c.want(wire.PUBLISH).publish().Payload))
	c.silent()
}

func TestDeliveredQoSIsTheLowerOfTheTwo(t *testing.T) {
	g := serve(t)
	p, _ := g.connect("pub", true)
	for granted := byte(0); granted <= 2; granted++ {
		c, _ := g.connect(fmt.Sprint("sub", granted), true)
		require.Equal(t, granted, c.subscribe(1, "t", granted))
		for qos := byte(0); qos <= 2; qos++ {
			p.publish("t", "x", qos, 7, false)
			switch qos {
			case 1:
				p.want(wire.PUBACK)
			case 2:
				p.want(wire.PUBREC)
				p.ack(wire.PUBREL, 7)
				p.want(wire.PUBCOMP)
			}
			m := c.want(wire.PUBLISH).publish()
			assert.Equal(t, min(granted, qos), m.QoS)
			assert.False(t, m.Retain)
		}
		_ = c.Close()
		g.ended(fmt.Sprint("sub", granted), 0)
	}
}

func TestOverlappingFiltersDeliverOnceAtTheHighestQoS(t *testing.T) {
	g := serve(t)
	c, _ := g.connect("sub", true)
	c.subscribe(1, "a/#", 0)
	c.subscribe(2, "a/b", 1)
	c.subscribe(3, "+/b", 0)
	c.publish("a/b", "own", 1, 9, false) // the publisher gets its own
	c.want(wire.PUBACK)
	assert.Equal(t, byte(1), c.want(wire.PUBLISH).publish().QoS)
	c.silent()
}
