package webhook

import (
	"container/list"
	"time"
)

// service is the queue of one Sync service, guarded by Webhooks.mu.
type service struct {
	sid  string
	url  string // as last seen
	turn *list.Element

	events list.List        // of *record, oldest first
	lanes  map[string]*lane // by the SID of the object; only those that hold something
	ready  list.List        // of *lane: those whose first event may be sent now
	count  int              // events that are queued or being stored
	bytes  int64            // of them in the store
	flying int

	// After a receiver was not reachable one request at a time finds out whether it is again.
	failures int // in a row; 0: it is reachable
	paused   bool
	resume   *time.Timer // ends the pause
	until    time.Time   // when

	tally tally
}

// lane holds the events of one object, which are sent in order.
type lane struct {
	key    string
	events []*record
	ready  *list.Element
	wait   *time.Timer // set while its first event waits for a retry
}

func newService(sid string) *service { return &service{sid: sid, lanes: map[string]*lane{}} }

// reserve counts an event that is about to be stored.
func (s *service) reserve(e *record) {
	s.count++
	s.bytes += int64(e.size)
}

func (s *service) unreserve(e *record) {
	s.count--
	s.bytes -= int64(e.size)
}

// add queues an event that is stored.
func (s *service) add(e *record) {
	l := s.lanes[e.ObjectSID]
	if l == nil {
		l = &lane{key: e.ObjectSID}
		s.lanes[e.ObjectSID] = l
	}
	e.lane = l
	e.element = s.events.PushBack(e)
	l.events = append(l.events, e)
	s.makeReady(l)
}

// makeReady queues a lane if its first event can be sent now.
func (s *service) makeReady(l *lane) {
	if l.ready == nil && l.wait == nil && len(l.events) > 0 && !l.events[0].flying {
		l.ready = s.ready.PushBack(l)
	}
}

// take is the next event to send, which counts as flying from now on; nil when there is none that may be sent now.
func (s *service) take(most int) *record {
	front := s.ready.Front()
	if front == nil || s.paused || s.flying >= most || s.failures > 0 && s.flying > 0 {
		return nil
	}
	l := s.ready.Remove(front).(*lane)
	l.ready = nil
	e := l.events[0]
	e.flying = true
	s.flying++
	return e
}

// land ends what take began; remove or makeReady follows.
func (s *service) land(e *record) {
	e.flying = false
	s.flying--
}

// remove takes an event out of its queue.
func (s *service) remove(e *record) {
	s.unreserve(e)
	s.events.Remove(e.element)
	e.element = nil
	l := e.lane
	first := l.events[0] == e
	for i := range l.events {
		if l.events[i] == e {
			copy(l.events[i:], l.events[i+1:])
			l.events[len(l.events)-1] = nil
			l.events = l.events[:len(l.events)-1]
			break
		}
	}
	if first && l.wait != nil { // what the lane waited for is gone
		l.wait.Stop()
		l.wait = nil
	}
	if len(l.events) > 0 {
		s.makeReady(l)
		return
	}
	if l.ready != nil {
		s.ready.Remove(l.ready)
		l.ready = nil
	}
	if s.lanes[l.key] == l {
		delete(s.lanes, l.key)
	}
}

// oldest is the oldest event that is not being sent, nil when there is none.
func (s *service) oldest() *record {
	for element := s.events.Front(); element != nil; element = element.Next() {
		if e := element.Value.(*record); !e.flying {
			return e
		}
	}
	return nil
}

func (s *service) stopTimers() {
	if s.resume != nil {
		s.resume.Stop()
	}
	for _, l := range s.lanes {
		if l.wait != nil {
			l.wait.Stop()
		}
	}
}

// hurry forgets all pauses: the receiver is another one now.
func (s *service) hurry() {
	s.stopTimers()
	s.failures, s.paused, s.resume, s.until = 0, false, nil, time.Time{}
	for _, l := range s.lanes {
		l.wait = nil
		s.makeReady(l)
	}
}
