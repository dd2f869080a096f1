package scenario

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAScenarioThatNeedsAGatewaySaysSoBeforeAnythingStarts(t *testing.T) {
	w := plain(t)
	for text, want := range map[string][2]string{
		"devices: {a: {}}\nsteps: [{create: a}, {connect: {device: a}}]":                                           {},
		"devices: {a: {}}\nsteps: [{connect: {device: a}}, {enable: a}]":                                           {"steps[1]", "enable"},
		"devices: {a: {}}\nsteps: [{set: {document: d, json: '1'}}]":                                               {"steps[0]", "set a document"},
		"devices: {a: {disabled: true}}\nsteps: [{create: a}]":                                                     {"devices.a", "disabled"},
		"devices: {a: {}}\nsteps: [{parallel: [{wait: 1ms}, {connect: {device: a, code: 5}}]}]":                    {"steps[0].parallel[1]", "code 5"},
		"devices: {a: {}}\nsteps: [{repeat: {times: 1, steps: [{connect: {device: a, wrong_secret: true}}]}}]":     {"steps[0].repeat.steps[0]", "credential"},
		"devices: {a: {}}\nsteps: [{connect: {device: a}}, {subscribe: {device: a, filter: sync/docs/x}}]":         {"steps[1]", "Sync"},
		"devices: {a: {}, b: {like: a}}\nsteps: [{wait: 1ms}]":                                                     {"devices.b.like", "client ids"},
		"devices: {a: {client_id: x}, b: {like: a, client_id: x}}\nsteps: [{wait: 1ms}]":                           {},
		"target: gateway\ndevices: {a: {}}\nsteps: [{wait: 1ms}]":                                                  {"target", "target"},
		"target: any\ndevices: {a: {}}\nsteps: [{connect: {device: a, code: 5, wrong_secret: true}}]":              {},
		"devices: {a: {will: {topic: sync/docs/x}}}\nsteps: [{wait: 1ms}]":                                         {"devices.a.will", "Sync"},
		"devices: {a: {}}\nsteps: [{connect: {device: a, code: 0}}, {publish: {device: a, topic: synchronous/a}}]": {},
	} {
		s := parsed(t, "name: x\n"+text+"\n")
		where, why := s.NeedsGateway()
		assert.Equal(t, want[0], where, text)
		assert.Contains(t, why, want[1], text)
		assert.Equal(t, where == "", why == "", text)
		if why != "" {
			r := Run(t.Context(), s, Params{World: w, Told: func(e Event) { t.Errorf("%s: %s begins", text, e.Path) }})
			assert.False(t, r.Held)
			assert.Contains(t, r.Why, "needs a gateway")
			assert.Equal(t, where, r.Where)
		}
	}
}

// TestNothingIsLeftOnAServerThatIsNotTheScenariosOwn plays twice: a second run would find the session and the retained message of the first.
func TestNothingIsLeftOnAServerThatIsNotTheScenariosOwn(t *testing.T) {
	w := plain(t)
	s := parsed(t, `name: x
devices: {a: {client_id: always-the-same}, b: {clean: true}}
steps:
  - parallel: [{create: a}, {create: b}]
  - connect: {device: b}
  - subscribe: {device: b, filter: kept/#}
  - expect_no_message: {device: b, payload: here, within: 50ms} # the broker acknowledges the removal before it tells of it
  - connect: {device: a, session_present: false}
  - subscribe: {device: a, filter: x/#, qos: 1}
  - publish: {device: a, topic: kept/a, payload: here, qos: 1, retain: true}
  - fault: {device: a, cut: true}
  - connect: {device: a, session_present: true}
`)
	for range 2 {
		r := Run(t.Context(), s, Params{World: w})
		require.True(t, r.Held, "%s: %s", r.Where, r.Why)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := Run(ctx, s, Params{World: w, Told: func(e Event) {
		if e.Path == "steps[6]" && e.Outcome == Held { // the message is there
			stop()
		}
	}})
	require.False(t, r.Held)
	r = Run(t.Context(), s, Params{World: w})
	require.True(t, r.Held, "after one that was interrupted: %s: %s", r.Where, r.Why)
}

func TestNamesInBracesAreFilledInAndBinaryPayloadsSentAsTheyAre(t *testing.T) {
	w := plain(t)
	r := Run(t.Context(), parsed(t, `name: x
devices:
  a: {name: lamp, client_id: "c-{sid}", will: {topic: "{device}/will", base64: AP8=}}
  b: {clean: true}
steps:
  - create: a
  - connect: {device: b}
  - subscribe: {device: b, filter: "#"}
  - connect: {device: a}
  - publish: {device: a, topic: "{device}/{n}", payload: "{sid} {{n}} {{sid}} {other} {n}", qos: 1, times: 2}
  - expect_message: {device: b, topic: lamp/2, payload: "lamp {n} {sid} {other} 2"}
  - publish: {device: a, topic: "{{n}}", base64: AAEC/w==}
  - expect_message: {device: b, topic: "{n}", base64: AAEC/w==}
  - subscribe: {device: a, filter: "{device}/orders"}
  - publish: {device: b, topic: lamp/orders, payload: x}
  - expect_message: {device: a, payload: x}
  - unsubscribe: {device: a, filter: "{device}/orders"}
  - fault: {device: a, cut: true}
  - expect_message: {device: b, topic: lamp/will, base64: AP8=}
`), Params{World: w})
	require.True(t, r.Held, "%s: %s", r.Where, r.Why)
}

// TestALiteralStandsForItself: whatever a text holds, written as a literal it is filled in to what it was.
func TestALiteralStandsForItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"{", "}", "n", "sid", "device", "{n}", "{{n}}", "x", "{sid}"})).Draw(t, "parts")
		text := strings.Join(parts, "")
		p := &play{scenario: &Scenario{}, cast: map[string]*actor{}}
		if got := p.fill(&actor{name: "a"}, Literal(text), 7); got != text {
			t.Fatalf("%q became %q by %q", text, got, Literal(text))
		}
	})
}
