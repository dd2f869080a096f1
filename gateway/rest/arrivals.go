package rest

import (
	"net"
	"net/http"
	"sync"
)

// arrivals are the connections on which nothing has come yet. http.Server.Shutdown waits for them, as it does for those that
// have a request to finish; they have none.
type arrivals struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
	shut bool
}

// note is for http.Server.ConnState.
func (a *arrivals) note(c net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state != http.StateNew {
		delete(a.open, c)
		return
	}
	if a.open == nil {
		a.open = map[net.Conn]struct{}{}
	}
	a.open[c] = struct{}{}
	if a.shut {
		go func() { _ = c.Close() }() // TLS may want to say so first
	}
}

// close ends them, and those that are still to come.
func (a *arrivals) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut = true
	for c := range a.open {
		go func() { _ = c.Close() }()
	}
}
