// Package metrics is what the gateway shows to Prometheus at /metrics. It is told of connection attempts, of writes to the
// store and of HTTP requests as they happen, and asks for the state of sessions when it is scraped. Labels are codes,
// causes, kinds of writes, routes and statuses, all of them of a fixed number; no SID, name, address or secret is in any.
package metrics

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gatehouse/gateway/attempt"
)

// Traffic is the state of sessions and the totals since the gateway was opened.
type Traffic struct {
	Connected, Sessions     int
	MessagesIn, MessagesOut uint64
	BytesIn, BytesOut       uint64 // of MQTT
	Dropped                 uint64 // messages of QoS 0 that were beyond a session's bound
	Lost                    uint64 // messages of QoS 1 and 2 that went with sessions beyond their bounds
	Held                    uint64 // publishes that were held back for a device that could not keep up
	Retained                int    // messages
	Outbox                  int    // messages of QoS 1 and 2 that wait for devices, in flight or not
	OutboxBytes             int64
}

// Metrics gathers. All methods are safe for concurrent use, wait for nothing, and work on nil, which gathers nothing.
type Metrics struct {
	registry  *prometheus.Registry
	attempts  *prometheus.CounterVec
	handshake prometheus.Histogram
	writes    *prometheus.HistogramVec
	requests  *prometheus.CounterVec
}

// New begins to gather. It says so to nobody: [Metrics.Handler] shows it.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_connects_total",
			Help: "Connection attempts that were decided, by CONNACK return code (none: closed without one; tls: the handshake failed; tcp: what came was not TLS) and cause.",
		}, []string{"code", "cause"}),
		handshake: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "gatehouse_handshake_seconds",
			Help:    "TLS handshakes that succeeded, from the ClientHello to their end.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		writes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gatehouse_store_write_seconds",
			Help:    "Writes to the store until they were acknowledged, by kind: log, of sessions and messages; bucket, of the registry and objects.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"kind"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_http_requests_total",
			Help: "HTTP requests that were answered, by route (none: no such path) and status.",
		}, []string{"route", "status"}),
	}
	m.registry.MustRegister(m.attempts, m.handshake, m.writes, m.requests,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// codes are the label values of an attempt's end without a CONNACK.
var codes = map[attempt.Code]string{attempt.NoAnswer: "none", attempt.TLS: "tls", attempt.TCP: "tcp"}

// Attempt counts an attempt that was decided. It is for attempt.Log.OnDecided.
func (m *Metrics) Attempt(a attempt.Attempt) {
	if m == nil {
		return
	}
	code, found := codes[a.Code]
	if !found {
		code = strconv.Itoa(int(a.Code))
	}
	m.attempts.WithLabelValues(code, string(a.Cause)).Inc()
	if a.TLSTook > 0 {
		m.handshake.Observe(a.TLSTook.Seconds())
	}
}

// Write counts a write to the store. It is for store.Params.OnWrite.
func (m *Metrics) Write(kind string, took time.Duration) {
	if m != nil {
		m.writes.WithLabelValues(kind).Observe(took.Seconds())
	}
}

// Request counts an HTTP request. route is the pattern that the path fits, empty for none.
func (m *Metrics) Request(route string, status int) {
	if m == nil {
		return
	}
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

// Traffic has the state of sessions shown as well; get is called for each scrape. Once.
func (m *Metrics) Traffic(get func() Traffic) {
	if m != nil {
		m.registry.MustRegister(&traffic{get: get})
	}
}

// Handler answers a scrape. A metric that cannot be gathered is left out, and the logger told.
func (m *Metrics) Handler(logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, DisableCompression: true,
		MaxRequestsInFlight: 4,
	})
}
