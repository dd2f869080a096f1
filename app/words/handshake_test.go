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
		{
			cause.WrongServerName, []attempt.Fact{attempt.F("dialled", "192.0.2.7"), attempt.F("name_sent", "no"), attempt.F("alert", "bad_certificate")},
			"The device sent no server name, and the address that it reached, 192.0.2.7, is not in the gateway’s certificate. If it dialled a name that the certificate has, what it refused is the root.",
		},
		{
			cause.UntrustedRoot, []attempt.Fact{attempt.F("dialled", "192.0.2.7"), attempt.F("name_sent", "no"), attempt.F("alert", "certificate_unknown")},
			"The device does not trust this gateway’s root certificate. It sent no server name: if it dialled anything but 192.0.2.7, what it refused may be the name.",
		},
		{
			cause.ServerCertificateEarly, []attempt.Fact{attempt.F("dialled", "192.0.2.7"), attempt.F("name_sent", "no"), attempt.F("alert", "bad_certificate")},
			"It trusts the root, so its clock is behind; or, if it dialled anything but 192.0.2.7, what it refused is the name.",
		},
		{
			cause.UntrustedRoot, []attempt.Fact{attempt.F("dialled", "localhost"), attempt.F("name_sent", "yes"), attempt.F("alert", "bad_certificate")},
			"The device does not trust this gateway’s root certificate. If it has the root, its clock is behind: many stacks say the same of a certificate that is not valid yet.",
		},
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

func TestAnAlertThatCanOnlyMeanOneThingIsNotDoubted(t *testing.T) {
	for _, facts := range [][]attempt.Fact{
		{attempt.F("dialled", "192.0.2.7"), attempt.F("name_sent", "no"), attempt.F("alert", "unknown_ca")},
		{attempt.F("dialled", "localhost"), attempt.F("name_sent", "yes"), attempt.F("alert", "unknown_ca")},
	} {
		e := Explain(attempt.Attempt{Code: attempt.TLS, Cause: cause.UntrustedRoot, Steps: []attempt.Step{{Kind: attempt.Handshake, State: attempt.Bad, Facts: facts}}})
		if e.More != "" {
			t.Errorf("%v: %q", facts, e.More)
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
