package inspect

import (
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
)

// Kinds of exchange.
const (
	ConnectExchange     = "CONNECT–CONNACK"
	QoS1Exchange        = "PUBLISH–PUBACK"
	QoS2Exchange        = "PUBLISH–PUBREC–PUBREL–PUBCOMP"
	SubscribeExchange   = "SUBSCRIBE–SUBACK"
	UnsubscribeExchange = "UNSUBSCRIBE–UNSUBACK"
	PingExchange        = "PINGREQ–PINGRESP"
)

// Exchange is packets that belong together: a question and its answer. A packet that wants no answer is in none.
type Exchange struct {
	Kind     string
	Outbound bool   // the gateway began it
	PacketID uint16 // 0 where there is none
	Packets  []int  // positions in what was given, in the order of time; packets that were sent again are among them
	Took     time.Duration
	Complete bool // the last packet of its kind came; when the record begins in the middle, it is not complete
	Resent   int  // packets that were sent again
}

// exchanges pairs packets as they come.
type exchanges struct {
	all  []Exchange
	open map[exchangeKey]int // position in all
	ps   []attempt.Packet
}

// exchangeKey tells exchanges apart: each direction has identifiers of its own. A PUBLISH, a SUBSCRIBE and an UNSUBSCRIBE
// share one space, so an identifier names one exchange at a time.
type exchangeKey struct {
	outbound bool
	kind     string // empty for those with an identifier
	id       uint16
}

// Exchanges pairs the packets of a connection. The packets that were not recorded leave exchanges incomplete.
func Exchanges(ps []attempt.Packet, version byte) []Exchange {
	x := &exchanges{open: map[exchangeKey]int{}, ps: ps}
	for i, p := range ps {
		if len(p.Bytes) > 0 {
			x.take(i, p.Outbound, Decode(p.Bytes, p.Length, version), p.Bytes[0]>>4)
		}
	}
	for i := range x.all {
		e := &x.all[i]
		e.Took = ps[e.Packets[len(e.Packets)-1]].Offset - ps[e.Packets[0]].Offset
	}
	return x.all
}

func (x *exchanges) take(i int, outbound bool, d Packet, packetType byte) {
	id := exchangeKey{outbound, "", d.PacketID}
	answered := exchangeKey{!outbound, "", d.PacketID}
	failed := d.Code >= 0x80 // MQTT 5: the exchange ends here
	switch packetType {
	case wire.CONNECT:
		x.begin(exchangeKey{outbound: outbound, kind: ConnectExchange}, ConnectExchange, i, false)
	case wire.CONNACK:
		x.end(exchangeKey{outbound: !outbound, kind: ConnectExchange}, ConnectExchange, i)
	case wire.PINGREQ:
		x.begin(exchangeKey{outbound: outbound, kind: PingExchange}, PingExchange, i, false)
	case wire.PINGRESP:
		x.end(exchangeKey{outbound: !outbound, kind: PingExchange}, PingExchange, i)
	case wire.PUBLISH:
		switch {
		case d.PacketID == 0 || d.QoS == 0 || d.QoS > 2:
		case d.QoS == 1:
			x.begin(id, QoS1Exchange, i, d.Dup)
		default:
			x.begin(id, QoS2Exchange, i, d.Dup)
		}
	case wire.SUBSCRIBE:
		x.begin(id, SubscribeExchange, i, d.Dup)
	case wire.UNSUBSCRIBE:
		x.begin(id, UnsubscribeExchange, i, d.Dup)
	case wire.PUBACK:
		x.end(answered, QoS1Exchange, i)
	case wire.PUBREC:
		if failed {
			x.end(answered, QoS2Exchange, i)
		} else {
			x.middle(answered, QoS2Exchange, i)
		}
	case wire.PUBREL:
		x.middle(id, QoS2Exchange, i)
	case wire.PUBCOMP:
		x.end(answered, QoS2Exchange, i)
	case wire.SUBACK:
		x.end(answered, SubscribeExchange, i)
	case wire.UNSUBACK:
		x.end(answered, UnsubscribeExchange, i)
	}
}

// begin starts an exchange, or joins what is sent again to the one that waits for its answer.
func (x *exchanges) begin(key exchangeKey, kind string, i int, dup bool) {
	if at, open := x.open[key]; open && dup && x.all[at].Kind == kind {
		x.all[at].Packets = append(x.all[at].Packets, i)
		x.all[at].Resent++
		return
	}
	x.start(key, kind, i)
}

func (x *exchanges) start(key exchangeKey, kind string, i int) int {
	x.all = append(x.all, Exchange{Kind: kind, Outbound: key.outbound, PacketID: key.id, Packets: []int{i}})
	x.open[key] = len(x.all) - 1
	return len(x.all) - 1
}

// middle adds a packet that is neither the first nor the last.
func (x *exchanges) middle(key exchangeKey, kind string, i int) int {
	at, open := x.open[key]
	if !open || x.all[at].Kind != kind {
		return x.start(key, kind, i) // its beginning was not recorded
	}
	e := &x.all[at]
	for _, before := range e.Packets {
		if x.ps[before].Bytes[0]>>4 == x.ps[i].Bytes[0]>>4 {
			e.Resent++
			break
		}
	}
	e.Packets = append(e.Packets, i)
	return at
}

// end adds the last packet.
func (x *exchanges) end(key exchangeKey, kind string, i int) {
	_, began := x.open[key]
	at := x.middle(key, kind, i)
	e := &x.all[at]
	first := x.ps[e.Packets[0]].Bytes[0] >> 4
	e.Complete = began && beginnings[first]
	delete(x.open, key)
}

// beginnings are the packets that an exchange begins with.
var beginnings = map[byte]bool{wire.CONNECT: true, wire.PUBLISH: true, wire.SUBSCRIBE: true, wire.UNSUBSCRIBE: true, wire.PINGREQ: true}
