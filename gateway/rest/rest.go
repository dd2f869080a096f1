// Package rest serves HTTP. For now that is /healthz alone: whether devices can be served. It is bound to loopback
// unless it is told otherwise, and it answers only requests that name a loopback host, so that no web page can reach it
// under a name of its own (DNS rebinding).
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Params are what a server needs.
type Params struct {
	Addr    string       // host:port; port 0 takes a free one
	Healthy func() error // nil while devices can be served
	Logger  *slog.Logger // nil discards
}

// Server answers on one address until it is closed.
type Server struct {
	listener net.Listener
	http     *http.Server
	done     chan struct{}
}

// Listen starts a server.
func Listen(p Params) (*Server, error) {
	host, _, err := net.SplitHostPort(p.Addr)
	if err != nil {
		return nil, fmt.Errorf("HTTP address %q: %w; write host:port, such as 127.0.0.1:8080", p.Addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("HTTP address %q is not this machine alone; use 127.0.0.1, since HTTP here has no TLS", p.Addr)
	}
	l, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return nil, fmt.Errorf("HTTP cannot listen on %s: %w; choose another address with --http", p.Addr, errors.Unwrap(err))
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerHealth(w, p.Healthy()) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { answerUnknown(w, r) })
	s := &Server{listener: l, done: make(chan struct{}), http: &http.Server{
		Handler:           onlyLoopbackHosts(http.NewCrossOriginProtection().Handler(mux)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(p.Logger.Handler(), slog.LevelWarn),
	}}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // always http.ErrServerClosed, or a listener that is gone
	}()
	return s, nil
}

// URL is where the server answers: "http://127.0.0.1:8080".
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close lets requests finish until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}

// onlyLoopbackHosts answers 421 to requests for any other host.
func onlyLoopbackHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			answerError(w, http.StatusMisdirectedRequest, 20001, "This server does not answer for "+r.Host)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answerHealth(w http.ResponseWriter, err error) {
	if err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

func answerUnknown(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		w.Header().Set("Allow", "GET, HEAD")
		answerError(w, http.StatusMethodNotAllowed, 20004, "Method "+r.Method+" is not allowed here")
		return
	}
	answerError(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
}

// answerError is the shape that every error of the HTTP APIs has.
func answerError(w http.ResponseWriter, status, code int, message string) {
	answer(w, status, struct {
		Code     int    `json:"code"`
		Message  string `json:"message"`
		MoreInfo string `json:"more_info"`
		Status   int    `json:"status"`
	}{code, message, "", status})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
