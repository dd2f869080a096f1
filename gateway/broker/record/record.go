// Package record is the form in which the broker stores what sessions and retained messages become: a record is a
// sequence of steps, and it is the unit that is stored as a whole or not at all. Replaying all steps in order gives the
// state that they were written from.
//
// It knows bytes only: neither sessions nor the log that the records go to. A record begins with a version; numbers are
// varints, texts carry their length.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxSize bounds a record, in bytes.
const MaxSize = 1 << placeBits

const placeBits = 23

// version begins every record.
const version = 1

// ErrCorrupt is wrapped by the errors for bytes that are no record.
var ErrCorrupt = errors.New("not a record of the broker")

// Place says where a message is stored: in which record, and at which byte of it. The zero value is nowhere.
type Place uint64

// At is the place of a message at a byte of a record.
func At(seq uint64, offset int) Place { return Place(seq<<placeBits | uint64(offset)) }

// Record is the sequence number of the record.
func (p Place) Record() uint64 { return uint64(p) >> placeBits }

// Offset is the byte in the record at which the message begins.
func (p Place) Offset() int { return int(p & (1<<placeBits - 1)) }

// Op says what a step is. The numbers are stored and never change.
type Op byte

// The steps. Session is the number under which a session is stored, Seq that of a message in its session.
const (
	OpMessage      Op = 1  // Topic, From, Payload, QoS: a message, which the steps after it refer to
	OpDeliver      Op = 2  // Session, Seq, QoS, Retain, Released, Place: a message waits for a device; no Place: the last one in this record
	OpRetain       Op = 3  // Service: the last message in this record is its topic's retained one
	OpUnretain     Op = 4  // Service, Topic
	OpDropRetained Op = 5  // Service: retains nothing any more
	OpBorn         Op = 6  // Session, Device, Service
	OpEnded        Op = 7  // Session
	OpOnline       Op = 8  // Session: the device is connected
	OpOffline      Op = 9  // Session, Seq: it is not, and has been sent messages up to Seq
	OpSubscribed   Op = 10 // Session, Topic (the filter), QoS
	OpUnsubscribed Op = 11 // Session, Topic (the filter)
	OpReceived     Op = 12 // Session, ID: a QoS 2 message came from the device and must not be taken again
	OpForgotten    Op = 13 // Session, ID: the device has released it
	OpReleased     Op = 14 // Session, Seq: the device has a QoS 2 message, only PUBREL may follow
	OpDone         Op = 15 // Session, Seq, N: N messages from Seq on are acknowledged for good
	OpState        Op = 16 // Session, Device, Service, Seq, N, Online: a session as it is: its last message, and the last one sent
	OpBegin        Op = 17 // a checkpoint begins
	OpComplete     Op = 18 // Seq, N: everything is in the records since Seq; N is the next free session number
)

// Step is one step as it is read. Its byte slices are parts of the record.
type Step struct {
	Op               Op
	Offset           int // of the step in the record
	Session          uint64
	Seq, N           uint64
	Place            Place
	ID               uint16
	QoS              byte
	Retain, Released bool
	Online           bool
	Topic            []byte
	From             []byte
	Device, Service  []byte
	Payload          []byte
}

// Message is a message as it is stored.
type Message struct {
	Topic, From string
	Payload     []byte
	QoS         byte
}

const (
	flagRetain   = 4
	flagReleased = 8
)

// Writer makes a record. The zero value is an empty one.
type Writer struct{ b []byte }

// Bytes is the record; it is valid until the next step or Reset.
func (w *Writer) Bytes() []byte { return w.b }

// Len is the size of the record in bytes; 0 when there is no step in it.
func (w *Writer) Len() int { return len(w.b) }

// Reset empties the record and keeps its memory, unless that is more than keep bytes.
func (w *Writer) Reset(keep int) {
	if cap(w.b) > keep {
		w.b = nil
		return
	}
	w.b = w.b[:0]
}

func (w *Writer) step(op Op) {
	if len(w.b) == 0 {
		w.b = append(w.b, version)
	}
	w.b = append(w.b, byte(op))
}

func (w *Writer) number(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *Writer) text(s string) {
	w.number(uint64(len(s)))
	w.b = append(w.b, s...)
}

// Message writes a message and returns its offset for At.
func (w *Writer) Message(m Message) (offset int) {
	w.step(OpMessage)
	offset = len(w.b) - 1
	w.b = append(w.b, m.QoS)
	w.text(m.Topic)
	w.text(m.From)
	w.number(uint64(len(m.Payload)))
	w.b = append(w.b, m.Payload...)
	return offset
}

// Deliver says that a message waits for a device. Without a place it is the last one in this record.
func (w *Writer) Deliver(session, seq uint64, qos byte, retain, released bool, at Place) {
	w.step(OpDeliver)
	w.number(session)
	w.number(seq)
	if retain {
		qos |= flagRetain
	}
	if released {
		qos |= flagReleased
	}
	w.b = append(w.b, qos)
	w.number(uint64(at))
}

// Retain makes the last message in this record the retained one of its topic.
func (w *Writer) Retain(service string) {
	w.step(OpRetain)
	w.text(service)
}

// Unretain removes a topic's retained message.
func (w *Writer) Unretain(service, topic string) {
	w.step(OpUnretain)
	w.text(service)
	w.text(topic)
}

// DropRetained removes a service's retained messages.
func (w *Writer) DropRetained(service string) {
	w.step(OpDropRetained)
	w.text(service)
}

// Born begins a session.
func (w *Writer) Born(session uint64, device, service string) {
	w.step(OpBorn)
	w.number(session)
	w.text(device)
	w.text(service)
}

func (w *Writer) numbers(op Op, numbers ...uint64) {
	w.step(op)
	for _, n := range numbers {
		w.number(n)
	}
}

// Ended ends a session.
func (w *Writer) Ended(session uint64) { w.numbers(OpEnded, session) }

// Online says that the device is connected.
func (w *Writer) Online(session uint64) { w.numbers(OpOnline, session) }

// Offline says that it is not, and up to which message it has been sent.
func (w *Writer) Offline(session, sent uint64) { w.numbers(OpOffline, session, sent) }

// Subscribed adds a filter or changes its QoS.
func (w *Writer) Subscribed(session uint64, filter string, qos byte) {
	w.numbers(OpSubscribed, session)
	w.text(filter)
	w.b = append(w.b, qos)
}

// Unsubscribed removes a filter.
func (w *Writer) Unsubscribed(session uint64, filter string) {
	w.numbers(OpUnsubscribed, session)
	w.text(filter)
}

// Received notes the identifier of a QoS 2 message from the device.
func (w *Writer) Received(session uint64, id uint16) { w.numbers(OpReceived, session, uint64(id)) }

// Forgotten releases that identifier.
func (w *Writer) Forgotten(session uint64, id uint16) { w.numbers(OpForgotten, session, uint64(id)) }

// Released says that the device has a QoS 2 message.
func (w *Writer) Released(session, seq uint64) { w.numbers(OpReleased, session, seq) }

// Done says that n messages from seq on are acknowledged for good.
func (w *Writer) Done(session, seq, n uint64) { w.numbers(OpDone, session, seq, n) }

// State writes a session as it is: the sequence number of its last message and of the last one that was sent.
func (w *Writer) State(session uint64, device, service string, last, sent uint64, online bool) {
	w.numbers(OpState, session)
	w.text(device)
	w.text(service)
	w.number(last)
	w.number(sent)
	var on byte
	if online {
		on = 1
	}
	w.b = append(w.b, on)
}

// Begin begins a checkpoint.
func (w *Writer) Begin() { w.step(OpBegin) }

// Complete ends a checkpoint that began with record since; next is the next free session number.
func (w *Writer) Complete(since, next uint64) { w.numbers(OpComplete, since, next) }

// reader walks a record; the first thing that is wrong stays in err.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s at byte %d of %d", ErrCorrupt, what, r.at, len(r.b))
	}
}

func (r *reader) byte() byte {
	if r.err != nil || uint(r.at) >= uint(len(r.b)) { // also when it is negative
		r.fail("no more bytes")
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) number() uint64 {
	if r.err != nil {
		return 0
	}
	n, used := binary.Uvarint(r.b[r.at:])
	if used <= 0 {
		r.fail("no number")
		return 0
	}
	r.at += used
	return n
}

func (r *reader) text() []byte {
	n := r.number()
	if r.err != nil || n > uint64(len(r.b)-r.at) {
		r.fail("a text beyond the end")
		return nil
	}
	r.at += int(n)
	return r.b[r.at-int(n) : r.at]
}

// Walk calls each for every step in order, with one Step that is used again. It ends with the first error, of each or of
// the record itself; then steps before it may have been handed out.
func Walk(b []byte, each func(*Step) error) error {
	r := reader{b: b}
	if v := r.byte(); r.err == nil && v != version {
		r.at = 0
		r.fail(fmt.Sprintf("version %d", v))
	}
	var s Step
	for r.err == nil && r.at < len(b) {
		s = Step{Offset: r.at}
		r.read(&s)
		if r.err != nil {
			break
		}
		if err := each(&s); err != nil {
			return err
		}
	}
	return r.err
}

func (r *reader) read(s *Step) {
	s.Op = Op(r.byte())
	switch s.Op {
	case OpMessage:
		r.message(s)
		return
	case OpRetain, OpDropRetained:
		s.Service = r.text()
		return
	case OpUnretain:
		s.Service, s.Topic = r.text(), r.text()
		return
	case OpBegin:
		return
	case OpComplete:
		s.Seq, s.N = r.number(), r.number()
		return
	}
	s.Session = r.number()
	switch s.Op {
	case OpDeliver:
		s.Seq = r.number()
		flags := r.byte()
		s.QoS, s.Retain, s.Released = flags&3, flags&flagRetain != 0, flags&flagReleased != 0
		s.Place = Place(r.number())
	case OpBorn:
		s.Device, s.Service = r.text(), r.text()
	case OpEnded, OpOnline:
	case OpOffline, OpReleased:
		s.Seq = r.number()
	case OpSubscribed:
		s.Topic, s.QoS = r.text(), r.byte()
	case OpUnsubscribed:
		s.Topic = r.text()
	case OpReceived, OpForgotten:
		s.ID = uint16(r.number())
	case OpDone:
		s.Seq, s.N = r.number(), r.number()
	case OpState:
		s.Device, s.Service, s.Seq, s.N = r.text(), r.text(), r.number(), r.number()
		s.Online = r.byte() == 1
	default:
		r.fail(fmt.Sprintf("unknown step %d", s.Op))
	}
}

func (r *reader) message(s *Step) {
	s.QoS, s.Topic, s.From, s.Payload = r.byte(), r.text(), r.text(), r.text()
}

// MessageAt reads the one message at an offset that Writer.Message returned. Its payload is a part of the record.
func MessageAt(b []byte, offset int) (m Message, err error) {
	r := reader{b: b, at: offset}
	if op := r.byte(); r.err == nil && Op(op) != OpMessage {
		r.fail("no message")
	}
	var s Step
	r.message(&s)
	if r.err != nil {
		return Message{}, r.err
	}
	return Message{Topic: string(s.Topic), From: string(s.From), Payload: s.Payload, QoS: s.QoS}, nil
}
