package attempt

// An attempt that is over is kept packed: its steps and packets as they are written to the disk, in one piece of memory without pointers. It
// takes a third of the room, and the garbage collector has nothing to look at in it: with ten thousand attempts of a hundred texts each, that was
// most of what recording cost a connect. What a list and a filter need stays as it is.

// pack keeps steps and packets in the form of encodeAttempt. It returns by how many bytes the record grew. The record is locked.
func (r *record) pack(encoded []byte) int64 {
	r.packed = encoded
	r.attempt.Steps, r.attempt.Packets = nil, nil
	before := r.size
	r.size = sizeOfAttempt + 2*int64(len(r.attempt.Remote)+len(r.attempt.Local)) + fieldBytes(&r.attempt) + int64(len(encoded))
	return r.size - before
}

// unpack makes steps and packets changeable again. It returns by how many bytes the record grew. The record is locked.
func (r *record) unpack() int64 {
	if r.packed == nil {
		return 0
	}
	r.attempt.Steps, r.attempt.Packets = r.parts()
	r.packed = nil
	before := r.size
	r.size = weigh(&r.attempt)
	return r.size - before
}

// parts are the steps and packets of a packed record; what is returned is the caller's own. The record is locked.
func (r *record) parts() ([]Step, []Packet) {
	a, err := decodeAttempt(r.packed)
	if err != nil { // encodeAttempt made it
		return nil, nil
	}
	return a.Steps, a.Packets
}
