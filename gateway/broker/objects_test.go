package broker

import (
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

// documents are the least that can stand behind sync/: each topic holds a state, which a publish replaces.
type documents struct {
	mu      sync.Mutex
	hub     *Hub
	states  map[string]string
	refuse  func(p ObjectPublish) error
	forbid  func(topic string) bool
	publish int
}

func withDocuments(d *documents) option {
	return func(g *gate, p *Params) {
		if d.states == nil {
			d.states = map[string]string{}
		}
		p.Objects = d
		g.opened = append(g.opened, func(h *Hub) { d.hub = h })
	}
}

func (d *documents) Publish(p ObjectPublish) error {
	d.mu.Lock()
	d.publish++
	if d.refuse != nil {
		if err := d.refuse(p); err != nil {
			d.mu.Unlock()
			return err
		}
	}
	d.mu.Unlock()
	stored := make(chan error, 1)
	d.set(p.ServiceSID, p.Topic, string(p.Payload), func(err error) { stored <- err })
	return <-stored
}

// set changes a state and hands the update over.
func (d *documents) set(service, topic, state string, stored func(error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states[service+topic] = state
	d.hub.Update(Update{ServiceSID: service, Routes: []Route{{topic, topic}}, Payload: []byte(state)}, stored)
}

func (d *documents) MaySubscribe(_, _, topic string) bool {
	return d.forbid == nil || !d.forbid(topic)
}

func (d *documents) Snapshot(service, _, topic string, yield func(string, []byte) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state, there := d.states[service+topic]; there {
		yield(topic, []byte(state))
	}
}

func TestAnObjectsStateComesAfterTheSUBACKAndUpdatesAfterIt(t *testing.T) {
	d := &documents{}
	l := newMemoryLog()
	g := serve(t, withDocuments(d), withLog(l))
	p, _ := g.connect("p", true)
	p.publish1("sync/docs/x", "1", 1)
	c, _ := g.connect("d", false)
	require.Equal(t, byte(1), c.subscribe(1, "sync/docs/x", 2), "at most 1")
	m := c.want(wire.PUBLISH).publish()
	assert.Equal(t, "1", string(m.Payload))
	assert.True(t, m.Retain)
	assert.Equal(t, byte(1), m.QoS)
	p.publish("sync/docs/x", "2", 0, 0, true)
	m = c.want(wire.PUBLISH).publish()
	assert.Equal(t, "2", string(m.Payload))
	assert.False(t, m.Retain)
	quiet, _ := g.connect("quiet", true)
	require.Equal(t, byte(0), quiet.subscribe(1, "sync/docs/x", 0))
	quiet.silent()
	p.publish1("sync/docs/x", "3", 2)
	assert.Equal(t, byte(0), quiet.want(wire.PUBLISH).publish().QoS)
	g.close()
	g = serve(t, withDocuments(d), withLog(l))
	c, present := g.connect("d", false)
	require.True(t, present)
	for _, want := range []string{"1", "2", "3"} { // none was acknowledged
		assert.Equal(t, want, string(c.want(wire.PUBLISH).publish().Payload))
	}
}

func TestARefusedPublishOfAnObjectIsAcknowledgedOrEndsTheConnection(t *testing.T) {
	d := &documents{}
	g := serve(t, withDocuments(d))
	c, _ := g.connect("d", false)
	d.refuse = func(ObjectPublish) error { return ErrStrict }
	c.publish("sync/docs/x", "{", 1, 1, false)
	assert.Empty(t, c.closed())
	assert.Equal(t, cause.PublishRefused, g.ended("d", 0).Cause)
	d.refuse = func(ObjectPublish) error { return errDisk }
	c, _ = g.connect("d", false)
	c.publish("sync/docs/x", "{}", 2, 1, false)
	assert.Empty(t, c.closed())
	assert.Equal(t, cause.StoreDown, g.ended("d", 1).Cause)
	d.refuse = nil
	c, _ = g.connect("d", false)
	c.publish("sync/docs/x", "{}", 2, 1, false)
	c.want(wire.PUBREC)
	c.publish("sync/docs/x", "{}", 2, 1, false)
	c.want(wire.PUBREC)
	assert.Equal(t, 3, d.publish, "the one that was sent again is not handled again")
}

func TestAnObjectThatMayNotBeReadIsNotSubscribed(t *testing.T) {
	d := &documents{forbid: func(topic string) bool { return topic == "sync/docs/secret" }}
	g := serve(t, withDocuments(d))
	c, _ := g.connect("d", true)
	assert.Equal(t, byte(0x80), c.subscribe(1, "sync/docs/secret", 1))
	assert.Equal(t, byte(1), g.connect31("old", true).subscribe(1, "sync/docs/secret", 1))
	assert.Empty(t, kinds(g.hub), "the objects report it")
	s, _ := g.session("old")
	assert.Empty(t, s.Subscriptions)
}

func TestASessionGetsAnUpdateOnceOnATopicAndOnlyIfItMay(t *testing.T) {
	g := serve(t, withDocuments(&documents{}))
	c, _ := g.connect("d", true)
	c.subscribe(1, "sync/maps/m", 0)
	c.subscribe(2, "sync/maps/m/k", 1)
	c.subscribe(3, "sync/maps/MP1", 1)
	no, _ := g.connect("no", true)
	no.subscribe(1, "sync/maps/m", 1)
	stored := make(chan error, 1)
	g.hub.Update(Update{ServiceSID: "IS1", Payload: []byte("1"), May: func(device string) bool { return device == "d" }, Routes: []Route{
		{"sync/maps/m", "sync/maps/m/k"}, {"sync/maps/m/k", "sync/maps/m/k"}, {"sync/maps/MP1", "sync/maps/MP1/k"},
	}}, func(err error) { stored <- err })
	require.NoError(t, <-stored)
	got := map[string]byte{}
	for range 2 {
		m := c.want(wire.PUBLISH).publish()
		got[string(m.Topic)] = m.QoS
	}
	assert.Equal(t, map[string]byte{"sync/maps/m/k": 1, "sync/maps/MP1/k": 1}, got)
	c.silent()
	no.silent()
	g.hub.Update(Update{ServiceSID: "IS9", Payload: []byte("1")}, func(err error) { stored <- err })
	require.NoError(t, <-stored, "a service that nobody has connected to")
}

// TestAnOlderStateNeverFollowsANewerOne: devices subscribe again and again while the object changes.
func TestAnOlderStateNeverFollowsANewerOne(t *testing.T) {
	for _, clean := range []bool{true, false} {
		d := &documents{}
		g := serve(t, withDocuments(d), withLog(newMemoryLog()))
		p, _ := g.connect("p", true)
		var stop atomic.Bool
		var writer sync.WaitGroup
		writer.Go(func() {
			for i := 1; !stop.Load(); i++ {
				for g.hub.Stats().Queued > 100 && !stop.Load() { // no more than the device takes
					time.Sleep(100 * time.Microsecond)
				}
				d.set("IS1", "sync/docs/x", strconv.Itoa(i), nil)
			}
		})
		c, _ := g.connect("d", clean)
		last, states := 0, 0
		for i := range 300 {
			c.send(wire.AppendSubscribe(nil, uint16(i+1), wire.Subscription{Filter: "sync/docs/x", QoS: 1}))
			for answered := false; !answered; {
				k, err := c.read(patience)
				require.NoError(t, err)
				if k.kind() != wire.PUBLISH {
					answered = true
					continue
				}
				m := k.publish()
				n, _ := strconv.Atoi(string(m.Payload))
				require.GreaterOrEqual(t, n, last, "retain %v", m.Retain)
				if last = n; m.Retain {
					states++
				}
				c.ack(wire.PUBACK, m.ID)
			}
		}
		stop.Store(true)
		writer.Wait()
		assert.NotZero(t, states)
		p.silent()
	}
}

// A subscription that is lowered to QoS 0 gets no state, but has had one that is newer than what is still on its way.
func TestAnOlderStateDoesNotComeWhenASubscriptionIsLowered(t *testing.T) {
	d := &documents{}
	l := newMemoryLog()
	g := serve(t, withDocuments(d), withLog(l))
	c, _ := g.connect("d", true)
	p, _ := g.connect("p", true)
	hold := make(chan struct{})
	l.mu.Lock()
	l.hold = hold
	l.mu.Unlock()
	p.publish("busy", "x", 1, 1, true)
	g.until("it is being stored", func() bool {
		g.hub.sequencer.mu.Lock()
		defer g.hub.sequencer.mu.Unlock()
		return g.hub.sequencer.running && len(g.hub.sequencer.waiting) == 0
	})
	high := wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "sync/docs/x", QoS: 1})
	c.send(wire.AppendSubscribe(high, 2, wire.Subscription{Filter: "sync/docs/x", QoS: 0}))
	g.until("both wait", func() bool {
		g.hub.sequencer.mu.Lock()
		defer g.hub.sequencer.mu.Unlock()
		return len(g.hub.sequencer.waiting) == 2
	})
	d.set("IS1", "sync/docs/x", "1", nil)
	d.set("IS1", "sync/docs/x", "2", nil)
	close(hold)
	var got []string
	for len(got) < 3 {
		k, err := c.read(patience)
		require.NoError(t, err)
		if k.kind() == wire.PUBLISH {
			got = append(got, string(k.publish().Payload))
			continue
		}
		got = append(got, "SUBACK")
	}
	assert.ElementsMatch(t, []string{"SUBACK", "SUBACK", "2"}, got)
	c.silent()
}
