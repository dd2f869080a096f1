package attempt

import (
	"errors"
	"slices"
	"sync"
	"time"

	"gatehouse/gateway/attempt/segment"
)

// How what changes is gathered before it is written. A verdict, an end and a warning follow soon; steps and packets of a live
// connection, which come one by one, are written together.
const (
	soonAfter  = 250 * time.Millisecond
	laterAfter = 5 * time.Second
	retryAfter = 2 * time.Second // when it could not be written

	batchAttempts = 128
	slackBytes    = 16 << 20 // what the files may hold beyond the bound, of attempts that were written anew or are gone
	maxFiles      = 64
)

// due is when a change is to be written.
type due uint8

const (
	written due = iota // nothing is
	later
	soon
)

// keeper writes what changes to the disk, on a goroutine of its own, and tells of it. The connections only note what is to
// be written; when the disk is slow or full they do not notice. What is not written yet is in the ring: only what leaves
// that before is lost.
type keeper struct {
	log   *Log
	files *segment.Files // nil: nothing is written
	each  func(Attempt)

	disk   sync.Mutex // held while files are written, cleared or restored from
	buffer []byte     // of the one who holds disk, as is what follows
	copies []Attempt  // what write returns, to be used again
	marked uint64     // the highest id that the disk knows of

	mu     sync.Mutex
	soon   []uint64
	later  []uint64
	since  time.Time // when later got its first
	retry  map[uint64]struct{}
	status Record
	tidied int // how many files there were when they were tidied last

	wake     chan struct{}
	quit     chan struct{}
	done     chan struct{}
	restored chan struct{}
	closing  sync.Once
}

// Record says how the record on the disk stands.
type Record struct {
	Kept     int   // attempts in memory
	Bytes    int64 // of them, about
	OnDisk   int64 // bytes of the files
	Waiting  int   // attempts that are to be written yet
	Restored int   // attempts that were read when the log was opened
	Loading  bool  // and whether that goes on
	// Lost are the attempts that went before they could be written, since the log was opened.
	Lost uint64
	// Damaged are the places in the files that could not be read when the log was opened; what was there is skipped.
	Damaged int
	Err     error // why nothing can be written at the moment; nil while it can
}

// Open makes a log that is kept on the disk as well, in Params.Dir, and reads back what is there: the attempts themselves in the
// background, newest first. IDs go on from the highest that was given. Attempts that were under way when the process ended
// are closed with [cause.GatewayDied]. What is damaged is skipped and counted; a folder that cannot be used is no error: then
// the log is in memory alone, and [Log.Record] says why.
//
// Params.Each is told of every attempt that is decided, again when something is added to it, and at first of those that were
// read, oldest first. It gets its own copy with everything, is called by one goroutine with no lock held, and may take its
// time.
func Open(p Params) *Log {
	l := NewLog(p)
	k := &keeper{
		log: l, each: p.Each, retry: map[uint64]struct{}{},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}), restored: make(chan struct{}),
	}
	l.keeper = k
	if p.Dir != "" {
		files, err := segment.Open(p.Dir, p.fileBytes)
		if err != nil {
			k.status.Err = err
			l.params.Logger.Warn("attempts are kept in memory alone", "err", err)
		}
		k.files = files
	}
	died := k.resume()
	k.status.Loading = true
	go k.run(l.newest.Load(), died)
	return l
}

// Close writes what is to be written yet, and ends what runs. The log may be read afterwards.
func (l *Log) Close() {
	k := l.keeper
	if k == nil {
		return
	}
	k.closing.Do(func() { close(k.quit) })
	<-k.done
}

// Restored is closed when all that was on the disk has been read back and told.
func (l *Log) Restored() <-chan struct{} {
	if l.keeper == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	return l.keeper.restored
}

// Record says how the record stands.
func (l *Log) Record() Record {
	r := Record{}
	if k := l.keeper; k != nil {
		k.mu.Lock()
		r = k.status
		r.Waiting = len(k.soon) + len(k.later) + len(k.retry)
		k.mu.Unlock()
		if k.files == nil {
			r.Waiting = 0
		} else {
			r.OnDisk = k.files.Bytes()
		}
	}
	r.Kept, r.Bytes = l.Len(), l.bytes.Load()
	return r
}

// note has an attempt written. The record is locked.
func (k *keeper) note(r *record, when due) {
	if r.due >= when {
		return
	}
	r.due = when
	k.mu.Lock()
	wake := false
	if when == soon {
		k.soon = append(k.soon, r.id)
		wake = len(k.soon) == 1
	} else {
		if k.later = append(k.later, r.id); len(k.later) == 1 {
			k.since = time.Now()
			wake = true
		}
	}
	k.mu.Unlock()
	if wake {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

// run is the keeper's goroutine. It begins with what the disk holds: the attempts up to an id.
func (k *keeper) run(newest uint64, died time.Time) {
	defer close(k.done)
	k.load(newest, died)
	timer := time.NewTimer(0)
	<-timer.C
	defer timer.Stop()
	var at time.Time // when the timer runs out; zero: it does not run
	until := func(d time.Duration) {
		next := time.Now().Add(d)
		if at.IsZero() || next.Before(at) {
			at = next
			timer.Reset(d)
		}
	}
	if d := k.flush(false); d > 0 {
		until(d)
	}
	for {
		select {
		case <-k.quit:
			k.flush(true)
			k.finish()
			return
		case <-k.wake:
			until(k.wait())
		case <-timer.C:
			at = time.Time{}
			if d := k.flush(false); d > 0 {
				until(d)
			}
		}
	}
}

// wait is how long it is until something is to be written.
func (k *keeper) wait() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.soon) > 0 {
		return soonAfter
	}
	return max(0, laterAfter-time.Since(k.since))
}

// take is what is to be told and written now, and what only to be written: what failed before. everything is due at the end.
func (k *keeper) take(everything bool) (fresh []uint64, again []uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh, k.soon = k.soon, nil
	if len(k.later) > 0 && (everything || time.Since(k.since) >= laterAfter) {
		fresh, k.later = append(fresh, k.later...), nil
	}
	oldest := k.log.oldest.Load()
	for id := range k.retry {
		if id < oldest {
			delete(k.retry, id)
			k.status.Lost++
			continue
		}
		again = append(again, id)
	}
	slices.Sort(again)
	return fresh, again
}

// flush writes what is due, and returns after how long there is more to do; 0: never.
func (k *keeper) flush(everything bool) time.Duration {
	fresh, again := k.take(everything)
	for batch := range slices.Chunk(fresh, batchAttempts) {
		told := k.write(batch, true)
		for i := range told {
			k.each(told[i])
		}
		clear(told) // what is evicted is to go
	}
	for batch := range slices.Chunk(again, batchAttempts) {
		k.write(batch, false)
		if k.failed() {
			break // one try is enough for now
		}
	}
	k.tidy()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(k.soon) > 0:
		return soonAfter
	case len(k.retry) > 0:
		return retryAfter
	case len(k.later) > 0:
		return max(time.Millisecond, laterAfter-time.Since(k.since))
	}
	return 0
}

func (k *keeper) failed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status.Err != nil
}

// write writes attempts as they are now, and returns them as each wants them, until it is called again. changed says that they are due
// for a change.
func (k *keeper) write(ids []uint64, changed bool) []Attempt {
	k.disk.Lock()
	defer k.disk.Unlock()
	attempts, records := k.copies[:0], make([]*record, 0, len(ids))
	lost := uint64(0)
	b := k.appendMark(k.buffer[:0])
	for _, id := range ids {
		r := k.log.find(id)
		if r == nil {
			lost++
			continue
		}
		grown := int64(0)
		r.mu.Lock()
		switch {
		case r.evicted:
			lost++
		case changed && r.due == written: // it was due twice
		default:
			if changed {
				r.due = written
			}
			whole := true
			if k.files != nil {
				b, whole = segment.AppendRecord(b, func(b []byte) []byte { return r.encode(append(b, recordAttempt)) })
			}
			if changed && k.each != nil {
				a := r.copyLocked(false)
				if whole := k.log.params.Whole; whole == nil || whole(&a) {
					a = r.copyLocked(true)
				}
				attempts = append(attempts, a)
			}
			if !whole {
				lost++
			}
			if r.attempt != nil {
				r.settle()
			}
			size := r.weigh()
			grown, r.size = size-r.size, size
			records = append(records, r)
		}
		r.mu.Unlock()
		k.log.bytes.Add(grown)
	}
	k.copies = attempts
	if k.files == nil {
		return attempts
	}
	file, err := k.files.Write(b)
	if cap(b) <= segment.DefaultBytes {
		k.buffer = b // to be used again
	}
	if err == nil {
		for _, r := range records {
			r.mu.Lock()
			r.file = file
			r.mu.Unlock()
		}
	}
	k.outcome(ids, records, lost, err)
	return attempts
}

// outcome notes how writing went.
func (k *keeper) outcome(ids []uint64, records []*record, lost uint64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if (err == nil) != (k.status.Err == nil) {
		if err != nil {
			k.log.params.Logger.Warn("attempts cannot be written to the disk; they are kept in memory and tried again", "err", err)
		} else {
			k.log.params.Logger.Info("attempts are written to the disk again")
		}
	}
	k.status.Err = err
	k.status.Lost += lost
	for _, id := range ids {
		delete(k.retry, id)
	}
	if err != nil {
		for _, r := range records {
			k.retry[r.id] = struct{}{}
		}
	}
}

// finish closes the files.
func (k *keeper) finish() {
	if k.files == nil {
		return
	}
	k.mu.Lock()
	lost := len(k.retry)
	k.mu.Unlock()
	if lost > 0 {
		k.log.params.Logger.Warn("attempts are not kept, since they cannot be written", "attempts", lost)
	}
	k.disk.Lock()
	defer k.disk.Unlock()
	var err error
	if k.marked != k.log.newest.Load() { // of attempts that were never decided
		_, err = k.files.Write(k.appendMark(nil))
	}
	if err = errors.Join(err, k.files.Close()); err != nil {
		k.log.params.Logger.Warn("attempts may not be on the disk", "err", err)
	}
}
