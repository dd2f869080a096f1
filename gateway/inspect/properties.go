package inspect

import (
	"encoding/binary"
	"fmt"

	"gatehouse/gateway/wire"
)

// place is where a property may stand (MQTT 5, 2.2.2.2).
type place uint16

const (
	inConnect place = 1 << iota
	inWill
	inConnack
	inPublish
	inAck // PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK
	inSubscribe
	inUnsubscribe
	inDisconnect
	inAuth
	everywhere place = 1<<iota - 1
)

// kind is how the value of a property is written.
type kind uint8

const (
	oneByte kind = iota
	twoBytes
	fourBytes
	varInt
	utf8Text
	utf8Pair
	data
	secretData
)

// property is one of MQTT 5's.
type property struct {
	name string
	kind kind
	in   place
	many bool // may stand more than once
}

var properties5 = map[byte]property{
	1:  {"Payload Format Indicator", oneByte, inPublish | inWill, false},
	2:  {"Message Expiry Interval", fourBytes, inPublish | inWill, false},
	3:  {"Content Type", utf8Text, inPublish | inWill, false},
	8:  {"Response Topic", utf8Text, inPublish | inWill, false},
	9:  {"Correlation Data", data, inPublish | inWill, false},
	11: {"Subscription Identifier", varInt, inPublish | inSubscribe, true},
	17: {"Session Expiry Interval", fourBytes, inConnect | inConnack | inDisconnect, false},
	18: {"Assigned Client Identifier", utf8Text, inConnack, false},
	19: {"Server Keep Alive", twoBytes, inConnack, false},
	21: {"Authentication Method", utf8Text, inConnect | inConnack | inAuth, false},
	22: {"Authentication Data", secretData, inConnect | inConnack | inAuth, false},
	23: {"Request Problem Information", oneByte, inConnect, false},
	24: {"Will Delay Interval", fourBytes, inWill, false},
	25: {"Request Response Information", oneByte, inConnect, false},
	26: {"Response Information", utf8Text, inConnack, false},
	28: {"Server Reference", utf8Text, inConnack | inDisconnect, false},
	31: {"Reason String", utf8Text, inConnack | inAck | inDisconnect | inAuth, false},
	33: {"Receive Maximum", twoBytes, inConnect | inConnack, false},
	34: {"Topic Alias Maximum", twoBytes, inConnect | inConnack, false},
	35: {"Topic Alias", twoBytes, inPublish, false},
	36: {"Maximum QoS", oneByte, inConnack, false},
	37: {"Retain Available", oneByte, inConnack, false},
	38: {"User Property", utf8Pair, everywhere, true},
	39: {"Maximum Packet Size", fourBytes, inConnect | inConnack, false},
	40: {"Wildcard Subscription Available", oneByte, inConnack, false},
	41: {"Subscription Identifier Available", oneByte, inConnack, false},
	42: {"Shared Subscription Available", oneByte, inConnack, false},
}

// properties walks a list of properties: its length, then each with its identifier.
func (w *walk) properties(name string, in place) bool {
	if w.stopped || w.short(1, name, "MQTT5 2.2.2") {
		return false
	}
	start, parent := w.at, len(w.fields)
	w.add(Field{Name: name, Offset: start, Depth: w.depth})
	w.depth++
	count := w.propertyList(in)
	w.depth--
	if w.at == start { // not even their length is there
		w.fields = w.fields[:parent]
		return false
	}
	w.fields[parent].Length = w.at - start
	w.fields[parent].Value = fmt.Sprint(count)
	return !w.stopped
}

func (w *walk) propertyList(in place) (count int) {
	n, ok := w.variable("Property Length", func(n int) string { return fmt.Sprint(n) })
	if !ok {
		return 0
	}
	if w.at+n > w.end {
		w.fail(w.at, "MQTT5 2.2.2.1", fmt.Sprintf("the properties claim %d bytes where %d are left", n, w.end-w.at))
		return 0
	}
	packetEnd := w.end
	w.end = w.at + n // nothing of a property may lie beyond
	seen := map[byte]bool{}
	for w.more() {
		if !w.property(in, seen) {
			break
		}
		count++
	}
	if !w.stopped && w.at < w.end {
		w.stopped = true // too many to be shown
	}
	w.end = packetEnd
	return count
}

// property walks one. Of one that is not recorded whole nothing becomes a field of its own.
func (w *walk) property(in place, seen map[byte]bool) bool {
	if w.short(1, "Property Identifier", "MQTT5 2.2.2.2") {
		return false
	}
	at, id := w.at, w.b[w.at]
	what, known := properties5[id]
	switch {
	case !known:
		w.fail(at, "MQTT5 2.2.2.2", fmt.Sprintf("there is no property 0x%02x", id))
		return false
	case what.in&in == 0:
		w.remark(at, "MQTT5 2.2.2.2", what.name+" may not stand here")
	case seen[id] && !what.many:
		w.remark(at, "MQTT5 2.2.2.2", what.name+" stands twice")
	}
	seen[id] = true
	before := len(w.fields)
	w.at++
	value, hidden, ok := w.propertyValue(what)
	w.fields = w.fields[:before] // the value's own field gives way to that of the property with its identifier
	if !ok {
		w.at = at
		return false
	}
	w.add(Field{Name: what.name, Value: value, Offset: at, Length: w.at - at, Depth: w.depth, Hidden: hidden})
	return true
}

func (w *walk) propertyValue(what property) (value string, hidden, ok bool) {
	rule := "MQTT5 2.2.2.2"
	switch what.kind {
	case oneByte:
		var v byte
		v, ok = w.byte(what.name, rule, func(byte) string { return "" })
		return fmt.Sprint(v), false, ok
	case twoBytes:
		var v uint16
		v, ok = w.uint16(what.name, rule, number)
		return fmt.Sprint(v), false, ok
	case fourBytes:
		if w.short(4, what.name, rule) {
			return "", false, false
		}
		w.at += 4
		return fmt.Sprint(binary.BigEndian.Uint32(w.b[w.at-4:])), false, true
	case varInt:
		var n int
		n, ok = w.variable(what.name, func(int) string { return "" })
		return fmt.Sprint(n), false, ok
	case utf8Pair:
		var name, text string
		if name, ok = w.text(what.name, rule); !ok {
			return "", false, false
		}
		text, ok = w.text(what.name, rule)
		return shown([]byte(name)) + ": " + shown([]byte(text)), false, ok
	case utf8Text:
		var text string
		text, ok = w.text(what.name, rule)
		return shown([]byte(text)), false, ok
	case secretData:
		_, ok = w.prefixed(what.name, rule, inHex, true)
		return hiddenValue, true, ok
	}
	v, ok := w.prefixed(what.name, rule, inHex, false)
	return inHex(v), false, ok
}

// variable reads a variable byte integer.
func (w *walk) variable(name string, value func(int) string) (int, bool) {
	if w.stopped || w.short(1, name, "MQTT5 1.5.5") {
		return 0, false
	}
	n, used, err := wire.Length(w.b[w.at:min(w.end, len(w.b))])
	switch {
	case err != nil:
		w.fail(w.at, "MQTT-1.5.5-1", name+" has more than four bytes")
		return 0, false
	case used == 0:
		w.short(len(w.b)-w.at+1, name, "MQTT5 1.5.5")
		w.stopped = true
		return 0, false
	}
	w.add(Field{Name: name, Value: value(n), Offset: w.at, Length: used, Depth: w.depth})
	w.at += used
	return n, true
}
