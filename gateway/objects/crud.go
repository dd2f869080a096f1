package objects

import (
	"context"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"gatehouse/gateway/objects/jsontext"
	"gatehouse/gateway/store"
)

// Create makes an object. Kinds of errors: NoService, Exists, BadName, BadTTL, InvalidJSON, TooLarge, Full.
func (o *Objects) Create(ctx context.Context, w Writer, service string, kind Kind, n NewObject) (Object, error) {
	r := request{writer: w, service: service, kind: kind, id: n.UniqueName, make: true, only: true}
	if n.Data == nil {
		n.Data = []byte("{}")
	}
	data, err := r.data(n.Data, MaxData)
	if err != nil {
		return Object{}, err
	}
	if sidForm(n.UniqueName) {
		return Object{}, r.fail(BadName, "a unique name must not have the form of a SID")
	}
	var made Object
	err = o.change(ctx, r, func(obj *object, _ *state, at time.Time) (step, error) {
		expires, err := r.expiry(n.TTL, at, time.Time{})
		if err != nil {
			return step{}, err
		}
		s := obj.first(w, at, data)
		s.next.expires = expires
		s.ops = []store.Op{obj.put(s.next)}
		if kind == Document {
			s.updates = []Update{obj.documentUpdate(o, s.next)}
		}
		made = obj.view(s.next)
		return s, nil
	})
	if err != nil {
		return Object{}, err
	}
	return made, nil
}

// first is the step that makes an object, without what to store and to deliver. Data counts for a document only.
func (obj *object) first(w Writer, at time.Time, data []byte) step {
	next := &state{updated: at}
	if obj.kind == Document {
		next.data, next.bytes = data, int64(len(data))
	}
	s := step{next: next, changes: []Change{obj.changed(Created, w, at, next, next.data)}}
	if obj.kind != Stream {
		s.events = []Event{obj.event(created[obj.kind], w, at, next)}
	}
	return s
}

var (
	created = map[Kind]EventType{Document: DocumentCreated, List: ListCreated, Map: MapCreated}
	removed = map[Kind]EventType{Document: DocumentRemoved, List: ListRemoved, Map: MapRemoved}
)

func (obj *object) changed(a Action, w Writer, at time.Time, s *state, data []byte) Change {
	return Change{
		At: at, Action: a, ServiceSID: obj.space.service, Kind: obj.kind, ObjectSID: obj.sid, UniqueName: obj.name,
		Revision: hex(s.revision), Data: data, By: w.Name(), DeviceSID: w.DeviceSID,
	}
}

func (obj *object) event(t EventType, w Writer, at time.Time, s *state) Event {
	return Event{
		Type: t, ServiceSID: obj.space.service, Identity: w.Name(), EndpointID: w.DeviceSID, At: at,
		Kind: obj.kind, ObjectSID: obj.sid, UniqueName: obj.name, Revision: hex(s.revision), Data: s.data,
	}
}

// Get is one object, by its unique name or SID. Kinds of errors: NoService, NotFound.
func (o *Objects) Get(service string, kind Kind, id string) (Object, error) {
	obj, s, err := o.look(service, kind, id)
	if err != nil {
		return Object{}, err
	}
	return obj.view(s), nil
}

// look finds an object with its state, for readers.
func (o *Objects) look(service string, kind Kind, id string) (*object, *state, error) {
	r := request{service: service, kind: kind, id: id}
	if obj := o.space(service).find(kind, id); obj != nil {
		if s := obj.state.Load(); s != nil {
			return obj, s, nil
		}
	}
	if _, found := o.params.Registry.Service(service); !found {
		return nil, nil, r.fail(NoService, "there is no service %s", service)
	}
	return nil, nil, r.missing()
}

// All are the objects of one kind, in the order of their creation, and how many there are without the range. Kind of
// error: NoService.
func (o *Objects) All(service string, kind Kind, r Range) ([]Object, int, error) {
	if _, found := o.params.Registry.Service(service); !found {
		return nil, 0, request{kind: kind}.fail(NoService, "there is no service %s", service)
	}
	all := []Object{}
	s := o.space(service)
	if s == nil {
		return all, 0, nil
	}
	d := s.shelf(kind).directory.Load()
	d.inTime.each(r.Offset, func(_ uint64, obj *object) bool {
		if r.Limit > 0 && len(all) == r.Limit {
			return false
		}
		if s := obj.state.Load(); s != nil {
			all = append(all, obj.view(s))
		}
		return true
	})
	return all, d.inTime.count, nil
}

// Update changes an object's data or expiry. Only new data makes a new revision, and is delivered. Kinds of errors: NoService,
// NotFound, BadRevision, RevisionDiffers, BadTTL, InvalidJSON, TooLarge, Full.
func (o *Objects) Update(ctx context.Context, w Writer, service string, kind Kind, id string, c ObjectChange) (Object, error) {
	r := request{writer: w, service: service, kind: kind, id: id}
	var data []byte
	if c.Data != nil && kind == Document {
		var err error
		if data, err = r.data(c.Data, MaxData); err != nil {
			return Object{}, err
		}
	}
	var made Object
	err := o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		if err := r.expect(c.Expect, before.revision, ""); err != nil {
			return step{}, err
		}
		expires, err := r.expiry(c.TTL, at, before.expires)
		if err != nil {
			return step{}, err
		}
		s := obj.replaced(o, w, at, before, data)
		s.next.expires = expires
		s.ops = []store.Op{obj.put(s.next)}
		made = obj.view(s.next)
		return s, nil
	})
	if err != nil {
		return Object{}, err
	}
	return made, nil
}

// replaced is the step that gives a document new data, if there is any, without what to store.
func (obj *object) replaced(o *Objects, w Writer, at time.Time, before *state, data []byte) step {
	next := *before
	next.updated = at
	s := step{next: &next}
	if data != nil {
		next.revision++
		next.data, next.bytes = data, int64(len(data))
		s.events = []Event{obj.event(DocumentUpdated, w, at, &next)}
		s.updates = []Update{obj.documentUpdate(o, &next)}
	}
	s.changes = []Change{obj.changed(Updated, w, at, &next, next.data)}
	return s
}

// setDocument creates or replaces a document, as a publish does. An expiry that it has stays.
func (o *Objects) setDocument(ctx context.Context, w Writer, service, id string, data []byte) error {
	r := request{writer: w, service: service, kind: Document, id: id, make: true}
	data, err := r.data(data, MaxData)
	if err != nil {
		return err
	}
	return o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		var s step
		if before == nil {
			s = obj.first(w, at, data)
			s.updates = []Update{obj.documentUpdate(o, s.next)}
		} else {
			s = obj.replaced(o, w, at, before, data)
		}
		s.ops = []store.Op{obj.put(s.next)}
		return s, nil
	})
}

// Delete removes an object with all in it. Expect is the revision that it must have; empty: any. Kinds of errors:
// NoService, NotFound, BadRevision, RevisionDiffers.
func (o *Objects) Delete(ctx context.Context, w Writer, service string, kind Kind, id, expect string) error {
	r := request{writer: w, service: service, kind: kind, id: id}
	return o.remove(ctx, r, Removed, func(before *state, _ time.Time) error { return r.expect(expect, before.revision, "") })
}

// batch bounds the deletes that are one write.
const batch = 200

// remove removes an object unless check is against it. What is too much for one write is marked as gone, which is one write,
// and deleted later.
func (o *Objects) remove(ctx context.Context, r request, action Action, check func(*state, time.Time) error) error {
	var rest leftover
	err := o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		if err := check(before, at); err != nil {
			return step{}, err
		}
		s := step{unasked: action == Expired, changes: []Change{obj.changed(action, r.writer, at, before, nil)}}
		if obj.kind != Stream {
			s.events = []Event{obj.event(removed[obj.kind], r.writer, at, before)}
		}
		if all := obj.leftover(before); len(all.parts) < batch {
			s.ops = all.deletes()
		} else {
			record := obj.record(before)
			record.Gone = true
			s.ops, rest = []store.Op{{Key: obj.storeKey(), Value: value(record, nil)}}, all
		}
		return s, nil
	})
	if rest.base != "" && err == nil {
		o.keeper.sweep(rest)
	}
	return err
}

// deletes are those of all that is left over, the object's own record last.
func (l leftover) deletes() []store.Op {
	ops := make([]store.Op, 0, len(l.parts)+1)
	for _, key := range l.parts {
		ops = append(ops, store.Op{Key: key, Delete: true})
	}
	return append(ops, store.Op{Key: l.base, Delete: true})
}

// data checks and compacts JSON. The bound is on the compact form, which is what is stored and delivered.
func (r request) data(text []byte, most int) ([]byte, error) {
	data, err := jsontext.Compact(text)
	var wrong *jsontext.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return nil, r.fail(InvalidJSON, "the data is not valid JSON: %v", wrong)
	case err != nil:
		return nil, err
	case len(data) > most:
		return nil, r.fail(TooLarge, "the data has %d bytes; %d are allowed", len(data), most)
	}
	return data, nil
}

// expiry is when a time to live in seconds ends; nil leaves what was.
func (r request) expiry(ttl *int, at, before time.Time) (time.Time, error) {
	switch {
	case ttl == nil:
		return before, nil
	case *ttl < 0 || *ttl > MaxTTL:
		return time.Time{}, r.fail(BadTTL, "a time to live is 0 to %d seconds, not %d", MaxTTL, *ttl)
	case *ttl == 0:
		return time.Time{}, nil
	}
	return at.Add(time.Duration(*ttl) * time.Second), nil
}

// expect compares a revision with the one that the caller expects, if any.
func (r request) expect(expect string, have uint64, item string) error {
	if expect == "" {
		return nil
	}
	e := r.fail(BadRevision, "%q is no revision", expect)
	if n, err := strconv.ParseUint(expect, 16, 64); err == nil && hex(n) == expect {
		if n == have {
			return nil
		}
		e = r.fail(RevisionDiffers, "it has revision %s, not %s", hex(have), expect)
	}
	e.Item = item
	return e
}

// checkName accepts a unique name for a new object; an empty one is none.
func checkName(r request) error {
	switch n := utf8.RuneCountInString(r.id); {
	case !utf8.ValidString(r.id):
		return r.fail(BadName, "the unique name is not UTF-8")
	case n > MaxUniqueName:
		return r.fail(BadName, "the unique name has %d characters; %d are allowed", n, MaxUniqueName)
	}
	return nil
}

func (e *Error) about(item string) *Error {
	e.Item = item
	return e
}
