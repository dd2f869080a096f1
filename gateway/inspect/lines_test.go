package inspect

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
)

// talk is packets one millisecond after another; those that begin with '>' in their place go to the device.
type talk []attempt.Packet

func (t *talk) device(b []byte) { t.add(b, false) }
func (t *talk) gateway(b []byte) {
	t.add(b, true)
}
func (t *talk) add(b []byte, outbound bool) {
	*t = append(*t, attempt.Packet{Offset: time.Duration(len(*t)) * time.Millisecond, Outbound: outbound, Bytes: b, Length: len(b)})
}

func publish(qos byte, id uint16, dup bool) []byte {
	return wire.AppendPublish(nil, wire.Message{Topic: "t", QoS: qos, ID: id, Dup: dup, Payload: []byte("x")})
}

func TestQuestionsAndAnswersArePaired(t *testing.T) {
	var ps talk
	ps.device(wire.AppendConnect(nil, wire.Connect{ClientID: "c"}, false)) // 0
	ps.gateway(wire.AppendConnack(nil, false, 0))                          // 1
	ps.device(publish(1, 7, false))                                        // 2
	ps.gateway(publish(1, 7, false))                                       // 3: the same identifier in the other direction
	ps.device(publish(1, 7, true))                                         // 4: sent again
	ps.gateway(wire.AppendAck(nil, wire.PUBACK, 7))                        // 5: answers 2 and 4
	ps.device(wire.AppendSubscribe(nil, 8, wire.Subscription{Filter: "a"}))
	ps.device(publish(2, 9, false))                    // 7
	ps.gateway(wire.AppendSuback(nil, 8, []byte{0}))   // 8
	ps.gateway(wire.AppendAck(nil, wire.PUBREC, 9))    // 9
	ps.device(wire.AppendAck(nil, wire.PUBREL, 9))     // 10
	ps.device(wire.AppendAck(nil, wire.PUBREL, 9))     // 11: sent again
	ps.gateway(wire.AppendAck(nil, wire.PUBCOMP, 9))   // 12
	ps.device(wire.AppendUnsubscribe(nil, 10, "a"))    // 13
	ps.gateway(wire.AppendAck(nil, wire.UNSUBACK, 10)) // 14
	ps.device(wire.AppendEmpty(nil, wire.PINGREQ))     // 15
	ps.gateway(wire.AppendEmpty(nil, wire.PINGRESP))   // 16
	ps.device(publish(0, 0, false))                    // 17: wants no answer
	ps.gateway(wire.AppendAck(nil, wire.PUBACK, 99))   // 18: to what was not recorded
	ps.device(publish(1, 11, false))                   // 19: not answered
	ps.device(wire.AppendEmpty(nil, wire.DISCONNECT))  // 20
	got := Exchanges(ps, V311)
	ms := time.Millisecond
	want := []Exchange{
		{Kind: ConnectExchange, Packets: []int{0, 1}, Took: ms, Complete: true},
		{Kind: QoS1Exchange, PacketID: 7, Packets: []int{2, 4, 5}, Took: 3 * ms, Complete: true, Resent: 1},
		{Kind: QoS1Exchange, Outbound: true, PacketID: 7, Packets: []int{3}},
		{Kind: SubscribeExchange, PacketID: 8, Packets: []int{6, 8}, Took: 2 * ms, Complete: true},
		{Kind: QoS2Exchange, PacketID: 9, Packets: []int{7, 9, 10, 11, 12}, Took: 5 * ms, Complete: true, Resent: 1},
		{Kind: UnsubscribeExchange, PacketID: 10, Packets: []int{13, 14}, Took: ms, Complete: true},
		{Kind: PingExchange, Packets: []int{15, 16}, Took: ms, Complete: true},
		{Kind: QoS1Exchange, PacketID: 99, Packets: []int{18}},
		{Kind: QoS1Exchange, PacketID: 11, Packets: []int{19}},
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("\n%s, want\n%s", a, b)
	}
}

func TestAFailureInMQTT5EndsAnExchangeOfQoS2(t *testing.T) {
	var ps talk
	ps.device([]byte("\x34\x06\x00\x01t\x00\x05\x00"))
	ps.gateway([]byte{0x50, 3, 0, 5, 0x97})
	got := Exchanges(ps, V5)
	if len(got) != 1 || !got[0].Complete || len(got[0].Packets) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestLinesAreFound(t *testing.T) {
	a := attempt.Attempt{}
	ps := (*talk)(&a.Packets)
	ps.device(wire.AppendConnect(nil, wire.Connect{ClientID: "Lamp-1"}, false))
	ps.gateway(wire.AppendConnack(nil, false, 0))
	ps.device(wire.AppendSubscribe(nil, 8, wire.Subscription{Filter: "Rooms/+", QoS: 1}))
	ps.gateway(wire.AppendPublish(nil, wire.Message{Topic: "rooms/kitchen", Payload: []byte(`{"Led":true}`)}))
	ps.gateway(wire.AppendPublish(nil, wire.Message{Topic: "b", Payload: []byte{0, 1, 0xfe}}))
	ps.device([]byte{0xc0, 1, 7})
	lines := Lines(a)
	for name, c := range map[string]struct {
		q    Query
		want string
	}{
		"everything":        {Query{}, "012345"},
		"a type":            {Query{Types: []string{"publish", "PINGREQ"}}, "345"},
		"from the device":   {Query{Direction: FromDevice}, "025"},
		"to the device":     {Query{Direction: ToDevice}, "134"},
		"a topic or filter": {Query{Topic: "ROOMS"}, "23"},
		"a payload":         {Query{Payload: "led"}, "3"},
		"bytes":             {Query{Payload: "hex:01 fe"}, "4"},
		"no bytes":          {Query{Payload: "hex:0x"}, ""},
		"a packet id":       {Query{PacketID: 8}, "2"},
		"faults":            {Query{Faulty: true}, "5"},
		"a client ID":       {Query{Text: "lamp-1"}, "0"},
		"an id as text":     {Query{Text: "8"}, "2"},
		"text in a payload": {Query{Text: "true"}, "3"},
		"both":              {Query{Types: []string{"PUBLISH"}, Topic: "kitchen"}, "3"},
		"neither":           {Query{Types: []string{"PUBACK"}}, ""},
	} {
		got := ""
		for _, l := range Filter(lines, c.q) {
			got += string(rune('0' + l.Index))
		}
		if name == "an id as text" { // it may be elsewhere as well
			got = strings.Trim(got, "01345")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTheVersionIsTheConnections(t *testing.T) {
	connect5 := wire.AppendConnect(nil, wire.Connect{Level: 5}, true)
	for name, c := range map[string]struct {
		a    attempt.Attempt
		want byte
	}{
		"from what was judged":    {attempt.Attempt{Inputs: &attempt.Inputs{ProtocolLevel: 3}}, 3},
		"from the timeline":       {attempt.Attempt{Steps: []attempt.Step{{Kind: attempt.Connect, Facts: []attempt.Fact{{Name: "level", Value: "5"}}}}}, 5},
		"from the packet":         {attempt.Attempt{Packets: []attempt.Packet{{Bytes: connect5[:12], Length: len(connect5)}}}, 5},
		"of one that is unknown":  {attempt.Attempt{Inputs: &attempt.Inputs{ProtocolLevel: 77}}, 4},
		"of one without a packet": {attempt.Attempt{}, 4},
	} {
		if got := Version(c.a); got != c.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func TestAPayloadIsShownAsWhatItIs(t *testing.T) {
	deep := strings.Repeat("[", 2000) + strings.Repeat("]", 2000)
	for name, c := range map[string]struct {
		b     string
		whole bool
		kind  string
		text  string
		cut   bool
	}{
		"nothing":             {"", true, EmptyPayload, "", false},
		"an object":           {`{"a":[1.50]}`, true, JSONPayload, "{\n  \"a\": [\n    1.50\n  ]\n}", false},
		"a number":            {"21.5", true, TextPayload, "21.5", false},
		"text":                {"grüezi\tmitenand\r\nso", true, TextPayload, "grüezi\tmitenand\nso", false},
		"a direction":         {"a\u202eb", true, TextPayload, `a\u202eb`, false},
		"half an object":      {`{"a":`, false, TextPayload, `{"a":`, true},
		"a character cut off": {"gr\xc3", false, TextPayload, `gr\xc3`, true},
		"bytes":               {"\x00\x01", true, BinaryPayload, "0000  00 01                                            ..\n", false},
		"deep JSON":           {deep, true, TextPayload, deep, false},
		"blanked":             {"*****", true, HiddenPayload, "", false},
	} {
		v := ViewPayload([]byte(c.b), c.whole)
		if v.Kind != c.kind || v.Text != c.text || v.Cut != c.cut {
			t.Errorf("%s: %+v", name, v)
		}
	}
	for _, b := range []string{strings.Repeat("\x01", 1<<20), strings.Repeat("[1,", 1<<20), "[" + strings.Repeat("1,", 30<<10) + "1]"} {
		if v := ViewPayload([]byte(b), true); len(v.Text) > maxView || !v.Cut && len(b) > maxView {
			t.Errorf("%d bytes of text, cut %v", len(v.Text), v.Cut)
		}
	}
}

func TestAnExportHoldsNoSecretAndNoPayloadUnasked(t *testing.T) {
	const secret, will, said, data = "s3cr3tpassword", "mylastwill", "whatissaid", "authdata"
	a := attempt.Attempt{}
	ps := (*talk)(&a.Packets)
	connect := wire.Connect{ClientID: "c", HasWill: true, WillTopic: "w", WillPayload: []byte(will), HasUser: true, User: "u", HasPassword: true, Password: []byte(secret)}
	whole := wire.AppendConnect(nil, connect, false)
	ps.device(whole)
	for cut := len(whole) - 1; cut > 14; cut -= 7 { // malformed: cut off, with all its length claimed
		ps.device(whole[:cut])
	}
	connect.Level = 5
	ps.device(wire.AppendConnect(nil, connect, true))
	ps.device([]byte("\xf0\x0d\x18\x0b\x16\x00\x08" + data))
	ps.device([]byte("\xf0\x0d\x18\x0b\x16\x00\x09" + data)) // claims more
	ps.gateway(wire.AppendPublish(nil, wire.Message{Topic: "topic", QoS: 1, ID: 1, Payload: []byte(said)}))
	broken := wire.AppendPublish(nil, wire.Message{Topic: "topic", QoS: 1, ID: 1, Payload: []byte(said)})
	broken[3] = 200
	ps.device(broken)
	for _, payloads := range []bool{false, true} {
		var out bytes.Buffer
		for _, l := range Lines(a) {
			text, err := l.JSONLine(payloads)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(text)
			out.WriteString(HexDump(l.Blank(payloads), 16))
		}
		out.Write(Raw(Lines(a), true, payloads))
		out.Write(Raw(Lines(a), false, payloads))
		holds := func(s string) bool {
			return bytes.Contains(out.Bytes(), []byte(s)) || bytes.Contains(out.Bytes(), []byte(hex.EncodeToString([]byte(s)))) || bytes.Contains(out.Bytes(), []byte(s[:8]))
		}
		for _, s := range []string{secret, will, data} {
			if holds(s) {
				t.Errorf("%q is in the export", s)
			}
		}
		if holds(said) != payloads {
			t.Errorf("payloads %v, and it is %v that one is there", payloads, holds(said))
		}
		if !holds("topic") && !bytes.Contains(out.Bytes(), []byte("topic")) {
			t.Error("the topic is not there")
		}
	}
}

func TestDecodingTakesBoundedMemory(t *testing.T) {
	for name, b := range map[string][]byte{
		"a SUBACK of codes":             append([]byte{0x90, 0xff, 0xff, 0x7f, 0, 1}, make([]byte, 1<<20)...),
		"a SUBSCRIBE of short":          append([]byte{0x82, 0xff, 0xff, 0x7f, 0, 1}, bytes.Repeat([]byte{0, 1, 'a', 0}, 1<<18)...),
		"a PUBLISH of properties":       append([]byte{0x30, 0xff, 0xff, 0x7f, 0, 1, 'a', 0xff, 0xff, 0x3f}, bytes.Repeat([]byte{0x26, 0, 0, 0, 0}, 1<<18)...),
		"a claim of 256 MiB":            {0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 'a'},
		"a topic of control characters": append([]byte{0x30, 0xff, 0xff, 0x7f, 0xff, 0xff}, make([]byte, 1<<20)...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p := Decode(b, 1<<30, V5)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
			t.Errorf("%s takes %d bytes", name, took)
		}
		if len(p.Fields) > MaxFields+16 {
			t.Errorf("%s: %d fields", name, len(p.Fields))
		}
	}
}
