package broker

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"gatehouse/gateway/wire"
)

// Subscription is a filter with the QoS granted to it.
type Subscription struct {
	Filter string
	QoS    byte
}

// Session is a snapshot of one device's session. What belongs to a connection tells of the last one while the device is
// away. Counters count since the session began, MQTT bytes after CONNECT.
type Session struct {
	DeviceSID, ServiceSID, CredentialSID string
	Connected                            bool
	Remote                               string
	Level                                byte // protocol level, 3 or 4
	Clean                                bool
	KeepAlive                            uint16    // seconds; 0: off
	KeepAliveDue                         time.Time // when the connection is cut if nothing comes; zero: never
	TLSVersion, Suite                    string
	ClientID                             string
	AttemptID                            uint64
	Since                                time.Time // connected, or away, since then

	Subscriptions    []Subscription // by filter
	InFlight, Queued int            // QoS 1 and 2: sent and unacknowledged, and waiting
	QueuedBytes      int64          // of both, with what each is counted beside its topic and payload

	In, Out           uint64 // messages
	BytesIn, BytesOut uint64
	Dropped           uint64 // QoS 0 over the bound
}

// Protocol is "MQTT 3.1" or "MQTT 3.1.1".
func (s Session) Protocol() string {
	if s.Level == wire.Level31 {
		return "MQTT 3.1"
	}
	return "MQTT 3.1.1"
}

// Stats are the totals of a Hub since it was made.
type Stats struct {
	Connected, Sessions     int
	MessagesIn, MessagesOut uint64
	BytesIn, BytesOut       uint64
	Dropped                 uint64 // QoS 0 over a session's bound
	SlowedDown              uint64 // publishes that were held back for a device that could not keep up
	Retained                int    // messages
	Queued                  int    // QoS 1 and 2 that wait in all sessions, in flight or not
	QueuedBytes             int64
	Lost                    uint64 // QoS 1 and 2 that went with sessions over their bounds
	Commits                 uint64 // records written
}

type totals struct {
	messagesIn, messagesOut, bytesIn, bytesOut, dropped, slowed, lost, commits atomic.Uint64
}

// count takes note of bytes that came, and of the messages since the last time, so that packets cost no atomics.
func (c *Conn) count(bytes int) {
	if bytes > 0 {
		c.traffic.BytesIn += uint64(bytes)
		c.session.bytesIn.Add(uint64(bytes))
		c.hub.totals.bytesIn.Add(uint64(bytes))
	}
	if c.messagesIn > 0 {
		c.session.messagesIn.Add(c.messagesIn)
		c.hub.totals.messagesIn.Add(c.messagesIn)
		c.messagesIn = 0
	}
}

// Stats returns the totals.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	st := Stats{Sessions: len(h.sessions), Connected: len(h.conns)}
	for _, s := range h.sessions {
		st.Queued += int(s.waiting.Load())
		st.QueuedBytes += s.waitingBytes.Load()
	}
	services := make([]*service, 0, len(h.services))
	for _, v := range h.services {
		services = append(services, v)
	}
	h.mu.Unlock()
	for _, v := range services {
		v.retainedMu.RLock()
		st.Retained += v.retained.messages
		v.retainedMu.RUnlock()
	}
	t := &h.totals
	st.MessagesIn, st.MessagesOut = t.messagesIn.Load(), t.messagesOut.Load()
	st.BytesIn, st.BytesOut = t.bytesIn.Load(), t.bytesOut.Load()
	st.Dropped, st.SlowedDown, st.Lost, st.Commits = t.dropped.Load(), t.slowed.Load(), t.lost.Load(), t.commits.Load()
	return st
}

// Sessions returns a snapshot of every session, by device SID.
func (h *Hub) Sessions() []Session {
	h.mu.Lock()
	sessions := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		sessions = append(sessions, s)
	}
	h.mu.Unlock()
	out := make([]Session, len(sessions))
	for i, s := range sessions {
		out[i] = s.snapshot()
	}
	slices.SortFunc(out, func(a, b Session) int { return cmp.Compare(a.DeviceSID, b.DeviceSID) })
	return out
}

func (s *session) snapshot() Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := Session{
		DeviceSID: s.device, ServiceSID: s.service.sid, CredentialSID: s.hello.CredentialSID,
		Connected: s.conn != nil, Remote: s.hello.Remote, Level: s.hello.Level, Clean: s.clean, KeepAlive: s.hello.KeepAlive,
		TLSVersion: s.hello.TLSVersion, Suite: s.hello.Suite, ClientID: s.hello.ClientID, AttemptID: s.hello.AttemptID,
		Since: s.since, InFlight: len(s.inFlight),
		Queued: max(0, int(s.waiting.Load())-len(s.inFlight)), QueuedBytes: s.waitingBytes.Load(),
		In: s.messagesIn.Load(), Out: s.messagesOut, BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load(), Dropped: s.dropped,
	}
	if s.conn != nil {
		if due := s.conn.due.Load(); due != 0 {
			o.KeepAliveDue = s.hub.now().Add(time.Until(time.Unix(0, due)))
		}
	}
	o.Subscriptions = make([]Subscription, 0, len(s.filters))
	for f, w := range s.filters {
		o.Subscriptions = append(o.Subscriptions, Subscription{Filter: f, QoS: w.qos})
	}
	slices.SortFunc(o.Subscriptions, func(a, b Subscription) int { return cmp.Compare(a.Filter, b.Filter) })
	return o
}
