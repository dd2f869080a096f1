package rest

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// arrivals are the connections without a request: those on which no whole request has come yet, and those that were answered
// and are kept for another. http.Server.Shutdown waits for the first kind, as it does for those that have a request to
// finish; they have none.
type arrivals struct {
	mu    sync.Mutex
	order list.List // of net.Conn; the one that has waited longest is first
	at    map[net.Conn]*list.Element
	shut  bool
}

// note is for http.Server.ConnState.
func (a *arrivals) note(c net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remove(c)
	if state != http.StateNew && state != http.StateIdle {
		return
	}
	if a.at == nil {
		a.at = map[net.Conn]*list.Element{}
	}
	a.at[c] = a.order.PushBack(c)
	if a.shut && state == http.StateNew {
		go func() { _ = c.Close() }() // TLS may want to say so first
	}
}

// remove forgets a connection. The caller holds mu.
func (a *arrivals) remove(c net.Conn) {
	if element, found := a.at[c]; found {
		a.order.Remove(element)
		delete(a.at, c)
	}
}

// evict ends the connection that has waited longest, and reports false when there is none. Its place is free at once.
func (a *arrivals) evict() bool {
	a.mu.Lock()
	first := a.order.Front()
	if first == nil {
		a.mu.Unlock()
		return false
	}
	c := first.Value.(net.Conn)
	a.remove(c)
	a.mu.Unlock()
	if secure, is := c.(interface{ NetConn() net.Conn }); is {
		c = secure.NetConn() // TLS would first wait to say so
	}
	_ = c.Close()
	return true
}

// close ends them, and those that are still to come.
func (a *arrivals) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut = true
	for c := range a.at {
		go func() { _ = c.Close() }()
	}
}
