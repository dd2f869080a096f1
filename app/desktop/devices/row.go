package devices

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// row is a device as the table shows it, with its words ready.
type row struct {
	device      registry.Device
	name        string
	shortSID    string
	fleet       string
	deployment  string // its name; empty when not deployed
	virtual     bool
	connected   bool
	keys, certs int
	code        attempt.Code // of the last attempt
	attempts    bool         // there was one
	search      string       // lower case; begins with the name
}

// credentials says how many there are, in few letters.
func (r row) credentials() string {
	switch {
	case r.keys+r.certs == 0:
		return "none"
	case r.keys == 0:
		return plural(r.certs, "cert")
	case r.certs == 0:
		return plural(r.keys, "key")
	}
	return plural(r.certs, "cert") + ", " + plural(r.keys, "key")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// snapshot is everything that the table shows, read off the UI goroutine.
type snapshot struct {
	rows   []row // by creation, the newest first
	fleets []registry.Fleet
	counts map[string]int // how many rows each chip keeps
}

// read makes the rows of all devices.
func read(p Params, codes map[string]attempt.Code) snapshot {
	s := snapshot{fleets: p.Registry.Fleets()}
	fleets := map[string]string{}
	deployments := map[string]string{}
	for _, f := range s.fleets {
		fleets[f.SID] = nameOf(f.FriendlyName, f.UniqueName, f.SID)
		for _, d := range p.Registry.Deployments(f.SID) {
			deployments[d.SID] = nameOf(d.FriendlyName, "", d.SID)
		}
	}
	keys, certs := map[string]int{}, map[string]int{}
	for _, k := range p.Registry.AllKeys() {
		keys[k.DeviceSID]++
	}
	for _, c := range p.Registry.AllCertificates() {
		certs[c.DeviceSID]++
	}
	connected := p.Connected()
	devices := p.Registry.Devices()
	s.rows = make([]row, len(devices))
	for i, d := range devices {
		r := row{
			device: d, name: d.Name(), shortSID: sid.Short(d.SID), fleet: fleets[d.FleetSID], deployment: deployments[d.DeploymentSID],
			virtual: p.Bench.Virtual(d.SID), connected: connected[d.SID], keys: keys[d.SID], certs: certs[d.SID],
		}
		r.code, r.attempts = codes[d.SID]
		r.search = strings.ToLower(strings.Join([]string{r.name, d.FriendlyName, d.SID, r.fleet, d.Identity, r.deployment}, "\n"))
		s.rows[len(devices)-1-i] = r
	}
	s.counts = count(s.rows)
	return s
}

// nameOf is the first of these that is not empty, or a SID shortened.
func nameOf(first, second, whole string) string {
	return cmp.Or(first, second, sid.Short(whole))
}

// codes remembers the code of each device's last attempt. Each look reads only what has come since the last one.
type codes struct {
	mu     sync.Mutex
	last   map[string]attempt.Code
	after  uint64
	seenAt uint64 // version of the log
}

// look brings the codes up to date and returns a copy.
func (c *codes) look(log Attempts) map[string]attempt.Code {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]attempt.Code{}
	}
	if v := log.Version(); v != c.seenAt || v == 0 {
		c.seenAt = v
		page := log.Query(attempt.Filter{AfterID: c.after})
		for i := len(page.Attempts) - 1; i >= 0; i-- { // oldest first
			if a := page.Attempts[i]; a.DeviceSID != "" && a.Code != attempt.Pending {
				c.last[a.DeviceSID] = a.Code
			}
		}
		c.after = settled(page.Attempts, c.after)
	}
	copied := make(map[string]attempt.Code, len(c.last))
	for k, v := range c.last {
		copied[k] = v
	}
	return copied
}

// settled is the last attempt before the oldest one that is still pending: what comes after it is to be read again.
func settled(newestFirst []attempt.Attempt, after uint64) uint64 {
	for i := len(newestFirst) - 1; i >= 0; i-- {
		if newestFirst[i].Code == attempt.Pending {
			break
		}
		after = newestFirst[i].ID
	}
	return after
}

// filter is what the chips and the search field above the table ask for.
type filter struct {
	only string // one of the chips' names
	text string
}

// The chips.
const (
	onlyAll         = "all"
	onlyConnected   = "connected"
	onlyVirtual     = "virtual"
	onlyDisabled    = "disabled"
	onlyNotDeployed = "not deployed"
)

func (f filter) keeps(r row) bool { return f.keep(&r, strings.Fields(strings.ToLower(f.text))) }

func (f filter) keep(r *row, words []string) bool {
	switch f.only {
	case onlyConnected:
		if !r.connected {
			return false
		}
	case onlyVirtual:
		if !r.virtual {
			return false
		}
	case onlyDisabled:
		if r.device.Enabled {
			return false
		}
	case onlyNotDeployed:
		if r.device.DeploymentSID != "" {
			return false
		}
	}
	for _, word := range words {
		if !strings.Contains(r.search, word) {
			return false
		}
	}
	return true
}

func (f filter) apply(rows []row) []row {
	kept := make([]row, 0, len(rows))
	words := strings.Fields(strings.ToLower(f.text))
	for i := range rows {
		if f.keep(&rows[i], words) {
			kept = append(kept, rows[i])
		}
	}
	return kept
}

// orders are the ways to sort; equal rows stay newest first.
var orders = []struct {
	name string
	less func(a, b *row) int // nil: newest first
}{
	{"newest first", nil},
	{"by name", func(a, b *row) int { return cmp.Compare(a.search, b.search) }},
	{"connected first", func(a, b *row) int { return truth(b.connected) - truth(a.connected) }},
	{"worst code first", func(a, b *row) int { return worst(b) - worst(a) }},
	{"disabled first", func(a, b *row) int { return truth(a.device.Enabled) - truth(b.device.Enabled) }},
	{"by deployment", func(a, b *row) int { return cmp.Compare(a.deployment, b.deployment) }},
	{"virtual first", func(a, b *row) int { return truth(b.virtual) - truth(a.virtual) }},
	{"fewest credentials", func(a, b *row) int { return a.keys + a.certs - b.keys - b.certs }},
	{"by fleet", func(a, b *row) int { return cmp.Compare(a.fleet, b.fleet) }},
	{"by identity", func(a, b *row) int { return cmp.Compare(a.device.Identity, b.device.Identity) }},
	{"by SID", func(a, b *row) int { return cmp.Compare(a.device.SID, b.device.SID) }},
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// worst orders refusals before what went well, and that before what never tried.
func worst(r *row) int {
	switch {
	case !r.attempts:
		return -1
	case r.code < 0:
		return 10 - int(r.code)
	}
	return int(r.code)
}

// sorted is rows in an order. It sorts numbers: a row is large to move about.
func sorted(rows []row, order int) []row {
	less := orders[order].less
	if less == nil {
		return rows
	}
	at := make([]int, len(rows))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int { return cmp.Or(less(&rows[a], &rows[b]), a-b) })
	out := make([]row, len(rows))
	for i, from := range at {
		out[i] = rows[from]
	}
	return out
}

// count is how many rows each chip would keep.
func count(rows []row) map[string]int {
	n := map[string]int{}
	for _, only := range []string{onlyAll, onlyConnected, onlyVirtual, onlyDisabled, onlyNotDeployed} {
		f := filter{only: only}
		for i := range rows {
			if f.keep(&rows[i], nil) {
				n[only]++
			}
		}
	}
	return n
}
