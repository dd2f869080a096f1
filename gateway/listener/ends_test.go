package listener

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// TestAnEndTellsHowTheDeviceLeft: each way of leaving shows, with what was carried before.
func TestAnEndTellsHowTheDeviceLeft(t *testing.T) {
	ways := map[string]struct {
		leave func(conn net.Conn, raw *net.TCPConn)
		why   cause.ID
		facts map[string]string
	}{
		"DISCONNECT": {func(conn net.Conn, _ *net.TCPConn) { _, _ = conn.Write(wire.AppendEmpty(nil, wire.DISCONNECT)) },
			cause.ClientDisconnect, map[string]string{"last_packet": "DISCONNECT", "packets_in": "3", "how": ""}},
		"goodbye of TLS": {func(conn net.Conn, _ *net.TCPConn) { _ = conn.Close() },
			cause.ClientClosed, map[string]string{"how": "closed", "last_packet": "PINGREQ"}},
		"FIN": {func(_ net.Conn, raw *net.TCPConn) { _ = raw.Close() },
			cause.ClientClosed, map[string]string{"how": "closed", "incomplete_packet": ""}},
		"RST": {func(_ net.Conn, raw *net.TCPConn) { _ = raw.SetLinger(0); _ = raw.Close() },
			cause.ClientClosed, map[string]string{"how": "reset"}},
		"half a packet": {func(conn net.Conn, raw *net.TCPConn) { _, _ = conn.Write([]byte{0x30, 9, 0, 1}); _ = raw.Close() },
			cause.ClientClosed, map[string]string{"how": "closed", "incomplete_packet": "4", "bytes_in": "8"}},
		"malformed": {func(conn net.Conn, _ *net.TCPConn) { _, _ = conn.Write([]byte{0x36, 3, 0, 1, 'a'}) },
			cause.MalformedPacket, map[string]string{"offset": "0", "rule": "MQTT-3.3.1-4", "last_packet": "PUBLISH"}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Settings{})
			conn := w.connected(t, w.withKey("lamp"))
			require.True(t, alive(conn))
			require.True(t, alive(conn))
			way.leave(conn, conn.NetConn().(*net.TCPConn))
			a := w.lastDone(t)
			end := step(a, attempt.Ended)
			assert.Equal(t, string(way.why), end.Fact("cause"))
			assert.Equal(t, "2", end.Fact("pings"))
			assert.Equal(t, "3", end.Fact("packets_out"), "CONNACK and two PINGRESPs")
			assert.Equal(t, "8", end.Fact("bytes_out"))
			at, err := time.Parse(time.RFC3339, end.Fact("last_packet_at"))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now(), at, patient)
			for fact, want := range way.facts {
				assert.Equal(t, want, end.Fact(fact), fact)
			}
		})
	}
}

// TestAKeepaliveThatExpiredNamesTheLastPacket and how long ago it came.
func TestAKeepaliveThatExpiredNamesTheLastPacket(t *testing.T) {
	w := newWorld(t, Settings{})
	i := w.withKey("lamp")
	c := i.connect()
	c.KeepAlive = 1
	conn := w.dial(t, config(nil))
	connack, err := offer(conn, wire.AppendConnect(nil, c, false))
	require.NoError(t, err)
	require.EqualValues(t, 0, connack[3])
	require.True(t, alive(conn))
	end := step(w.lastDone(t), attempt.Ended)
	assert.Equal(t, string(cause.KeepaliveExpired), end.Fact("cause"))
	assert.Equal(t, "PINGREQ", end.Fact("last_packet"))
	silent, err := time.ParseDuration(end.Fact("silent_for"))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, silent, 1500*time.Millisecond)
}

// TestADeviceThatDoesNotReadIsToldByWhatItLeft: the bytes that were not taken.
func TestADeviceThatDoesNotReadIsToldByWhatItLeft(t *testing.T) {
	w := newWorld(t, Settings{}, func(w *world) {
		w.hub = broker.New(broker.Params{Settings: broker.Settings{WriteTimeout: 100 * time.Millisecond}})
		w.engine = hubEngine{w.hub}
	})
	conn := w.connected(t, w.withKey("lamp"))
	_ = conn.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	topic := "t"
	_, err := conn.Write(append([]byte{0x82, 6, 0, 1, 0, 1}, topic[0], 0))
	require.NoError(t, err)
	load := wire.AppendPublish(nil, wire.Message{Topic: topic, Payload: make([]byte, 200<<10)})
	for range 200 {
		if _, err := conn.Write(load); err != nil {
			break
		}
	}
	end := step(w.lastDone(t), attempt.Ended)
	assert.Equal(t, string(cause.WriteTimeout), end.Fact("cause"))
	var unwritten int
	_, err = fmt.Sscan(end.Fact("unwritten"), &unwritten)
	require.NoError(t, err)
	assert.Positive(t, unwritten)
}
