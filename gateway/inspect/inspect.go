// Package inspect takes recorded MQTT packets apart for people: every field beside its bytes, MQTT 3.1 to 5, what is wrong
// with a packet and where, and which packets belong together.
//
// Where fields begin and end is this package's own walk; what a whole packet means is asked of mochi's codec, which
// decodes it a second time under recover. What MQTT 3.1 and 3.1.1 forbid a device is asked of package wire, as the gateway
// itself does. It is pure: no I/O, no clock, no connection. All of it is bounded by the bytes that are given, of which at
// most MaxBytes are looked at. It knows only MQTT's own terms, and shows no password, whether it was blanked or not.
package inspect

import (
	"strconv"

	"gatehouse/gateway/attempt"
)

// Bounds of what is made of one packet.
const (
	MaxBytes  = 64 << 10 // looked at
	MaxFields = 1024     // the rest is one field
	maxValue  = 1024     // bytes of a field's value
)

// Versions of the protocol, as the level in CONNECT has them.
const (
	V31  byte = 3
	V311 byte = 4
	V5   byte = 5
)

// Field is a part of a packet. Fields of depth 0 follow one another without a gap from the packet's first byte to the last one that
// was recorded. Deeper ones are parts of the field before them: of a byte's bits each has that byte, of a list of properties
// they follow one another too.
type Field struct {
	Name   string // in MQTT's own terms: "Packet Identifier"
	Value  string // one line, at most 1 KiB; control characters and the like are escaped
	Offset int    // of its first byte in the packet
	Length int    // in bytes
	Depth  int
	// Hidden is set for what must not be shown to others: passwords, authentication data, the payload of a will. The Value
	// says "hidden", or nothing of it.
	Hidden bool
	// Payload is set for the payload of a PUBLISH, which reports and exports leave out unless it is asked for.
	Payload bool
}

// Packet is what a packet says.
type Packet struct {
	Type     string // "PUBLISH"; "" when there is not even a first byte
	Summary  string // "PUBLISH sync/docs/BoardLED, QoS 1, id 7, 14 bytes"
	Fields   []Field
	PacketID uint16 // 0: none
	QoS      byte   // of a PUBLISH
	Dup      bool
	Retain   bool
	Topic    string // of a PUBLISH, as sent
	Filters  []string
	Code     int    // return or reason code, of a SUBACK the highest; -1: none
	Payload  []byte // of a PUBLISH, as far as it was recorded; shares the memory of what was decoded
	// Truncated is set when the packet was longer than what was recorded of it. That is no fault of the packet.
	Truncated bool
	Problem   string // what is wrong with it, lower-case, with the clause where there is one; empty: nothing
	ProblemAt int    // byte at which it stops making sense
	// Agreed is set when mochi's codec decoded the packet as well.
	Agreed bool
}

// Names of fields that others ask for.
const (
	ClientIdentifier = "Client Identifier"
	password         = "Password"
	willPayload      = "Will Payload"
)

var typeNames = [16]string{
	"Reserved (0)", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// TypeName is the type in a packet's first byte [MQTT-2.2.1], "" without one.
func TypeName(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return typeNames[b[0]>>4]
}

// Decode takes a packet apart. b is what was recorded of it, length how long it was, both in bytes; version is the protocol
// level of its connection, of which CONNECT has its own. It never fails: what cannot be decoded is one field, and the
// Problem says why.
func Decode(b []byte, length int, version byte) Packet {
	length = max(length, len(b))
	b = b[:min(len(b), MaxBytes)]
	if version < V31 || version > V5 {
		version = V311
	}
	p := Packet{Type: TypeName(b), Truncated: length > len(b), Code: -1}
	w := &walk{b: b, end: length, length: length, version: version, p: &p}
	w.packet()
	p.Fields = w.fields
	if !p.Truncated && w.end == len(b) {
		judge(&p, b, w.header, w.version)
	}
	if !p.Truncated && len(b) > 0 {
		consult(&p, b, w.header, w.version)
	}
	p.Summary = p.summary(w)
	return p
}

// Version is the protocol level of an attempt's connection: what its CONNECT says, or MQTT 3.1.1 when there is none.
func Version(a attempt.Attempt) byte {
	if a.Inputs != nil && a.Inputs.ProtocolLevel >= V31 && a.Inputs.ProtocolLevel <= V5 {
		return a.Inputs.ProtocolLevel
	}
	for _, s := range a.Steps {
		if s.Kind != attempt.Connect {
			continue
		}
		if level, err := strconv.Atoi(s.Fact("level")); err == nil && level >= int(V31) && level <= int(V5) {
			return byte(level)
		}
	}
	for _, p := range a.Packets {
		if !p.Outbound && TypeName(p.Bytes) == "CONNECT" {
			if level := connectLevel(p.Bytes); level >= V31 && level <= V5 {
				return level
			}
			break
		}
	}
	return V311
}
