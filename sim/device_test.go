package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPublishSubscribeAndReceiveAtEveryQoS(t *testing.T) {
	for _, protocol := range []int{MQTT31, MQTT311} {
		for qos := range byte(3) {
			t.Run(fmt.Sprintf("level %d QoS %d", protocol, qos), func(t *testing.T) {
				s := serveFake(t, (*peer).broker)
				d := newTestDevice(t)
				o := s.options()
				o.Protocol = protocol
				require.NoError(t, d.Connect(t.Context(), o).Err)
				granted, err := d.Subscribe(t.Context(), "sync/docs/x", qos)
				require.NoError(t, err)
				assert.Equal(t, qos, granted)
				assert.Equal(t, []Subscription{{"sync/docs/x", qos}}, d.Subscriptions())
				require.NoError(t, d.Publish(t.Context(), "sync/docs/x", []byte(`{"a":1}`), qos, true))
				eventually(t, "the message came", func() bool { return len(summaries(d, "PUBLISH", false)) == 1 })
				last := map[byte]string{0: "PUBLISH", 1: "PUBACK", 2: "PUBCOMP"}[qos]
				eventually(t, "it was acknowledged", func() bool { return len(summaries(d, last, true)) == 1 })
				require.NoError(t, d.Unsubscribe(t.Context(), "sync/docs/x"))
				assert.Empty(t, d.Subscriptions())
				for _, e := range d.Console(0) {
					if e.Type == "PUBLISH" {
						assert.Equal(t, "sync/docs/x", e.Topic)
						assert.Equal(t, `{"a":1}`, string(e.Payload))
						assert.Equal(t, qos, e.QoS)
						assert.True(t, e.Retain)
					}
				}
				if qos == 1 {
					assert.Equal(t, "PUBLISH sync/docs/x · QoS 1 · id 2 · 7 bytes · retain", summaries(d, "PUBLISH", true)[0])
					assert.Equal(t, []string{"SUBSCRIBE · id 1 · sync/docs/x QoS 1"}, summaries(d, "SUBSCRIBE", true))
					assert.Equal(t, []string{"SUBACK · id 1 · granted QoS 1"}, summaries(d, "SUBACK", false))
				}
			})
		}
	}
}

func TestARefusedFilterIsAnErrorAndNoSubscription(t *testing.T) {
	s := serveFake(t, (*peer).broker)
	d := newTestDevice(t)
	require.NoError(t, d.Connect(t.Context(), s.options()).Err)
	granted, err := d.Subscribe(t.Context(), "forbidden", 1)
	require.ErrorIs(t, err, ErrRefusedFilter)
	assert.Equal(t, byte(0x80), granted)
	assert.Empty(t, d.Subscriptions())
}

func TestNothingCanBeSentWithoutAConnection(t *testing.T) {
	d := newTestDevice(t)
	require.ErrorIs(t, d.Publish(t.Context(), "a", nil, 0, false), ErrNotConnected)
	_, err := d.Subscribe(t.Context(), "a", 0)
	require.ErrorIs(t, err, ErrNotConnected)
	require.ErrorIs(t, d.Unsubscribe(t.Context(), "a"), ErrNotConnected)
	d.Disconnect()
	assert.Equal(t, -1, d.State().LastResult.Code)
}

func TestTheGatewaysCloseIsSeenWithItsTime(t *testing.T) {
	at := time.Date(2026, 11, 22, 17, 3, 12, 0, time.UTC)
	s := serveFake(t, func(p *peer) { p.answer(0, 0); p.next() })
	d := NewDevice(Params{Now: func() time.Time { return at }})
	defer d.Close()
	require.NoError(t, d.Connect(t.Context(), s.options()).Err)
	assert.True(t, d.State().Connected)
	before := d.Version()
	_ = d.Publish(t.Context(), "a", nil, 0, false) // the server reads this, then closes
	eventually(t, "the end is seen", func() bool { return !d.State().Connected })
	state := d.State()
	assert.Equal(t, EndByServer, state.End)
	assert.Equal(t, "the gateway closed the connection at 17:03:12", state.EndReason)
	assert.Equal(t, at, state.EndedAt)
	assert.Greater(t, d.Version(), before)
	require.ErrorIs(t, d.Publish(t.Context(), "a", nil, 1, false), ErrNotConnected)
	assert.Equal(t, 1, s.accepted(), "a lost connection is not restored unasked")
}

func TestAWaitingPublishFailsWhenTheConnectionIsCut(t *testing.T) {
	s := serveFake(t, func(p *peer) {
		p.answer(0, 0)
		p.next()
		p.server.cut()
	})
	d := newTestDevice(t)
	require.NoError(t, d.Connect(t.Context(), s.options()).Err)
	require.ErrorIs(t, d.Publish(t.Context(), "a", nil, 1, false), ErrConnectionLost)
}

func TestWhatWasNotAcknowledgedIsSentAgainOnlyWithoutCleanSession(t *testing.T) {
	for _, clean := range []bool{false, true} {
		t.Run(fmt.Sprint("clean ", clean), func(t *testing.T) {
			deaf := serveFake(t, func(p *peer) { p.answer(0, 0); p.next() })
			good := serveFake(t, (*peer).broker)
			d := newTestDevice(t)
			require.NoError(t, d.Connect(t.Context(), deaf.options()).Err)
			require.ErrorIs(t, d.Publish(t.Context(), "a", []byte("x"), 1, false), ErrConnectionLost)
			o := good.options()
			o.Clean = clean
			require.NoError(t, d.Connect(t.Context(), o).Err)
			require.NoError(t, d.Publish(t.Context(), "last", nil, 1, false))
			sent := good.seen(typePublish)
			if clean {
				assert.Len(t, sent, 1)
			} else {
				require.Len(t, sent, 2)
				assert.Equal(t, byte(0x3A), sent[0][0], "PUBLISH, DUP, QoS 1")
			}
		})
	}
}

func TestASilentServerIsLeftAfterTheKeepalive(t *testing.T) {
	s := serveFake(t, func(p *peer) {
		p.answer(0, 0)
		for p.next() != nil {
		}
	})
	d := newTestDevice(t)
	d.pingTimeout = 300 * time.Millisecond
	o := s.options()
	o.KeepAlive = time.Second
	require.NoError(t, d.Connect(t.Context(), o).Err)
	eventually(t, "the device gave up", func() bool { return d.State().End == EndKeepAlive })
	assert.Contains(t, d.State().EndReason, "did not answer a keepalive ping")
	assert.Len(t, s.seen(typePingreq), 1)
}

func TestDisconnectIsPoliteAndQuick(t *testing.T) {
	s := serveFake(t, (*peer).broker)
	d := newTestDevice(t)
	require.NoError(t, d.Connect(t.Context(), s.options()).Err)
	began := time.Now()
	d.Disconnect()
	assert.Less(t, time.Since(began), time.Second)
	assert.False(t, d.State().Connected)
	assert.Equal(t, EndByUser, d.State().End)
	eventually(t, "DISCONNECT came", func() bool { return len(s.seen(typeDisconnect)) == 1 })
	d.Disconnect()
	assert.Equal(t, EndByUser, d.State().End)
}

func TestDisconnectIsQuickWhenTheServerReadsNothing(t *testing.T) {
	release := make(chan struct{})
	s := serveFake(t, func(p *peer) { p.answer(0, 0); <-release })
	d := newTestDevice(t)
	require.NoError(t, d.Connect(t.Context(), s.options()).Err)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil { // until the socket's buffers are full
		_ = d.Publish(ctx, "a", make([]byte, 1<<20), 0, false)
	}
	began := time.Now()
	d.Disconnect()
	assert.Less(t, time.Since(began), 1500*time.Millisecond)
	assert.False(t, d.State().Connected)
	close(release)
}

func TestDisconnectCallsOffAConnectAtWork(t *testing.T) {
	arrived := make(chan struct{})
	s := serveFake(t, func(p *peer) { p.next(); close(arrived); p.next() })
	d := newTestDevice(t)
	o := s.options()
	o.Timeout = time.Minute
	results := make(chan Result)
	go func() { results <- d.Connect(context.Background(), o) }()
	<-arrived
	assert.True(t, d.State().Connecting)
	d.Disconnect()
	var ce *ConnectError
	require.ErrorAs(t, (<-results).Err, &ce)
	assert.Equal(t, FailureCanceled, ce.Failure)
	assert.False(t, d.State().Connecting)
}

func TestConnectingAnewEndsTheOldConnectionFirst(t *testing.T) {
	s := serveFake(t, (*peer).broker)
	d := newTestDevice(t)
	require.NoError(t, d.Connect(t.Context(), s.options()).Err)
	require.NoError(t, d.Connect(t.Context(), s.options()).Err)
	assert.True(t, d.State().Connected)
	assert.Empty(t, d.State().End)
	assert.Equal(t, 2, d.State().Attempts)
	eventually(t, "the old one said goodbye", func() bool { return len(s.seen(typeDisconnect)) == 1 })
	var kinds []string
	for _, e := range d.Console(0) {
		if e.Type == "CONNECT" || e.Type == "DISCONNECT" {
			kinds = append(kinds, e.Type)
		}
	}
	assert.Equal(t, []string{"CONNECT", "DISCONNECT", "CONNECT"}, kinds)
}

func TestAServerThatBreaksTheRulesEndsTheConnectionAndNotTheProgram(t *testing.T) {
	for name, packet := range map[string][]byte{
		"more codes than filters": {0x90, 4, 0, 1, 0, 0},
		"second CONNACK":          {0x20, 2, 0, 0},
		"SUBSCRIBE":               {0x82, 6, 0, 1, 0, 1, 'a', 0},
		"claims 200 MB":           {0x30, 0xff, 0xff, 0xff, 0x64},
		"endless length":          {0x30, 0xff, 0xff, 0xff, 0xff, 0x01},
		"PUBLISH without a topic": {0x30, 1, 0},
		"PUBLISH of QoS 3":        {0x36, 5, 0, 1, 'a', 0, 1},
		"PUBLISH to a wildcard":   {0x30, 3, 0, 1, '#'},
		"PUBACK of one byte":      {0x40, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveFake(t, func(p *peer) {
				p.answer(0, 0)
				p.next()
				p.write(packet...)
				p.next()
			})
			d := newTestDevice(t)
			require.NoError(t, d.Connect(t.Context(), s.options()).Err)
			_, err := d.Subscribe(t.Context(), "a", 0)
			require.Error(t, err)
			eventually(t, "the connection ended", func() bool { return !d.State().Connected })
			assert.Equal(t, EndViolation, d.State().End, d.State().EndReason)
		})
	}
}

func TestManyDevicesPublishAtOnceAndLeaveNothingBehind(t *testing.T) {
	s := serveFake(t, (*peer).broker)
	var fleet Devices
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			d := fleet.Device(fmt.Sprint("TH", n))
			if r := d.Connect(t.Context(), s.options()); !r.Accepted() {
				t.Error(r.Err)
				return
			}
			for range 10 {
				if err := d.Publish(t.Context(), "a", []byte("x"), 1, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 20, fleet.Connected())
	assert.Len(t, fleet.SIDs(), 20)
	held, ok := fleet.Lookup("TH3")
	require.True(t, ok)
	fleet.Remove("TH3")
	assert.Equal(t, 19, fleet.Connected())
	fleet.CloseAll()
	assert.Empty(t, fleet.SIDs())
	var ce *ConnectError
	require.True(t, errors.As(held.Connect(t.Context(), s.options()).Err, &ce))
	assert.Equal(t, FailureClosed, ce.Failure)
}

func TestAFleetSurvivesAGatewayThatVanishesWhileAllPublish(t *testing.T) {
	s := serveFake(t, (*peer).broker)
	var fleet Devices
	defer fleet.CloseAll()
	var wg, published sync.WaitGroup
	for n := range 12 {
		published.Add(1)
		wg.Go(func() {
			d := fleet.Device(fmt.Sprint("TH", n))
			o := s.options()
			o.Clean = n%2 == 0
			if r := d.Connect(t.Context(), o); !r.Accepted() {
				t.Error(r.Err)
			}
			err := d.Publish(t.Context(), "a", []byte("x"), byte(n%3), false)
			published.Done()
			for err == nil {
				err = d.Publish(t.Context(), "a", []byte("x"), byte(n%3), false)
			}
			if !errors.Is(err, ErrConnectionLost) && !errors.Is(err, ErrNotConnected) {
				t.Errorf("a publish into a lost connection: %v", err)
			}
			eventually(t, "the end is seen", func() bool { return d.State().End == EndByServer })
			if r := d.Connect(t.Context(), o); !r.Accepted() {
				t.Error(r.Err)
			} else if err := d.Publish(t.Context(), "a", nil, 1, false); err != nil {
				t.Error(err)
			}
		})
	}
	published.Wait()
	s.cut()
	wg.Wait()
	assert.Equal(t, 12, fleet.Connected())
}

func TestTheConsoleIsBounded(t *testing.T) {
	d := NewDevice(Params{})
	for n := range ConsoleEntries + 100 {
		d.note("note %d", n)
	}
	all := d.Console(0)
	require.Len(t, all, ConsoleEntries)
	assert.Equal(t, uint64(101), all[0].Seq)
	assert.Equal(t, "note 1099", all[len(all)-1].Summary)
	assert.Len(t, d.Console(1098), 2)
	assert.Empty(t, d.Console(1100))
	assert.Empty(t, d.Console(99999))
	payload := append([]byte{0x30, 0xA0, 0x9C, 0x01, 0, 1, 'a'}, []byte(strings.Repeat("x", 20000-3))...)
	for range 2 * ConsoleBytes / ConsolePayload {
		d.packet(false, payload, 4)
	}
	total := 0
	for _, e := range d.Console(0) {
		total += e.weight()
	}
	assert.LessOrEqual(t, total, ConsoleBytes)
	last := d.Console(0)[len(d.Console(0))-1]
	assert.Equal(t, "PUBLISH a · QoS 0 · 19997 bytes", last.Summary)
	assert.Len(t, last.Payload, ConsolePayload)
	assert.True(t, last.Cut)
	assert.Equal(t, len(payload), last.Bytes)
}
