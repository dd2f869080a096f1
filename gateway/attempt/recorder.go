package attempt

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/gateway/cause"
)

// What the parts of an attempt are taken to weigh, in bytes, beside their text.
const (
	sizeOfAttempt = 700
	sizeOfStep    = 56
	sizeOfFact    = 32
	sizeOfPacket  = 48
)

// Recorder writes one attempt. Its methods are safe for several goroutines, cost about a microsecond and never wait for
// a reader. What is given to it is kept as it is: the caller does not change it afterwards, and gives no secret.
type Recorder struct {
	log    *Log
	record *record
	began  time.Time
}

// ID of the attempt.
func (r *Recorder) ID() uint64 { return r.record.attempt.ID }

// F is a fact, for calls that read well.
func F(name, value string) Fact { return Fact{Name: name, Value: value} }

// Step adds a step. Beyond a few hundred steps nothing is added.
func (r *Recorder) Step(kind Kind, state State, facts ...Fact) {
	if r.log.params.Off {
		return
	}
	step, size := r.makeStep(kind, state, facts)
	r.change(later, func(a *Attempt) int64 { return addStep(a, step, size) })
}

// Warn adds a warning: the attempt goes on, but somebody should know.
func (r *Recorder) Warn(why cause.ID, facts ...Fact) {
	if r.log.params.Off {
		return
	}
	step, size := r.makeStep(Warning, Warn, append([]Fact{{"cause", string(why)}}, facts...))
	r.change(soon, func(a *Attempt) int64 {
		if !slices.Contains(a.Warnings, why) && len(a.Warnings) < maxSteps {
			a.Warnings = append(a.Warnings, why)
		}
		return addStep(a, step, size)
	})
}

// Warn adds a warning to an attempt that its own Recorder may have left already, and reports whether it is still kept. It
// is for what is found out about a connection later, or about the session that it left behind. Of one cause the first 16 are
// kept, so that a device which goes on and on hides nothing else.
func (l *Log) Warn(id uint64, why cause.ID, facts ...Fact) bool {
	rec := l.find(id)
	if rec == nil {
		return false
	}
	rec.mu.Lock()
	began, times := rec.attempt.At, 0
	for _, s := range rec.copyLocked(true).Steps {
		if s.Kind == Warning && s.Fact("cause") == string(why) {
			times++
		}
	}
	rec.mu.Unlock()
	if times < maxWarningsOfACause {
		(&Recorder{log: l, record: rec, began: began}).Warn(why, facts...)
	}
	return true
}

const maxWarningsOfACause = 16

// Packet keeps the bytes of a packet, and reports whether the next one would be kept as well. The bytes are copied; a
// password in them is blanked by the caller.
func (r *Recorder) Packet(outbound bool, b []byte) (more bool) {
	return r.PacketOf(outbound, b, len(b))
}

// PacketOf is Packet for the beginning of a packet that is longer, in bytes.
func (r *Recorder) PacketOf(outbound bool, b []byte, length int) (more bool) {
	if r.log.params.Off {
		return false
	}
	offset := r.offset()
	kept := slices.Clone(b[:min(len(b), r.log.params.MaxPacketBytes)])
	r.change(later, func(a *Attempt) int64 {
		if !r.keepsPackets(offset) {
			return 0
		}
		a.Packets = append(a.Packets, Packet{Offset: offset, Outbound: outbound, Bytes: kept, Length: length})
		r.record.packetBytes += len(kept)
		more = r.keepsPackets(offset)
		return int64(sizeOfPacket + len(kept))
	})
	return more
}

// Bounds of the packets of one attempt while it is traced.
const (
	maxTracedPackets = 10_000
	maxTracedBytes   = 4 << 20
)

// Trace keeps packets beyond the first ones until a time, within 10 000 packets and 4 MiB; the zero time ends it. Whoever
// stopped giving packets when Packet said that it was enough goes on.
func (r *Recorder) Trace(until time.Time) {
	r.record.mu.Lock()
	defer r.record.mu.Unlock()
	r.record.tracedFor = until.Sub(r.began) // in the past, for the zero time
}

// keepsPackets reports whether the packet of this moment is kept. The lock of the record is held.
func (r *Recorder) keepsPackets(offset time.Duration) bool {
	rec := r.record
	n := len(rec.attempt.Packets)
	if n < r.log.params.PacketsKept {
		return true
	}
	return offset < rec.tracedFor && !rec.evicted && n < maxTracedPackets && rec.packetBytes < maxTracedBytes
}

// Identify fills in who it was, as far as that is known by now. The function may set the fields from DeviceSID to
// Inputs, and TookOver; it must not keep the Attempt.
func (r *Recorder) Identify(fn func(*Attempt)) {
	if r.log.params.Off {
		return
	}
	r.change(later, func(a *Attempt) int64 {
		before := fieldBytes(a)
		fn(a)
		for _, field := range fields(a) {
			*field = clip(*field, maxFieldText)
		}
		return fieldBytes(a) - before
	})
}

// Decide records the verdict: a return code from 0 to 5 with its cause, or one of the ends without a CONNACK. A refusal
// counts and is told at once. Code 0 counts when Accepted confirms it, until then a later Decide may overrule it; an end
// without CONNACK is told when End completes it.
func (r *Recorder) Decide(code Code, why cause.ID, also ...cause.ID) {
	if r.log.params.Off {
		return
	}
	var step Step
	var size int64
	if code.Answered() {
		facts := []Fact{{"cause", string(why)}, {"code", strconv.Itoa(int(code))}}
		if len(also) > 0 {
			facts = append(facts, Fact{"also", joinCauses(also)})
		}
		state := Good
		if code != 0 {
			state = Bad
		}
		step, size = r.makeStep(Verdict, state, facts)
	}
	offset := r.offset()
	tell := false
	r.change(soon, func(a *Attempt) int64 {
		if a.Done || a.Live || a.Code.Refused() {
			return 0 // decided already
		}
		a.Code, a.Cause, a.Also, a.Total = code, why, also, offset
		tell = code > 0
		if !code.Answered() {
			return 0
		}
		return addStep(a, step, size)
	})
	if tell {
		r.tell(code)
	}
}

// Accepted records that the device has its session: whether it was there before, and how many messages waited in it.
func (r *Recorder) Accepted(present bool, pending int) {
	if r.log.params.Off {
		return
	}
	was := "no"
	if present {
		was = "yes"
	}
	step, size := r.makeStep(Session, Good, []Fact{{"present", was}, {"pending", strconv.Itoa(pending)}})
	tell := false
	r.change(soon, func(a *Attempt) int64 {
		if a.Code == Pending {
			a.Code, a.Cause = 0, cause.Accepted
		}
		tell = a.Code == 0 && !a.Live && !a.Done
		a.Live, a.Resumed, a.Pending = tell || a.Live, present, pending
		return addStep(a, step, size)
	})
	if tell {
		r.tell(0)
	}
}

// End completes the attempt: why it ended and by whom, "device" or "gateway". When nothing was decided before, this is
// what decides: no answer was sent. Further facts, such as the offset of a malformed packet, follow the usual ones.
func (r *Recorder) End(why cause.ID, by string, err error, facts ...Fact) {
	if r.log.params.Off {
		return
	}
	offset := r.offset()
	all := append([]Fact{{"cause", string(why)}, {"by", by}, {"after", offset.Round(time.Microsecond).String()}}, facts...)
	if err != nil {
		all = append(all, Fact{"error", err.Error()})
	}
	step, size := r.makeStep(Ended, endState(why), all)
	tell := false
	var code Code
	r.change(soon, func(a *Attempt) int64 {
		if a.Done {
			return 0
		}
		if a.Code == Pending {
			a.Code, a.Cause = NoAnswer, why
		}
		if code = a.Code; code < 0 {
			tell = true
		} else if code == 0 {
			tell = !a.Live
			a.End = why
		}
		if code > 0 {
			step.State = Good // it was refused, so it was closed
		}
		a.Live, a.Done, a.Total = false, true, offset
		return addStep(a, step, size)
	})
	if tell {
		r.tell(code)
	}
}

// endState is how an end looks on the timeline.
func endState(why cause.ID) State {
	switch why {
	case cause.ClientDisconnect, cause.GatewayStopped, cause.DisconnectedByUser, cause.Accepted:
		return Good
	case cause.ClientClosed, cause.TakenOver, cause.ServiceChanged, cause.SessionDropped, cause.KeepaliveExpired:
		return Warn
	}
	return Bad
}

// tell counts the attempt under its code and passes a copy to the one who asked for it.
func (r *Recorder) tell(code Code) {
	r.record.mu.Lock()
	own := r.record.attempt.Server == ""
	r.record.mu.Unlock()
	if own { // what a wrong server does on purpose is no figure of the gateway's
		r.log.tally.add(r.log.params.Now(), code)
	}
	if fn := r.log.decided; fn != nil {
		fn(r.record.copy(true))
	}
}

func (r *Recorder) offset() time.Duration { return r.log.params.Now().Sub(r.began) }

// settled reports whether the verdict stands: a refusal, an acceptance that was confirmed, or an end.
func (a *Attempt) settled() bool { return a.Code > 0 || a.Live || a.Done }

// change applies fn under the lock of the record; fn returns by how many bytes it grew. Once the verdict stands, the attempt is
// written to the disk again, sooner or later.
func (r *Recorder) change(write due, fn func(*Attempt) int64) {
	rec := r.record
	rec.mu.Lock()
	unpacked := rec.unpack()
	grown := fn(&rec.attempt)
	rec.text = ""
	if rec.evicted {
		rec.attempt.Steps, rec.attempt.Packets, grown = nil, nil, 0
	}
	rec.size += grown
	grown += unpacked
	if k := r.log.keeper; k != nil && write > rec.due && !rec.evicted && rec.attempt.settled() {
		k.note(rec, write)
	}
	rec.mu.Unlock()
	if grown != 0 {
		r.log.grown(grown)
	}
	r.log.version.Add(1)
}

func (r *Recorder) makeStep(kind Kind, state State, facts []Fact) (Step, int64) {
	size := int64(0)
	for i := range facts {
		facts[i].Value = clip(facts[i].Value, maxFactBytes)
		size += int64(sizeOfFact + len(facts[i].Value))
	}
	return Step{Offset: r.offset(), Kind: kind, State: state, Facts: facts}, size
}

func addStep(a *Attempt, step Step, size int64) int64 {
	if len(a.Steps) >= maxSteps && step.Kind != Ended {
		return 0
	}
	if len(a.Steps) == cap(a.Steps) {
		size += int64(max(len(a.Steps), 1)) * sizeOfStep
	}
	a.Steps = append(a.Steps, step)
	return size
}

// fields are the texts of an attempt that come from outside.
func fields(a *Attempt) [10]*string {
	return [10]*string{&a.DeviceSID, &a.DeviceName, &a.CredentialSID, &a.Thumbprint, &a.PresentedUser, &a.ServiceSID, &a.ClientID, &a.TookOver, &a.ServerName, &a.Server}
}

func fieldBytes(a *Attempt) (n int64) {
	for _, f := range fields(a) {
		n += int64(len(*f))
	}
	return n
}

// weigh is what a whole attempt is taken to weigh, as it does when it is recorded bit by bit.
func weigh(a *Attempt) int64 {
	size := sizeOfAttempt + 2*int64(len(a.Remote)+len(a.Local)) + int64(cap(a.Steps))*sizeOfStep + fieldBytes(a)
	for _, s := range a.Steps {
		for _, f := range s.Facts {
			size += int64(sizeOfFact + len(f.Value))
		}
	}
	for _, p := range a.Packets {
		size += int64(sizeOfPacket + len(p.Bytes))
	}
	return size
}

// clip bounds a text without cutting a character in two.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.Clone(s[:cut]) + "…"
}

func joinCauses(ids []cause.ID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, " ")
}

// LogValue keeps attempts short in logs.
func (a Attempt) LogValue() slog.Value {
	return slog.GroupValue(slog.Uint64("id", a.ID), slog.String("remote", a.Remote), slog.Int("code", int(a.Code)), slog.String("cause", string(a.Cause)))
}
