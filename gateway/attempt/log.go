package attempt

import (
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
	Capacity       int // attempts kept, the oldest goes first; default 10 000
	Bytes          int // bound of all that is kept, about; default 64 MiB
	PacketsKept    int // first packets kept of each attempt; default 32
	MaxPacketBytes int // bytes kept of each packet; default 4096
	Now            func() time.Time
}

func (p Params) withDefaults() Params {
	for _, d := range []struct {
		value    *int
		standard int
	}{{&p.Capacity, 10_000}, {&p.Bytes, 64 << 20}, {&p.PacketsKept, 32}, {&p.MaxPacketBytes, 4096}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}

// Log is a bounded ring of attempts. Readers take no lock that a writer of another attempt waits for, and no method
// calls out while it holds one.
//
// Lock order: Log.mu before record.mu; tally.mu is taken alone.
type Log struct {
	params  Params
	version atomic.Uint64
	bytes   atomic.Int64
	decided func(Attempt)
	tally   tally

	slots  []atomic.Pointer[record] // the attempt with id n is in slot n modulo their number
	oldest atomic.Uint64            // lowest id that may still be kept
	newest atomic.Uint64            // highest id given, 0 before the first

	mu sync.Mutex // held to begin and to evict
}

// record is one attempt while it is in the ring, or still being written.
type record struct {
	mu      sync.Mutex
	attempt Attempt
	text    string // what a text search looks at; empty: to be made anew
	size    int64
	evicted bool
}

// NewLog makes an empty log.
func NewLog(p Params) *Log {
	p = p.withDefaults()
	l := &Log{params: p, slots: make([]atomic.Pointer[record], p.Capacity)}
	l.oldest.Store(1)
	return l
}

// OnDecided sets the function that is told each attempt at its verdict, or at its end when there was none. Set it
// before the first Begin. It is called without locks on the goroutine of the connection, so it must not block.
func (l *Log) OnDecided(fn func(Attempt)) { l.decided = fn }

// Version rises with every change.
func (l *Log) Version() uint64 { return l.version.Load() }

// Begin records that a connection was accepted. The Recorder belongs to that connection.
func (l *Log) Begin(remote, local string) *Recorder {
	now := l.params.Now()
	r := &record{attempt: Attempt{
		At: now, Remote: remote, Local: local, Code: Pending,
		Steps: append(make([]Step, 0, 12), Step{Kind: Accepted, Facts: []Fact{{"remote", remote}, {"local", local}}}),
	}}
	size := sizeOfAttempt + int64(2*len(remote)+2*len(local)) + 12*sizeOfStep
	r.size = size

	l.mu.Lock()
	id := l.newest.Load() + 1
	r.attempt.ID = id
	if id-l.oldest.Load() >= uint64(len(l.slots)) {
		l.evictOldest()
	}
	l.slots[id%uint64(len(l.slots))].Store(r)
	l.newest.Store(id)
	l.mu.Unlock()

	l.grown(size)
	l.version.Add(1)
	return &Recorder{log: l, record: r, began: now}
}

// evictOldest forgets the oldest attempt. Log.mu is held.
func (l *Log) evictOldest() {
	id := l.oldest.Load()
	l.oldest.Store(id + 1)
	slot := &l.slots[id%uint64(len(l.slots))]
	r := slot.Load()
	slot.Store(nil)
	if r == nil {
		return
	}
	r.mu.Lock()
	r.evicted = true // a connection that still lives goes on writing: nothing of it is kept
	r.attempt.Steps, r.attempt.Packets = nil, nil
	size := r.size
	r.size = 0
	r.mu.Unlock()
	l.bytes.Add(-size)
}

// grown adds to the bytes kept, and evicts when they are too many. No lock is held by the caller.
func (l *Log) grown(by int64) {
	if l.bytes.Add(by) <= int64(l.params.Bytes) {
		return
	}
	l.mu.Lock()
	for l.bytes.Load() > int64(l.params.Bytes) && l.oldest.Load() < l.newest.Load() {
		l.evictOldest()
	}
	l.mu.Unlock()
}

// find is the record of an id, nil when it is gone.
func (l *Log) find(id uint64) *record {
	if id < l.oldest.Load() || id > l.newest.Load() {
		return nil
	}
	r := l.slots[id%uint64(len(l.slots))].Load()
	if r == nil || r.attempt.ID != id { // an id is written before its record is published and never changes
		return nil
	}
	return r
}
