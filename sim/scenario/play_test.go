package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim"
	"gatehouse/sim/ordinary"
	"gatehouse/sim/simtest"
)

func TestMain(m *testing.M) { simtest.Main(m) }

// plain is an ordinary broker as a World.
func plain(t *testing.T) Plain {
	t.Helper()
	config, root := simtest.Server()
	b, err := ordinary.Start(ordinary.Params{TLS: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return Plain{URL: b.URL(), RootPEM: root}
}

func parsed(t *testing.T, text string) *Scenario {
	t.Helper()
	s, mistakes := Parse([]byte(text), nil)
	require.Empty(t, mistakes)
	return s
}

const steps = `name: x
target: any
timeout: 10s
devices:
  a: {clean: true}
  b:
    pace: 100
    behaviour:
      state: {on: false}
      reports: [{topic: b/n, every: 5s, qos: 1, fields: [{name: n, kind: counter}]}]
      reactions: [{on: lamp, set: {on: 'text == "ON"'}}]
steps:
`

func TestAScenarioHoldsWhenEverythingIsAsExpected(t *testing.T) {
	w := plain(t)
	var told []string
	r := Run(t.Context(), parsed(t, steps+`
  - connect: {device: a, session_present: false}
  - subscribe: {device: a, filter: "#", qos: 1}
  - repeat: {times: 3, steps: [{publish: {device: a, topic: "a/{n}", payload: "{n}", qos: 1}}]}
  - expect_message: {device: a, topic: a/3, payload: "3"}
  - expect_no_message: {device: a, topic: a/+, within: 20ms}
  - parallel:
      - start: b
      - wait: 10ms
  - expect_message: {device: a, topic: b/n, when: json.n >= 2}
  - publish: {device: a, topic: lamp, payload: "ON", qos: 1}
  - expect_state: {device: b, phase: connected, values: {on: true}, sent: 1, attempts: 1}
  - fault: {device: b, reset: true}
  - expect_state: {device: b, attempts: 2}
  - stop: b
  - disconnect: a
  - expect_state: {device: a, connected: false}
`), Params{World: w, Told: func(e Event) {
		told = append(told, fmt.Sprint(e.Path, " ", e.Outcome))
	}})
	require.True(t, r.Held, "%s: %s", r.Where, r.Why)
	assert.Len(t, r.Events, 19)
	assert.Equal(t, "steps[0] running", told[0])
	assert.Equal(t, "steps[0] held", told[1])
	assert.Contains(t, told, "steps[2].repeat.steps[0] held")
	assert.Equal(t, "a connects", r.Events[0].Title)
}

func TestTheFirstStepThatBreaksEndsTheScenarioAndSaysWhy(t *testing.T) {
	w := plain(t)
	for step, why := range map[string]string{
		"connect: {device: a, code: 4}":                             "code 4 was expected, but CONNACK 0 came",
		"connect: {device: a, code: -1}":                            "expected to fail",
		"connect: {device: a, session_present: true}":               "session present",
		"publish: {device: a, topic: t}":                            "not connected",
		"expect_message: {device: a, within: 20ms}":                 "0 of 1 messages came within 20ms",
		"expect_state: {device: a, connected: true, within: 20ms}":  "connected is false, not true",
		"expect_state: {device: b, phase: connected, within: 20ms}": "not started",
		"stop: b":                                        "not started",
		"fault: {device: a, send: qos_3}":                "not connected",
		"repeat: {times: 2, steps: [{stop: b}]}":         "round 1 of 2",
		"parallel: [{wait: 1h}, {stop: b}]":              "not started",
		"connect: {device: a, protocol: \"5\", code: 5}": "code 5 was expected",
		"expect_message: {device: a, within: 20ms, when: json.a.b == 1, topic: t/+/x}": "0 of 1",
	} {
		r := Run(t.Context(), parsed(t, steps+"  - "+step+"\n  - start: b\n"), Params{World: w})
		assert.False(t, r.Held, step)
		assert.Contains(t, r.Why, why, step)
		assert.True(t, strings.HasPrefix(r.Where, "steps[0]"), r.Where)
		last := r.Events[len(r.Events)-1]
		assert.Equal(t, Skipped, last.Outcome)
		assert.Equal(t, "steps[1]", last.Path)
	}
}

func TestAScenarioEndsWhenItIsStoppedOrTakesTooLong(t *testing.T) {
	w := plain(t)
	began := time.Now()
	r := Run(t.Context(), parsed(t, strings.Replace(steps, "timeout: 10s", "timeout: 50ms", 1)+"  - wait: 1h\n"), Params{World: w})
	assert.Contains(t, r.Why, "longer than 50ms")
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	r = Run(ctx, parsed(t, steps+"  - start: b\n  - wait: 1h\n"), Params{World: w, Told: func(e Event) {
		if e.Path == "steps[1]" {
			cancel()
		}
	}})
	assert.Equal(t, "the scenario was stopped", r.Why)
	assert.Less(t, time.Since(began), 10*time.Second)
}

func TestACarelessDeviceTakesAnyCertificateAndACarefulOneDoesNot(t *testing.T) {
	w := plain(t)
	w.RootPEM = nil // the root is not known
	r := Run(t.Context(), parsed(t, `name: x
target: any
devices: {careless: {trust: everybody}, careful: {}}
steps:
  - connect: {device: careful, code: -1, failure: trust}
  - connect: {device: careless}
`), Params{World: w})
	assert.True(t, r.Held, "%s %s", r.Where, r.Why)
}

func TestADeviceTrustsTheAuthoritiesInAFileOfItsOwn(t *testing.T) {
	w := plain(t)
	files := map[string][]byte{"root.pem": w.RootPEM, "none.pem": []byte("no certificate")}
	open := func(name string) ([]byte, error) {
		if content, there := files[name]; there {
			return content, nil
		}
		return nil, errors.New("there is no such file")
	}
	w.RootPEM = nil // the target's root is not known
	const text = "name: x\ntarget: any\ndevices: {a: {ca: root.pem}, b: {}}\nsteps: [{connect: {device: b, code: -1, failure: trust}}, {connect: {device: a}}]\n"
	s, mistakes := Parse([]byte(text), open)
	require.Empty(t, mistakes)
	r := Run(t.Context(), s, Params{World: w, Open: open})
	assert.True(t, r.Held, "%s %s", r.Where, r.Why)
	for _, wrong := range []string{"{ca: none.pem}", "{ca: away.pem}", "{ca: root.pem, trust: system}"} {
		_, mistakes := Parse([]byte(strings.Replace(text, "{ca: root.pem}", wrong, 1)), open)
		require.Len(t, mistakes, 1, wrong)
		assert.Equal(t, "devices.a.ca", mistakes[0].Path)
	}
	_, mistakes = Parse([]byte(text), nil)
	assert.Len(t, mistakes, 1, "there are no files")
}

func TestEveryFaultOfAStepIsSwitched(t *testing.T) {
	w := plain(t)
	r := Run(t.Context(), parsed(t, steps+`
  - connect: {device: a}
  - subscribe: {device: a, filter: t, qos: 1}
  - fault: {device: a, latency: 60ms}
  - publish: {device: a, topic: u, qos: 1}
  - fault: {device: a, duplicate: 1}
  - publish: {device: a, topic: t, payload: twice, qos: 1}
  - expect_message: {device: a, count: 2, payload: twice}
  - fault: {device: a, half_open: true}
  - publish: {device: a, topic: t, payload: late}
  - expect_no_message: {device: a, within: 60ms}
  - fault: {device: a, none: true}
  - expect_message: {device: a, payload: late}
  - fault: {device: a, send: reserved_type}
  - expect_state: {device: a, connected: false}
  - connect: {device: a}
  - fault: {device: a, cut: true}
  - expect_state: {device: a, connected: false}
`), Params{World: w})
	require.True(t, r.Held, "%s: %s", r.Where, r.Why)
	for _, e := range r.Events {
		if e.Path == "steps[3]" {
			assert.GreaterOrEqual(t, e.Took, 120*time.Millisecond)
		}
	}
}

// TestEveryFaultOfAClientAndALineIsFeltByTheServer plays the others, each in a scenario of its own.
func TestEveryFaultOfAClientAndALineIsFeltByTheServer(t *testing.T) {
	w := plain(t)
	long := strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		text string
		took time.Duration // of the last step at least
	}{
		"a narrow line": {`
  - connect: {device: a}
  - fault: {device: a, bytes_per_second: 4000}
  - publish: {device: a, topic: line, payload: ` + long + `, qos: 1}
`, 400 * time.Millisecond},
		"slow reads": {`
  - connect: {device: a}
  - subscribe: {device: a, filter: slow}
  - fault: {device: a, read_bytes_per_second: 4000}
  - publish: {device: a, topic: slow, payload: ` + long + `}
  - expect_message: {device: a}
`, 400 * time.Millisecond},
		"pieces that jitter": {`
  - connect: {device: a}
  - subscribe: {device: a, filter: pieces}
  - fault: {device: a, fragment: 40, latency: 10ms, jitter: 10ms}
  - publish: {device: a, topic: pieces, payload: ` + long + `, qos: 1}
  - expect_message: {device: a, payload: ` + long + `}
`, 0},
		"an acknowledgement that is missing": {`
  - connect: {device: kept}
  - subscribe: {device: kept, filter: order, qos: 1}
  - fault: {device: kept, drop_acks: 1}
  - publish: {device: kept, topic: order, payload: once, qos: 1}
  - expect_message: {device: kept, payload: once}
  - publish: {device: kept, topic: order, payload: twice, qos: 1}
  - expect_message: {device: kept, payload: twice}
  - connect: {device: kept, session_present: true}
  - expect_message: {device: kept, payload: once}
  - expect_no_message: {device: kept, payload: twice, within: 50ms}
`, 0},
		"an ignored keepalive": {`
  - connect: {device: hasty}
  - fault: {device: hasty, ignore_keepalive: true}
  - expect_state: {device: hasty, connected: false}
`, time.Second},
		"a wrong clock": {`
  - connect: {device: a}
  - fault: {device: a, clock_off: 87600h}
  - expect_state: {device: a, connected: true}
  - connect: {device: a, code: -1, failure: expired}
  - fault: {device: a, none: true}
  - connect: {device: a}
`, 0},
		"a storm that blows over": {`
  - start: b
  - expect_state: {device: b, phase: connected}
  - fault: {device: b, storm: 50ms}
  - expect_state: {device: b, attempts: 5}
  - fault: {device: b, none: true}
  - expect_state: {device: b, phase: connected}
`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			devices := strings.Replace(steps, "devices:\n", "devices:\n  kept: {}\n  hasty: {keepalive: 1s}\n", 1)
			r := Run(t.Context(), parsed(t, devices+c.text), Params{World: w})
			require.True(t, r.Held, "%s: %s", r.Where, r.Why)
			assert.GreaterOrEqual(t, r.Events[len(r.Events)-1].Took, c.took)
		})
	}
}

func TestAFaultIsAllThatIsWrongFromThenOn(t *testing.T) {
	w := plain(t)
	r := Run(t.Context(), parsed(t, steps+`
  - connect: {device: a}
  - fault: {device: a, half_open: true, drop_acks: 5}
  - fault: {device: a, fragment: 100}
  - subscribe: {device: a, filter: t, qos: 1}
  - publish: {device: a, topic: t, qos: 1}
  - expect_message: {device: a}
`), Params{World: w})
	require.True(t, r.Held, "%s: %s", r.Where, r.Why)
	for text, path := range map[string]string{
		"{device: a, storm: 10ms}":              "steps[0].fault.storm",
		"{device: a, none: true, latency: 1ms}": "steps[0].fault.none",
		"{device: a, latency: 2m}":              "steps[0].fault.latency",
		"{device: a}":                           "steps[0].fault",
	} {
		_, mistakes := Parse([]byte(steps+"  - fault: "+text+"\n"), nil)
		require.Len(t, mistakes, 1, text)
		assert.Equal(t, path, mistakes[0].Path)
	}
}

func TestEveryStepHasATitle(t *testing.T) {
	s := parsed(t, good)
	for _, one := range append(s.Steps, s.Steps[2].Parallel...) {
		assert.NotEmpty(t, one.Title())
		assert.NotEqual(t, "nothing", one.Title())
	}
}

// registry is a World that notes what it is told.
type registry struct {
	Plain
	notes []string
}

func (r *registry) note(format string, a ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, a...))
}

func (r *registry) Create(_ context.Context, d NewDevice) (string, sim.Credential, error) {
	r.note("create %s %s %v %v", d.Name, d.Credential, d.Disabled, d.Undeployed)
	return "TH-" + d.Name, sim.Credential{KeySID: "KY-" + d.Name, Secret: "s"}, nil
}

func (r *registry) Change(_ context.Context, sid string, what Change) error {
	r.note("%s %s", what, sid)
	return nil
}

func (r *registry) Enrol(_ context.Context, sid string, kind CredentialKind) (sim.Credential, error) {
	r.note("enrol %s %s", sid, kind)
	return sim.Credential{KeySID: "KY-2", Secret: "s"}, nil
}

func (r *registry) Revoke(_ context.Context, sid string, c sim.Credential) error {
	r.note("revoke %s %s", sid, c.KeySID)
	return nil
}

func (r *registry) SetDocument(_ context.Context, name string, json []byte) error {
	r.note("set %s %s", name, json)
	return nil
}

func TestTheRegistryIsToldWhatStepsSay(t *testing.T) {
	r := &registry{Plain: plain(t)}
	result := Run(t.Context(), parsed(t, `name: x
devices: {a: {name: lamp, disabled: true, credential: certificate}, b: {like: a}}
steps:
  - create: a
  - enable: a
  - connect: {device: b}
  - enrol: a
  - revoke: a
  - disable: a
  - deploy: a
  - undeploy: a
  - set: {document: BoardLED, json: '{"led":"ON"}'}
  - delete: a
`), Params{World: r})
	require.True(t, result.Held, result.Why)
	assert.Equal(t, []string{
		"create lamp certificate true false", "enable TH-lamp", "enrol TH-lamp certificate", "revoke TH-lamp KY-2", "disable TH-lamp",
		"deploy TH-lamp", "undeploy TH-lamp", `set BoardLED {"led":"ON"}`, "delete TH-lamp",
	}, r.notes)
}

func TestADeviceThatIsNeverCreatedIsFoundBeforeAnythingBegins(t *testing.T) {
	r := &registry{Plain: plain(t)}
	const devices = "name: x\ndevices: {a: {}, b: {like: a}, c: {credential: none}}\nsteps: [{create: c}, {connect: {device: c}}, "
	for step, where := range map[string]string{
		"{connect: {device: a}}": "steps[2]",
		"{connect: {device: b}}": "steps[2]",
		"{disable: a}":           "steps[2]",
		"{enrol: a}":             "steps[2]",
		"{revoke: a}":            "steps[2]",
		"{parallel: [{wait: 1ms}, {connect: {device: a}}]}":            "steps[2].parallel[1]",
		"{repeat: {times: 1, steps: [{delete: a}]}}":                   "steps[2].repeat.steps[0]",
		"{connect: {device: a, no_credential: true}}, {undeploy: a}":   "steps[3]",
		"{create: a}, {connect: {device: b}}, {enrol: a}, {delete: c}": "",
	} {
		s := parsed(t, devices+step+"]\n")
		at, why := s.NeedsCreate()
		assert.Equal(t, where, at, step)
		if where == "" {
			continue
		}
		assert.Contains(t, why, "never created")
		result := Run(t.Context(), s, Params{World: r, Told: func(e Event) { t.Errorf("%s: %s begins", step, e.Path) }})
		assert.False(t, result.Held)
		assert.Equal(t, where, result.Where)
	}
	assert.Empty(t, r.notes)
}

func TestStepsThatNobodyCanMeetAreMistakes(t *testing.T) {
	for text, path := range map[string]string{
		"stop: b": "steps[0].stop",
		"repeat: {times: 2, steps: [{expect_state: {device: b, sent: 1}}]}": "steps[0].repeat.steps[0].expect_state",
		"expect_state: {device: b, connected: true, phase: connected}":      "steps[0].expect_state",
	} {
		_, mistakes := Parse([]byte(steps+"  - "+text+"\n"), nil)
		require.Len(t, mistakes, 1, text)
		assert.Equal(t, path, mistakes[0].Path)
		assert.Positive(t, mistakes[0].Line)
		_, mistakes = Parse([]byte(steps+"  - start: b\n  - "+text+"\n"), nil)
		assert.Empty(t, mistakes)
	}
	_, mistakes := Parse([]byte("name: x\ndevices: {a: {}, b: {like: a}}\nsteps: [{create: b}]\n"), nil)
	require.Len(t, mistakes, 1)
	assert.Contains(t, mistakes[0].What, "uses the identity of a")
}

func TestWhoeverShowsAScenarioTakesHisTime(t *testing.T) {
	s := parsed(t, `name: x
target: any
timeout: 1s
devices: {a: {}}
steps:
  - wait: 1ms
  - parallel: [{wait: 1ms}, {wait: 1ms}]
  - repeat: {times: 3, steps: [{wait: 1ms}, {wait: 1ms}]}
`)
	asked := 0
	r := Run(t.Context(), s, Params{World: Plain{}, Between: func(ctx context.Context) error {
		asked++
		return wait(ctx, 600*time.Millisecond) // twice is more than the timeout
	}})
	require.True(t, r.Held, r.Why)
	assert.Equal(t, 2, asked, "before each step of the outermost list but the first")

	ctx, cancel := context.WithCancel(t.Context())
	r = Run(ctx, s, Params{World: Plain{}, Between: func(ctx context.Context) error { cancel(); return wait(ctx, time.Minute) }})
	require.False(t, r.Held)
	assert.Equal(t, errStopped.Error(), r.Why)
	require.Len(t, r.Events, 3)
	assert.Equal(t, Skipped, r.Events[1].Outcome)
	assert.Equal(t, Skipped, r.Events[2].Outcome)
}
