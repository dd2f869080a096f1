package lab

import (
	"bytes"
	"slices"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/inspect"
	"gatehouse/gateway/wire"
	"gatehouse/sim/record"
)

// Observer makes the events of a recording of what the gateway recorded of a device's connections: of its attempts with
// their packets, which must be traced meanwhile. It is not safe for concurrent use.
type Observer struct {
	Tape *record.Tape
	// From is when the recording began. Of a connection that is older, how it was made counts, and what came from then on.
	From time.Time
	// Had is what the device's session was subscribed to then.
	Had []wire.Subscription
	// Received says that messages to the device are recorded as well.
	Received bool

	// Service is the Sync service that the device was admitted to last; empty while none is known.
	Service string

	seen    map[uint64]*seen
	unacked map[uint16]string // topics of the device's messages that wait for an acknowledgement, by packet id
	given   bool              // Had was told
}

// seen is how far an attempt was read.
type seen struct {
	at      time.Time
	packets int
	bytes   int
	told    bool // of how it began
	over    bool
	events  []record.Event
}

// What is recorded of one connection while it is traced: see gateway.Trace.
const (
	tracedPackets = 10_000
	tracedBytes   = 4 << 20
)

// patience is for how long a SUBSCRIBE waits for its answer, which says whether it was refused.
const patience = 2 * time.Second

// arrival is longer than a connection takes until it is known whose it is.
const arrival = 15 * time.Second

// Since is when the attempts that are to be taken next began, at the earliest. At first those that are live belong to them
// as well, whenever they began.
func (o *Observer) Since(now time.Time) time.Time {
	since := now.Add(-arrival)
	if since.Before(o.From) {
		since = o.From
	}
	for id, s := range o.seen {
		switch {
		case !s.over && s.at.Before(since):
			since = s.at
		case s.over && now.Sub(s.at) > 4*arrival:
			delete(o.seen, id)
		}
	}
	return since
}

// Over reports whether nothing more is to come of an attempt.
func (o *Observer) Over(id uint64) bool { return o.seen[id] != nil && o.seen[id].over }

// Take reads attempts of the device, each with its packets, in any order, and reports whether there is room for more.
// An attempt may come again with what has been added to it.
func (o *Observer) Take(attempts []attempt.Attempt, now time.Time) (more bool) {
	if o.seen == nil {
		o.seen, o.unacked = map[uint64]*seen{}, map[uint16]string{}
	}
	attempts = slices.Clone(attempts)
	slices.SortFunc(attempts, func(a, b attempt.Attempt) int { return a.At.Compare(b.At) })
	var all []record.Event
	for _, a := range attempts {
		if a.Server != "" { // a wrong server of the lab took it
			continue
		}
		s := o.seen[a.ID]
		if s == nil {
			s = &seen{at: a.At}
			o.seen[a.ID] = s
		}
		if s.over {
			continue
		}
		o.read(a, s, now)
		all = append(all, s.events...)
		s.events = nil
	}
	slices.SortStableFunc(all, func(a, b record.Event) int { return a.At.Compare(b.At) })
	for _, e := range all {
		if !o.Tape.Add(e) {
			return false
		}
	}
	return o.Tape.Wait(now)
}

// read takes what is new of one attempt.
func (o *Observer) read(a attempt.Attempt, s *seen, now time.Time) {
	if a.Done && a.At.Add(a.Total).Before(o.From) {
		s.over = true
		return
	}
	if !s.told {
		switch {
		case a.Code == attempt.Pending, a.Code == 0 && !a.Live && !a.Done:
			return // not decided
		case a.Code != 0:
			o.refused(a, s)
			s.told, s.over = true, true
			return
		}
		o.connected(a, s)
		o.Service = a.ServiceSID
		s.told = true
	}
	version := inspect.Version(a)
	for ; s.packets < len(a.Packets); s.packets++ {
		if wait := o.packet(a, s, s.packets, version, now); wait {
			return
		}
		s.bytes += len(a.Packets[s.packets].Bytes)
	}
	if a.Done {
		o.ended(a, s)
		s.over = true
	} else if len(a.Packets) >= tracedPackets || s.bytes >= tracedBytes {
		o.Tape.Note("What one connection said after its first 10 000 packets, or 4 MiB, is not recorded.")
	}
}

func (o *Observer) refused(a attempt.Attempt, s *seen) {
	if a.At.Before(o.From) {
		return
	}
	e := record.Event{At: a.At, Kind: record.Refused, Connection: a.ID, Code: max(int(a.Code), -1), Why: string(a.Cause)}
	e.At = stepAt(a, attempt.Connect) // the verdict is recorded when the device may be trying again
	e.WrongSecret = a.Cause == cause.WrongSecret
	s.events = append(s.events, e)
}

func (o *Observer) connected(a attempt.Attempt, s *seen) {
	e := record.Event{At: stepAt(a, attempt.Session), Kind: record.Connected, Connection: a.ID, Connect: o.connect(a)}
	if e.At.Before(o.From) {
		e.At, e.Before = o.From, true
	}
	s.events = append(s.events, e)
	if had := o.Had; !o.given && (e.Before || a.Resumed) {
		for _, one := range had {
			s.events = append(s.events, record.Event{At: e.At, Kind: record.Subscribed, Connection: a.ID, Topic: one.Filter, QoS: one.QoS, Before: true})
		}
	}
	o.given = true
}

// stepAt is when an attempt came to a step.
func stepAt(a attempt.Attempt, kind attempt.Kind) time.Time {
	for _, s := range a.Steps {
		if s.Kind == kind {
			return a.At.Add(s.Offset)
		}
	}
	return a.At
}

// connect is what the device said in CONNECT, as far as it was recorded.
func (o *Observer) connect(a attempt.Attempt) *record.Connect {
	made := &record.Connect{Protocol: "3.1.1", ClientID: a.ClientID, KeepAlive: time.Minute, Certificate: a.Thumbprint != ""}
	if len(a.Packets) == 0 || a.Packets[0].Outbound || len(a.Packets[0].Bytes) < a.Packets[0].Length || len(a.Packets[0].Bytes) < 2 {
		o.Tape.Note("How it connected was too long to be recorded, or is forgotten: it connects as devices usually do.")
		return made
	}
	b := a.Packets[0].Bytes
	_, used, err := wire.Length(b[1:])
	if err != nil || used == 0 {
		return made
	}
	c, err := wire.DecodeConnect(b[1+used:], 1+used)
	if err != nil {
		return made
	}
	if c.Level == wire.Level31 {
		made.Protocol = "3.1"
	}
	made.ClientID, made.Clean, made.KeepAlive = c.ClientID, c.Clean, time.Duration(c.KeepAlive)*time.Second
	if c.HasWill {
		// The gateway records no payload of a will.
		made.Will = &record.Will{Topic: c.WillTopic, Payload: bytes.Repeat([]byte("x"), min(c.WillLength, 4096)), QoS: c.WillQoS, Retain: c.WillRetain}
		if c.WillLength > 0 {
			o.Tape.Note("What its will says is not recorded; an x stands for each of its bytes.")
		}
	}
	return made
}

// packet takes one packet; wait is set when it can be understood only later.
func (o *Observer) packet(a attempt.Attempt, s *seen, i int, version byte, now time.Time) (wait bool) {
	p := a.Packets[i]
	at := a.At.Add(p.Offset)
	d := inspect.Decode(p.Bytes, p.Length, version)
	early := at.Before(o.From)
	if d.Type == "PUBLISH" && !p.Outbound && d.QoS > 0 {
		again := d.Dup && o.unacked[d.PacketID] == d.Topic
		o.unacked[d.PacketID] = d.Topic
		if again {
			o.Tape.Note("Messages that were sent again stand here once.")
			return false
		}
	}
	if p.Outbound && (d.Type == "PUBACK" || d.Type == "PUBCOMP") {
		delete(o.unacked, d.PacketID)
	}
	if early || d.Problem != "" {
		return false
	}
	e := record.Event{At: at, Connection: a.ID}
	switch {
	case d.Type == "PUBLISH" && (!p.Outbound || o.Received):
		e.Kind, e.Topic, e.Payload, e.QoS, e.Retain = record.Published, d.Topic, bytes.Clone(d.Payload), d.QoS, d.Retain
		if p.Outbound {
			e.Kind = record.Received
		}
		if missing := p.Length - len(p.Bytes); missing > 0 {
			e.Length = len(d.Payload) + missing
		}
		s.events = append(s.events, e)
	case d.Type == "SUBSCRIBE" && !p.Outbound:
		codes, answered := answer(a.Packets[i:], d.PacketID)
		if !answered && !a.Done && now.Sub(at) < patience {
			return true
		}
		for n, filter := range filtersOf(p, version) {
			e := e
			e.Kind, e.Topic, e.QoS = record.Subscribed, filter.Filter, filter.QoS
			e.Denied = n < len(codes) && codes[n] == wire.SubackFailure
			s.events = append(s.events, e)
		}
	case d.Type == "UNSUBSCRIBE" && !p.Outbound:
		for _, filter := range d.Filters {
			e := e
			e.Kind, e.Topic = record.Unsubscribed, filter
			s.events = append(s.events, e)
		}
	}
	return false
}

// filtersOf are the filters of a SUBSCRIBE, with the QoS that is asked for. One that was too long to be recorded whole has none.
func filtersOf(p attempt.Packet, version byte) []wire.Subscription {
	body, header, ok := bodyOf(p)
	if !ok {
		return nil
	}
	_, all, err := wire.DecodeSubscribe(version, p.Bytes[0], body, header)
	if err != nil {
		return nil
	}
	return all
}

// bodyOf is a whole packet without its fixed header.
func bodyOf(p attempt.Packet) (body []byte, header int, ok bool) {
	if len(p.Bytes) < 2 || len(p.Bytes) < p.Length {
		return nil, 0, false
	}
	_, used, err := wire.Length(p.Bytes[1:])
	if err != nil || used == 0 {
		return nil, 0, false
	}
	return p.Bytes[1+used:], 1 + used, true
}

// answer finds the SUBACK of a packet id, and its return codes.
func answer(later []attempt.Packet, id uint16) (codes []byte, found bool) {
	for _, p := range later {
		body, _, ok := bodyOf(p)
		if !p.Outbound || !ok || p.Bytes[0]>>4 != wire.SUBACK || len(body) < 2 {
			continue
		}
		if uint16(body[0])<<8|uint16(body[1]) == id {
			return body[2:], true
		}
	}
	return nil, false
}

// ended says how a connection was left.
func (o *Observer) ended(a attempt.Attempt, s *seen) {
	e := record.Event{At: a.At.Add(a.Total), Kind: record.Ended, Connection: a.ID, Why: string(a.End)}
	switch a.End {
	case cause.ClientDisconnect:
		e.Kind = record.Disconnected
	case cause.ClientClosed, cause.TakenOver: // taken over: it had gone without a word, which the gateway did not know before it came back
		e.Kind = record.Vanished
		if n := len(a.Steps); n > 0 && a.Steps[n-1].Fact("how") == "reset" {
			e.Kind = record.Reset
		}
	}
	s.events = append(s.events, e)
}
