package broker

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"gatehouse/gateway/broker/record"
)

const (
	residentBytes = 64 << 20 // payloads of stored messages that are kept in memory for devices that are connected
	recordsKept   = 8        // of the log, for messages that are read back
)

// stored is a message in the log, shared by every outbox that it waits in. Its payload is in memory only while a device is
// likely to get it soon.
type stored struct {
	message atomic.Pointer[Message] // nil: to be read back
	place   atomic.Uint64           // a record.Place; it changes when the log is compacted
	refs    atomic.Int32            // outboxes, and the retained message of a topic
	size    int32                   // as Message.size
}

func (st *stored) at() record.Place { return record.Place(st.place.Load()) }

// shelf is what a hub knows of its stored messages: how much of the log they need, and which are in memory.
type shelf struct {
	log      Log
	budget   int64        // of resident
	live     atomic.Int64 // bytes of messages with references
	resident atomic.Int64 // bytes of messages in memory
	ring     []*stored    // in memory, oldest first, and some that are no more; the sequencer's
	tidyAt   int          // length of the ring at which those are forgotten

	mu      sync.Mutex
	records map[uint64][]byte // read back a moment ago
	order   []uint64
}

// keep holds a message in memory, and lets go of the oldest beyond the bound. Only the sequencer calls it, and before the
// message sits in any outbox.
func (sh *shelf) keep(st *stored, m *Message) {
	st.message.Store(m)
	sh.resident.Add(int64(st.size))
	sh.ring = append(sh.ring, st)
	drop := 0
	for sh.resident.Load() > sh.budget && drop < len(sh.ring)-1 {
		sh.letGo(sh.ring[drop])
		drop++
	}
	if drop > 0 {
		clear(sh.ring[:drop])
		sh.ring = sh.ring[drop:]
	}
	if len(sh.ring) > sh.tidyAt {
		sh.tidy()
	}
}

// tidy forgets in the ring what is not in memory any more.
func (sh *shelf) tidy() {
	var kept []*stored
	for _, st := range sh.ring {
		if st.message.Load() != nil {
			kept = append(kept, st)
		}
	}
	sh.ring, sh.tidyAt = kept, 2*len(kept)+4096
}

func (sh *shelf) letGo(st *stored) {
	if st.message.Swap(nil) != nil {
		sh.resident.Add(-int64(st.size))
	}
}

// release takes away a reference.
func (sh *shelf) release(st *stored) {
	if st.refs.Add(-1) == 0 {
		if st.at() != 0 { // else it never got there
			sh.live.Add(-int64(st.size))
		}
		sh.letGo(st)
	}
}

var errGone = errors.New("nothing refers to the message any more")

// fetch reads a message back from the log.
func (sh *shelf) fetch(st *stored) (*Message, error) {
	for {
		if m := st.message.Load(); m != nil {
			return m, nil
		}
		at := st.at()
		b, err := sh.record(at.Record())
		var read record.Message
		if err == nil {
			read, err = record.MessageAt(b, at.Offset())
		}
		if err == nil {
			m := newMessage(read.Payload)
			m.Topic, m.QoS, m.From = read.Topic, read.QoS, read.From
			return m, nil
		}
		switch {
		case st.at() != at: // compacted meanwhile
		case st.refs.Load() <= 0:
			return nil, errGone
		default:
			return nil, fmt.Errorf("read a message back: %w", err)
		}
	}
}

// record reads a record, or takes one of those that were read last.
func (sh *shelf) record(seq uint64) ([]byte, error) {
	sh.mu.Lock()
	b, known := sh.records[seq]
	sh.mu.Unlock()
	if known {
		return b, nil
	}
	b, err := sh.log.Get(seq)
	if err != nil {
		return nil, err
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, known := sh.records[seq]; known {
		return b, nil
	}
	if sh.records == nil {
		sh.records = map[uint64][]byte{}
	}
	if len(sh.order) == recordsKept {
		delete(sh.records, sh.order[0])
		sh.order = append(sh.order[:0], sh.order[1:]...)
	}
	sh.records[seq] = b
	sh.order = append(sh.order, seq)
	return b, nil
}
