package listener

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
)

// packets are how many packets of an attempt are kept.
func (w *world) packets(id uint64) int {
	a, _ := w.log.Get(id)
	return len(a.Packets)
}

const firstPackets = 32 // kept of each connection in any case

// TestATracedDevicesPacketsAreAllKept: from when it is switched on, over reconnects, until it is switched off.
func TestATracedDevicesPacketsAreAllKept(t *testing.T) {
	w := newWorld(t, Settings{})
	i := w.withKey("lamp")
	conn := w.connected(t, i)
	ping := func(times int) {
		for range times {
			require.True(t, alive(conn))
		}
	}
	id := w.last(t).ID
	ping(40)
	require.Equal(t, firstPackets, w.packets(id), "not traced")

	require.True(t, w.Trace(i.device, true))
	assert.True(t, w.Traced(i.device))
	ping(40)
	eventually(t, "all that follow are kept", func() bool { return w.packets(id) == firstPackets+2*40 })

	conn = w.connected(t, i)
	id = w.last(t).ID
	ping(40)
	eventually(t, "those of the next connection as well", func() bool { return w.packets(id) == 2+2*40 })

	require.True(t, w.Trace(i.device, false))
	assert.False(t, w.Traced(i.device))
	ping(5)
	assert.Equal(t, 2+2*40, w.packets(id))
}

// TestATraceEndsByItself after an hour, for the live connection and for the next.
func TestATraceEndsByItself(t *testing.T) {
	var clock offsetClock
	w := newWorld(t, Settings{}, func(w *world) {
		w.log = attempt.NewLog(attempt.Params{Now: clock.now})
		w.Listener.log, w.Listener.now = w.log, clock.now
	})
	i := w.withKey("lamp")
	require.True(t, w.Trace(i.device, true), "before it connects")
	conn := w.connected(t, i)
	id := w.last(t).ID
	for range 20 {
		require.True(t, alive(conn))
	}
	eventually(t, "all are kept", func() bool { return w.packets(id) == 2+2*20 })
	clock.add(longestTrace)
	for range 20 {
		require.True(t, alive(conn))
	}
	assert.Equal(t, 2+2*20, w.packets(id))
	assert.False(t, w.Traced(i.device))
}

// TestATraceIsBounded in bytes for a connection, and in devices.
func TestATraceIsBounded(t *testing.T) {
	w := newWorld(t, Settings{})
	i := w.withKey("lamp")
	require.True(t, w.Trace(i.device, true))
	conn := w.connected(t, i)
	load := wire.AppendPublish(nil, wire.Message{Topic: "t", Payload: make([]byte, 8<<10)})
	for range 2000 {
		_, err := conn.Write(load)
		require.NoError(t, err)
	}
	require.True(t, alive(conn))
	a, _ := w.log.Get(w.last(t).ID)
	size := 0
	for _, p := range a.Packets {
		size += len(p.Bytes)
	}
	assert.Greater(t, size, 4<<20-8<<10)
	assert.LessOrEqual(t, size, 4<<20+4<<10)

	var many traces
	for n := range mostTraces {
		_, ok := many.set(string(rune('a'+n)), true, time.Now())
		require.True(t, ok)
	}
	_, ok := many.set("one more", true, time.Now())
	assert.False(t, ok)
	_, ok = many.set("one more", true, time.Now().Add(longestTrace+time.Second))
	assert.True(t, ok, "the others have ended")
}

// offsetClock is the time of day, moved.
type offsetClock struct{ by atomic.Int64 }

func (c *offsetClock) now() time.Time      { return time.Now().Add(time.Duration(c.by.Load())) }
func (c *offsetClock) add(d time.Duration) { c.by.Add(int64(d)) }
