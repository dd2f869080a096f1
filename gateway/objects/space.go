package objects

import (
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/sid"
)

// space is what one Sync service holds. Nothing in it leads to another's.
type space struct {
	service string
	shelves [4]shelf // by the position of the kind in Kinds
	objects atomic.Int64
	bytes   atomic.Int64
}

// shelf holds the objects of one kind. Readers load the directory; its lock is held by those who make or remove an object, for
// moments only.
type shelf struct {
	directory atomic.Pointer[directory]
	mu        sync.Mutex
	making    map[string]*object // by unique name: being made, not yet in the directory
}

// directory is immutable.
type directory struct {
	bySID  sorted[string, *object]
	byName sorted[string, *object]
	inTime sorted[uint64, *object] // by object.seq
}

func newSpace(service string) *space {
	s := &space{service: service}
	for i := range s.shelves {
		s.shelves[i].directory.Store(&directory{})
		s.shelves[i].making = map[string]*object{}
	}
	return s
}

func (s *space) shelf(k Kind) *shelf {
	for i, kind := range Kinds {
		if kind == k {
			return &s.shelves[i]
		}
	}
	return &s.shelves[len(s.shelves)-1]
}

// object is one object for as long as it exists. What may change of it is in its state, which is replaced as a whole.
type object struct {
	space     *space
	kind      Kind
	sid       string
	name      string // unique name, may be empty
	seq       uint64 // rises in the order of creation
	created   time.Time
	createdBy string

	state atomic.Pointer[state] // nil: not stored yet, or removed

	// mu is held by one change from its checks to its end; reads do not wait for it. Lock order: Objects.gate, then mu, then the
	// leaves: shelf.mu, expiry.mu, feed.mu, history.mu.
	mu    sync.Mutex
	owed  []due // in order
	meter meter // of a stream
}

// state is immutable.
type state struct {
	revision    uint64
	updated     time.Time
	expires     time.Time
	data        []byte                     // of a document
	next        int                        // index of a list's next item
	items       sorted[string, *item]      // by item.place
	permissions sorted[string, Permission] // by identity
	bytes       int64
}

// item is immutable.
type item struct {
	place     string // its position among the others: the key, or the index in 8 bytes
	index     int
	key       string
	data      []byte
	revision  uint64
	created   time.Time
	updated   time.Time
	expires   time.Time
	createdBy string
	under     uint64 // revision of the list or map that this state of the item led to
}

// place is where the item with this index stands among a list's.
func place(index int) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(index))
	return string(b[:])
}

// sidForm reports whether a text has the form of a SID of whatever kind: it is never a unique name then.
func sidForm(s string) bool {
	return len(s) == sid.Length && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z' && sid.Valid(sid.Prefix(s[:2]), s)
}

// find is the object with this unique name or SID, nil when there is none.
func (s *space) find(k Kind, id string) *object {
	if s == nil {
		return nil
	}
	d := s.shelf(k).directory.Load()
	if sidForm(id) {
		found, _ := d.bySID.get(id)
		return found
	}
	found, _ := d.byName.get(id)
	return found
}

// reserve returns the object with this unique name, or that which is being made, or a new one, whose lock the caller holds
// then and which nobody sees yet.
func (sh *shelf) reserve(name string, make func() *object) (obj *object, fresh bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if found, ok := sh.directory.Load().byName.get(name); ok {
		return found, false
	}
	if found, ok := sh.making[name]; ok {
		return found, false
	}
	obj = make()
	obj.mu.Lock()
	sh.making[name] = obj
	return obj, true
}

// release forgets an object that could not be made.
func (sh *shelf) release(obj *object) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.making, obj.name)
}

// add makes a new object visible.
func (sh *shelf) add(obj *object) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	d := *sh.directory.Load()
	d.bySID = d.bySID.with(obj.sid, obj)
	d.inTime = d.inTime.with(obj.seq, obj)
	if obj.name != "" {
		d.byName = d.byName.with(obj.name, obj)
		delete(sh.making, obj.name)
	}
	sh.directory.Store(&d)
}

// fill makes all objects of a shelf visible that were read from the store.
func (sh *shelf) fill(objects []*object) {
	named := make([]*object, 0, len(objects))
	for _, obj := range objects {
		if obj.name != "" {
			named = append(named, obj)
		}
	}
	sh.directory.Store(&directory{
		bySID:  sortedOf(objects, func(obj *object) string { return obj.sid }),
		byName: sortedOf(named, func(obj *object) string { return obj.name }),
		inTime: sortedOf(objects, func(obj *object) uint64 { return obj.seq }),
	})
}

func (sh *shelf) remove(obj *object) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	d := *sh.directory.Load()
	d.bySID = d.bySID.without(obj.sid)
	d.inTime = d.inTime.without(obj.seq)
	if obj.name != "" {
		d.byName = d.byName.without(obj.name)
	}
	sh.directory.Store(&d)
}

// all calls fn for every object, kind by kind in the order of creation.
func (s *space) all(fn func(*object)) {
	for i := range s.shelves {
		s.shelves[i].directory.Load().inTime.each(0, func(_ uint64, obj *object) bool {
			fn(obj)
			return true
		})
	}
}

func hex(revision uint64) string { return strconv.FormatUint(revision, 16) }

// view is the object with the given state, for callers.
func (obj *object) view(s *state) Object {
	return Object{
		Kind: obj.kind, SID: obj.sid, ServiceSID: obj.space.service, UniqueName: obj.name, Revision: hex(s.revision),
		Created: obj.created, Updated: s.updated, Expires: s.expires, CreatedBy: obj.createdBy,
		Data: s.data, Items: s.items.count, Bytes: s.bytes,
	}
}

func (obj *object) viewItem(i *item) Item {
	return Item{
		Kind: obj.kind, ObjectSID: obj.sid, Index: i.index, Key: i.key, Data: i.data, Revision: hex(i.revision),
		Created: i.created, Updated: i.updated, Expires: i.expires, CreatedBy: i.createdBy,
	}
}
