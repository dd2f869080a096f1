package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"gatehouse/gateway/wire"
)

// rule is a fault of the other broker, and the only way in which its outcome may differ from ours. What each is about stands
// in docs/conformance.md under its name.
type rule string

const (
	queuedOrder  rule = "queued-order"   // what waited for a device comes in any order
	queuedDup    rule = "queued-dup"     // what waited for a device has DUP when it is sent for the first time
	parentOfHash rule = "parent-of-hash" // a retained message of `par` is not sent for `par/#`
	looseFilters rule = "loose-filters"  // a filter with a wildcard within a level is granted
	goodbye      rule = "goodbye"        // DISCONNECT is sent to a device of MQTT 3.1.1
	pubrecAgain  rule = "pubrec-again"   // PUBREC is sent again after a reconnect, unasked
)

var rules = []rule{queuedOrder, queuedDup, parentOfHash, looseFilters, goodbye, pubrecAgain}

// comparison compares what devices saw of our engine with what they saw of the other broker, step by step.
type comparison struct {
	missing [devices]map[string]int // retained messages that only we have sent, and may send again
	applied map[rule]int
}

func newComparison() *comparison {
	c := &comparison{applied: map[rule]int{}}
	for d := range c.missing {
		c.missing[d] = map[string]int{}
	}
	return c
}

// step returns a difference that no rule explains.
func (c *comparison) step(s step, d int, ours, theirs []seen) error {
	resumed := s.action == connect && d == s.device && slices.ContainsFunc(ours, func(o seen) bool { return o.what == "CONNACK present=1 code=0" })
	if s.action == connect && d == s.device && !resumed {
		clear(c.missing[d])
	}
	theirs = c.without(theirs, goodbye, "type 14 before the end")
	if resumed {
		theirs = c.without(theirs, pubrecAgain, fmt.Sprintf("type %d again", wire.PUBREC))
		c.dup(ours, theirs)
	}
	if s.action == subscribe && d == s.device {
		c.suback(s, ours, theirs)
	}
	ours = c.parents(s, d, ours, theirs, resumed)
	a, b := byTopic(ours), byTopic(theirs)
	for _, topic := range slices.Sorted(maps.Keys(a)) {
		if resumed && topic != "" && !slices.Equal(a[topic], b[topic]) {
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
	for i, s := range theirs {
		first := s
		first.dup = false
		if s.dup && slices.Contains(ours, first) && !slices.Contains(ours, s) {
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

// parents leaves out of ours the retained messages that theirs does not send for filters that end with "/#", then and when
// they are sent again.
func (c *comparison) parents(s step, d int, ours, theirs []seen, resumed bool) []seen {
	surplus := map[seen]int{}
	for _, o := range ours {
		surplus[o]++
	}
	for _, o := range theirs {
		surplus[o]--
	}
	var left []seen
	for _, o := range ours {
		key := o.topic + "=" + o.payload
		excused := o.what == "message" && o.retain && surplus[o] > 0 &&
			(s.action == subscribe && d == s.device && belowHash(s.filters, o.topic) || resumed && c.missing[d][key] > 0)
		if !excused {
			left = append(left, o)
			continue
		}
		surplus[o]--
		if !resumed {
			c.missing[d][key]++
		}
		c.applied[parentOfHash]++
	}
	return left
}

// belowHash reports whether a topic is the parent level of one of the filters that end with "/#".
func belowHash(filters []wire.Subscription, topic string) bool {
	return slices.ContainsFunc(filters, func(f wire.Subscription) bool {
		parent, ends := strings.CutSuffix(f.Filter, "/#")
		return ends && wire.CheckFilter(f.Filter) == nil && wire.Matches(parent, topic)
	})
}

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

// tally counts over all sessions how often each rule was needed.
type tally struct {
	mu      sync.Mutex
	applied map[rule]int
}

func (t *tally) add(c *comparison) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for r, n := range c.applied {
		t.applied[r] += n
	}
}
