package record

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"gatehouse/sim/scenario"
)

const sid = "TH0123456789abcdef0123456789abcdef"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

func lamp() Recording {
	return Recording{Name: "Lamp: the evening", DeviceSID: sid, DeviceName: "lamp-kitchen", Began: noon, Ended: after(time.Minute), Events: []Event{
		{At: noon, Kind: Connected, Connection: 1, Connect: &Connect{Protocol: "3.1", ClientID: "c-" + sid, Clean: true, KeepAlive: 30 * time.Second, Certificate: true,
			Will: &Will{Topic: "gone/" + sid, Payload: []byte{0, 255}, QoS: 1, Retain: true}}},
		{At: after(100 * time.Millisecond), Kind: Subscribed, Connection: 1, Topic: "orders/#", QoS: 1},
		{At: after(110 * time.Millisecond), Kind: Subscribed, Connection: 1, Topic: "secret/#", QoS: 1, Denied: true},
		{At: after(2 * time.Second), Kind: Published, Connection: 1, Topic: "lamp/" + sid, Payload: []byte(`{"on":true,"why":"it's {n}"}`), QoS: 1},
		{At: after(2500 * time.Millisecond), Kind: Received, Connection: 1, Topic: "orders/1", Payload: []byte("off"), QoS: 1},
		{At: after(10 * time.Second), Kind: Published, Connection: 1, Topic: "lamp/raw", Payload: []byte{1, 2, 255}, Retain: true},
		{At: after(20 * time.Second), Kind: Vanished, Connection: 1, Why: "client_closed"},
		{At: after(21 * time.Second), Kind: Refused, Connection: 2, Code: 4, Why: "wrong_secret", WrongSecret: true},
		{At: after(22 * time.Second), Kind: Refused, Connection: 3, Code: 5, Why: "device_disabled"},
		{At: after(30 * time.Second), Kind: Connected, Connection: 4, Connect: &Connect{Protocol: "3.1.1", KeepAlive: 0}},
		{At: after(31 * time.Second), Kind: Unsubscribed, Connection: 4, Topic: "orders/#"},
		{At: after(32 * time.Second), Kind: Disconnected, Connection: 4, Why: "client_disconnect"},
	}}
}

func TestARecordingReadsLikeAScenarioOfTheUsersOwn(t *testing.T) {
	s, err := Write(lamp(), Options{})
	require.NoError(t, err)
	assert.Equal(t, `# A recording: what lamp-kitchen did from 2026-11-23 12:00:00 UTC, for 1m0s.
name: "Lamp: the evening"
timeout: 1m2s
devices:
  lamp-kitchen:
    name: lamp-kitchen
    credential: certificate
    protocol: "3.1"
    client_id: "c-{sid}"
    clean: true
    keepalive: 30s
    will: {topic: "gone/{sid}", base64: AP8=, qos: 1, retain: true}
  lamp-kitchen-2:
    like: lamp-kitchen
    no_client_id: true
    no_keepalive: true
steps:
  - create: lamp-kitchen
  - connect: {device: lamp-kitchen}
  - wait: 100ms
  - subscribe: {device: lamp-kitchen, filter: "orders/#", qos: 1}
  - subscribe: {device: lamp-kitchen, filter: "secret/#", qos: 1, refused: true}
  - wait: 1.9s
  - publish: {device: lamp-kitchen, topic: "lamp/{sid}", payload: '{"on":true,"why":"it''s {{n}}"}', qos: 1}
  - wait: 8s
  - publish: {device: lamp-kitchen, topic: lamp/raw, base64: AQL/, retain: true}
  - wait: 10s
  - fault: {device: lamp-kitchen, cut: true}
  - wait: 1s
  - connect: {device: lamp-kitchen, wrong_secret: true, code: 4}
  # Here it tried to connect and was refused with code 5: device disabled.
  - wait: 9s
  - connect: {device: lamp-kitchen-2}
  - wait: 1s
  - unsubscribe: {device: lamp-kitchen-2, filter: "orders/#"}
  - wait: 1s
  - disconnect: lamp-kitchen-2
`, string(s.Text))
}

func TestDocumentsThatItUsedAreMadeInTheScenariosOwnService(t *testing.T) {
	r := lamp()
	r.Documents = map[string]string{"Heating": `{"target":21}`}
	r.Events = append(r.Events[:1:1], Event{At: noon, Kind: Subscribed, Connection: 1, Topic: "sync/docs/Heating", QoS: 1},
		Event{At: noon, Kind: Published, Connection: 1, Topic: "sync/docs/Other one"}, Event{At: noon, Kind: Subscribed, Connection: 1, Topic: "sync/lists/l"},
		Event{At: noon, Kind: Subscribed, Connection: 1, Topic: "sync/docs/secret", Denied: true}, Event{At: noon, Kind: Subscribed, Connection: 1, Topic: "sync/docs/ET0123456789abcdef0123456789abcdef"})
	s, err := Write(r, Options{})
	require.NoError(t, err)
	text := string(s.Text)
	assert.Contains(t, text, "steps:\n  - set: {document: Heating, json: '{\"target\":21}'}\n  # What was in this document is not recorded.\n  - set: {document: \"Other one\", json: \"{}\"}\n  - create: lamp-kitchen\n")
	assert.Contains(t, text, "# It used sync/docs/ET0123456789abcdef0123456789abcdef, sync/lists/l, which a scenario cannot make")
	assert.Equal(t, 2, strings.Count(text, "set: "))
	assert.Equal(t, "lamp-kitchen", s.Device)
}

func TestWaitsAreShortenedAndSpedUpWhenAsked(t *testing.T) {
	waits := func(o Options) (all []time.Duration) {
		s, err := Write(lamp(), o)
		require.NoError(t, err)
		for _, step := range s.Scenario.Steps {
			if step.Wait > 0 {
				all = append(all, time.Duration(step.Wait))
			}
		}
		return all
	}
	sum := func(all []time.Duration) (d time.Duration) {
		for _, one := range all {
			d += one
		}
		return d
	}
	assert.Equal(t, 32*time.Second, sum(waits(Options{})))
	assert.InDelta(t, 3200, sum(waits(Options{Speed: 10})).Milliseconds(), 20)
	for _, w := range waits(Options{Idle: 500 * time.Millisecond}) {
		assert.LessOrEqual(t, w, 1010*time.Millisecond) // two gaps, with a comment in place of what was between them
	}
	assert.Equal(t, sum(waits(Options{Speed: FastestSpeed})), sum(waits(Options{Speed: 1e9})))
}

func TestWhatTheDeviceReceivedIsExpectedOnlyWhenAsked(t *testing.T) {
	s, err := Write(lamp(), Options{})
	require.NoError(t, err)
	assert.NotContains(t, string(s.Text), "expect_message")
	s, err = Write(lamp(), Options{Expect: true})
	require.NoError(t, err)
	assert.Contains(t, string(s.Text), `expect_message: {device: lamp-kitchen, topic: orders/1, payload: "off", within: `)
}

func TestAConnectionThatWasReplacedDoesNotEndTheOneInItsPlace(t *testing.T) {
	r := lamp()
	c := &Connect{Protocol: "3.1.1", ClientID: "x", KeepAlive: time.Minute}
	r.Events = []Event{
		{At: noon, Kind: Connected, Connection: 1, Connect: c},
		{At: after(time.Second), Kind: Connected, Connection: 2, Connect: c},
		{At: after(time.Second), Kind: Ended, Connection: 1, Why: "taken_over"},
		{At: after(2 * time.Second), Kind: Published, Connection: 2, Topic: "t"},
		{At: after(3 * time.Second), Kind: Ended, Connection: 2, Why: "keepalive_expired"},
		{At: after(4 * time.Second), Kind: Published, Connection: 2, Topic: "t"},
	}
	s, err := Write(r, Options{})
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(s.Text), "cut: true"), string(s.Text))
	assert.Contains(t, string(s.Text), "# The server ended the connection here: keepalive expired.")
	assert.Contains(t, string(s.Text), "# How it connected is not in the recording.")
}

func TestATapeEndsAtItsBoundsAndSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		event func(i int) Event
		says  string
	}{
		"events": {func(i int) Event { return Event{At: noon, Kind: Published, Topic: "t"} }, "2000 events"},
		"bytes":  {func(i int) Event { return Event{At: noon, Kind: Published, Topic: "t", Payload: make([]byte, 4000)} }, "512 KiB"},
		"duration": {func(i int) Event {
			return Event{At: after(time.Duration(i) * time.Minute), Kind: Published, Topic: "t"}
		}, "50m"},
	} {
		tape := NewTape("x", sid, "lamp", noon)
		n := 0
		for tape.Add(c.event(n)) {
			n++
			require.LessOrEqual(t, n, MostEvents, name)
		}
		assert.False(t, tape.Add(c.event(0)), name)
		r := tape.Recording(after(time.Hour))
		assert.Len(t, r.Events, n, name)
		require.Len(t, r.Notes, 1, name)
		assert.Contains(t, r.Notes[0], c.says, name)
		s, err := Write(r, Options{})
		require.NoError(t, err, name)
		assert.Contains(t, string(s.Text), "# "+r.Notes[0], name)
		assert.Zero(t, s.Left, name)
	}
	tape := NewTape("x", sid, "lamp", noon)
	assert.True(t, tape.Wait(after(Longest)))
	assert.False(t, tape.Wait(after(Longest+1)))
}

func TestAnEndThatTheServerNoticesLateStandsBeforeTheNextAttempt(t *testing.T) {
	tape := NewTape("x", sid, "lamp", noon)
	c := &Connect{Protocol: "3.1.1"}
	for _, e := range []Event{
		{At: noon, Kind: Connected, Connection: 1, Connect: c},
		{At: after(time.Second), Kind: Refused, Connection: 2, Code: 4},
		{At: after(1010 * time.Millisecond), Kind: Connected, Connection: 3, Connect: c},
		{At: after(1020 * time.Millisecond), Kind: Reset, Connection: 1},
		{At: after(2 * time.Second), Kind: Refused, Connection: 4, Code: 4},
		{At: after(3 * time.Second), Kind: Vanished, Connection: 3},
	} {
		tape.Add(e)
	}
	var got []string
	for _, e := range tape.Recording(after(3 * time.Second)).Events {
		got = append(got, fmt.Sprint(e.Kind, e.Connection))
	}
	assert.Equal(t, []string{"connected1", "reset1", "refused2", "connected3", "refused4", "vanished3"}, got)
}

func TestNoPartOfASecretIsRecordedWhereAPayloadIsCut(t *testing.T) {
	secret := "0123456789abcdefghijklmnopqrstuv"
	for n := range len(secret) {
		tape := NewTape("x", sid, "lamp", noon, secret)
		tape.Add(Event{At: noon, Kind: Published, Topic: "a", Payload: []byte("on " + secret[:n]), Length: 5000})
		if got := string(tape.Recording(noon).Events[0].Payload); got != "on " {
			t.Errorf("%d bytes before the cut: %q", n, got)
		}
	}
}

func TestADevicesOwnSecretIsNeverKept(t *testing.T) {
	const secret = "0123456789abcdefghijABCDEFGHIJ01"
	tape := NewTape("x", sid, "lamp", noon, secret, "")
	tape.Add(Event{At: noon, Kind: Connected, Connect: &Connect{ClientID: secret, Will: &Will{Topic: "w/" + secret, Payload: []byte("x" + secret)}}})
	tape.Add(Event{At: noon, Kind: Published, Topic: "t/" + secret, Payload: []byte("my " + secret + "!")})
	r := tape.Recording(noon)
	assert.NotContains(t, fmt.Sprintf("%+v %+v %s", r, r.Events[0].Connect, r.Events[0].Connect.Will.Payload), secret)
	assert.NotContains(t, string(r.Events[1].Payload), secret)
	s, err := Write(r, Options{})
	require.NoError(t, err)
	assert.NotContains(t, string(s.Text), secret)
	assert.Contains(t, string(s.Text), "# The device sent its own secret in a message; it is left out.")
}

func TestTheMostThatCanBeRecordedFitsIntoAScenario(t *testing.T) {
	tape := NewTape("x", sid, "lamp", noon)
	for i := range MostEvents {
		payload := bytes.Repeat([]byte{byte(i)}, 240)
		tape.Add(Event{At: after(time.Duration(i) * time.Second), Kind: Published, Topic: "some/topic", QoS: 1, Retain: true, Payload: payload})
	}
	require.Empty(t, tape.Full())
	began := time.Now()
	s, err := Write(tape.Recording(noon), Options{})
	require.NoError(t, err)
	assert.Zero(t, s.Left)
	assert.Less(t, len(s.Text), scenario.MaxBytes)
	t.Log("written and read in", time.Since(began), len(s.Text), "bytes")
}

var unfill = strings.NewReplacer("{{n}}", "{n}", "{{device}}", "{device}", "{{sid}}", "{sid}", "{n}", "!", "{device}", "!", "{sid}", sid)

func payloadOf(text, encoded string) []byte {
	if encoded != "" {
		b, _ := base64.StdEncoding.DecodeString(encoded)
		return b
	}
	return []byte(unfill.Replace(text))
}

// played is what a scenario's device does, as events without times.
func played(s *scenario.Scenario) (all []Event) {
	for _, step := range s.Steps {
		switch {
		case step.Connect != nil:
			d := s.Devices[step.Connect.Device]
			c := &Connect{Protocol: d.Protocol, ClientID: unfill.Replace(d.ClientID), Clean: d.Clean, KeepAlive: time.Duration(d.KeepAlive)}
			if c.Protocol == "" {
				c.Protocol = "3.1.1"
			}
			if c.KeepAlive == 0 && !d.NoKeepAlive {
				c.KeepAlive = time.Minute
			}
			if w := d.Will; w != nil {
				c.Will = &Will{Topic: unfill.Replace(w.Topic), Payload: payloadOf(w.Payload, w.Base64), QoS: w.QoS, Retain: w.Retain}
			}
			all = append(all, Event{Kind: Connected, Connect: c})
		case step.Subscribe != nil:
			all = append(all, Event{Kind: Subscribed, Topic: unfill.Replace(step.Subscribe.Filter), QoS: step.Subscribe.QoS, Denied: step.Subscribe.Refused})
		case step.Unsubscribe != nil:
			all = append(all, Event{Kind: Unsubscribed, Topic: unfill.Replace(step.Unsubscribe.Filter)})
		case step.Publish != nil:
			p := step.Publish
			all = append(all, Event{Kind: Published, Topic: unfill.Replace(p.Topic), Payload: payloadOf(p.Payload, p.Base64), QoS: p.QoS, Retain: p.Retain})
		case step.Disconnect != "":
			all = append(all, Event{Kind: Disconnected})
		case step.Fault != nil && step.Fault.Reset:
			all = append(all, Event{Kind: Reset})
		case step.Fault != nil:
			all = append(all, Event{Kind: Vanished})
		}
	}
	return all
}

// TestTheScenarioDoesWhatTheDeviceDid: whatever a device said, with whatever characters and bytes, the scenario's steps say the same.
func TestTheScenarioDoesWhatTheDeviceDid(t *testing.T) {
	topic := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]string{"a", "/", "+", "#", "{n}", "{sid}", "{{", "}", sid, "true", "1", "null", "~", ": ", " #", "'", `"`, `\`, "\u0001", "\u2028", "é", "𝄞", "\n", "-", "?", "&a", "*a", "!x", "%", "@", "`", "|", ">", ","}), rapid.String()), 1, 6).Draw(t, "parts")
		s := strings.ReplaceAll(strings.Join(parts, ""), "\x00", "")
		if s == "" {
			return "x"
		}
		return s
	})
	payload := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 40), rapid.Map(topic, func(s string) []byte { return []byte(s) }), rapid.SampledFrom([][]byte{nil, []byte(`{"a":{"b":[1,2]}}`), []byte("two\nlines\n"), []byte("  "), []byte("€\r\n"), {0xef, 0xbf, 0xbd}}))
	rapid.Check(t, func(t *rapid.T) {
		r := Recording{Name: topic.Draw(t, "name"), DeviceSID: sid, DeviceName: topic.Draw(t, "device"), Began: noon, Ended: noon}
		at, connection, connected := noon, uint64(0), false
		var want []Event
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			at = at.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "gap")) * time.Millisecond)
			e := Event{At: at, Kind: Connected}
			if connected {
				e.Kind = rapid.SampledFrom([]Kind{Subscribed, Unsubscribed, Published, Disconnected, Vanished, Reset}).Draw(t, "kind")
			}
			switch e.Kind {
			case Connected:
				connection++
				connected = true
				c := &Connect{Protocol: rapid.SampledFrom([]string{"3.1", "3.1.1", "5"}).Draw(t, "protocol"), ClientID: rapid.OneOf(rapid.Just(""), topic).Draw(t, "client id"), Clean: rapid.Bool().Draw(t, "clean"), KeepAlive: time.Duration(rapid.SampledFrom([]int{0, 1, 60, 65535}).Draw(t, "keepalive")) * time.Second}
				if rapid.Bool().Draw(t, "with a will") {
					c.Will = &Will{Topic: topic.Draw(t, "will"), Payload: payload.Draw(t, "will payload"), QoS: byte(rapid.IntRange(0, 2).Draw(t, "QoS")), Retain: rapid.Bool().Draw(t, "retain")}
				}
				e.Connect = c
			case Subscribed:
				e.Topic, e.QoS, e.Denied = topic.Draw(t, "filter"), byte(rapid.IntRange(0, 2).Draw(t, "QoS")), rapid.Bool().Draw(t, "denied")
			case Unsubscribed:
				e.Topic = topic.Draw(t, "filter")
			case Published:
				e.Topic, e.Payload, e.QoS, e.Retain = topic.Draw(t, "topic"), payload.Draw(t, "payload"), byte(rapid.IntRange(0, 2).Draw(t, "QoS")), rapid.Bool().Draw(t, "retain")
			default:
				connected = false
			}
			e.Connection = connection
			r.Events = append(r.Events, e)
			want = append(want, e)
		}
		s, err := Write(r, Options{})
		if err != nil {
			t.Fatalf("%v", err)
		}
		got := played(s.Scenario)
		if len(got) != len(want) {
			t.Fatalf("%d events became %d:\n%s", len(want), len(got), s.Text)
		}
		for i := range want {
			want[i].At, want[i].Connection = time.Time{}, 0
			normal(&want[i])
			normal(&got[i])
			if !reflect.DeepEqual(want[i], got[i]) {
				t.Fatalf("%+v became %+v:\n%s", want[i], got[i], s.Text)
			}
		}
		if strings.Contains(string(s.Text), sid) {
			t.Fatalf("the device's SID is in it:\n%s", s.Text)
		}
	})
}

// normal has nil for an empty payload.
func normal(e *Event) {
	if len(e.Payload) == 0 {
		e.Payload = nil
	}
	if e.Connect != nil && e.Connect.Will != nil && len(e.Connect.Will.Payload) == 0 {
		e.Connect.Will.Payload = nil
	}
}
