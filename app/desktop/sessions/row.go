package sessions

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/words"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/sid"
)

// row is a session as the screen shows it: display strings, made off the UI goroutine.
type row struct {
	key                                              string // the device's SID
	session                                          broker.Session
	traced                                           bool // its packets are recorded
	device, cred, remote, protocol, keepalive, age   string
	waits, traffic                                   string
	due                                              string // when the keepalive runs out
	tls                                              string
	clean                                            string
	messagesIn, messagesOut, bytesIn, bytesOut, lost string
}

func newRow(s broker.Session, name string, now time.Time) *row {
	r := &row{
		key: s.DeviceSID, session: s, device: name, cred: dashed(sid.Short(s.CredentialSID)), remote: dashed(s.Remote),
		protocol: protocol(s.Level), keepalive: "off", clean: "kept while it is away",
		waits:      strconv.Itoa(s.InFlight + s.Queued),
		traffic:    words.Grouped(int(s.In)) + " / " + words.Grouped(int(s.Out)),
		messagesIn: words.Grouped(int(s.In)), messagesOut: words.Grouped(int(s.Out)),
		bytesIn: words.Bytes(s.BytesIn), bytesOut: words.Bytes(s.BytesOut), lost: words.Grouped(int(s.Dropped)),
		tls: strings.TrimSpace(s.TLSVersion + " " + s.Suite),
	}
	if s.Clean {
		r.clean = "ends with the connection"
	}
	if s.KeepAlive > 0 {
		r.keepalive = words.Span(time.Duration(s.KeepAlive) * time.Second)
	}
	if !s.Since.IsZero() {
		r.age = words.Span(max(now.Sub(s.Since), 0).Truncate(time.Second))
	}
	if s.Connected && !s.KeepAliveDue.IsZero() {
		r.due = "due in " + words.Span(max(s.KeepAliveDue.Sub(now), 0).Truncate(time.Second))
	}
	if !s.Connected {
		r.remote = "—"
	}
	return r
}

// same reports whether two rows look the same.
func (r *row) same(o *row) bool {
	return r.key == o.key && r.session.Connected == o.session.Connected && r.traced == o.traced && r.device == o.device && r.cred == o.cred &&
		r.remote == o.remote && r.protocol == o.protocol && r.keepalive == o.keepalive && r.age == o.age && r.due == o.due &&
		r.waits == o.waits && r.traffic == o.traffic && r.bytesIn == o.bytesIn && r.bytesOut == o.bytesOut && r.lost == o.lost &&
		r.tls == o.tls && r.session.InFlight == o.session.InFlight && r.session.AttemptID == o.session.AttemptID &&
		slices.Equal(r.session.Subscriptions, o.session.Subscriptions)
}

// state is the session in a word, with its drawing and colour chosen by whoever shows it.
func (r *row) state() string {
	if r.traced && r.session.Connected {
		return "traced" // and so live
	}
	if r.session.Connected {
		return "live"
	}
	return "parked"
}

// lostWords is what dropping the session loses.
func (r *row) lostWords() string {
	var parts []string
	if r.session.Connected {
		parts = append(parts, "Its connection is closed.")
	}
	subscriptions := words.Count(len(r.session.Subscriptions), "subscription", "subscriptions")
	if waits := r.session.InFlight + r.session.Queued; waits > 0 {
		parts = append(parts, subscriptions+" and "+words.Count(waits, "waiting message", "waiting messages")+" are lost.")
	} else {
		parts = append(parts, subscriptions+" lost; no message waits.")
	}
	return strings.Join(parts, " ") + " The device itself stays and may connect again."
}

// sortRows puts live sessions first, then by name.
func sortRows(rows []*row) {
	slices.SortStableFunc(rows, func(a, b *row) int {
		if a.session.Connected != b.session.Connected {
			if a.session.Connected {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.device, b.device), strings.Compare(a.key, b.key))
	})
}

// lets reports whether a session passes the filter.
func (q query) lets(r *row) bool {
	if q.choice == "live" && !r.session.Connected || q.choice == "parked" && r.session.Connected {
		return false
	}
	text := strings.ToLower(strings.TrimSpace(q.text))
	if text == "" {
		return true
	}
	for _, field := range []string{r.device, r.key, r.session.CredentialSID, r.session.Remote, r.session.ClientID, r.protocol} {
		if strings.Contains(strings.ToLower(field), text) {
			return true
		}
	}
	return slices.ContainsFunc(r.session.Subscriptions, func(s broker.Subscription) bool {
		return strings.Contains(strings.ToLower(s.Filter), text)
	})
}

func protocol(level byte) string {
	switch level {
	case 3:
		return "MQTT 3.1"
	case 4:
		return "MQTT 3.1.1"
	}
	return "—"
}

func dashed(s string) string {
	if s == "" {
		return "—"
	}
	return s
}
