package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
	"pgregory.net/rapid"

	"gatehouse/gateway/wire"
)

// tiled is what is wrong with the places of fields, empty when they follow one another from the first byte to the last.
func tiled(p Packet, recorded int) string {
	at, parent := 0, Field{}
	inside := 0 // next byte within parent
	for _, f := range p.Fields {
		switch {
		case f.Length <= 0 || f.Offset < 0 || f.Offset+f.Length > recorded:
			return fmt.Sprintf("%s has %d bytes at %d of %d", f.Name, f.Length, f.Offset, recorded)
		case f.Depth == 0:
			if f.Offset != at {
				return fmt.Sprintf("%s begins at %d, and the field before it ends at %d", f.Name, f.Offset, at)
			}
			at, parent, inside = f.Offset+f.Length, f, f.Offset
		case f.Depth > 1 || f.Offset < parent.Offset || f.Offset+f.Length > parent.Offset+parent.Length:
			return fmt.Sprintf("%s is not within %s", f.Name, parent.Name)
		case parent.Length == 1 && f.Length == 1: // a part of a byte
		case f.Offset != inside:
			return fmt.Sprintf("%s begins at %d of %s, where %d is free", f.Name, f.Offset, parent.Name, inside)
		default:
			inside = f.Offset + f.Length
		}
	}
	if at != recorded {
		return fmt.Sprintf("the fields end at %d of %d", at, recorded)
	}
	return ""
}

var (
	anyText  = rapid.StringMatching(`[a-zA-Z0-9/ äöü€𝄞-]{0,40}`)
	anyTopic = rapid.StringMatching(`[a-z0-9/ü]{1,40}`)
	anyData  = rapid.SliceOfN(rapid.Byte(), 0, 300)
)

// drawProperties are properties that may stand in a packet, set at random.
func drawProperties(t *rapid.T) packets.Properties {
	return packets.Properties{
		CorrelationData: anyData.Draw(t, "correlation"), ContentType: anyText.Draw(t, "content type"), ResponseTopic: anyTopic.Draw(t, "response topic"),
		ReasonString: anyText.Draw(t, "reason"), AuthenticationMethod: anyText.Draw(t, "method"), AuthenticationData: anyData.Draw(t, "data"),
		User:                  []packets.UserProperty{{Key: anyText.Draw(t, "key"), Val: anyText.Draw(t, "value")}, {Key: "k", Val: "v"}},
		SessionExpiryInterval: rapid.Uint32().Draw(t, "expiry"), SessionExpiryIntervalFlag: true, MessageExpiryInterval: rapid.Uint32().Draw(t, "message expiry"),
		ReceiveMaximum: rapid.Uint16Min(1).Draw(t, "receive maximum"), TopicAlias: rapid.Uint16Min(1).Draw(t, "alias"), TopicAliasFlag: true,
		SubscriptionIdentifier: []int{rapid.IntRange(1, 268_435_455).Draw(t, "subscription")}, MaximumPacketSize: rapid.Uint32Min(1).Draw(t, "size"),
		PayloadFormat: 1, PayloadFormatFlag: true, WillDelayInterval: rapid.Uint32().Draw(t, "delay"), ServerKeepAlive: 7, ServerKeepAliveFlag: true,
		MaximumQos: 1, MaximumQosFlag: true, AssignedClientID: anyText.Draw(t, "assigned"),
	}
}

// drawPacket is a packet of MQTT 3.1 to 5, as mochi has and encodes it.
func drawPacket(t *rapid.T) (m packets.Packet, b []byte) {
	m.ProtocolVersion = rapid.SampledFrom([]byte{3, 4, 5}).Draw(t, "version")
	m.FixedHeader.Type = rapid.ByteRange(1, 15).Draw(t, "type")
	if m.FixedHeader.Type == packets.Auth {
		m.ProtocolVersion = 5
	}
	if m.ProtocolVersion == 5 && rapid.Bool().Draw(t, "with properties") {
		m.Properties = drawProperties(t)
	}
	m.PacketID = rapid.Uint16Min(1).Draw(t, "id")
	var out bytes.Buffer
	var err error
	switch m.FixedHeader.Type {
	case packets.Connect:
		c := &m.Connect
		c.ProtocolName, c.Keepalive, c.Clean = []byte("MQTT"), rapid.Uint16().Draw(t, "keep alive"), rapid.Bool().Draw(t, "clean")
		if m.ProtocolVersion == 3 {
			c.ProtocolName = []byte("MQIsdp")
		}
		c.ClientIdentifier = anyText.Draw(t, "client id")
		if c.WillFlag = rapid.Bool().Draw(t, "will"); c.WillFlag {
			c.WillTopic, c.WillPayload, c.WillQos, c.WillRetain = anyTopic.Draw(t, "will topic"), anyData.Draw(t, "will payload"), rapid.ByteRange(0, 2).Draw(t, "will QoS"), rapid.Bool().Draw(t, "will retain")
			if m.ProtocolVersion == 5 {
				c.WillProperties = drawProperties(t)
			}
		}
		if c.UsernameFlag = rapid.Bool().Draw(t, "user"); c.UsernameFlag {
			c.Username = []byte(anyText.Draw(t, "user name"))
			if c.PasswordFlag = rapid.Bool().Draw(t, "password"); c.PasswordFlag {
				c.Password = anyData.Draw(t, "secret")
			}
		}
		err = m.ConnectEncode(&out)
	case packets.Connack:
		m.ReasonCode = rapid.SampledFrom([]byte{0, 1, 2, 3, 4, 5}).Draw(t, "code")
		m.SessionPresent = m.ReasonCode == 0 && rapid.Bool().Draw(t, "present")
		err = m.ConnackEncode(&out)
	case packets.Publish:
		m.FixedHeader.Qos, m.FixedHeader.Retain = rapid.ByteRange(0, 2).Draw(t, "QoS"), rapid.Bool().Draw(t, "retain")
		m.FixedHeader.Dup = m.FixedHeader.Qos > 0 && rapid.Bool().Draw(t, "dup")
		m.TopicName, m.Payload = anyTopic.Draw(t, "topic"), anyData.Draw(t, "payload")
		err = m.PublishEncode(&out)
	case packets.Puback, packets.Pubrec, packets.Pubcomp:
		m.ReasonCode = rapid.SampledFrom([]byte{0, 0x80}).Draw(t, "code")
		err = map[byte]func(*bytes.Buffer) error{packets.Puback: m.PubackEncode, packets.Pubrec: m.PubrecEncode, packets.Pubcomp: m.PubcompEncode}[m.FixedHeader.Type](&out)
	case packets.Pubrel:
		m.FixedHeader.Qos = 1
		err = m.PubrelEncode(&out)
	case packets.Subscribe:
		m.FixedHeader.Qos = 1
		for range rapid.IntRange(1, 5).Draw(t, "filters") {
			m.Filters = append(m.Filters, packets.Subscription{Filter: anyTopic.Draw(t, "filter"), Qos: rapid.ByteRange(0, 2).Draw(t, "QoS"), NoLocal: rapid.Bool().Draw(t, "no local"), RetainHandling: 1})
		}
		err = m.SubscribeEncode(&out)
	case packets.Unsubscribe:
		m.FixedHeader.Qos = 1
		for range rapid.IntRange(1, 5).Draw(t, "filters") {
			m.Filters = append(m.Filters, packets.Subscription{Filter: anyTopic.Draw(t, "filter")})
		}
		err = m.UnsubscribeEncode(&out)
	case packets.Suback:
		m.ReasonCodes = rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 0x80}), 1, 5).Draw(t, "codes")
		err = m.SubackEncode(&out)
	case packets.Unsuback:
		m.ReasonCodes = rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0x80}), 1, 5).Draw(t, "codes")
		err = m.UnsubackEncode(&out)
	case packets.Pingreq:
		err = m.PingreqEncode(&out)
	case packets.Pingresp:
		err = m.PingrespEncode(&out)
	case packets.Disconnect:
		m.ReasonCode = rapid.SampledFrom([]byte{0, 0x8e}).Draw(t, "code")
		err = m.DisconnectEncode(&out)
	default:
		m.ReasonCode = 0x18
		err = m.AuthEncode(&out)
	}
	if err != nil {
		t.Fatalf("mochi does not encode %+v: %v", m, err)
	}
	return m, out.Bytes()
}

// said is the value of the n-th field of a name, n from 0.
func said(p Packet, name string, n int) string {
	for _, f := range p.Fields {
		if f.Name == name {
			if n == 0 {
				return f.Value
			}
			n--
		}
	}
	return "(no such field)"
}

// The walk finds in each packet what another implementation put into it, in fields that leave no byte out.
func TestTheWalkAgreesWithMochiOnWhatMochiEncodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, b := drawPacket(t)
		p := Decode(b, len(b), m.ProtocolVersion)
		if wrong := tiled(p, len(b)); wrong != "" {
			t.Fatalf("% x: %s", b, wrong)
		}
		if p.Problem != "" || !p.Agreed || p.Truncated {
			t.Fatalf("%d at %d, agreed %v: %s: % x", m.FixedHeader.Type, p.ProblemAt, p.Agreed, p.Problem, b)
		}
		for name, want := range expected(m) {
			if got := said(p, name, 0); got != want {
				t.Errorf("%s is %q, not %q: % x", name, got, want, b)
			}
		}
		if m.ProtocolVersion == 5 && m.FixedHeader.Type == packets.Publish && len(m.Properties.User) == 2 {
			if got := said(p, "User Property", 1); got != "k: v" {
				t.Errorf("the second user property is %q", got)
			}
		}
		for i, f := range m.Filters {
			if got := said(p, "Topic Filter", i); got != f.Filter {
				t.Errorf("filter %d is %q, not %q", i, got, f.Filter)
			}
		}
		if !bytes.Equal(p.Payload, m.Payload) {
			t.Errorf("payload % x, not % x", p.Payload, m.Payload)
		}
	})
}

// expected are values of fields that a packet must show.
func expected(m packets.Packet) map[string]string {
	want := map[string]string{"Packet Type": fmt.Sprintf("%s (%d)", strings.ToUpper(packets.PacketNames[m.FixedHeader.Type]), m.FixedHeader.Type)}
	switch m.FixedHeader.Type {
	case packets.Connect:
		want["Client Identifier"], want["Clean Session"] = m.Connect.ClientIdentifier, bit(truth(m.Connect.Clean))
		if m.ProtocolVersion == 5 {
			want["Clean Start"] = want["Clean Session"]
			delete(want, "Clean Session")
		}
		if m.Connect.WillFlag {
			want["Will Topic"], want["Will Payload"], want["Will QoS"] = m.Connect.WillTopic, "hidden", fmt.Sprint(m.Connect.WillQos)
		}
		if m.Connect.UsernameFlag {
			want["User Name"] = string(m.Connect.Username)
		}
		if m.Connect.PasswordFlag {
			want["Password"] = "hidden"
		}
	case packets.Connack:
		want["Session Present"] = bit(truth(m.SessionPresent))
	case packets.Publish:
		want["Topic Name"], want["QoS"], want["DUP"], want["RETAIN"] = m.TopicName, fmt.Sprint(m.FixedHeader.Qos), bit(truth(m.FixedHeader.Dup)), bit(truth(m.FixedHeader.Retain))
		if m.FixedHeader.Qos > 0 {
			want["Packet Identifier"] = fmt.Sprint(m.PacketID)
		}
		if p := m.Properties; p.TopicAliasFlag {
			want["Topic Alias"], want["Message Expiry Interval"], want["Subscription Identifier"] = fmt.Sprint(p.TopicAlias), fmt.Sprint(p.MessageExpiryInterval), fmt.Sprint(p.SubscriptionIdentifier[0])
			if p.MessageExpiryInterval == 0 { // mochi leaves it out
				delete(want, "Message Expiry Interval")
			}
		}
	case packets.Pingreq, packets.Pingresp, packets.Disconnect, packets.Auth:
	default:
		want["Packet Identifier"] = fmt.Sprint(m.PacketID)
	}
	return want
}

func truth(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// A packet that was not recorded whole is decoded as far as it goes, and that is no fault of it.
func TestATruncatedRecordingIsDecodedAsFarAsItGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, b := drawPacket(t)
		kept := rapid.IntRange(0, len(b)-1).Draw(t, "kept")
		p := Decode(b[:kept], len(b), m.ProtocolVersion)
		if wrong := tiled(p, kept); wrong != "" {
			t.Fatalf("% x of %d: %s", b[:kept], len(b), wrong)
		}
		if !p.Truncated || p.Problem != "" {
			t.Fatalf("truncated %v, %q at %d: % x of % x", p.Truncated, p.Problem, p.ProblemAt, b[:kept], b)
		}
		whole := Decode(b, len(b), m.ProtocolVersion)
		for i, f := range p.Fields[:max(len(p.Fields)-2, 0)] { // the last may be cut, in a list that is cut
			if g := whole.Fields[i]; f != g && f.Length == g.Length {
				t.Fatalf("field %d is %+v, and of the whole packet %+v", i, f, g)
			}
		}
	})
}

// What the gateway's own decoder refuses is a problem with the same place and rule; and what it takes is none.
func TestMalformedPacketsNameByteAndRuleAsTheGatewayDoes(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		at   int
		rule string
	}{
		"a second byte of flags":       {[]byte{0x11, 0}, 0, "MQTT-2.2.2-2"},
		"reserved connect flag":        {[]byte("\x10\x0c\x00\x04MQTT\x04\x03\x00\x3c\x00\x00"), 9, "MQTT-3.1.2-3"},
		"client id cut off":            {[]byte("\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x09ab"), 12, "MQTT-3.1.3-3"},
		"publish with QoS 3":           {[]byte("\x36\x03\x00\x01a"), 0, "MQTT-3.3.1-4"},
		"DUP at QoS 0":                 {[]byte("\x38\x03\x00\x01a"), 0, "MQTT-3.3.1-2"},
		"topic with a wildcard":        {[]byte("\x30\x05\x00\x03a/#"), 6, "MQTT-3.3.2-2"},
		"topic is not UTF-8":           {[]byte("\x30\x05\x00\x03a\xffb"), 5, "MQTT-1.5.3-1"},
		"packet identifier 0":          {[]byte("\x32\x05\x00\x01a\x00\x00"), 5, "MQTT-2.3.1-1"},
		"no filter":                    {[]byte("\x82\x02\x00\x01"), 4, "MQTT-3.8.3-3"},
		"requested QoS 3":              {[]byte("\x82\x06\x00\x01\x00\x01a\x03"), 7, "MQTT-3.8.3-4"},
		"subscribe without its flags":  {[]byte("\x80\x06\x00\x01\x00\x01a\x00"), 0, "MQTT-3.8.1-1"},
		"unsubscribe without a filter": {[]byte("\xa2\x02\x00\x01"), 4, "MQTT-3.10.3-2"},
		"PINGREQ with a body":          {[]byte("\xc0\x01x"), 1, "MQTT 3.12.1"},
		"AUTH before MQTT 5":           {[]byte{0xf0, 0}, 0, "MQTT 2.2.1"},
		"reserved type":                {[]byte{0, 0}, 0, "MQTT 2.2.1"},
		"endless remaining length":     {[]byte{0x30, 0xff, 0xff, 0xff, 0xff, 1}, 4, "MQTT 2.2.3"},
		"session present in a refusal": {[]byte{0x20, 2, 1, 5}, 2, "MQTT-3.2.2-4"},
		"bytes beyond the packet":      {[]byte{0xd0, 0, 1, 2}, 2, "MQTT 2.2.3"},
		"half a packet":                {[]byte("\x30\x09\x00\x01a"), 5, "MQTT 2.2.3"},
		"nothing":                      {nil, 0, "MQTT 2.2"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Decode(c.b, len(c.b), 4)
			if !strings.HasSuffix(p.Problem, "["+c.rule+"]") || p.ProblemAt != c.at {
				t.Errorf("%q at %d", p.Problem, p.ProblemAt)
			}
			if len(c.b) > 0 {
				if wrong := tiled(p, len(c.b)); wrong != "" {
					t.Error(wrong)
				}
			}
		})
	}
}

func TestMalformedPacketsOfMQTT5NameWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"unknown property":              {[]byte("\x30\x06\x00\x01a\x02\x7f\x01"), "no property 0x7f"},
		"property twice":                {[]byte("\x30\x08\x00\x01a\x04\x01\x01\x01\x00"), "stands twice"},
		"property of another packet":    {[]byte("\x30\x07\x00\x01a\x03\x21\x00\x01"), "may not stand here"},
		"properties longer than packet": {[]byte("\x30\x05\x00\x01a\x09\x01"), "claim 9 bytes where 1 are left"},
		"property longer than its list": {[]byte("\x30\x08\x00\x01a\x02\x23\x00\x01x"), "ends before"},
		"length without an end":         {[]byte("\x30\x08\x00\x01a\xff\xff\xff\xff\x01"), "more than four bytes"},
		"truncated subscribe":           {[]byte("\x82\x06\x00\x01\x00\x00\x01a"), "ends before"},
		"reserved option":               {[]byte("\x82\x07\x00\x01\x00\x00\x01a\xc0"), "reserved bit"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Decode(c.b, len(c.b), 5)
			if !strings.Contains(p.Problem, c.says) || p.ProblemAt < 0 || p.ProblemAt > len(c.b) {
				t.Errorf("%q at %d", p.Problem, p.ProblemAt)
			}
			if wrong := tiled(p, len(c.b)); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// FuzzDecode gives any bytes as a recorded packet: fields that follow one another without a gap, in bounded memory, and of
// what the gateway's decoder refuses the same place.
func FuzzDecode(f *testing.F) {
	for _, b := range [][]byte{
		wire.AppendConnect(nil, wire.Connect{ClientID: "x", HasUser: true, User: "u", HasPassword: true, Password: []byte("p"), HasWill: true, WillTopic: "t"}, true),
		wire.AppendConnack(nil, true, 0), wire.AppendPublish(nil, wire.Message{Topic: "a/b", QoS: 2, ID: 9, Payload: []byte("{}")}),
		wire.AppendSubscribe(nil, 7, wire.Subscription{Filter: "a/#", QoS: 1}), []byte("\x82\x06\x00\x01\x00\x00\x01a"), []byte("\x30\x08\x00\x01a\x04\x01\x01\x01\x00"),
		[]byte("\xf0\x02\x18\x00"), []byte("\x62\x02\x00\x01"), []byte("\x90\x03\x00\x01\x80"), {0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 'a'},
	} {
		for version := V31; version <= V5; version++ {
			f.Add(b, len(b), version)
			f.Add(b, 2*len(b), version)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, length int, version byte) {
		p := Decode(b, length, version)
		looked := min(len(b), MaxBytes)
		if wrong := tiled(p, looked); wrong != "" {
			t.Fatal(wrong)
		}
		if len(p.Fields) > MaxFields+16 || (p.Problem != "") != (strings.HasSuffix(p.Problem, "]")) || p.ProblemAt < 0 {
			t.Fatalf("%d fields, %q at %d", len(p.Fields), p.Problem, p.ProblemAt)
		}
		for _, field := range p.Fields {
			if len(field.Value) > maxValue+len(" …") || strings.ContainsAny(field.Value, "\n\r\x1b") {
				t.Fatalf("%s: %q", field.Name, field.Value)
			}
		}
		l := Line{Bytes: b, Length: max(length, len(b)), Packet: p}
		if len(l.Blank(false)) != len(b) {
			t.Fatal("the packet cannot be exported")
		}
		if _, err := l.JSONLine(true); err != nil {
			t.Fatal(err)
		}
		if v := ViewPayload(b, true); len(v.Text) > maxView {
			t.Fatalf("a payload of %d bytes is shown in %d", len(b), len(v.Text))
		}
		sameAsTheGateway(t, b, length, version, p)
	})
}

// sameAsTheGateway compares with package wire, where that decodes the packet as well.
func sameAsTheGateway(t *testing.T, b []byte, length int, version byte, p Packet) {
	if version != V311 && version != V31 || length > len(b) || len(b) > MaxBytes || len(b) < 2 || b[0]>>4 != wire.PUBLISH {
		return
	}
	n, used, err := wire.Length(b[1:])
	if err != nil || used == 0 || 1+used+n != len(b) {
		return
	}
	_, err = wire.DecodePublish(version, b[0], b[1+used:], 1+used, "")
	var wrong *wire.MalformedError
	if errors.As(err, &wrong) != (p.Problem != "") {
		t.Fatalf("the gateway says %v, and the inspector %q", err, p.Problem)
	}
}
