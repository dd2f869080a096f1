package listener

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// lobby holds the connections that have no verdict yet. It is a limit and not a queue: nobody waits to be let in. When
// it is full the oldest of those who have not even sent a whole ClientHello makes room, so that silent peers never keep a
// device out; when all have spoken, the newcomer is turned away.
type lobby struct {
	max, perAddress int

	mu     sync.Mutex
	guests map[*guest]struct{}
	byAddr map[netip.Prefix]int
	silent list.List // of *guest, oldest first
	// leaving are those that have been answered and have a moment to take it; they do not count.
	leaving map[*guest]struct{}
}

// guest is one of them.
type guest struct {
	conn    net.Conn
	shift   *shift
	addr    netip.Prefix
	exempt  bool
	waiting *list.Element // in lobby.silent; nil once it has spoken
	cut     bool          // it had to make room, or the gateway stops
}

// enter lets a connection in, or reports false.
func (b *lobby) enter(conn net.Conn, s *shift) (*guest, bool) {
	g := &guest{conn: conn, shift: s}
	g.addr, g.exempt = addressOf(conn)
	b.mu.Lock()
	if b.guests == nil {
		b.guests, b.byAddr, b.leaving = map[*guest]struct{}{}, map[netip.Prefix]int{}, map[*guest]struct{}{}
	}
	if b.perAddress >= 0 && !g.exempt && b.byAddr[g.addr] >= b.perAddress {
		b.mu.Unlock()
		return nil, false
	}
	var room *guest
	if b.max >= 0 && len(b.guests) >= b.max {
		oldest := b.silent.Front()
		if oldest == nil {
			b.mu.Unlock()
			return nil, false
		}
		room = oldest.Value.(*guest)
		room.cut = true
		b.remove(room)
	}
	b.guests[g] = struct{}{}
	b.byAddr[g.addr]++
	g.waiting = b.silent.PushBack(g)
	b.mu.Unlock()
	if room != nil {
		_ = room.conn.Close()
	}
	return g, true
}

// spoke says that a guest is no silent peer.
func (b *lobby) spoke(g *guest) {
	b.mu.Lock()
	if g.waiting != nil {
		b.silent.Remove(g.waiting)
		g.waiting = nil
	}
	b.mu.Unlock()
}

// leave is called at the verdict and at the end.
func (b *lobby) leave(g *guest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(g)
	delete(b.leaving, g)
}

// linger moves a guest to those who are leaving; false when there are too many of them, or when it was cut.
func (b *lobby) linger(g *guest, most int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(g)
	if g.cut || len(b.leaving) >= most {
		return false
	}
	b.leaving[g] = struct{}{}
	return true
}

func (b *lobby) remove(g *guest) {
	if _, there := b.guests[g]; !there {
		return
	}
	delete(b.guests, g)
	if b.byAddr[g.addr]--; b.byAddr[g.addr] == 0 {
		delete(b.byAddr, g.addr)
	}
	if g.waiting != nil {
		b.silent.Remove(g.waiting)
		g.waiting = nil
	}
}

// wasCut reports whether the guest had to make room.
func (b *lobby) wasCut(g *guest) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return g.cut
}

// cutAll closes all guests of a shift.
func (b *lobby) cutAll(s *shift) {
	b.mu.Lock()
	var conns []net.Conn
	for _, all := range []map[*guest]struct{}{b.guests, b.leaving} {
		for g := range all {
			if g.shift == s && !g.cut {
				g.cut = true
				conns = append(conns, g.conn)
			}
		}
	}
	b.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

func (b *lobby) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.guests)
}

// addressOf is the remote address as limits count it: an IPv4 address, or the /64 of an IPv6 one, which is what one
// machine has. Loopback is exempt from limits per address.
func addressOf(conn net.Conn) (netip.Prefix, bool) {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Prefix{}, false
	}
	addr := remote.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() && !addr.IsLoopback() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}, false
	}
	return prefix, addr.IsLoopback()
}
