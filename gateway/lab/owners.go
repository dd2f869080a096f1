package lab

import (
	"time"

	"gatehouse/gateway/attempt"
)

// A device that refuses the server's certificate has not shown its own yet, and has sent no CONNECT. It may be known by its address
// all the same, when nothing but one device came from there lately.
const (
	lately      = time.Hour   // how long ago an attempt may have ended to speak for its address
	lookEvery   = time.Second // the record is looked through at most so often
	mostLooked  = 10_000      // attempts, the newest first
	nobodyKnown = ""
)

// owners tells whose addresses are, as of a moment.
type owners struct {
	byHost map[string]owner
	at     time.Time
}

type owner struct{ deviceSID, name string }

// isStranger reports whether nothing but the address of a result is known.
func (l *Lab) isStranger(r Result) bool { return r.DeviceSID == "" && r.Name == hostOf(r.Peer) }

// byAddress names the devices of results of which the address alone is known, as far as there is no doubt.
func (l *Lab) byAddress(all []Result, now time.Time) {
	hosts := l.hosts(now)
	for i := range all {
		r := &all[i]
		if !l.isStranger(*r) {
			continue
		}
		if o := hosts[hostOf(r.Peer)]; o.deviceSID != nobodyKnown {
			r.DeviceSID, r.Name, r.KnownBy = o.deviceSID, o.name, ByAddress
		}
	}
}

// hosts are the addresses from which exactly one device came lately.
func (l *Lab) hosts(now time.Time) map[string]owner {
	l.mu.Lock()
	known := l.owners
	l.mu.Unlock()
	if known.byHost != nil && now.Sub(known.at) < lookEvery && !now.Before(known.at) {
		return known.byHost
	}
	found, doubtful := map[string]owner{}, map[string]bool{}
	for _, a := range l.p.Log.Query(attempt.Filter{Limit: mostLooked}).Attempts {
		if a.DeviceSID == "" || !a.Live && now.Sub(a.At.Add(a.Total)) > lately {
			continue
		}
		host := hostOf(a.Remote)
		if o, seen := found[host]; seen && o.deviceSID != a.DeviceSID {
			doubtful[host] = true
		} else if !seen {
			found[host] = owner{a.DeviceSID, nameOr(a.DeviceName, a.DeviceSID)}
		}
	}
	for host := range doubtful {
		delete(found, host)
	}
	l.mu.Lock()
	l.owners = owners{found, now}
	l.mu.Unlock()
	return found
}

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}
