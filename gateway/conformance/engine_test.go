package conformance

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
)

// patience bounds everything that is waited for.
const patience = 10 * time.Second

// engine is our session engine with devices that have been admitted already.
type engine struct {
	t   testing.TB
	hub *broker.Hub

	mu    sync.Mutex
	seats map[string]*seat // by device
	fault error            // the first connection that ended by a fault of the engine, such as a panic
	wg    sync.WaitGroup
}

// seat gives the connections of one device their turn, as the listener does.
type seat struct {
	turn sync.Mutex
	conn served
	gone chan struct{} // closed when conn has ended
}

func newEngine(t testing.TB) *engine { return engineOf(t, newHub(t)) }

func engineOf(t testing.TB, hub *broker.Hub) *engine {
	e := &engine{t: t, hub: hub, seats: map[string]*seat{}}
	t.Cleanup(e.close)
	return e
}

func (e *engine) close() {
	if err := e.stop(); err != nil {
		e.t.Error(err)
	}
}

// stop ends all connections; the error is a fault of the engine since it began.
func (e *engine) stop() error {
	done := make(chan struct{})
	go func() {
		e.hub.Close()
		e.wg.Wait()
		close(done)
	}()
	if err := within(done); err != nil {
		return fmt.Errorf("the engine does not close: %w", err)
	}
	return e.fault
}

// ended takes note of how a connection ended.
func (e *engine) ended(device string, end broker.End) {
	if end.Cause != cause.InternalError {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fault == nil {
		e.fault = fmt.Errorf("the connection of %s ended by a fault of the engine: %w", device, end.Err)
	}
}

// attach serves one end of a connection as the device's; an older connection of the device is ended first.
func (e *engine) attach(nc net.Conn, hello broker.Hello) (gone <-chan struct{}, err error) {
	s := e.seat(hello.DeviceSID)
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.conn != nil {
		s.conn.Kill(cause.TakenOver)
		if err := within(s.gone); err != nil {
			return nil, fmt.Errorf("end the older connection: %w", err)
		}
	}
	c, _, err := open(e.hub, nc, hello)
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	s.conn, s.gone = c, ended
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		defer close(ended)
		e.ended(hello.DeviceSID, c.Run())
	}()
	return ended, nil
}

func (e *engine) seat(device string) *seat {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.seats[device]
	if s == nil {
		s = &seat{}
		e.seats[device] = s
	}
	return s
}

// persistent is a device's hello with Clean Session 0.
func persistent(device string) broker.Hello {
	return broker.Hello{DeviceSID: device, ServiceSID: "IS1", Level: 4, KeepAlive: 60, ClientID: device}
}

func clean(device string) broker.Hello {
	h := persistent(device)
	h.Clean = true
	return h
}

// connect connects a device; the CONNACK must be 0 and tell whether there was a session.
func (e *engine) connect(hello broker.Hello, wantPresent bool) *client {
	e.t.Helper()
	c := e.dial(hello)
	connack := c.want(connackPacket)
	if want := [2]byte{bit(wantPresent), 0}; [2]byte(connack.body) != want {
		e.t.Fatalf("CONNACK % x, want % x", connack.body, want)
	}
	return c
}

// dial attaches a device and leaves what comes to the caller.
func (e *engine) dial(hello broker.Hello) *client {
	e.t.Helper()
	ours, theirs := net.Pipe()
	gone, err := e.attach(theirs, hello)
	if err != nil {
		e.t.Fatal(err)
	}
	c := newClient(e.t, ours)
	c.gone = gone
	return c
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}
