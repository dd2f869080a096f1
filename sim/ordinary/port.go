package ordinary

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// greeting is how long a client has for TLS and CONNECT.
const greeting = 10 * time.Second

// pauseAfterError keeps an Accept that fails (too many open files) from spinning.
const pauseAfterError = 50 * time.Millisecond

// port is a listener for mochi's server in place of its own, which ends at the first error of Accept, has no deadline before CONNECT, does not wait
// for its connections, and lets a panic over a malformed packet end the process.
type port struct {
	listener net.Listener
	config   *tls.Config
	logger   *slog.Logger
	room     chan struct{} // a token for each connection

	work sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	done  chan struct{}
	once  sync.Once
}

func newPort(l net.Listener, p Params) *port {
	return &port{listener: l, config: p.TLS, logger: p.Logger, room: make(chan struct{}, p.MaxClients), conns: map[net.Conn]struct{}{}, done: make(chan struct{})}
}

// ID names the listener.
func (p *port) ID() string { return "tls" }

// Address is host:port as bound.
func (p *port) Address() string { return p.listener.Addr().String() }

// Protocol is what it speaks.
func (p *port) Protocol() string { return "tls" }

// Init has nothing to do: it listens already.
func (p *port) Init(*slog.Logger) error { return nil }

// Serve accepts until it is shut.
func (p *port) Serve(establish listeners.EstablishFn) {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			select {
			case <-p.done:
				return
			case <-time.After(pauseAfterError):
				continue
			}
		}
		select {
		case p.room <- struct{}{}:
		default:
			_ = c.Close() // full
			continue
		}
		if !p.enter(c) {
			return
		}
		go p.serve(c, establish)
	}
}

// enter notes a connection; false when it is too late for one.
func (p *port) enter(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		_ = c.Close()
		return false
	default:
	}
	p.conns[c] = struct{}{}
	p.work.Add(1)
	return true
}

func (p *port) serve(c net.Conn, establish listeners.EstablishFn) {
	defer func() {
		if r := recover(); r != nil {
			p.logger.Error("ordinary broker: a connection ended by a panic", "remote", c.RemoteAddr(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
		_ = c.Close()
		p.mu.Lock()
		delete(p.conns, c)
		p.mu.Unlock()
		<-p.room
		p.work.Done()
	}()
	secure := tls.Server(c, p.config)
	ctx, cancel := context.WithTimeout(context.Background(), greeting)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		p.logger.Debug("ordinary broker: handshake failed", "remote", c.RemoteAddr(), "err", err)
		return
	}
	// From CONNECT on the server moves this deadline by the client's keepalive.
	_ = secure.SetDeadline(time.Now().Add(greeting))
	if err := establish(p.ID(), secure); err != nil {
		p.logger.Debug("ordinary broker: connection ended", "remote", c.RemoteAddr(), "err", err)
	}
}

// shut stops accepting and ends all connections.
func (p *port) shut() {
	p.once.Do(func() {
		p.mu.Lock()
		close(p.done)
		_ = p.listener.Close()
		for c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
	})
}

// Close is how the server shuts it.
func (p *port) Close(listeners.CloseFn) { p.shut() }

// quietHandler passes warnings on, apart from the server's opinion of a short keepalive, which is the device's own affair.
type quietHandler struct{ slog.Handler }

// Handle leaves out that opinion.
func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "client keepalive is below") {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// Enabled leaves out what is less than a warning.
func (h quietHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}
