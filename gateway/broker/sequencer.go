package broker

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	mostPending      = 512      // packets of one connection that wait to be stored
	mostPendingBytes = 1 << 20  // of their payloads
	mostQueuedBytes  = 64 << 20 // of all connections
	lazily           = 50 * time.Millisecond
	groupBytes       = 768 << 10 // a record is written when it has this many; it stays below record.MaxSize
	groupActs        = 8192
)

var (
	errStore  = errors.New("it could not be stored")
	errClosed = errors.New("the hub is closed")
)

// sequencer is the one line through which everything goes that must be in order and on the disk. While a record is being
// written the next steps gather; then one record is built from all of them. What they mean (who gets a message, which
// retained messages a new subscription finds) is decided when their record is built, so that the log's order is the order
// of everything. When the record is stored, its steps take effect in order: first messages go into outboxes, then
// acknowledgements to their devices.
//
// Its goroutine lives only while there is something to do.
type sequencer struct {
	hub *Hub

	mu      sync.Mutex
	room    sync.Cond // bytes fell, or the goroutine has ended
	waiting []entry
	spare   []entry
	bytes   int // of waiting
	eager   int // entries that shall not wait for others
	running bool
	closing bool
	timer   *time.Timer
	armed   bool
	updates uint64 // of objects, ever
	err     error  // why nothing can be stored; nil: it can
}

// add puts an entry at the end. bytes is what it holds in memory. It waits while too much is queued; with lazy the entry
// may be stored some time later. An error means that it was not added.
func (q *sequencer) add(e entry, bytes int, lazy bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.bytes > mostQueuedBytes && q.err == nil {
		q.room.Wait()
	}
	return q.put(e, bytes, lazy)
}

// put is add without waiting. Called with mu held.
func (q *sequencer) put(e entry, bytes int, lazy bool) error {
	if q.err != nil {
		return q.err
	}
	q.waiting = append(q.waiting, e)
	q.bytes += bytes
	if lazy {
		q.arm()
		return nil
	}
	q.eager++
	q.wake()
	return nil
}

// wake starts the goroutine if there is none. Called with mu held.
func (q *sequencer) wake() {
	if !q.running {
		q.running = true
		go q.run()
	}
}

// arm sees to it that lazy entries do not wait for long. Called with mu held.
func (q *sequencer) arm() {
	if q.armed {
		return
	}
	q.armed = true
	if q.timer == nil {
		q.timer = time.AfterFunc(lazily, q.hurry)
	} else {
		q.timer.Reset(lazily)
	}
}

func (q *sequencer) hurry() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.armed = false
	if len(q.waiting) > 0 && q.err == nil {
		q.eager++
		q.wake()
	}
}

// run works until nothing is urgent.
func (q *sequencer) run() {
	for {
		taken, done := q.take()
		if done {
			return
		}
		q.hub.group.process(taken)
		q.giveBack(taken)
		q.hub.compact()
	}
}

// take takes all that waits; done means that the goroutine has ended.
func (q *sequencer) take() (taken []entry, done bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.eager == 0 && (q.closing || !q.hub.compaction.running()) {
		q.running = false
		q.room.Broadcast()
		return nil, true
	}
	taken, q.waiting, q.spare = q.waiting, q.spare[:0], nil
	q.eager, q.bytes = 0, 0
	q.room.Broadcast()
	return taken, false
}

func (q *sequencer) giveBack(taken []entry) {
	clear(taken)
	if cap(taken) <= 16_384 {
		q.spare = taken
	}
}

// fail says that nothing can be stored any more, for now, and returns how that is told.
func (q *sequencer) fail(err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = fmt.Errorf("%w: %w", errStore, err)
	}
	q.room.Broadcast()
	return q.err
}

func (q *sequencer) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// seize waits until the goroutine has nothing urgent left and keeps it from running again until letGo.
func (q *sequencer) seize() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.running {
		q.room.Wait()
	}
	q.running = true
}

func (q *sequencer) letGo() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = false
	q.room.Broadcast()
	if q.eager > 0 && q.err == nil {
		q.wake()
	}
}

// close stores what waits and takes no more.
func (q *sequencer) close() {
	q.mu.Lock()
	q.closing = true
	q.mu.Unlock()
	q.seize()
	defer q.letGo()
	q.mu.Lock()
	taken := q.waiting
	q.waiting, q.spare, q.eager, q.bytes = nil, nil, 0, 0
	if q.err == nil {
		q.err = errClosed
	}
	if q.timer != nil {
		q.timer.Stop()
	}
	q.mu.Unlock()
	q.hub.group.process(taken)
	q.hub.group.broken = errClosed
}
