package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// body311 is the body of a CONNECT with flags and what follows the keep alive.
func body311(flags byte, payload string) []byte {
	return append([]byte("\x00\x04MQTT\x04"+string([]byte{flags})+"\x00\x3c"), payload...)
}

func body31(flags byte, payload string) []byte {
	return append([]byte("\x00\x06MQIsdp\x03"+string([]byte{flags})+"\x00\x3c"), payload...)
}

func TestMalformedConnectNamesByteAndRule(t *testing.T) {
	// The offsets count from the first byte of a packet with a fixed header of two bytes: the flags of 3.1.1 are at 9, the
	// payload begins at 12.
	for name, c := range map[string]struct {
		body   []byte
		offset int
		rule   string
	}{
		"empty body":                    {nil, 2, "MQTT 3.1.2.1"},
		"name longer than packet":       {[]byte("\x00\x09MQTT"), 2, "MQTT 3.1.2.1"},
		"name is not UTF-8":             {[]byte("\x00\x04MQ\xffT\x04\x02\x00\x3c\x00\x00"), 6, "MQTT-1.5.3-1"},
		"no level":                      {[]byte("\x00\x04MQTT"), 8, "MQTT 3.1.2.2"},
		"no flags":                      {[]byte("\x00\x04MQTT\x04"), 9, "MQTT 3.1.2.3"},
		"half a keep alive":             {[]byte("\x00\x04MQTT\x04\x02\x00"), 11, "MQTT 3.1.2.10"},
		"reserved flag":                 {body311(0x03, "\x00\x00"), 9, "MQTT-3.1.2-3"},
		"reserved flag in 3.1":          {body31(0x03, "\x00\x01a"), 11, "MQTT-3.1.2-3"},
		"will QoS 3":                    {body311(0x1e, "\x00\x00\x00\x01t\x00\x00"), 9, "MQTT-3.1.2-14"},
		"will QoS 3 in 3.1":             {body31(0x1e, "\x00\x01a\x00\x01t\x00\x00"), 11, "MQTT-3.1.2-14"},
		"will QoS without will":         {body311(0x0a, "\x00\x00"), 9, "MQTT-3.1.2-13"},
		"will retain without will":      {body311(0x22, "\x00\x00"), 9, "MQTT-3.1.2-15"},
		"password without user":         {body311(0x42, "\x00\x00\x00\x01p"), 9, "MQTT-3.1.2-22"},
		"no client identifier":          {body311(0x02, ""), 12, "MQTT-3.1.3-3"},
		"client identifier cut off":     {body311(0x02, "\x00\x05ab"), 12, "MQTT-3.1.3-3"},
		"client identifier with U+0000": {body311(0x02, "\x00\x03a\x00b"), 15, "MQTT-1.5.3-2"},
		"client identifier surrogate":   {body311(0x02, "\x00\x04a\xed\xa0\x80"), 15, "MQTT-1.5.3-1"},
		"client identifier overlong":    {body311(0x02, "\x00\x02\xc0\x80"), 14, "MQTT-1.5.3-1"},
		"client identifier cut rune":    {body311(0x02, "\x00\x02a\xc3"), 15, "MQTT-1.5.3-1"},
		"no will topic":                 {body311(0x06, "\x00\x00"), 14, "MQTT-3.1.2-9"},
		"no will message":               {body311(0x06, "\x00\x00\x00\x01t"), 17, "MQTT-3.1.2-9"},
		"will topic is not UTF-8":       {body311(0x06, "\x00\x00\x00\x01\xff\x00\x00"), 16, "MQTT-1.5.3-1"},
		"user flag without user":        {body311(0x82, "\x00\x00"), 14, "MQTT-3.1.2-19"},
		"user cut off":                  {body311(0x82, "\x00\x00\x00\x03ab"), 14, "MQTT-3.1.2-19"},
		"user cut off in 3.1":           {body31(0x82, "\x00\x00\x00\x03ab"), 16, "MQTT-3.1.2-19"},
		"user is not UTF-8":             {body311(0x82, "\x00\x00\x00\x01\x80"), 16, "MQTT-1.5.3-1"},
		"password flag without it":      {body311(0xc2, "\x00\x00\x00\x01u"), 17, "MQTT-3.1.2-21"},
		"password cut off":              {body311(0xc2, "\x00\x00\x00\x01u\x00\x04pp"), 17, "MQTT-3.1.2-21"},
		"user without flag":             {body311(0x02, "\x00\x00\x00\x01u"), 14, "MQTT-3.1.2-18"},
		"password without flag":         {body311(0x82, "\x00\x00\x00\x01u\x00\x01p"), 17, "MQTT-3.1.2-20"},
		"bytes after the password":      {body311(0xc2, "\x00\x00\x00\x01u\x00\x01px"), 20, "MQTT 3.1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeConnect(c.body, 2)
			var wrong *MalformedError
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, c.offset, wrong.Offset, "offset of: %v", err)
			assert.Equal(t, c.rule, wrong.Rule, "%v", err)
			assert.NotEmpty(t, wrong.Reason)
		})
	}
}

func TestConnectIsDecodedAsSent(t *testing.T) {
	sent := Connect{
		ProtocolName: "MQTT", Level: 4, Clean: true, KeepAlive: 65535, ClientID: "bøard",
		HasWill: true, WillTopic: "w/t", WillQoS: 2, WillRetain: true, WillPayload: []byte("gone"),
		HasUser: true, User: "KY", HasPassword: true, Password: []byte("s\x00cret\xff"),
	}
	packet := AppendConnect(nil, sent, false)
	header, body, err := ReadConnect(bytes.NewReader(packet), 1000)
	require.NoError(t, err)
	got, err := DecodeConnect(body, len(header))
	require.NoError(t, err)
	assert.True(t, got.Supported())
	assert.Equal(t, "s\x00cret\xff", string(body[got.PasswordOffset:got.PasswordOffset+got.PasswordLength]), "a record can blank the password")
	assert.Equal(t, 4, got.WillLength)
	got.PasswordOffset, got.PasswordLength, got.WillLength, got.Flags = 0, 0, 0, 0
	sent.WillPayload = nil
	assert.Equal(t, sent, got)
}

func TestEmptyClientIdentifierNeedsNoCleanSession(t *testing.T) {
	c, err := DecodeConnect(body311(0, "\x00\x00"), 2)
	require.NoError(t, err)
	assert.False(t, c.Clean)
}

func TestMQTT31IsReadLeniently(t *testing.T) {
	for name, c := range map[string]struct {
		flags          byte
		payload        string
		user, password bool
	}{
		"user flagged but missing":          {0x82, "\x00\x01a", false, false},
		"both flagged but missing":          {0xc2, "\x00\x01a", false, false},
		"password flagged but missing":      {0xc2, "\x00\x01a\x00\x01u", true, false},
		"password without user":             {0x42, "\x00\x01a\x00\x01p", false, true},
		"flags of a will that is not there": {0x2a, "\x00\x01a", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeConnect(body31(c.flags, c.payload), 2)
			require.NoError(t, err)
			assert.Equal(t, c.user, got.HasUser)
			assert.Equal(t, c.password, got.HasPassword)
			assert.False(t, got.HasWill)
			assert.Zero(t, got.WillQoS)
		})
	}
	got, err := DecodeConnect([]byte("\x00\x04MQTT\x03\x82\x00\x00\x00\x01a"), 2)
	require.NoError(t, err, "the name MQTT at level 3 is MQTT 3.1 as well")
	assert.False(t, got.HasUser)
}

func TestOtherProtocolsAreNotLookedInto(t *testing.T) {
	for _, body := range []string{
		"\x00\x04MQTT\x05", "\x00\x04MQTT\x05\xff\xff", "\x00\x06MQIsdp\x04\x01", "\x00\x04mqtt\x04", "\x00\x00\x04", "\x00\x04MQTT\x84",
	} {
		c, err := DecodeConnect([]byte(body), 2)
		require.NoError(t, err, "%q", body)
		assert.False(t, c.Supported(), "%q", body)
	}
}

func TestReadConnectTakesOnePacketOnly(t *testing.T) {
	packet := AppendConnect(nil, Connect{ClientID: strings.Repeat("x", 3000)}, false)
	r := iotest.OneByteReader(bytes.NewReader(append(packet, "next"...)))
	header, body, err := ReadConnect(r, 64<<10)
	require.NoError(t, err)
	assert.Equal(t, packet, append(header, body...))
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, "next", string(rest))
}

func TestReadConnectRefusesBadHeaders(t *testing.T) {
	for bytesHex, want := range map[string]struct {
		offset int
		rule   string
		large  bool
	}{
		"2000":         {0, "MQTT-3.1.0-1", false},
		"1100":         {0, "MQTT-2.2.2-2", false},
		"10ffffffff":   {4, "MQTT 2.2.3", false},
		"108080808001": {4, "MQTT 2.2.3", false},
		"10818004":     {1, "MQTT 2.2.3", true},
	} {
		b, err := hex.DecodeString(bytesHex)
		require.NoError(t, err)
		_, _, err = ReadConnect(bytes.NewReader(b), 64<<10)
		var wrong *MalformedError
		require.ErrorAs(t, err, &wrong, bytesHex)
		assert.Equal(t, want.offset, wrong.Offset, bytesHex)
		assert.Equal(t, want.rule, wrong.Rule, bytesHex)
		assert.Equal(t, want.large, errors.Is(err, ErrTooLarge), bytesHex)
	}
}

func TestReadConnectTellsWhereTheStreamEnded(t *testing.T) {
	_, _, err := ReadConnect(strings.NewReader(""), 100)
	require.ErrorIs(t, err, io.EOF)
	for _, s := range []string{"\x10", "\x10\x80", "\x10\x05", "\x10\x05abc"} {
		header, body, err := ReadConnect(strings.NewReader(s), 100)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%q", s)
		assert.Equal(t, s, string(header)+string(body), "what came is kept for the record")
	}
}

func TestClaimedLengthTakesNoMemory(t *testing.T) {
	packet := AppendLength([]byte{0x10}, MaxRemainingLength) // claims 256 MiB, sends nothing
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := ReadConnect(bytes.NewReader(packet), MaxRemainingLength)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func FuzzDecodeConnect(f *testing.F) {
	f.Add(body311(0x02, "\x00\x00"))
	f.Add(body311(0xc2, "\x00\x01a\x00\x01u\x00\x01p"))
	f.Add(body311(0xf6, "\x00\x01a\x00\x01t\x00\x01m\x00\x01u\x00\x01p"))
	f.Add(body31(0xc2, "\x00\x01a"))
	f.Add(body311(0x03, "\x00\x00"))
	f.Add(body311(0x02, "\x00\x04a\xed\xa0\x80"))
	f.Add([]byte("\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := DecodeConnect(body, 2)
		if err != nil {
			var wrong *MalformedError
			if !errors.As(err, &wrong) || wrong.Rule == "" || wrong.Reason == "" {
				t.Fatalf("no rule in %v", err)
			}
			if wrong.Offset < 2 || wrong.Offset > 2+len(body) {
				t.Fatalf("offset %d is not in the packet of %d bytes", wrong.Offset, 2+len(body))
			}
			return
		}
		if c.PasswordOffset+c.PasswordLength > len(body) || !bytes.Equal(c.Password, body[c.PasswordOffset:c.PasswordOffset+c.PasswordLength]) {
			t.Fatal("the password is not where it is said to be")
		}
		if !c.Supported() || c.HasWill || c.Level == Level31 {
			return
		}
		// What was accepted says the same when it is written anew.
		again, err := DecodeConnect(AppendConnect(nil, c, false)[headerLength(c):], 2)
		if err != nil || again.ClientID != c.ClientID || again.User != c.User || !bytes.Equal(again.Password, c.Password) || again.Flags != c.Flags {
			t.Fatalf("%+v became %+v: %v", c, again, err)
		}
	})
}

func headerLength(c Connect) int {
	_, used, _ := Length(AppendConnect(nil, c, false)[1:])
	return 1 + used
}
