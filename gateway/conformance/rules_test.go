package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gatehouse/gateway/wire"
)

// rule is a fault of the other broker, and the only way in which its outcome may differ from ours. What each is about stands
// in docs/conformance.md under its name.
type rule string

const (
	queuedOrder  rule = "queued-order"  // what waited for a device comes in any order
	queuedDup    rule = "queued-dup"    // what waited for a device has DUP when it is sent for the first time
	looseFilters rule = "loose-filters" // a filter with a wildcard within a level is granted
	goodbye      rule = "goodbye"       // DISCONNECT is sent to a device of MQTT 3.1.1
	pubrecAgain  rule = "pubrec-again"  // PUBREC is sent again after a reconnect, unasked
)

var rules = []rule{queuedOrder, queuedDup, looseFilters, goodbye, pubrecAgain}

// comparison compares what devices saw of our engine with what they saw of the other broker, step by step.
type comparison struct{ applied map[rule]int }

func newComparison() *comparison { return &comparison{applied: map[rule]int{}} }

// step returns a difference that no rule explains.
func (c *comparison) step(s step, d int, ours, theirs []seen) error {
	resumed := s.action == connect && d == s.device && slices.ContainsFunc(ours, func(o seen) bool { return o.what == "CONNACK present=1 code=0" })
	theirs = c.without(theirs, goodbye, "type 14 before the end")
	if resumed {
		theirs = c.without(theirs, pubrecAgain, fmt.Sprintf("type %d again", wire.PUBREC))
		c.dup(ours, theirs)
	}
	if s.action == subscribe && d == s.device {
		c.suback(s, ours, theirs)
	}
	a, b := byTopic(ours), byTopic(theirs)
	for _, topic := range slices.Sorted(maps.Keys(a)) {
		if resumed && !slices.Equal(a[topic], b[topic]) {
			slices.Sort(a[topic])
			slices.Sort(b[topic])
			if slices.Equal(a[topic], b[topic]) {
				c.applied[queuedOrder]++
			}
		}
		if !slices.Equal(a[topic], b[topic]) {
			return fmt.Errorf("d%d: ours\n    %s\n  theirs\n    %s", d, strings.Join(a[topic], "\n    "), strings.Join(b[topic], "\n    "))
		}
		delete(b, topic)
	}
	for _, topic := range slices.Sorted(maps.Keys(b)) {
		return fmt.Errorf("d%d: only theirs\n    %s", d, strings.Join(b[topic], "\n    "))
	}
	return nil
}

// without leaves out what a rule explains.
func (c *comparison) without(all []seen, r rule, what string) []seen {
	return slices.DeleteFunc(slices.Clone(all), func(s seen) bool {
		if s.what == what {
			c.applied[r]++
		}
		return s.what == what
	})
}

// dup takes DUP away from messages of theirs that ours has without: what waited is sent for the first time.
func (c *comparison) dup(ours, theirs []seen) {
	surplus := map[seen]int{} // of ours
	for _, s := range ours {
		surplus[s]++
	}
	for _, s := range theirs {
		surplus[s]--
	}
	for i, s := range theirs {
		first := s
		first.dup = false
		if s.dup && surplus[s] < 0 && surplus[first] > 0 {
			surplus[s]++
			surplus[first]--
			theirs[i] = first
			c.applied[queuedDup]++
		}
	}
}

// suback makes what theirs grants to filters that are none what it should be.
func (c *comparison) suback(s step, ours, theirs []seen) {
	i := slices.IndexFunc(ours, isSuback)
	j := slices.IndexFunc(theirs, isSuback)
	if i < 0 || j < 0 {
		return
	}
	codes, expected := strings.Fields(theirs[j].what), strings.Fields(ours[i].what)
	if len(codes) != len(expected) || len(codes) != len(s.filters)+1 {
		return
	}
	for k, f := range s.filters {
		if wire.CheckFilter(f.Filter) != nil && codes[k+1] == fmt.Sprintf("%02x", f.QoS) && expected[k+1] == "80" {
			codes[k+1] = "80"
			c.applied[looseFilters]++
		}
	}
	theirs[j].what = strings.Join(codes, " ")
}

func isSuback(s seen) bool { return strings.HasPrefix(s.what, "SUBACK") }

// byTopic are messages by topic and QoS, in their order, and under "" all else.
func byTopic(all []seen) map[string][]string {
	by := map[string][]string{}
	for _, s := range all {
		key := ""
		if s.what == "message" {
			key = fmt.Sprint(s.topic, "@", s.qos)
		}
		by[key] = append(by[key], s.String())
	}
	return by
}
