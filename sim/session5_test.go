package sim

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connected5 is a device on a fake server that accepts MQTT 5 with these properties, and then answers each packet as serve says.
func connected5(t *testing.T, properties []byte, received func(Message), serve func(p *peer, packet []byte)) (*Device, *server) {
	t.Helper()
	s := serveFake(t, func(p *peer) {
		p.next()
		p.write(append([]byte{0x20, byte(3 + len(properties)), 0, 0, byte(len(properties))}, properties...)...)
		for packet := p.next(); packet != nil; packet = p.next() {
			serve(p, packet)
		}
	})
	d := NewDevice(Params{Received: received})
	t.Cleanup(d.Close)
	o := s.options()
	o.Protocol = MQTT5
	require.NoError(t, d.Connect(t.Context(), o).Err)
	return d, s
}

func TestAnMQTT5DevicePublishesAtEachQoS(t *testing.T) {
	d, s := connected5(t, nil, nil, func(p *peer, packet []byte) {
		switch kind := packet[0] >> 4; {
		case kind == typePublish && packet[0]&6 == 2:
			p.write(0x40, 3, 0, 1, 0x10) // no subscribers
		case kind == typePublish && packet[0]&6 == 4:
			p.write(0x50, 2, 0, 2)
		case kind == typePubrel:
			p.write(0x70, 2, 0, 2)
		}
	})
	for qos := range byte(3) {
		require.NoError(t, d.Publish(t.Context(), "t", []byte("x"), qos, qos == 1))
	}
	eventually(t, "all were seen", func() bool { return len(s.seen(typePubrel)) == 1 })
	assert.Equal(t, [][]byte{{0x30, 5, 0, 1, 't', 0, 'x'}, {0x33, 7, 0, 1, 't', 0, 1, 0, 'x'}, {0x34, 7, 0, 1, 't', 0, 2, 0, 'x'}}, s.seen(typePublish))
	assert.Equal(t, [][]byte{{0x62, 2, 0, 2}}, s.seen(typePubrel))
}

func TestWhatAnMQTT5ServerRefusesIsSaidWithItsReason(t *testing.T) {
	d, _ := connected5(t, nil, nil, func(p *peer, packet []byte) {
		switch packet[0] >> 4 {
		case typePublish:
			p.write(0x50, 4, 0, 1, 0x97, 0) // PUBREC ends it
		case typeSubscribe:
			p.write(0x90, 4, 0, 2, 0, 0x87)
		case typeUnsubscribe:
			p.write(0xB0, 4, 0, 3, 0, 0x80)
		}
	})
	err := d.Publish(t.Context(), "t", nil, 2, false)
	require.ErrorContains(t, err, "quota exceeded")
	granted, err := d.Subscribe(t.Context(), "t", 1)
	require.ErrorIs(t, err, ErrRefusedFilter)
	assert.Equal(t, byte(0x87), granted)
	require.ErrorContains(t, d.Unsubscribe(t.Context(), "t"), "unspecified error")
	assert.True(t, d.State().Connected)
}

func TestAnMQTT5DeviceTakesEachMessageOnceAndAcknowledgesIt(t *testing.T) {
	got := make(chan Message, 10)
	d, s := connected5(t, nil, func(m Message) { got <- m }, func(p *peer, packet []byte) {
		switch packet[0] >> 4 {
		case typeSubscribe:
			p.write(0x90, 4, 0, 1, 0, 2)
			p.write(0x30, 5, 0, 1, 't', 0, '0')
			p.write(0x33, 9, 0, 1, 't', 0, 7, 2, 0x01, 1, '1') // a payload format, which is passed over
		case typePuback:
			p.write(0x34, 7, 0, 1, 't', 0, 8, 0, '2')
			p.write(0x3c, 7, 0, 1, 't', 0, 8, 0, '2') // again, as after a lost PUBREC
			p.write(0x62, 2, 0, 8)
		}
	})
	granted, err := d.Subscribe(t.Context(), "t", 2)
	require.NoError(t, err)
	assert.Equal(t, byte(2), granted)
	eventually(t, "all is acknowledged", func() bool { return len(s.seen(typePubcomp)) == 1 })
	assert.Len(t, s.seen(typePubrec), 2)
	require.Len(t, got, 3)
	assert.Equal(t, Message{Topic: "t", Payload: []byte("0")}, <-got)
	assert.Equal(t, Message{Topic: "t", Payload: []byte("1"), QoS: 1, Retain: true}, <-got)
	assert.Equal(t, Message{Topic: "t", Payload: []byte("2"), QoS: 2}, <-got)
}

func TestAnMQTT5DeviceKeepsToTheServersReceiveMaximum(t *testing.T) {
	d, s := connected5(t, []byte{0x21, 0, 1}, nil, func(*peer, []byte) {}) // which acknowledges nothing
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, d.Publish(ctx, "t", nil, 1, false), context.DeadlineExceeded)
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, d.Publish(ctx, "t", nil, 1, false), context.DeadlineExceeded)
	require.NoError(t, d.Publish(t.Context(), "last", nil, 0, false))
	eventually(t, "the last has come", func() bool { return len(s.seen(typePublish)) >= 2 })
	assert.Len(t, s.seen(typePublish), 2, "one of QoS 1, and one of QoS 0")
}

func TestARequestOfMQTT5EndsWithTheConnection(t *testing.T) {
	d, _ := connected5(t, nil, nil, func(p *peer, _ []byte) { _ = p.Close() })
	require.ErrorIs(t, d.Publish(t.Context(), "t", nil, 1, false), ErrConnectionLost)
}

func TestWhatAnMQTT5ServerMayNotSendEndsTheConnection(t *testing.T) {
	for name, packet := range map[string][]byte{
		"a topic alias":             {0x30, 8, 0, 1, 't', 3, 0x23, 0, 1, 'x'},
		"an empty topic":            {0x30, 3, 0, 0, 0},
		"a wildcard":                {0x30, 4, 0, 1, '#', 0},
		"a damaged acknowledgement": {0x40, 1, 0},
		"a second CONNACK":          {0x20, 3, 0, 0, 0},
		"a SUBSCRIBE":               {0x82, 6, 0, 1, 0, 0, 1, 't'},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := connected5(t, nil, nil, func(p *peer, _ []byte) { p.write(packet...) })
			_ = d.Publish(t.Context(), "t", nil, 0, false)
			eventually(t, "the device leaves", func() bool { return d.State().End == EndViolation })
		})
	}
}
