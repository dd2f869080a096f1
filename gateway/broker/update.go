package broker

import (
	"errors"
	"fmt"
	"slices"
)

// snapshotTries bounds how often an object's state is read that changes meanwhile.
const snapshotTries = 1000

var errStrict = errors.New("a refused publish ends the connection")

// Update delivers a change of an object, with RETAIN 0 and at QoS 1 to those who were granted it. It is queued at once, in
// the order of the calls; stored, which may be nil, is told when every session that must not lose it has it on the disk,
// or that the store has failed. It must not wait.
func (h *Hub) Update(u Update, stored func(error)) {
	q := &h.sequencer
	q.mu.Lock()
	q.updates++
	step := &updating{update: u, number: q.updates, stored: stored}
	err := q.put(entry{kind: entryStep, step: step}, len(u.Payload)+messageOverhead, false)
	q.mu.Unlock()
	if err != nil {
		step.fail(err)
	}
}

// updating is an Update on its way through the sequencer.
type updating struct {
	update Update
	number uint64
	stored func(error)
}

func (u *updating) fail(err error) {
	if u.stored != nil {
		u.stored(err)
	}
}

func (u *updating) build(g *group) {
	h := g.hub
	h.mu.Lock()
	v := h.services[u.update.ServiceSID]
	h.mu.Unlock()
	if v != nil {
		for i, r := range u.update.Routes {
			if !slices.ContainsFunc(u.update.Routes[:i], func(x Route) bool { return x.Topic == r.Topic }) {
				u.deliver(g, v, r.Topic)
			}
		}
	}
	if u.stored != nil {
		g.act(act{kind: actDo, rare: rare{do: func() { u.stored(nil) }, undo: func() { u.stored(errStoreOf(h)) }}})
	}
}

// deliver sends the update on one topic.
func (u *updating) deliver(g *group, v *service, topic string) {
	best := map[*session]byte{}
	for _, r := range u.update.Routes {
		if r.Topic != topic {
			continue
		}
		for _, t := range v.index.match(r.Filter) {
			if t.session.updatesAfter(r.Filter) < u.number && (u.update.May == nil || u.update.May(t.session.device)) {
				best[t.session] = max(best[t.session], t.qos)
			}
		}
	}
	if len(best) == 0 {
		return
	}
	m := &Message{Topic: topic, Payload: u.update.Payload, QoS: 1}
	var st *stored
	for s, qos := range best {
		st = g.send(s, m, min(1, qos), false, st)
	}
}

// updatesAfter is the update that the state sent for a subscription held already.
func (s *session) updatesAfter(filter string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.filters[filter].after
}

// snapshot is the state of the object that a filter names. Updates that were handed over before, and are behind in the
// sequencer, are in it: the session does not get them any more, as they are older than the state that it gets now.
func (g *group) snapshot(s *session, filter string) (messages []*Message) {
	h := g.hub
	for try := 0; ; try++ {
		before := h.sequencer.updatesSoFar()
		messages = messages[:0]
		h.objects.Snapshot(s.service.sid, s.device, filter, func(topic string, payload []byte) bool {
			messages = append(messages, &Message{Topic: topic, Payload: payload, QoS: 1})
			return len(messages) <= h.settings.SessionMessages
		})
		if try < snapshotTries && h.sequencer.updatedSince(before, s.service.sid, filter) {
			continue // it may hold one of them and not the other
		}
		if len(messages) > 0 {
			s.mu.Lock()
			if w, there := s.filters[filter]; there {
				w.after = before
				s.filters[filter] = w
			}
			s.mu.Unlock()
		}
		return messages
	}
}

func (q *sequencer) updatesSoFar() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.updates
}

// updatedSince reports whether an update for a filter was handed over after the one with a number.
func (q *sequencer) updatedSince(number uint64, serviceSID, filter string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.updates == number {
		return false
	}
	for i := len(q.waiting) - 1; i >= 0; i-- {
		u, ok := q.waiting[i].step.(*updating)
		if !ok {
			continue
		}
		if u.number <= number {
			return false
		}
		if u.update.ServiceSID == serviceSID && slices.ContainsFunc(u.update.Routes, func(r Route) bool { return r.Filter == filter }) {
			return true
		}
	}
	return false
}

// publishObject hands a publish below sync/ to the objects, and acknowledges it behind the updates that it has caused.
func (c *Conn) publishObject(topic string, payload []byte, qos byte, id uint16) error {
	err := c.hub.objects.Publish(ObjectPublish{
		ServiceSID: c.hello.ServiceSID, DeviceSID: c.hello.DeviceSID, Topic: topic, Payload: payload, AttemptID: c.hello.AttemptID,
	})
	if err != nil {
		if qos == 2 {
			c.session.took(id, false)
		}
		if errors.Is(err, ErrStrict) {
			return errStrict
		}
		return fmt.Errorf("%w: %w", errStore, err)
	}
	if qos == 0 {
		return nil
	}
	return c.submit(entry{kind: entryPublish, answer: publishAnswer(qos), id: id, fresh: qos == 2})
}
