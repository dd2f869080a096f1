package words

import (
	"strings"
	"testing"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

func TestAFailedHandshakeNamesWhatEachSideHad(t *testing.T) {
	for _, c := range []struct {
		why   cause.ID
		facts []attempt.Fact
		said  string
	}{
		{cause.WrongServerName, []attempt.Fact{attempt.F("dialled", "gateway.lan")}, "The device expects “gateway.lan”, which the gateway’s certificate does not name."},
		{cause.WrongServerName, nil, "The device expects another server name than those in the gateway’s certificate."},
		{cause.TLSVersion, []attempt.Fact{attempt.F("offered", "TLS 1.1, TLS 1.0")}, "It offers TLS 1.1, TLS 1.0. The gateway speaks TLS 1.2 and 1.3."},
		{
			cause.NoSharedSuite, []attempt.Fact{attempt.F("client_suites", "A, B, C, D, E"), attempt.F("gateway_suites", "X, Y")},
			"The device and the gateway share no cipher suite. The device offers A, B and 3 more; the gateway takes X, Y.",
		},
		{
			cause.NoSharedSuite, []attempt.Fact{attempt.F("client_suites", "A, X"), attempt.F("gateway_suites", "X, Y"), attempt.F("client_groups", "P-521"), attempt.F("gateway_groups", "X25519, P-256")},
			"The device and the gateway share no key exchange group. The device offers P-521; the gateway takes X25519, P-256.",
		},
		{cause.HandshakeFailed, []attempt.Fact{attempt.F("alert", "internal_error"), attempt.F("alert_from", "device")}, "The device said “internal error”: it failed for a reason of its own."},
	} {
		e := Explain(attempt.Attempt{Code: attempt.TLS, Cause: c.why, Steps: []attempt.Step{{Kind: attempt.Handshake, State: attempt.Bad, Facts: c.facts}}})
		if !strings.Contains(e.Cause+" "+e.More, c.said) {
			t.Errorf("%s: %q, %q; want %q", c.why, e.Cause, e.More, c.said)
		}
	}
}

func TestAnEndSaysWhatItRestsOn(t *testing.T) {
	ended := func(why cause.ID, facts ...attempt.Fact) string {
		return Explain(attempt.Attempt{DeviceName: "lamp", End: why, Steps: []attempt.Step{
			{Kind: attempt.Connect, Facts: []attempt.Fact{attempt.F("keepalive", "60")}}, {Kind: attempt.Ended, Facts: facts},
		}}).More
	}
	for got, want := range map[string]string{
		ended(cause.TakenOver, attempt.F("new_remote", "192.0.2.7:5"), attempt.F("new_client_id", "right")): "A newer connection of the same device took over: from 192.0.2.7:5, client ID “right”.",
		ended(cause.KeepaliveExpired, attempt.F("silent_for", "1m31s")):                                     "The device was silent for longer than its keepalive allows: 1 min 31 s without a packet, at a keepalive of 60 s.",
		ended(cause.MalformedPacket, attempt.F("offset", "4"), attempt.F("rule", "MQTT-2.2.2-2")):           "The device sent a malformed packet: at byte 4 it breaks MQTT-2.2.2-2.",
		ended(cause.ClientDisconnect): "The device said goodbye.",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
