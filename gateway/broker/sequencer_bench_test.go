package broker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/broker/record"
	"gatehouse/gateway/store"
)

// storeLog is a log in a real store.
func storeLog(t testing.TB, dir string, always bool) (*store.Store, *store.Log) {
	t.Helper()
	s, err := store.Open(dir, store.Params{Always: always})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l, err := s.Log(ctx, "sessions")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, l
}

// BenchmarkStored compares, on one log and in one run, a record for each message with records for all that has gathered.
func BenchmarkStored(b *testing.B) {
	payload := make([]byte, benchPayload)
	for _, always := range []bool{false, true} {
		b.Run(fmt.Sprintf("always=%v/one each", always), func(b *testing.B) {
			_, l := storeLog(b, b.TempDir(), always)
			var w record.Writer
			measured(b, b.N, func() {
				for i := range b.N {
					w.Reset(groupBytes)
					w.Message(record.Message{Topic: "bench", From: "pub", Payload: payload, QoS: 1})
					w.Deliver(1, uint64(i+1), 1, false, false, 0)
					if _, err := l.Append(w.Bytes()); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
		b.Run(fmt.Sprintf("always=%v/in groups", always), func(b *testing.B) {
			_, l := storeLog(b, b.TempDir(), always)
			h, err := Open(Params{Log: l, Settings: Settings{SessionMessages: 1 << 40, SessionBytes: 1 << 50}})
			require.NoError(b, err)
			defer h.Close()
			// One publisher with a window of 100, and a subscriber that is away.
			sub := h.newSession(Hello{DeviceSID: "sub"}, h.serviceOf("IS1"))
			sub.number, h.numbers = 1, 1
			h.sessions["sub"] = sub
			sub.subscribe("bench", granted{qos: 1})
			pub := &Conn{hub: h, killed: make(chan struct{})}
			pub.attach(h.newSession(Hello{DeviceSID: "pub", Clean: true}, h.serviceOf("IS1")), false)
			var drained sync.WaitGroup
			drained.Go(func() { // what would write the answers
				for waited := time.Now(); ; time.Sleep(50 * time.Microsecond) {
					pub.session.mu.Lock()
					if len(pub.control) > 0 {
						pub.control, waited = pub.control[:0], time.Now()
						pub.session.room.Broadcast()
					}
					dead := pub.dead
					pub.session.mu.Unlock()
					if dead || time.Since(waited) > patience {
						return
					}
				}
			})
			measured(b, b.N, func() {
				for i := range b.N {
					m := newMessage(payload)
					m.Topic, m.QoS, m.From = "bench", 1, "pub"
					require.NoError(b, pub.submit(entry{kind: entryPublish, answer: publishAnswer(1), id: uint16(i), message: m, bytes: m.size()}))
				}
				for pub.pending.Load() > 0 {
					time.Sleep(20 * time.Microsecond)
				}
			})
			pub.session.mu.Lock()
			pub.dead = true
			pub.session.mu.Unlock()
			drained.Wait()
			b.ReportMetric(float64(b.N)/float64(h.Stats().Commits), "msg/record")
		})
	}
}
