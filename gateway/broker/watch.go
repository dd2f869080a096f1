package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/wire"
)

// Bounds of a Watch.
const (
	watchMessages = 1000
	watchBytes    = 4 << 20
)

// Seen is a message that was published, or is retained.
type Seen struct {
	Seq     uint64 // rises by one for each; 0: retained
	At      time.Time
	Topic   string
	Payload []byte // must not be changed
	QoS     byte
	Retain  bool   // the publisher asked for it, or it is retained
	From    string // device SID of the publisher
}

func seenOf(m *Message) Seen {
	return Seen{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain, From: m.From}
}

// Retained returns what a service retains under a filter, in no order and at most limit.
func (h *Hub) Retained(serviceSID, filter string, limit int) (found []Seen) {
	h.mu.Lock()
	v := h.services[serviceSID]
	h.mu.Unlock()
	if v == nil || wire.CheckFilter(filter) != nil {
		return nil
	}
	v.retainedMu.RLock()
	defer v.retainedMu.RUnlock()
	v.retained.match(filter, func(m *Message) {
		if len(found) < limit {
			found = append(found, seenOf(m))
		}
	})
	return found
}

// watched is who follows the messages of a service.
type watched struct {
	any     atomic.Bool
	mu      sync.Mutex
	watches map[*Watch]struct{}
}

// Watch keeps the last messages that were published under a filter: at most 1 000, and 4 MiB.
type Watch struct {
	service *service
	filter  string
	now     func() time.Time

	mu    sync.Mutex
	ring  queue[Seen]
	bytes int
	seq   uint64
}

// Watch follows the messages of a service until Close. Sync topics are not among them. An invalid filter matches nothing.
func (h *Hub) Watch(serviceSID, filter string) *Watch {
	h.mu.Lock()
	v := h.serviceOf(serviceSID)
	h.mu.Unlock()
	w := &Watch{service: v, filter: filter, now: h.now}
	v.watched.mu.Lock()
	defer v.watched.mu.Unlock()
	if v.watched.watches == nil {
		v.watched.watches = map[*Watch]struct{}{}
	}
	v.watched.watches[w] = struct{}{}
	v.watched.any.Store(true)
	return w
}

// Close ends the watch; what it has stays.
func (w *Watch) Close() {
	x := &w.service.watched
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.watches, w)
	x.any.Store(len(x.watches) > 0)
}

// Since returns the messages that are kept with a Seq above after, oldest first.
func (w *Watch) Since(after uint64) []Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.ring.len()
	for i > 0 && w.ring.at(i-1).Seq > after {
		i--
	}
	return append([]Seen(nil), w.ring.items[w.ring.head+i:]...)
}

// seen shows a message to those who watch.
func (v *service) seen(m *Message) {
	if !v.watched.any.Load() {
		return
	}
	v.watched.mu.Lock()
	defer v.watched.mu.Unlock()
	for w := range v.watched.watches {
		if wire.CheckFilter(w.filter) == nil && wire.Matches(w.filter, m.Topic) {
			w.add(m)
		}
	}
}

func (w *Watch) add(m *Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	s := seenOf(m)
	s.Seq, s.At = w.seq, w.now()
	w.ring.push(s)
	w.bytes += m.size()
	for w.ring.len() > watchMessages || w.bytes > watchBytes && w.ring.len() > 1 {
		old := w.ring.pop()
		w.bytes -= len(old.Topic) + len(old.Payload) + messageOverhead
	}
}
