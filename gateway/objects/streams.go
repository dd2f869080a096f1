package objects

import (
	"context"
	"time"

	"gatehouse/gateway/store"
)

// Send sends a message on a stream that exists; nothing of it is kept. Kinds of errors: NoService, NotFound, RateLimited,
// InvalidJSON, TooLarge.
func (o *Objects) Send(ctx context.Context, w Writer, service, id string, data []byte) (Message, error) {
	return o.send(ctx, request{writer: w, service: service, kind: Stream, id: id}, data)
}

func (o *Objects) send(ctx context.Context, r request, data []byte) (Message, error) {
	data, err := r.data(data, MaxMessage)
	if err != nil {
		return Message{}, err
	}
	m := Message{SID: o.params.NewSID(PrefixMessage), Data: data}
	err = o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		if !obj.meter.allow(at) {
			return step{}, r.fail(RateLimited, "more than %d messages in a second", MessagesPerSecond)
		}
		s := step{next: before}
		if before == nil {
			s = obj.first(r.writer, at, nil)
			s.ops = []store.Op{obj.put(s.next)}
		}
		sent := obj.changed(Sent, r.writer, at, s.next, data)
		sent.Revision = ""
		s.changes = append(s.changes, sent)
		s.updates = []Update{obj.ownUpdate(o, data)}
		return s, nil
	})
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

// meter limits the messages on a stream: [MessagesPerSecond] of them at once, and as many in each second on average.
type meter struct {
	room float64 // messages; as of at
	at   time.Time
}

func (m *meter) allow(now time.Time) bool {
	if m.at.IsZero() {
		m.room = MessagesPerSecond
	} else if passed := now.Sub(m.at); passed > 0 {
		m.room = min(MessagesPerSecond, m.room+passed.Seconds()*MessagesPerSecond)
	}
	m.at = now
	if m.room < 1 {
		return false
	}
	m.room--
	return true
}
