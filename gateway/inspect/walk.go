package inspect

import (
	"encoding/binary"
	"fmt"

	"gatehouse/gateway/wire"
)

// walk goes through a packet and notes where its fields begin and end.
type walk struct {
	b       []byte
	at      int
	end     int // of the packet as its remaining length has it
	header  int // bytes of the fixed header
	length  int // of what came, of which b is the beginning
	version byte
	depth   int
	stopped bool // the rest is one field
	fields  []Field
	p       *Packet

	level    byte // of CONNECT
	protocol string
	clientID string
	alive    uint16
	will     bool
}

// fail notes what is wrong, unless something was before it, and stops.
func (w *walk) fail(at int, rule, reason string) {
	w.remark(at, rule, reason)
	w.stopped = true
}

// remark notes what is wrong, unless something was before it, and goes on.
func (w *walk) remark(at int, rule, reason string) {
	if w.p.Problem == "" {
		w.p.Problem, w.p.ProblemAt = reason+" ["+rule+"]", at
	}
}

func (w *walk) add(f Field) {
	f.Value = clip(f.Value)
	w.fields = append(w.fields, f)
}

// bits notes a part of the byte at offset.
func (w *walk) bits(offset int, name, value string) {
	w.add(Field{Name: name, Value: value, Offset: offset, Length: 1, Depth: w.depth + 1})
}

// short ends the walk where n bytes are wanted and are not there: because they were not recorded, because the packet did
// not come whole, or because the packet ends there, which breaks the rule.
func (w *walk) short(n int, name, rule string) bool {
	switch {
	case w.at+n > w.end:
		w.fail(min(w.at, w.end), rule, "the packet ends before "+name)
	case w.at+n > len(w.b):
		w.stopped = true
		if w.at+n > w.length {
			w.remark(w.length, "MQTT 2.2.3", fmt.Sprintf("%d of the packet’s %d bytes came", w.length, w.end))
		}
	default:
		return false
	}
	return true
}

func (w *walk) byte(name, rule string, value func(byte) string) (byte, bool) {
	if w.stopped || w.short(1, name, rule) {
		return 0, false
	}
	v := w.b[w.at]
	w.add(Field{Name: name, Value: value(v), Offset: w.at, Length: 1, Depth: w.depth})
	w.at++
	return v, true
}

func (w *walk) uint16(name, rule string, value func(uint16) string) (uint16, bool) {
	if w.stopped || w.short(2, name, rule) {
		return 0, false
	}
	v := binary.BigEndian.Uint16(w.b[w.at:])
	w.add(Field{Name: name, Value: value(v), Offset: w.at, Length: 2, Depth: w.depth})
	w.at += 2
	return v, true
}

// prefixed cuts off a field that begins with its length. Of one that was not recorded whole the beginning is returned.
func (w *walk) prefixed(name, rule string, show func([]byte) string, hidden bool) (v []byte, ok bool) {
	if w.stopped || w.short(2, name, rule) {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(w.b[w.at:]))
	start := w.at + 2
	if start+n > w.end {
		w.fail(w.at, rule, fmt.Sprintf("%s claims %d bytes where %d are left", name, n, w.end-start))
		return nil, false
	}
	whole := start+n <= len(w.b)
	if !whole && start+n > w.length {
		w.remark(w.length, "MQTT 2.2.3", fmt.Sprintf("%d of the packet’s %d bytes came", w.length, w.end))
	}
	v = w.b[start:min(start+n, len(w.b))]
	f := Field{Name: name, Value: show(v), Offset: w.at, Length: 2 + len(v), Depth: w.depth, Hidden: hidden}
	if hidden || blanked(v) {
		f.Value = hiddenValue
	}
	if !whole {
		f.Value += " …"
		w.stopped = true
	}
	w.add(f)
	w.at = start + len(v)
	return v, whole
}

// text cuts off a UTF-8 string.
func (w *walk) text(name, rule string) (string, bool) {
	at := w.at
	v, ok := w.prefixed(name, rule, shown, false)
	if ok {
		w.checkText(v, at+2, name)
	}
	return string(v), ok
}

// checkText notes where a string is not what MQTT calls one.
func (w *walk) checkText(v []byte, at int, name string) {
	if offset, rule, reason := textProblem(v); rule != "" {
		w.remark(at+offset, rule, name+" "+reason)
	}
}

// rest makes one field of what is left.
func (w *walk) rest(name string) {
	if w.at >= len(w.b) {
		return
	}
	n := len(w.b) - w.at
	w.add(Field{Name: name, Value: countBytes(n), Offset: w.at, Length: n})
	w.at = len(w.b)
}

// packet walks the whole.
func (w *walk) packet() {
	if len(w.b) == 0 {
		if w.length == 0 {
			w.remark(0, "MQTT 2.2", "there is no byte")
		}
		return
	}
	first := w.b[0]
	w.fixedHeader(first)
	if !w.stopped {
		bodies[first>>4](w, first)
	}
	switch {
	case w.at >= len(w.b):
		if !w.stopped && w.end > w.length {
			w.remark(w.length, "MQTT 2.2.3", fmt.Sprintf("%d of the packet’s %d bytes came", w.length, w.end))
		}
	case w.stopped:
		w.restUpTo("Undecoded")
	case len(w.fields) >= MaxFields:
		w.restUpTo("Further Fields")
	case w.at < min(w.end, len(w.b)):
		w.remark(w.at, afterLast(first>>4), countBytes(w.end-w.at)+" more than the packet’s last field")
		w.restUpTo("Undecoded")
	}
	if w.at < len(w.b) {
		w.remark(w.end, "MQTT 2.2.3", countBytes(w.length-w.end)+" more than the remaining length says")
		w.rest("Beyond the Packet")
	}
}

// restUpTo makes one field of what is left of the packet itself. What may hold a password is hidden.
func (w *walk) restUpTo(name string) {
	end := min(w.end, len(w.b))
	if w.end <= w.at {
		end = len(w.b)
	}
	f := Field{Name: name, Value: countBytes(end - w.at), Offset: w.at, Length: end - w.at}
	if t := w.b[0] >> 4; t == wire.CONNECT || t == auth {
		f.Hidden = true
	} else if t == wire.PUBLISH {
		f.Payload = true
	}
	w.add(f)
	w.at = end
}

func (w *walk) fixedHeader(first byte) {
	w.add(Field{Name: "Packet Type", Value: fmt.Sprintf("%s (%d)", typeNames[first>>4], first>>4), Offset: 0, Length: 1})
	w.at = 1
	if first>>4 == wire.PUBLISH {
		w.p.Dup, w.p.QoS, w.p.Retain = first&8 != 0, first>>1&3, first&1 != 0
		w.bits(0, "DUP", bit(first&8))
		w.bits(0, "QoS", fmt.Sprint(w.p.QoS))
		w.bits(0, "RETAIN", bit(first&1))
		switch {
		case w.p.QoS == 3:
			w.remark(0, "MQTT-3.3.1-4", "the QoS is 3")
		case w.p.QoS == 0 && w.p.Dup && w.version > V31:
			w.remark(0, "MQTT-3.3.1-2", "DUP is set at QoS 0")
		}
	} else {
		w.p.Dup = w.version == V31 && first&8 != 0
		w.bits(0, "Flags", fmt.Sprintf("%04b", first&15))
		if want, rule := flagsOf(first >> 4); w.flagsDiffer(first, want) {
			w.remark(0, rule, fmt.Sprintf("the flags of the fixed header are 0x%x, not 0x%x", first&15, want))
		}
	}
	n, used, err := wire.Length(w.b[1:])
	switch {
	case err != nil:
		w.fail(4, "MQTT 2.2.3", "the remaining length has more than four bytes")
		return
	case used == 0:
		w.stopped = true
		if w.length == len(w.b) {
			w.remark(len(w.b), "MQTT 2.2.3", "the packet ends within its fixed header")
		}
		if len(w.b) > 1 {
			w.add(Field{Name: "Remaining Length", Value: "incomplete", Offset: 1, Length: len(w.b) - 1})
			w.at = len(w.b)
		}
		return
	}
	w.header = 1 + used
	w.end = w.header + n
	w.add(Field{Name: "Remaining Length", Value: fmt.Sprint(n), Offset: 1, Length: used})
	w.at = w.header
}

// flagsOf are the lower four bits that a packet type must have, and the rule that says so.
func flagsOf(packetType byte) (byte, string) {
	switch packetType {
	case wire.PUBREL:
		return 2, "MQTT-3.6.1-1"
	case wire.SUBSCRIBE:
		return 2, "MQTT-3.8.1-1"
	case wire.UNSUBSCRIBE:
		return 2, "MQTT-3.10.1-1"
	case wire.DISCONNECT:
		return 0, "MQTT-3.14.1-1"
	}
	return 0, "MQTT-2.2.2-2"
}

func (w *walk) flagsDiffer(first, want byte) bool {
	flags := first & 15
	if w.version == V31 && want == 2 { // there DUP marks what is sent again
		flags &^= 8
	}
	return flags != want
}
