package attempts

import (
	"slices"
	"strconv"
	"strings"

	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/sid"
)

// choice is one of the chips: what of the attempts it lets through.
type choice struct {
	id      string
	icon    string
	label   string
	codes   []attempt.Code
	refused bool
}

// choices are the chips, in their order.
var choices = []choice{
	{id: "all", label: "All"},
	{id: "refused", label: "Refused", refused: true},
	{id: "0", icon: "check", label: "0", codes: []attempt.Code{0}},
	{id: "1", icon: "unequal", label: "1", codes: []attempt.Code{1}},
	{id: "2", icon: "question", label: "2", codes: []attempt.Code{2}},
	{id: "3", icon: "hourglass", label: "3", codes: []attempt.Code{3}},
	{id: "4", icon: "cross", label: "4", codes: []attempt.Code{4}},
	{id: "5", icon: "barred", label: "5", codes: []attempt.Code{5}},
	{id: "tls", icon: "cross", label: "TLS", codes: []attempt.Code{attempt.TLS, attempt.TCP}},
	{id: "none", icon: "cross", label: "No answer", codes: []attempt.Code{attempt.NoAnswer}},
}

// query is what the user wants to see. It can be compared with ==.
type query struct {
	choice string
	text   string
	// about is a SID that only attempts of one device or credential have; empty for all.
	about    string
	selected uint64
	limit    int
}

// firstRows are shown at first; older ones come on demand, doubling.
const firstRows = 1000

func (q query) filter() attempt.Filter {
	f := attempt.Filter{Text: strings.TrimSpace(q.text), Limit: q.limit}
	if i := choiceIndex(q.choice); i >= 0 {
		f.Codes, f.Refused = choices[i].codes, choices[i].refused
	}
	switch {
	case sid.Valid(sid.Device, q.about):
		f.DeviceSID = q.about
	case isThumbprint(q.about):
		f.Thumbprint = q.about
	case q.about != "":
		f.CredentialSID = q.about
	}
	return f
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
	next = query{choice: "all", limit: firstRows, selected: q.selected}
	if code, found := strings.CutPrefix(key, "code:"); found && choiceIndex(code) >= 0 {
		next.choice = code
		return next, true
	}
	if host, found := strings.CutPrefix(key, "from:"); found {
		next.text = host
		return next, true
	}
	switch {
	case key == RefusedKey:
		next.choice = "refused"
	case sid.Valid(sid.Device, key), sid.Valid(sid.Key, key), sid.Valid(sid.Certificate, key), isThumbprint(key):
		next.about = key
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

// isThumbprint reports whether a key is a certificate's SHA-256, in hex.
func isThumbprint(key string) bool {
	return len(key) == 64 && strings.Trim(strings.ToLower(key), "0123456789abcdef") == ""
}

// placeholder of the list when nothing passes the filter.
func (q query) nothing() (title, detail string) {
	if q.choice == "all" && q.text == "" && q.about == "" {
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
