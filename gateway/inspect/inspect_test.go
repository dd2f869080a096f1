package inspect

import (
	"strings"
	"testing"

	"gatehouse/gateway/wire"
)

// names are the fields of depth 0.
func names(p Packet) string {
	var all []string
	for _, f := range p.Fields {
		if f.Depth == 0 {
			all = append(all, f.Name)
		}
	}
	return strings.Join(all, ", ")
}

func value(t *testing.T, p Packet, name string) Field {
	t.Helper()
	for _, f := range p.Fields {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no field %q among %s", name, names(p))
	return Field{}
}

func TestAConnectIsShownFieldByField(t *testing.T) {
	b := wire.AppendConnect(nil, wire.Connect{
		ClientID: "lamp", Clean: true, KeepAlive: 60, HasUser: true, User: "KY0123", HasPassword: true, Password: []byte("********"),
		HasWill: true, WillTopic: "w", WillPayload: []byte("gone"),
	}, false)
	p := Decode(b, len(b), 4)
	if got := names(p); got != "Packet Type, Remaining Length, Protocol Name, Protocol Level, Connect Flags, Keep Alive, Client Identifier, Will Topic, Will Payload, User Name, Password" {
		t.Error(got)
	}
	if p.Problem != "" || p.Truncated || !p.Agreed || p.Summary != "CONNECT MQTT 3.1.1, client ID lamp, keep alive 60 s" {
		t.Errorf("%+v", p)
	}
	if f := value(t, p, "Keep Alive"); f.Offset != 10 || f.Length != 2 || f.Value != "60 s" {
		t.Errorf("%+v", f)
	}
	if f := value(t, p, "Password"); f.Value != "hidden" || f.Length != 10 || f.Offset+f.Length != len(b) {
		t.Errorf("%+v", f)
	}
}

func TestAConnackIsShownFieldByField(t *testing.T) {
	b := wire.AppendConnack(nil, false, 5)
	for _, version := range []byte{3, 4, 5} { // a client of MQTT 5 gets the old form
		p := Decode(b, len(b), version)
		if got := names(p); got != "Packet Type, Remaining Length, Connect Acknowledge Flags, Return Code" || p.Code != 5 || p.Problem != "" || p.Summary != "CONNACK 5" {
			t.Errorf("%s: %+v", got, p)
		}
	}
}

func TestAPublishIsSummedUp(t *testing.T) {
	b := wire.AppendPublish(nil, wire.Message{Topic: "sync/docs/BoardLED", QoS: 1, ID: 7, Payload: []byte(`{"led": true }`)})
	p := Decode(b, len(b), 4)
	if p.Summary != "PUBLISH sync/docs/BoardLED, QoS 1, id 7, 14 bytes" || p.PacketID != 7 || p.Topic != "sync/docs/BoardLED" || p.QoS != 1 {
		t.Errorf("%+v", p)
	}
	if f := value(t, p, "Payload"); !f.Payload || f.Length != 14 || f.Value != `{"led": true }` {
		t.Errorf("%+v", f)
	}
}
