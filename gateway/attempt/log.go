package attempt

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what is kept of one attempt, so that no peer can fill the ring by itself.
const (
	maxSteps     = 256
	maxFactBytes = 16 << 10 // a certificate of 8192 bits in PEM fits
	maxFieldText = 1 << 10  // client id and the like
)

// Params of a Log. The zero value works.
type Params struct {
	Capacity       int   // attempts kept, the oldest goes first; default 10 000
	Bytes          int64 // bound of all that is kept, about; default 64 MiB
	PacketsKept    int   // first packets kept of each attempt; default 32
	MaxPacketBytes int   // bytes kept of each packet; default 4096
	Now            func() time.Time
	Off            bool // nothing is recorded, counted or told; only ids are given: for measuring what recording costs

	// For Open alone.
	Dir  string        // the folder of the record on the disk; empty: there is none
	Each func(Attempt) // is told of every decided attempt that was added to, by one goroutine; see [Open]; may be nil
	// Whole tells, by an attempt without steps and packets, whether Each wants it with them; nil: always. It must be quick.
	Whole  func(*Attempt) bool
	Logger *slog.Logger // nil: nothing is logged

	since func(time.Time) time.Duration

	fileBytes int64 // how large a file grows; 0: the default
	slack     int64 // what the files may hold beyond Bytes; 0: slackBytes
}

// Bounds that hold when none are given.
const (
	defaultCapacity = 10_000
	defaultBytes    = 64 << 20
)

func (p Params) withDefaults() Params {
	for _, d := range []struct {
		value    *int
		standard int
	}{{&p.Capacity, defaultCapacity}, {&p.PacketsKept, 32}, {&p.MaxPacketBytes, 4096}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if p.Bytes <= 0 {
		p.Bytes = defaultBytes
	}
	if p.slack == 0 {
		p.slack = slackBytes
	}
	if now := p.Now; now != nil {
		p.since = func(began time.Time) time.Duration { return now().Sub(began) }
	} else {
		p.Now, p.since = time.Now, time.Since // which reads one clock where Now reads two
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	return p
}

// Log is a bounded ring of attempts. Readers take no lock that a writer of another attempt waits for, and no method
// calls out while it holds one.
//
// Lock order: keeper.disk, Log.mu, record.mu, keeper.mu; tally.mu is taken alone, that of shelf comes last.
type Log struct {
	params  Params
	version atomic.Uint64
	bytes   atomic.Int64
	bound   atomic.Int64 // of bytes
	kept    atomic.Int64 // attempts
	decided func(Attempt)
	tally   tally
	shelf   shelf
	keeper  *keeper // nil: what is recorded is in memory alone

	ring   atomic.Pointer[ring]
	oldest atomic.Uint64 // lowest id that may still be kept
	newest atomic.Uint64 // highest id given, 0 before the first

	mu    sync.Mutex // held to begin, to evict and to restore
	floor uint64     // the highest id that was evicted; none up to it is restored
}

// ring holds the attempt with id n in slot n modulo their number. It is replaced as a whole.
type ring []atomic.Pointer[record]

func (r ring) slot(id uint64) *atomic.Pointer[record] { return &r[id%uint64(len(r))] }

// record is one attempt while it is in the ring, or still being written.
type record struct {
	id uint64

	mu      sync.Mutex
	draft   *draft   // where attempt and body are; nil: in memory of their own
	attempt *Attempt // without steps and packets; nil while it rests
	body    *body    // nil while it rests
	text    string   // what a text search looks at; empty: to be made anew
	resting resting
	woken   bool  // it rested before
	texts   int64 // bytes of those of the attempt
	size    int64
	evicted bool

	helloAt   time.Duration // the offset of the ClientHello; 0: none came
	tracedFor time.Duration // since it began: so long packets beyond the first are kept

	due  due    // to be written to the disk
	file uint64 // in which the latest of it that was written is; 0: nothing was
}

// NewLog makes an empty log that is kept in memory alone.
func NewLog(p Params) *Log {
	p = p.withDefaults()
	l := &Log{params: p}
	slots := make(ring, p.Capacity)
	l.ring.Store(&slots)
	l.bound.Store(p.Bytes)
	l.oldest.Store(1)
	return l
}

// OnDecided sets the function that is told each attempt at its verdict, or at its end when there was none, without its
// steps and packets: [Log.Get] has them. Set it before the first Begin. It is called without locks on the goroutine of the connection, so it must not block.
func (l *Log) OnDecided(fn func(Attempt)) { l.decided = fn }

// Version rises with every change.
func (l *Log) Version() uint64 { return l.version.Load() }

// Begin records that a connection was accepted. The Recorder belongs to that connection.
func (l *Log) Begin(remote, local string) *Recorder {
	if l.params.Off {
		return &Recorder{log: l, record: &record{id: l.newest.Add(1)}}
	}
	now := l.params.Now()
	r := &record{}
	r.begin()
	r.attempt.At, r.attempt.Remote, r.attempt.Local, r.attempt.Code = now, remote, local, Pending
	r.texts = textsOf(r.attempt)
	r.body.add(0, Accepted, Good, []Fact{{"remote", remote}, {"local", local}})
	size := r.weigh()
	r.size = size

	l.mu.Lock()
	id := l.newest.Load() + 1
	r.id, r.attempt.ID = id, id
	slots := *l.ring.Load()
	for id-l.oldest.Load() >= uint64(len(slots)) {
		l.evictOldest()
	}
	slots.slot(id).Store(r)
	l.newest.Store(id)
	l.kept.Add(1)
	l.mu.Unlock()

	l.grown(size)
	l.version.Add(1)
	return &Recorder{log: l, record: r, began: now}
}

// evictOldest forgets the oldest attempt. Log.mu is held.
func (l *Log) evictOldest() {
	id := l.oldest.Load()
	l.oldest.Store(id + 1)
	l.floor = max(l.floor, id)
	slot := l.ring.Load().slot(id)
	if r := slot.Load(); r != nil && r.id == id { // an id that was lost with the process before has none
		slot.Store(nil)
		l.forget(r)
	}
}

// forget lets go of an attempt that was taken off the ring. Log.mu is held.
func (l *Log) forget(r *record) {
	r.mu.Lock()
	r.evicted = true // a connection that still lives goes on writing: nothing of it is kept
	r.resting.encoded = ""
	if r.body != nil {
		*r.body = body{}
	}
	size := r.size
	r.size = 0
	r.mu.Unlock()
	l.bytes.Add(-size)
	l.kept.Add(-1)
}

// grown adds to the bytes kept, and evicts when they are too many. No lock is held by the caller.
func (l *Log) grown(by int64) {
	if l.bytes.Add(by) <= l.bound.Load() {
		return
	}
	l.mu.Lock()
	l.fit()
	l.mu.Unlock()
}

// fit evicts until what is left is within the bound of bytes. Log.mu is held.
func (l *Log) fit() {
	for l.bytes.Load() > l.bound.Load() && l.oldest.Load() < l.newest.Load() {
		l.evictOldest()
	}
}

// SetBounds changes how many attempts and about how many bytes are kept; what is beyond them goes at once. Zero stands for the
// default.
func (l *Log) SetBounds(count int, bytes int64) {
	if count <= 0 {
		count = defaultCapacity
	}
	if bytes <= 0 {
		bytes = defaultBytes
	}
	l.mu.Lock()
	l.bound.Store(bytes)
	if old := *l.ring.Load(); len(old) != count {
		newest := l.newest.Load()
		for newest+1-l.oldest.Load() > uint64(count) {
			l.evictOldest()
		}
		slots := make(ring, count)
		for id := l.oldest.Load(); id <= newest; id++ {
			if r := old.slot(id).Load(); r != nil && r.id == id {
				slots.slot(id).Store(r)
			}
		}
		l.ring.Store(&slots)
	}
	l.fit()
	l.mu.Unlock()
	l.version.Add(1)
}

// Clear forgets every attempt that is over, on the disk as well; those of connections that are being made or live stay. IDs go
// on rising. An error is that of the disk: what is there is then removed later.
func (l *Log) Clear() error {
	if k := l.keeper; k != nil {
		return k.clear()
	}
	l.clear()
	return nil
}

func (l *Log) clear() {
	l.mu.Lock()
	newest, slots := l.newest.Load(), *l.ring.Load()
	l.floor = newest
	for id := l.oldest.Load(); id <= newest; id++ {
		slot := slots.slot(id)
		r := slot.Load()
		if r == nil || r.id != id {
			continue
		}
		r.mu.Lock()
		over := r.attempt == nil || r.attempt.Done || r.attempt.Code > 0 // a refused one may still be closing
		r.mu.Unlock()
		if over {
			slot.Store(nil)
			l.forget(r)
		}
	}
	l.mu.Unlock()
	l.version.Add(1)
}

// restore puts an attempt back that is over and was read from the disk, unless it is beyond the bounds, there already or cleared.
func (l *Log) restore(a Attempt, file uint64) *record {
	r := &record{id: a.ID, file: file}
	r.resting = restingAs(&a, l.shelf.put(encodeAttempt(nil, &a)))
	r.size = r.weigh()
	l.mu.Lock()
	defer l.mu.Unlock()
	slots := *l.ring.Load()
	if a.ID <= l.floor || a.ID > l.newest.Load() || l.newest.Load()-a.ID >= uint64(len(slots)) {
		return nil
	}
	slot := slots.slot(a.ID)
	if slot.Load() != nil {
		return nil
	}
	slot.Store(r)
	l.oldest.Store(min(l.oldest.Load(), a.ID))
	l.kept.Add(1)
	l.bytes.Add(r.size)
	l.fit()
	l.version.Add(1)
	if r.evicted { // it was the oldest, and too much
		return nil
	}
	return r
}

// find is the record of an id, nil when it is gone.
func (l *Log) find(id uint64) *record {
	if id < l.oldest.Load() || id > l.newest.Load() {
		return nil
	}
	r := l.ring.Load().slot(id).Load()
	if r == nil || r.id != id { // an id is written before its record is published and never changes
		return nil
	}
	return r
}
