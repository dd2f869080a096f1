package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

// Bounds of the delay that answers wrong credentials. The first ones are short, because people mistype.
const (
	firstDelay    = 50 * time.Millisecond
	longestDelay  = time.Second
	failureMemory = time.Minute
	maxAddresses  = 4096
	maxWaiting    = 256 // answers that are being delayed at once
)

// guard lets the account in. Only the answer to wrong credentials is ever delayed, so whoever has the right ones does not
// notice who else guesses.
type guard struct {
	account func() registry.Account
	now     func() time.Time
	closing <-chan struct{}

	mu      sync.Mutex
	failed  map[netip.Prefix]failures
	waiting int
}

type failures struct {
	times int
	last  time.Time
}

// admit reports whether a request has the right credentials; if not, it has answered.
func (g *guard) admit(w http.ResponseWriter, r *http.Request) bool {
	user, password, given := r.BasicAuth()
	if given && g.matches(user, password) {
		return true
	}
	refusal := &web.Error{
		Status: http.StatusUnauthorized, Code: web.CodeUnauthorized, Message: "Authenticate with the account SID and its auth token",
		Header: http.Header{"Www-Authenticate": {`Basic realm="Gatehouse", charset="UTF-8"`}},
	}
	if r.Header.Get("Authorization") != "" && !g.delay(r) { // without any nothing was guessed
		refusal = &web.Error{
			Status: http.StatusTooManyRequests, Code: web.CodeRateLimited, Message: "Too many wrong credentials are being answered",
			Header: http.Header{"Retry-After": {"1"}},
		}
	}
	turnAway(w, r, refusal)
	return false
}

// turnAway answers someone who is not let in. A body that may still come is not waited for, so that nobody holds a connection
// by sending it slowly.
func turnAway(w http.ResponseWriter, r *http.Request, refusal *web.Error) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
	refusal.Write(w)
}

// matches compares hashes, which are all of one length, so that its time tells nothing of what was right.
func (g *guard) matches(user, password string) bool {
	account := g.account()
	if account.SID == "" || account.AuthToken == "" {
		return false
	}
	a, b := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(account.SID))
	c, d := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(account.AuthToken))
	return subtle.ConstantTimeCompare(a[:], b[:])&subtle.ConstantTimeCompare(c[:], d[:]) == 1
}

// delay waits for as long as the failures of the request's address demand. It reports false at once when too many wait
// already.
func (g *guard) delay(r *http.Request) bool {
	d, ok := g.count(addressOf(r.RemoteAddr))
	if !ok {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-g.closing:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting--
	return true
}

// count counts a failure, and is how long its answer has to wait. Unless it is false, the caller lowers waiting.
func (g *guard) count(address netip.Prefix) (time.Duration, bool) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting >= maxWaiting {
		return 0, false
	}
	g.waiting++
	if g.failed == nil {
		g.failed = map[netip.Prefix]failures{}
	}
	was, known := g.failed[address]
	if !known && len(g.failed) >= maxAddresses {
		for victim := range g.failed { // any: the order of a map is random
			delete(g.failed, victim)
			break
		}
	}
	if now.Sub(was.last) > failureMemory {
		was.times = 0
	}
	was.times, was.last = was.times+1, now
	g.failed[address] = was
	return min(firstDelay<<min(was.times-1, 10), longestDelay), true
}

// addressOf is the address of a peer: of IPv6 the network of 64 bits, of which a peer has all.
func addressOf(remote string) netip.Prefix {
	host, _, _ := net.SplitHostPort(remote)
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, _ := ip.Prefix(bits)
	return prefix
}
