package rest

import (
	"net"
	"net/http"
	"strings"

	"gatehouse/gateway/rest/metrics"
	"gatehouse/gateway/rest/web"
)

// routes passes a request on by the first segment of its path. Nothing is cleaned or redirected on the way.
func (s *Server) routes(g *guard) http.Handler {
	p := s.params
	open := &web.Table{Logger: p.Logger}
	open.Handle("GET", "/healthz", func(r *web.Request) (web.Response, error) { return health(r, p.Healthy()), nil })
	open.Handle("GET", "/readyz", func(r *web.Request) (web.Response, error) { return health(r, p.Ready()), nil })
	unknown := &web.Table{}
	var scrape http.Handler = unknown
	if p.Metrics != nil {
		scrape = onlyGET("/metrics", p.Metrics.Handler(p.Logger))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		if path == "/healthz" || path == "/readyz" {
			open.ServeHTTP(w, r)
			return
		}
		if !g.admit(w, r) {
			return
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		next, found := p.APIs[first]
		switch {
		case path == "/metrics":
			next = scrape
		case !found:
			next = unknown
		}
		next.ServeHTTP(w, r)
	})
}

// health is the answer of /healthz and /readyz. The reason may name a file, which is for this machine's users alone.
func health(r *web.Request, err error) web.Response {
	body := map[string]string{"status": "ok"}
	if err == nil {
		return web.OK(body)
	}
	body["status"] = "unavailable"
	if host, _, _ := net.SplitHostPort(r.RemoteAddr); isLoopback(host) {
		body["reason"] = err.Error()
	}
	return web.Response{Status: http.StatusServiceUnavailable, Body: body}
}

// onlyGET is a route for a handler that is not in a table.
func onlyGET(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = pattern
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			next.ServeHTTP(w, r)
		case http.MethodOptions:
			web.Response{Status: http.StatusNoContent, Header: http.Header{"Allow": {"GET, HEAD, OPTIONS"}}}.Write(w)
		default:
			web.MethodNotAllowed(r.Method, "GET, HEAD, OPTIONS").Write(w)
		}
	})
}

// observed counts requests by the pattern that a table has noted in them.
func observed(m *metrics.Metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noted := &statusNoter{ResponseWriter: w, status: http.StatusOK}
		defer func() { m.Request(r.Pattern, noted.status) }()
		next.ServeHTTP(noted, r)
	})
}

type statusNoter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (n *statusNoter) WriteHeader(status int) {
	if !n.wrote {
		n.status, n.wrote = status, true
	}
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (n *statusNoter) Unwrap() http.ResponseWriter { return n.ResponseWriter }
