package objects

import (
	"cmp"
	"context"
	"time"
	"unicode/utf8"

	"gatehouse/gateway/store"
)

// AddItem appends to a list, or creates an item in a map. Kinds of errors: NoService, NotFound, ItemExists, BadKey, BadTTL,
// InvalidJSON, TooLarge, Full.
func (o *Objects) AddItem(ctx context.Context, w Writer, service string, kind Kind, id string, n NewItem) (Item, error) {
	return o.add(ctx, request{writer: w, service: service, kind: kind, id: id}, n, false)
}

// add adds an item; replace says that a map's may exist. With r.make the list or map is made when there is none of its
// name, in the same write.
func (o *Objects) add(ctx context.Context, r request, n NewItem, replace bool) (Item, error) {
	data, err := r.data(n.Data, MaxData)
	if err != nil {
		return Item{}, err
	}
	if r.kind == Map {
		if err := r.checkKey(n.Key); err != nil {
			return Item{}, err
		}
	}
	var made Item
	err = o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		var s step
		if before == nil {
			s = obj.first(r.writer, at, nil)
			before = s.next
		}
		i := &item{index: before.next, place: place(before.next), createdBy: r.writer.Name(), created: at}
		if r.kind == Map {
			i.index, i.key, i.place = 0, n.Key, n.Key
			if old, found := before.items.get(n.Key); found {
				if !replace {
					return step{}, r.fail(ItemExists, "there is an item with this key already").about(n.Key)
				}
				again := *old
				again.revision++
				i = &again
			}
		}
		i.data = data
		made, err = o.setItem(r, obj, before, i, at, n.TTL, n.CollectionTTL, &s)
		return s, err
	})
	if err != nil {
		return Item{}, err
	}
	return made, nil
}

func (r request) checkKey(key string) error {
	switch n := utf8.RuneCountInString(key); {
	case n == 0:
		return r.fail(BadKey, "the key is missing")
	case !utf8.ValidString(key):
		return r.fail(BadKey, "the key is not UTF-8").about(key)
	case n > MaxKey:
		return r.fail(BadKey, "the key has %d characters; %d are allowed", n, MaxKey).about(key)
	}
	return nil
}

// setItem completes the step that stores an item, new or changed, in what was before it: nil ttls leave the expiries. The
// item is a copy that nobody sees yet.
func (o *Objects) setItem(r request, obj *object, before *state, i *item, at time.Time, ttl, collectionTTL *int, s *step) (Item, error) {
	var err error
	if i.expires, err = r.expiry(ttl, at, i.expires); err != nil {
		return Item{}, err
	}
	old, exists := before.items.get(i.place)
	if bound := o.settings.Load().ItemsPerObject; !exists && before.items.count >= bound {
		return Item{}, r.fail(Full, "it has %d items; no more are allowed", before.items.count)
	}
	next := *before
	if next.expires, err = r.expiry(collectionTTL, at, before.expires); err != nil {
		return Item{}, err
	}
	next.revision++
	next.updated, i.updated, i.under = at, at, next.revision
	next.bytes += int64(len(i.data))
	action := ItemUpdated
	if exists {
		next.bytes -= int64(len(old.data))
	} else {
		action = ItemAdded
		if obj.kind == List {
			next.next++
		}
	}
	next.items = before.items.with(i.place, i)
	s.next = &next
	if obj.state.Load() == nil || !next.expires.Equal(before.expires) {
		s.ops = append(s.ops, obj.put(&next))
	}
	s.ops = append(s.ops, obj.putItem(i))
	s.changes = append(s.changes, obj.changedItem(action, r.writer, at, i, i.data))
	s.events = append(s.events, obj.itemEvent(itemEvents[obj.kind][action], r.writer, at, &next, i))
	s.updates = append(s.updates, obj.itemUpdate(o, i))
	return obj.viewItem(i), nil
}

var itemEvents = map[Kind]map[Action]EventType{
	List: {ItemAdded: ListItemAdded, ItemUpdated: ListItemUpdated, ItemRemoved: ListItemRemoved, ItemExpired: ListItemRemoved},
	Map:  {ItemAdded: MapItemAdded, ItemUpdated: MapItemUpdated, ItemRemoved: MapItemRemoved, ItemExpired: MapItemRemoved},
}

func (obj *object) changedItem(a Action, w Writer, at time.Time, i *item, data []byte) Change {
	return Change{
		At: at, Action: a, ServiceSID: obj.space.service, Kind: obj.kind, ObjectSID: obj.sid, UniqueName: obj.name, Revision: hex(i.revision),
		HasItem: true, Index: i.index, Key: i.key, Data: data, By: w.Name(), DeviceSID: w.DeviceSID,
	}
}

func (obj *object) itemEvent(t EventType, w Writer, at time.Time, s *state, i *item) Event {
	e := obj.event(t, w, at, s)
	e.HasItem, e.ItemIndex, e.ItemKey, e.ItemData, e.ItemRevision = true, i.index, i.key, i.data, hex(i.revision)
	return e
}

// placeOf is where the item that a path or topic names stands, if it exists.
func (r request) placeOf(name string) (string, error) {
	if r.kind == Map {
		return name, r.checkKey(name)
	}
	index, err := parseIndex(name)
	if err != nil {
		return "", r.fail(BadKey, "an index is a number from 0 on").about(name)
	}
	return place(index), nil
}

func (r request) noItem(name string) *Error {
	return r.fail(ItemNotFound, "there is no such item").about(name)
}

// Item is one item: item is the index in a list, or the key in a map. Kinds of errors: NoService, NotFound, BadKey,
// ItemNotFound.
func (o *Objects) Item(service string, kind Kind, id, item string) (Item, error) {
	r := request{service: service, kind: kind, id: id}
	obj, s, err := o.look(service, kind, id)
	if err != nil {
		return Item{}, err
	}
	place, err := r.placeOf(item)
	if err != nil {
		return Item{}, err
	}
	i, found := s.items.get(place)
	if !found {
		return Item{}, r.noItem(item)
	}
	return obj.viewItem(i), nil
}

// Items are the items in a range, and whether there are more beyond its limit. Kinds of errors: NoService, NotFound,
// BadKey (From is no index).
func (o *Objects) Items(service string, kind Kind, id string, r ItemRange) (items []Item, more bool, err error) {
	obj, s, err := o.look(service, kind, id)
	if err != nil {
		return nil, false, err
	}
	first, last := 0, s.items.count // ranks: from first on, or down from before last
	if r.From != nil {
		from, err := request{kind: kind, id: id}.placeOf(*r.From)
		if err != nil {
			return nil, false, err
		}
		first = s.items.rank(from)
		last = first
		if _, exists := s.items.get(from); exists {
			if r.Exclusive {
				first++
			} else {
				last++
			}
		}
	}
	items = make([]Item, 0, min(s.items.count, cmp.Or(r.Limit, s.items.count)))
	take := func(_ string, i *item) bool {
		if more = r.Limit > 0 && len(items) == r.Limit; !more {
			items = append(items, obj.viewItem(i))
		}
		return !more
	}
	if r.Descending {
		s.items.eachDown(last-r.Offset, take)
	} else {
		s.items.each(first+r.Offset, take)
	}
	return items, more, nil
}

// UpdateItem changes an item that exists; only new data makes a new revision, and is delivered. Kinds of errors: NoService,
// NotFound, BadKey, ItemNotFound, BadRevision, RevisionDiffers, BadTTL, InvalidJSON, TooLarge, Full.
func (o *Objects) UpdateItem(ctx context.Context, w Writer, service string, kind Kind, id, item string, c ItemChange) (Item, error) {
	r := request{writer: w, service: service, kind: kind, id: id}
	place, err := r.placeOf(item)
	if err != nil {
		return Item{}, err
	}
	var data []byte
	if c.Data != nil {
		if data, err = r.data(c.Data, MaxData); err != nil {
			return Item{}, err
		}
	}
	var made Item
	err = o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		old, found := before.items.get(place)
		if !found {
			return step{}, r.noItem(item)
		}
		if err := r.expect(c.Expect, old.revision, item); err != nil {
			return step{}, err
		}
		i, s := *old, step{}
		if data != nil {
			i.data = data
			i.revision++
		}
		var err error
		made, err = o.setItem(r, obj, before, &i, at, c.TTL, c.CollectionTTL, &s)
		if data == nil {
			s.events, s.updates = nil, nil
		}
		return s, err
	})
	if err != nil {
		return Item{}, err
	}
	return made, nil
}

// SetItem creates or updates the item of a map that exists. Kinds of errors: NoService, NotFound, BadKey, InvalidJSON,
// TooLarge, Full.
func (o *Objects) SetItem(ctx context.Context, w Writer, service, id, key string, data []byte) (Item, error) {
	return o.add(ctx, request{writer: w, service: service, kind: Map, id: id}, NewItem{Key: key, Data: data}, true)
}

// DeleteItem removes an item. Expect is the revision that it must have; empty: any. Kinds of errors: NoService, NotFound,
// BadKey, ItemNotFound, BadRevision, RevisionDiffers.
func (o *Objects) DeleteItem(ctx context.Context, w Writer, service string, kind Kind, id, item, expect string) error {
	r := request{writer: w, service: service, kind: kind, id: id}
	place, err := r.placeOf(item)
	if err != nil {
		return err
	}
	return o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		i, found := before.items.get(place)
		if !found {
			return step{}, r.noItem(item)
		}
		if err := r.expect(expect, i.revision, item); err != nil {
			return step{}, err
		}
		return obj.withoutItems(r.writer, ItemRemoved, at, before, i), nil
	})
}

// withoutItems is the step that removes items, in one write with what the list or map keeps of them: its revision, and the
// index that is not given again.
func (obj *object) withoutItems(w Writer, action Action, at time.Time, before *state, items ...*item) step {
	next := *before
	next.updated = at
	s := step{next: &next, ops: make([]store.Op, 1, 1+len(items))}
	for _, i := range items {
		next.revision++
		next.bytes -= int64(len(i.data))
		next.items = next.items.without(i.place)
		s.ops = append(s.ops, store.Op{Key: obj.itemKey(i), Delete: true})
		s.changes = append(s.changes, obj.changedItem(action, w, at, i, nil))
		s.events = append(s.events, obj.itemEvent(itemEvents[obj.kind][action], w, at, &next, i))
	}
	s.ops[0] = obj.put(&next)
	return s
}
