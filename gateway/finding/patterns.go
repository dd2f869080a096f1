package finding

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// Windows of the patterns. A fight, a storm and a client that does not heed its code are rates of a minute; a board with a
// missing root certificate may try more slowly.
const (
	minute         = time.Minute
	failuresWithin = 10 * time.Minute
)

// Values of the fact "likely" of a takeover fight.
const (
	LikelySameKey   = "same_credential" // one credential at two addresses or with two client ids: it is on two boards
	LikelyTwoKeys   = "two_credentials" // of one device, in use at the same time
	LikelyReconnect = "one_peer"        // all the same: one program runs twice, or does not close its old connection
)

// fight: two connections of one device evict each other. Facts: likely, times and interval (of the last minute).
func (l *Log) fight(a *attempt.Attempt) {
	e := eventOf(a)
	e.fight = &fight{Party{Remote: a.Remote, CredentialSID: a.CredentialSID, ClientID: a.ClientID, Attempt: a.ID}, evicted(a)}
	events := l.watches.add(takeovers, a.DeviceSID, e, minute, max(l.params.Takeovers+1, maxEvidence))
	if len(events) <= l.params.Takeovers {
		return
	}
	f := l.pattern(cause.TakeoverFight, a.DeviceSID, a, events)
	parties := partiesOf(events)
	f.finding.Parties = parties
	f.facts(attempt.F("likely", likely(parties, events)), attempt.F("times", number(len(events))), attempt.F("interval", interval(events[0].at(), e.at(), len(events))))
}

// evicted is the connection that an attempt took over from.
func evicted(a *attempt.Attempt) Party {
	old := Party{Remote: a.TookOver}
	for _, s := range a.Steps {
		if s.Kind == attempt.Takeover {
			old.CredentialSID, old.ClientID = s.Fact("old_credential"), s.Fact("old_client_id")
			old.Attempt, _ = strconv.ParseUint(s.Fact("old_attempt"), 10, 64) // 0: not known
		}
	}
	return old
}

// partiesOf are the peers of takeovers, the latest first. A peer comes from another port each time.
func partiesOf(events []event) []Party {
	parties := []Party{}
	add := func(p Party, same func(a, b Party) bool) {
		if p.Remote != "" && len(parties) < maxParties && !slices.ContainsFunc(parties, func(have Party) bool { return same(have, p) }) {
			parties = append(parties, p)
		}
	}
	samePeer := func(a, b Party) bool {
		return host(a.Remote) == host(b.Remote) && a.CredentialSID == b.CredentialSID && a.ClientID == b.ClientID
	}
	for _, e := range slices.Backward(events) {
		add(e.fight.party, samePeer)
	}
	for _, e := range slices.Backward(events) {
		if e.fight.old.CredentialSID != "" { // else it is not known whether it is another one
			add(e.fight.old, samePeer)
		}
	}
	if len(parties) == 1 { // the two that met last, though nothing but their ports tells them apart
		add(events[len(events)-1].fight.old, func(a, b Party) bool { return a.Remote == b.Remote })
	}
	return parties
}

func likely(parties []Party, events []event) string {
	distinct := func(of func(Party) string) int {
		var values []string
		for _, p := range parties {
			if v := of(p); !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		return len(values)
	}
	switch {
	case distinct(func(p Party) string { return p.CredentialSID }) > 1:
		return LikelyTwoKeys
	case distinct(func(p Party) string { return host(p.Remote) }) > 1, clientComesBack(events):
		return LikelySameKey
	}
	return LikelyReconnect
}

// clientComesBack reports whether a client id returns after another one had taken its place. Many clients make up a new id for
// each connection: ids that differ and never return tell nothing about how many boards there are.
func clientComesBack(events []event) bool {
	last := map[string]int{}
	for n, e := range events {
		if before, met := last[e.fight.party.ClientID]; met && before < n-1 {
			return true
		}
		last[e.fight.party.ClientID] = n
	}
	return false
}

// storm: one device connects again and again, and is accepted. Facts: times, interval.
func (l *Log) storm(a *attempt.Attempt) {
	e := eventOf(a)
	events := l.watches.add(connects, a.DeviceSID, e, minute, max(l.params.Connects, maxEvidence))
	if len(events) < l.params.Connects {
		return
	}
	l.pattern(cause.ReconnectStorm, a.DeviceSID, a, events).
		facts(attempt.F("times", number(len(events))), attempt.F("interval", interval(events[0].at(), e.at(), len(events))))
}

// unheeded: a client goes on with a credential after a code that tells it to stop (contract, section 4). Facts: code, cause,
// times, interval.
func (l *Log) unheeded(a *attempt.Attempt) {
	code := number(int(a.Code))
	about := strings.Join([]string{host(a.Remote), credential(a), code}, "\n")
	e := eventOf(a)
	events := l.watches.add(refusals, about, e, minute, max(l.params.Refusals, maxEvidence))
	if len(events) < l.params.Refusals {
		return
	}
	l.pattern(cause.IgnoresCode, about, a, events).facts(
		attempt.F("code", code), attempt.F("cause", string(a.Cause)), attempt.F("times", number(len(events))), attempt.F("interval", interval(events[0].at(), e.at(), len(events))))
}

// sameFailure: handshakes fail in one way, many from one address or from many. Facts: cause, times, and addresses (how many)
// when there are several.
func (l *Log) sameFailure(a *attempt.Attempt) {
	e, why := eventOf(a), string(a.Cause)
	most := max(l.params.Failures, maxEvidence)
	from := host(a.Remote)
	if events := l.watches.add(failures, from+"\n"+why, e, failuresWithin, most); len(events) >= l.params.Failures {
		f := l.pattern(cause.SameFailure, from+"\n"+why, a, events)
		f.finding.Remote = from
		f.facts(attempt.F("cause", why), attempt.F("times", number(len(events))), attempt.F("interval", interval(events[0].at(), e.at(), len(events))))
	}
	e.remote = &from
	if events := l.watches.add(spread, why, e, failuresWithin, most); len(events) >= l.params.Failures {
		f := l.pattern(cause.SameFailure, why, a, events)
		f.finding.Remote = ""
		f.facts(attempt.F("cause", why), attempt.F("times", number(len(events))), attempt.F("addresses", number(len(events))))
	}
}

// clock: a device takes the gateway's certificate, which is valid, for expired or not yet valid. Facts: alert, and those of
// the certificate's validity as they were sent.
func (l *Log) clock(a *attempt.Attempt) {
	var notAfter string
	for _, s := range a.Steps {
		switch {
		case s.Kind == attempt.ServerChain:
			notAfter = s.Fact("not_after")
		case s.Kind == attempt.Handshake && s.Fact("alert_from") == "device" && (s.Fact("alert") == "certificate_expired" || a.Cause == cause.ServerCertificateEarly):
			if expired(notAfter, a.At) {
				return // it is right
			}
			l.seen(cause.ClockOff, subject(a), a, a.At).facts(attempt.F("alert", s.Fact("alert")), attempt.F("not_after", notAfter), attempt.F("gateway_time", a.At.UTC().Format(time.RFC3339)))
			return
		}
	}
}

func expired(notAfter string, now time.Time) bool {
	t, err := time.Parse(time.RFC3339, notAfter)
	return err == nil && t.Before(now)
}

// pattern notes that an attempt completes or goes on with a pattern, which began with the first of the events.
func (l *Log) pattern(kind cause.ID, about string, a *attempt.Attempt, events []event) *entry {
	_, known := l.byKey[key{kind, about}]
	e := l.seen(kind, about, a, a.At)
	if !known {
		e.finding.Count = len(events)
		e.finding.First = events[0].at()
		for _, one := range events {
			e.evidence(one.id)
		}
	}
	return e
}
