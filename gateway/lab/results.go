package lab

import (
	"slices"
	"strconv"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// Outcome is what a device made of a wrong server.
type Outcome string

// The outcomes.
const (
	Passed    Outcome = "passed"
	Failed    Outcome = "failed"
	Lenient   Outcome = "lenient"   // took what most take, although it need not
	Undecided Outcome = "undecided" // did not come far enough
	Waiting   Outcome = "waiting"   // what it does next decides
)

// What passing means where the next attempt decides.
const (
	quietFor  = 30 * time.Second // without another try after code 1, 2, 4 or 5
	calmFor   = time.Second      // before it comes back after it was closed
	giveUp    = 60 * time.Second // on a CONNACK that does not come
	backsOff  = 3                // attempts that show whether pauses grow after code 3
	triesKept = 8

	mostPupils = 1024 // results kept; the oldest goes first
)

// Result is what one device made of one server.
type Result struct {
	DeviceSID string // empty: not known
	KnownBy   string // how: ByCredential or ByAddress; empty: not known
	Name      string // device, Key SID, client ID or address
	Peer      string // the last address
	Kind      Kind
	Code      int // that it got last; -1: none
	Outcome   Outcome
	At        time.Time // of the last attempt
	Attempt   uint64
	Attempts  int
}

// How the device of a result is known.
const (
	ByCredential = "credential" // it presented one of its own; whether it holds the secret is not asked
	ByAddress    = "address"    // all that came from its address lately was this device; one that refuses the server shows nothing of itself
)

type pupilKey struct {
	who  string
	kind Kind
}

type try struct {
	at   time.Time
	code attempt.Code
}

type pupil struct {
	Result
	last  Outcome
	tries []try
}

// whoIs tells devices apart: by device or certificate, Key SID, client ID, else address.
func whoIs(a attempt.Attempt) string {
	for _, name := range []string{a.DeviceSID, a.Thumbprint, a.PresentedUser, a.ClientID} {
		if name != "" {
			return name
		}
	}
	return hostOf(a.Remote)
}

// ended judges an attempt that is over.
func (l *Lab) ended(i Info, s *server, id uint64) {
	a, found := l.p.Log.Get(id)
	if !found {
		return
	}
	key := pupilKey{whoIs(a), i.Kind}
	name := a.DeviceName
	if name == "" {
		name = key.who
	}
	l.mu.Lock()
	s.Attempts++
	p := l.pupils[key]
	if p == nil {
		if len(l.order) >= mostPupils {
			delete(l.pupils, l.order[0])
			l.order = l.order[1:]
		}
		p = &pupil{}
		l.pupils[key] = p
		l.order = append(l.order, key)
	}
	p.DeviceSID, p.Name, p.Peer, p.Kind, p.At, p.Attempt = a.DeviceSID, name, a.Remote, i.Kind, a.At, id
	if p.KnownBy = ""; a.DeviceSID != "" {
		p.KnownBy = ByCredential
	}
	p.Attempts++
	if p.Code = -1; a.Code.Answered() {
		p.Code = int(a.Code)
	}
	if p.tries = append(p.tries, try{a.At, a.Code}); len(p.tries) > triesKept {
		p.tries = p.tries[1:]
	}
	if now := judge(i, a); now != Undecided || p.last == "" {
		p.last = now // sending nothing takes back no lesson
	}
	l.mu.Unlock()
	l.version.Add(1)
}

// judge is what one attempt shows by itself.
func judge(i Info, a attempt.Attempt) Outcome {
	sentConnect := has(a, attempt.Connect)
	leftByItself := a.Cause == cause.ClientClosed || a.End == cause.ClientClosed
	switch {
	case i.Group == Certificate:
		switch {
		case sentConnect && i.Lenient:
			return Lenient
		case sentConnect:
			return Failed
		}
		return refused(a)
	case i.Kind == LegacySuites:
		if sentConnect {
			return Failed
		}
		if has(a, attempt.ClientHello) && a.Cause != cause.HandshakeTimeout && a.Cause != cause.ConnectTimeout {
			return Passed
		}
		return Undecided
	case i.Group == TLS:
		switch {
		case sentConnect:
			return Passed
		case has(a, attempt.ClientHello):
			return Failed
		}
		return Undecided
	case i.Kind == Throttled && !sentConnect && has(a, attempt.ClientHello) && (a.Cause == cause.ClosedInHandshake || a.Cause == cause.ClosedBeforeConnect):
		return Failed // the handshake took it too long
	case !sentConnect:
		return Undecided
	case i.Kind == ReturnCode, i.Kind == CloseConnect, i.Kind == CloseConnack:
		return Waiting
	case i.Kind == Withheld:
		return passedIf(leftByItself && a.Total <= giveUp)
	case i.Kind == WrongPresent:
		return passedIf(leftByItself || sent(a, subscribe))
	case i.Kind == Throttled:
		return passedIf(!leftByItself || sent(a, publish, subscribe, unsubscribe, pingreq))
	}
	return passedIf(leftByItself)
}

// refused tells a device that turned the certificate down from one that never looked at it.
func refused(a attempt.Attempt) Outcome {
	if !has(a, attempt.ServerChain) || a.Cause == cause.ConnectTimeout || a.Cause == cause.HandshakeTimeout || a.Cause == cause.GatewayStopped ||
		a.Cause == cause.NoSharedSuite || a.Cause == cause.TLSVersion || a.Cause == cause.TooManyHandshakes || a.Cause == cause.MalformedConnect ||
		a.Cause == cause.WebSocketInTLS || a.Cause == cause.HTTPInTLS {
		return Undecided
	}
	return Passed
}

func passedIf(yes bool) Outcome {
	if yes {
		return Passed
	}
	return Failed
}

func has(a attempt.Attempt, k attempt.Kind) bool {
	return slices.ContainsFunc(a.Steps, func(s attempt.Step) bool { return s.Kind == k })
}

// What a device goes on with once it is accepted; the numbers are those of MQTT 3.1.1, section 2.2.1.
const (
	publish     = 3
	subscribe   = 8
	unsubscribe = 10
	pingreq     = 12
)

// sent reports whether the first packet after CONNECT was one of these; later ones are not looked at.
func sent(a attempt.Attempt, types ...byte) bool {
	return slices.ContainsFunc(a.Packets, func(p attempt.Packet) bool {
		return !p.Outbound && len(p.Bytes) > 0 && slices.Contains(types, p.Bytes[0]>>4)
	})
}

// outcome is the lesson's as of now.
func (p *pupil) outcome(now time.Time) Outcome {
	n := len(p.tries)
	if p.last != Waiting || n == 0 {
		return p.last
	}
	last := p.tries[n-1]
	quiet := now.Sub(last.at)
	if p.Kind != ReturnCode {
		if n > 1 && last.at.Sub(p.tries[n-2].at) < calmFor {
			return Failed
		}
		return sooner(n > 1 || quiet >= calmFor)
	}
	switch {
	case last.code == 0:
		return Passed
	case last.code == 3:
		if n < backsOff {
			return sooner(quiet >= quietFor)
		}
		return passedIf(last.at.Sub(p.tries[n-2].at) > p.tries[n-2].at.Sub(p.tries[n-3].at))
	case n > 1 && p.tries[n-2].code == last.code && last.at.Sub(p.tries[n-2].at) < quietFor:
		return Failed
	}
	return sooner(quiet >= quietFor)
}

func sooner(decided bool) Outcome {
	if decided {
		return Passed
	}
	return Waiting
}

// Results are what each device made of each server, the last first.
func (l *Lab) Results() []Result {
	now := l.p.Now()
	l.mu.Lock()
	all := make([]Result, 0, len(l.pupils))
	strangers := false
	for _, p := range l.pupils {
		r := p.Result
		r.Outcome = p.outcome(now)
		all = append(all, r)
		strangers = strangers || l.isStranger(r)
	}
	l.mu.Unlock()
	if strangers {
		l.byAddress(all, now)
	}
	slices.SortFunc(all, func(a, b Result) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return int(b.Attempt) - int(a.Attempt)
	})
	return all
}

// ClearResults forgets all results.
func (l *Lab) ClearResults() {
	l.mu.Lock()
	clear(l.pupils)
	l.order = nil
	l.mu.Unlock()
	l.version.Add(1)
}

// row is a result as text, in the order of Columns.
func (r Result) row() []string {
	return []string{
		r.Name, r.DeviceSID, r.Peer, string(r.Kind), codeText(r.Code), string(r.Outcome), r.At.UTC().Format(time.RFC3339), strconv.FormatUint(r.Attempt, 10), r.KnownBy,
	}
}

func codeText(code int) string {
	if code < 0 {
		return ""
	}
	return strconv.Itoa(code)
}
