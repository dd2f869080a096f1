package sim

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// describe decodes a packet for people. It never fails: what cannot be decoded is said to be so. A CONNECT's password is not even read.
func describe(packet []byte, level byte) (e Entry) {
	e = Entry{Bytes: len(packet)}
	if len(packet) == 0 {
		e.Type, e.Summary = "RESERVED", "an empty packet"
		return e
	}
	e.Type = typeName(packet[0] >> 4)
	defer func() {
		if recover() != nil { // a packet that the reader below does not foresee must not end the device
			e.Summary = e.Type + " · cannot be decoded"
		}
	}()
	c := &cursor{b: packetBody(packet)}
	parts := append([]string{e.Type}, details(c, packet[0], level, &e)...)
	if c.bad {
		parts = append(parts, "ends too early")
	}
	e.Summary = strings.Join(parts, " · ")
	if e.Type == "PUBLISH" || e.Type == "CONNACK" || e.Type == "CONNECT" {
		e.Summary = strings.Replace(e.Summary, " · ", " ", 1)
	}
	return e
}

func details(c *cursor, first, level byte, e *Entry) []string {
	switch first >> 4 {
	case typeConnect:
		return describeConnect(c)
	case typeConnack:
		return describeConnack(c)
	case typePublish:
		return describePublish(c, first, level, e)
	case typeSubscribe, typeUnsubscribe:
		return describeFilters(c, first>>4, level, e)
	case typeSuback:
		return describeSuback(c, level)
	case typePuback, typePubrec, typePubrel, typePubcomp, typeUnsuback:
		parts := []string{id(c)}
		if level == 5 && len(c.b) > 0 && first>>4 != typeUnsuback {
			if code := int(c.byte()); code != 0 {
				parts = append(parts, fmt.Sprintf("reason 0x%02x", code))
			}
		}
		return parts
	case typeDisconnect:
		if level == 5 && len(c.b) > 0 {
			code := int(c.byte())
			return []string{fmt.Sprintf("reason 0x%02x (%s)", code, reasonName(code))}
		}
	}
	return nil
}

func describeConnect(c *cursor) []string {
	name, level := c.string(), c.byte()
	parts := []string{protocolName(name, level)}
	flags := c.byte()
	keepAlive := c.uint16()
	if level == 5 {
		c.properties()
	}
	parts = append(parts, fmt.Sprintf("client id %q", clip(c.string())), fmt.Sprintf("Clean Session %d", flags>>1&1), fmt.Sprintf("keepalive %d s", keepAlive))
	if flags&0x04 != 0 {
		if level == 5 {
			c.properties()
		}
		topic, payload := c.string(), c.string()
		parts = append(parts, fmt.Sprintf("will %s QoS %d, %s", clip(topic), flags>>3&3, count(len(payload))))
	}
	if flags&0x80 != 0 {
		parts = append(parts, "user "+clip(c.string()))
	}
	if flags&0x40 != 0 {
		parts = append(parts, "password not shown")
	}
	return parts
}

func protocolName(name string, level byte) string {
	switch {
	case name == "MQIsdp" && level == 3, name == "MQTT" && level == 3:
		return "MQTT 3.1"
	case name == "MQTT" && level == 4:
		return "MQTT 3.1.1"
	case name == "MQTT" && level == 5:
		return "MQTT 5"
	}
	return fmt.Sprintf("%s level %d", clip(name), level)
}

func describeConnack(c *cursor) []string {
	v5 := len(c.b) > 2
	flags, code := c.byte(), int(c.byte())
	var parts []string
	if v5 {
		parts = append(parts, fmt.Sprintf("reason 0x%02x (%s)", code, reasonName(code)))
	} else {
		parts = append(parts, fmt.Sprintf("code %d (%s)", code, CodeName(code)))
	}
	if flags&1 != 0 {
		parts = append(parts, "session present")
	}
	return parts
}

func describePublish(c *cursor, first, level byte, e *Entry) []string {
	e.QoS, e.Topic = first>>1&3, c.string()
	parts := []string{clip(e.Topic), fmt.Sprintf("QoS %d", e.QoS)}
	if e.QoS > 0 {
		parts = append(parts, id(c))
	}
	if level == 5 {
		c.properties()
	}
	e.Payload = c.b
	parts = append(parts, count(len(e.Payload)))
	if first&1 != 0 {
		e.Retain = true
		parts = append(parts, "retain")
	}
	if first&8 != 0 {
		parts = append(parts, "dup")
	}
	return parts
}

func describeFilters(c *cursor, kind, level byte, e *Entry) []string {
	parts := []string{id(c)}
	if level == 5 {
		c.properties()
	}
	for n := 0; len(c.b) > 0 && !c.bad && n < 16; n++ {
		filter := c.string()
		if n == 0 {
			e.Topic = filter
		}
		text := clip(filter)
		if kind == typeSubscribe {
			qos := c.byte() & 3
			e.QoS = qos
			text += fmt.Sprintf(" QoS %d", qos)
		}
		parts = append(parts, text)
	}
	return parts
}

func describeSuback(c *cursor, level byte) []string {
	parts := []string{id(c)}
	if level == 5 {
		c.properties()
	}
	for n := 0; len(c.b) > 0 && n < 16; n++ {
		if code := c.byte(); code < 0x80 {
			parts = append(parts, fmt.Sprintf("granted QoS %d", code))
		} else {
			parts = append(parts, fmt.Sprintf("refused (0x%02x)", code))
		}
	}
	return parts
}

func id(c *cursor) string { return fmt.Sprintf("id %d", c.uint16()) }

func count(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// clip makes text of the wire fit for one line: control characters replaced, at most 120 characters.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return '�'
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > 120 {
		return string(runes[:119]) + "…"
	}
	return s
}

// cursor reads the fields of a packet; past the end it returns zeros and says so.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return bytes.Repeat([]byte{0}, min(n, 2))
	}
	taken := c.b[:n]
	c.b = c.b[n:]
	return taken
}

func (c *cursor) byte() byte { return c.take(1)[0] }

func (c *cursor) uint16() int { b := c.take(2); return int(b[0])<<8 | int(b[1]) }

func (c *cursor) string() string {
	n := c.uint16()
	if n > len(c.b) {
		c.take(n)
		return ""
	}
	return string(c.take(n))
}

// properties skips the properties of an MQTT 5 packet.
func (c *cursor) properties() {
	length := 0
	for shift := 0; shift <= 21; shift += 7 {
		b := c.byte()
		length |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	if length > len(c.b) {
		c.bad, c.b = true, nil
		return
	}
	c.take(length)
}
