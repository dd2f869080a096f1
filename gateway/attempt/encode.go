package attempt

import (
	"encoding/binary"
	"time"
)

// How an attempt is written to the disk: its fields, each as a tag, its length and its content, so that fields which this
// version does not know are skipped, and those which are missing are zero. It takes a tenth of the time of encoding/json,
// which would cost a connect more than all that is recorded of it. The packets come last, since they are not text.
const (
	tagID = iota + 1
	tagAt
	tagRemote
	tagLocal
	tagCode
	tagCause
	tagAlso
	tagWarning
	tagDeviceSID
	tagDeviceName
	tagCredentialSID
	tagThumbprint
	tagPresentedUser
	tagServiceSID
	tagClientID
	tagServerName
	tagServer
	tagInputs
	tagStep
	tagResumed
	tagPending
	tagTookOver
	tagLive
	tagDone
	tagEnd
	tagTotal
	tagTLSTook
)

// Tags within a step, a packet and the inputs, which are messages of their own.
const (
	stepOffset = iota + 1
	stepKind
	stepState
	stepFacts // name, value, name, value …
)

const (
	packetOffset = iota + 1
	packetOutbound
	packetBytes
	packetLength
)

const (
	inputProtocolName = iota + 1
	inputProtocolLevel
	inputService
	inputRateLimited
	inputHasUser
	inputUserIsKeySID
	inputHasPassword
	inputKeyHash
	inputSecretMatched
)

// encodeAttempt appends an attempt.
func encodeAttempt(b []byte, a *Attempt) []byte {
	var steps, packets []byte
	for i := range a.Steps {
		s := &a.Steps[i]
		steps = putStep(steps, s.Offset, s.Kind, s.State, s.Facts)
	}
	for i := range a.Packets {
		packets = putPacket(packets, &a.Packets[i])
	}
	return encodeParts(b, a, steps, packets)
}

// encodeParts appends an attempt of which steps and packets are encoded already.
func encodeParts(b []byte, a *Attempt, steps, packets []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0) // how much of it is not packets
	b = putInt(b, tagID, int64(a.ID))
	b = putInt(b, tagAt, a.At.UnixNano())
	b = putText(b, tagRemote, a.Remote)
	b = putText(b, tagLocal, a.Local)
	b = putInt(b, tagCode, int64(a.Code))
	b = putText(b, tagCause, string(a.Cause))
	for _, c := range a.Also {
		b = putText(b, tagAlso, string(c))
	}
	for _, c := range a.Warnings {
		b = putText(b, tagWarning, string(c))
	}
	b = putText(b, tagDeviceSID, a.DeviceSID)
	b = putText(b, tagDeviceName, a.DeviceName)
	b = putText(b, tagCredentialSID, a.CredentialSID)
	b = putText(b, tagThumbprint, a.Thumbprint)
	b = putText(b, tagPresentedUser, a.PresentedUser)
	b = putText(b, tagServiceSID, a.ServiceSID)
	b = putText(b, tagClientID, a.ClientID)
	b = putText(b, tagServerName, a.ServerName)
	b = putText(b, tagServer, a.Server)
	if a.Inputs != nil {
		at := len(b)
		b = putInputs(open(b, tagInputs), a.Inputs)
		shut(b, at)
	}
	b = append(b, steps...)
	b = putBool(b, tagResumed, a.Resumed)
	b = putInt(b, tagPending, int64(a.Pending))
	b = putText(b, tagTookOver, a.TookOver)
	b = putBool(b, tagLive, a.Live)
	b = putBool(b, tagDone, a.Done)
	b = putText(b, tagEnd, string(a.End))
	b = putInt(b, tagTotal, int64(a.Total))
	b = putInt(b, tagTLSTook, int64(a.TLSTook))
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return append(b, packets...)
}

const packetTag = 1

// putStep appends a step with the facts of some lists. It does not keep them, so that those who call it need not allocate them.
func putStep(b []byte, offset time.Duration, kind Kind, state State, lists ...[]Fact) []byte {
	start := len(b)
	b = open(b, tagStep)
	b = putInt(b, stepOffset, int64(offset))
	b = putText(b, stepKind, string(kind))
	b = putInt(b, stepState, int64(state))
	at := len(b)
	b = open(b, stepFacts)
	empty := len(b)
	for _, facts := range lists {
		for i := range facts {
			b = putCounted(putCounted(b, facts[i].Name), facts[i].Value)
		}
	}
	if len(b) == empty {
		b = b[:at]
	} else {
		shut(b, at)
	}
	shut(b, start)
	return b
}

func putCounted(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// putPacket appends a packet, and keeps nothing of it.
func putPacket(b []byte, p *Packet) []byte {
	at := len(b)
	b = open(b, packetTag)
	b = putInt(b, packetOffset, int64(p.Offset))
	b = putBool(b, packetOutbound, p.Outbound)
	b = append(b, packetBytes)
	b = binary.AppendUvarint(b, uint64(len(p.Bytes)))
	b = append(b, p.Bytes...)
	b = putInt(b, packetLength, int64(p.Length))
	shut(b, at)
	return b
}

func putInputs(b []byte, in *Inputs) []byte {
	b = putText(b, inputProtocolName, in.ProtocolName)
	b = putInt(b, inputProtocolLevel, int64(in.ProtocolLevel))
	b = putInt(b, inputService, int64(in.Service))
	b = putBool(b, inputRateLimited, in.RateLimited)
	b = putBool(b, inputHasUser, in.HasUser)
	b = putBool(b, inputUserIsKeySID, in.UserIsKeySID)
	b = putBool(b, inputHasPassword, in.HasPassword)
	b = putText(b, inputKeyHash, in.KeyHash)
	return putBool(b, inputSecretMatched, in.SecretMatched)
}

// putText and putInt are not inlined: encodeParts would need a kilobyte of stack for its many calls, and the young stack of a connection
// would have to grow for it, which takes longer than all of the encoding.
//
//go:noinline
func putText(b []byte, tag byte, s string) []byte {
	if s == "" {
		return b
	}
	b = binary.AppendUvarint(append(b, tag), uint64(len(s)))
	return append(b, s...)
}

//go:noinline
func putInt(b []byte, tag byte, n int64) []byte {
	if n == 0 {
		return b
	}
	at := len(b) + 1
	b = append(b, tag, 0)
	b = binary.AppendVarint(b, n)
	b[at] = byte(len(b) - at - 1)
	return b
}

func putBool(b []byte, tag byte, v bool) []byte {
	if !v {
		return b
	}
	return append(b, tag, 1, 2) // as putInt of 1
}

// openedLength is how long the length of a message is that is not known when it begins: a number of four bytes of seven bits.
const openedLength = 4

// open begins a message, which shut ends. Its place is the length of the buffer before.
func open(b []byte, tag byte) []byte { return append(b, tag, 0x80, 0x80, 0x80, 0) }

func shut(b []byte, at int) {
	n := len(b) - at - 1 - openedLength
	for i := range openedLength {
		b[at+1+i] |= byte(n>>(7*i)) & 0x7f
	}
}
