// Package faults makes a virtual device's connection as bad as a real one can be: a slow, lossy, half-open network below TLS, and a client that breaks the
// rules of MQTT above it. Every fault can be switched on and off while the device is connected. It knows neither devices nor gateways, only
// bytes and packets.
package faults

import (
	"sync"
	"time"
)

// Network is what is wrong with the way between the device and the server, in both directions. The zero value is a good network.
type Network struct {
	Latency time.Duration // added to what is sent, and to what arrives; at most MaxLatency
	Jitter  time.Duration // up to this much more, at random; the order of bytes stays, as in TCP
	// BytesPerSecond bounds each direction; 0: no bound.
	BytesPerSecond int
	// ReadBytesPerSecond bounds what the device takes, so that the server's buffers fill; 0: no bound.
	ReadBytesPerSecond int
	// Fragment cuts what is sent into pieces of so many bytes, each written by itself; 0: none.
	Fragment int
	// HalfOpen lets nothing through in either direction while nobody is told. When it is switched off, what was sent meanwhile arrives, as
	// TCP's retransmission would have it.
	HalfOpen bool
}

// Bounds of a Network.
const (
	MaxLatency = time.Minute
	maxHeld    = 4 << 20 // bytes on their way; a writer waits then, as for a full send buffer
)

// bounded is the network within its bounds.
func (n Network) bounded() Network {
	n.Latency = min(max(n.Latency, 0), MaxLatency)
	n.Jitter = min(max(n.Jitter, 0), MaxLatency)
	n.BytesPerSecond, n.ReadBytesPerSecond, n.Fragment = max(n.BytesPerSecond, 0), max(n.ReadBytesPerSecond, 0), max(n.Fragment, 0)
	return n
}

// Switches are the faults of one device, or of a group that shares them. The zero value is ready. All methods may be called from any
// goroutine.
type Switches struct {
	Packets Packets

	mu      sync.Mutex
	network Network
	changed chan struct{} // closed when network changes; nil: nobody waits
	conns   map[*conn]struct{}

	senders map[uint64]func([]byte) error // of Send, by the order in which they joined
	joined  uint64

	clockOff     time.Duration
	storm        time.Duration
	stormChanged chan struct{} // closed when storm changes; nil: nobody waits

	twins        bool
	twinsChanged chan struct{} // closed when twins changes; nil: nobody waits
}

// SetClockOff makes the device's clock wrong by so much: it judges the server's certificate by that time when it connects next.
func (s *Switches) SetClockOff(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clockOff = d
}

// ClockOff is by how much the device's clock is wrong.
func (s *Switches) ClockOff() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clockOff
}

// FastestStorm is the shortest time from one connection of a reconnect storm to the next.
const FastestStorm = 50 * time.Millisecond

// SetStorm makes a device that is left to itself connect anew every so often, whatever the server answers and however well it works; at least FastestStorm
// apart. 0 ends the storm.
func (s *Switches) SetStorm(every time.Duration) {
	if every > 0 {
		every = max(every, FastestStorm)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storm = max(every, 0)
	if s.stormChanged != nil {
		close(s.stormChanged)
		s.stormChanged = nil
	}
}

// Storming is how often the device connects anew, 0 without a storm, and a channel that is closed when that changes.
func (s *Switches) Storming() (every time.Duration, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stormChanged == nil {
		s.stormChanged = make(chan struct{})
	}
	return s.storm, s.stormChanged
}

// SetTwins says that a second board connects with each device's identity. Whoever runs the devices runs the second boards as well.
func (s *Switches) SetTwins(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.twins = on
	if s.twinsChanged != nil {
		close(s.twinsChanged)
		s.twinsChanged = nil
	}
}

// Twins is whether there are second boards, and a channel that is closed when that may have changed.
func (s *Switches) Twins() (on bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.twinsChanged == nil {
		s.twinsChanged = make(chan struct{})
	}
	return s.twins, s.twinsChanged
}

// SetNetwork changes the network of all connections, those that exist included.
func (s *Switches) SetNetwork(n Network) {
	s.mu.Lock()
	s.network = n.bounded()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	s.mu.Unlock()
}

// Network is what is wrong now.
func (s *Switches) Network() Network {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.network
}

// look is the network now, and a channel that is closed when it changes.
func (s *Switches) look() (Network, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.network, s.changed
}

// Cut ends all connections in order, as a server sees a device whose process was ended: what was written arrives, then the end.
func (s *Switches) Cut() {
	for _, c := range s.all() {
		_ = c.Conn.Close()
		c.stop()
	}
}

// Reset ends all connections with a TCP reset: what was on its way is lost.
func (s *Switches) Reset() {
	for _, c := range s.all() {
		if l, ok := c.Conn.(interface{ SetLinger(sec int) error }); ok {
			_ = l.SetLinger(0) // what closing does then: RFC 9293, 3.10.5
		}
		_ = c.Conn.Close()
		c.stop()
	}
}

func (s *Switches) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}
