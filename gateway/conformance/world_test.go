package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/listener"
	"gatehouse/gateway/pki"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
	"gatehouse/gateway/wire"
)

// world is a listener with all that it rests on, for what concerns CONNECT. There is one for all tests: each makes devices
// of its own.
type world struct {
	registry *registry.Registry
	addr     string
	tls      *tls.Config
	closers  []func() error // last first
}

var theWorld struct {
	once  sync.Once
	world *world
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	var err error
	if w := theWorld.world; w != nil {
		err = w.close()
	}
	if code == 0 {
		err = errors.Join(err, goleak.Find())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func listening(t testing.TB) *world {
	t.Helper()
	theWorld.once.Do(func() { theWorld.world, theWorld.err = newWorld(t) })
	if theWorld.err != nil {
		t.Fatal(theWorld.err)
	}
	return theWorld.world
}

func newWorld(t testing.TB) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
			w = nil
		}
	}()
	dir, err := os.MkdirTemp("", "gatehouse-conformance-")
	if err != nil {
		return w, err
	}
	w.later(func() error { return os.RemoveAll(dir) })
	s, err := store.Open(dir, store.Params{})
	if err != nil {
		return w, err
	}
	w.later(s.Close)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if w.registry, err = registry.Open(ctx, registry.Params{Store: s}); err != nil {
		return w, err
	}
	w.later(bounded(w.registry.Close))
	authority, err := pki.Open(pki.Params{Dir: filepath.Join(dir, "pki"), Names: []string{"localhost"}})
	if err != nil {
		return w, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.RootPEM())
	w.tls = &tls.Config{ServerName: "localhost", RootCAs: roots}
	hub := newHub(t)
	w.later(func() error { hub.Close(); return nil })
	l := listener.New(listener.Params{Hub: hub, Log: attempt.NewLog(attempt.Params{}), Registry: w.registry, Authority: authority})
	addr, err := l.Listen("127.0.0.1:0")
	if err != nil {
		return w, err
	}
	w.later(bounded(l.Close))
	w.addr = addr.String()
	return w, nil
}

func (w *world) later(fn func() error) { w.closers = append(w.closers, fn) }

func (w *world) close() (err error) {
	for i := len(w.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, w.closers[i]())
	}
	return err
}

func bounded(fn func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return fn(ctx)
	}
}

// account is a device that may connect with a key.
type account struct{ device, key, secret string }

func (w *world) newDevice(t testing.TB) account {
	t.Helper()
	return w.makeDevice(t, registry.NewDevice{})
}

func (w *world) disabledDevice(t testing.TB) account {
	t.Helper()
	return w.makeDevice(t, registry.NewDevice{Disabled: true})
}

func (w *world) makeDevice(t testing.TB, n registry.NewDevice) account {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d, err := w.registry.CreateDevice(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	k, secret, err := w.registry.CreateKey(ctx, "", d.SID, "")
	if err != nil {
		t.Fatal(err)
	}
	return account{device: d.SID, key: k.SID, secret: secret}
}

// hello is a CONNECT that the gateway accepts.
func (a account) hello() wire.Connect {
	return wire.Connect{
		ClientID: "board", Clean: true, KeepAlive: 60,
		HasUser: true, User: a.key, HasPassword: true, Password: []byte(a.secret),
	}
}

// dial connects over TLS without a word of MQTT.
func (w *world) dial(t testing.TB) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{}, Config: w.tls}).DialContext(ctx, "tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn)
}

// offer sends a CONNECT, with whatever follows it in the same write.
func (w *world) offer(t testing.TB, hello wire.Connect, more ...[]byte) *client {
	t.Helper()
	c := w.dial(t)
	c.send(append([][]byte{wire.AppendConnect(nil, hello, false)}, more...)...)
	return c
}

// offerBody sends a CONNECT with a body of a test's own making.
func (w *world) offerBody(t testing.TB, body ...[]byte) *client {
	t.Helper()
	c := w.dial(t)
	c.send(frame(wire.CONNECT<<4, body...))
	return c
}

// accepted connects a device that is let in.
func (w *world) accepted(t testing.TB, hello wire.Connect) *client {
	t.Helper()
	c := w.offer(t, hello)
	c.wantBytes(wire.CONNACK<<4, 2, 0, 0)
	return c
}

// refused wants a CONNACK with this code and then the end.
func (c *client) refused(code byte) {
	c.t.Helper()
	c.wantBytes(wire.CONNACK<<4, 2, 0, code)
	c.closed()
}

// frame puts a fixed header before the parts of a body.
func frame(first byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b := wire.AppendLength([]byte{first}, n)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// text is a length-prefixed field.
func text(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }
