package attempt

import (
	"slices"
	"time"
)

// body is what grows of a record: its steps and packets, written one behind the other as they are on the disk. A step is encoded when it is
// recorded, once: whoever records it need not allocate its facts, writing it to the disk is a copy, and the garbage collector finds nothing
// to look at in ten thousand attempts of a hundred texts each, which was most of what recording cost a connect. Who reads it decodes it.
type body struct {
	steps   []byte // as putStep writes them
	packets []byte // as putPacket writes them

	stepCount, packetCount int
	packetBytes            int // of the packets themselves
}

// bodyOf is the body of an attempt that is known as a whole.
func bodyOf(a *Attempt) (b body) {
	for i := range a.Steps {
		s := &a.Steps[i]
		b.steps = putStep(b.steps, s.Offset, s.Kind, s.State, s.Facts)
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
func (b *body) add(offset time.Duration, kind Kind, state State, facts ...[]Fact) {
	b.steps = putStep(b.steps, offset, kind, state, facts...)
	b.stepCount++
}

// addPacket adds a packet.
func (b *body) addPacket(p *Packet) {
	b.packets = putPacket(b.packets, p)
	b.packetCount++
	b.packetBytes += len(p.Bytes)
}
