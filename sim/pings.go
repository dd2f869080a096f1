package sim

import (
	"bufio"
	"net"
	"sync"
	"time"
)

// heldPings are pings that never left the device, though its client is to believe that they were answered: so a client behaves whose loop
// hangs and that takes no care of its keepalive. The zero value holds none.
type heldPings struct {
	mu      sync.Mutex
	held    int
	waiting bool // for the first byte of a packet: nothing is lost when that is interrupted
}

// hold notes a ping, and wakes the reader.
func (h *heldPings) hold(raw net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held++
	if h.waiting {
		_ = raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// wait waits until a packet begins to arrive, or the connection ends; true when a held ping is to be answered instead.
func (h *heldPings) wait(r *bufio.Reader, raw net.Conn) bool {
	h.mu.Lock()
	if h.held > 0 {
		h.held--
		h.mu.Unlock()
		return true
	}
	h.waiting = true
	h.mu.Unlock()
	_, _ = r.Peek(1) // an error is met again by the one who reads
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = false
	if h.held == 0 {
		return false
	}
	_ = raw.SetReadDeadline(time.Time{})
	h.held--
	return true
}
