package check_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/check"
	"gatehouse/app/check/checktest"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// talk is a connection of the device whose credential a check would present, with a session that stays.
func (b *bench) talk(o check.Options) net.Conn {
	b.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", b.Status().MQTTAddr, &tls.Config{InsecureSkipVerify: true})
	require.NoError(b, err)
	b.Cleanup(func() { _ = c.Close() })
	require.NoError(b, c.SetDeadline(time.Now().Add(20*time.Second)))
	b.say(c, wire.AppendConnect(nil, wire.Connect{ClientID: "it", HasUser: true, User: o.User, HasPassword: true, Password: o.Password}, false), 4)
	return c
}

// say sends a packet and reads an answer of so many bytes.
func (b *bench) say(c net.Conn, packet []byte, answer int) []byte {
	b.Helper()
	_, err := c.Write(packet)
	require.NoError(b, err)
	got := make([]byte, answer)
	_, err = io.ReadFull(c, got)
	require.NoError(b, err)
	return got
}

// leave ends a connection, and waits until the gateway has seen that.
func (b *bench) leave(c net.Conn) {
	b.Helper()
	_, err := c.Write(wire.AppendEmpty(nil, wire.DISCONNECT))
	require.NoError(b, err)
	require.NoError(b, c.Close())
	b.idle()
}

func (b *bench) idle() {
	b.Helper()
	require.Eventually(b, func() bool { return b.Attempts().Query(attempt.Filter{OnlyLive: true}).Total == 0 }, 20*time.Second, 5*time.Millisecond)
}

// What waits for the device waits for it after a check as well, with a round trip or without: nothing is acknowledged, and no more is sent
// than must be.
func TestACheckLeavesTheDeviceWhatWaitsForIt(t *testing.T) {
	b := newBench(t, time.Millisecond)
	lamp, desk := b.device("lamp"), b.device("desk")
	o := b.with(&lamp)
	c := b.talk(o)
	b.say(c, wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "orders/#", QoS: 1}), 5)
	b.leave(c)
	c = b.talk(b.with(&desk))
	b.say(c, wire.AppendPublish(nil, wire.Message{Topic: "orders/1", Payload: []byte("on"), QoS: 1, ID: 7}), 4)
	b.leave(c)

	for _, round := range []bool{false, true} {
		o.RoundTrip = round
		result, text := checktest.Run(t, o)
		require.Equal(t, check.ExitAccepted, result.Exit, text)
		b.idle()
		var sent []byte
		a := b.Attempts().Query(attempt.Filter{Limit: 1, Whole: true}).Attempts[0]
		for _, p := range a.Packets {
			if !p.Outbound {
				sent = append(sent, p.Bytes[0]>>4)
			}
		}
		require.Equal(t, byte(0), a.Packets[0].Bytes[9]&2, "Clean Session")
		require.NotContains(t, sent, byte(wire.PUBACK))
		if !round {
			require.Equal(t, []byte{wire.CONNECT, wire.DISCONNECT}, sent)
		}
		require.Equal(t, cause.ClientDisconnect, a.End)
	}
	require.Len(t, b.Sessions(), 2)
	c = b.talk(o)
	got := b.say(c, wire.AppendEmpty(nil, wire.PINGREQ), 16) // its message comes first, or after the answer
	require.Contains(t, string(got), "orders/1")
}

// That the device's connection ends is said before anything is sent.
func TestACheckSaysBeforehandThatItEndsTheDevicesConnection(t *testing.T) {
	b := newBench(t, time.Millisecond)
	lamp := b.device("lamp")
	o := b.with(&lamp)
	c := b.talk(o)
	said := 0
	result := check.Run(t.Context(), o, func(s check.Step) {
		if said++; said == 1 {
			require.Equal(t, check.StepNotice, s.ID)
			require.Contains(t, s.Detail, "the check ends that connection")
			require.Equal(t, 1, b.Attempts().Len(), "it has connected already")
		}
	})
	require.Equal(t, check.ExitAccepted, result.Exit)
	_, err := io.ReadAll(c)
	require.NoError(t, err)
	first, _ := b.Attempts().Get(1)
	require.Equal(t, cause.TakenOver, first.End)
}
