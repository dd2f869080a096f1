package attempt

import (
	"slices"
	"sync"
)

// making is what a record holds until the attempt comes to rest.
type making struct {
	attempt Attempt // without steps and packets
	body    body
}

// draft is room for an attempt while it is being made, to be used again: most of what recording a connect allocated was this, and the one
// that was used last is still in the processor's cache.
type draft struct {
	making
	steps   [4 << 10]byte // those of most attempts
	packets [192]byte     // a CONNECT and a CONNACK
	whole   []byte        // for encoding it
}

var drafts = sync.Pool{New: func() any { return new(draft) }}

// mostOfWhole bounds what a draft keeps for encoding, in bytes.
const mostOfWhole = 64 << 10

// begin gives a new record room for an attempt.
func (r *record) begin() {
	d := drafts.Get().(*draft)
	d.body.steps, d.body.packets = d.steps[:0], d.packets[:0]
	r.draft, r.attempt, r.body = d, &d.attempt, &d.body
}

// settle moves an attempt that goes on into memory of its own, no more than it needs, and gives its draft back. The record is locked.
func (r *record) settle() {
	const slack = 4 // a quarter of it
	if r.draft == nil && cap(r.body.steps)-len(r.body.steps) <= len(r.body.steps)/slack {
		return
	}
	own := &making{*r.attempt, *r.body}
	own.body.steps, own.body.packets = exactly(own.body.steps), exactly(own.body.packets)
	r.attempt, r.body = &own.attempt, &own.body
	r.release()
}

func exactly(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

// release gives the draft back, which nothing of the record refers to any more. The record is locked.
func (r *record) release() {
	if d := r.draft; d != nil {
		r.draft = nil
		d.making = making{}
		if cap(d.whole) > mostOfWhole { // it was traced
			d.whole = nil
		}
		drafts.Put(d)
	}
}

// read is all that was added; what is returned is the caller's own, and never changes. The record is locked, and does not rest.
func (r *record) read() ([]Step, []Packet) {
	packets := r.body.packets
	if r.draft != nil { // which others will write into
		packets = slices.Clone(packets)
	}
	all, _ := readPackets(packets) // putPacket wrote them, and what is written does not change
	return readSteps(r.body.steps), all
}

// weigh is what the record is taken to weigh, in bytes. The record is locked, or not published yet.
func (r *record) weigh() int64 {
	if r.attempt == nil {
		return sizeOfResting + int64(len(r.resting.encoded))
	}
	return sizeOfAttempt + r.texts + int64(cap(r.body.steps)+cap(r.body.packets))
}
