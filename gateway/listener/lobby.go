package listener

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"
)

// lobby holds the connections that have no verdict yet. It is a limit and not a queue: nobody waits to be let in. When
// it is full the oldest of those who have not even sent a whole ClientHello makes room, so that silent peers never keep a
// device out; then the oldest of those who sent one and have dallied since. When all are busy, the newcomer is turned
// away.
type lobby struct {
	max, perAddress int
	now             func() time.Time // nil: time.Now

	mu     sync.Mutex
	guests map[*guest]struct{}
	byAddr map[netip.Prefix]int
	silent list.List // of *guest, oldest first
	spoken list.List // of *guest, who spoke first first
	// leaving are those that have been answered and have a moment to take it; they do not count.
	leaving map[*guest]struct{}
}

// guest is one of them.
type guest struct {
	conn    net.Conn
	shift   *shift
	addr    netip.Prefix
	exempt  bool
	waiting *list.Element // in lobby.silent, or once it has spoken in lobby.spoken
	spokeAt time.Time     // when it sent its ClientHello; zero before
	cut     bool          // it had to make room, or the gateway stops
}

// dallying is how long a peer may take from its ClientHello to its CONNECT before it has to make room in a full lobby. A
// handshake takes some milliseconds of work, and a slow board's not a second; but when a thousand arrive at once each waits for
// the processor.
const dallying = 3 * time.Second

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
		if room = b.makesRoom(); room == nil {
			b.mu.Unlock()
			return nil, false
		}
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

// makesRoom is the guest that has to go for a newcomer; nil when none has to. Called with mu held.
func (b *lobby) makesRoom() *guest {
	if oldest := b.silent.Front(); oldest != nil {
		return oldest.Value.(*guest)
	}
	if oldest := b.spoken.Front(); oldest != nil {
		if g := oldest.Value.(*guest); b.time().Sub(g.spokeAt) >= dallying {
			return g
		}
	}
	return nil
}

func (b *lobby) time() time.Time {
	if b.now == nil {
		return time.Now()
	}
	return b.now()
}

// spoke says that a guest is no silent peer.
func (b *lobby) spoke(g *guest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.guests[g]; there && g.spokeAt.IsZero() {
		b.silent.Remove(g.waiting)
		g.spokeAt = b.time()
		g.waiting = b.spoken.PushBack(g)
	}
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
	waitingIn := &b.silent
	if !g.spokeAt.IsZero() {
		waitingIn = &b.spoken
	}
	waitingIn.Remove(g.waiting)
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
