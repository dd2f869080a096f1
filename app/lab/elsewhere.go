package lab

import (
	"fmt"
	"strings"
	"time"

	"gatehouse/sim"
	"gatehouse/sim/record"
)

// Elsewhere is a virtual device of this computer that connects to another server than this gateway, which therefore sees nothing of it: its own console
// tells what it does.
type Elsewhere struct {
	Console       func(after uint64) []sim.Entry
	Connected     func() bool
	Subscriptions func() []sim.Subscription
	Connect       func() record.Connect // as it connects now
}

// listener makes events of a device's console.
type listener struct {
	tape      *record.Tape
	device    Elsewhere
	received  bool
	after     uint64
	n         uint64 // of its connections
	connected bool
}

// begin notes how the device is connected already; what its console holds is from before.
func (l *listener) begin(now time.Time) {
	if old := l.device.Console(0); len(old) > 0 {
		l.after = old[len(old)-1].Seq
	}
	if !l.device.Connected() {
		return
	}
	l.connect(now, true)
	for _, s := range l.device.Subscriptions() {
		l.tape.Add(record.Event{At: now, Kind: record.Subscribed, Connection: l.n, Topic: s.Filter, QoS: s.QoS, Before: true})
	}
}

func (l *listener) connect(at time.Time, before bool) bool {
	l.n++
	l.connected = true
	c := l.device.Connect()
	return l.tape.Add(record.Event{At: at, Kind: record.Connected, Connection: l.n, Connect: &c, Before: before})
}

// take reads what is new, and reports whether there is room for more.
func (l *listener) take(now time.Time) (more bool) {
	for _, e := range l.device.Console(l.after) {
		if e.Seq != l.after+1 {
			l.tape.Note("The device did more than its console could hold; some of it is missing.")
		}
		if l.after = e.Seq; !l.entry(e) {
			return false
		}
	}
	return l.tape.Wait(now)
}

// ends are how a console tells the end of a connection that the device did not say goodbye to.
var ends = []string{"the gateway closed", "the gateway reset", "the gateway did not answer", "this device closed", "the connection failed"}

func (l *listener) entry(e sim.Entry) (more bool) {
	add := func(made record.Event) bool {
		made.At, made.Connection = e.At, l.n
		return l.tape.Add(made)
	}
	switch {
	case e.Type == "CONNACK" && !e.Outbound:
		if code := codeOf(e.Summary); code != 0 {
			l.n++
			return add(record.Event{Kind: record.Refused, Code: code, Why: sim.CodeName(code)})
		}
		return l.connect(e.At, false)
	case !l.connected:
	case e.Type == "DISCONNECT" && e.Outbound:
		l.connected = false
		return add(record.Event{Kind: record.Disconnected})
	case e.Type == sim.TypeNote:
		for _, end := range ends {
			if strings.HasPrefix(e.Summary, end) {
				l.connected = false
				return add(record.Event{Kind: record.Vanished, Why: "client_closed"})
			}
		}
	case e.Type == "CONNECT" && e.Outbound: // the one before it was lost without a word
		l.connected = false
		return add(record.Event{Kind: record.Vanished, Why: "client_closed"})
	case e.Type == "PUBLISH" && (e.Outbound || l.received):
		made := record.Event{Kind: record.Published, Topic: e.Topic, Payload: e.Payload, QoS: e.QoS, Retain: e.Retain}
		if !e.Outbound {
			made.Kind = record.Received
		}
		if e.Cut {
			made.Length = e.Bytes
		}
		return add(made)
	case e.Type == "SUBSCRIBE" && e.Outbound:
		return add(record.Event{Kind: record.Subscribed, Topic: e.Topic, QoS: e.QoS})
	case e.Type == "UNSUBSCRIBE" && e.Outbound:
		return add(record.Event{Kind: record.Unsubscribed, Topic: e.Topic})
	}
	return true
}

// codeOf is the return code of a CONNACK, or the reason code of MQTT 5.
func codeOf(summary string) (code int) {
	if n, _ := fmt.Sscanf(summary, "CONNACK code %d", &code); n == 1 {
		return code
	}
	_, _ = fmt.Sscanf(summary, "CONNACK reason 0x%x", &code)
	return code
}
