package broker

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/wire"
)

// crash ends a gateway as kill -9 does: from one moment on nothing is stored any more, and what was not stored by then is
// gone. It returns the log as it was.
func (g *gate) crash(l *memoryLog) *memoryLog {
	g.t.Helper()
	hold := make(chan struct{})
	l.mu.Lock()
	l.hold = hold
	l.mu.Unlock()
	left := l.cut(l.steps())
	l.failing(func(int) error { return errNotThere })
	close(hold)
	g.close()
	return left
}

// carrier is a gateway that crashes, and devices that find it again.
type carrier struct {
	t    *testing.T
	mu   sync.Mutex
	gate *gate
	log  *memoryLog
}

func (x *carrier) now() *gate {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.gate
}

func (x *carrier) crash() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.log = x.gate.crash(x.log)
	x.gate = serve(x.t, withLog(x.log), withSmallLog)
}

// reach connects a device to the gateway as it is now, until one takes it.
func (x *carrier) reach(device string) *client {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		c, err := x.now().tryDial()
		if err != nil {
			continue
		}
		c.send(wire.AppendConnect(nil, wire.Connect{ClientID: device, KeepAlive: 60, HasUser: true, User: "IS1"}, false))
		if p, err := c.read(patience); err == nil && p.kind() == wire.CONNACK && p.body[1] == 0 {
			return c
		}
		_ = c.Close()
	}
	x.t.Error("no gateway takes " + device)
	return nil
}

// publishAll publishes numbers from 0 on until each is acknowledged, whatever happens to the gateway.
func (x *carrier) publishAll(device string, messages int, qos byte) {
	c := x.reach(device)
	again := func() {
		_ = c.Close()
		c = x.reach(device)
	}
	for i := 0; i < messages && c != nil; {
		id, dup := uint16(i%60_000)+1, false
		for sent := false; !sent && c != nil; dup = true {
			c.send(wire.AppendPublish(nil, wire.Message{Topic: "t", Payload: []byte(device + " " + strconv.Itoa(i)), QoS: qos, ID: id, Dup: dup}))
			if p, err := c.read(patience); err != nil || p.id() != id {
				again()
				continue
			}
			sent = true
		}
		for released := qos == 1; !released && c != nil; {
			c.ack(wire.PUBREL, id)
			if p, err := c.read(patience); err != nil || p.kind() != wire.PUBCOMP {
				again()
				continue
			}
			released = true
		}
		i++
	}
	if c != nil {
		_ = c.Close()
	}
}

// receiveAll takes messages until done is closed and nothing is left, and returns the payloads in the order in which they came; with QoS 2
// each once, as an honest receiver does.
func (x *carrier) receiveAll(device string, done <-chan struct{}) (got []string) {
	c := x.reach(device)
	open := map[uint16]bool{}
	for c != nil {
		p, err := c.read(200 * time.Millisecond)
		if isTimeout(err) {
			select {
			case <-done:
				_ = c.Close()
				return got
			default:
				continue
			}
		}
		if err != nil {
			_ = c.Close()
			c = x.reach(device)
			continue
		}
		switch p.kind() {
		case wire.PUBLISH:
			m := p.publish()
			if m.QoS == 1 {
				got = append(got, string(m.Payload))
				c.ack(wire.PUBACK, m.ID)
				continue
			}
			if !open[m.ID] {
				open[m.ID] = true
				got = append(got, string(m.Payload))
			}
			c.ack(wire.PUBREC, m.ID)
		case wire.PUBREL:
			delete(open, p.id())
			c.ack(wire.PUBCOMP, p.id())
		}
	}
	return got
}

func TestACrashAtAnyMomentLosesNothingThatWasAcknowledged(t *testing.T) {
	for _, qos := range []byte{1, 2} {
		t.Run("QoS "+strconv.Itoa(int(qos)), func(t *testing.T) {
			const publishers, messages, crashes = 3, 400, 12
			l := newMemoryLog()
			x := &carrier{t: t, log: l, gate: serve(t, withLog(l), withSmallLog)}
			sub := x.reach("sub")
			require.Equal(t, qos, sub.subscribe(1, "t", qos))
			_ = sub.Close()
			published := make(chan struct{})
			var senders, receiver sync.WaitGroup
			for i := range publishers {
				senders.Go(func() { x.publishAll("p"+strconv.Itoa(i), messages, qos) })
			}
			var got []string
			receiver.Go(func() { got = x.receiveAll("sub", published) })
			for range crashes {
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // not for synchronisation: moments at random
				x.crash()
			}
			senders.Wait()
			close(published)
			receiver.Wait()
			times, next := map[string]int{}, map[string]int{}
			for _, payload := range got {
				times[payload]++
				if times[payload] > 1 {
					continue
				}
				var device string
				device, number := payload[:2], payload[3:]
				n, err := strconv.Atoi(number)
				require.NoError(t, err)
				require.Equal(t, next[device], n, "the first deliveries of %s are in order and without a gap", device)
				next[device]++
			}
			repeated := 0
			for payload, n := range times {
				if n > 1 {
					repeated++
					if qos == 2 {
						t.Errorf("%s came %d times", payload, n)
					}
				}
			}
			checkpoints := x.log.trims()
			t.Logf("%d deliveries, %d messages came again after a crash; %d checkpoints", len(got), repeated, checkpoints)
			assert.NotZero(t, checkpoints)
			assert.Len(t, times, publishers*messages)
		})
	}
}

func TestARestartRemembersHowFarAQoS2MessageGot(t *testing.T) {
	l := newMemoryLog()
	g := serve(t, withLog(l))
	c, _ := g.connect("d", false)
	c.subscribe(1, "t", 2)
	for id := uint16(1); id <= 3; id++ { // from the device
		c.publish("own", "x", 2, id, false)
		c.want(wire.PUBREC)
	}
	c.ack(wire.PUBREL, 2)
	c.want(wire.PUBCOMP)
	p, _ := g.connect("p", true)
	for id := uint16(1); id <= 3; id++ { // to the device
		p.publish("t", strconv.Itoa(int(id)), 2, id, false)
		p.want(wire.PUBREC)
	}
	var ids []uint16
	for range 3 {
		ids = append(ids, c.want(wire.PUBLISH).publish().ID)
	}
	c.ack(wire.PUBREC, ids[0])
	c.want(wire.PUBREL)
	c.ack(wire.PUBREC, ids[2])
	c.want(wire.PUBREL)
	c.ack(wire.PUBCOMP, ids[2])
	g.until("the last acknowledgement has come", func() bool { s, _ := g.session("d"); return s.InFlight == 2 })
	left := g.crash(l) // it may be lost: then PUBREL comes again, and does no harm

	g = serve(t, withLog(left))
	w, _ := g.connect("w", true)
	w.subscribe(1, "own", 2)
	c, present := g.connect("d", false)
	require.True(t, present)
	assert.Equal(t, ids[0], c.want(wire.PUBREL).id())
	m := c.want(wire.PUBLISH).publish()
	assert.Equal(t, ids[1], m.ID)
	assert.True(t, m.Dup)
	for id := uint16(1); id <= 3; id++ { // sent again: 2 is new, the others are not
		c.send(wire.AppendPublish(nil, wire.Message{Topic: "own", Payload: []byte(strconv.Itoa(int(id))), QoS: 2, ID: id, Dup: true}))
	}
	assert.Equal(t, "2", string(w.want(wire.PUBLISH).publish().Payload))
	w.silent()
}

func TestPacketIdentifiersGoOnAfterARestart(t *testing.T) {
	l := newMemoryLog()
	g := serve(t, withLog(l))
	c, _ := g.connect("d", false)
	c.subscribe(1, "t", 1)
	last := uint16(0)
	for range 3 {
		for range 5 {
			c.publish("t", "x", 1, 1, false)
			var m wire.Publish
			for range 2 {
				if k, err := c.read(patience); err == nil && k.kind() == wire.PUBLISH {
					m = k.publish()
				}
			}
			require.Equal(t, last+1, m.ID)
			last = m.ID
			c.ack(wire.PUBACK, m.ID)
		}
		c.silent()
		g.close()
		g = serve(t, withLog(l))
		var present bool
		c, present = g.connect("d", false)
		require.True(t, present)
	}
}

func TestIdentifiersWrapWithoutMeetingThoseInFlight(t *testing.T) {
	var o outbox
	for seq := uint64(1); seq <= 200_000; seq++ {
		o.queued.push(newItem(&Message{Topic: "t"}, nil, seq, 1, false))
	}
	b, n, _ := o.fill(nil, 1<<30, 65_535, 4, nil)
	require.NotEmpty(t, b)
	require.Equal(t, identifiers, n)
	_, ok := o.done(wire.PUBACK, 2) // the first is still there
	require.True(t, ok)
	_, n, _ = o.fill(nil, 1<<30, 65_535, 4, nil)
	assert.Zero(t, n, "the next would have its identifier")
	_, ok = o.done(wire.PUBACK, 1)
	require.True(t, ok)
	_, n, _ = o.fill(nil, 1<<30, 65_535, 4, nil)
	assert.Equal(t, 2, n)
	assert.Equal(t, uint16(2), o.inFlight[len(o.inFlight)-1].id())
}

func TestALogThatFailsNowAndThenLosesNothingThatWasAcknowledged(t *testing.T) {
	for _, late := range []bool{false, true} { // whether the log has kept what it said it could not
		const publishers, messages, failures = 3, 300, 15
		l := newMemoryLog()
		l.late = late
		x := &carrier{t: t, log: l, gate: serve(t, withLog(l), withSmallLog)}
		sub := x.reach("sub")
		require.Equal(t, byte(2), sub.subscribe(1, "t", 2))
		_ = sub.Close()
		published := make(chan struct{})
		var senders, receiver sync.WaitGroup
		for i := range publishers {
			senders.Go(func() { x.publishAll("p"+strconv.Itoa(i), messages, 2) })
		}
		var got []string
		receiver.Go(func() { got = x.receiveAll("sub", published) })
		for range failures {
			l.failing(func(int) error {
				if rand.IntN(10) == 0 {
					return errDisk
				}
				return nil
			})
			x.gate.until("it fails, or all is done", func() bool {
				return x.gate.hub.sequencer.failed() != nil || x.gate.hub.Stats().MessagesIn >= publishers*messages
			})
			l.failing(nil)
			require.NoError(t, x.gate.hub.Recover())
		}
		senders.Wait()
		close(published)
		receiver.Wait()
		times, next := map[string]int{}, map[string]int{}
		for _, payload := range got {
			times[payload]++
			device := payload[:2]
			n, err := strconv.Atoi(payload[3:])
			require.NoError(t, err)
			require.Equal(t, next[device], n, "%s, in order and once", device)
			next[device]++
		}
		assert.Len(t, times, publishers*messages)
	}
}
