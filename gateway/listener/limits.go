package listener

import (
	"net/netip"
	"sync"
	"time"
)

// rememberedAddresses and rememberedFailures bound the memory of the limits, whatever a peer sends.
const (
	rememberedAddresses = 4096
	rememberedFailures  = 4096
)

// rates limits CONNECTs per second, in total and per address. A second's worth may come at once.
type rates struct {
	total, perAddress int // negative: no limit

	mu     sync.Mutex
	all    bucket
	byAddr map[netip.Prefix]*bucket
	swept  time.Time
}

// bucket is a token bucket kept as the time at which it will be full again.
type bucket struct{ full time.Time }

// take takes one of rate tokens a second, if there is one.
func (b *bucket) take(rate int, now time.Time) bool {
	if rate < 0 {
		return true
	}
	full := b.full
	if full.Before(now) {
		full = now
	}
	full = full.Add(time.Second / time.Duration(max(rate, 1)))
	if full.Sub(now) > time.Second {
		return false
	}
	b.full = full
	return true
}

// allow reports whether a CONNECT from this address is within the limits, and counts it.
func (r *rates) allow(addr netip.Prefix, exempt bool, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.perAddress >= 0 && !exempt {
		if b := r.of(addr, now); b != nil && !b.take(r.perAddress, now) {
			return false
		}
	}
	return r.all.take(r.total, now)
}

// of is the bucket of an address; nil when too many addresses are active at once, where the total limit has to do.
func (r *rates) of(addr netip.Prefix, now time.Time) *bucket {
	if b := r.byAddr[addr]; b != nil {
		return b
	}
	if len(r.byAddr) >= rememberedAddresses && now.Sub(r.swept) >= time.Second { // not for each newcomer: it is a long way
		r.swept = now
		for a, b := range r.byAddr {
			if !b.full.After(now) { // full again: as good as forgotten
				delete(r.byAddr, a)
			}
		}
	}
	if len(r.byAddr) >= rememberedAddresses {
		return nil
	}
	if r.byAddr == nil {
		r.byAddr = map[netip.Prefix]*bucket{}
	}
	b := &bucket{}
	r.byAddr[addr] = b
	return b
}

// Delays of the answer to a wrong secret: the first ones are short, because people mistype.
const (
	firstDelay     = 50 * time.Millisecond
	failureMemory  = time.Minute
	longestKeyName = 64
)

// failures remembers wrong secrets by key and address. Only the answer to a wrong secret is ever delayed, so a device
// with the right one does not notice who else guesses.
type failures struct {
	longest time.Duration

	mu sync.Mutex
	by map[failure]failed
}

type failure struct {
	key  string
	addr netip.Prefix
}

type failed struct {
	times int
	last  time.Time
}

// delay counts a wrong secret, and is how long its answer has to wait.
func (f *failures) delay(key string, addr netip.Prefix, now time.Time) time.Duration {
	name := failure{key[:min(len(key), longestKeyName)], addr}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[failure]failed{}
	}
	was, known := f.by[name]
	if !known && len(f.by) >= rememberedFailures {
		for victim := range f.by { // any: the order of a map is random
			delete(f.by, victim)
			break
		}
	}
	if now.Sub(was.last) > failureMemory {
		was.times = 0
	}
	was.times, was.last = was.times+1, now
	f.by[name] = was
	return min(firstDelay<<min(was.times-1, 10), f.longest)
}
