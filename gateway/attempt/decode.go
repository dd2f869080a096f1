package attempt

import (
	"encoding/binary"
	"errors"
	"time"

	"gatehouse/gateway/cause"
)

var errDamaged = errors.New("not an attempt")

// decodeAttempt reads what encodeAttempt wrote. The bytes of packets are parts of b; the attempt does not refer to it otherwise.
func decodeAttempt(b []byte) (Attempt, error) {
	if len(b) < 4 {
		return Attempt{}, errDamaged
	}
	head := int64(binary.LittleEndian.Uint32(b))
	b = b[4:]
	if head > int64(len(b)) {
		return Attempt{}, errDamaged
	}
	a, ok := decodeHead(source(b[:head]), true)
	if !ok || a.ID == 0 {
		return Attempt{}, errDamaged
	}
	if a.Packets, ok = readPackets(b[head:]); !ok {
		return Attempt{}, errDamaged
	}
	return a, nil
}

// decodeHead reads what is not packets, with the steps or without. All texts of the attempt are parts of the given one.
func decodeHead(text source, steps bool) (Attempt, bool) {
	a := Attempt{At: time.Unix(0, 0)}
	for len(text) > 0 {
		tag, value, rest, ok := field(text)
		if !ok {
			return a, false
		}
		text = rest
		if (steps || tag != tagStep) && !a.set(tag, value) {
			return a, false
		}
	}
	return a, true
}

// readSteps reads steps as putStep wrote them. They do not refer to b.
func readSteps(b []byte) []Step {
	var a Attempt
	for text := source(b); len(text) > 0; {
		tag, value, rest, ok := field(text)
		if !ok || !a.set(tag, value) {
			break // putStep wrote it
		}
		text = rest
	}
	return a.Steps
}

// readPackets reads packets as putPacket wrote them; ok is false when they are damaged. Their bytes are parts of b.
func readPackets(b []byte) (packets []Packet, ok bool) {
	for len(b) > 0 {
		tag, value, rest, ok := field(b)
		if !ok {
			return nil, false
		}
		b = rest
		if tag != packetTag {
			continue
		}
		p, ok := readPacket(value)
		if !ok {
			return nil, false
		}
		packets = append(packets, p)
	}
	return packets, true
}

// source is a text that fields are cut out of.
type source string

// set sets the field of a tag, and reports false when its value makes no sense. Unknown tags are skipped.
func (a *Attempt) set(tag uint64, v source) bool {
	var n int64
	ok := true
	switch tag {
	case tagID, tagAt, tagCode, tagPending, tagTotal, tagTLSTook, tagResumed, tagLive, tagDone:
		n, ok = integer(v)
	}
	switch tag {
	case tagID:
		a.ID = uint64(n)
	case tagAt:
		a.At = time.Unix(0, n)
	case tagRemote:
		a.Remote = string(v)
	case tagLocal:
		a.Local = string(v)
	case tagCode:
		a.Code = Code(n)
	case tagCause:
		a.Cause = cause.ID(v)
	case tagAlso:
		a.Also = append(a.Also, cause.ID(v))
	case tagWarning:
		a.Warnings = append(a.Warnings, cause.ID(v))
	case tagDeviceSID:
		a.DeviceSID = string(v)
	case tagDeviceName:
		a.DeviceName = string(v)
	case tagCredentialSID:
		a.CredentialSID = string(v)
	case tagThumbprint:
		a.Thumbprint = string(v)
	case tagPresentedUser:
		a.PresentedUser = string(v)
	case tagServiceSID:
		a.ServiceSID = string(v)
	case tagClientID:
		a.ClientID = string(v)
	case tagServerName:
		a.ServerName = string(v)
	case tagServer:
		a.Server = string(v)
	case tagInputs:
		a.Inputs = &Inputs{}
		for len(v) > 0 && ok {
			var value source
			if tag, value, v, ok = field(v); ok {
				ok = a.Inputs.set(tag, value)
			}
		}
	case tagStep:
		if a.Steps == nil {
			a.Steps = make([]Step, 0, 12)
		}
		a.Steps = append(a.Steps, Step{})
		s := &a.Steps[len(a.Steps)-1]
		for len(v) > 0 && ok {
			var value source
			if tag, value, v, ok = field(v); ok {
				ok = s.set(tag, value)
			}
		}
	case tagResumed:
		a.Resumed = n != 0
	case tagPending:
		a.Pending = int(n)
	case tagTookOver:
		a.TookOver = string(v)
	case tagLive:
		a.Live = n != 0
	case tagDone:
		a.Done = n != 0
	case tagEnd:
		a.End = cause.ID(v)
	case tagTotal:
		a.Total = time.Duration(n)
	case tagTLSTook:
		a.TLSTook = time.Duration(n)
	}
	return ok
}

func (s *Step) set(tag uint64, v source) bool {
	var n int64
	ok := true
	if tag == stepOffset || tag == stepState {
		n, ok = integer(v)
	}
	switch tag {
	case stepOffset:
		s.Offset = time.Duration(n)
	case stepKind:
		s.Kind = Kind(v)
	case stepState:
		s.State = State(n)
	case stepFacts:
		s.Facts = make([]Fact, 0, countFacts(v))
		for len(v) > 0 && ok {
			var f Fact
			var name, value source
			if name, v, ok = counted(v); ok {
				value, v, ok = counted(v)
			}
			f.Name, f.Value = string(name), string(value)
			s.Facts = append(s.Facts, f)
		}
	}
	return ok
}

func (in *Inputs) set(tag uint64, v source) bool {
	var n int64
	ok := true
	if tag != inputProtocolName && tag != inputKeyHash && tag <= inputSecretMatched {
		n, ok = integer(v)
	}
	switch tag {
	case inputProtocolName:
		in.ProtocolName = string(v)
	case inputProtocolLevel:
		in.ProtocolLevel = byte(n)
	case inputService:
		in.Service = uint8(n)
	case inputRateLimited:
		in.RateLimited = n != 0
	case inputHasUser:
		in.HasUser = n != 0
	case inputUserIsKeySID:
		in.UserIsKeySID = n != 0
	case inputHasPassword:
		in.HasPassword = n != 0
	case inputKeyHash:
		in.KeyHash = string(v)
	case inputSecretMatched:
		in.SecretMatched = n != 0
	}
	return ok
}

func readPacket(b []byte) (p Packet, ok bool) {
	for len(b) > 0 {
		tag, value, rest, whole := field(b)
		if !whole {
			return p, false
		}
		b = rest
		if tag == packetBytes {
			p.Bytes = value[:len(value):len(value)]
			continue
		}
		n, whole := integer(value)
		if !whole && tag <= packetLength {
			return p, false
		}
		switch tag {
		case packetOffset:
			p.Offset = time.Duration(n)
		case packetOutbound:
			p.Outbound = n != 0
		case packetLength:
			p.Length = int(n)
		}
	}
	return p, true
}

// countFacts is how many facts a text of names and values holds.
func countFacts(v source) (facts int) {
	for n := 0; len(v) > 0; n++ {
		var ok bool
		if _, v, ok = counted(v); !ok {
			break
		}
		facts = (n + 2) / 2
	}
	return facts
}

// field takes a field off the beginning.
func field[T source | []byte](b T) (tag uint64, value, rest T, ok bool) {
	tag, n := number(b)
	if n <= 0 {
		return 0, value, rest, false
	}
	value, rest, ok = counted(b[n:])
	return tag, value, rest, ok
}

// counted takes a length and as many bytes off the beginning.
func counted[T source | []byte](b T) (value, rest T, ok bool) {
	length, n := number(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return value, rest, false
	}
	return b[n : n+int(length)], b[n+int(length):], true
}

// number is binary.Uvarint for a text as well.
func number[T source | []byte](b T) (x uint64, n int) {
	for i := range min(len(b), binary.MaxVarintLen64) {
		c := b[i]
		x |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return x, i + 1
		}
	}
	return 0, 0
}

func integer[T source | []byte](b T) (int64, bool) {
	u, n := number(b)
	if n != len(b) || n == 0 {
		return 0, false
	}
	x := int64(u >> 1)
	if u&1 != 0 {
		x = ^x
	}
	return x, true
}
