package attempt

import (
	"encoding/binary"
	"strings"
	"time"
)

// resting is an attempt that is over, in one piece of memory, as it is on the disk. Ten thousand attempts of twenty texts each were what the
// garbage collector of a gateway had most to do with, at every cycle; in a text of its own there is nothing for it to follow. Who reads
// an attempt decodes it, and one that something is added to after all is made whole again.
type resting struct {
	encoded string
	at      int64 // since 1970, in nanoseconds; for filters
	code    Code
}

func restingAs(a *Attempt, encoded string) resting {
	return resting{encoded: encoded, at: a.At.UnixNano(), code: a.Code}
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

// rest lays an attempt to rest that is over. The record is locked.
func (r *record) rest(on *shelf) {
	var encoded []byte
	if d := r.draft; d != nil {
		d.whole = r.encode(d.whole[:0])
		encoded = d.whole
	} else {
		encoded = r.encode(nil)
	}
	if r.woken { // it has left a hole on the shelf already
		on = nil
	}
	r.resting = restingAs(r.attempt, on.put(encoded))
	r.attempt, r.body = nil, nil
	r.release()
}

// wake makes an attempt that rests ready for a change. The record is locked.
func (r *record) wake() {
	if r.attempt != nil {
		return
	}
	a := r.resting.read(r.id, true)
	own := &making{a, bodyOf(&a)}
	own.attempt.Steps, own.attempt.Packets = nil, nil
	r.attempt, r.body, r.resting, r.texts, r.woken = &own.attempt, &own.body, resting{}, textsOf(&a), true
}

// head is the attempt without steps and packets, not to be changed. The record is locked.
func (r *record) head() *Attempt {
	if r.attempt != nil {
		return r.attempt
	}
	a, _ := decodeHead(r.resting.head(), false) // encode wrote it
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

// head is what is text of the attempt, without the steps.
func (r *resting) head() source {
	text, _ := r.parts()
	from := -1
	for left := text; len(left) > 0; {
		tag, _, rest, ok := field(left)
		if !ok {
			break
		}
		switch at := len(text) - len(left); {
		case tag == tagStep && from < 0:
			from = at
		case tag != tagStep && from >= 0:
			return text[:from] + text[at:]
		}
		left = rest
	}
	if from < 0 {
		return text
	}
	return text[:from]
}

// read is the attempt. What is read does not hold the shelf that it rests on. Of one that was evicted nothing is left but code and time.
func (r *resting) read(id uint64, whole bool) Attempt {
	text, packets := r.parts()
	if text == "" {
		return Attempt{ID: id, At: time.Unix(0, r.at), Code: r.code, Done: true}
	}
	if whole {
		text = source(strings.Clone(string(text)))
	} else {
		text = r.head()
	}
	a, _ := decodeHead(text, whole) // encode wrote it
	if whole {
		a.Packets, _ = readPackets([]byte(packets))
	}
	return a
}
