package causes

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/listener"
	"gatehouse/gateway/pki"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/wire"
)

// spare is an authority for listeners of their own, made once: its keys take their time. Its folder is removed by TestMain.
var spare = sync.OnceValues(func() (*pki.Authority, error) {
	dir, err := os.MkdirTemp("", "gatehouse-causes-")
	if err != nil {
		return nil, err
	}
	spareDir = dir
	return pki.Open(pki.Params{Dir: filepath.Join(dir, "pki"), Names: []string{"localhost"}})
})

var spareDir string

// apart moves the row to a listener of its own, for what no gateway can be brought to from outside. It shares registry and
// record with the row's gateway; change says in which way it is another.
func (w *world) apart(settings broker.Settings, change func(*listener.Params)) {
	w.Helper()
	w.apartAt("", settings, change)
}

// apartAt does so with a listener whose connections seem to have been dialled at another address of this machine, which may have none but
// those of loopback; empty: they do not.
func (w *world) apartAt(dialled string, settings broker.Settings, change func(*listener.Params)) {
	w.Helper()
	opening.Lock()
	authority, err := spare()
	opening.Unlock()
	w.must(err)
	hub := broker.New(broker.Params{Settings: settings})
	p := listener.Params{Hub: hub, Log: w.g.Attempts(), Registry: w.g.Registry(), Authority: authority}
	change(&p)
	l := listener.New(p)
	own, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.must(l.Serve(reachedAt{own, dialled}))
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			w.Error(err)
		}
		hub.Close()
	})
	w.port, w.root = own.Addr().(*net.TCPAddr).Port, authority.RootPEM()
}

// reachedAt is a listener whose connections arrive at an address.
type reachedAt struct {
	net.Listener
	ip string
}

// Accept implements net.Listener.
func (l reachedAt) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil || l.ip == "" {
		return c, err
	}
	return arrivedAt{c, l.ip}, nil
}

// arrivedAt is a connection to an address.
type arrivedAt struct {
	net.Conn
	ip string
}

// LocalAddr implements net.Conn.
func (c arrivedAt) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 8883} }

// faulty is a registry in which looking up a key fails in a way that nobody has foreseen.
type faulty struct{ *registry.Registry }

func (faulty) Key(string) (registry.Key, bool) { panic("a fault of the gateway") }

// renewed is a registry in which every key has another secret.
type renewed struct{ *registry.Registry }

func (r renewed) Key(sid string) (registry.Key, bool) {
	k, found := r.Registry.Key(sid)
	k.Salt, k.Hash = credential.HashSecret([]byte("0123456789abcdefABCDEF0123456789"))
	return k, found
}

// withoutDisk puts a file in the place of the folder that the gateway's store is in, as a disk that was unplugged leaves nothing
// behind, and has something to be stored.
func (w *world) withoutDisk() {
	w.Helper()
	folder := filepath.Join(w.g.Status().DataDir, "store")
	w.must(os.Rename(folder, folder+".away"))
	w.must(os.WriteFile(folder, nil, 0o600))
	w.Cleanup(func() {
		w.must(os.Remove(folder))
		w.must(os.Rename(folder+".away", folder))
	})
	name := "stored"
	if _, err := w.g.Registry().UpdateDevice(w.Context(), w.device.SID, registry.DeviceChange{FriendlyName: &name}); err == nil {
		w.Fatal("it was stored all the same")
	}
}

// faults are what the gateway itself cannot do.
var faults = []row{
	{cause: cause.NameNotSent, how: "A client that dials an address of the machine, which the certificate lacks, and checks no name", short: "No server name was sent", fix: "Copy the TLS address", provoke: func(w *world) seen {
		w.apartAt("192.0.2.7", broker.Settings{}, func(*listener.Params) {})
		conn := w.sessionBy(w.connect(), &tls.Config{InsecureSkipVerify: true})
		_ = conn.Close()
		return w.warning(w.done(conn.NetConn()), cause.NameNotSent)
	}},
	{cause: cause.Maintenance, how: "A connect to a listener that is told of maintenance, which no switch of the gateway does", short: "Gateway is paused", provoke: func(w *world) seen {
		w.apart(broker.Settings{}, func(p *listener.Params) { p.State = func() admission.Service { return admission.Maintenance } })
		return w.refusal(w.refused(3, bytesOf(w.connect())), cause.Maintenance)
	}},
	{cause: cause.StoreDown, how: "A connect after the folder of the store has gone", short: "Gateway cannot store", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		w.withoutDisk()
		return w.refusal(w.refused(3, bytesOf(w.connect())), cause.StoreDown)
	}},
	{cause: cause.StoreDown, how: "The folder of the store goes while a device is connected, and it publishes with QoS 1", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		conn := w.park()
		_ = conn.Close()
		c := w.connect()
		c.Clean = false
		conn = w.session(c)
		w.withoutDisk()
		w.send(conn, wire.AppendPublish(nil, wire.Message{Topic: "news", Payload: []byte("x"), QoS: 1, ID: 1}))
		return w.end(w.ended(conn), cause.StoreDown)
	}},
	{cause: cause.WriteTimeout, how: "A device that subscribes to what it publishes, and does not read", provoke: func(w *world) seen {
		w.apart(broker.Settings{WriteTimeout: 200 * time.Millisecond}, func(*listener.Params) {})
		c := w.session(w.connect())
		_ = c.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
		w.send(c, subscribe("news"))
		load := wire.AppendPublish(nil, wire.Message{Topic: "news", Payload: make([]byte, 200<<10)})
		for range 200 {
			if _, err := c.Write(load); err != nil {
				break
			}
		}
		return w.end(w.done(c.NetConn()), cause.WriteTimeout)
	}},
	{cause: cause.InternalError, how: "A CONNECT whose lookup panics", short: "Gateway fault", provoke: func(w *world) seen {
		w.apart(broker.Settings{}, func(p *listener.Params) { p.Registry = faulty{w.g.Registry()} })
		return w.refusal(w.refused(-1, bytesOf(w.connect())), cause.InternalError)
	}},
	{cause: cause.SecretChanged, how: "A key that has got another secret since the attempt", short: "Would it pass now?", provoke: func(w *world) seen {
		a := w.once()
		return w.outcome(diagnosis.Replay(a, admission.Open, renewed{w.g.Registry()}), a, cause.SecretChanged)
	}},
	{cause: cause.NotRecorded, how: "The record of a release that kept no inputs of the verdict", short: "Would it pass now?", provoke: func(w *world) seen {
		a := w.once()
		a.Inputs = nil
		return w.open(a, cause.NotRecorded)
	}},
}

// once connects and leaves.
func (w *world) once() attempt.Attempt {
	w.Helper()
	conn := w.session(w.connect())
	_ = conn.Close()
	return w.done(conn.NetConn())
}
