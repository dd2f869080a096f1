package faults

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	puback   = []byte{0x40, 2, 0, 1}
	pubrec   = []byte{0x50, 2, 0, 2}
	ping     = []byte{0xc0, 0}
	publish0 = []byte{0x30, 4, 0, 1, 'a', 'x'}
	publish1 = []byte{0x32, 6, 0, 1, 'a', 0, 9, 'x'}
)

func TestOnlyTheNextAcknowledgementsAreDropped(t *testing.T) {
	var p Packets
	p.DropAcks(2)
	for _, ack := range [][]byte{puback, pubrec} {
		sent, _ := p.Outbound(ack)
		assert.Empty(t, sent)
	}
	sent, _ := p.Outbound(puback)
	assert.Equal(t, [][]byte{puback}, sent)
}

func TestOnlyTheNextMessagesOfQoS1AreSentTwiceTheSecondTimeWithDUP(t *testing.T) {
	var p Packets
	p.DuplicatePublishes(1)
	sent, _ := p.Outbound(publish0)
	assert.Equal(t, [][]byte{publish0}, sent)
	sent, _ = p.Outbound(publish1)
	require.Len(t, sent, 2)
	assert.Equal(t, publish1, sent[0])
	assert.Equal(t, byte(0x3a), sent[1][0])
	assert.Equal(t, publish1[1:], sent[1][1:])
	sent, _ = p.Outbound(publish1)
	assert.Len(t, sent, 1)
}

func TestAPingIsKeptBackWhileKeepaliveIsIgnored(t *testing.T) {
	var p Packets
	p.IgnoreKeepAlive(true)
	sent, pinged := p.Outbound(ping)
	assert.Empty(t, sent)
	assert.True(t, pinged)
	p.IgnoreKeepAlive(false)
	sent, pinged = p.Outbound(ping)
	assert.Equal(t, [][]byte{ping}, sent)
	assert.False(t, pinged)
}

func TestEveryInvalidPacketHasItsBytesAndNoOther(t *testing.T) {
	seen := map[string]Invalid{}
	for _, name := range Invalids() {
		b, err := name.Bytes()
		require.NoError(t, err)
		require.NotEmpty(t, b)
		assert.Empty(t, seen[string(b)], "%s is the same packet", name)
		seen[string(b)] = name
	}
	_, err := Invalid("polite").Bytes()
	assert.Error(t, err)
}
