package attempt

import (
	"encoding/binary"
	"time"
)

// resting is an attempt that is over, in one piece of memory, as it is on the disk. Ten thousand attempts of twenty texts each were what the
// garbage collector of a gateway had most to do with, at every cycle; in a text of its own there is nothing for it to follow. Who reads
// an attempt decodes it, and one that something is added to after all is made whole again.
type resting struct {
	encoded string
	at      time.Time // for filters, and exact
	code    Code
}

// sizeOfResting is what an attempt that rests is taken to weigh, in bytes, beside its encoding.
const sizeOfResting = 256

// encode appends the attempt as it is on the disk. The record is locked.
func (r *record) encode(b []byte) []byte {
	if r.attempt == nil {
		return append(b, r.resting.encoded...)
	}
	return encodeParts(b, r.attempt, r.body.steps, r.body.packets)
}

// rest lays an attempt to rest that is over and was encoded. The record is locked, or not published yet.
func (r *record) rest(encoded []byte) {
	r.resting = resting{encoded: string(encoded), at: r.attempt.At, code: r.attempt.Code}
	r.body.release()
	r.attempt, r.body = nil, body{}
}

// wake makes an attempt that rests ready for a change. The record is locked.
func (r *record) wake() {
	if r.attempt != nil {
		return
	}
	a := r.resting.read(r.id, true)
	r.body = bodyOf(&a)
	a.Steps, a.Packets = nil, nil
	r.attempt, r.resting = &a, resting{}
}

// head is the attempt without steps and packets, not to be changed. The record is locked.
func (r *record) head() *Attempt {
	if r.attempt != nil {
		return r.attempt
	}
	a := r.resting.read(r.id, false)
	return &a
}

// value is a text of the attempt by its tag, one that filters ask for. The record is locked.
func (r *record) value(tag uint64) string {
	if a := r.attempt; a != nil {
		switch tag {
		case tagRemote:
			return a.Remote
		case tagDeviceSID:
			return a.DeviceSID
		case tagCredentialSID:
			return a.CredentialSID
		case tagThumbprint:
			return a.Thumbprint
		case tagServerName:
			return a.ServerName
		case tagServer:
			return a.Server
		}
		return ""
	}
	for have, v := range r.resting.fields {
		if have == tag {
			return string(v)
		}
	}
	return ""
}

// parts are what is text of the attempt, and its packets.
func (r *resting) parts() (text source, packets string) {
	const length = 4 // of the length of the text
	if len(r.encoded) < length {
		return "", ""
	}
	n := length + int(binary.LittleEndian.Uint32([]byte(r.encoded[:length])))
	return source(r.encoded[length:n]), r.encoded[n:]
}

// fields goes through the fields of the attempt, the steps as they are encoded.
func (r *resting) fields(yield func(tag uint64, v source) bool) {
	for text, _ := r.parts(); len(text) > 0; {
		tag, v, rest, ok := field(text)
		if !ok || !yield(tag, v) {
			return
		}
		text = rest
	}
}

// read is the attempt, of which the texts are parts of what rests. Of one that was evicted nothing is left but code and time.
func (r *resting) read(id uint64, whole bool) Attempt {
	text, packets := r.parts()
	if text == "" {
		return Attempt{ID: id, At: r.at, Code: r.code, Done: true}
	}
	a, _ := decodeHead(text, whole) // encode wrote it
	if whole {
		a.Packets, _ = readPackets([]byte(packets))
	}
	a.At = r.at
	return a
}
