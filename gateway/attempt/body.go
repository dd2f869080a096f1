package attempt

import (
	"slices"
	"sync"
)

// body is what grows of a record: its steps and packets, written one behind the other as they are on the disk. A step is encoded when it is
// recorded, once: whoever records it need not allocate its facts, writing it to the disk is a copy, and the garbage collector finds nothing
// to look at in ten thousand attempts of a hundred texts each, which was most of what recording cost a connect. Who reads it decodes it.
type body struct {
	steps   []byte // as putStep writes them
	packets []byte // as putPacket writes them

	stepCount, packetCount int
	packetBytes            int  // of the packets themselves
	lent                   bool // steps is a buffer of the pool
}

// usualSteps is room for the steps of most attempts, in bytes.
const usualSteps = 4 << 10

// buffers are for attempts that are being made. One that is settled keeps no more than it needs.
var buffers = sync.Pool{New: func() any { return new([usualSteps]byte) }}

// bodyOf is the body of an attempt that is known as a whole.
func bodyOf(a *Attempt) (b body) {
	for i := range a.Steps {
		b.steps = putStep(b.steps, &a.Steps[i])
	}
	for i := range a.Packets {
		b.packets = putPacket(b.packets, &a.Packets[i])
		b.packetBytes += len(a.Packets[i].Bytes)
	}
	b.steps, b.packets = slices.Clip(b.steps), slices.Clip(b.packets)
	b.stepCount, b.packetCount = len(a.Steps), len(a.Packets)
	return b
}

// add adds a step.
func (b *body) add(s *Step) {
	if b.steps == nil {
		b.steps, b.lent = buffers.Get().(*[usualSteps]byte)[:0], true
	}
	before := cap(b.steps)
	b.steps = putStep(b.steps, s)
	b.lent = b.lent && cap(b.steps) == before // else it has outgrown the buffer, which is lost to the pool
	b.stepCount++
}

// addPacket adds a packet.
func (b *body) addPacket(p *Packet) {
	if b.packets == nil {
		b.packets = make([]byte, 0, 192) // a CONNECT and a CONNACK
	}
	b.packets = putPacket(b.packets, p)
	b.packetCount++
	b.packetBytes += len(p.Bytes)
}

// settle gives back what is not needed. Steps may be added afterwards.
func (b *body) settle() {
	const slack = 4 // a quarter of it
	if cap(b.steps)-len(b.steps) <= len(b.steps)/slack {
		return
	}
	buffer := *b
	b.steps, b.lent = append(make([]byte, 0, len(b.steps)), b.steps...), false
	buffer.release()
}

// release gives back the buffer; the body is not used any more.
func (b *body) release() {
	if b.lent {
		buffers.Put((*[usualSteps]byte)(b.steps[:usualSteps]))
	}
}

// read is all of it; what is returned is the caller's own, and never changes.
func (b *body) read() ([]Step, []Packet) {
	packets, _ := readPackets(b.packets) // putPacket wrote them, and what is written does not change
	return readSteps(b.steps), packets
}

// weigh is what the record is taken to weigh, in bytes. The record is locked, or not published yet.
func (r *record) weigh() int64 {
	a := r.attempt
	if a == nil {
		return sizeOfResting + int64(len(r.resting.encoded))
	}
	return sizeOfAttempt + 2*int64(len(a.Remote)+len(a.Local)) + fieldBytes(a) + int64(cap(r.body.steps)+cap(r.body.packets))
}
