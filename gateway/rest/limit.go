package rest

import (
	"net"
	"net/netip"
	"sync"
)

// Bounds of the connections that are open at once. Whoever opens more and more of them takes no file from devices, and no
// turn from others.
const (
	maxConnections           = 512
	maxConnectionsPerAddress = 64 // loopback is exempt
)

// limited takes a connection only when less than a number of them are open, and closes those that are too many from one
// address at once. When all places are taken, evict makes one free; when it cannot, the connection waits for one.
type limited struct {
	net.Listener
	perAddress int
	evict      func() bool // ends a connection that has no request; false: there is none
	slots      chan struct{}
	closed     chan struct{}
	once       sync.Once

	mu   sync.Mutex
	open map[netip.Prefix]int // of addresses that have any
}

func limit(l net.Listener, connections, perAddress int, evict func() bool) *limited {
	return &limited{
		Listener: l, perAddress: perAddress, evict: evict,
		slots: make(chan struct{}, connections), closed: make(chan struct{}), open: map[netip.Prefix]int{},
	}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := addressOf(c.RemoteAddr().String())
		if !l.enter(address) {
			_ = c.Close()
			continue
		}
		if !l.place() {
			l.exit(address)
			_ = c.Close()
			return nil, net.ErrClosed
		}
		return &slotted{Conn: c, leave: sync.OnceFunc(func() { l.leave(address) })}, nil
	}
}

// place takes one of the places, and reports false when the listener was closed before one was free.
func (l *limited) place() bool {
	for {
		select {
		case l.slots <- struct{}{}:
			return true
		default:
		}
		if l.evict() {
			continue
		}
		select {
		case l.slots <- struct{}{}:
			return true
		case <-l.closed:
			return false
		}
	}
}

func (l *limited) enter(address netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[address] >= l.perAddress && !address.Addr().IsLoopback() {
		return false
	}
	l.open[address]++
	return true
}

func (l *limited) exit(address netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[address]--; l.open[address] == 0 {
		delete(l.open, address)
	}
}

func (l *limited) leave(address netip.Prefix) {
	l.exit(address)
	<-l.slots
}

// Close implements net.Listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type slotted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *slotted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
