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
