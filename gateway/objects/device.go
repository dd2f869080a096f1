package objects

import (
	"context"
	"errors"
)

// Publish is a device's publish on a topic below sync/ (contract, section 6). It returns when the change is stored, and its
// updates were handed to Deliver. A refused publish changes nothing and is reported to Refusals and in the object's
// history; the error is nil then, or [ErrStrict] when the strict switch is on. Any other error means that the outcome is unknown,
// so that the publish must not be acknowledged: the store is down. The payload is not kept.
func (o *Objects) Publish(service, device, topic string, payload []byte, attempt uint64) error {
	w := o.writer(device, attempt)
	err := o.publish(context.Background(), w, service, topic, payload)
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	o.refuse(w, service, topic, false, refused)
	if o.settings.Load().Strict {
		return ErrStrict
	}
	return nil
}

func (o *Objects) publish(ctx context.Context, w Writer, service, topic string, payload []byte) error {
	a, reason := parse(topic)
	r := request{writer: w, service: service, kind: a.kind, id: a.id, make: true}
	var err error
	switch {
	case reason != "":
		return r.fail(BadTopic, "%s", reason)
	case a.kind == Document:
		err = o.setDocument(ctx, w, service, a.id, payload)
	case a.kind == List && !a.hasItem:
		_, err = o.add(ctx, r, NewItem{Data: payload}, false)
	case a.kind == List:
		_, err = o.UpdateItem(ctx, w, service, List, a.id, a.item, ItemChange{Data: orEmpty(payload)})
	case a.kind == Map && !a.hasItem:
		return r.fail(BadTopic, "a map is published to by item, on %s%s/{key}", root(Map), a.id)
	case a.kind == Map:
		_, err = o.add(ctx, r, NewItem{Key: a.item, Data: payload}, true)
	default:
		_, err = o.send(ctx, r, payload)
	}
	return err
}

// orEmpty is not nil: nil would mean that the data stays.
func orEmpty(payload []byte) []byte {
	if payload == nil {
		return []byte{}
	}
	return payload
}

// refuse reports what was refused.
func (o *Objects) refuse(w Writer, service, topic string, subscribe bool, e *Error) {
	r := Refusal{
		At: o.now(), ServiceSID: service, DeviceSID: w.DeviceSID, AttemptID: w.AttemptID, Topic: topic, Subscribe: subscribe,
		Kind: e.Kind, Reason: e.Reason,
	}
	if a, wrong := parse(topic); wrong == "" {
		if obj := o.space(service).find(a.kind, a.id); obj != nil {
			r.ObjectSID = obj.sid
		}
	}
	r = o.feed.refuse(r)
	if r.ObjectSID != "" && !subscribe {
		o.history.refuse(r, w)
	}
	if o.params.Refused != nil {
		o.params.Refused(r)
	}
}

// MaySubscribe reports whether a device may subscribe to a topic below sync/: there is such an object in its service, and it may
// read it. An item need not exist yet. What is refused is reported. It never waits.
func (o *Objects) MaySubscribe(service, device, topic string) bool {
	_, err := o.subscribable(service, device, topic)
	if err != nil {
		o.refuse(o.writer(device, 0), service, topic, true, err)
	}
	return err == nil
}

func (o *Objects) subscribable(service, device, topic string) (address, *Error) {
	a, reason := parse(topic)
	r := request{service: service, kind: a.kind, id: a.id}
	if reason != "" {
		return a, r.fail(BadTopic, "%s", reason)
	}
	_, _, err := o.look(service, a.kind, a.id)
	var missing *Error
	if errors.As(err, &missing) {
		return a, missing
	}
	if !o.mayRead(service, a.kind, a.id, device) {
		return a, r.fail(Forbidden, "%s has no permission to read", o.writer(device, 0).Name())
	}
	return a, nil
}

// Snapshot yields the current state of what a topic below sync/ names, until yield says false: a document's state, each item of
// a map on its own topic, the items of a list in order; of an item, that item; of a stream nothing. Topics have the name or
// SID as subscribed. All is of one moment. It never waits.
func (o *Objects) Snapshot(service, device, topic string, yield func(topic string, payload []byte) bool) {
	a, refused := o.subscribable(service, device, topic)
	if refused != nil {
		return
	}
	obj, s, err := o.look(service, a.kind, a.id)
	switch {
	case err != nil || obj.kind == Stream:
	case obj.kind == Document:
		yield(topic, s.data)
	case a.hasItem:
		r := request{kind: a.kind}
		if place, err := r.placeOf(a.item); err == nil {
			if i, found := s.items.get(place); found {
				yield(topic, i.data)
			}
		}
	default:
		s.items.each(0, func(_ string, i *item) bool {
			own := topic
			if obj.kind == Map {
				if own = topic + "/" + i.key; !reachable(own) {
					return true
				}
			}
			return yield(own, i.data)
		})
	}
}
