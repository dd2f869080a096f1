package inspect

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/gateway/attempt"
)

// Line is a recorded packet with what it says.
type Line struct {
	Index    int // in the attempt's packets
	Offset   time.Duration
	Outbound bool
	Bytes    []byte
	Length   int
	Packet   Packet
}

// Lines decodes all packets of an attempt.
func Lines(a attempt.Attempt) []Line {
	version := Version(a)
	lines := make([]Line, len(a.Packets))
	for i, p := range a.Packets {
		lines[i] = Line{Index: i, Offset: p.Offset, Outbound: p.Outbound, Bytes: p.Bytes, Length: p.Length, Packet: Decode(p.Bytes, p.Length, version)}
	}
	return lines
}

// Direction is who sent a packet.
type Direction uint8

// Either is the zero value.
const (
	Either Direction = iota
	FromDevice
	ToDevice
)

// Query says which lines are wanted; what is left at its zero value does not matter. Texts match in any case.
type Query struct {
	Types     []string // "PUBLISH"
	Direction Direction
	Topic     string // part of a topic or filter
	Payload   string // part of a payload; of one that is no text, "hex:" and its bytes in hex match too
	PacketID  uint16
	Faulty    bool   // only those with a problem
	Text      string // part of the summary, of a field or of the payload; or a packet id
}

// Filter is those of the lines that match, in their order. Its cost is that of the recorded bytes.
func Filter(lines []Line, q Query) []Line {
	for i := range q.Types {
		q.Types = slices.Clone(q.Types)
		q.Types[i] = strings.ToUpper(q.Types[i])
	}
	q.Topic, q.Text, q.Payload = strings.ToLower(q.Topic), strings.ToLower(strings.TrimSpace(q.Text)), strings.ToLower(q.Payload)
	var found []Line
	for _, l := range lines {
		if l.matches(q) {
			found = append(found, l)
		}
	}
	return found
}

func (l Line) matches(q Query) bool {
	p := &l.Packet
	switch {
	case len(q.Types) > 0 && !slices.Contains(q.Types, p.Type),
		q.Direction == FromDevice && l.Outbound,
		q.Direction == ToDevice && !l.Outbound,
		q.PacketID != 0 && p.PacketID != q.PacketID,
		q.Faulty && p.Problem == "",
		q.Topic != "" && !l.hasTopic(q.Topic),
		q.Payload != "" && !l.hasPayload(q.Payload),
		q.Text != "" && !l.hasText(q.Text):
		return false
	}
	return true
}

func (l Line) hasTopic(part string) bool {
	holds := func(topic string) bool { return strings.Contains(strings.ToLower(topic), part) }
	return holds(l.Packet.Topic) || slices.ContainsFunc(l.Packet.Filters, holds)
}

func (l Line) hasPayload(part string) bool {
	if digits, ok := strings.CutPrefix(part, "hex:"); ok {
		want, ok := unhex(digits)
		return ok && bytes.Contains(l.Packet.Payload, want)
	}
	return bytes.Contains(bytes.ToLower(l.Packet.Payload), []byte(part))
}

func unhex(digits string) ([]byte, bool) {
	digits = strings.ReplaceAll(digits, " ", "")
	if len(digits)%2 != 0 || digits == "" {
		return nil, false
	}
	out := make([]byte, len(digits)/2)
	for i := range out {
		v, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			return nil, false
		}
		out[i] = byte(v)
	}
	return out, true
}

func (l Line) hasText(part string) bool {
	if id, err := strconv.ParseUint(part, 10, 16); err == nil && id != 0 && uint16(id) == l.Packet.PacketID {
		return true
	}
	if strings.Contains(strings.ToLower(l.Packet.Summary), part) || strings.Contains(strings.ToLower(l.Packet.Problem), part) {
		return true
	}
	for _, f := range l.Packet.Fields {
		if strings.Contains(strings.ToLower(f.Value), part) || strings.Contains(strings.ToLower(f.Name), part) {
			return true
		}
	}
	return l.hasPayload(part)
}
