package broker

import (
	"sync"
	"sync/atomic"
	"time"
)

// session is a device's state (MQTT 3.1.1, 4.1). It outlives connections unless it is clean; then it is stored, and what
// is to last changes in the sequencer only.
type session struct {
	hub     *Hub
	device  string // SID
	service *service
	clean   bool
	number  uint64 // in the log; 0: clean

	bytesIn, bytesOut, messagesIn atomic.Uint64
	here                          atomic.Bool  // a connection is there
	waiting, waitingBytes         atomic.Int64 // QoS 1 and 2, in flight or not, from when they are routed

	// Only the sequencer uses these.
	last   uint64 // sequence number of the last message, when the session is stored
	ending bool   // its end is being stored
	online bool   // what the log says

	turn sync.Mutex // subscriptions change one after the other, in the index as in filters; taken before mu

	mu     sync.Mutex
	room   sync.Cond // control bytes were taken for writing, something was stored, or the connection ended
	conn   *Conn     // nil while the device is away
	hello  Hello     // of the connection, or of the last one
	since  time.Time // of the last change between connected and away
	ended  bool
	kicked bool // the group that takes effect will wake the writer

	filters  map[string]granted
	received map[uint16]bool // QoS 2 from the device: whether it is stored

	outbox
	eased chan struct{} // publishers wait for its close while too much is queued

	messagesOut, dropped uint64
}

// granted is a subscription: the QoS, and from which update of objects on it gets them.
type granted struct {
	qos   byte
	after uint64
}

// push queues a message and wakes the writer. It reports whether publishers should slow down, and whether the session
// has more than it may.
func (s *session) push(m *Message, qos byte, retain bool) (crowded, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	over = s.put(m, qos, retain)
	if s.conn != nil {
		s.conn.kick()
	}
	return s.crowded(), over
}

// put queues a message of a clean session, or a QoS 0 message of any. Called with mu held.
func (s *session) put(m *Message, qos byte, retain bool) (over bool) {
	if s.ended || qos == 0 && s.conn == nil {
		return false
	}
	if qos == 0 {
		if dropped := s.putFleeting(m, retain, s.hub.settings.QoS0Bytes, s.hub.settings.RetainedBytes); dropped > 0 {
			s.dropped += dropped
			s.hub.totals.dropped.Add(dropped)
		}
		return false
	}
	s.pushed++
	s.queued.push(newItem(m, nil, s.pushed, qos, retain))
	return s.await(1, m.size())
}

// await counts messages that wait from now on, or no more, and reports whether there are more than there may be.
func (s *session) await(messages, bytes int) (over bool) {
	n, b := s.waiting.Add(int64(messages)), s.waitingBytes.Add(int64(bytes))
	return n > int64(s.hub.settings.SessionMessages) || b > s.hub.settings.SessionBytes
}

// crowded tells that publishers should slow down: only for a clean session, as the others go on to the disk. Called with
// mu held.
func (s *session) crowded() bool {
	return s.clean && s.conn != nil && s.queued.len() > s.hub.settings.SoftQueue
}

// uncrowded returns nil when nobody need wait, else a channel that is closed when the queue is short again or the
// connection has ended.
func (s *session) uncrowded() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.crowded() {
		return nil
	}
	if s.eased == nil {
		s.eased = make(chan struct{})
	}
	return s.eased
}

// wakePublishers lets those go on who wait for the queue. Called with mu held.
func (s *session) wakePublishers() {
	if s.eased != nil {
		close(s.eased)
		s.eased = nil
	}
}

// take marks the identifier of a QoS 2 message from the device, and reports whether the message is new (MQTT 3.1.1,
// 4.3.3, method A). The mark holds from now on, but is stored together with the message.
func (s *session) take(id uint16) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.received[id]; again || s.ended {
		return !again
	}
	if s.received == nil {
		s.received = map[uint16]bool{}
	}
	s.received[id] = false
	return true
}

// took says that a marked identifier is stored, or that it is not and the message must be taken when it is sent again.
func (s *session) took(id uint16, isStored bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, marked := s.received[id]; !marked {
		return
	}
	if isStored {
		s.received[id] = true
	} else {
		s.unmark(id)
	}
}

// forget releases an identifier and reports whether it was there.
func (s *session) forget(id uint16) (known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known = s.received[id]
	s.unmark(id)
	return known
}

func (s *session) unmark(id uint16) {
	delete(s.received, id)
	if len(s.received) == 0 {
		s.received = nil
	}
}
