package attempts

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/desktop/timeline"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/sid"
)

// choice is one of the chips: what of the attempts it lets through.
type choice struct {
	id      string
	icon    string
	label   string
	codes   []attempt.Code
	refused bool
	rare    bool // behind the menu chip
}

// said is a choice in a menu.
func (c choice) said() string {
	if len(c.codes) == 1 && c.codes[0].Answered() {
		return c.label + " " + words.CodeName(c.codes[0])
	}
	return c.label
}

// choices are the chips, in their order.
var choices = []choice{
	{id: "all", label: "All"},
	{id: "refused", label: "Refused", refused: true},
	{id: "0", icon: "check", label: "0", codes: []attempt.Code{0}, rare: true},
	{id: "1", icon: "unequal", label: "1", codes: []attempt.Code{1}, rare: true},
	{id: "2", icon: "question", label: "2", codes: []attempt.Code{2}, rare: true},
	{id: "3", icon: "hourglass", label: "3", codes: []attempt.Code{3}, rare: true},
	{id: "4", icon: "cross", label: "4", codes: []attempt.Code{4}},
	{id: "5", icon: "barred", label: "5", codes: []attempt.Code{5}},
	{id: "tls", icon: "cross", label: "TLS", codes: []attempt.Code{attempt.TLS, attempt.TCP}},
	{id: "none", icon: "cross", label: "No answer", codes: []attempt.Code{attempt.NoAnswer}, rare: true},
}

// query is what the user wants to see. It can be compared with ==. What is empty does not restrict.
type query struct {
	choice string // of the chips
	text   string

	device, credential, thumbprint string // SIDs, and a SHA-256
	from                           string // an address without its port
	serverName                     string
	cause                          cause.ID
	within                         time.Duration // of now

	selected uint64
	tab      int
	limit    int
}

// everything is the query without a filter.
func everything() query { return query{choice: "all", limit: firstRows} }

// cleared is the query with all filters off.
func (q query) cleared() query {
	next := everything()
	next.selected, next.tab = q.selected, q.tab
	return next
}

// listing is the query as far as the list depends on it.
func (q query) listing() query { q.selected, q.tab = 0, 0; return q }

// filtered reports whether anything restricts the list.
func (q query) filtered() bool { return q.listing() != query{choice: "all", limit: q.limit} }

// firstRows are shown at first; older ones come on demand, doubling.
const firstRows = 1000

func (q query) filter(now time.Time) attempt.Filter {
	f := attempt.Filter{
		Text: strings.TrimSpace(q.text), Limit: q.limit, DeviceSID: q.device, CredentialSID: q.credential,
		Thumbprint: q.thumbprint, Remote: q.from, ServerName: q.serverName,
	}
	if i := choiceIndex(q.choice); i >= 0 {
		f.Codes, f.Refused = choices[i].codes, choices[i].refused
	}
	if q.cause != "" {
		f.Causes = []cause.ID{q.cause}
	}
	if q.within > 0 {
		f.Since = now.Add(-q.within)
	}
	return f
}

// restriction is one filter that is on, beside the chips and the text.
type restriction struct {
	label string
	drop  func(*query)
}

func (q query) restrictions(deviceName string) (all []restriction) {
	add := func(on bool, label string, drop func(*query)) {
		if on {
			all = append(all, restriction{label, drop})
		}
	}
	if deviceName == "" {
		deviceName = sid.Short(q.device)
	}
	add(q.device != "", "Device "+deviceName, func(q *query) { q.device = "" })
	add(q.credential != "", "Credential "+sid.Short(q.credential), func(q *query) { q.credential = "" })
	add(q.thumbprint != "", "Certificate "+words.Thumbprint(q.thumbprint), func(q *query) { q.thumbprint = "" })
	add(q.from != "", "From "+q.from, func(q *query) { q.from = "" })
	add(q.serverName != "", "Server name "+q.serverName, func(q *query) { q.serverName = "" })
	add(q.cause != "", causeLabel(q.cause), func(q *query) { q.cause = "" })
	add(q.within != 0, spanLabel(q.within), func(q *query) { q.within = 0 })
	return all
}

// causeLabel is a cause as short as a row says it, or the title of a warning.
func causeLabel(c cause.ID) string {
	if title, _ := words.Warning(c); title != string(c) {
		return title
	}
	return words.Explain(attempt.Attempt{Code: 5, Cause: c}).Short
}

// spans are the times to choose from.
var spans = []struct {
	label  string
	within time.Duration
}{{"Any time", 0}, {"Last minute", time.Minute}, {"Last 5 minutes", 5 * time.Minute}, {"Last hour", time.Hour}}

func spanLabel(within time.Duration) string {
	for _, s := range spans {
		if s.within == within {
			return s.label
		}
	}
	return within.String()
}

func choiceIndex(id string) int {
	return slices.IndexFunc(choices, func(c choice) bool { return c.id == id })
}

// CodeKey is the key under which Show lists the attempts with a code.
func CodeKey(code int) string { return "code:" + strconv.Itoa(code) }

// RefusedKey is the key under which Show lists the refused attempts.
const RefusedKey = "refused"

// asked turns a key of Show into a query; ok is false for one that names nothing here.
func (q query) asked(key string) (next query, ok bool) {
	next = q.cleared()
	if code, found := strings.CutPrefix(key, "code:"); found && choiceIndex(code) >= 0 {
		next.choice = code
		return next, true
	}
	if host, found := strings.CutPrefix(key, "from:"); found {
		next.from = host
		return next, true
	}
	switch {
	case key == RefusedKey:
		next.choice = "refused"
	case sid.Valid(sid.Device, key):
		next.device = key
	case sid.Valid(sid.Key, key), sid.Valid(sid.Certificate, key):
		next.credential = key
	case timeline.IsThumbprint(key):
		next.thumbprint = key
	default:
		id, err := strconv.ParseUint(strings.TrimSuffix(key, packetsSuffix), 10, 64)
		if err != nil {
			return q, false
		}
		next = q
		next.selected = id
	}
	return next, true
}

// packetsSuffix is what shell.PacketsKey adds to an attempt's number.
const packetsSuffix = "/packets"

// placeholder of the list when nothing passes the filter.
func (q query) nothing() (title, detail string) {
	if !q.filtered() {
		return "No device has tried to connect yet", "Every attempt is listed here the moment it is made, refused or not, with what went wrong."
	}
	return "No attempt fits this filter", "Show all attempts, or filter by something else."
}

// shown says how many of the attempts are listed.
func shown(listed, total int) string {
	if listed < total {
		return "Newest " + words.Grouped(listed) + " of " + words.Grouped(total)
	}
	return words.Count(total, "attempt", "attempts")
}
