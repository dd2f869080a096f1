package broker

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/wire"
)

func TestSessionsAndTheirMessagesOutliveTheHub(t *testing.T) {
	l := newMemoryLog()
	g := serve(t, withLog(l))
	c, present := g.connect("sub", false)
	require.False(t, present)
	c.subscribe(1, "a/#", 1)
	c.subscribe(2, "gone", 1)
	c.send(wire.AppendUnsubscribe(nil, 3, "gone"))
	c.want(wire.UNSUBACK)
	p, _ := g.connect("pub", true)
	p.publish1("a/0", "zero", 1)
	first := c.want(wire.PUBLISH).publish() // and never acknowledged
	_ = c.Close()
	g.ended("sub", 0)
	for i := 1; i <= 500; i++ {
		p.publish1("a/b", strconv.Itoa(i), uint16(i))
	}
	g.close()

	g = serve(t, withLog(l))
	s, found := g.session("sub")
	require.True(t, found)
	assert.Equal(t, 501, s.Queued)
	assert.Equal(t, []Subscription{{"a/#", 1}}, s.Subscriptions)
	c, present = g.connect("sub", false)
	require.True(t, present)
	m := c.want(wire.PUBLISH).publish()
	assert.True(t, m.Dup)
	assert.Equal(t, first.ID, m.ID)
	assert.Equal(t, "zero", string(m.Payload))
	c.ack(wire.PUBACK, m.ID)
	for i := 1; i <= 500; i++ {
		m := c.want(wire.PUBLISH).publish()
		require.Equal(t, strconv.Itoa(i), string(m.Payload))
		require.False(t, m.Dup)
		c.ack(wire.PUBACK, m.ID)
	}
	c.silent()
	g.close()

	g = serve(t, withLog(l))
	s, _ = g.session("sub")
	assert.Zero(t, s.Queued)
	c, present = g.connect("sub", false)
	require.True(t, present)
	c.silent()
	_ = c.Close()
	g.ended("sub", 0)
	_, present = g.connect("sub", true)
	require.False(t, present)
	g.close()

	g = serve(t, withLog(l))
	_, found = g.session("sub")
	assert.False(t, found, "a clean session ends it for good")
}

func TestRetainedMessagesOutliveTheHub(t *testing.T) {
	dir := t.TempDir()
	s, l := storeLog(t, dir, false)
	g := serve(t, withLog(l))
	p, _ := g.connect("p", true)
	for qos, topic := range []string{"a", "b", "c"} {
		p.publish(topic, topic, byte(qos), 1, true)
	}
	p.want(wire.PUBACK)
	p.want(wire.PUBREC)
	p.publish("b", "", 1, 2, true) // removed
	p.want(wire.PUBACK)
	p.publish("c", "newer", 1, 3, true)
	p.want(wire.PUBACK)
	away, _ := g.connect("away", false)
	away.subscribe(1, "c", 1)
	_ = away.Close()
	g.close()
	require.NoError(t, s.Close())

	_, l = storeLog(t, dir, false)
	g = serve(t, withLog(l))
	assert.Equal(t, 2, g.hub.Stats().Retained)
	c, _ := g.connect("c", true)
	c.subscribe(1, "#", 2)
	got := map[string]string{}
	for range 2 {
		m := c.want(wire.PUBLISH).publish()
		assert.True(t, m.Retain)
		got[string(m.Topic)] = string(m.Payload)
	}
	assert.Equal(t, map[string]string{"a": "a", "c": "newer"}, got)
	away, present := g.connect("away", false)
	require.True(t, present)
	m := away.want(wire.PUBLISH).publish()
	assert.Equal(t, "newer", string(m.Payload))
	assert.True(t, m.Retain)
}

func TestTheWindowSeesWhatIsRetainedAndWhatIsPublished(t *testing.T) {
	g := serve(t, withLog(newMemoryLog()))
	c, _ := g.connect("d", false)
	w := g.hub.Watch("IS1", "t/#")
	c.publish1("t/1", "one", 1)
	c.publish("t/2", "two", 1, 2, true)
	c.want(wire.PUBACK)
	c.publish1("u", "other", 3)
	seen := w.Since(0)
	require.Len(t, seen, 2)
	assert.Equal(t, "one", string(seen[0].Payload))
	assert.Equal(t, "d", seen[0].From)
	assert.True(t, seen[1].Retain)
	assert.Equal(t, seen[1:], w.Since(seen[0].Seq))
	for range watchMessages + 10 {
		c.publish("t/1", "x", 0, 0, false)
	}
	c.silent()
	seen = w.Since(0)
	assert.Len(t, seen, watchMessages)
	w.Close()
	c.publish1("t/1", "late", 4)
	assert.Equal(t, seen, w.Since(0))
	found := g.hub.Retained("IS1", "#", 10)
	require.Len(t, found, 1)
	assert.Equal(t, "two", string(found[0].Payload))
	assert.Empty(t, g.hub.Retained("IS2", "#", 10))
	assert.Empty(t, g.hub.Retained("IS1", "#", 0))
}
