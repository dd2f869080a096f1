package finding

import (
	"cmp"
	"net"
	"strconv"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// stage is how much of an attempt has been taken into account.
type stage struct {
	decided  bool
	warnings int
}

// observed are the latest attempts that were looked at. Those that were forgotten are not looked at again.
type observed struct {
	limit int
	by    map[uint64]stage
	order []uint64 // as they were first seen
	floor uint64   // the highest that was forgotten
}

// of is the stage of an attempt, unless it was forgotten.
func (o *observed) of(id uint64) (s stage, known bool) {
	s, known = o.by[id]
	return s, known || id > o.floor
}

// is notes the stage of an attempt.
func (o *observed) is(id uint64, s stage) {
	if _, known := o.by[id]; !known {
		if len(o.by) >= o.limit {
			forgotten := o.order[:len(o.order)/8+1]
			for _, old := range forgotten {
				delete(o.by, old)
				o.floor = max(o.floor, old)
			}
			o.order = append([]uint64(nil), o.order[len(forgotten):]...)
		}
		o.order = append(o.order, id)
	}
	o.by[id] = s
}

// Whole reports whether Observe looks at the steps of an attempt; the others may be given to it without.
func Whole(a *attempt.Attempt) bool {
	return len(a.Warnings) > 0 || a.TookOver != "" || a.Code == attempt.TLS
}

// Observe takes an attempt into account: at its verdict, at its end, and whenever something was added to it. What an attempt
// showed before is not counted again. The attempt comes with its steps where Whole asks for them; it is not kept, and costs the same however many were
// observed.
func (l *Log) Observe(a attempt.Attempt) {
	if a.Code == attempt.Pending {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s, known := l.observed.of(a.ID)
	if !known {
		return
	}
	l.observed.is(a.ID, stage{decided: true, warnings: max(s.warnings, len(a.Warnings))})
	if !s.decided {
		l.decided(&a)
	}
	for ; s.warnings < len(a.Warnings); s.warnings++ {
		l.warned(&a, a.Warnings[s.warnings])
	}
}

// decided looks for patterns that the attempt completes.
func (l *Log) decided(a *attempt.Attempt) {
	switch {
	case a.Server != "": // a wrong server of the lab refuses on purpose
	case a.Code == 0:
		if a.TookOver != "" {
			l.fight(a)
		} else {
			l.storm(a)
		}
	case a.Code == 2 || a.Code == 4 || a.Code == 5:
		l.unheeded(a)
	case a.Code == attempt.TLS:
		l.sameFailure(a)
		l.clock(a)
	}
}

// warned sums up a warning under whom it is about.
func (l *Log) warned(a *attempt.Attempt, why cause.ID) {
	at, facts := a.At, []attempt.Fact(nil)
	for _, s := range a.Steps { // the last is what holds now
		if s.Kind == attempt.Warning && s.Fact("cause") == string(why) {
			at, facts = a.At.Add(s.Offset), s.Facts
		}
	}
	e := l.seen(why, subject(a), a, at)
	kept := make([]attempt.Fact, 0, len(facts))
	for _, f := range facts {
		if f.Name != "cause" {
			kept = append(kept, f)
		}
	}
	e.facts(kept...)
}

// subject is whom an attempt is about, as far as that is known.
func subject(a *attempt.Attempt) string {
	return cmp.Or(a.DeviceSID, a.CredentialSID, a.Thumbprint, a.PresentedUser, host(a.Remote))
}

// credential is what an attempt presented, as far as it may be known.
func credential(a *attempt.Attempt) string {
	return cmp.Or(a.CredentialSID, a.Thumbprint, a.PresentedUser)
}

// host is a remote address without its port.
func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

func number(n int) string { return strconv.Itoa(n) }

// interval is the mean time between events.
func interval(first, last time.Time, events int) string {
	if events < 2 {
		return ""
	}
	d := last.Sub(first) / time.Duration(events-1)
	if d >= 10*time.Second {
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
