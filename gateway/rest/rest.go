// Package rest is the gateway's HTTP server: it serves the APIs that it is given, and /healthz, /readyz and /metrics. It
// decides who may ask, and knows nothing of what is asked for.
//
// Everything but /healthz and /readyz needs the account's SID and token (HTTP Basic). Only requests that name a host which
// is the gateway's own are answered, and none that a web page of another origin makes a browser send. Bound to
// loopback it speaks HTTP, bound to anything else HTTPS.
package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/metrics"
	"gatehouse/gateway/rest/web"
)

// Params are what a server needs. Addr is required.
type Params struct {
	Addr string // host:port; port 0 takes a free one
	// Account is who may ask; it is asked for every request. Nil lets nobody in.
	Account func() registry.Account
	// APIs are handlers by the first segment of the paths that they answer: "DeployedDevices", "v1". They get the whole path.
	APIs map[string]http.Handler
	// Hosts are the names and addresses that requests may name beside those of loopback and the host of Addr; asked for
	// every request. May be nil.
	Hosts func() []string
	// Certificate is the server's certificate for a ClientHello; needed when Addr is not loopback.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

	Healthy func() error     // nil while devices can be served; nil function: always
	Ready   func() error     // nil while newcomers are let in, too; nil function: Healthy
	Metrics *metrics.Metrics // nil: /metrics is unknown
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil discards
}

// Server answers on one address until it is closed.
type Server struct {
	listener net.Listener
	http     *http.Server
	params   Params
	scheme   string
	arrivals arrivals
	end      sync.Once
	closing  chan struct{}
	done     chan struct{}
}

// Bounds of a request and its answer.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 20 * time.Second // of the whole request
	writeTimeout  = web.AnswerTimeout
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10 // bytes
)

// Listen starts a server.
func Listen(p Params) (*Server, error) {
	host, _, err := net.SplitHostPort(p.Addr)
	if err != nil {
		return nil, fmt.Errorf("HTTP address %q: %w; write host:port, such as 127.0.0.1:8080", p.Addr, err)
	}
	if !isLoopback(host) && p.Certificate == nil {
		return nil, fmt.Errorf("HTTP address %q is not this machine alone, and there is no certificate to serve it with; use 127.0.0.1", p.Addr)
	}
	return listen(p.complete(host), !isLoopback(host))
}

// listen starts a server, with TLS or without.
func listen(p Params, secure bool) (*Server, error) {
	l, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return nil, fmt.Errorf("HTTP cannot listen on %s: %w; choose another address with --http", p.Addr, errors.Unwrap(err))
	}
	s := &Server{params: p, scheme: "http", closing: make(chan struct{}), done: make(chan struct{})}
	s.listener = limit(l, maxConnections, maxConnectionsPerAddress, s.arrivals.evict)
	if secure {
		s.scheme = "https"
	}
	s.http = s.server()
	go s.serve()
	return s, nil
}

// server is what speaks HTTP, within bounds.
func (s *Server) server() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:                      s.handler(),
		Protocols:                    &protocols,
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		ConnState:                    s.arrivals.note,
		ErrorLog:                     slog.NewLogLogger(s.params.Logger.Handler(), slog.LevelDebug), // of what peers do on the wire
		BaseContext:                  func(net.Listener) context.Context { return web.WithClosing(context.Background(), s.closing) },
	}
}

func (p Params) complete(host string) Params {
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Account == nil {
		p.Account = func() registry.Account { return registry.Account{} }
	}
	if p.Healthy == nil {
		p.Healthy = func() error { return nil }
	}
	if p.Ready == nil {
		p.Ready = p.Healthy
	}
	added := p.Hosts
	p.Hosts = func() []string {
		if added == nil {
			return []string{host}
		}
		return append([]string{host}, added()...)
	}
	return p
}

func (s *Server) serve() {
	defer close(s.done)
	var err error
	if s.scheme == "https" {
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.params.Certificate, Time: s.params.Now}
		err = s.http.ServeTLS(s.listener, "", "")
	} else {
		err = s.http.Serve(s.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.params.Logger.Error("HTTP has ended", "err", err)
	}
}

// handler is what every request passes, from the outside in.
func (s *Server) handler() http.Handler {
	p := s.params
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turnAway(w, r, &web.Error{Status: http.StatusForbidden, Code: web.CodeForbidden, Message: "A web page of another origin may not ask this"})
	}))
	guard := &guard{account: p.Account, now: p.Now, closing: s.closing}
	return observed(p.Metrics, onlyHosts(p.Hosts, protection.Handler(s.routes(guard))))
}

// URL is where the server answers: "http://127.0.0.1:8080". A server that is bound to every address is named by localhost.
func (s *Server) URL() string {
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return s.scheme + "://" + net.JoinHostPort(host, port)
}

// Close lets requests finish until ctx ends; those that wait for something to happen are told.
func (s *Server) Close(ctx context.Context) error {
	s.end.Do(func() { close(s.closing) })
	s.arrivals.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}
