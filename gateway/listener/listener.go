// Package listener takes connections: it observes the TLS handshake, reads the CONNECT, asks admission for the verdict,
// ends a device's older connection, and hands the new one to the broker. Everything on the way is recorded as an attempt.
// It must not know what a topic or a message is, and nothing in it decides on a return code.
package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/pki"
)

// Settings are the bounds of the contract, sections 1 and 4. Zero values stand for the defaults; a negative limit is none.
type Settings struct {
	Deadline   time.Duration // for handshake and CONNECT together; default 10 s
	MaxConnect int           // bytes of a CONNECT; default 64 KiB

	ConnectsPerSecond           int // CONNECTs in total, beyond it code 3; default 500
	ConnectsPerSecondPerAddress int // the same for one address that is not loopback; default 500
	Unfinished                  int // connections before their verdict; default 1000
	UnfinishedPerAddress        int // the same for one address that is not loopback; default 1000

	SecretDelay time.Duration // longest delay of an answer to a wrong secret; default and at most 1 s
	TLS         pki.Policy
}

func (s Settings) withDefaults() Settings {
	for _, d := range []struct {
		value    *int
		standard int
	}{
		{&s.MaxConnect, 64 << 10},
		{&s.ConnectsPerSecond, 500}, {&s.ConnectsPerSecondPerAddress, 500},
		{&s.Unfinished, 1000}, {&s.UnfinishedPerAddress, 1000},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if s.Deadline <= 0 {
		s.Deadline = 10 * time.Second
	}
	if s.SecretDelay <= 0 || s.SecretDelay > time.Second {
		s.SecretDelay = time.Second
	}
	return s
}

// Registry is what a connection is judged by, from memory.
type Registry interface {
	admission.Registry
	// Authenticated notes that a device was let in.
	Authenticated(deviceSID string, at time.Time)
}

// Params of a Listener. Hub, Log, Registry and Authority are required.
type Params struct {
	Hub       *broker.Hub
	Log       *attempt.Log
	Registry  Registry
	Authority *pki.Authority
	State     func() admission.Service // nil: always open; asked for every CONNECT
	// Clues finds out more about a refusal, after the connection was closed, so that its time tells the device nothing. It must
	// not keep the password, and no part of it may be in the clues. May be nil.
	Clues    func(admission.Presented, admission.Verdict) []diagnosis.Clue
	Settings Settings
	// Instead makes it another server than the gateway; nil: the gateway.
	Instead *Instead
	Now     func() time.Time
	Logger  *slog.Logger
}

// Listener serves devices on one port, again and again: Listen and Close may alternate. All methods are safe for
// concurrent use.
//
// Lock order: none of lobby.mu, devices.mu and live.mu is held while another is taken.
type Listener struct {
	engine    engine
	log       *attempt.Log
	registry  Registry
	authority *pki.Authority
	state     func() admission.Service
	clues     func(admission.Presented, admission.Verdict) []diagnosis.Clue
	settings  Settings
	now       func() time.Time
	logger    *slog.Logger
	tls       *tls.Config
	other     *Instead // nil: the gateway

	lobby    lobby
	devices  devices
	connects rates
	failures failures
	traces   traces
	chains   chains
	offers   offers

	mu      sync.Mutex
	current *shift
}

// shift is the time from one Listen to the next Close.
type shift struct {
	listeners []net.Listener
	closing   chan struct{}
	work      sync.WaitGroup // accepting, and every connection
}

// engine is what the listener needs of the broker.
type engine interface {
	open(nc net.Conn, hello broker.Hello) (c served, present bool, pending int, err error)
}

// served is one connection in the broker.
type served interface {
	Run() broker.End
	Kill(why cause.ID)
	Follow()
}

type hubEngine struct{ hub *broker.Hub }

func (e hubEngine) open(nc net.Conn, hello broker.Hello) (served, bool, int, error) {
	return e.hub.Open(nc, hello)
}

// ErrListening is returned by Listen when it listens already.
var ErrListening = errors.New("the listener is listening already")

// New makes a Listener that does not listen yet.
func New(p Params) *Listener {
	l := &Listener{
		engine: hubEngine{p.Hub}, log: p.Log, registry: p.Registry, authority: p.Authority,
		state: p.State, clues: p.Clues, settings: p.Settings.withDefaults(), now: p.Now, logger: p.Logger,
	}
	if l.state == nil {
		l.state = func() admission.Service { return admission.Open }
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	l.lobby = lobby{max: l.settings.Unfinished, perAddress: l.settings.UnfinishedPerAddress}
	l.connects = rates{total: l.settings.ConnectsPerSecond, perAddress: l.settings.ConnectsPerSecondPerAddress}
	l.failures = failures{longest: l.settings.SecretDelay}
	if l.other = p.Instead; l.other != nil {
		l.tls = l.other.Config(observe)
	} else {
		l.tls = l.authority.Config(l.settings.TLS, observe)
	}
	return l
}

// Listen takes connections on host:port, port 0 for any free one, and returns the address with the port. On 127.0.0.1 or
// localhost it takes the same port of ::1 as well, if it can be had: many clients try that first. When another process
// has the port the error is a *PortTakenError.
func (l *Listener) Listen(addr string) (net.Addr, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		return nil, ErrListening
	}
	first, err := listen(addr)
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{first}
	if host, _, _ := net.SplitHostPort(addr); host == "127.0.0.1" || host == "localhost" {
		_, port, _ := net.SplitHostPort(first.Addr().String())
		if second, err := net.Listen("tcp", net.JoinHostPort("::1", port)); err == nil {
			listeners = append(listeners, second)
		} else {
			l.logger.Info("not listening on ::1", "err", err)
		}
	}
	l.serve(listeners...)
	return first.Addr(), nil
}

// Serve takes connections from a listener that is there already, which Close closes. They may be connections of another kind than
// TCP, or ones that somebody looks at on their way.
func (l *Listener) Serve(ln net.Listener) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		return ErrListening
	}
	l.serve(ln)
	return nil
}

// serve starts a shift. The lock is held.
func (l *Listener) serve(listeners ...net.Listener) {
	s := &shift{listeners: listeners, closing: make(chan struct{})}
	l.current = s
	for _, ln := range listeners {
		s.work.Go(func() { l.accept(s, ln) })
	}
}

// Bounds of the pause after an error of Accept. Such errors (too many open files, a connection that was reset in the
// queue) pass; none of them ends the listener.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

func (l *Listener) accept(s *shift, ln net.Listener) {
	pause := time.Duration(0)
	for {
		conn, err := ln.Accept()
		if err == nil {
			pause = 0
			s.work.Add(1)
			l.arrive(s, conn)
			continue
		}
		select {
		case <-s.closing:
			return
		default:
		}
		if pause == 0 {
			l.logger.Warn("accepting a connection failed", "err", err)
		}
		pause = min(max(2*pause, shortestPause), longestPause)
		wait := time.NewTimer(pause)
		select {
		case <-s.closing:
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// Close stops listening, ends every connection with gateway_stopped, and waits until all are gone or ctx is done. The
// listener can Listen again afterwards.
func (l *Listener) Close(ctx context.Context) error {
	l.mu.Lock()
	s := l.current
	l.current = nil
	l.mu.Unlock()
	if s == nil {
		return nil
	}
	close(s.closing)
	for _, ln := range s.listeners {
		_ = ln.Close()
	}
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	// Connections on their way move from the lobby to the devices, so both are swept until nothing is left.
	sweep := time.NewTicker(20 * time.Millisecond)
	defer sweep.Stop()
	for {
		l.lobby.cutAll(s)
		l.devices.killAll(s, cause.GatewayStopped)
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("close listener: connections are still open: %w", ctx.Err())
		case <-sweep.C:
		}
	}
}

// hostOf is the host of an address with a port.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if zone := strings.IndexByte(host, '%'); zone >= 0 {
		host = host[:zone]
	}
	return host
}
