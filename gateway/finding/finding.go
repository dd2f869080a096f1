// Package finding says what several attempts together show: connections that evict each other, a client that goes on
// after it was told to stop, devices that fail in the same way; and it sums up the warnings of single attempts. It is told
// attempts, keeps a bounded number of findings with their evidence, and knows neither how attempts come about nor words
// for people.
package finding

import (
	"cmp"
	"container/list"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// Bounds of one finding.
const (
	maxEvidence = 16  // attempts
	maxParties  = 8   // of a takeover fight
	maxFacts    = 16  // of one finding
	maxText     = 256 // bytes of one fact
)

// Finding is something that attempts show, with its evidence.
type Finding struct {
	// ID is made from what the finding is about, so it is the same after a restart. It is below 2^53, which JavaScript keeps.
	ID     uint64    `json:"id"`
	Kind   cause.ID  `json:"kind"`   // a pattern's own cause, or that of the warnings it sums up
	Active bool      `json:"active"` // seen within Params.ActiveFor and not dismissed
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Count  int       `json:"count"` // attempts that show it, from First to Last

	// Whom it is about, as far as that is known: as the latest attempt had it.
	DeviceSID     string `json:"device_sid,omitempty"`
	DeviceName    string `json:"device_name,omitempty"`
	CredentialSID string `json:"credential_sid,omitempty"`
	Remote        string `json:"remote,omitempty"` // host and port; the host alone when the finding is about that

	Parties  []Party        `json:"parties,omitempty"`  // of a takeover fight: the peers that evict each other
	Attempts []uint64       `json:"attempts,omitempty"` // evidence, newest first, at most 16
	Facts    []attempt.Fact `json:"facts,omitempty"`
}

// Fact is the value of a fact, empty when it is not known.
func (f Finding) Fact(name string) string {
	for _, one := range f.Facts {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

// Party is one side of a takeover fight.
type Party struct {
	Remote        string `json:"remote"`
	CredentialSID string `json:"credential_sid,omitempty"`
	ClientID      string `json:"client_id,omitempty"`
	Attempt       uint64 `json:"attempt"` // its latest
}

// Params of a Log. The zero value works.
type Params struct {
	Capacity int // findings kept; the one that was not seen for longest goes first; default 500
	Watched  int // devices, addresses and credentials watched for patterns at once; default 4 096

	Takeovers int // within a minute: more of one device are a fight; default 4
	Refusals  int // within a minute with one code, from one address with one credential: the client does not heed it; default 4, as a person tries three times
	Connects  int // within a minute by one device: a reconnect storm; default 10
	Failures  int // handshakes that fail in one way within ten minutes, from one address or as many; default 5

	ActiveFor time.Duration    // since it was last seen; default 10 minutes
	Now       func() time.Time // nil: time.Now
}

func (p Params) withDefaults() Params {
	for _, d := range []struct {
		value    *int
		standard int
	}{{&p.Capacity, 500}, {&p.Watched, 4096}, {&p.Takeovers, 4}, {&p.Refusals, 4}, {&p.Connects, 10}, {&p.Failures, 5}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if p.ActiveFor <= 0 {
		p.ActiveFor = 10 * time.Minute
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}

// Log keeps findings. Its methods are safe for many goroutines and call nobody but Params.Now.
type Log struct {
	params  Params
	version atomic.Uint64

	mu       sync.Mutex
	byKey    map[key]*entry
	byID     map[uint64]*entry
	order    list.List // of *entry, the latest seen first
	lapses   time.Time // when the next of the active ones stops being so; zero: none is
	watches  watches
	observed observed
}

// key is what a finding is about. Two attempts with the same key show the same finding.
type key struct {
	kind    cause.ID
	subject string
}

func (k key) id() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(string(k.kind) + "\n" + k.subject)) // a hash never fails
	return h.Sum64() & (1<<53 - 1)
}

type entry struct {
	key       key
	finding   Finding
	dismissed bool
	place     *list.Element
}

// New makes an empty log.
func New(p Params) *Log {
	p = p.withDefaults()
	return &Log{
		params: p, byKey: map[key]*entry{}, byID: map[uint64]*entry{},
		watches: watches{limit: p.Watched, by: map[watchKey]*watch{}}, observed: observed{limit: 4 * p.Watched, by: map[uint64]stage{}},
	}
}

// Version rises with every change, and when a finding stops being active.
func (l *Log) Version() uint64 {
	now := l.params.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.lapses.IsZero() && !now.Before(l.lapses) {
		l.lapses = time.Time{}
		for at := l.order.Front(); at != nil; at = at.Next() {
			l.lapse(at.Value.(*entry), now)
		}
		l.version.Add(1)
	}
	return l.version.Load()
}

// lapse notes when a finding stops being active, if that is still to come. The caller holds mu.
func (l *Log) lapse(e *entry, now time.Time) {
	end := e.finding.Last.Add(l.params.ActiveFor)
	if !e.dismissed && now.Before(end) && (l.lapses.IsZero() || end.Before(l.lapses)) {
		l.lapses = end
	}
}

// All are the findings: the active ones first, and of both the latest seen first.
func (l *Log) All() []Finding {
	now := l.params.Now()
	l.mu.Lock()
	all := make([]Finding, 0, len(l.byID))
	for at := l.order.Front(); at != nil; at = at.Next() {
		all = append(all, l.show(at.Value.(*entry), now))
	}
	l.mu.Unlock()
	slices.SortStableFunc(all, func(a, b Finding) int {
		if a.Active != b.Active {
			if a.Active {
				return -1
			}
			return 1
		}
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Active counts those that are active by kind.
func (l *Log) Active() map[cause.ID]int {
	now := l.params.Now()
	counts := map[cause.ID]int{}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.byID {
		if l.active(e, now) {
			counts[e.key.kind]++
		}
	}
	return counts
}

// Get is one finding, unless it has been forgotten.
func (l *Log) Get(id uint64) (Finding, bool) {
	now := l.params.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byID[id]
	if e == nil {
		return Finding{}, false
	}
	return l.show(e, now), true
}

// Dismiss takes a finding off the active ones, and reports whether it is there. It comes back when it is seen again after it
// had not been for as long as findings are active.
func (l *Log) Dismiss(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byID[id]
	if e == nil {
		return false
	}
	e.dismissed = true
	l.version.Add(1)
	return true
}

// Clear forgets everything.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.byKey)
	clear(l.byID)
	l.order.Init()
	l.lapses = time.Time{}
	l.watches.clear()
	l.version.Add(1)
}

// active reports whether a finding was seen lately. One that was seen in the future was seen before the clock was set back.
func (l *Log) active(e *entry, now time.Time) bool {
	return !e.dismissed && now.Sub(e.finding.Last).Abs() < l.params.ActiveFor
}

// show is a copy that stays as it is. The caller holds mu.
func (l *Log) show(e *entry, now time.Time) Finding {
	f := e.finding
	f.Active = l.active(e, now)
	f.Parties, f.Attempts, f.Facts = slices.Clone(f.Parties), slices.Clone(f.Attempts), slices.Clone(f.Facts)
	return f
}

// seen notes that an attempt shows a finding, at a time, and returns the finding to be filled in. The caller holds mu.
func (l *Log) seen(kind cause.ID, subject string, a *attempt.Attempt, at time.Time) *entry {
	k := key{kind, subject}
	e := l.byKey[k]
	if e == nil {
		e = &entry{key: k, finding: Finding{ID: k.id(), Kind: kind, First: at, Last: at}}
		if l.order.Len() >= l.params.Capacity {
			l.forget(l.order.Back().Value.(*entry))
		}
		e.place = l.order.PushFront(e)
		l.byKey[k], l.byID[e.finding.ID] = e, e
	}
	f := &e.finding
	if at.Sub(f.Last) > l.params.ActiveFor {
		e.dismissed = false
	}
	f.Count++
	if at.Before(f.First) {
		f.First = at
	}
	if at.After(f.Last) || f.Last.Sub(at) > l.params.ActiveFor { // the clock was set back
		f.Last = at
	}
	f.DeviceSID, f.DeviceName, f.CredentialSID, f.Remote = a.DeviceSID, a.DeviceName, a.CredentialSID, a.Remote
	e.evidence(a.ID)
	l.order.MoveToFront(e.place)
	l.lapse(e, l.params.Now())
	l.version.Add(1)
	return e
}

func (l *Log) forget(e *entry) {
	l.order.Remove(e.place)
	delete(l.byKey, e.key)
	delete(l.byID, e.finding.ID)
}

// evidence adds an attempt, the newest first.
func (e *entry) evidence(id uint64) {
	ids := e.finding.Attempts
	if slices.Contains(ids, id) {
		return
	}
	at, _ := slices.BinarySearchFunc(ids, id, func(have, id uint64) int { return cmp.Compare(id, have) })
	ids = slices.Insert(ids, at, id)
	e.finding.Attempts = ids[:min(len(ids), maxEvidence)]
}

// facts replaces the facts.
func (e *entry) facts(facts ...attempt.Fact) {
	e.finding.Facts = slices.Clone(facts[:min(len(facts), maxFacts)])
	for i := range e.finding.Facts {
		if f := &e.finding.Facts[i]; len(f.Value) > maxText {
			f.Value = strings.ToValidUTF8(f.Value[:maxText], "") + "…"
		}
	}
}
