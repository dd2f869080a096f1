package inspect

import (
	"fmt"

	"gatehouse/gateway/wire"
)

// auth is the packet type that MQTT 5 adds.
const auth byte = 15

// bodies walk what follows the fixed header.
var bodies = [16]func(*walk, byte){
	0: func(w *walk, _ byte) { w.fail(0, "MQTT 2.2.1", "the packet type 0 is reserved") },

	wire.CONNECT: (*walk).connect, wire.CONNACK: (*walk).connack, wire.PUBLISH: (*walk).publish,
	wire.PUBACK: (*walk).ack, wire.PUBREC: (*walk).ack, wire.PUBREL: (*walk).ack, wire.PUBCOMP: (*walk).ack,
	wire.SUBSCRIBE: (*walk).subscribe, wire.SUBACK: (*walk).suback, wire.UNSUBSCRIBE: (*walk).unsubscribe, wire.UNSUBACK: (*walk).unsuback,
	wire.PINGREQ: func(*walk, byte) {}, wire.PINGRESP: func(*walk, byte) {}, wire.DISCONNECT: (*walk).disconnect, auth: (*walk).auth,
}

// afterLast is the rule that bytes after the last field break.
func afterLast(packetType byte) string {
	switch packetType {
	case wire.PINGREQ:
		return "MQTT 3.12.1"
	case wire.DISCONNECT:
		return "MQTT 3.14.1"
	case wire.CONNECT:
		return "MQTT 3.1.3"
	case wire.CONNACK:
		return "MQTT 3.2.1"
	}
	return "MQTT 2.2.3"
}

func (w *walk) connect(byte) {
	name, ok := w.text("Protocol Name", "MQTT 3.1.2.1")
	if !ok {
		return
	}
	w.protocol = name
	level, ok := w.byte("Protocol Level", "MQTT 3.1.2.2", func(v byte) string { return levelName(name, v) })
	if !ok {
		return
	}
	w.level = level
	if !knownProtocol(name, level) {
		w.fail(w.at-1, "MQTT-3.1.2-2", fmt.Sprintf("the protocol “%s” level %d is none that is known", shown([]byte(name)), level))
		return
	}
	w.version = level
	flags, ok := w.connectFlags()
	if !ok {
		return
	}
	if w.alive, ok = w.uint16("Keep Alive", "MQTT 3.1.2.10", seconds); !ok {
		return
	}
	if level == V5 && !w.properties("Properties", inConnect) {
		return
	}
	if w.clientID, ok = w.text(ClientIdentifier, "MQTT-3.1.3-3"); !ok {
		return
	}
	if flags&0x04 != 0 && !w.connectWill() {
		return
	}
	if flags&0x80 != 0 && !w.absentIn31() {
		if _, ok := w.text("User Name", "MQTT-3.1.2-19"); !ok {
			return
		}
	}
	if flags&0x40 != 0 && !w.absentIn31() {
		w.prefixed(password, "MQTT-3.1.2-21", func([]byte) string { return hiddenValue }, true)
	}
}

// absentIn31 reports whether a flagged field is missing, as MQTT 3.1 allows.
func (w *walk) absentIn31() bool { return w.version == V31 && w.at == w.end }

func (w *walk) connectFlags() (byte, bool) {
	flags, ok := w.byte("Connect Flags", "MQTT 3.1.2.3", binary8)
	if !ok {
		return 0, false
	}
	at := w.at - 1
	w.will = flags&0x04 != 0
	w.bits(at, "User Name Flag", bit(flags&0x80))
	w.bits(at, "Password Flag", bit(flags&0x40))
	w.bits(at, "Will Retain", bit(flags&0x20))
	w.bits(at, "Will QoS", fmt.Sprint(flags>>3&3))
	w.bits(at, "Will Flag", bit(flags&0x04))
	clean := "Clean Session"
	if w.version == V5 {
		clean = "Clean Start"
	}
	w.bits(at, clean, bit(flags&0x02))
	w.bits(at, "Reserved", bit(flags&0x01))
	switch strict := w.version > V31; {
	case flags&0x01 != 0:
		w.fail(at, "MQTT-3.1.2-3", "the reserved connect flag is set")
	case w.will && flags&0x18 == 0x18:
		w.fail(at, "MQTT-3.1.2-14", "the will's QoS is 3")
	case strict && !w.will && flags&0x18 != 0:
		w.fail(at, "MQTT-3.1.2-13", "there is a QoS for a will, but no will")
	case strict && !w.will && flags&0x20 != 0:
		w.fail(at, "MQTT-3.1.2-15", "there is a retain flag for a will, but no will")
	case w.version == V311 && flags&0x40 != 0 && flags&0x80 == 0: // MQTT 5 allows it
		w.fail(at, "MQTT-3.1.2-22", "there is a password without a user name")
	}
	return flags, !w.stopped
}

func (w *walk) connectWill() bool {
	if w.version == V5 && !w.properties("Will Properties", inWill) {
		return false
	}
	if _, ok := w.text("Will Topic", "MQTT-3.1.2-9"); !ok {
		return false
	}
	_, ok := w.prefixed(willPayload, "MQTT-3.1.2-9", func(b []byte) string { return countBytes(len(b)) }, true)
	return ok
}

func (w *walk) connack(byte) {
	flags, ok := w.byte("Connect Acknowledge Flags", "MQTT 3.2.2.1", binary8)
	if !ok {
		return
	}
	w.bits(w.at-1, "Session Present", bit(flags&1))
	if flags&^1 != 0 {
		w.remark(w.at-1, "MQTT 3.2.2.1", "a reserved flag is set")
	}
	// A server that does not speak MQTT 5 answers in the form of 3.1.1 [MQTT5 3.1.2.2].
	old := w.version < V5 || w.end-w.header == 2
	name, value := "Return Code", returnCode
	if !old {
		name, value = "Reason Code", reasonCode(wire.CONNACK)
	}
	code, ok := w.byte(name, "MQTT 3.2.2.3", value)
	if !ok {
		return
	}
	w.p.Code = int(code)
	if code != 0 && flags&1 != 0 {
		w.remark(w.at-2, "MQTT-3.2.2-4", "the session is present in a refusal")
	}
	if !old {
		w.properties("Properties", inConnack)
	}
}

func (w *walk) publish(first byte) {
	at := w.at
	topic, ok := w.text("Topic Name", "MQTT-3.3.2-1")
	w.p.Topic = topic
	if !ok {
		return
	}
	if i := wildcard(topic); i >= 0 {
		w.remark(at+2+i, "MQTT-3.3.2-2", fmt.Sprintf("Topic Name holds the wildcard %q", topic[i]))
	}
	if topic == "" && w.version < V5 { // with an alias MQTT 5 allows it
		w.remark(at, "MQTT-4.7.3-1", "Topic Name is empty")
	}
	if first>>1&3 > 0 && !w.packetID() {
		return
	}
	if w.version == V5 && !w.properties("Properties", inPublish) {
		return
	}
	end := min(w.end, len(w.b))
	w.p.Payload = w.b[w.at:end]
	if len(w.p.Payload) > 0 {
		w.add(Field{Name: "Payload", Value: preview(w.p.Payload), Offset: w.at, Length: len(w.p.Payload), Depth: w.depth, Payload: true})
	}
	w.at = end
}

// packetID reads an identifier that must not be 0 [MQTT-2.3.1-1].
func (w *walk) packetID() bool {
	id, ok := w.uint16("Packet Identifier", "MQTT-2.3.1-1", number)
	if !ok {
		return false
	}
	if w.p.PacketID = id; id == 0 {
		w.remark(w.at-2, "MQTT-2.3.1-1", "Packet Identifier is 0")
	}
	return true
}

func (w *walk) ack(first byte) {
	if !w.packetID() || w.version < V5 || w.at == w.end { // without more, MQTT 5 means success
		return
	}
	code, ok := w.byte("Reason Code", "MQTT 3.4.2.1", reasonCode(first>>4))
	if !ok {
		return
	}
	if w.p.Code = int(code); w.at < w.end {
		w.properties("Properties", inAck)
	}
}

func (w *walk) subscribe(byte) {
	if !w.packetID() || w.version == V5 && !w.properties("Properties", inSubscribe) {
		return
	}
	if w.at == w.end {
		w.remark(w.at, "MQTT-3.8.3-3", "there is no filter")
	}
	for w.more() {
		if !w.filter("MQTT-3.8.3-1") {
			return
		}
		if w.version < V5 {
			qos, ok := w.byte("Requested QoS", "MQTT-3.8.3-4", func(v byte) string { return fmt.Sprint(v) })
			if !ok {
				return
			}
			if w.version == V31 {
				qos &= 3
			}
			if qos > 2 {
				w.remark(w.at-1, "MQTT-3.8.3-4", fmt.Sprintf("the requested QoS is 0x%02x", qos))
			}
			continue
		}
		options, ok := w.byte("Subscription Options", "MQTT-3.8.3-4", binary8)
		if !ok {
			return
		}
		at := w.at - 1
		w.bits(at, "Maximum QoS", fmt.Sprint(options&3))
		w.bits(at, "No Local", bit(options&4))
		w.bits(at, "Retain As Published", bit(options&8))
		w.bits(at, "Retain Handling", fmt.Sprint(options>>4&3))
		switch {
		case options&3 == 3:
			w.remark(at, "MQTT-3.8.3-4", "the requested QoS is 3")
		case options>>4&3 == 3:
			w.remark(at, "MQTT5 3.8.3.1", "the retain handling is 3")
		case options&0xc0 != 0:
			w.remark(at, "MQTT-3.8.3-5", "a reserved bit of the subscription options is set")
		}
	}
}

// more reports whether a list goes on.
func (w *walk) more() bool { return !w.stopped && w.at < w.end && len(w.fields) < MaxFields-8 }

func (w *walk) filter(rule string) bool {
	at := w.at
	filter, ok := w.text("Topic Filter", rule)
	if !ok {
		return false
	}
	w.p.Filters = append(w.p.Filters, filter)
	if filter == "" {
		w.remark(at, "MQTT-4.7.3-1", "Topic Filter is empty")
	}
	return true
}

func (w *walk) suback(byte) {
	if !w.packetID() || w.version == V5 && !w.properties("Properties", inAck) {
		return
	}
	w.codes(wire.SUBACK)
}

func (w *walk) codes(packetType byte) {
	name, value := "Return Code", subackCode
	if w.version == V5 {
		name, value = "Reason Code", reasonCode(packetType)
	}
	for w.more() {
		code, ok := w.byte(name, "MQTT 3.9.3", value)
		if !ok {
			return
		}
		w.p.Code = max(w.p.Code, int(code))
	}
}

func (w *walk) unsubscribe(byte) {
	if !w.packetID() || w.version == V5 && !w.properties("Properties", inUnsubscribe) {
		return
	}
	if w.at == w.end {
		w.remark(w.at, "MQTT-3.10.3-2", "there is no filter")
	}
	for w.more() && w.filter("MQTT-3.10.3-1") {
	}
}

func (w *walk) unsuback(byte) {
	if !w.packetID() || w.version < V5 || !w.properties("Properties", inAck) {
		return
	}
	w.codes(wire.UNSUBACK)
}

func (w *walk) disconnect(first byte) {
	if w.version == V5 {
		w.reason(first, inDisconnect)
	}
}

func (w *walk) auth(first byte) {
	if w.version < V5 {
		w.fail(0, "MQTT 2.2.1", "the packet type 15 is reserved")
		return
	}
	w.reason(first, inAuth)
}

// reason is a code and properties, of which MQTT 5 allows to leave out both or the properties.
func (w *walk) reason(first byte, in place) {
	if w.at == w.end {
		return
	}
	code, ok := w.byte("Reason Code", "MQTT5 3.14.2.1", reasonCode(first>>4))
	if !ok {
		return
	}
	if w.p.Code = int(code); w.at < w.end {
		w.properties("Properties", in)
	}
}
