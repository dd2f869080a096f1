package diagnosis

import (
	"sync"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// Bounds of the search, in hashes: what one call may spend (contract, section 4), and what all may together, so that a flood of
// wrong secrets costs some ten milliseconds of each second at most. A lookup of a Key SID counts as a hash.
const (
	maxHashes       = 1000
	hashesPerSecond = 20000
	maxClues        = 3

	// maxSecret is the longest password that is tried in other readings, in bytes.
	maxSecret = 1024
)

// Secrets tries a refused key credential in other readings. Its methods are safe for many goroutines.
type Secrets struct {
	registry Registry
	now      func() time.Time

	mu     sync.Mutex
	tokens float64
	filled time.Time
	index  *index
	made   time.Time
}

// NewSecrets makes one; a nil now is time.Now.
func NewSecrets(r Registry, now func() time.Time) *Secrets {
	if now == nil {
		now = time.Now
	}
	return &Secrets{registry: r, now: now, tokens: hashesPerSecond, filled: now()}
}

// Clues are what a key credential turned out to be that was refused with code 2 or 4, the most telling first; none when nothing
// was found, for another verdict and for a certificate. Everything is compared by the salted hashes of the registry, in
// constant time, and no part of a password or of an unknown user name is in the clues. How long it takes does tell
// something, so it must run when the answer was sent and the connection closed. It never waits; the caller wipes
// the password afterwards.
func (s *Secrets) Clues(p admission.Presented, v admission.Verdict) []Clue {
	if p.Thumbprint != "" || !p.HasUser || v.Code != admission.CodeIdentifierRejected && v.Code != admission.CodeBadCredentials {
		return nil
	}
	q := &search{Secrets: s, p: p, v: v, left: s.take()}
	defer func() { s.giveBack(q.left) }()
	switch v.Cause {
	case cause.WrongSecret:
		q.wrongSecret()
	case cause.UserNotKeySID:
		q.wrongUser()
	case cause.UnknownKey:
		q.unknownKey()
	}
	return q.clues[:min(len(q.clues), maxClues)]
}

// take hands out hashes, as many as one call may spend and all together have left.
func (s *Secrets) take() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if past := now.Sub(s.filled); past > 0 {
		s.tokens = min(hashesPerSecond, s.tokens+past.Seconds()*hashesPerSecond)
		s.filled = now
	}
	n := min(maxHashes, int(s.tokens))
	s.tokens -= float64(n)
	return n
}

func (s *Secrets) giveBack(n int) {
	s.mu.Lock()
	s.tokens = min(hashesPerSecond, s.tokens+float64(n))
	s.mu.Unlock()
}

// index is what is worked out of the whole registry.
type index struct {
	version uint64
	entries int
	keys    map[string][]registry.Key // by fleet
	names   map[string]string         // of devices, to their SIDs
}

// stale is for how long an index stays in use while the registry changes all the time: 10 µs for each entry, so that making it
// takes a few hundredths of the time at most, however large it is. What is found in an old one is looked up again before
// it is told.
func (i *index) stale() time.Duration { return time.Duration(i.entries) * 10 * time.Microsecond }

func (s *Secrets) look() *index {
	version, now := s.registry.Version(), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index != nil && (s.index.version == version || now.Sub(s.made) < s.index.stale()) {
		return s.index
	}
	i := &index{version: version, keys: map[string][]registry.Key{}, names: map[string]string{}}
	for _, key := range s.registry.AllKeys() {
		i.keys[key.FleetSID] = append(i.keys[key.FleetSID], key)
		i.entries++
	}
	for _, device := range s.registry.Devices() {
		i.entries++
		for _, name := range []string{device.FriendlyName, device.UniqueName} {
			if name != "" {
				i.names[name] = device.SID
			}
		}
	}
	s.index, s.made = i, now
	return i
}

// search is one call of Clues.
type search struct {
	*Secrets
	p     admission.Presented
	v     admission.Verdict
	left  int // hashes
	clues []Clue
}

func (q *search) found(id cause.ID, nameValue ...string) {
	q.clues = append(q.clues, clue(id, nameValue...))
}

// spend takes n hashes from what is left.
func (q *search) spend(n int) bool {
	if q.left < n {
		return false
	}
	q.left -= n
	return true
}

func (q *search) matches(key registry.Key, secret []byte) bool {
	return q.spend(1) && credential.SecretMatches(key.Salt, key.Hash, secret)
}

// wrongSecret looks for the reading in which the password is right: for the key, then for another one.
func (q *search) wrongSecret() {
	key, known := q.registry.Key(q.p.User)
	if !known {
		return
	}
	if len(q.p.Password) > maxSecret {
		q.found(cause.SecretTooLong)
		return
	}
	readings := readingsOf(q.p.Password)
	defer wipe(readings)
	for _, r := range readings {
		if q.matches(key, r.text) {
			q.found(r.clue, r.facts...)
			return
		}
	}
	if q.form() {
		return
	}
	if q.otherKey(readings, key.SID) {
		return
	}
	q.shape()
}

// form tells of a password that is no secret at all.
func (q *search) form() bool {
	text := trimmed(q.p.Password)
	switch {
	case isPlaceholder(text):
		q.found(cause.SecretPlaceholder)
	case sid.Valid(sid.Key, string(text)):
		q.found(cause.SecretIsKeySID)
	default:
		return false
	}
	return true
}

// shape tells of a password that cannot be a secret by its length or its letters. Of 62 letters and digits, 32 drawn at
// random without a capital, or without a small one, would be one secret in thirty million.
func (q *search) shape() {
	text := trimmed(q.p.Password)
	var upper, lower, other bool
	for _, c := range text {
		switch {
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			lower = true
		case c < '0' || c > '9':
			other = true
		}
	}
	switch {
	case len(text) < credential.SecretLength:
		q.found(cause.SecretTooShort)
	case len(text) > credential.SecretLength:
		q.found(cause.SecretTooLong)
	case !other && upper != lower:
		q.found(cause.SecretCase)
	}
}

// otherKey looks for a key whose secret the password is: of the same device first, then of the fleet, then of all.
func (q *search) otherKey(readings []reading, except string) bool {
	texts := [][]byte{q.p.Password}
	for _, r := range readings {
		if r.clue == cause.SecretWhitespace || r.clue == cause.SecretQuoted {
			texts = append(texts, r.text)
		}
	}
	try := func(keys []registry.Key) bool {
		for _, key := range keys {
			if key.SID == except {
				continue
			}
			for _, text := range texts {
				if q.matches(key, text) {
					return q.tellOther(key.SID)
				}
			}
			if q.left == 0 {
				return false
			}
		}
		return false
	}
	if q.v.DeviceSID != "" && try(q.registry.Keys(q.v.DeviceSID)) {
		return true
	}
	index := q.look()
	if try(index.keys[q.v.FleetSID]) {
		return true
	}
	for fleet, keys := range index.keys {
		if fleet != q.v.FleetSID && try(keys) {
			return true
		}
	}
	return false
}

func (q *search) tellOther(keySID string) bool {
	key, still := q.registry.Key(keySID)
	if still {
		q.found(cause.SecretOfOtherKey, q.about(key)...)
	}
	return still
}

// about are the facts of a key that was found.
func (q *search) about(key registry.Key) []string {
	return []string{"key", key.SID, "device", key.DeviceSID, "name", nameOf(q.registry, key.DeviceSID)}
}

// fits says whether the password is the secret of a key, in any reading.
func (q *search) fits(key registry.Key) string {
	if !q.p.HasPassword || len(q.p.Password) == 0 || len(q.p.Password) > maxSecret || q.left == 0 {
		return ""
	}
	if q.matches(key, q.p.Password) {
		return "matches"
	}
	readings := readingsOf(q.p.Password)
	defer wipe(readings)
	for _, r := range readings {
		if q.matches(key, r.text) {
			q.found(r.clue, r.facts...)
			break
		}
	}
	return "differs"
}

// mistyped tells of a key that the user name nearly names; a secret that fits only in another reading is a second clue.
func (q *search) mistyped(key registry.Key, how string) {
	before := len(q.clues)
	secret := q.fits(key)
	mistyped := clue(cause.KeySIDMistyped, append(q.about(key), "how", how, "secret", secret)...)
	q.clues = append(q.clues[:before:before], append([]Clue{mistyped}, q.clues[before:]...)...)
}
