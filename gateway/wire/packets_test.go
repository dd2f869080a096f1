package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTopicNames(t *testing.T) {
	deep := strings.Repeat("/", MaxTopicLevels-1)
	for topic, rule := range map[string]string{
		"a": "", "/": "", "a//b": "", "sync/docs/x": "", "$SYS": "", "ü/€/𝄞": "", " ": "", "\ufeff": "", deep: "",
		strings.Repeat("x", MaxTopicBytes): "",
		"":                                 "MQTT-4.7.3-1", "a+": "MQTT-3.3.2-2", "a/#": "MQTT-3.3.2-2", "a\x00": "MQTT-1.5.3-2",
		"\xff": "MQTT-1.5.3-1", "\xed\xa0\x80": "MQTT-1.5.3-1",
		deep + "/": "MQTT 4.7.1.1", strings.Repeat("x", MaxTopicBytes+1): "MQTT-4.7.3-3",
	} {
		assertRule(t, rule, CheckTopic(topic), topic)
	}
}

func TestTopicFilters(t *testing.T) {
	for filter, rule := range map[string]string{
		"a": "", "#": "", "+": "", "+/+": "", "a/#": "", "/+": "", "+/": "", "a/+/#": "", "+/a/#": "",
		"": "MQTT-4.7.3-1", "a#": "MQTT-4.7.1-2", "#/a": "MQTT-4.7.1-2", "a/#/b": "MQTT-4.7.1-2", "##": "MQTT-4.7.1-2",
		"a+": "MQTT-4.7.1-3", "+a": "MQTT-4.7.1-3", "a/+b/c": "MQTT-4.7.1-3", "++": "MQTT-4.7.1-3", "+#": "MQTT-4.7.1-3",
		"\x00": "MQTT-1.5.3-2", strings.Repeat("+/", MaxTopicLevels): "MQTT 4.7.1.1",
	} {
		assertRule(t, rule, CheckFilter(filter), filter)
	}
}

func assertRule(t *testing.T, rule string, err error, what string) {
	t.Helper()
	if rule == "" {
		assert.NoError(t, err, "%.40q", what)
		return
	}
	var wrong *MalformedError
	require.ErrorAs(t, err, &wrong, "%.40q", what)
	assert.Equal(t, rule, wrong.Rule, "%.40q", what)
	tooLong := len(what) > MaxTopicBytes || strings.Count(what, "/") >= MaxTopicLevels
	assert.Equal(t, tooLong, errors.Is(err, ErrTopicTooLong), "%.40q", what)
}

func TestFiltersMatchAsTheStandardSays(t *testing.T) {
	// MQTT 3.1.1, 4.7.1 to 4.7.3.
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/#", "sport", true},
		{"#", "a/b", true},
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"#", "$SYS/x", false},
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"$SYS/#", "$SYS/x", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"ACCOUNTS", "Accounts", false},
		{"a/b", "a", false},
		{"a", "a/b", false},
		{"a/+/#", "a", false},
		{"a//b", "a//b", true},
	} {
		assert.Equal(t, c.want, Matches(c.filter, c.topic), "%s with %s", c.filter, c.topic)
	}
}

func TestMalformedPacketsNameByteAndRule(t *testing.T) {
	publish := func(level, first byte, body string) error {
		_, err := DecodePublish(level, first, []byte(body), 2, "")
		return err
	}
	subscribe := func(level, first byte, body string) error {
		_, _, err := DecodeSubscribe(level, first, []byte(body), 2)
		return err
	}
	unsubscribe := func(level, first byte, body string) error {
		_, _, err := DecodeUnsubscribe(level, first, []byte(body), 2)
		return err
	}
	ack := func(level, first byte, body string) error {
		_, err := DecodeAck(level, first, []byte(body), 2)
		return err
	}
	empty := func(_, first byte, body string) error { return DecodeEmpty(first, []byte(body)) }
	unexpected := func(_, first byte, _ string) error { return Unexpected(first) }
	for name, c := range map[string]struct {
		decode       func(level, first byte, body string) error
		level, first byte
		body         string
		offset       int
		rule         string // empty: fine
	}{
		"QoS 3":                       {publish, 4, 0x36, "\x00\x01t\x00\x01", 0, "MQTT-3.3.1-4"},
		"DUP at QoS 0":                {publish, 4, 0x38, "\x00\x01t", 0, "MQTT-3.3.1-2"},
		"DUP at QoS 0 in 3.1":         {publish, 3, 0x38, "\x00\x01t", 0, ""},
		"no topic":                    {publish, 4, 0x30, "", 2, "MQTT-3.3.2-1"},
		"topic cut off":               {publish, 4, 0x30, "\x00\x05t", 2, "MQTT-3.3.2-1"},
		"topic empty":                 {publish, 4, 0x30, "\x00\x00x", 4, "MQTT-4.7.3-1"},
		"topic with wildcard":         {publish, 4, 0x30, "\x00\x03a/#", 6, "MQTT-3.3.2-2"},
		"topic with U+0000":           {publish, 4, 0x30, "\x00\x02a\x00", 5, "MQTT-1.5.3-2"},
		"no identifier":               {publish, 4, 0x32, "\x00\x01t\x01", 6, "MQTT-2.3.1-1"},
		"identifier 0":                {publish, 4, 0x32, "\x00\x01t\x00\x00", 5, "MQTT-2.3.1-1"},
		"no payload is fine":          {publish, 4, 0x33, "\x00\x01t\x00\x01", 0, ""},
		"SUBSCRIBE flags":             {subscribe, 4, 0x80, "\x00\x01\x00\x01t\x00", 0, "MQTT-3.8.1-1"},
		"SUBSCRIBE DUP":               {subscribe, 4, 0x8a, "\x00\x01\x00\x01t\x00", 0, "MQTT-3.8.1-1"},
		"SUBSCRIBE DUP in 3.1":        {subscribe, 3, 0x8a, "\x00\x01\x00\x01t\x00", 0, ""},
		"SUBSCRIBE identifier 0":      {subscribe, 4, 0x82, "\x00\x00\x00\x01t\x00", 2, "MQTT-2.3.1-1"},
		"SUBSCRIBE nothing":           {subscribe, 4, 0x82, "\x00\x01", 4, "MQTT-3.8.3-3"},
		"SUBSCRIBE without QoS":       {subscribe, 4, 0x82, "\x00\x01\x00\x01t", 7, "MQTT-3.8.3-4"},
		"SUBSCRIBE QoS 3":             {subscribe, 4, 0x82, "\x00\x01\x00\x01t\x03", 7, "MQTT-3.8.3-4"},
		"SUBSCRIBE reserved bits":     {subscribe, 4, 0x82, "\x00\x01\x00\x01t\x81", 7, "MQTT-3.8.3-4"},
		"SUBSCRIBE upper bits in 3.1": {subscribe, 3, 0x82, "\x00\x01\x00\x01t\x81", 0, ""},
		"SUBSCRIBE bad wildcard":      {subscribe, 4, 0x82, "\x00\x01\x00\x03x#y\x00", 0, ""}, // CheckFilter tells
		"SUBSCRIBE filter not UTF-8":  {subscribe, 4, 0x82, "\x00\x01\x00\x01\xff\x00", 6, "MQTT-1.5.3-1"},
		"SUBSCRIBE second cut off":    {subscribe, 4, 0x82, "\x00\x01\x00\x01t\x00\x00\x05t", 8, "MQTT-3.8.3-1"},
		"UNSUBSCRIBE flags":           {unsubscribe, 4, 0xa0, "\x00\x01\x00\x01t", 0, "MQTT-3.10.1-1"},
		"UNSUBSCRIBE DUP in 3.1":      {unsubscribe, 3, 0xaa, "\x00\x01\x00\x01t", 0, ""},
		"UNSUBSCRIBE nothing":         {unsubscribe, 4, 0xa2, "\x00\x01", 4, "MQTT-3.10.3-2"},
		"UNSUBSCRIBE empty filter":    {unsubscribe, 4, 0xa2, "\x00\x01\x00\x00", 6, "MQTT-4.7.3-1"},
		"PUBACK flags":                {ack, 4, 0x42, "\x00\x01", 0, "MQTT-2.2.2-2"},
		"PUBACK too long":             {ack, 4, 0x40, "\x00\x01\x00", 1, "MQTT 3.4.1"},
		"PUBACK identifier 0":         {ack, 4, 0x40, "\x00\x00", 2, "MQTT-2.3.1-1"},
		"PUBREL flags":                {ack, 4, 0x60, "\x00\x01", 0, "MQTT-3.6.1-1"},
		"PUBREL DUP":                  {ack, 4, 0x6a, "\x00\x01", 0, "MQTT-3.6.1-1"},
		"PUBREL DUP in 3.1":           {ack, 3, 0x6a, "\x00\x01", 0, ""},
		"PINGREQ flags":               {empty, 4, 0xc1, "", 0, "MQTT-2.2.2-2"},
		"PINGREQ body":                {empty, 4, 0xc0, "x", 1, "MQTT 3.12.1"},
		"DISCONNECT flags":            {empty, 4, 0xe1, "", 0, "MQTT-3.14.1-1"},
		"second CONNECT":              {unexpected, 4, 0x10, "", 0, "MQTT-3.1.0-2"},
		"CONNACK from a device":       {unexpected, 4, 0x20, "", 0, "MQTT 2.2.1"},
		"type 0":                      {unexpected, 4, 0x00, "", 0, "MQTT 2.2.1"},
		"type 15":                     {unexpected, 4, 0xf0, "", 0, "MQTT 2.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.decode(c.level, c.first, c.body)
			if c.rule == "" {
				require.NoError(t, err)
				return
			}
			var wrong *MalformedError
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, c.rule, wrong.Rule, "%v", err)
			assert.Equal(t, c.offset, wrong.Offset, "%v", err)
		})
	}
}

func TestPublishIsDecodedAsSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Message{
			Topic:   rapid.StringMatching(`[a-z/$é]{1,200}`).Draw(t, "topic"),
			Payload: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
			QoS:     byte(rapid.IntRange(0, 2).Draw(t, "qos")),
			Retain:  rapid.Bool().Draw(t, "retain"),
		}
		if strings.Count(m.Topic, "/") >= MaxTopicLevels {
			return
		}
		if m.QoS > 0 {
			m.ID, m.Dup = uint16(rapid.IntRange(1, 65535).Draw(t, "id")), rapid.Bool().Draw(t, "dup")
		}
		b := AppendPublish(nil, m)
		n, used, err := Length(b[1:])
		require.NoError(t, err)
		require.Equal(t, len(b), 1+used+n)
		p, err := DecodePublish(Level311, b[0], b[1+used:], 1+used, "")
		require.NoError(t, err)
		require.Equal(t, m, Message{Topic: string(p.Topic), Payload: append([]byte{}, p.Payload...), QoS: p.QoS, ID: p.ID, Retain: p.Retain, Dup: p.Dup})
	})
}

func TestLengthsOfEverySize(t *testing.T) {
	for n, want := range map[int]int{0: 1, 127: 1, 128: 2, 16383: 2, 16384: 3, 2097151: 3, 2097152: 4, MaxRemainingLength: 4} {
		b := AppendLength(nil, n)
		require.Len(t, b, want)
		got, used, err := Length(b)
		require.NoError(t, err)
		assert.Equal(t, n, got)
		assert.Equal(t, want, used)
		_, used, err = Length(b[:want-1])
		require.NoError(t, err)
		assert.Zero(t, used, "the length is not there yet")
	}
}

func FuzzDecodePackets(f *testing.F) {
	f.Add(byte(4), byte(0x32), []byte("\x00\x01t\x00\x01x"))
	f.Add(byte(3), byte(0x8a), []byte("\x00\x01\x00\x03a/#\x01\x00\x01+\x02"))
	f.Add(byte(4), byte(0xa2), []byte("\x00\x01\x00\x01t"))
	f.Add(byte(4), byte(0x62), []byte("\x00\x01"))
	f.Fuzz(func(t *testing.T, level, first byte, body []byte) {
		var err error
		switch first >> 4 {
		case PUBLISH:
			var p Publish
			if p, err = DecodePublish(level, first, body, 2, ""); err == nil && CheckTopic(string(p.Topic)) != nil {
				t.Fatalf("%q was let through", p.Topic)
			}
		case SUBSCRIBE:
			_, _, err = DecodeSubscribe(level, first, body, 2)
		case UNSUBSCRIBE:
			_, _, err = DecodeUnsubscribe(level, first, body, 2)
		default:
			_, err = DecodeAck(level, first, body, 2)
		}
		var wrong *MalformedError
		if err != nil && (!errors.As(err, &wrong) || wrong.Rule == "" || wrong.Offset < 0 || wrong.Offset > 2+len(body)) {
			t.Fatalf("no rule, or not in the packet: %v", err)
		}
	})
}
