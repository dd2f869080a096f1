package agent

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim"
	"gatehouse/sim/simtest"
	"gatehouse/sim/telemetry"
)

// refuser is a server that answers each CONNECT with one code, and closes.
type refuser struct {
	url  string
	came atomic.Int64
}

func refuse(t *testing.T, code byte) *refuser {
	t.Helper()
	config, _ := simtest.Server()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	r := &refuser{url: "mqtts://localhost:" + port}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.came.Add(1)
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			head := make([]byte, 2) // of a CONNECT shorter than 128 bytes
			if _, err := io.ReadFull(c, head); err == nil {
				_, _ = io.CopyN(io.Discard, c, int64(head[1]))
				_, _ = c.Write([]byte{0x20, 2, 0, code})
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return r
}

// TestTheServerSeesWhoFollowsItsAdviceAndWhoDoesNot counts connections, code by code.
func TestTheServerSeesWhoFollowsItsAdviceAndWhoDoesNot(t *testing.T) {
	_, root := simtest.Server()
	at := func(r *refuser) sim.Options {
		return sim.Options{URL: r.url, RootPEM: root, ClientID: "board", Timeout: 5 * time.Second}
	}
	for _, code := range []byte{1, 2, 4} {
		r := refuse(t, code)
		a, ended := run(t, Params{Options: at(r)})
		require.ErrorContains(t, ended(), "stopped", "code %d", code)
		assert.Equal(t, int64(1), r.came.Load(), "code %d", code)
		assert.Equal(t, Stopped, a.Status().Phase)
	}
	r := refuse(t, 3)
	a, _ := run(t, Params{Options: at(r)})
	simtest.Eventually(t, "code 3 is waited out", func() bool { return a.Status().Phase == Waiting })
	assert.LessOrEqual(t, time.Until(a.Status().Next), sim.FirstWait)
	simtest.Eventually(t, "and tried again", func() bool { return r.came.Load() == 2 })
	r = refuse(t, 5)
	a, _ = run(t, Params{Options: at(r)})
	simtest.Eventually(t, "code 5 is waited out", func() bool { return a.Status().Phase == Waiting })
	assert.Greater(t, time.Until(a.Status().Next), 25*time.Second)
	assert.Equal(t, int64(1), r.came.Load())
	for code := byte(1); code <= 5; code++ {
		r := refuse(t, code)
		run(t, Params{Options: at(r), Behaviour: Behaviour{Reconnect: Policy{Disobey: []int{int(code)}, DisobeyEvery: telemetry.Duration(time.Millisecond)}}})
		simtest.Eventually(t, "a disobedient one comes again and again", func() bool { return r.came.Load() >= 4 })
	}
}

// TestReportsArriveAsTheirFormatQoSAndRetainSay, each with its own topic.
func TestReportsArriveAsTheirFormatQoSAndRetainSay(t *testing.T) {
	b := broker(t)
	value := []telemetry.Field{{Name: "raw", Source: telemetry.Source{Kind: telemetry.Constant, Value: 255.0}}}
	report := func(topic string, qos byte, retain bool, format telemetry.Format, payload string) telemetry.Report {
		return telemetry.Report{Topic: "{device}/" + topic, QoS: qos, Retain: retain, Every: telemetry.Duration(time.Hour), Format: format, Fields: value, Payload: payload}
	}
	_, messages := watch(t, b)
	a, _ := run(t, Params{Options: options(b, "meter"), Identity: telemetry.Device{Name: "meter-1", Vars: map[string]string{"room": "hall"}}, Behaviour: Behaviour{Reports: []telemetry.Report{
		report("json", 0, false, telemetry.JSON, ""), report("text", 1, true, telemetry.Text, "{room}: {raw} #{seq}"), report("binary", 2, false, telemetry.Binary, "00 FF {raw}0"),
	}}})
	want := map[string]string{"meter-1/json": `{"raw":255}`, "meter-1/text": "hall: 255 #1", "meter-1/binary": "\x00\xff\x25\x50"}
	for range want {
		m := next(t, messages)
		assert.Equal(t, want[m.Topic], string(m.Payload), m.Topic)
	}
	sent := map[string][2]any{}
	for _, e := range a.Device().(*sim.Device).Console(0) {
		if e.Type == "PUBLISH" && e.Outbound {
			sent[e.Topic] = [2]any{e.QoS, e.Retain}
		}
	}
	assert.Equal(t, map[string][2]any{"meter-1/json": {byte(0), false}, "meter-1/text": {byte(1), true}, "meter-1/binary": {byte(2), false}}, sent)
	_, messages = watch(t, b) // it takes over from the first, whose client id it has
	m := next(t, messages)
	assert.Equal(t, "meter-1/text", m.Topic, "what is retained comes to who subscribes later")
	assert.True(t, m.Retain)
}
