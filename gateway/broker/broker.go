// Package broker is the session engine for MQTT 3.1 and 3.1.1: it serves connections that have been admitted, keeps the
// sessions of devices across them, and routes messages among the devices of one Sync service.
//
// It must not know certificates, keys, return codes other than 0, the registry or the window. Whoever calls Open has
// admitted the device and has made sure that the device has no other open connection.
//
// One goroutine per connection reads. Writing is a short-lived goroutine that puts everything due into one write and
// ends, so that an idle session costs one small stack and no buffers. Each session has one ordered outbox and its own
// packet identifiers, which have nothing to do with those that the device chooses.
//
// Locks, in the order in which they may be taken: Hub.mu, service.retainedMu or session.turn, then session.mu or index.mu. None is held
// during I/O, while the Journal works (but for Discard, which must not wait), or while calling out.
package broker

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/cause"
)

// Settings are the bounds of the engine; zero values are replaced by the defaults.
type Settings struct {
	// Window is how many QoS 1 and 2 messages may be in flight to a device; default 100 (contract, section 2), at most
	// 65535.
	Window int
	// QoS0Bytes is how much QoS 0 a session may hold before its oldest message is dropped; default 1 MiB.
	QoS0Bytes int
	// SoftQueue is how many QoS 1 and 2 messages may wait for a connected device before its publishers are slowed down;
	// default 20 000.
	SoftQueue int
	// SlowDown is the longest that one publish is held back for that; default 20 ms.
	SlowDown time.Duration
	// MaxPacket is the largest remaining length taken from a device, in bytes; default 256 KiB.
	MaxPacket int
	// WriteTimeout is how long a device may leave a write waiting; default 20 s.
	WriteTimeout time.Duration
	// RetainedMessages and RetainedBytes bound what a service retains; defaults 10 000 and 64 MiB (contract, section 6).
	RetainedMessages int
	RetainedBytes    int
	// SessionMessages and SessionBytes bound the QoS 1 and 2 messages that wait for one device; beyond them its session is
	// discarded as a whole. Defaults 100 000 and 256 MiB.
	SessionMessages int
	SessionBytes    int64
	// Subscriptions is how many filters a session may have; default 10 000.
	Subscriptions int
	// SyncTopicsOnly refuses topics that do not begin with "sync/".
	SyncTopicsOnly bool
}

func (s Settings) withDefaults() Settings {
	def := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	def(&s.Window, 100)
	def(&s.QoS0Bytes, 1<<20)
	def(&s.SoftQueue, 20_000)
	def(&s.MaxPacket, 256<<10)
	def(&s.RetainedMessages, 10_000)
	def(&s.RetainedBytes, 64<<20)
	def(&s.SessionMessages, 100_000)
	def(&s.Subscriptions, 10_000)
	if s.SessionBytes <= 0 {
		s.SessionBytes = 256 << 20
	}
	s.Window = min(s.Window, 65_535)
	if s.SlowDown <= 0 {
		s.SlowDown = 20 * time.Millisecond
	}
	if s.WriteTimeout <= 0 {
		s.WriteTimeout = 20 * time.Second
	}
	return s
}

// Params of a Hub. All are optional.
type Params struct {
	Settings Settings
	Journal  Journal          // durability; nil keeps everything in memory only
	Log      Log              // where sessions and retained messages are stored; nil: in memory only
	Objects  Objects          // behind topics below sync/; nil: those are refused
	Now      func() time.Time // for times that are shown; nil is time.Now
	Logger   *slog.Logger     // nil is silent
	// OnCommit, when not nil, is told of each record that was written: how long that took, and for how many packets and
	// other steps it was. It must not wait.
	OnCommit func(took time.Duration, entries int)
}

// Hub holds the sessions of all devices and routes between them.
type Hub struct {
	settings Settings
	journal  Journal
	now      func() time.Time
	log      *slog.Logger
	syncOnly atomic.Bool
	notices  noticeRing
	totals   totals

	mu       sync.Mutex
	sessions map[string]*session // by device SID
	services map[string]*service
	conns    map[*Conn]struct{} // from Open until the end of Run
	closed   bool
	open     sync.WaitGroup
}

// service is what the devices of one Sync service share. Nothing in it refers to another one.
type service struct {
	sid   string
	index index

	retainedMu sync.RWMutex
	retained   retained
}

// Open makes a Hub with the sessions, queued messages and retained messages that Params.Log holds.
func Open(p Params) (*Hub, error) { return New(p), nil }

// New makes a Hub without a log: Params.Log is left aside.
func New(p Params) *Hub {
	h := &Hub{
		settings: p.Settings.withDefaults(), journal: p.Journal, now: p.Now, log: p.Logger,
		sessions: map[string]*session{}, services: map[string]*service{}, conns: map[*Conn]struct{}{},
	}
	if h.journal == nil {
		h.journal = &memory{}
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.syncOnly.Store(p.Settings.SyncTopicsOnly)
	return h
}

// SetSyncTopicsOnly switches Settings.SyncTopicsOnly from now on; subscriptions that are there stay.
func (h *Hub) SetSyncTopicsOnly(on bool) { h.syncOnly.Store(on) }

// DropSession discards a device's session and reports whether there was one. A connection that is still open is ended
// with session_dropped.
func (h *Hub) DropSession(deviceSID string) bool {
	h.mu.Lock()
	s := h.sessions[deviceSID]
	var c *Conn
	if s != nil {
		c = h.end(s)
	}
	h.mu.Unlock()
	if c != nil {
		c.Kill(cause.SessionDropped)
	}
	return s != nil
}

// DropSessionOf discards a device's session if it belongs to this Sync service, and leaves one of another service alone. A
// connection that is still open is ended with service_changed.
func (h *Hub) DropSessionOf(deviceSID, serviceSID string) bool {
	h.mu.Lock()
	s := h.sessions[deviceSID]
	if s == nil || s.service.sid != serviceSID {
		h.mu.Unlock()
		return false
	}
	c := h.end(s)
	h.mu.Unlock()
	if c != nil {
		c.Kill(cause.ServiceChanged)
	}
	return true
}

// DropService discards the sessions and retained messages of a Sync service; open connections are ended with
// service_changed.
func (h *Hub) DropService(serviceSID string) {
	h.mu.Lock()
	var conns []*Conn
	for _, s := range h.sessions {
		if s.service.sid != serviceSID {
			continue
		}
		if c := h.end(s); c != nil {
			conns = append(conns, c)
		}
	}
	delete(h.services, serviceSID)
	h.mu.Unlock()
	for _, c := range conns {
		c.Kill(cause.ServiceChanged)
	}
}

// Close ends every connection with gateway_stopped and waits until each Run has returned. Connections that are opened
// later end at once. Sessions stay where they are.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	conns := make([]*Conn, 0, len(h.conns))
	for c := range h.conns {
		conns = append(conns, c)
	}
	h.mu.Unlock()
	for _, c := range conns {
		c.Kill(cause.GatewayStopped)
	}
	h.open.Wait()
}

// end forgets a session and returns the connection that it had. Called with h.mu held.
func (h *Hub) end(s *session) *Conn {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	filters, c := s.filters, s.conn
	s.ended, s.filters, s.qos0, s.queued, s.inFlight, s.received = true, nil, queue{}, queue{}, nil, nil
	s.wakePublishers()
	s.mu.Unlock()
	for f := range filters {
		s.service.index.unsubscribe(f, s)
	}
	if h.sessions[s.device] == s {
		delete(h.sessions, s.device)
		h.journal.Discard(s.device)
	}
	return c
}

// serviceOf finds or makes a service. Called with h.mu held.
func (h *Hub) serviceOf(sid string) *service {
	v := h.services[sid]
	if v == nil {
		v = &service{sid: sid, retained: retained{maxMessages: h.settings.RetainedMessages, maxBytes: h.settings.RetainedBytes}}
		h.services[sid] = v
	}
	return v
}
