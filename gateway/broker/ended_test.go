package broker

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A device may leave while its last SUBSCRIBE is on its way through the sequencer.
func TestASessionThatEndsWhileItSubscribesLeavesNothingInTheIndex(t *testing.T) {
	h := New(Params{})
	v := h.serviceOf("IS1")
	for range 100_000 {
		s := h.newSession(Hello{DeviceSID: "d", ServiceSID: "IS1", Clean: true}, v)
		var both sync.WaitGroup
		both.Go(func() { s.subscribe("t", granted{qos: 1}) })
		both.Go(func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.end(s)
		})
		both.Wait()
		require.Empty(t, v.index.match("t"))
	}
}
