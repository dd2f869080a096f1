package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"gatehouse/sim/script"
	"gatehouse/sim/telemetry"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func lamp(t *testing.T) telemetry.Device {
	t.Helper()
	state, err := script.NewState(map[string]any{"on": false, "level": 0, "name": "x"})
	require.NoError(t, err)
	return telemetry.Device{Name: "lamp-1", SID: "TH1", Vars: map[string]string{"room": "hall"}, State: state}
}

func message(topic, payload string) Message {
	return Message{Topic: topic, Payload: []byte(payload), QoS: 1, At: noon}
}

// one applies the only reaction that a message sets off.
func one(t *testing.T, r *Rules, m Message) Effect {
	t.Helper()
	firings, errs := r.Match(m)
	require.Empty(t, errs)
	require.Len(t, firings, 1)
	e, err := firings[0].Apply(noon)
	require.NoError(t, err)
	return e
}

func TestALampFollowsADocument(t *testing.T) {
	d := lamp(t)
	r, problems := Compile([]Reaction{{
		On: "sync/docs/BoardLED", When: `json?.led in ["ON", "OFF"]`, Wait: telemetry.Duration(time.Second),
		Set:     map[string]string{"on": `json.led == "ON"`},
		Publish: &Publish{Topic: "{device}/lamp", Payload: `{{"on":{on},"room":"{room}","at":{unix}}}`, QoS: 1, Retain: true},
	}}, d)
	require.Empty(t, problems)
	assert.Equal(t, []string{"sync/docs/BoardLED"}, r.Filters())
	firings, errs := r.Match(message("sync/docs/BoardLED", `{"led":"ON"}`))
	require.Empty(t, errs)
	require.Len(t, firings, 1)
	assert.Equal(t, time.Second, firings[0].Wait)
	v, _ := d.State.Get("on")
	assert.Equal(t, false, v, "not before its time")
	e, err := firings[0].Apply(noon)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"on": true}, e.Changed)
	assert.Equal(t, &telemetry.Message{Topic: "lamp-1/lamp", Payload: []byte(`{"on":true,"room":"hall","at":1772366400}`), QoS: 1, Retain: true}, e.Publish)
	for _, m := range []Message{message("sync/docs/BoardLED", `{"led":"BLINK"}`), message("sync/docs/Other", `{"led":"OFF"}`), message("sync/docs/BoardLED", `{}`)} {
		firings, errs = r.Match(m)
		assert.Empty(t, errs)
		assert.Empty(t, firings)
	}
	one(t, r, message("sync/docs/BoardLED", `{"led":"OFF"}`))
	v, _ = d.State.Get("on")
	assert.Equal(t, false, v)
}

func TestAReactionMayEndTheConnection(t *testing.T) {
	r, problems := Compile([]Reaction{{On: "+/off", Disconnect: true}, {On: "+/restart", Reconnect: true}}, lamp(t))
	require.Empty(t, problems)
	assert.Equal(t, Effect{Disconnect: true}, one(t, r, message("a/off", "")))
	assert.Equal(t, Effect{Reconnect: true}, one(t, r, message("a/restart", "")))
}

func TestExpressionsSeeTheMessageAndTheDevice(t *testing.T) {
	for expression, want := range map[string]bool{
		`topic == "a/b" && levels[1] == "b"`: true, `text == "{\"n\": 3}"`: true, `json.n > 2.5`: true, `json.n > 3`: false, `json?.m == nil`: true, `size == 8 && qos == 1 && !retain`: true,
		`device + sid == "lamp-1TH1" && room == "hall" && !on && level < 1`: true,
	} {
		r, problems := Compile([]Reaction{{On: "#", When: expression, Disconnect: true}}, lamp(t))
		require.Empty(t, problems, expression)
		firings, errs := r.Match(message("a/b", `{"n": 3}`))
		require.Empty(t, errs, expression)
		assert.Equal(t, want, len(firings) == 1, expression)
	}
}

func TestAnExpressionThatFailsChangesNothingAndHindersNoOther(t *testing.T) {
	d := lamp(t)
	r, problems := Compile([]Reaction{
		{On: "a", When: "json.x.y == 1", Disconnect: true},
		{On: "a", Set: map[string]string{"level": "json.n", "on": "true"}},
	}, d)
	require.Empty(t, problems)
	firings, errs := r.Match(message("a", "not JSON"))
	require.Len(t, errs, 1)
	assert.ErrorContains(t, errs[0], "reactions[0].when")
	require.Len(t, firings, 1)
	_, err := firings[0].Apply(noon)
	require.ErrorContains(t, err, "set level")
	assert.Equal(t, map[string]any{"on": false, "level": 0.0, "name": "x"}, d.State.All())
}

func TestEveryMistakeIsToldWithItsPlaceAndWhatToDo(t *testing.T) {
	for want, r := range map[string]Reaction{
		"reactions[0].on":              {On: "a/#/b", Disconnect: true},
		"reactions[0].when":            {On: "a", When: "colour == 1", Disconnect: true},
		"reactions[0].wait":            {On: "a", Wait: -1, Disconnect: true},
		"reactions[0].set.colour":      {On: "a", Set: map[string]string{"colour": "1"}},
		"reactions[0].set.on":          {On: "a", Set: map[string]string{"on": "1 + 1"}},
		"reactions[0].set.name":        {On: "a", Set: map[string]string{"name": "size"}},
		"reactions[0].publish.topic":   {On: "a", Publish: &Publish{Payload: "x"}},
		"reactions[0].publish.payload": {On: "a", Publish: &Publish{Topic: "b", Payload: "{colour}"}},
		"reactions[0].publish.qos":     {On: "a", Publish: &Publish{Topic: "b", QoS: 3}},
		"reactions[0].reconnect":       {On: "a", Disconnect: true, Reconnect: true},
	} {
		rules, problems := Compile([]Reaction{r}, lamp(t))
		assert.Nil(t, rules)
		require.Len(t, problems, 1, want)
		assert.Equal(t, want, problems[0].Path)
		assert.NotEmpty(t, problems[0].What)
		assert.NotEmpty(t, problems[0].Todo)
	}
	for _, when := range []string{"1", `"yes"`, "topic +", "size"} {
		_, problems := Compile([]Reaction{{On: "a", When: when, Disconnect: true}}, lamp(t))
		assert.Len(t, problems, 1, when)
	}
	_, problems := Compile([]Reaction{{On: "a"}, {On: ""}}, lamp(t))
	assert.Len(t, problems, 3, "all are told: %v", problems)
}

// matchesSlowly is MQTT's matching, the plainest way.
func matchesSlowly(filter, topic string) bool {
	if filter == "#" {
		return true
	}
	head, rest, more := strings.Cut(filter, "/")
	topicHead, topicRest, topicMore := strings.Cut(topic, "/")
	if head != "+" && head != topicHead {
		return false
	}
	switch {
	case more && topicMore:
		return matchesSlowly(rest, topicRest)
	case more:
		return rest == "#" // "a/#" includes "a" [MQTT-4.7.1-2]
	}
	return !topicMore
}

func TestFiltersMatchAsMQTTSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		level := rapid.SampledFrom([]string{"a", "b", ""})
		topic := strings.Join(rapid.SliceOfN(level, 1, 4).Draw(r, "topic"), "/")
		levels := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "", "+"}), 1, 4).Draw(r, "filter")
		if rapid.Bool().Draw(r, "hash") {
			levels = append(levels, "#")
		}
		filter := strings.Join(levels, "/")
		if got, want := matches(levels, strings.Split(topic, "/")), matchesSlowly(filter, topic); got != want {
			r.Fatal(fmt.Sprintf("%q %q: %v", filter, topic, got))
		}
	})
}
