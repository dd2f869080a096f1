package broker

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/wire"
)

func TestTheReaderTakesMemoryForWhatCameAndNotForWhatIsClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Params{})
		near, far := net.Pipe()
		c, _, _, _ := h.Open(near, Hello{DeviceSID: "d", Level: 4, Clean: true})
		go c.Run()
		send := func(b string) {
			_, err := far.Write([]byte(b))
			require.NoError(t, err)
			synctest.Wait()
		}
		_, err := far.Read(make([]byte, 4))
		require.NoError(t, err)
		synctest.Wait()
		assert.Len(t, c.in.buf, coldBuffer, "idle")
		send("\x30\x80\x80\x0f" + "\x00\x01t") // claims 240 KiB
		assert.LessOrEqual(t, len(c.in.buf), hotBuffer, "claimed")
		const rest = 240<<10 - 3
		send(strings.Repeat("x", 20<<10))
		assert.LessOrEqual(t, len(c.in.buf), 64<<10, "some has come")
		send(strings.Repeat("x", rest-20<<10))
		assert.Equal(t, uint64(1), h.Stats().MessagesIn)
		assert.LessOrEqual(t, len(c.in.buf), hotBuffer, "handled")
		send(string([]byte{wire.DISCONNECT << 4, 0}))
		assert.Nil(t, c.in.buf, "ended")
	})
}

func TestPacketsComeThroughHoweverTheyAreCut(t *testing.T) {
	for _, cut := range []int{1, 2, 3, 7, 255, 256, 257, 8191, 8192, 8193, 100_000} {
		g := serve(t)
		c, _ := g.connect("d", true)
		c.subscribe(1, "t", 1)
		var stream []byte
		sizes := []int{0, 1, 100, 122, 123, 250, 251, 5000, 8180, 8190, 20_000}
		for i, n := range sizes {
			stream = wire.AppendPublish(stream, wire.Message{Topic: "t", Payload: []byte(strings.Repeat("x", n)), QoS: 1, ID: uint16(i + 1)})
		}
		if cut < 10 { // small cuts of the small ones are enough
			sizes, stream = sizes[:7], stream[:1000]
		}
		go func() {
			for b := stream; len(b) > 0; b = b[min(cut, len(b)):] {
				c.send(b[:min(cut, len(b))])
			}
		}()
		got := 0
		for got < len(sizes) {
			p, err := c.read(patience)
			require.NoError(t, err, "cut %d after %d", cut, got)
			if p.kind() == wire.PUBLISH {
				assert.Len(t, p.publish().Payload, sizes[got])
				got++
			}
		}
	}
}

// TestADeviceThatAcknowledgesWithoutReadingIsNotReadFrom: a PUBREL is owed for every PUBREC, and must not pile up.
func TestADeviceThatAcknowledgesWithoutReadingIsNotReadFrom(t *testing.T) {
	g := serve(t)
	c, _ := g.connect("greedy", true)
	flood := bytes.Repeat(wire.AppendAck(nil, wire.PUBREC, 7), 4<<20) // 16 MiB
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(2*time.Second)))
	_, _ = c.Write(flood)
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	for conn := range g.hub.conns {
		conn.session.mu.Lock()
		require.LessOrEqual(t, len(conn.control), 2*controlBytes, "bytes that wait for a device that does not read")
		conn.session.mu.Unlock()
	}
}
