package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/gateway/store"
)

// Keys in the store, where X is the index in a list, or the hash of a key or an identity, which may hold characters that the
// store's keys may not:
//
//	<service>.<object>        an object, with a document's data
//	<service>.<object>.i.X    an item
//	<service>.<object>.p.X    a permission
//	<service>.<object>.e.N    events of an expiry that the webhooks' queue may not have yet; N rises
//
// A value is a line of JSON, then the data as it is. What an object's record says of a list or map (its revision, its next
// index) is a lower bound: items carry the revision that they led to, so that a change of an item is one write.
const (
	partItem       = "i"
	partPermission = "p"
	partEvents     = "e"
)

type objectRecord struct {
	Name    string `json:"n,omitempty"`
	Seq     uint64 `json:"s"`
	Created int64  `json:"c"` // nanoseconds since 1970, as all times here
	By      string `json:"b"`

	Revision uint64 `json:"r,omitempty"`
	Updated  int64  `json:"u"`
	Expires  int64  `json:"x,omitempty"`
	Next     int    `json:"i,omitempty"`
	Gone     bool   `json:"g,omitempty"` // removed; what is left of it is being deleted
}

type itemRecord struct {
	Key      string `json:"k,omitempty"`
	Created  int64  `json:"c"`
	By       string `json:"b"`
	Revision uint64 `json:"r,omitempty"`
	Updated  int64  `json:"u"`
	Expires  int64  `json:"x,omitempty"`
	Under    uint64 `json:"o"`
}

type permissionRecord struct {
	Identity string `json:"d"`
	Read     bool   `json:"r,omitempty"`
	Write    bool   `json:"w,omitempty"`
	Manage   bool   `json:"m,omitempty"`
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (obj *object) storeKey() string { return obj.space.service + "." + obj.sid }

func (obj *object) itemKey(i *item) string {
	if obj.kind == List {
		return obj.storeKey() + "." + partItem + "." + strconv.Itoa(i.index)
	}
	return obj.storeKey() + "." + partItem + "." + hashed(i.key)
}

func (obj *object) permissionKey(identity string) string {
	return obj.storeKey() + "." + partPermission + "." + hashed(identity)
}

// eventsKey is one that the object has not had: its own revision has risen, or it is removed.
func (obj *object) eventsKey(owed []due) string {
	last := owed[len(owed)-1].event
	n, _ := strconv.ParseUint(last.Revision, 16, 64)
	if !last.HasItem {
		n++
	}
	return fmt.Sprintf("%s.%s.%020d", obj.storeKey(), partEvents, n)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// value is a record with data behind it.
func value(record any, data []byte) []byte {
	head, err := json.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("a record of strings, numbers and flags cannot be encoded: %v", err))
	}
	return append(append(head, '\n'), data...)
}

func readValue(v []byte, record any) (data []byte, err error) {
	head, data, found := bytes.Cut(v, []byte{'\n'})
	if !found {
		return nil, fmt.Errorf("the record has no end")
	}
	if err := json.Unmarshal(head, record); err != nil {
		return nil, err
	}
	return data, nil
}

// put is the write of the object's own record.
func (obj *object) put(s *state) store.Op {
	return store.Op{Key: obj.storeKey(), Value: value(obj.record(s), s.data)}
}

func (obj *object) record(s *state) objectRecord {
	return objectRecord{
		Name: obj.name, Seq: obj.seq, Created: nanos(obj.created), By: obj.createdBy,
		Revision: s.revision, Updated: nanos(s.updated), Expires: nanos(s.expires), Next: s.next,
	}
}

func (obj *object) putItem(i *item) store.Op {
	return store.Op{Key: obj.itemKey(i), Value: value(itemRecord{
		Key: i.key, Created: nanos(i.created), By: i.createdBy, Revision: i.revision, Updated: nanos(i.updated), Expires: nanos(i.expires), Under: i.under,
	}, i.data)}
}

func (obj *object) putPermission(p Permission) store.Op {
	return store.Op{Key: obj.permissionKey(p.Identity), Value: value(permissionRecord(p), nil)}
}

// loading gathers the records of one object, which come in any order.
type loading struct {
	object      *object
	state       state
	gone        bool
	items       []*item
	permissions []Permission
	keys        []string // all that is stored under it, but its own record and events
	owed        map[string][]Event
}

// load decodes what the store holds. Keys of services that no longer exist, of removed objects, and of items whose object is not
// there (it is made before them and removed after them, or at once), are to be deleted.
func load(entries []store.Entry, exists func(service string) bool) (c contents, err error) {
	c.spaces = map[string]*space{}
	spaces := c.spaces
	found := map[string]*loading{} // by service and SID
	for _, e := range entries {
		parts := strings.Split(e.Key, ".")
		if len(parts) != 2 && len(parts) != 4 {
			return contents{}, fmt.Errorf("%s: not a key of an object", e.Key)
		}
		service, base := parts[0], parts[0]+"."+parts[1]
		if spaces[service] == nil {
			spaces[service] = newSpace(service)
		}
		l := found[base]
		if l == nil {
			l = &loading{}
			found[base] = l
		}
		if len(parts) == 2 {
			err = l.addObject(spaces[service], parts[1], e.Value)
		} else {
			err = l.addPart(e.Key, parts[2], parts[3], e.Value)
		}
		if err != nil {
			return contents{}, fmt.Errorf("%s: %w", e.Key, err)
		}
	}
	whole := map[*shelf][]*object{}
	for base, l := range found {
		service, sid, _ := strings.Cut(base, ".")
		there := l.object != nil && !l.gone && exists(service)
		if !there && (l.object != nil || len(l.keys) > 0) {
			c.left = append(c.left, leftover{base: base, parts: l.keys})
		}
		if len(l.owed) > 0 {
			if !there {
				kind, _ := kindOf(sid)
				l.object = &object{space: spaces[service], kind: kind, sid: sid}
			}
			l.object.owe(l.owed)
			c.owing = append(c.owing, l.object)
		}
		if !there {
			continue
		}
		l.finish()
		shelf := l.object.space.shelf(l.object.kind)
		whole[shelf] = append(whole[shelf], l.object)
	}
	for shelf, objects := range whole {
		shelf.fill(objects)
	}
	for service := range spaces {
		if !exists(service) {
			delete(spaces, service)
		}
	}
	return c, nil
}

// contents is what the store holds.
type contents struct {
	spaces map[string]*space
	left   []leftover // of what was removed
	owing  []*object  // there or not, with events that the hook may not have
}

// owe notes what was stored of the object's events.
func (obj *object) owe(stored map[string][]Event) {
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		for i, e := range stored[key] {
			d := due{event: e}
			if i == len(stored[key])-1 {
				d.key = key
			}
			obj.owed = append(obj.owed, d)
		}
	}
}

// leftover is what is stored of an object that was removed.
type leftover struct {
	base  string   // key of its own record, which goes last
	parts []string // keys of all else
}

func kindOf(sid string) (Kind, bool) {
	for _, k := range Kinds {
		if strings.HasPrefix(sid, string(k.Prefix())) {
			return k, true
		}
	}
	return "", false
}

func (l *loading) addObject(s *space, sid string, v []byte) error {
	var r objectRecord
	data, err := readValue(v, &r)
	if err != nil {
		return err
	}
	kind, known := kindOf(sid)
	if !known {
		return fmt.Errorf("unknown kind of object")
	}
	l.object = &object{space: s, kind: kind, sid: sid, name: r.Name, seq: r.Seq, created: fromNanos(r.Created), createdBy: r.By}
	l.gone = r.Gone
	l.state.revision, l.state.updated, l.state.expires, l.state.next = r.Revision, fromNanos(r.Updated), fromNanos(r.Expires), r.Next
	if kind == Document {
		l.state.data = data
	}
	return nil
}

func (l *loading) addPart(key, part, name string, v []byte) error {
	if part == partEvents {
		var events []Event
		_, err := readValue(v, &events)
		if l.owed == nil {
			l.owed = map[string][]Event{}
		}
		l.owed[key] = events
		return err
	}
	l.keys = append(l.keys, key)
	switch part {
	case partPermission:
		var r permissionRecord
		if _, err := readValue(v, &r); err != nil {
			return err
		}
		l.permissions = append(l.permissions, Permission(r))
	case partItem:
		var r itemRecord
		data, err := readValue(v, &r)
		if err != nil {
			return err
		}
		i := &item{
			key: r.Key, place: r.Key, data: data, revision: r.Revision, created: fromNanos(r.Created), updated: fromNanos(r.Updated),
			expires: fromNanos(r.Expires), createdBy: r.By, under: r.Under,
		}
		if r.Key == "" { // keys are not empty: it is in a list
			if i.index, err = strconv.Atoi(name); err != nil {
				return err
			}
			i.place = place(i.index)
		}
		l.items = append(l.items, i)
	default:
		return fmt.Errorf("unknown part %q", part)
	}
	return nil
}

// finish gives the object the state that its records lead to.
func (l *loading) finish() {
	s := &l.state
	s.bytes = int64(len(s.data))
	for _, i := range l.items {
		s.bytes += int64(len(i.data))
		s.revision = max(s.revision, i.under)
		if i.updated.After(s.updated) {
			s.updated = i.updated
		}
		if l.object.kind == List {
			s.next = max(s.next, i.index+1)
		}
	}
	s.items = sortedOf(l.items, func(i *item) string { return i.place })
	s.permissions = sortedOf(l.permissions, func(p Permission) string { return p.Identity })
	l.object.state.Store(s)
	l.object.space.objects.Add(1)
	l.object.space.bytes.Add(s.bytes)
}
