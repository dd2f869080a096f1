package sim

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestReconnectFollowsTheContract(t *testing.T) {
	cases := []struct {
		code, attempt int
		wait          time.Duration
		again         bool
	}{
		{3, 1, time.Second, true}, {3, 2, 2 * time.Second, true}, {3, 6, 32 * time.Second, true}, {3, 7, time.Minute, true}, {3, 1 << 40, time.Minute, true},
		{-1, 1, time.Second, true}, {0, 1, time.Second, true}, {3, 0, time.Second, true}, {3, -5, time.Second, true},
		{1, 1, 0, false}, {2, 1, 0, false}, {4, 1, 0, false}, {5, 1, 0, false}, {42, 1, 0, false},
	}
	for _, c := range cases {
		wait, again := Reconnect(c.code, c.attempt)
		assert.Equal(t, c.wait, wait, "code %d, attempt %d", c.code, c.attempt)
		assert.Equal(t, c.again, again, "code %d, attempt %d", c.code, c.attempt)
	}
}

func TestSpreadTakesUpToHalfOff(t *testing.T) {
	assert.Equal(t, 10*time.Second, Spread(10*time.Second, 0))
	assert.Equal(t, 5*time.Second, Spread(10*time.Second, 1))
	assert.Equal(t, 5*time.Second, Spread(10*time.Second, 7))
	assert.Equal(t, 7500*time.Millisecond, Spread(10*time.Second, 0.5))
}

func TestAdviceIsAnInstruction(t *testing.T) {
	assert.Equal(t, "correct the credential, then retry", AdviceFor(2).String())
	assert.Equal(t, "retry later, with backoff", AdviceFor(3).String())
	assert.Equal(t, "do not retry with these credentials", AdviceFor(4).String())
	assert.Equal(t, "do not retry until the device is provisioned", AdviceFor(5).String())
	assert.Equal(t, AdviceUnknown, AdviceFor(42))
}

func TestPacketsAreDescribedForPeople(t *testing.T) {
	cases := []struct {
		packet []byte
		level  byte
		want   string
	}{
		{[]byte{0x20, 2, 1, 0}, 4, "CONNACK code 0 (connection accepted) · session present"},
		{[]byte{0x20, 2, 0, 42}, 4, "CONNACK code 42 (unknown code)"},
		{[]byte{0x3B, 6, 0, 1, 'a', 0, 3, 'x'}, 4, "PUBLISH a · QoS 1 · id 3 · 1 byte · retain · dup"},
		{[]byte{0x30, 4, 0, 2, '\n', 'b'}, 4, "PUBLISH \ufffdb · QoS 0 · 0 bytes"},
		{[]byte{0x40, 2, 1, 1}, 4, "PUBACK · id 257"},
		{[]byte{0x90, 3, 0, 1, 0x80}, 4, "SUBACK · id 1 · refused (0x80)"},
		{[]byte{0xA2, 5, 0, 1, 0, 1, 'a'}, 4, "UNSUBSCRIBE · id 1 · a"},
		{[]byte{0xC0, 0}, 4, "PINGREQ"},
		{[]byte{0xE0, 1, 0x8E}, 5, "DISCONNECT · reason 0x8e (session taken over)"},
		{[]byte{0x30, 5, 0, 1, 'a', 0, 'x'}, 5, "PUBLISH a · QoS 0 · 1 byte"},
		{[]byte{0x30, 2, 0, 9}, 4, "PUBLISH  · QoS 0 · 0 bytes · ends too early"},
		{[]byte{0x00, 0}, 4, "RESERVED"},
		{nil, 4, "an empty packet"},
	}
	for _, c := range cases {
		assert.Equal(t, c.want, describe(c.packet, c.level).Summary)
	}
}

func FuzzDescribeAndSplitNeverFail(f *testing.F) {
	f.Add([]byte{0x30, 4, 0, 1, 'a', 'x'}, byte(4))
	f.Add([]byte{0x82, 8, 0, 1, 0, 3, 'a', '/', 'b', 1}, byte(4))
	f.Add([]byte{0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 5, 0xC2, 0, 60, 0, 0}, byte(5))
	f.Fuzz(func(t *testing.T, b []byte, level byte) {
		e := describe(b, level)
		if bytes.ContainsAny([]byte(e.Summary), "\n\r\x00") {
			t.Errorf("a summary is one line: %q", e.Summary)
		}
		packet, rest, err := splitPacket(b)
		if err == nil && !bytes.Equal(append(bytes.Clone(packet), rest...), b) {
			t.Error("splitting loses bytes")
		}
		if len(b) > 0 {
			_ = checkInbound(b)
		}
	})
}
