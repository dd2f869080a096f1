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
// What must be in order and survive a crash goes through one sequencer, which stores it in groups in Params.Log: QoS 1 and 2
// for sessions that outlive their connection, their subscriptions, beginnings and ends, identifiers of QoS 2, everything
// retained, and updates of Sync objects. Everything else goes from the publisher's reader straight into outboxes. An outbox
// holds small references to stored messages; payloads are in memory only within a bound, and are read back otherwise.
//
// Locks, in the order in which they may be taken: Hub.mu, service.retainedMu or session.turn, then session.mu or index.mu;
// sequencer.mu, watched.mu with Watch.mu, and shelf.mu are taken last. None is held during I/O or while calling out, and the
// sequencer's goroutine holds none from one step to the next.
package broker

import (
	"fmt"
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
	// MaxPacket is the largest remaining length taken from a device, in bytes; default 256 KiB, at most 1 MiB.
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

// largestPacket is what fits into a record of the log beside a group that is nearly full.
const largestPacket = 1 << 20

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
	s.Window = min(s.Window, identifiers)
	s.MaxPacket = min(s.MaxPacket, largestPacket)
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
	objects  Objects
	now      func() time.Time
	log      *slog.Logger
	syncOnly atomic.Bool
	notices  noticeRing
	totals   totals
	onCommit func(time.Duration, int)

	sequencer  sequencer
	shelf      shelf
	group      group      // the sequencer's
	compaction compaction // the sequencer's
	numbers    uint64     // of sessions; the sequencer's

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

	dropped bool    // the sequencer's: it is no more
	watched watched // by the window
}

// Open makes a Hub with the sessions, queued messages and retained messages that Params.Log holds.
func Open(p Params) (*Hub, error) {
	h := newHub(p)
	if h.shelf.log = p.Log; p.Log == nil {
		return h, nil
	}
	if err := h.replay(); err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	return h, nil
}

// New makes a Hub that keeps everything in memory; Params.Log is left aside.
func New(p Params) *Hub { return newHub(p) }

func newHub(p Params) *Hub {
	h := &Hub{
		settings: p.Settings.withDefaults(), objects: p.Objects, now: p.Now, log: p.Logger, onCommit: p.OnCommit,
		sessions: map[string]*session{}, services: map[string]*service{}, conns: map[*Conn]struct{}{},
	}
	h.sequencer.hub, h.group.hub, h.compaction.hub = h, h, h
	h.sequencer.room.L = &h.sequencer.mu
	h.shelf.budget, h.compaction.small = residentBytes, smallLog
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
	h.sequencer.close()
}

// committed takes note of a record that was stored.
func (h *Hub) committed(took time.Duration, bytes, entries int) {
	h.totals.commits.Add(1)
	h.compaction.written(bytes)
	if h.onCommit != nil {
		h.onCommit(took, entries)
	}
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
