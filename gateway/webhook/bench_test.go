package webhook

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

// What a change of an object waits for, when its service has a receiver: one that is there, and one that refuses all, so that
// the queue is full.
func BenchmarkEnqueue(b *testing.B) {
	for name, status := range map[string]int{"delivered": http.StatusOK, "full": http.StatusServiceUnavailable} {
		b.Run(name, func(b *testing.B) {
			r := newReceiver(b, func(int, received) int { return status })
			s := quick()
			s.MaxEvents = 1000
			w := newWorld(b, r.URL, s)
			var objects atomic.Int32
			b.SetParallelism(8)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				document := fmt.Sprintf("ET%d", objects.Add(1))
				for n := 0; pb.Next(); n++ {
					if err := w.hooks.Enqueue(w.update(document, n)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
		})
	}
}
