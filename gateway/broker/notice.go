package broker

import (
	"sync"
	"time"
)

// NoticeKind says what a device did that MQTT cannot refuse, or cannot refuse with a reason.
type NoticeKind string

// The names are stable.
const (
	SystemTopic  NoticeKind = "system_topic"   // a topic or filter that begins with $
	NotSyncTopic NoticeKind = "not_sync_topic" // "Sync topics only" is on
	SyncWildcard NoticeKind = "sync_wildcard"  // a wildcard under sync/
	NotRetained  NoticeKind = "not_retained"   // delivered, but what the service may retain is used up

	InvalidFilter   NoticeKind = "invalid_filter"         // a filter whose wildcards are misplaced
	TooManyFilters  NoticeKind = "too_many_subscriptions" // the session has as many as it may
	SessionOverflow NoticeKind = "session_overflow"       // too much waited: the session was discarded; see Lost
	NoObjects       NoticeKind = "no_objects"             // a topic below sync/, where nothing serves it
)

// Notice is a report on something that a device did without effect.
type Notice struct {
	Seq       uint64 // rises by one for each notice
	At        time.Time
	Kind      NoticeKind
	DeviceSID string
	AttemptID uint64
	Topic     string // topic or filter
	Times     int    // how often in a row
	Lost      int    // session_overflow: messages that waited
}

// noticesKept bounds the ring.
const noticesKept = 1000

type noticeRing struct {
	mu   sync.Mutex
	ring []Notice
	seq  uint64
}

func (c *Conn) notice(kind NoticeKind, topic string) {
	c.hub.notices.add(Notice{At: c.hub.now(), Kind: kind, DeviceSID: c.hello.DeviceSID, AttemptID: c.hello.AttemptID, Topic: topic, Times: 1})
}

// add keeps a notice; the same one again only counts, so that a device which repeats itself hides no other.
func (r *noticeRing) add(n Notice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	n.Seq = r.seq
	if len(r.ring) > 0 {
		last := &r.ring[len(r.ring)-1]
		if last.Kind == n.Kind && last.DeviceSID == n.DeviceSID && last.Topic == n.Topic && last.AttemptID == n.AttemptID {
			n.Times += last.Times
			*last = n
			return
		}
	}
	if len(r.ring) == noticesKept {
		copy(r.ring, r.ring[1:])
		r.ring = r.ring[:noticesKept-1]
	}
	r.ring = append(r.ring, n)
}

// Notices returns the notices with a Seq above after, oldest first; of those, at most the last 1 000 are there.
func (h *Hub) Notices(after uint64) []Notice {
	r := &h.notices
	r.mu.Lock()
	defer r.mu.Unlock()
	i := len(r.ring)
	for i > 0 && r.ring[i-1].Seq > after {
		i--
	}
	return append([]Notice(nil), r.ring[i:]...)
}
