package objects

import (
	"context"
	"fmt"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

// request is who wants to change what.
type request struct {
	writer  Writer
	service string
	kind    Kind
	id      string // unique name or SID; empty: a new object without a name
	make    bool   // make the object when there is none of that name
	only    bool   // the object must be made
}

func (r request) fail(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Object: r.kind, ID: r.id, Reason: fmt.Sprintf(format, args...)}
}

// step is a change that was checked: what to store, what it leads to, and whom to tell.
type step struct {
	next    *state // nil: the object is removed
	ops     []store.Op
	changes []Change
	events  []Event
	updates []Update

	// unasked says that nobody waits for an acknowledgement, who would try again after a crash: the events are stored with the
	// change until the hook has them.
	unasked bool
}

// change is the one way in which anything changes: check, store, make visible, tell. check is called with the object's lock
// held; before is nil when the object is being made. Nothing has changed when the error is an [*Error]; with any other the
// outcome is unknown until the store was reopened.
func (o *Objects) change(ctx context.Context, r request, check func(obj *object, before *state, at time.Time) (step, error)) error {
	stored, err := o.locked(ctx, r, check)
	for err == nil && len(stored) > 0 {
		select {
		case failure := <-stored[0]:
			if failure != nil {
				err = down("deliver to subscribers", failure)
			}
			stored = stored[1:]
		case <-ctx.Done():
			err = fmt.Errorf("deliver to subscribers: %w", ctx.Err())
		}
	}
	return err
}

// locked makes the change and returns what tells when its updates are stored: nothing for a device, whose own
// acknowledgement follows them in the log anyway.
func (o *Objects) locked(ctx context.Context, r request, check func(*object, *state, time.Time) (step, error)) ([]chan error, error) {
	o.gate.RLock()
	defer o.gate.RUnlock()
	if o.closed {
		return nil, ErrClosed
	}
	service, found := o.params.Registry.Service(r.service)
	if !found {
		return nil, r.fail(NoService, "there is no service %s", r.service)
	}
	obj, fresh, err := o.take(r)
	if err != nil {
		return nil, err
	}
	defer obj.mu.Unlock()
	stored, err := o.checked(ctx, r, service, obj, check)
	if err != nil && fresh && obj.state.Load() == nil {
		obj.space.shelf(obj.kind).release(obj)
	}
	return stored, err
}

func (o *Objects) checked(ctx context.Context, r request, service registry.Service, obj *object, check func(*object, *state, time.Time) (step, error)) ([]chan error, error) {
	before := obj.state.Load()
	if service.ACLEnabled && r.writer.DeviceSID != "" && !before.permits(r.writer.Name(), Permission{Write: true}) {
		return nil, r.fail(Forbidden, "%s has no permission to write", r.writer.Name())
	}
	if err := o.pay(obj); err != nil {
		return nil, err
	}
	s, err := check(obj, before, o.now())
	if err != nil {
		return nil, err
	}
	return o.commit(ctx, r.writer, service, obj, before, s)
}

// take finds the object, or makes room for a new one, and locks it.
func (o *Objects) take(r request) (obj *object, fresh bool, err error) {
	space := o.spaceFor(r.service)
	for {
		obj, fresh = space.find(r.kind, r.id), false
		switch {
		case r.make && (r.id == "" || obj == nil && !sidForm(r.id)):
			if err := checkName(r); err != nil {
				return nil, false, err
			}
			blank := func() *object { return o.blank(space, r) }
			if r.id == "" {
				obj, fresh = blank(), true
				obj.mu.Lock()
			} else if obj, fresh = space.shelf(r.kind).reserve(r.id, blank); !fresh {
				obj.mu.Lock()
			}
		case obj == nil:
			return nil, false, r.missing()
		default:
			obj.mu.Lock()
		}
		if fresh {
			return obj, true, nil
		}
		if obj.state.Load() == nil { // it was removed meanwhile, or could not be made
			obj.mu.Unlock()
			continue
		}
		if r.only {
			obj.mu.Unlock()
			return nil, false, r.fail(Exists, "there is one of this name already: %s", obj.sid)
		}
		return obj, false, nil
	}
}

func (r request) missing() *Error {
	if sidForm(r.id) {
		return r.fail(NotFound, "there is none with this SID")
	}
	return r.fail(NotFound, "there is none of this name")
}

func (o *Objects) blank(s *space, r request) *object {
	return &object{
		space: s, kind: r.kind, sid: o.params.NewSID(r.kind.Prefix()), name: r.id, seq: o.seq.Add(1),
		created: o.now(), createdBy: r.writer.Name(),
	}
}

// commit stores a change, makes it visible and tells of it. The caller holds the object's lock.
func (o *Objects) commit(ctx context.Context, w Writer, service registry.Service, obj *object, before *state, s step) ([]chan error, error) {
	undo, err := o.reserve(obj, before, s.next)
	if err != nil {
		return nil, err
	}
	owed := o.owe(w, service, s.events)
	if s.unasked && len(owed) > 0 {
		key := obj.eventsKey(owed)
		owed[len(owed)-1].key = key
		s.ops = append(s.ops, store.Op{Key: key, Value: value(s.events, nil)})
	}
	if len(s.ops) > 0 {
		if err := o.bucket.Apply(ctx, s.ops); err != nil {
			undo()
			return nil, down("store "+string(obj.kind)+" "+obj.sid, err)
		}
	}
	o.show(obj, before, s.next)
	for _, c := range s.changes {
		o.history.add(o.feed.add(c))
	}
	stored := o.deliver(w, s.updates)
	obj.owed = append(obj.owed, owed...)
	return stored, o.pay(obj)
}

// due is an event that the hook has not taken.
type due struct {
	event Event
	key   string // what to delete from the store when it has; usually empty
}

// inherit takes over what was owed before the store was reopened; what was read from the store may be part of it.
func (obj *object) inherit(old *object) {
	known := map[string]bool{}
	for _, d := range old.owed {
		known[d.key] = true
	}
	read := obj.owed
	obj.owed, old.owed = old.owed, nil
	for from, i := 0, 0; i < len(read); i++ {
		if key := read[i].key; key != "" { // the last of those that were stored together
			if !known[key] {
				obj.owed = append(obj.owed, read[from:i+1]...)
			}
			from = i + 1
		}
	}
}

// owe are the events that the service wants to hear of.
func (o *Objects) owe(w Writer, service registry.Service, events []Event) (owed []due) {
	if o.params.Hook == nil || service.WebhookURL == "" || w.REST && !service.WebhooksFromRESTEnabled {
		return nil
	}
	for _, e := range events {
		owed = append(owed, due{event: e})
	}
	return owed
}

// deliver hands updates to the broker. It comes after show: who reads the snapshot after it has subscribed, and gets all updates
// from then on, misses nothing.
func (o *Objects) deliver(w Writer, updates []Update) (stored []chan error) {
	for _, u := range updates {
		switch {
		case o.params.Deliver == nil || len(u.Routes) == 0:
		case w.DeviceSID != "":
			o.params.Deliver(u, nil)
		default:
			done := make(chan error, 1)
			o.params.Deliver(u, func(err error) { done <- err })
			stored = append(stored, done)
		}
	}
	return stored
}

// pay offers the hook what it has not taken yet, in order.
func (o *Objects) pay(obj *object) error {
	for len(obj.owed) > 0 {
		if o.params.Hook != nil {
			if err := o.params.Hook.Enqueue(obj.owed[0].event); err != nil {
				o.keeper.remind(obj)
				return down("queue webhook", err)
			}
		}
		key := obj.owed[0].key
		obj.owed = obj.owed[1:]
		if key == "" {
			continue
		}
		if err := o.bucket.Apply(context.Background(), []store.Op{{Key: key, Delete: true}}); err != nil {
			o.keeper.sweep(leftover{base: key})
			return down("forget queued webhooks", err)
		}
	}
	obj.owed = nil
	return nil
}

// show makes a new state visible to readers.
func (o *Objects) show(obj *object, before, next *state) {
	obj.state.Store(next)
	switch {
	case before == nil && next != nil:
		obj.space.shelf(obj.kind).add(obj)
	case before != nil && next == nil:
		obj.space.shelf(obj.kind).remove(obj)
	}
	if before != next {
		o.plan(obj, before, next)
	}
}

// reserve counts what a change adds before it is stored; undo takes it back.
func (o *Objects) reserve(obj *object, before, next *state) (undo func(), err error) {
	settings := o.settings.Load()
	var objects, bytes int64
	if before != nil {
		objects, bytes = -1, -before.bytes
	}
	if next != nil {
		objects, bytes = objects+1, bytes+next.bytes
	}
	undo = func() {
		obj.space.objects.Add(-objects)
		obj.space.bytes.Add(-bytes)
	}
	haveObjects, haveBytes := obj.space.objects.Add(objects), obj.space.bytes.Add(bytes)
	full := &Error{Kind: Full, Object: obj.kind, ID: obj.name}
	switch {
	case objects > 0 && haveObjects > int64(settings.ObjectsPerService):
		full.Reason = fmt.Sprintf("the service has %d objects; no more are allowed", settings.ObjectsPerService)
	case bytes > 0 && haveBytes > settings.BytesPerService:
		full.Reason = fmt.Sprintf("the service's objects may hold %d bytes in all", settings.BytesPerService)
	default:
		return undo, nil
	}
	undo()
	return nil, full
}

// reload reads everything again after the store was reopened: a write whose outcome was unknown may have been kept.
// Subscribers and watchers are told of what differs, as if it had been written now.
func (o *Objects) reload(ctx context.Context) error {
	o.gate.Lock()
	defer o.gate.Unlock()
	old := o.spaces.Load()
	if err := o.read(ctx); err != nil {
		return fmt.Errorf("reload objects: %w", err)
	}
	o.spaces.Load().Range(func(service, s any) bool {
		var was *space
		if found, ok := old.Load(service); ok {
			was = found.(*space)
		}
		s.(*space).all(func(obj *object) { o.differing(was, obj) })
		return true
	})
	o.feed.touch()
	return nil
}

// differing tells of what an object holds that it did not hold before the store failed.
func (o *Objects) differing(was *space, obj *object) {
	var before *state
	now := obj.state.Load()
	if was != nil {
		if old, found := was.shelf(obj.kind).directory.Load().bySID.get(obj.sid); found {
			before = old.state.Load()
			obj.inherit(old)
			if len(obj.owed) > 0 {
				o.keeper.remind(obj)
			}
		}
	}
	if before == nil {
		before = &state{}
	}
	w, at, s := System(), o.now(), step{}
	if obj.kind == Document && (before.data == nil || before.revision != now.revision) {
		s.changes = append(s.changes, obj.changed(Updated, w, at, now, now.data))
		s.events = append(s.events, obj.event(DocumentUpdated, w, at, now))
		s.updates = append(s.updates, obj.documentUpdate(o, now))
	}
	differences(before.items, now.items, func(_ string, old, i *item) {
		switch {
		case i == nil:
			s.changes = append(s.changes, obj.changedItem(ItemRemoved, w, at, old, nil))
		case old == nil || old.under != i.under:
			s.changes = append(s.changes, obj.changedItem(ItemUpdated, w, at, i, i.data))
			s.events = append(s.events, obj.itemEvent(itemEvents[obj.kind][ItemUpdated], w, at, now, i))
			s.updates = append(s.updates, obj.itemUpdate(o, i))
		}
	})
	for _, c := range s.changes {
		o.history.add(o.feed.add(c))
	}
	o.deliver(w, s.updates)
	service, _ := o.params.Registry.Service(obj.space.service)
	if owed := o.owe(Writer{}, service, s.events); len(owed) > 0 {
		obj.owed = append(obj.owed, owed...)
		o.keeper.remind(obj)
	}
}
