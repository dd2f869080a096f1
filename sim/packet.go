package sim

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The MQTT packet types, as in the upper half of a packet's first byte.
const (
	typeConnect     = 1
	typeConnack     = 2
	typePublish     = 3
	typePuback      = 4
	typePubrec      = 5
	typePubrel      = 6
	typePubcomp     = 7
	typeSubscribe   = 8
	typeSuback      = 9
	typeUnsubscribe = 10
	typeUnsuback    = 11
	typePingreq     = 12
	typePingresp    = 13
	typeDisconnect  = 14
	typeAuth        = 15
)

// maxInbound is the largest packet that a device accepts: a server that claims more is not believed, and the connection ends.
const maxInbound = 1 << 20

var errTooLarge = &violation{errors.New("a packet of more than 1 MiB")}

// appendConnect appends the CONNECT that the options ask for. Flags follow what is there: a user name without a password, a password
// without a user name and an empty client id with Clean Session 0 are written as they are.
func appendConnect(b []byte, o Options, t target) []byte {
	var flags byte
	if o.Clean {
		flags |= 1 << 1
	}
	if w := o.Will; w != nil {
		flags |= 1<<2 | w.QoS<<3
		if w.Retain {
			flags |= 1 << 5
		}
	}
	if t.secret != "" {
		flags |= 1 << 6
	}
	if o.Credential.KeySID != "" {
		flags |= 1 << 7
	}
	body := appendString(nil, t.name)
	body = append(body, t.level, flags)
	body = binary.BigEndian.AppendUint16(body, t.keepAlive)
	if t.level == level5 {
		body = append(body, properties(o)...)
	}
	body = appendString(body, o.ClientID)
	if w := o.Will; w != nil {
		if t.level == level5 {
			body = append(body, 0)
		}
		body = appendString(body, w.Topic)
		body = appendString(body, string(w.Payload))
	}
	if o.Credential.KeySID != "" {
		body = appendString(body, o.Credential.KeySID)
	}
	if t.secret != "" {
		body = appendString(body, t.secret)
	}
	b = append(b, typeConnect<<4)
	b = binary.AppendUvarint(b, uint64(len(body))) // MQTT's remaining length is this very encoding, of at most four bytes
	return append(b, body...)
}

// properties are those of a CONNECT of MQTT 5. What earlier versions call Clean Session 0 is a session that does not expire.
func properties(o Options) []byte {
	if o.Clean {
		return []byte{0}
	}
	return []byte{5, 0x11, 0xff, 0xff, 0xff, 0xff} // Session Expiry Interval (MQTT 5, section 3.1.2.11.2)
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// readPacket reads one whole packet of at most maxInbound bytes. Memory grows as bytes arrive, not by what the length claims.
func readPacket(r *bufio.Reader) ([]byte, error) {
	first, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	header := []byte{first}
	length := 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return nil, &violation{errors.New("a remaining length of more than four bytes")}
		}
		c, err := r.ReadByte()
		if err != nil {
			return nil, unexpected(err)
		}
		header = append(header, c)
		length |= int(c&0x7f) << shift
		if c < 0x80 {
			break
		}
	}
	if length > maxInbound {
		return nil, errTooLarge
	}
	var packet bytes.Buffer
	packet.Write(header)
	if _, err := io.CopyN(&packet, r, int64(length)); err != nil {
		return nil, unexpected(err)
	}
	return packet.Bytes(), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// splitPacket returns the first whole packet of b and what follows it; a nil packet when b holds less than one.
func splitPacket(b []byte) (packet, rest []byte, err error) {
	if len(b) < 2 {
		return nil, b, nil
	}
	length, n := binary.Uvarint(b[1:min(len(b), 5)])
	switch {
	case n < 0 || n == 0 && len(b) >= 5:
		return nil, b, errors.New("a remaining length of more than four bytes")
	case n == 0 || uint64(len(b)) < uint64(1+n)+length:
		return nil, b, nil
	}
	end := 1 + n + int(length)
	return b[:end], b[end:], nil
}

// checkInbound refuses what a server may not send, before it can upset the client library, which takes the number of codes in a SUBACK on
// trust.
func checkInbound(packet []byte) error {
	kind, body := packet[0]>>4, packetBody(packet)
	want := -1
	switch kind {
	case typeConnack:
		return errors.New("a second CONNACK")
	case typePublish:
		return checkPublish(packet[0], body)
	case typeSuback:
		want = 3 // an id, and one code: a device asks for one filter at a time
	case typePuback, typePubrec, typePubrel, typePubcomp, typeUnsuback:
		want = 2
	case typePingresp:
		want = 0
	default:
		return fmt.Errorf("a %s, which a server does not send", typeName(kind))
	}
	if len(body) != want {
		return fmt.Errorf("a %s of %d bytes instead of %d", typeName(kind), len(body), want)
	}
	return nil
}

func checkPublish(first byte, body []byte) error {
	c := &cursor{b: body}
	topic, qos := c.string(), first>>1&3
	if qos > 0 {
		c.uint16()
	}
	switch {
	case c.bad:
		return errors.New("a PUBLISH that ends too early")
	case qos == 3:
		return errors.New("a PUBLISH of QoS 3") // [MQTT-3.3.1-4]
	case topic == "" || strings.ContainsAny(topic, "+#\x00"):
		return errors.New("a PUBLISH whose topic is empty or has a wildcard") // [MQTT-3.3.2-2], [MQTT-4.7.3-1]
	}
	return nil
}

func packetBody(packet []byte) []byte {
	for i := 1; i < len(packet) && i <= 4; i++ {
		if packet[i] < 0x80 {
			return packet[i+1:]
		}
	}
	return nil
}

func typeName(kind byte) string {
	return [16]string{"RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK",
		"PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"}[kind&15]
}
