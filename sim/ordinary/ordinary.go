// Package ordinary runs an ordinary MQTT broker in the process: mochi's server, over TLS, for MQTT 3.1, 3.1.1 and 5, with wills. It stands beside the
// gateway so that the same device can be seen on both, and gives MQTT 5 a place to be tried. It keeps nothing on disk, and knows no devices,
// credentials or topics of the gateway.
package ordinary

import (
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Params of a broker. TLS is required.
type Params struct {
	Addr string      // host:port; empty: a free port of 127.0.0.1
	TLS  *tls.Config // with the server's certificate
	// User and Password must be sent by every client when Password is set. Without one, only this machine can connect.
	User, Password string
	MaxClients     int          // connections at once; 0: 1 000
	MaxPacket      int          // bytes; 0: 1 MiB
	Logger         *slog.Logger // nil: nothing is logged; never a password
}

// ErrOpenToAll is returned for an address that others can reach when there is no password.
var ErrOpenToAll = errors.New("an ordinary broker without a password takes connections from this machine only: set a password, or listen on 127.0.0.1")

// Broker is running until it is closed.
type Broker struct {
	server *mochi.Server
	port   *port
	closed sync.Once
}

// Stats are counters since the start.
type Stats struct {
	Clients          int // connected now
	Received, Sent   int64
	Retained, Filter int64 // retained messages and subscriptions now
}

// Start starts a broker.
func Start(p Params) (*Broker, error) {
	if p.TLS == nil {
		return nil, errors.New("start ordinary broker: it needs a certificate")
	}
	if p.Addr == "" {
		p.Addr = "127.0.0.1:0"
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if p.MaxClients <= 0 {
		p.MaxClients = 1000
	}
	if p.MaxPacket <= 0 {
		p.MaxPacket = 1 << 20
	}
	if p.Password == "" && !isLoopback(p.Addr) {
		return nil, fmt.Errorf("start ordinary broker on %s: %w", p.Addr, ErrOpenToAll)
	}
	l, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return nil, fmt.Errorf("start ordinary broker: %w", err)
	}
	capabilities := mochi.NewDefaultServerCapabilities()
	capabilities.MaximumPacketSize = uint32(min(p.MaxPacket, 256<<20))
	// Its own notes tell of client ids and addresses at every connect; only warnings are worth a line.
	quiet := slog.New(quietHandler{p.Logger.Handler()})
	b := &Broker{server: mochi.New(&mochi.Options{Logger: quiet, Capabilities: capabilities}), port: newPort(l, p)}
	if err := b.server.AddHook(&gate{user: p.User, password: p.Password}, nil); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("start ordinary broker: %w", err)
	}
	if err := b.server.AddListener(b.port); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("start ordinary broker: %w", err)
	}
	if err := b.server.Serve(); err != nil {
		_ = b.Close()
		return nil, fmt.Errorf("start ordinary broker: %w", err)
	}
	return b, nil
}

// Addr is host:port as bound.
func (b *Broker) Addr() string { return b.port.Address() }

// URL is where clients connect, by the name localhost when it listens on this machine only.
func (b *Broker) URL() string {
	host, number, err := net.SplitHostPort(b.Addr())
	if err != nil {
		return "mqtts://" + b.Addr()
	}
	if isLoopback(b.Addr()) {
		host = "localhost"
	}
	return "mqtts://" + net.JoinHostPort(host, number)
}

// Stats are the counters now.
func (b *Broker) Stats() Stats {
	info := b.server.Info
	return Stats{
		Clients:  int(atomic.LoadInt64(&info.ClientsConnected)),
		Received: atomic.LoadInt64(&info.MessagesReceived), Sent: atomic.LoadInt64(&info.MessagesSent),
		Retained: atomic.LoadInt64(&info.Retained), Filter: atomic.LoadInt64(&info.Subscriptions),
	}
}

// Close ends all connections and waits until they are gone.
func (b *Broker) Close() error {
	var err error
	b.closed.Do(func() {
		b.port.shut() // first: its own way of closing can wait for a client for ever
		b.port.work.Wait()
		err = b.server.Close() // nobody comes or goes meanwhile
	})
	return err
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// gate lets in who has the password.
type gate struct {
	mochi.HookBase
	user, password string
}

// ID names the hook.
func (*gate) ID() string { return "password" }

// Provides tells which questions the hook answers.
func (*gate) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}

// OnConnectAuthenticate compares in a time that tells nothing.
func (g *gate) OnConnectAuthenticate(_ *mochi.Client, p packets.Packet) bool {
	if g.password == "" {
		return true
	}
	user := subtle.ConstantTimeCompare(p.Connect.Username, []byte(g.user))
	password := subtle.ConstantTimeCompare(p.Connect.Password, []byte(g.password))
	return user&password == 1
}

// OnACLCheck lets every client use every topic.
func (*gate) OnACLCheck(*mochi.Client, string, bool) bool { return true }
