package broker

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"gatehouse/gateway/broker/record"
)

// replay makes the hub's state from its log.
type replay struct {
	hub      *Hub
	from     uint64 // where reading began
	since    uint64 // of a checkpoint that makes it unnecessary to read from there
	record   uint64 // being read
	sessions map[uint64]*past
	messages map[record.Place]*stored
	last     *stored // the last message in this record
	lastStep record.Step
}

// past is a session as far as it is known. One that was there before the checkpoint began is named by it only later.
type past struct {
	session *session
	named   bool
	online  bool
	items   map[uint64]item
}

var errAgain = errors.New("a later checkpoint holds everything")

func (h *Hub) replay() error {
	first, last, bytes := h.shelf.log.Bounds()
	for from := first; from <= last; {
		r := &replay{hub: h, from: from, sessions: map[uint64]*past{}, messages: map[record.Place]*stored{}}
		h.services = map[string]*service{}
		err := h.shelf.log.Read(from, func(seq uint64, b []byte) error {
			r.record, r.last = seq, nil
			if err := record.Walk(b, r.step); err != nil {
				return fmt.Errorf("record %d: %w", seq, err)
			}
			return nil
		})
		if errors.Is(err, errAgain) {
			from = r.since
			continue
		}
		if err != nil {
			return err
		}
		r.finish()
		break
	}
	h.compaction.logBytes = bytes
	return nil
}

func (r *replay) past(number uint64) *past {
	p := r.sessions[number]
	if p == nil {
		s := r.hub.newSession(Hello{}, nil)
		s.number = number
		p = &past{session: s, items: map[uint64]item{}}
		r.sessions[number] = p
		r.hub.numbers = max(r.hub.numbers, number)
	}
	return p
}

func (p *past) name(h *Hub, x *record.Step) {
	p.named = true
	p.session.device, p.session.service = string(x.Device), h.serviceOf(string(x.Service))
	p.session.hello = Hello{DeviceSID: p.session.device, ServiceSID: p.session.service.sid}
}

func (r *replay) step(x *record.Step) error {
	switch x.Op {
	case record.OpMessage:
		r.lastStep = *x
		size := len(x.Topic) + len(x.Payload) + messageOverhead
		r.last = &stored{size: int32(size)}
		at := record.At(r.record, x.Offset)
		r.last.place.Store(uint64(at))
		r.messages[at] = r.last
	case record.OpDeliver:
		return r.deliver(x)
	case record.OpRetain:
		return r.retain(string(x.Service))
	case record.OpUnretain:
		r.setRetained(string(x.Service), &Message{Topic: string(x.Topic)})
	case record.OpDropRetained:
		if v := r.hub.services[string(x.Service)]; v != nil {
			v.retained.root.all(false, func(m *Message) { m.stored.refs.Add(-1) })
			v.retained = retained{maxMessages: v.retained.maxMessages, maxBytes: v.retained.maxBytes}
		}
	case record.OpBegin:
	case record.OpComplete:
		r.hub.numbers = max(r.hub.numbers, x.N-1)
		if x.Seq > r.from {
			r.since = x.Seq
			return errAgain
		}
	default:
		r.ofSession(x, r.past(x.Session))
	}
	return nil
}

func (r *replay) ofSession(x *record.Step, p *past) {
	s := p.session
	switch x.Op {
	case record.OpBorn:
		p.name(r.hub, x)
	case record.OpState:
		p.name(r.hub, x)
		s.last, s.sent, p.online = max(s.last, x.Seq), x.N, x.Online
	case record.OpEnded:
		for _, it := range p.items {
			it.stored.refs.Add(-1)
		}
		delete(r.sessions, x.Session)
	case record.OpOnline:
		p.online = true
	case record.OpOffline:
		p.online, s.sent = false, x.Seq
	case record.OpSubscribed:
		if s.filters == nil {
			s.filters = map[string]granted{}
		}
		s.filters[string(x.Topic)] = granted{qos: x.QoS}
	case record.OpUnsubscribed:
		delete(s.filters, string(x.Topic))
	case record.OpReceived:
		if s.received == nil {
			s.received = map[uint16]bool{}
		}
		s.received[x.ID] = true
	case record.OpForgotten:
		s.unmark(x.ID)
	case record.OpReleased:
		if it, there := p.items[x.Seq]; there {
			it.mark |= markReleased
			p.items[x.Seq] = it
		}
	case record.OpDone:
		for seq := x.Seq; seq < x.Seq+x.N; seq++ {
			p.remove(seq)
		}
	}
}

func (p *past) remove(seq uint64) {
	if it, there := p.items[seq]; there {
		it.stored.refs.Add(-1)
		delete(p.items, seq)
	}
}

func (r *replay) deliver(x *record.Step) error {
	st := r.last
	if x.Place != 0 {
		st = r.messages[x.Place]
	}
	if st == nil {
		return fmt.Errorf("%w: a message that is not there, at byte %d", record.ErrCorrupt, x.Offset)
	}
	p := r.past(x.Session)
	p.remove(x.Seq) // a checkpoint says it again
	it := newItem(nil, st, x.Seq, x.QoS, x.Retain)
	if x.Released {
		it.mark |= markReleased
	}
	st.refs.Add(1)
	p.items[x.Seq] = it
	p.session.last = max(p.session.last, x.Seq)
	return nil
}

func (r *replay) retain(service string) error {
	if r.last == nil {
		return fmt.Errorf("%w: no message to retain", record.ErrCorrupt)
	}
	x := &r.lastStep
	m := newMessage(x.Payload)
	m.Topic, m.From, m.QoS, m.Retain, m.stored = string(x.Topic), string(x.From), x.QoS, true, r.last
	r.last.refs.Add(1)
	r.setRetained(service, m)
	return nil
}

// setRetained puts a message in the place of its topic's retained one; an empty one removes it.
func (r *replay) setRetained(service string, m *Message) {
	v := r.hub.serviceOf(service)
	if old := v.retained.get(m.Topic); old != nil {
		old.stored.refs.Add(-1)
	}
	if !v.retained.set(m) {
		m.stored.refs.Add(-1)
	}
}

// finish gives the hub its sessions.
func (r *replay) finish() {
	h := r.hub
	for _, st := range r.messages {
		if st.refs.Load() > 0 {
			h.shelf.live.Add(int64(st.size))
		}
	}
	for _, p := range r.sessions {
		if !p.named { // it ended before the checkpoint came to it
			continue
		}
		s := p.session
		for _, seq := range slices.Sorted(maps.Keys(p.items)) {
			it := p.items[seq]
			s.queued.push(it)
			s.await(1, it.size())
		}
		s.pushed, s.since = s.last, h.now()
		for f, w := range s.filters {
			s.service.index.subscribe(f, s, w.qos)
		}
		h.sessions[s.device] = s
		if p.online { // what was sent is not known then: all of it may have been
			s.sent, s.online = s.last, true
			_ = h.sequencer.add(entry{kind: entryStep, step: leaving{s}}, 0, true) // nothing can have failed yet
		}
		s.reconnect()
	}
}
