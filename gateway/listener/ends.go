package listener

import (
	"errors"
	"strconv"
	"syscall"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// How a device ended its connection, as the fact "how".
const (
	howClosed = "closed" // FIN: the program or its system closed it
	howReset  = "reset"  // RST: the device restarted, crashed, or threw the connection away
)

// packetNames are the types of packets in MQTT's terms.
var packetNames = map[byte]string{
	wire.CONNECT: "CONNECT", wire.CONNACK: "CONNACK", wire.PUBLISH: "PUBLISH", wire.PUBACK: "PUBACK", wire.PUBREC: "PUBREC",
	wire.PUBREL: "PUBREL", wire.PUBCOMP: "PUBCOMP", wire.SUBSCRIBE: "SUBSCRIBE", wire.SUBACK: "SUBACK",
	wire.UNSUBSCRIBE: "UNSUBSCRIBE", wire.UNSUBACK: "UNSUBACK", wire.PINGREQ: "PINGREQ", wire.PINGRESP: "PINGRESP",
	wire.DISCONNECT: "DISCONNECT",
}

// trafficFacts appends what a connection carried, and how it went silent or away.
func trafficFacts(facts []attempt.Fact, end broker.End, now time.Time) []attempt.Fact {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	facts = append(facts,
		attempt.F("packets_in", number(end.PacketsIn)), attempt.F("packets_out", number(end.PacketsOut)),
		attempt.F("bytes_in", number(end.BytesIn)), attempt.F("bytes_out", number(end.BytesOut)), attempt.F("pings", number(end.Pings)))
	if end.Last != 0 {
		facts = append(facts, attempt.F("last_packet", packetNames[end.Last]), attempt.F("last_packet_at", now.Add(-end.Idle).UTC().Format(time.RFC3339)),
			attempt.F("silent_for", end.Idle.Round(time.Millisecond).String()))
	}
	if end.Partial > 0 {
		facts = append(facts, attempt.F("incomplete_packet", strconv.Itoa(end.Partial)))
	}
	if end.Unwritten > 0 {
		facts = append(facts, attempt.F("unwritten", strconv.Itoa(end.Unwritten)))
	}
	if end.Cause == cause.ClientClosed {
		facts = append(facts, attempt.F("how", howGone(end.Err)))
	}
	return facts
}

// howGone is how the peer's side ended, by the error that it led to.
func howGone(err error) string {
	if isReset(err) {
		return howReset
	}
	return howClosed
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
