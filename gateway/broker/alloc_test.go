package broker

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"

	"gatehouse/gateway/wire"
)

func TestRoutingAtQoS0AllocatesTheMessageOnly(t *testing.T) {
	h := New(Params{Settings: Settings{QoS0Bytes: 10_000}})
	open := func(device string) *Conn {
		near, far := net.Pipe()
		t.Cleanup(func() { _, _ = near.Close(), far.Close() })
		c, _, _, _ := h.Open(near, Hello{DeviceSID: device, Level: wire.Level311})
		return c
	}
	publisher, subscriber := open("p"), open("s")
	subscriber.session.subscribe("a/+", granted{})
	for _, size := range []int{0, 64, 200} {
		packet := wire.AppendPublish(nil, wire.Message{Topic: "a/topic", Payload: make([]byte, size)})
		_, used, _ := wire.Length(packet[1:])
		allocated := testing.AllocsPerRun(5000, func() {
			if err := publisher.handle(packet, 1+used); err != nil {
				t.Fatal(err)
			}
		})
		assert.LessOrEqual(t, allocated, 1.0, "%d bytes", size)
	}
	assert.NotZero(t, subscriber.session.snapshot().Dropped, "they were queued")
}
