package inspect

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mochi-mqtt/server/v2/packets"

	"gatehouse/gateway/wire"
)

// consult has mochi's codec decode a whole packet, and takes from it what the packet says. Where the codec refuses it, or
// fails, the walk's own reading stands.
func consult(p *Packet, b []byte, header int, version byte) {
	m, err := decoded(b, header, version)
	if err != nil {
		return
	}
	p.Agreed = true
	switch m.FixedHeader.Type {
	case packets.Publish:
		p.Topic, p.PacketID, p.QoS, p.Dup, p.Retain = m.TopicName, m.PacketID, m.FixedHeader.Qos, m.FixedHeader.Dup, m.FixedHeader.Retain
	case packets.Puback, packets.Pubrec, packets.Pubrel, packets.Pubcomp, packets.Suback, packets.Unsubscribe, packets.Unsuback, packets.Subscribe:
		p.PacketID = m.PacketID
	case packets.Connack:
		p.Code = int(m.ReasonCode)
	}
}

// decoded is a packet as mochi's codec has it. The codec indexes beyond some truncated packets, which is an error here.
func decoded(b []byte, header int, version byte) (m packets.Packet, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("the codec failed: %v", broken)
		}
	}()
	if header == 0 || header > len(b) {
		return m, errors.New("the fixed header is not whole")
	}
	m.ProtocolVersion = version
	if err := m.FixedHeader.Decode(b[0]); err != nil {
		return m, err
	}
	body := bytes.Clone(b[header:]) // the codec's strings share its memory
	m.FixedHeader.Remaining = len(body)
	if n, _, _ := wire.Length(b[1:]); n != len(body) {
		return m, errors.New("the remaining length is not that of what follows")
	}
	decode, known := map[byte]func([]byte) error{
		packets.Connect: m.ConnectDecode, packets.Connack: m.ConnackDecode, packets.Publish: m.PublishDecode,
		packets.Puback: m.PubackDecode, packets.Pubrec: m.PubrecDecode, packets.Pubrel: m.PubrelDecode, packets.Pubcomp: m.PubcompDecode,
		packets.Subscribe: m.SubscribeDecode, packets.Suback: m.SubackDecode, packets.Unsubscribe: m.UnsubscribeDecode,
		packets.Unsuback: m.UnsubackDecode, packets.Pingreq: m.PingreqDecode, packets.Pingresp: m.PingrespDecode,
		packets.Disconnect: m.DisconnectDecode, packets.Auth: m.AuthDecode,
	}[m.FixedHeader.Type]
	if !known {
		return m, packets.ErrNoValidPacketAvailable
	}
	if m.FixedHeader.Type == packets.Connack && version == V5 && len(body) == 2 {
		m.ProtocolVersion = V311 // see connack
	}
	return m, decode(body)
}

// judge asks what MQTT 3.1 and 3.1.1 forbid a device, where the gateway's own decoder has the last word.
func judge(p *Packet, b []byte, header int, version byte) {
	if version > V311 || header == 0 {
		return
	}
	first, body := b[0], b[header:]
	var err error
	switch first >> 4 {
	case wire.CONNECT:
		_, err = wire.DecodeConnect(body, header)
	case wire.PUBLISH:
		_, err = wire.DecodePublish(version, first, body, header, "")
	case wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP:
		_, err = wire.DecodeAck(version, first, body, header)
	case wire.SUBSCRIBE:
		_, _, err = wire.DecodeSubscribe(version, first, body, header)
	case wire.UNSUBSCRIBE:
		_, _, err = wire.DecodeUnsubscribe(version, first, body, header)
	case wire.PINGREQ, wire.DISCONNECT:
		err = wire.DecodeEmpty(first, body)
	}
	var wrong *wire.MalformedError
	if errors.As(err, &wrong) && (p.Problem == "" || wrong.Offset <= p.ProblemAt) {
		p.Problem, p.ProblemAt = wrong.Reason+" ["+wrong.Rule+"]", wrong.Offset
	}
}
