package scenario

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const good = `name: A lamp follows its document
timeout: 20s
devices:
  lamp:
    name: lamp-kitchen
    credential: certificate
    behaviour:
      state: {on: false}
      reports:
        - topic: "{device}/temperature"
          every: 5s
          fields:
            - name: degrees
              kind: walk
              min: 15
              max: 30
      reactions:
        - on: sync/docs/BoardLED
          when: json?.led != nil
          set: {on: 'json.led == "ON"'}
  other:
    like: lamp
steps:
  - create: lamp
  - name: It is let in
    connect: {device: lamp, code: 0, within: 2s}
  - parallel:
      - subscribe: {device: lamp, filter: a/#, qos: 1}
      - wait: 10ms
  - repeat:
      times: 3
      steps:
        - publish: {device: lamp, topic: "a/{n}", payload: hi, qos: 1}
  - expect_message: {device: lamp, topic: a/+, when: text == "hi", count: 3}
  - fault: {device: lamp, latency: 100ms}
  - start: lamp
  - expect_state: {device: lamp, phase: connected, values: {on: true}}
`

func TestAScenarioIsReadAsItIsWritten(t *testing.T) {
	s, mistakes := Parse([]byte(good), nil)
	require.Empty(t, mistakes)
	assert.Equal(t, "A lamp follows its document", s.Name)
	lamp := s.Devices["lamp"]
	assert.Equal(t, Certificate, lamp.Credential)
	assert.Equal(t, 15.0, *lamp.Behaviour.Reports[0].Fields[0].Min)
	assert.Equal(t, `json.led == "ON"`, lamp.Behaviour.Reactions[0].Set["on"])
	require.Len(t, s.Steps, 8)
	assert.Equal(t, 0, *s.Steps[1].Connect.Code)
	assert.Equal(t, "It is let in", s.Steps[1].Name)
	assert.Equal(t, "a/{n}", s.Steps[3].Repeat.Steps[0].Publish.Topic)
}

func TestAMistakeIsToldWithItsLineAndColumn(t *testing.T) {
	change := func(old, text string) string {
		require.Equal(t, 1, strings.Count(good, old), old)
		return strings.Replace(good, old, text, 1)
	}
	for name, c := range map[string]struct {
		text         string
		line, column int
		path, what   string
	}{
		"unknown name":            {change("credential: certificate", "credentials: certificate"), 6, 5, "devices.lamp.credentials", "credentials"},
		"doubled name":            {change("    credential: certificate", "    name: again"), 6, 5, "", "name"},
		"wrong type":              {change("times: 3", "times: often"), 31, 14, "steps[3].repeat.times", "number"},
		"no duration":             {change("timeout: 20s", "timeout: soon"), 2, 10, "timeout", "soon"},
		"not YAML":                {change("steps:\n  - create", "steps: [\n  - create"), 0, 0, "", ""},
		"unknown device":          {change("- create: lamp", "- create: lamb"), 24, 5, "steps[0].create", "lamp, other"},
		"unknown device, deeper":  {change("connect: {device: lamp,", "connect: {device: lamb,"), 26, 15, "steps[1].connect.device", "lamb"},
		"two things at once":      {change("  - create: lamp", "  - create: lamp\n    start: lamp"), 24, 5, "steps[0]", "create, start"},
		"nothing at all":          {change("  - create: lamp", "  - name: empty"), 24, 5, "steps[0]", "nothing"},
		"no such kind of value":   {change("kind: walk", "kind: stroll"), 14, 21, "devices.lamp.behaviour.reports[0].fields[0].kind", "stroll"},
		"a formula that is wrong": {change("when: json?.led != nil", "when: jsn.led"), 19, 11, "devices.lamp.behaviour.reactions[0].when", "jsn"},
		"an alias":                {change("name: lamp-kitchen", "name: &a lamp-kitchen"), 5, 11, "", "anchors"},
		"a circle":                {change("like: lamp", "like: other"), 22, 5, "devices.other.like", "circle"},
		"in a list in a list":     {change("qos: 1}\n  - expect", "qos: 4}\n  - expect"), 33, 69, "steps[3].repeat.steps[0].publish.qos", "between 0 and 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s, mistakes := Parse([]byte(c.text), nil)
			assert.Nil(t, s)
			require.Len(t, mistakes, 1)
			m := mistakes[0]
			if c.line > 0 {
				assert.Equal(t, [2]int{c.line, c.column}, [2]int{m.Line, m.Column}, m.Error())
			}
			assert.Equal(t, c.path, m.Path)
			assert.Contains(t, m.What, c.what)
			assert.NotEmpty(t, m.Todo)
		})
	}
}

func TestAllMistakesOfMeaningAreToldAtOnce(t *testing.T) {
	_, mistakes := Parse([]byte("name: x\ntarget: any\ndevices: {}\nsteps:\n  - enable: a\n  - wait: -1s\n  - repeat: {times: 1, steps: []}\n"), nil)
	assert.Len(t, mistakes, 4, "%v", mistakes)
}

func TestAFileOfAnySizeAndShapeIsAnswered(t *testing.T) {
	for _, text := range []string{"", "# nothing", "a: b\n---\nc: d", "[]", "- 1", "null", strings.Repeat("a", MaxBytes+1), "\xff\xfe", "steps: " + strings.Repeat("[", 1000)} {
		s, mistakes := Parse([]byte(text), nil)
		assert.Nil(t, s)
		assert.NotEmpty(t, mistakes)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name: x\nsteps: [{wait: 1s}]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, mistakes := Parse(content, nil)
		if (s == nil) == (len(mistakes) == 0) {
			t.Fatalf("a scenario %v and mistakes %v", s, mistakes)
		}
	})
}
