package sim

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"
)

const level5 = 5

// encode5 is a packet of MQTT 5 as bytes.
func encode5(p packets.Packet) ([]byte, error) {
	p.ProtocolVersion = level5
	var b bytes.Buffer
	var err error
	switch p.FixedHeader.Type {
	case packets.Publish:
		err = p.PublishEncode(&b)
	case packets.Puback:
		err = p.PubackEncode(&b)
	case packets.Pubrec:
		err = p.PubrecEncode(&b)
	case packets.Pubrel:
		p.FixedHeader.Qos = 1 // [MQTT-3.6.1-1]
		err = p.PubrelEncode(&b)
	case packets.Pubcomp:
		err = p.PubcompEncode(&b)
	case packets.Subscribe:
		p.FixedHeader.Qos = 1 // [MQTT-3.8.1-1]
		err = p.SubscribeEncode(&b)
	case packets.Unsubscribe:
		p.FixedHeader.Qos = 1 // [MQTT-3.10.1-1]
		err = p.UnsubscribeEncode(&b)
	default:
		err = fmt.Errorf("a %s is not sent", typeName(p.FixedHeader.Type))
	}
	return b.Bytes(), err
}

// decode5 takes apart what a server of MQTT 5 sent. Its error is a *violation: the library's panics over damaged packets count as one.
func decode5(packet []byte) (p packets.Packet, err error) {
	kind := typeName(packet[0] >> 4)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a %s that cannot be read: %v", kind, r)
		}
		if err != nil {
			err = &violation{err}
		}
	}()
	body := packetBody(packet)
	p.ProtocolVersion = level5
	if err := p.FixedHeader.Decode(packet[0]); err != nil {
		return p, fmt.Errorf("a %s whose first byte is %#02x", kind, packet[0])
	}
	p.FixedHeader.Remaining = len(body)
	switch p.FixedHeader.Type {
	case packets.Connack:
		err = p.ConnackDecode(body)
	case packets.Publish:
		if err = p.PublishDecode(body); err == nil {
			err = checkPublish5(p)
		}
	case packets.Puback:
		err = p.PubackDecode(body)
	case packets.Pubrec:
		err = p.PubrecDecode(body)
	case packets.Pubrel:
		err = p.PubrelDecode(body)
	case packets.Pubcomp:
		err = p.PubcompDecode(body)
	case packets.Suback:
		err = p.SubackDecode(body)
	case packets.Unsuback:
		err = p.UnsubackDecode(body)
	case packets.Disconnect:
		if len(body) > 0 {
			err = p.DisconnectDecode(body)
		}
	case packets.Pingresp:
	default:
		return p, fmt.Errorf("a %s, which a server does not send", kind)
	}
	if err != nil {
		err = fmt.Errorf("a %s that cannot be read: %w", kind, err)
	}
	return p, err
}

// checkPublish5 refuses what a server may not publish to a device that has allowed no topic aliases.
func checkPublish5(p packets.Packet) error {
	switch {
	case p.Properties.TopicAliasFlag:
		return errors.New("a topic alias, which was not allowed") // [MQTT-3.1.2-26]
	case p.TopicName == "" || strings.ContainsAny(p.TopicName, "+#\x00"):
		return errors.New("its topic is empty or has a wildcard") // [MQTT-3.3.2-2]
	}
	return nil
}

// ReasonError is a request of MQTT 5 that the server refused.
type ReasonError struct{ Reason byte }

func (e *ReasonError) Error() string {
	return fmt.Sprintf("the server refused it with reason %#02x (%s)", e.Reason, reasonName(int(e.Reason)))
}
