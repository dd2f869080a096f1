package wire

import "fmt"

// Publish is a decoded PUBLISH; Topic and Payload share the packet's memory.
type Publish struct {
	Topic   []byte
	Payload []byte
	QoS     byte
	ID      uint16 // with QoS 1 and 2, never 0
	Retain  bool
	Dup     bool
}

// DecodePublish decodes a PUBLISH from its first byte and its body, which follows a fixed header of headerLength bytes.
// level is the connection's protocol level. known, when not empty, is a topic that was found valid before: the same
// bytes are not checked again. The error is a *MalformedError.
func DecodePublish(level, first byte, body []byte, headerLength int, known string) (Publish, error) {
	p := Publish{QoS: first >> 1 & 3, Retain: first&1 != 0, Dup: first&8 != 0}
	switch {
	case p.QoS == 3: // [MQTT-3.3.1-4]
		return p, &MalformedError{Offset: 0, Rule: "MQTT-3.3.1-4", Reason: "the QoS is 3"}
	case p.QoS == 0 && p.Dup && level >= Level311: // [MQTT-3.3.1-2]
		return p, &MalformedError{Offset: 0, Rule: "MQTT-3.3.1-2", Reason: "DUP is set at QoS 0"}
	}
	d := decoder{body: body, header: headerLength}
	topic, start, err := d.field("MQTT-3.3.2-1", "the topic")
	if err != nil {
		return p, err
	}
	if known == "" || string(topic) != known {
		if wrong := topicProblem(topic); wrong.found() {
			return p, wrong.malformed(headerLength+start, "the topic")
		}
	}
	p.Topic = topic
	if p.QoS > 0 {
		if p.ID, err = d.packetID(); err != nil {
			return p, err
		}
	}
	p.Payload = body[d.at:]
	return p, nil
}

// packetID reads an identifier that must not be 0 [MQTT-2.3.1-1].
func (d *decoder) packetID() (uint16, error) {
	id, err := d.uint16("MQTT-2.3.1-1", "the packet identifier")
	if err == nil && id == 0 {
		return 0, d.fail(d.at-2, "MQTT-2.3.1-1", "the packet identifier is 0")
	}
	return id, err
}

// DecodeAck decodes a PUBACK, PUBREC, PUBREL or PUBCOMP. In MQTT 3.1 a PUBREL may carry DUP. The error is a
// *MalformedError.
func DecodeAck(level, first byte, body []byte, headerLength int) (id uint16, err error) {
	if first>>4 == PUBREL {
		if err := checkFlags(level, first, "MQTT-3.6.1-1"); err != nil {
			return 0, err
		}
	} else if first&15 != 0 { // [MQTT-2.2.2-2]
		return 0, reservedFlags(first, "MQTT-2.2.2-2")
	}
	d := decoder{body: body, header: headerLength}
	if len(body) != 2 {
		return 0, &MalformedError{Offset: 1, Rule: "MQTT 3.4.1", Reason: fmt.Sprintf("the remaining length of an acknowledgement is %d, not 2", len(body))}
	}
	return d.packetID()
}

// DecodeEmpty checks a packet that has no body: PINGREQ or DISCONNECT. The error is a *MalformedError.
func DecodeEmpty(first byte, body []byte) error {
	flags, section := "MQTT-2.2.2-2", "MQTT 3.12.1"
	if first>>4 == DISCONNECT {
		flags, section = "MQTT-3.14.1-1", "MQTT 3.14.1"
	}
	if first&15 != 0 {
		return reservedFlags(first, flags)
	}
	if len(body) != 0 {
		return &MalformedError{Offset: 1, Rule: section, Reason: fmt.Sprintf("the remaining length is %d, not 0", len(body))}
	}
	return nil
}

// Unexpected is the error for a packet that a device may not send, or not at this point.
func Unexpected(first byte) error {
	switch first >> 4 {
	case CONNECT: // [MQTT-3.1.0-2]
		return &MalformedError{Offset: 0, Rule: "MQTT-3.1.0-2", Reason: "a second CONNECT"}
	case 0, 15:
		return &MalformedError{Offset: 0, Rule: "MQTT 2.2.1", Reason: fmt.Sprintf("the packet type %d is reserved", first>>4)}
	}
	return &MalformedError{Offset: 0, Rule: "MQTT 2.2.1", Reason: fmt.Sprintf("the packet type %d goes from server to client only", first>>4)}
}

// checkFlags wants the flags 0010; MQTT 3.1 has DUP there as well (contract, section 2).
func checkFlags(level, first byte, rule string) error {
	flags := first & 15
	if level == Level31 {
		flags &^= 8
	}
	if flags != 2 {
		return reservedFlags(first, rule)
	}
	return nil
}

func reservedFlags(first byte, rule string) error {
	return &MalformedError{Offset: 0, Rule: rule, Reason: fmt.Sprintf("the flags of the fixed header are 0x%x", first&15)}
}

// Subscription is a filter with the QoS that is asked for.
type Subscription struct {
	Filter string
	QoS    byte
}

// DecodeSubscribe decodes a SUBSCRIBE. A filter whose wildcards are misplaced is decoded as it is, so that it can be refused
// by itself: CheckFilter tells. The error is a *MalformedError.
func DecodeSubscribe(level, first byte, body []byte, headerLength int) (id uint16, wanted []Subscription, err error) {
	if err := checkFlags(level, first, "MQTT-3.8.1-1"); err != nil {
		return 0, nil, err
	}
	d := &decoder{body: body, header: headerLength}
	if id, err = d.packetID(); err != nil {
		return 0, nil, err
	}
	if d.rest() == 0 { // [MQTT-3.8.3-3]
		return 0, nil, d.fail(d.at, "MQTT-3.8.3-3", "there is no filter")
	}
	for d.rest() > 0 {
		filter, err := d.filter("MQTT-3.8.3-1")
		if err != nil {
			return 0, nil, err
		}
		qos, err := d.requestedQoS(level)
		if err != nil {
			return 0, nil, err
		}
		wanted = append(wanted, Subscription{Filter: string(filter), QoS: qos})
	}
	return id, wanted, nil
}

// requestedQoS reads the byte after a filter; in MQTT 3.1 its upper six bits mean nothing. [MQTT-3.8.3-4]
func (d *decoder) requestedQoS(level byte) (byte, error) {
	qos, err := d.byte("MQTT-3.8.3-4", "the requested QoS")
	if err != nil {
		return 0, err
	}
	if level == Level31 {
		qos &= 3
	}
	if qos > 2 {
		return 0, d.fail(d.at-1, "MQTT-3.8.3-4", fmt.Sprintf("the requested QoS is 0x%02x", qos))
	}
	return qos, nil
}

// DecodeUnsubscribe decodes an UNSUBSCRIBE, with filters as DecodeSubscribe has them. The error is a *MalformedError.
func DecodeUnsubscribe(level, first byte, body []byte, headerLength int) (id uint16, filters []string, err error) {
	if err := checkFlags(level, first, "MQTT-3.10.1-1"); err != nil {
		return 0, nil, err
	}
	d := &decoder{body: body, header: headerLength}
	if id, err = d.packetID(); err != nil {
		return 0, nil, err
	}
	if d.rest() == 0 { // [MQTT-3.10.3-2]
		return 0, nil, d.fail(d.at, "MQTT-3.10.3-2", "there is no filter")
	}
	for d.rest() > 0 {
		filter, err := d.filter("MQTT-3.10.3-1")
		if err != nil {
			return 0, nil, err
		}
		filters = append(filters, string(filter))
	}
	return id, filters, nil
}

func (d *decoder) filter(rule string) ([]byte, error) {
	filter, start, err := d.field(rule, "the filter")
	if err != nil {
		return nil, err
	}
	if wrong := filterTextProblem(filter); wrong.found() {
		return nil, wrong.malformed(d.header+start, "the filter")
	}
	return filter, nil
}
