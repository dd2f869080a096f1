package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/wire"
)

// session is a device's state (MQTT 3.1.1, 4.1). It outlives connections unless it is clean.
//
// Towards the device: queued (QoS 1 and 2, never dropped) and qos0 (dropped oldest first) feed at most Window messages
// in flight, which are kept in the order in which they were first sent.
type session struct {
	hub     *Hub
	device  string // SID
	service *service
	clean   bool

	bytesIn, bytesOut, messagesIn atomic.Uint64

	turn sync.Mutex // subscriptions change one after the other, in the index as in filters; taken before mu

	mu    sync.Mutex
	room  sync.Cond // control bytes were taken for writing, or the connection ended
	conn  *Conn     // nil while the device is away
	hello Hello     // of the connection, or of the last one
	since time.Time // of the last change between connected and away
	ended bool

	filters   map[string]byte // subscriptions with the QoS granted
	qos0      queue
	qos0Bytes int
	queued    queue
	inFlight  []item
	resend    int // inFlight[resend:] must be sent again before anything new
	lastID    uint16
	order     uint64
	eased     chan struct{} // publishers wait for its close while too much is queued
	received  map[uint16]struct{}

	messagesOut, dropped uint64
}

// push queues a message and wakes the writer. It reports whether publishers should slow down.
func (s *session) push(m *Message, qos byte, retain bool) (crowded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || qos == 0 && s.conn == nil {
		return false
	}
	s.order++
	it := item{message: m, order: s.order, qos: qos, retain: retain}
	if qos > 0 {
		s.queued.push(it)
	} else {
		s.qos0.push(it)
		s.qos0Bytes += m.size()
		for s.qos0Bytes > s.hub.settings.QoS0Bytes && s.qos0.len() > 1 {
			s.qos0Bytes -= s.qos0.pop().message.size()
			s.dropped++
			s.hub.totals.dropped.Add(1)
		}
	}
	if s.conn != nil {
		s.conn.kick()
	}
	return s.crowded()
}

// crowded tells that publishers should slow down; a device that is away slows nobody. Called with mu held.
func (s *session) crowded() bool {
	return s.conn != nil && s.queued.len() > s.hub.settings.SoftQueue
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

// fill appends what may be sent now until b has limit bytes, and returns how many messages that was. Called with mu
// held.
func (s *session) fill(b []byte, limit int) (filled []byte, messages int) {
	for len(b) < limit {
		it, again, due := s.next()
		if !due {
			break
		}
		if it.released { // [MQTT-4.4.0-1]
			b = wire.AppendPubrelAgain(b, it.id, s.hello.Level)
			continue
		}
		// DUP only on what may have been sent before. [MQTT-3.3.1-1]
		b = wire.AppendPublish(b, wire.Message{
			Topic: it.message.Topic, Payload: it.message.Payload, QoS: it.qos, ID: it.id, Retain: it.retain, Dup: again,
		})
		messages++
	}
	return b, messages
}

// next takes what is to be sent next, if anything may: first what an earlier connection left unacknowledged, in its
// order and with its identifiers [MQTT-4.4.0-1] [MQTT-4.6.0-1], then what was routed first.
func (s *session) next() (it item, again, due bool) {
	if s.resend < len(s.inFlight) {
		s.resend++
		return s.inFlight[s.resend-1], true, true
	}
	guaranteed := s.queued.len() > 0 && len(s.inFlight) < s.hub.settings.Window
	fleeting := s.qos0.len() > 0
	switch {
	case guaranteed && (!fleeting || s.queued.front().order < s.qos0.front().order):
		it = s.queued.pop()
		if s.eased != nil && !s.crowded() {
			s.wakePublishers()
		}
		it.id = s.nextID()
		s.inFlight = append(s.inFlight, it)
		s.resend = len(s.inFlight)
	case fleeting:
		it = s.qos0.pop()
		s.qos0Bytes -= it.message.size()
	default:
		return item{}, false, false
	}
	return it, false, true
}

// find is the place of an identifier in flight, or -1.
func (s *session) find(id uint16) int {
	for i := range s.inFlight {
		if s.inFlight[i].id == id {
			return i
		}
	}
	return -1
}

// nextID is an identifier that is not in flight [MQTT-2.3.1-2].
func (s *session) nextID() uint16 {
	for {
		if s.lastID++; s.lastID != 0 && s.find(s.lastID) < 0 {
			return s.lastID
		}
	}
}

// acknowledged handles PUBACK, PUBREC and PUBCOMP from the device. One that fits nothing in flight is ignored.
func (s *session) acknowledged(c *Conn, packetType byte, id uint16) {
	if packetType == wire.PUBREC {
		if position, stored := s.release(c, id); stored {
			s.hub.journal.Release(s.device, position)
		}
		c.acknowledge(wire.PUBREL, id) // [MQTT-4.3.3-1]
		return
	}
	if position, stored := s.done(c, packetType, id); stored {
		s.hub.journal.Done(s.device, position)
	}
}

// release handles a PUBREC; a PUBREL is owed even for an identifier that is not known.
func (s *session) release(c *Conn, id uint16) (position uint64, stored bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return 0, false
	}
	if i := s.find(id); i >= 0 && s.inFlight[i].qos == 2 && !s.inFlight[i].released {
		s.inFlight[i].released = true
		position = s.inFlight[i].message.Position
	}
	return position, position > 0 && !s.clean
}

// done takes a message out of flight.
func (s *session) done(c *Conn, packetType byte, id uint16) (position uint64, stored bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(id)
	if s.conn != c || i < 0 {
		return 0, false
	}
	it := s.inFlight[i]
	if (packetType == wire.PUBACK) != (it.qos == 1) || packetType == wire.PUBCOMP && !it.released {
		return 0, false
	}
	copy(s.inFlight[i:], s.inFlight[i+1:])
	s.inFlight[len(s.inFlight)-1] = item{}
	s.inFlight = s.inFlight[:len(s.inFlight)-1]
	if i < s.resend {
		s.resend--
	}
	if len(s.inFlight) == 0 && cap(s.inFlight) > 8 && s.queued.len() == 0 {
		s.inFlight = nil
	}
	if s.queued.len() > 0 {
		c.kick()
	}
	return it.message.Position, it.message.Position > 0 && !s.clean
}

// fresh reports whether a QoS 2 message with this identifier is to be routed (MQTT 3.1.1, 4.3.3, method A).
func (s *session) fresh(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, again := s.received[id]
	return !again
}

// remember says that a QoS 2 message with this identifier has been routed.
func (s *session) remember(id uint16) {
	s.mu.Lock()
	ended := s.ended
	if s.received == nil && !ended {
		s.received = map[uint16]struct{}{}
	}
	if !ended {
		s.received[id] = struct{}{}
	}
	s.mu.Unlock()
	if !s.clean && !ended {
		s.hub.journal.Received(s.device, id)
	}
}

// forget says that the device has released the identifier.
func (s *session) forget(id uint16) {
	s.mu.Lock()
	_, known := s.received[id]
	delete(s.received, id)
	if len(s.received) == 0 {
		s.received = nil
	}
	s.mu.Unlock()
	if known && !s.clean {
		s.hub.journal.Forgotten(s.device, id)
	}
}
