package words

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/inspect"
	"gatehouse/gateway/wire"
)

func TestAPacketIsToldWithItsFieldsAndWithoutSecrets(t *testing.T) {
	const secret, will, payload = "hunter2-password", "the-last-will", "the-payload"
	connect := wire.AppendConnect(nil, wire.Connect{ClientID: "lamp", HasWill: true, WillTopic: "w", WillPayload: []byte(will), HasUser: true, User: "u", HasPassword: true, Password: []byte(secret)}, false)
	publish := wire.AppendPublish(nil, wire.Message{Topic: "par/lamp", QoS: 1, ID: 1, Payload: []byte(payload)})
	ls := inspect.Lines(attempt.Attempt{Packets: []attempt.Packet{
		{Bytes: connect, Length: len(connect)},
		{Bytes: publish, Length: len(publish), Outbound: true, Offset: 2500 * time.Microsecond},
		{Bytes: publish[:6], Length: len(publish)},
	}})
	head := func(l inspect.Line) string {
		first, _, _ := strings.Cut(Packet(l, false), "\n")
		return first
	}
	if got := head(ls[0]); !strings.HasPrefix(got, "#1  +0.000 ms  from the device  CONNECT ") {
		t.Error(got)
	}
	if got := head(ls[1]); !strings.HasPrefix(got, "#2  +2.500 ms  to the device  PUBLISH ") {
		t.Error(got)
	}
	if got := Packet(ls[2], false); !strings.Contains(got, "6 of ") {
		t.Error(got)
	}
	holds := func(text, what string) bool {
		return strings.Contains(text, what) || strings.Contains(strings.ReplaceAll(text, " ", ""), hex.EncodeToString([]byte(what)[:6]))
	}
	for _, payloads := range []bool{false, true} {
		if text := Packet(ls[0], payloads); holds(text, secret) || holds(text, will) {
			t.Error(text)
		}
		if text := Packet(ls[1], payloads); holds(text, payload) != payloads {
			t.Errorf("payloads %v: %s", payloads, text)
		}
	}
}
