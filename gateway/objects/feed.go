package objects

import (
	"slices"
	"sort"
	"sync"
	"time"
)

// Action is what a change did.
type Action string

// The actions.
const (
	Created     Action = "created"
	Updated     Action = "updated"
	Removed     Action = "removed"
	Expired     Action = "expired" // removed, because its time had come
	ItemAdded   Action = "item_added"
	ItemUpdated Action = "item_updated"
	ItemRemoved Action = "item_removed"
	ItemExpired Action = "item_expired"
	Sent        Action = "sent" // a message on a stream
	Permitted   Action = "permitted"
)

// Change is one change of an object, for those who watch.
type Change struct {
	Seq        uint64 // rises by one with every change, also over a restart (then by more)
	At         time.Time
	Action     Action
	ServiceSID string
	Kind       Kind
	ObjectSID  string
	UniqueName string
	Revision   string // of the item, if it is about one, else of the object; empty for a message
	HasItem    bool
	Index      int
	Key        string
	Data       []byte // new data of the document or item; a message; nil when removed
	By         string // created_by of the writer
	DeviceSID  string // empty: not a device
}

// Refusal is a publish or a subscription that was refused.
type Refusal struct {
	Seq        uint64
	At         time.Time
	ServiceSID string
	DeviceSID  string
	AttemptID  uint64 // of a publish
	Topic      string
	Subscribe  bool // a subscription; otherwise a publish
	Kind       ErrorKind
	Reason     string // for people
	ObjectSID  string // empty: there is no such object
}

// Bounds of what is remembered for those who watch.
const (
	feedChanges = 10_000
	feedBytes   = 32 << 20
	refusals    = 1_000
)

// feed remembers the last changes and refusals. Its lock is a leaf, held for moments only.
type feed struct {
	mu      sync.Mutex
	seq     uint64
	version uint64
	changes []Change // oldest first
	bytes   int
	refused []Refusal // oldest first
	told    chan struct{}
}

// start is the sequence number that the first change follows: it is beyond all of earlier runs as long as there are less than a
// million changes a second.
func (f *feed) start(now time.Time) { f.seq = uint64(max(now.UnixMicro(), 0)) }

func (f *feed) add(c Change) Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	f.version++
	c.Seq = f.seq
	f.changes = append(f.changes, c)
	f.bytes += len(c.Data)
	drop := 0
	for len(f.changes)-drop > feedChanges || f.bytes > feedBytes && len(f.changes)-drop > 1 {
		f.bytes -= len(f.changes[drop].Data)
		f.changes[drop] = Change{}
		drop++
	}
	f.changes = f.changes[drop:]
	f.tell()
	return c
}

func (f *feed) refuse(r Refusal) Refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	f.version++
	r.Seq = f.seq
	f.refused = append(f.refused, r)
	if n := len(f.refused) - refusals; n > 0 {
		f.refused = f.refused[n:]
	}
	f.tell()
	return r
}

// touch says that something changed which is in neither list.
func (f *feed) touch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	f.tell()
}

func (f *feed) tell() {
	if f.told != nil {
		close(f.told)
		f.told = nil
	}
}

// Version rises with every change and every refusal.
func (o *Objects) Version() uint64 {
	o.feed.mu.Lock()
	defer o.feed.mu.Unlock()
	return o.feed.version
}

// Changes are those after a sequence number (0: all that are remembered), oldest first, at most limit (0: all). When the
// first is not the next after it, some are forgotten.
func (o *Objects) Changes(after uint64, limit int) []Change {
	f := &o.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	return tail(f.changes, limit, func(c Change) bool { return c.Seq > after })
}

// Refusals are those after a sequence number, oldest first.
func (o *Objects) Refusals(after uint64) []Refusal {
	f := &o.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	return tail(f.refused, 0, func(r Refusal) bool { return r.Seq > after })
}

// Changed is closed at the next change or refusal. Ask for it before Changes, so that none is missed.
func (o *Objects) Changed() <-chan struct{} {
	f := &o.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told == nil {
		f.told = make(chan struct{})
	}
	return f.told
}

// LastChange is the sequence number of the last change or refusal: Changes after it are those to come.
func (o *Objects) LastChange() uint64 {
	o.feed.mu.Lock()
	defer o.feed.mu.Unlock()
	return o.feed.seq
}

// tail is what comes from the first for which after holds, at most limit of it.
func tail[T any](all []T, limit int, after func(T) bool) []T {
	all = all[sort.Search(len(all), func(i int) bool { return after(all[i]) }):]
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return slices.Clone(all)
}
