// Package troubles is the form of everything that can be made wrong with virtual devices: a switch each, with its figures and a sentence
// on what it does. It serves one device as well as many, and does not know where they are kept.
package troubles

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/onboard"
)

// fault is one that is on or off.
type fault struct {
	name     string
	sentence string
	unit     string // of its figure; empty: it has none
	standard int    // the figure that is offered
	least    int
	most     int
	// figure is the figure of what is wrong now; 0: the fault is off. A fault without a figure has 1.
	figure func(onboard.Troubles) int
	// set makes it wrong by a figure; 0: switches it off.
	set func(*onboard.Troubles, int)
	// passing faults count down and switch themselves off.
	passing bool
	// alone: for devices that are connected only, since it makes a device connect.
	alone bool
}

// group is faults under a heading.
type group struct {
	title  string
	faults []*fault
}

func milliseconds(d time.Duration) int { return int(d / time.Millisecond) }

var groups = []group{
	{"Network", []*fault{
		{
			name: "Latency", unit: "ms", standard: 300, least: 1, most: 60_000,
			sentence: "Everything arrives so much later, in both directions.",
			figure:   func(t onboard.Troubles) int { return milliseconds(t.Network.Latency) },
			set:      func(t *onboard.Troubles, n int) { t.Network.Latency = time.Duration(n) * time.Millisecond },
		}, {
			name: "Jitter", unit: "ms", standard: 200, least: 1, most: 60_000,
			sentence: "Up to so much later still, at random; nothing overtakes.",
			figure:   func(t onboard.Troubles) int { return milliseconds(t.Network.Jitter) },
			set:      func(t *onboard.Troubles, n int) { t.Network.Jitter = time.Duration(n) * time.Millisecond },
		}, {
			name: "Narrow bandwidth", unit: "bytes/s", standard: 500, least: 1, most: 1 << 30,
			sentence: "No more than so many bytes a second pass in each direction.",
			figure:   func(t onboard.Troubles) int { return t.Network.BytesPerSecond },
			set:      func(t *onboard.Troubles, n int) { t.Network.BytesPerSecond = n },
		}, {
			name: "Slow reads", unit: "bytes/s", standard: 50, least: 1, most: 1 << 30,
			sentence: "The device takes what it is sent so slowly that it piles up at the gateway.",
			figure:   func(t onboard.Troubles) int { return t.Network.ReadBytesPerSecond },
			set:      func(t *onboard.Troubles, n int) { t.Network.ReadBytesPerSecond = n },
		}, {
			name: "Fragmented writes", unit: "bytes", standard: 3, least: 1, most: 1 << 20,
			sentence: "What it sends arrives in pieces of so many bytes, each by itself.",
			figure:   func(t onboard.Troubles) int { return t.Network.Fragment },
			set:      func(t *onboard.Troubles, n int) { t.Network.Fragment = n },
		}, {
			name:     "Half-open connection",
			sentence: "Packets vanish in both directions and nobody is told, until a keepalive runs out.",
			figure:   func(t onboard.Troubles) int { return yes(t.Network.HalfOpen) },
			set:      func(t *onboard.Troubles, n int) { t.Network.HalfOpen = n > 0 },
		},
	}},
	{"Client", []*fault{
		{
			name:     "Ignored keepalive",
			sentence: "It sends no ping, and believes that all were answered; the gateway closes the connection after one and a half times the keepalive without a packet.",
			figure:   func(t onboard.Troubles) int { return yes(t.IgnoreKeepAlive) },
			set:      func(t *onboard.Troubles, n int) { t.IgnoreKeepAlive = n > 0 },
		}, {
			name: "Drop the next PUBACK", unit: "times", standard: 1, least: 1, most: 1000, passing: true,
			sentence: "So many acknowledgements never leave the device, so the gateway sends the message again when it comes back.",
			figure:   func(t onboard.Troubles) int { return t.DropAcks },
			set:      func(t *onboard.Troubles, n int) { t.DropAcks = n },
		}, {
			name: "Duplicate a QoS 1 publish", unit: "times", standard: 1, least: 1, most: 1000, passing: true,
			sentence: "So many messages of QoS 1 are sent twice, the second time marked as a duplicate.",
			figure:   func(t onboard.Troubles) int { return t.Duplicates },
			set:      func(t *onboard.Troubles, n int) { t.Duplicates = n },
		}, {
			name: "Wrong clock", unit: "days off", standard: -400, least: -36_500, most: 36_500,
			sentence: "It judges the gateway’s certificate by a wrong date, from its next connection on; a minus is the past.",
			figure:   func(t onboard.Troubles) int { return int(t.ClockOff / (24 * time.Hour)) },
			set:      func(t *onboard.Troubles, n int) { t.ClockOff = time.Duration(n) * 24 * time.Hour },
		},
	}},
	{"Owner", []*fault{
		{
			name: "Reconnect storm", unit: "ms apart", standard: 500, least: 50, most: 3_600_000, alone: true,
			sentence: "It connects again and again, whatever the gateway answers and however well it works.",
			figure:   func(t onboard.Troubles) int { return milliseconds(t.Storm) },
			set:      func(t *onboard.Troubles, n int) { t.Storm = time.Duration(n) * time.Millisecond },
		}, {
			name: "Duplicate identity", alone: true,
			sentence: "A second board with the same key connects as well, and the two take the connection from each other.",
			figure:   func(t onboard.Troubles) int { return yes(t.Twin) },
			set:      func(t *onboard.Troubles, n int) { t.Twin = n > 0 },
		},
	}},
}

func yes(on bool) int {
	if on {
		return 1
	}
	return 0
}

// parse reads a figure; what is not one is explained.
func (f *fault) parse(text string) (int, string) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < f.least || n > f.most || n == 0 {
		return 0, fmt.Sprintf("Give a whole number from %s to %s.", spaced(f.least), spaced(f.most))
	}
	return n, ""
}

// spaced is a number as people read it.
func spaced(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return sign + digits
}

// Words are the names of what is wrong, in the order of the form.
func Words(t onboard.Troubles) (names []string) {
	for _, g := range groups {
		for _, f := range g.faults {
			if n := f.figure(t); n != 0 {
				name := strings.ToLower(f.name[:1]) + f.name[1:]
				if f.unit != "" && !f.passing {
					name += " " + spaced(n) + " " + f.unit
				}
				names = append(names, name)
			}
		}
	}
	return names
}
