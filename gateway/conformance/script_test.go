package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gatehouse/gateway/wire"
)

// action is what happens in a step.
type action int

const (
	connect     action = iota // with Clean or not; takes over when the device is connected
	drop                      // the connection ends without DISCONNECT
	disconnect                // with DISCONNECT
	restart                   // of the broker
	subscribe                 // to Filters
	unsubscribe               // from Filters
	publish                   // Messages, in one go; those of QoS 2 are released when Finish
	hold                      // from now on nothing is acknowledged
	settle                    // the first Count messages that are owed an acknowledgement get it; with Half those of QoS 2 stop at PUBREC
	resume                    // all owed acknowledgements go out, and from now on each at once
	retry                     // messages of QoS 2 that are not released are sent again, with DUP
	release                   // they are released
)

var actionNames = [...]string{
	"connect", "drop", "disconnect", "restart", "subscribe", "unsubscribe", "publish", "hold", "settle", "resume", "retry", "release",
}

// step is one thing that happens; the same steps are played to both brokers. One that does not apply, such as anything but
// connect for a device that is away, is passed over.
type step struct {
	action   action
	device   int // 0 to devices-1
	clean    bool
	filters  []wire.Subscription
	messages []wire.Message
	finish   bool
	count    int
	half     bool
}

func (s step) String() string {
	text := fmt.Sprintf("d%d %s", s.device, actionNames[s.action])
	switch s.action {
	case connect:
		text += fmt.Sprintf(" clean=%v", s.clean)
	case subscribe, unsubscribe:
		for _, f := range s.filters {
			text += fmt.Sprintf(" %s@%d", f.Filter, f.QoS)
		}
	case publish:
		for _, m := range s.messages {
			text += fmt.Sprintf(" %s=%q@%d retain=%v", m.Topic, m.Payload, m.QoS, m.Retain)
		}
		text += fmt.Sprintf(" finish=%v", s.finish)
	case settle:
		text += fmt.Sprintf(" %d half=%v", s.count, s.half)
	}
	return text
}

func scriptText(steps []step) string {
	var b strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&b, "  %2d %v\n", i, s)
	}
	return b.String()
}

const devices = 4

// Few topics and filters, so that they meet. What the contract alone refuses ($ topics, sync/) is left out: there the two
// brokers are to differ. So is what would let a fault of the other broker change all that follows: see keptOut.
var (
	oracleTopics  = []string{"a", "b", "a/b", "a/c", "a/b/c", "/a", "b/"}
	parents       = []string{"a", "a/b"} // of filters with "/#"; not retained, see keptOut
	oracleFilters = []string{"#", "+", "a", "b", "a/#", "a/+", "+/b", "a/b", "a/b/#", "/+", "/#", "b/+", "+/+", "a/+/c", "a#", "a+/b", "#/a", "b/#/c"}
)

// hat holds each action as often as it is likely.
var hat = slices.Concat(
	slices.Repeat([]action{publish}, 14), slices.Repeat([]action{connect}, 6), slices.Repeat([]action{subscribe, drop}, 4),
	slices.Repeat([]action{hold, settle, resume}, 2), []action{disconnect, restart, unsubscribe, retry, release},
)

// generator makes scripts; the same seed makes the same.
type generator struct{ *rand.Rand }

// script begins with every device connected and subscribed to something. No two messages in it have the same payload, but
// for empty ones.
func script(seed uint64) []step {
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	var all []step
	for d := range devices {
		all = append(all, step{action: connect, device: d, clean: g.oneIn(4)}, g.fill(step{action: subscribe, device: d}))
	}
	for range 5 + g.IntN(40) {
		all = append(all, g.fill(step{action: pick(g, hat), device: g.IntN(devices)}))
	}
	for i := range all {
		for j := range all[i].messages {
			if m := &all[i].messages[j]; len(m.Payload) > 0 {
				m.Payload = fmt.Appendf(nil, "m%d.%d", i, j)
			}
		}
	}
	return all
}

func (g generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g generator, from []T) T { return from[g.IntN(len(from))] }

// fill adds what an action needs.
func (g generator) fill(s step) step {
	switch s.action {
	case connect:
		s.clean = g.oneIn(5)
	case subscribe, unsubscribe:
		for range 1 + g.IntN(3) {
			s.filters = append(s.filters, wire.Subscription{Filter: pick(g, oracleFilters), QoS: byte(g.IntN(3))})
		}
	case publish:
		s.finish = !g.oneIn(4)
		for range 1 + g.IntN(4) {
			m := wire.Message{Topic: pick(g, oracleTopics), QoS: byte(g.IntN(3))}
			m.Retain = g.oneIn(3) && !slices.Contains(parents, m.Topic)
			if !m.Retain || !g.oneIn(4) {
				m.Payload = []byte("x") // made unique when the script is whole
			}
			s.messages = append(s.messages, m)
		}
	case settle:
		s.count, s.half = 1+g.IntN(3), g.oneIn(2)
	}
	return s
}

// shrunk takes away what a script does not need in order to fail, as far as it comes in a minute.
func shrunk(steps []step, fails func([]step) bool) []step {
	deadline := time.Now().Add(time.Minute)
	for shorter := true; shorter; {
		shorter = false
		for i := len(steps) - 1; i >= 0 && time.Now().Before(deadline); i-- {
			for _, candidate := range without(steps, i) {
				if fails(candidate) {
					steps, shorter = candidate, true
					break
				}
			}
		}
	}
	return steps
}

// without are the scripts that lack a step, or a part of it.
func without(steps []step, i int) [][]step {
	all := [][]step{slices.Delete(slices.Clone(steps), i, i+1)}
	changed := func(s step) {
		steps := slices.Clone(steps)
		steps[i] = s
		all = append(all, steps)
	}
	s := steps[i]
	for j := range s.filters {
		if fewer := s; len(s.filters) > 1 {
			fewer.filters = slices.Delete(slices.Clone(s.filters), j, j+1)
			changed(fewer)
		}
	}
	for j := range s.messages {
		if fewer := s; len(s.messages) > 1 {
			fewer.messages = slices.Delete(slices.Clone(s.messages), j, j+1)
			changed(fewer)
		}
	}
	return all
}
