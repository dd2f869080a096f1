package wire

import "encoding/binary"

// AppendConnack appends a CONNACK; present is sent only with code 0 [MQTT-3.2.2-4]. For MQTT 3.1 it must be false.
func AppendConnack(b []byte, present bool, code byte) []byte {
	var flags byte
	if present && code == 0 {
		flags = 1
	}
	return append(b, CONNACK<<4, 2, flags, code)
}

// Message is what a PUBLISH carries.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	ID      uint16 // with QoS 1 and 2
	Retain  bool
	Dup     bool
}

// AppendPublish appends a PUBLISH (MQTT 3.1.1, 3.3).
func AppendPublish(b []byte, m Message) []byte {
	first, n := PUBLISH<<4|m.QoS<<1, 2+len(m.Topic)+len(m.Payload)
	if m.Retain {
		first |= 1
	}
	if m.Dup {
		first |= 8
	}
	if m.QoS > 0 {
		n += 2
	}
	b = AppendLength(append(b, first), n)
	b = appendText(b, m.Topic)
	if m.QoS > 0 {
		b = binary.BigEndian.AppendUint16(b, m.ID)
	}
	return append(b, m.Payload...)
}

// AppendAck appends a PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK. A PUBREL gets the flags it must have
// [MQTT-3.6.1-1].
func AppendAck(b []byte, packetType byte, id uint16) []byte {
	first := packetType << 4
	if packetType == PUBREL {
		first |= 2
	}
	return append(b, first, 2, byte(id>>8), byte(id))
}

// AppendPubrelAgain appends a PUBREL that is sent again: MQTT 3.1 marks it with DUP, 3.1.1 does not.
func AppendPubrelAgain(b []byte, id uint16, level byte) []byte {
	at := len(b)
	b = AppendAck(b, PUBREL, id)
	if level == Level31 {
		b[at] |= 8
	}
	return b
}

// AppendSuback appends a SUBACK with one return code per filter, in their order [MQTT-3.9.3-1].
func AppendSuback(b []byte, id uint16, codes []byte) []byte {
	b = AppendLength(append(b, SUBACK<<4), 2+len(codes))
	b = binary.BigEndian.AppendUint16(b, id)
	return append(b, codes...)
}

// AppendSubscribe appends a SUBSCRIBE.
func AppendSubscribe(b []byte, id uint16, subscriptions ...Subscription) []byte {
	n := 2
	for _, s := range subscriptions {
		n += 3 + len(s.Filter)
	}
	b = AppendLength(append(b, SUBSCRIBE<<4|2), n)
	b = binary.BigEndian.AppendUint16(b, id)
	for _, s := range subscriptions {
		b = append(appendText(b, s.Filter), s.QoS)
	}
	return b
}

// AppendUnsubscribe appends an UNSUBSCRIBE.
func AppendUnsubscribe(b []byte, id uint16, filters ...string) []byte {
	n := 2
	for _, f := range filters {
		n += 2 + len(f)
	}
	b = AppendLength(append(b, UNSUBSCRIBE<<4|2), n)
	b = binary.BigEndian.AppendUint16(b, id)
	for _, f := range filters {
		b = appendText(b, f)
	}
	return b
}

// AppendEmpty appends a packet without a body: PINGREQ, PINGRESP or DISCONNECT.
func AppendEmpty(b []byte, packetType byte) []byte { return append(b, packetType<<4, 0) }

// AppendConnect appends a CONNECT with what c holds: will, user name and password as their Has fields say. An empty
// ProtocolName is "MQTT", a zero Level 4. level5 adds the empty property lists that MQTT 5 wants, so that a device that
// the gateway refuses can be played.
func AppendConnect(b []byte, c Connect, level5 bool) []byte {
	if c.ProtocolName == "" {
		c.ProtocolName = "MQTT"
	}
	if c.Level == 0 {
		c.Level = Level311
	}
	body := append(appendText(nil, c.ProtocolName), c.Level, c.flags())
	body = binary.BigEndian.AppendUint16(body, c.KeepAlive)
	if level5 {
		body = append(body, 0)
	}
	body = appendText(body, c.ClientID)
	if c.HasWill {
		if level5 {
			body = append(body, 0)
		}
		body = appendText(body, c.WillTopic)
		body = appendText(body, string(c.WillPayload))
	}
	if c.HasUser {
		body = appendText(body, c.User)
	}
	if c.HasPassword {
		body = appendText(body, string(c.Password))
	}
	return append(AppendLength(append(b, CONNECT<<4), len(body)), body...)
}

func (c Connect) flags() byte {
	var f byte
	if c.Clean {
		f |= flagClean
	}
	if c.HasWill {
		f |= flagWill | c.WillQoS<<3&flagWillQoS
		if c.WillRetain {
			f |= flagWillRetain
		}
	}
	if c.HasUser {
		f |= flagUser
	}
	if c.HasPassword {
		f |= flagPassword
	}
	return f
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
