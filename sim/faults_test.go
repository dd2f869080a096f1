package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim/faults"
)

// faulty is a device that is connected to a small broker, with faults to switch.
func faulty(t *testing.T) (*Device, *server, *faults.Switches) {
	t.Helper()
	s, d, f := serveFake(t, (*peer).broker), newTestDevice(t), new(faults.Switches)
	o := s.options()
	o.Faults = f
	require.NoError(t, d.Connect(t.Context(), o).Err)
	return d, s, f
}

func TestLatencyIsFeltByTheDeviceWhileConnected(t *testing.T) {
	d, _, f := faulty(t)
	began := time.Now()
	require.NoError(t, d.Publish(t.Context(), "a", nil, 1, false))
	quick := time.Since(began)
	f.SetNetwork(faults.Network{Latency: 100 * time.Millisecond})
	began = time.Now()
	require.NoError(t, d.Publish(t.Context(), "a", nil, 1, false))
	slow := time.Since(began)
	assert.GreaterOrEqual(t, slow, 200*time.Millisecond, "there and back")
	assert.Less(t, quick, slow)
}

func TestADroppedAcknowledgementNeverReachesTheServer(t *testing.T) {
	d, s, f := faulty(t)
	f.Packets.DropAcks(1)
	require.NoError(t, d.Publish(t.Context(), "a", []byte("one"), 1, false)) // the broker sends it back
	eventually(t, "the console says so", func() bool {
		for _, e := range d.Console(0) {
			if e.Summary == "PUBACK kept back" {
				return true
			}
		}
		return false
	})
	require.NoError(t, d.Publish(t.Context(), "a", []byte("two"), 1, false))
	eventually(t, "the next one arrives", func() bool { return len(s.seen(typePuback)) == 1 })
	assert.Len(t, summaries(d, "PUBLISH", false), 2)
}

func TestADuplicateArrivesTwiceTheSecondTimeWithDUP(t *testing.T) {
	d, s, f := faulty(t)
	f.Packets.DuplicatePublishes(1)
	require.NoError(t, d.Publish(t.Context(), "a", []byte("one"), 1, false))
	eventually(t, "both arrive", func() bool { return len(s.seen(typePublish)) == 2 })
	first, second := s.seen(typePublish)[0], s.seen(typePublish)[1]
	assert.Equal(t, byte(0x32), first[0])
	assert.Equal(t, byte(0x3a), second[0])
	assert.Equal(t, first[1:], second[1:])
}

func TestAnIgnoredKeepaliveSendsNoPingAndTheDeviceSuspectsNothing(t *testing.T) {
	s, d, f := serveFake(t, (*peer).broker), newTestDevice(t), new(faults.Switches)
	d.pingTimeout = 300 * time.Millisecond
	o := s.options()
	o.Faults, o.KeepAlive = f, time.Second
	require.NoError(t, d.Connect(t.Context(), o).Err)
	f.Packets.IgnoreKeepAlive(true)
	eventually(t, "two pings are kept back", func() bool {
		kept := 0
		for _, e := range d.Console(0) {
			if e.Summary == "PINGREQ kept back" {
				kept++
			}
		}
		return kept >= 2
	})
	assert.Empty(t, s.seen(typePingreq))
	require.NoError(t, d.Publish(t.Context(), "a", []byte("still there"), 1, false))
	assert.True(t, d.State().Connected)
	f.Packets.IgnoreKeepAlive(false)
	eventually(t, "it pings again", func() bool { return len(s.seen(typePingreq)) > 0 })
	eventually(t, "and is answered", func() bool { return len(summaries(d, "PINGRESP", false)) > 0 })
}

func TestADeviceNoticesAHalfOpenConnectionByItsKeepalive(t *testing.T) {
	s, d, f := serveFake(t, (*peer).broker), newTestDevice(t), new(faults.Switches)
	d.pingTimeout = 200 * time.Millisecond
	o := s.options()
	o.Faults, o.KeepAlive = f, time.Second
	require.NoError(t, d.Connect(t.Context(), o).Err)
	f.SetNetwork(faults.Network{HalfOpen: true})
	eventually(t, "it gives up", func() bool { return !d.State().Connected })
	assert.Equal(t, EndKeepAlive, d.State().End)
}

func TestACutAndAResetEndTheConnectionAndTheDeviceCanConnectAgain(t *testing.T) {
	for name, end := range map[string]func(*faults.Switches){"cut": (*faults.Switches).Cut, "reset": (*faults.Switches).Reset} {
		t.Run(name, func(t *testing.T) {
			d, s, f := faulty(t)
			end(f)
			eventually(t, "it is over", func() bool { return !d.State().Connected })
			assert.Equal(t, EndFailure, d.State().End)
			o := s.options()
			o.Faults = f
			require.NoError(t, d.Connect(t.Context(), o).Err)
		})
	}
}

func TestAWrongClockMakesAGoodCertificateLookExpired(t *testing.T) {
	s, d := serveFake(t, (*peer).broker), newTestDevice(t)
	o := s.options()
	o.ClockOff = 10 * 365 * 24 * time.Hour
	r := d.Connect(t.Context(), o)
	require.Error(t, r.Err)
	assert.Contains(t, r.Err.Error(), "expired")
	o.ClockOff, o.Faults = 0, new(faults.Switches)
	require.NoError(t, d.Connect(t.Context(), o).Err)
	o.Faults.SetClockOff(-50 * 365 * 24 * time.Hour)
	assert.True(t, d.State().Connected, "it counts from the next handshake on")
	require.ErrorContains(t, d.Connect(t.Context(), o).Err, "not yet valid")
	o.Faults.SetClockOff(0)
	require.NoError(t, d.Connect(t.Context(), o).Err)
}

func TestAGroupSendsBytesOutOfTheSpecificationAllAtOnce(t *testing.T) {
	s, f := serveFake(t, (*peer).broker), new(faults.Switches)
	wrong, err := faults.ReservedType.Bytes()
	require.NoError(t, err)
	assert.Zero(t, f.Send(wrong), "nobody is connected")
	var all []*Device
	for range 3 {
		d := newTestDevice(t)
		o := s.options()
		o.Faults = f
		require.NoError(t, d.Connect(t.Context(), o).Err)
		all = append(all, d)
	}
	all[0].Disconnect()
	assert.Equal(t, 2, f.Send(wrong), "who has left sends nothing")
	eventually(t, "the bytes of both arrive", func() bool { return len(s.seen(wrong[0]>>4)) == 2 })
	assert.Equal(t, wrong, s.seen(wrong[0] >> 4)[0])
	for _, d := range all {
		d.Disconnect()
	}
	assert.Zero(t, f.Send(wrong))
}

func TestBytesOutOfTheSpecificationArriveAsTheyAre(t *testing.T) {
	got := make(chan []byte, 1)
	s := serveFake(t, func(p *peer) {
		p.answer(0, 0)
		b := make([]byte, 64)
		n, _ := p.r.Read(b)
		got <- b[:n]
	})
	d := newTestDevice(t)
	require.ErrorIs(t, d.SendRaw([]byte{0}), ErrNotConnected)
	require.NoError(t, d.Connect(t.Context(), s.options()).Err)
	wrong, err := faults.ReservedType.Bytes()
	require.NoError(t, err)
	require.NoError(t, d.SendRaw(wrong))
	select {
	case b := <-got:
		assert.Equal(t, wrong, b)
	case <-time.After(5 * time.Second):
		t.Fatal("nothing arrived")
	}
}
