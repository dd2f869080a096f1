// Package wire reads and writes MQTT 3.1 and 3.1.1 packets as bytes. It says of a packet that is not one at which byte it
// stopped making sense and which rule of the standard that breaks.
//
// It knows nothing of connections, sessions or devices. Its only I/O is ReadConnect, which takes exactly one packet from
// a reader. Rules are named as MQTT 3.1.1 names them ("MQTT-3.1.2-3"); where the standard demands something without
// giving it a name, the section is cited instead ("MQTT 2.2.3").
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Packet types, the upper half of a packet's first byte (MQTT 3.1.1, 2.2.1).
const (
	CONNECT     byte = 1
	CONNACK     byte = 2
	PUBLISH     byte = 3
	PUBACK      byte = 4
	PUBREC      byte = 5
	PUBREL      byte = 6
	PUBCOMP     byte = 7
	SUBSCRIBE   byte = 8
	SUBACK      byte = 9
	UNSUBSCRIBE byte = 10
	UNSUBACK    byte = 11
	PINGREQ     byte = 12
	PINGRESP    byte = 13
	DISCONNECT  byte = 14
)

// Protocol levels that the gateway speaks.
const (
	Level31  byte = 3 // MQTT 3.1
	Level311 byte = 4 // MQTT 3.1.1
)

// Bounds of the contract, section 6.
const (
	MaxTopicBytes  = 1024 // of a topic name or filter
	MaxTopicLevels = 64
)

// SubackFailure is the return code for a filter that is not subscribed (MQTT 3.1.1, 3.9.3).
const SubackFailure byte = 0x80

// ErrTooLarge is wrapped by the error for a packet that claims more than the reader's bound.
var ErrTooLarge = errors.New("packet too large")

// ErrTopicTooLong is wrapped by the error for a topic name or filter beyond MaxTopicBytes or MaxTopicLevels.
var ErrTopicTooLong = errors.New("topic too long")

// MalformedError says where and why bytes are not a packet that a device may send.
type MalformedError struct {
	Offset int    // in the whole packet, fixed header included
	Rule   string // as "MQTT-3.1.2-3", or a section as "MQTT 2.2.3"
	Reason string // lower-case, for people

	bound error // ErrTooLarge or ErrTopicTooLong, when a bound of ours and not the standard is what was broken
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("malformed packet at byte %d: %s [%s]", e.Offset, e.Reason, e.Rule)
}

// Unwrap is ErrTooLarge or ErrTopicTooLong for a packet that breaks a bound of the gateway, else nil.
func (e *MalformedError) Unwrap() error { return e.bound }

// MaxRemainingLength is the largest that four bytes can say (MQTT 3.1.1, 2.2.3).
const MaxRemainingLength = 268_435_455

// AppendLength appends a remaining length, 0 to MaxRemainingLength (MQTT 3.1.1, 2.2.3).
func AppendLength(b []byte, n int) []byte {
	for n > 127 {
		b = append(b, byte(n)|128)
		n >>= 7
	}
	return append(b, byte(n))
}

// Length reads the remaining length that follows a packet's first byte. used counts its bytes, 1 to 4, and is 0 when b
// ends before it does. The error is a *MalformedError.
func Length(b []byte) (n, used int, err error) {
	for used < len(b) {
		d := b[used]
		n |= int(d&127) << (7 * used)
		used++
		if d < 128 {
			return n, used, nil
		}
		if used == 4 {
			return 0, 0, &MalformedError{Offset: 4, Rule: "MQTT 2.2.3", Reason: "the remaining length has more than four bytes"}
		}
	}
	return 0, 0, nil
}

// TooLarge is the error for a packet whose remaining length is beyond a bound, in bytes.
func TooLarge(n, bound int) error {
	return &MalformedError{
		Offset: 1, Rule: "MQTT 2.2.3", bound: ErrTooLarge,
		Reason: fmt.Sprintf("the remaining length %d is beyond the gateway's bound of %d", n, bound),
	}
}

// decoder walks the body of a packet.
type decoder struct {
	body   []byte
	at     int // next byte
	header int // length of the fixed header, so that errors count from the packet's first byte
}

func (d *decoder) rest() int { return len(d.body) - d.at }

// fail is an error at a place in the body.
func (d *decoder) fail(at int, rule, reason string) *MalformedError {
	return &MalformedError{Offset: d.header + at, Rule: rule, Reason: reason}
}

func (d *decoder) byte(rule, what string) (byte, error) {
	if d.rest() < 1 {
		return 0, d.fail(len(d.body), rule, "the packet ends before "+what)
	}
	d.at++
	return d.body[d.at-1], nil
}

func (d *decoder) uint16(rule, what string) (uint16, error) {
	if d.rest() < 2 {
		return 0, d.fail(len(d.body), rule, "the packet ends before "+what)
	}
	d.at += 2
	return binary.BigEndian.Uint16(d.body[d.at-2:]), nil
}

// field cuts off a length-prefixed field; start is its first byte in the body, after the length.
func (d *decoder) field(rule, what string) (f []byte, start int, err error) {
	if d.rest() < 2 {
		return nil, 0, d.fail(len(d.body), rule, "the packet ends before "+what)
	}
	n := int(binary.BigEndian.Uint16(d.body[d.at:]))
	if d.rest()-2 < n {
		return nil, 0, d.fail(d.at, rule, fmt.Sprintf("%s claims %d bytes where %d are left", what, n, d.rest()-2))
	}
	start = d.at + 2
	d.at = start + n
	return d.body[start:d.at], start, nil
}

// text cuts off a UTF-8 string.
func (d *decoder) text(rule, what string) ([]byte, error) {
	f, start, err := d.field(rule, what)
	if err != nil {
		return nil, err
	}
	if p := textProblem(f); p.found() {
		return nil, d.fail(start+p.at, p.rule, what+" "+p.reason)
	}
	return f, nil
}
