// Package lab holds servers that are wrong in one way each, beside the gateway: each on a port of its own, each for an hour at
// most. It judges what a device does about the fault. It admits nobody to a session, asks nothing of the broker, and never
// compares or keeps a password. It holds no words for people.
package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/listener"
	"gatehouse/gateway/pki"
	"gatehouse/gateway/registry"
)

const (
	defaultLife = time.Hour
	mostAtOnce  = 64 // connections of one server; beyond it the oldest makes room, or the newcomer is turned away
	deadline    = 30 * time.Second
	stopWithin  = 3 * time.Second
)

// Tour gives the codes 1 to 5 and then 0, one after another, to each device.
const Tour = -1

// Errors of Start.
var (
	ErrUnknownKind = errors.New("there is no such wrong server")
	ErrRunning     = errors.New("this wrong server is running already")
	ErrCode        = errors.New("a return code is 0 to 5")
	ErrClosed      = errors.New("the lab is closed")
)

// Registry tells whose credential it is.
type Registry interface {
	Key(sid string) (registry.Key, bool)
	CertificateByThumbprint(thumbprint string) (registry.Certificate, bool)
	Device(sid string) (registry.Device, bool)
}

// Params of a Lab. Log, Registry and Authority are required.
type Params struct {
	Log       *attempt.Log
	Registry  Registry
	Authority *pki.Authority
	Host      func() string // to listen on; nil: 127.0.0.1
	Name      func() string // in URLs; nil: localhost
	Now       func() time.Time
	Logger    *slog.Logger
}

// Options of one server.
type Options struct {
	Addr      string        // host:port; empty: a free port on the lab's host
	Code      int           // of ReturnCode: 0 to 5, or Tour
	DeviceSID string        // of ReturnCode: only this device gets the code, others get 3; empty: every device
	For       time.Duration // it stops by itself; zero: an hour; negative: never
}

// Server is a running one.
type Server struct {
	Kind     Kind
	Addr     string // as bound
	URL      string
	Since    time.Time
	Until    time.Time // zero: until it is stopped
	Attempts int
	Options  Options
}

// Lab holds the servers and what they have seen. All methods are safe for concurrent use.
type Lab struct {
	p       Params
	version atomic.Uint64

	starts sync.WaitGroup // calls of Start under way

	mu       sync.Mutex // guards what follows; no listener is called under it, and nothing waits for the network
	running  map[Kind]*server
	starting map[Kind]bool // reserved by a Start under way
	closed   bool
	pupils   map[pupilKey]*pupil
	order    []pupilKey // oldest first
	owners   owners
}

type server struct {
	Server
	listener *listener.Listener
	life     time.Duration // negative: until it is stopped
	timer    *time.Timer
	tour     map[string]int // where each device is in the tour; guarded by Lab.mu
}

// New makes a lab in which nothing runs.
func New(p Params) *Lab {
	if p.Host == nil {
		p.Host = func() string { return "127.0.0.1" }
	}
	if p.Name == nil {
		p.Name = func() string { return "localhost" }
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	return &Lab{p: p, running: map[Kind]*server{}, starting: map[Kind]bool{}, pupils: map[pupilKey]*pupil{}}
}

// Version rises with every change of Servers and Results but the passing of time.
func (l *Lab) Version() uint64 { return l.version.Load() }

// Start starts a wrong server. Making its certificate may take a quarter of a second.
func (l *Lab) Start(kind Kind, o Options) (Server, error) {
	info, known := Find(kind)
	switch {
	case !known:
		return Server{}, fmt.Errorf("%w: %q", ErrUnknownKind, kind)
	case o.Code < Tour || o.Code > 5:
		return Server{}, fmt.Errorf("%w: %d", ErrCode, o.Code)
	}
	if err := l.reserve(kind); err != nil {
		return Server{}, err
	}
	defer l.starts.Done()
	s, err := l.listen(info, o)
	l.mu.Lock()
	delete(l.starting, kind)
	closed := l.closed
	if err == nil && !closed {
		if s.life > 0 {
			s.Until = s.Since.Add(s.life)
			s.timer = time.AfterFunc(s.life, func() { l.stop(kind, s) })
		}
		l.running[kind] = s
		l.version.Add(1)
	}
	l.mu.Unlock()
	switch {
	case err != nil:
		return Server{}, err
	case closed:
		l.end(kind, s)
		return Server{}, ErrClosed
	}
	return s.Server, nil
}

// reserve keeps others from starting the same server, and Close from returning before this Start has.
func (l *Lab) reserve(kind Kind) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.running[kind] != nil || l.starting[kind]:
		return fmt.Errorf("%w: %s", ErrRunning, kind)
	}
	l.starting[kind] = true
	l.starts.Add(1)
	return nil
}

// listen makes a server that takes connections, and is not among those that run yet.
func (l *Lab) listen(info Info, o Options) (*server, error) {
	chain, err := l.p.Authority.Wrong(info.Fault)
	if err != nil {
		return nil, err
	}
	if o.Addr == "" {
		o.Addr = net.JoinHostPort(l.p.Host(), "0")
	}
	s := &server{Server: Server{Kind: info.Kind, Since: l.p.Now(), Options: o}, life: o.For, tour: map[string]int{}}
	if s.life == 0 {
		s.life = defaultLife
	}
	s.listener = listener.New(listener.Params{
		Log: l.p.Log, Authority: l.p.Authority, Now: l.p.Now, Logger: l.p.Logger,
		Settings: listener.Settings{Deadline: deadline, Unfinished: mostAtOnce, UnfinishedPerAddress: mostAtOnce},
		Instead:  l.instead(info, s, chain),
	})
	addr, err := s.listener.Listen(o.Addr)
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr.String())
	s.Addr, s.URL = addr.String(), "mqtts://"+net.JoinHostPort(l.p.Name(), port)
	return s, nil
}

// instead is how the listener of a server differs from the gateway's.
func (l *Lab) instead(i Info, s *server, chain *tls.Certificate) *listener.Instead {
	i2 := &listener.Instead{
		Server: string(i.Kind),
		Config: func(observe func(*tls.ClientHelloInfo, pki.Answer, error)) *tls.Config {
			c := config(i, chain)
			c.Time = l.p.Now
			c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				shared := slices.ContainsFunc(hello.SupportedVersions, func(v uint16) bool { return v >= c.MinVersion && v <= c.MaxVersion })
				if !shared {
					observe(hello, pki.Answer{}, pki.ErrVersion)
					return nil, nil
				}
				observe(hello, pki.Answer{Config: c, Chain: chain, Kind: leafKind(i), Version: min(c.MaxVersion, slices.Max(hello.SupportedVersions)), Why: string(i.Kind)}, nil)
				return nil, nil
			}
			return c
		},
		Serve: func(t listener.Taken) (why causeID, by string) { return l.serve(i, s, t) },
		Ended: func(id uint64) { l.ended(i, s, id) },
	}
	if i.Kind == Throttled {
		i2.Wrap = throttle
	}
	return i2
}

func leafKind(i Info) pki.Kind {
	if i.Fault == pki.FaultRSA1024 {
		return "RSA-1024"
	}
	return pki.RSA
}

// Stop stops a server, ends its connections, and reports whether it was running.
func (l *Lab) Stop(kind Kind) bool {
	l.mu.Lock()
	s := l.running[kind]
	l.mu.Unlock()
	return s != nil && l.stop(kind, s)
}

func (l *Lab) stop(kind Kind, s *server) bool {
	l.mu.Lock()
	was := l.running[kind] == s
	if was {
		delete(l.running, kind)
	}
	l.mu.Unlock()
	if !was {
		return false
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	l.end(kind, s)
	l.version.Add(1)
	return true
}

// end closes the server's port and its connections.
func (l *Lab) end(kind Kind, s *server) {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := s.listener.Close(ctx); err != nil {
		l.p.Logger.Error("wrong server does not stop", "kind", kind, "err", err)
	}
}

// Close stops all servers for good.
func (l *Lab) Close() {
	l.mu.Lock()
	l.closed = true
	var kinds []Kind
	for k := range l.running {
		kinds = append(kinds, k)
	}
	l.mu.Unlock()
	var wg sync.WaitGroup
	for _, k := range kinds {
		wg.Go(func() { l.Stop(k) })
	}
	wg.Wait()
	l.starts.Wait() // none begins any more, and one under way closes what it opened
}

// Servers are those that run, in the order of Kinds.
func (l *Lab) Servers() []Server {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Server
	for _, i := range Kinds() {
		if s := l.running[i.Kind]; s != nil {
			all = append(all, s.Server)
		}
	}
	return all
}

// hostOf is an address without its port.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return strings.SplitN(host, "%", 2)[0]
}
