package rest

import (
	"net"
	"net/netip"
	"sync"
)

// Bounds of the connections that are open at once. Whoever opens more and more of them takes no file from devices, and,
// from another machine, no turn from others.
const (
	maxConnections           = 512
	maxConnectionsPerAddress = 64 // loopback is exempt
)

// limited takes a connection only when less than a number of them are open, and closes those that are too many from one
// address at once.
type limited struct {
	net.Listener
	perAddress int
	slots      chan struct{}
	closed     chan struct{}
	once       sync.Once

	mu   sync.Mutex
	open map[netip.Prefix]int // of addresses that have any
}

func limit(l net.Listener, connections, perAddress int) *limited {
	return &limited{
		Listener: l, perAddress: perAddress, slots: make(chan struct{}, connections), closed: make(chan struct{}), open: map[netip.Prefix]int{},
	}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			<-l.slots
			return nil, err
		}
		if address := addressOf(c.RemoteAddr().String()); l.enter(address) {
			return &slotted{Conn: c, leave: sync.OnceFunc(func() { l.leave(address) })}, nil
		}
		_ = c.Close()
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

func (l *limited) leave(address netip.Prefix) {
	l.mu.Lock()
	if l.open[address]--; l.open[address] == 0 {
		delete(l.open, address)
	}
	l.mu.Unlock()
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
