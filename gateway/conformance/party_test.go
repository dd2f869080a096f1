package conformance

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"gatehouse/gateway/wire"
)

// party is a broker that sessions are played to.
type party interface {
	// dial connects a device, whose older connection, if any, is ended by it. CONNACK comes first.
	dial(device string, clean bool) (*link, error)
	// restart ends every connection, and goes on with what is kept across restarts.
	restart() error
	close() error
}

var errSlow = errors.New("it takes too long")

// within waits for something to be closed.
func within(done <-chan struct{}) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return errSlow
	}
}

// ours is the session engine, which is opened anew on the same log for each restart.
type ours struct {
	log    *memoryLog
	engine *engine
}

func newOurs() (*ours, error) {
	o := &ours{log: &memoryLog{}}
	return o, o.start()
}

func (o *ours) start() error {
	hub, err := openHub(o.log)
	if err != nil {
		return err
	}
	o.engine = &engine{hub: hub, seats: map[string]*seat{}}
	return nil
}

func (o *ours) dial(device string, cleanly bool) (*link, error) {
	hello := persistent(device)
	hello.Clean = cleanly
	near, far := net.Pipe()
	gone, err := o.engine.attach(far, hello)
	if err != nil {
		return nil, err
	}
	l := newLink(near)
	l.gone = gone
	return l, nil
}

func (o *ours) close() error { return o.engine.stop() }

func (o *ours) restart() error {
	if err := o.close(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return o.start()
}

// theirs is mochi, an MQTT server that others wrote; it has no listener and is never restarted: for a restart all its
// connections end.
type theirs struct {
	server *mochi.Server
	latest map[string]connection
}

// connection is the latest of a device.
type connection struct {
	link  *link
	clean bool
}

type allowAll struct{ mochi.HookBase }

func (*allowAll) ID() string { return "allow-all" }
func (*allowAll) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*allowAll) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*allowAll) OnACLCheck(*mochi.Client, string, bool) bool              { return true }

func newTheirs() (*theirs, error) {
	s := mochi.New(&mochi.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	return &theirs{server: s, latest: map[string]connection{}}, s.AddHook(new(allowAll), nil)
}

func (m *theirs) dial(device string, cleanly bool) (*link, error) {
	// A clean session that is taken over may take the new one with it when it ends, if it does so at the wrong moment. So
	// that this has no part in the outcome, it ends before.
	if old, there := m.latest[device]; there && old.clean {
		_ = old.link.conn.Close()
		if err := within(old.link.gone); err != nil {
			return nil, fmt.Errorf("end the older connection: %w", err)
		}
	}
	near, far := net.Pipe()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = m.server.EstablishConnection("oracle", far) // how it ended shows on the wire
	}()
	l := newLink(near)
	l.gone = gone
	l.send(wire.AppendConnect(nil, wire.Connect{ClientID: device, Clean: cleanly, KeepAlive: 60}, false))
	m.latest[device] = connection{l, cleanly}
	return l, nil
}

func (m *theirs) restart() error {
	for _, c := range m.latest {
		_ = c.link.conn.Close()
		if err := within(c.link.gone); err != nil {
			return err
		}
	}
	return nil
}

func (m *theirs) close() error {
	if err := m.restart(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- m.server.Close() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errSlow
	}
}
