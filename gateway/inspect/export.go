package inspect

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Blank is a copy of the recorded bytes in which what must not be shown to others is overwritten with '*': passwords,
// authentication data, the payload of a will, what follows in a CONNECT that cannot be decoded, and unless they are asked
// for the payloads of messages.
func (l Line) Blank(payloads bool) []byte {
	b := slices.Clone(l.Bytes)
	for _, f := range l.Packet.Fields {
		if !f.Hidden && (!f.Payload || payloads) {
			continue
		}
		start := f.Offset + l.prefix(f)
		for i := start; i < min(f.Offset+f.Length, len(b)); i++ {
			b[i] = '*'
		}
	}
	for i := MaxBytes; i < len(b); i++ { // not looked at
		b[i] = '*'
	}
	return b
}

// prefix is how much of a hidden field says only which it is and how long.
func (l Line) prefix(f Field) int {
	switch f.Name {
	case password, willPayload, ClientIdentifier:
		return 2
	case "Authentication Data":
		return 3
	}
	return 0
}

// exported is a packet as JSON has it. Names are stable.
type exported struct {
	Index     int             `json:"index"`
	Offset    time.Duration   `json:"offset_ns"`
	Outbound  bool            `json:"outbound"`
	Type      string          `json:"type"`
	Summary   string          `json:"summary"`
	Length    int             `json:"length"`
	Recorded  int             `json:"recorded"`
	PacketID  uint16          `json:"packet_id,omitempty"`
	QoS       *byte           `json:"qos,omitempty"`
	Topic     string          `json:"topic,omitempty"`
	Fields    []exportedField `json:"fields"`
	Problem   string          `json:"problem,omitempty"`
	ProblemAt *int            `json:"problem_at,omitempty"`
	Truncated bool            `json:"truncated,omitempty"`
	Bytes     string          `json:"bytes"` // hex
}

type exportedField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	Depth  int    `json:"depth,omitempty"`
}

// Shown is what may be said of a field to others.
func (f Field) Shown(payloads bool) string {
	switch {
	case f.Hidden:
		return hiddenValue
	case f.Payload && !payloads:
		return countBytes(f.Length)
	}
	return f.Value
}

// JSONLine is a packet as one JSON object without a line end: its fields, and its bytes in hex as Blank has them.
func (l Line) JSONLine(payloads bool) ([]byte, error) {
	p := l.Packet
	e := exported{
		Index: l.Index, Offset: l.Offset, Outbound: l.Outbound, Type: p.Type, Summary: p.Summary, Length: l.Length, Recorded: len(l.Bytes),
		PacketID: p.PacketID, Topic: shown([]byte(p.Topic)), Fields: []exportedField{}, Problem: p.Problem, Truncated: p.Truncated,
		Bytes: hex.EncodeToString(l.Blank(payloads)),
	}
	if p.Type == "PUBLISH" {
		e.QoS = &p.QoS
	}
	if p.Problem != "" {
		e.ProblemAt = &p.ProblemAt
	}
	for _, f := range p.Fields {
		e.Fields = append(e.Fields, exportedField{f.Name, f.Shown(payloads), f.Offset, f.Length, f.Depth})
	}
	return json.Marshal(e)
}

// Raw is the bytes of all packets of one direction, one after another as they were on the wire, as far as they were
// recorded, and as Blank has them.
func Raw(lines []Line, outbound, payloads bool) []byte {
	var out []byte
	for _, l := range lines {
		if l.Outbound == outbound {
			out = append(out, l.Blank(payloads)...)
		}
	}
	return out
}
