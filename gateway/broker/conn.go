package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// Hello is what is known of a connection that has been admitted.
type Hello struct {
	DeviceSID, ServiceSID string
	Level                 byte // protocol level, 3 or 4
	Clean                 bool
	KeepAlive             uint16 // seconds; 0: off
	ClientID              string
	CredentialSID         string
	Remote                string
	TLSVersion, Suite     string
	AttemptID             uint64
	// Tap, when not nil, sees every packet after CONNECT in both directions, CONNACK included, until it returns false.
	// It is called by one goroutine at a time, without locks, and must neither keep the bytes nor wait.
	Tap func(outbound bool, packet []byte) (more bool)
}

// End tells how a connection ended.
type End struct {
	Cause  cause.ID
	Err    error  // what the network or the packet was like; nil for an orderly end
	Offset int    // malformed: the byte in the packet
	Rule   string // malformed: what it breaks, as wire.MalformedError.Rule
	Packet []byte // the offending packet's first bytes, at most 4 096
	Traffic
}

// Traffic is what a connection carried after its CONNECT.
type Traffic struct {
	PacketsIn, PacketsOut uint64
	BytesIn, BytesOut     uint64        // of MQTT, without TLS
	Pings                 uint64        // PINGREQs that came
	Last                  byte          // type of the last packet that came; 0: none did
	Idle                  time.Duration // from the last packet, or from CONNACK, to the end
	Partial               int           // bytes of a last packet that did not come whole
	Unwritten             int           // bytes that the device had not taken when writing to it failed; 0: writing did not fail
}

// packetKept is how much of an offending packet End keeps.
const packetKept = 4096

// Conn is one connection of a device, from Open until Run returns.
type Conn struct {
	hub     *Hub
	session *session
	net     net.Conn
	hello   Hello
	present bool
	in      reader

	tapping atomic.Bool
	tapTurn sync.Mutex
	due     atomic.Int64 // when keepalive expires, in ns since epoch; 0: off

	killOnce sync.Once
	killed   chan struct{}
	why      cause.ID // set before killed is closed

	traffic    Traffic  // its In, Pings and Last: reader only; its Out and Unwritten: writer only
	messagesIn uint64   // since counters were last brought up to date; reader only
	crowded    *session // a subscriber that the publish just routed was too much for; reader only
	topic      string   // the last topic that was published to, valid, so that it need not be allocated again

	writeArmed time.Time            // writer only
	fetched    map[*stored]*Message // writer only: read back from the log

	pending atomic.Int32 // entries in the sequencer; only the reader adds

	// Guarded by session.mu.
	pendingBytes int
	stalled      bool   // the reader waits for pending entries, or for control
	failed       error  // why writing failed
	refused      error  // why something of this connection could not be stored
	control      []byte // what the protocol owes, in order: CONNACK, SUBACK, PUBACK, ...
	up           bool   // CONNACK is on its way: others may follow
	writing      bool
	dead         bool
}

// Run answers CONNACK 0, serves the connection until it ends, closes the socket and detaches from the session. A panic
// while serving ends this connection only.
func (c *Conn) Run() End {
	end := c.serve()
	c.kill(end.Cause) // the first cause wins: it may have been another goroutine's
	<-c.killed
	goodbye := end.Cause == cause.ClientDisconnect && c.why == cause.ClientClosed // a write may fail after it
	if c.why != end.Cause && !goodbye {
		end = End{Cause: c.why, Err: end.Err}
	}
	c.session.mu.Lock()
	if end.Cause == cause.StoreDown && c.refused != nil {
		end.Err = c.refused
	}
	c.session.mu.Unlock()
	c.detach() // from here on nobody writes
	if c.failed != nil && (end.Cause == cause.ClientClosed || end.Cause == cause.WriteTimeout) {
		end.Err = c.failed // the reader saw a socket that was closed for it
	}
	end.Traffic = c.traffic
	return end
}

func (c *Conn) serve() (end End) {
	defer func() {
		if r := recover(); r != nil {
			end = c.panicked(r)
			end.Packet = clip(c.in.current())
		}
		c.in.release()
	}()
	_ = c.net.SetDeadline(time.Time{}) // the caller's deadline for CONNECT; a closed socket shows in the first read
	c.send(wire.AppendConnack(nil, c.present && c.hello.Level >= wire.Level311, 0))
	for {
		packet, header, err := c.in.next(c.hub.settings.MaxPacket)
		if err == nil {
			c.traffic.saw(packet[0] >> 4)
			err = c.handle(packet, header)
		}
		if err != nil {
			if c.in.start >= c.in.r { // else it was handled
				c.traffic.Partial = c.in.w - c.in.r
			}
			if !c.in.quiet.IsZero() {
				c.traffic.Idle = time.Since(c.in.quiet)
			}
			return c.endOf(err)
		}
	}
}

// saw notes a packet that came.
func (t *Traffic) saw(kind byte) {
	t.PacketsIn++
	t.Last = kind
	if kind == wire.PINGREQ {
		t.Pings++
	}
}

func (c *Conn) panicked(r any) End {
	err := fmt.Errorf("panic: %v", r)
	c.hub.log.Error("connection ended by a panic", "device", c.hello.DeviceSID, "attempt", c.hello.AttemptID, "panic", r, "stack", string(debug.Stack()))
	return End{Cause: cause.InternalError, Err: err}
}

var errDisconnect = errors.New("disconnect")

// endOf names the cause of an error that ended the reading.
func (c *Conn) endOf(err error) End {
	if errors.Is(err, errDisconnect) {
		return End{Cause: cause.ClientDisconnect}
	}
	var wrong *wire.MalformedError
	if errors.As(err, &wrong) {
		end := End{Cause: cause.MalformedPacket, Err: err, Offset: wrong.Offset, Rule: wrong.Rule, Packet: clip(c.in.current())}
		switch {
		case errors.Is(err, wire.ErrTooLarge):
			end.Cause = cause.PacketTooLarge
		case errors.Is(err, wire.ErrTopicTooLong):
			end.Cause = cause.TopicTooLong
		}
		return end
	}
	switch {
	case errors.Is(err, errKeepAlive):
		return End{Cause: cause.KeepaliveExpired, Err: err}
	case errors.Is(err, errStrict):
		return End{Cause: cause.PublishRefused, Err: err}
	case errors.Is(err, errStore):
		return End{Cause: cause.StoreDown, Err: err}
	case errors.Is(err, errClosed):
		return End{Cause: cause.GatewayStopped}
	case errors.Is(err, io.EOF) && len(c.in.current()) == 0:
		return End{Cause: cause.ClientClosed}
	}
	return End{Cause: cause.ClientClosed, Err: err}
}

func clip(b []byte) []byte { return append([]byte(nil), b[:min(len(b), packetKept)]...) }

// detach lets go of the session, which ends with its connection when it is clean (MQTT 3.1.1, 3.1.2.4).
func (c *Conn) detach() {
	h, s := c.hub, c.session
	s.mu.Lock()
	c.dead, c.control = true, nil
	if s.conn == c {
		s.conn, s.since = nil, h.now()
		s.dropFleeting()
		s.here.Store(false)
	}
	s.wakePublishers()
	s.room.Broadcast()
	for c.writing { // its socket is closed, so it ends at once
		s.room.Wait()
	}
	ended := s.ended
	s.mu.Unlock()

	h.mu.Lock()
	if s.clean && !ended {
		h.end(s)
	}
	delete(h.conns, c)
	h.mu.Unlock()
	if !ended && s.stores() {
		_ = h.sequencer.add(entry{kind: entryStep, step: leaving{s}}, 0, true) // when nothing is stored, memory is the truth
	}
	h.open.Done()
}

// Kill closes the socket at once, from any goroutine; Run then returns an End with this cause, unless another came first.
func (c *Conn) Kill(why cause.ID) { c.kill(why) }

func (c *Conn) kill(why cause.ID) {
	c.killOnce.Do(func() {
		c.why = why
		close(c.killed)
		// Not through TLS, whose Close would wait to send an alert to a device that may not read.
		if t, ok := c.net.(interface{ NetConn() net.Conn }); ok {
			_ = t.NetConn().Close() // nothing is left to do about a socket that does not close
			return
		}
		_ = c.net.Close()
	})
}

// Follow has Hello.Tap see packets again, after it had seen enough. Where there is no Tap it does nothing.
func (c *Conn) Follow() { c.tapping.Store(c.hello.Tap != nil) }

// tap shows packets to whoever follows this connection; b holds whole packets.
func (c *Conn) tap(outbound bool, b []byte) {
	if !c.tapping.Load() {
		return
	}
	c.tapTurn.Lock()
	defer c.tapTurn.Unlock()
	for len(b) > 0 && c.tapping.Load() {
		n := first(b)
		if !c.hello.Tap(outbound, b[:n]) {
			c.tapping.Store(false)
		}
		b = b[n:]
	}
}

// first is the length of the first of several whole packets.
func first(b []byte) int {
	n, used, err := wire.Length(b[1:])
	if err != nil || used == 0 || 1+used+n > len(b) {
		return len(b) // never for our own bytes
	}
	return 1 + used + n
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
