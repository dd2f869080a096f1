package faults

import (
	"bytes"
	"fmt"
	"sync"
)

// Packet types of MQTT, as the upper half of a packet's first byte.
const (
	typePublish = 3
	typePuback  = 4
	typePubrec  = 5
	typePingreq = 12
)

// Invalid names a packet that breaks the specification.
type Invalid string

// The packets that break it, each in one way.
const (
	ReservedType      Invalid = "reserved_type"      // packet type 0 [MQTT-2.2.1]
	ReservedFlags     Invalid = "reserved_flags"     // SUBSCRIBE with flags other than 2 [MQTT-3.8.1-1]
	QoS3              Invalid = "qos_3"              // PUBLISH with both QoS bits set [MQTT-3.3.1-4]
	PacketIDZero      Invalid = "packet_id_zero"     // SUBSCRIBE with packet identifier 0 [MQTT-2.3.1-1]
	WildcardTopic     Invalid = "wildcard_topic"     // PUBLISH to a/# [MQTT-3.3.2-2]
	BadUTF8           Invalid = "bad_utf8"           // a topic that is not UTF-8 [MQTT-1.5.3-1]
	NullInTopic       Invalid = "null_in_topic"      // a topic with U+0000 [MQTT-1.5.3-2]
	EmptySubscribe    Invalid = "empty_subscribe"    // SUBSCRIBE without a filter [MQTT-3.8.3-3]
	LongLength        Invalid = "long_length"        // a remaining length of five bytes [MQTT-2.2.3]
	SecondConnect     Invalid = "second_connect"     // [MQTT-3.1.0-2]
	FromServer        Invalid = "from_server"        // SUBACK, which only a server may send
	ShorterThanItSays Invalid = "shorter_than_it_is" // a topic longer than its packet
)

var invalid = []struct {
	name   Invalid
	packet []byte
}{
	{ReservedType, []byte{0x00, 0x00}},
	{ReservedFlags, []byte{0x80, 0x06, 0x00, 0x01, 0x00, 0x01, 'a', 0x00}},
	{QoS3, []byte{0x36, 0x05, 0x00, 0x01, 'a', 0x00, 0x01}},
	{PacketIDZero, []byte{0x82, 0x06, 0x00, 0x00, 0x00, 0x01, 'a', 0x00}},
	{WildcardTopic, []byte{0x30, 0x05, 0x00, 0x03, 'a', '/', '#'}},
	{BadUTF8, []byte{0x30, 0x04, 0x00, 0x02, 0xc3, 0x28}},
	{NullInTopic, []byte{0x30, 0x05, 0x00, 0x03, 'a', 0x00, 'b'}},
	{EmptySubscribe, []byte{0x82, 0x02, 0x00, 0x01}},
	{LongLength, []byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x01}},
	{SecondConnect, []byte{0x10, 0x0c, 0x00, 0x04, 'M', 'Q', 'T', 'T', 0x04, 0x00, 0x00, 0x3c, 0x00, 0x00}},
	{FromServer, []byte{0x90, 0x03, 0x00, 0x01, 0x00}},
	{ShorterThanItSays, []byte{0x30, 0x03, 0x00, 0x09, 'a'}},
}

// Invalids are all packets that break the specification, as an editor lists them.
func Invalids() []Invalid {
	names := make([]Invalid, len(invalid))
	for i, p := range invalid {
		names[i] = p.name
	}
	return names
}

// Bytes are those of an invalid packet.
func (i Invalid) Bytes() ([]byte, error) {
	for _, p := range invalid {
		if p.name == i {
			return bytes.Clone(p.packet), nil
		}
	}
	return nil, fmt.Errorf("%q is not one of the invalid packets", i)
}

// Packets are faults of the device's MQTT client. The zero value has none. All methods may be called from any goroutine.
type Packets struct {
	mu              sync.Mutex
	dropAcks        int
	duplicates      int
	ignoreKeepAlive bool
}

// DropAcks lets the next n acknowledgements of received messages (PUBACK and PUBREC) never leave the device.
func (p *Packets) DropAcks(n int) { p.with(func() { p.dropAcks = max(n, 0) }) }

// DuplicatePublishes sends each of the next n messages of QoS 1 twice, the second time with DUP, as a client does that missed the PUBACK.
func (p *Packets) DuplicatePublishes(n int) { p.with(func() { p.duplicates = max(n, 0) }) }

// IgnoreKeepAlive keeps the device from sending PINGREQ, as a client whose loop hangs.
func (p *Packets) IgnoreKeepAlive(on bool) { p.with(func() { p.ignoreKeepAlive = on }) }

// State is what is on, and how many are still to come.
func (p *Packets) State() (dropAcks, duplicates int, ignoreKeepAlive bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropAcks, p.duplicates, p.ignoreKeepAlive
}

func (p *Packets) with(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

// Outbound is what leaves the device in place of a packet: nothing, the packet, or more. pinged tells that a PINGREQ was kept back, so that the client is to
// believe it was answered.
func (p *Packets) Outbound(packet []byte) (sent [][]byte, pinged bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch kind := packet[0] >> 4; {
	case (kind == typePuback || kind == typePubrec) && p.dropAcks > 0:
		p.dropAcks--
		return nil, false
	case kind == typePingreq && p.ignoreKeepAlive:
		return nil, true
	case kind == typePublish && packet[0]&0x06 == 0x02 && p.duplicates > 0:
		p.duplicates--
		again := bytes.Clone(packet)
		again[0] |= 0x08 // DUP
		return [][]byte{packet, again}, false
	}
	return [][]byte{packet}, false
}
