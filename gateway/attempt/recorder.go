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

// sizeOfAttempt is what an attempt is taken to weigh, in bytes, beside its texts, steps and packets.
const sizeOfAttempt = 800

// Recorder writes one attempt. Its methods are safe for several goroutines, cost less than a microsecond and never wait for
// a reader. Of what is given to it nothing is kept but a copy. The caller gives no secret.
type Recorder struct {
	log    *Log
	record *record
	began  time.Time
}

// ID of the attempt.
func (r *Recorder) ID() uint64 { return r.record.id }

// F is a fact, for calls that read well.
func F(name, value string) Fact { return Fact{Name: name, Value: value} }

// Step adds a step. Beyond a few hundred steps nothing is added.
func (r *Recorder) Step(kind Kind, state State, facts ...Fact) {
	if r.log.params.Off {
		return
	}
	offset := r.offset()
	rec := r.begin()
	rec.add(offset, kind, state, facts)
	r.end(rec, later)
}

// Warn adds a warning: the attempt goes on, but somebody should know.
func (r *Recorder) Warn(why cause.ID, facts ...Fact) {
	if r.log.params.Off {
		return
	}
	offset := r.offset()
	rec := r.begin()
	rec.warn(offset, why, facts)
	r.end(rec, soon)
}

// warn adds a warning. The record is locked.
func (r *record) warn(offset time.Duration, why cause.ID, facts []Fact) {
	if a := r.attempt; !slices.Contains(a.Warnings, why) && len(a.Warnings) < maxSteps {
		a.Warnings = append(a.Warnings, why)
	}
	r.add(offset, Warning, Warn, append([]Fact{{"cause", string(why)}}, facts...))
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
	a, times := rec.copyLocked(true), 0
	for _, s := range a.Steps {
		if s.Kind == Warning && s.Fact("cause") == string(why) {
			times++
		}
	}
	rec.mu.Unlock()
	if times < maxWarningsOfACause {
		(&Recorder{log: l, record: rec, began: a.At}).Warn(why, facts...)
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
	rec := r.begin()
	if r.keepsPackets(offset) {
		rec.body.addPacket(&Packet{Offset: offset, Outbound: outbound, Bytes: b[:min(len(b), r.log.params.MaxPacketBytes)], Length: length})
		more = r.keepsPackets(offset)
	}
	r.end(rec, later)
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
	n := rec.body.packetCount
	if n < r.log.params.PacketsKept {
		return true
	}
	return offset < rec.tracedFor && !rec.evicted && n < maxTracedPackets && rec.body.packetBytes < maxTracedBytes
}

// Identify fills in who it was, as far as that is known by now. The function may set the fields from DeviceSID to
// Inputs, and TookOver; it must not keep the Attempt.
func (r *Recorder) Identify(fn func(*Attempt)) {
	if r.log.params.Off {
		return
	}
	rec := r.begin()
	fn(rec.attempt)
	for _, field := range fields(rec.attempt) {
		*field = clip(*field, maxFieldText)
	}
	rec.texts = textsOf(rec.attempt)
	r.end(rec, later)
}

// Decide records the verdict: a return code from 0 to 5 with its cause, or one of the ends without a CONNACK. A refusal
// counts and is told at once. Code 0 counts when Accepted confirms it, until then a later Decide may overrule it; an end
// without CONNACK is told when End completes it.
func (r *Recorder) Decide(code Code, why cause.ID, also ...cause.ID) {
	if r.log.params.Off {
		return
	}
	offset := r.offset()
	rec := r.begin()
	a, tell := rec.attempt, false
	if !a.Done && !a.Live && !a.Code.Refused() { // else it is decided already
		a.Code, a.Cause, a.Also, a.Total = code, why, also, offset
		tell = code > 0
		rec.verdict(offset)
	}
	r.end(rec, soon)
	if tell {
		r.tell(code)
	}
}

// verdict adds the verdict as a step, if a code was sent. The record is locked.
func (r *record) verdict(offset time.Duration) {
	a := r.attempt
	if !a.Code.Answered() {
		return
	}
	state := Good
	if a.Code != 0 {
		state = Bad
	}
	facts := append(make([]Fact, 0, 3), Fact{"cause", string(a.Cause)}, Fact{"code", strconv.Itoa(int(a.Code))})
	if len(a.Also) > 0 {
		facts = append(facts, Fact{"also", joinCauses(a.Also)})
	}
	r.add(offset, Verdict, state, facts)
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
	offset := r.offset()
	rec := r.begin()
	a := rec.attempt
	if a.Code == Pending {
		a.Code, a.Cause = 0, cause.Accepted
	}
	tell := a.Code == 0 && !a.Live && !a.Done
	a.Live, a.Resumed, a.Pending = tell || a.Live, present, pending
	rec.add(offset, Session, Good, []Fact{{"present", was}, {"pending", strconv.Itoa(pending)}})
	r.end(rec, soon)
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
	first := []Fact{{"cause", string(why)}, {"by", by}, {"after", offset.Round(time.Microsecond).String()}}
	var last []Fact
	if err != nil {
		last = []Fact{{"error", err.Error()}}
	}
	rec := r.begin()
	a, tell := rec.attempt, false
	code := a.Code
	if !a.Done {
		if code == Pending {
			code = NoAnswer
			a.Code, a.Cause = code, why
		}
		state := endState(why)
		switch {
		case code < 0:
			tell = true
		case code == 0:
			tell = !a.Live
			a.End = why
		default:
			state = Good // it was refused, so it was closed
		}
		a.Live, a.Done, a.Total = false, true, offset
		rec.add(offset, Ended, state, first, facts, last)
	}
	r.end(rec, soon)
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

// tell counts the attempt under its code and passes a copy, without steps and packets, to the one who asked for it.
func (r *Recorder) tell(code Code) {
	r.record.mu.Lock()
	own := r.record.value(tagServer) == ""
	r.record.mu.Unlock()
	if own { // what a wrong server does on purpose is no figure of the gateway's
		r.log.tally.add(r.log.params.Now(), code)
	}
	if r.log.decided != nil {
		r.pass()
	}
}

// pass passes a copy to the one who asked for it. It is by itself since a copy takes a kilobyte of stack.
//
//go:noinline
func (r *Recorder) pass() { r.log.decided(r.record.copy(false)) }

func (r *Recorder) offset() time.Duration { return r.log.params.since(r.began) }

// settled reports whether the verdict stands: a refusal, an acceptance that was confirmed, or an end.
func (a *Attempt) settled() bool { return a.Code > 0 || a.Live || a.Done }

// begin locks the record for a change, which end ends.
func (r *Recorder) begin() *record {
	r.record.mu.Lock()
	r.record.wake()
	return r.record
}

// end unlocks a record that has changed. Once its verdict stands, it is written to the disk again, sooner or later.
func (r *Recorder) end(rec *record, write due) {
	rec.text = ""
	grown := int64(0)
	if rec.evicted {
		*rec.body = body{}
	} else {
		if k := r.log.keeper; k != nil && write > rec.due && rec.attempt.settled() {
			k.note(rec, write)
		}
		if rec.attempt.Done {
			rec.rest(&r.log.shelf)
		}
		size := rec.weigh()
		grown, rec.size = size-rec.size, size
	}
	rec.mu.Unlock()
	if grown != 0 {
		r.log.grown(grown)
	}
	r.log.version.Add(1)
}

// add adds a step, within bounds. The record is locked.
func (r *record) add(offset time.Duration, kind Kind, state State, lists ...[]Fact) {
	if r.evicted || r.body.stepCount >= maxSteps && kind != Ended {
		return
	}
	for n, facts := range lists {
		if slices.ContainsFunc(facts, tooLong) {
			lists[n] = slices.Clone(facts) // they may be others' as well
			for i := range facts {
				lists[n][i].Value = clip(facts[i].Value, maxFactBytes)
			}
		}
	}
	switch {
	case kind == ClientHello && r.helloAt == 0:
		r.helloAt = offset
	case kind == Handshake && state == Good:
		r.attempt.TLSTook = offset - r.helloAt
	}
	r.body.add(offset, kind, state, lists...)
}

func tooLong(f Fact) bool { return len(f.Value) > maxFactBytes }

// fields are the texts of an attempt that come from outside.
func fields(a *Attempt) [10]*string {
	return [10]*string{&a.DeviceSID, &a.DeviceName, &a.CredentialSID, &a.Thumbprint, &a.PresentedUser, &a.ServiceSID, &a.ClientID, &a.TookOver, &a.ServerName, &a.Server}
}

// textsOf is how many bytes the texts of an attempt have.
func textsOf(a *Attempt) int64 {
	n := len(a.Remote) + len(a.Local)
	for _, f := range fields(a) {
		n += len(*f)
	}
	return int64(n)
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
