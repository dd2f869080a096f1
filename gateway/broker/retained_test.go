package broker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"gatehouse/gateway/wire"
)

func TestASubscriberAtQoS0GetsAllThatIsRetained(t *testing.T) {
	g := serve(t, withSettings(Settings{QoS0Bytes: 64 << 10}))
	p, _ := g.connect("p", true)
	for i := range 150 {
		p.publish(fmt.Sprint("t/", i), filler(16_000, i), 1, uint16(i+1), true)
		p.want(wire.PUBACK)
	}
	c, _ := g.connect("c", true)
	c.subscribe(1, "t/#", 0)
	topics := map[string]bool{}
	for range 150 {
		topics[string(c.want(wire.PUBLISH).publish().Topic)] = true
	}
	assert.Len(t, topics, 150)
	c.silent()
	s, _ := g.session("c")
	assert.Zero(t, s.Dropped)
	x := g.hub.sessions["c"]
	x.mu.Lock()
	defer x.mu.Unlock()
	assert.Zero(t, x.fleetingBytes)
	assert.Zero(t, x.stateBytes)
}
