package scenario

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheReadyMadeKindsAreRead(t *testing.T) {
	assert.Equal(t, []string{"button", "lamp", "lock", "meter", "thermostat"}, kindIDs())
	for _, k := range Kinds() {
		assert.NotEmpty(t, k.Name, k.ID)
		assert.NotEmpty(t, k.Description, k.ID)
	}
}

func TestAKindIsReadAsStrictlyAsAScenario(t *testing.T) {
	for text, path := range map[string]string{
		"name: x\nbehaviour: {reprots: []}": "behaviour.reprots",
		"name: x":                           "behaviour",
		"name: x\nid: y\nbehaviour: {}":     "id",
		"name: x\nbehaviour: {reactions: [{on: a, set: {b: 1}}]}":          "behaviour.reactions[0].set.b",
		"name: x\nbehaviour: {reactions: [{on: a, set: {b: \"1\"}}]}":      "behaviour.reactions[0].set.b",
		"name: x\nbehaviour: {reports: [{topic: a, every: 1s, qos: 1}]}\n": "behaviour.reports[0].fields",
	} {
		k, mistakes := ParseKind("x", []byte(text), nil)
		assert.Nil(t, k)
		require.Len(t, mistakes, 1, text)
		assert.Equal(t, path, mistakes[0].Path, text)
		assert.Positive(t, mistakes[0].Line, text)
	}
}

func TestADeviceHasAKindOrABehaviour(t *testing.T) {
	scenario := func(device string) string {
		return "name: x\ndevices:\n  one: " + device + "\nsteps:\n  - start: one\n"
	}
	s, mistakes := Parse([]byte(scenario("{kind: lamp}")), nil)
	require.Empty(t, mistakes)
	assert.NotNil(t, s.Devices["one"].behaviour())
	for device, what := range map[string]string{
		"{kind: lmap}": "no kind", "{kind: lamp, behaviour: {}}": "its kind", "{}": "no behaviour",
	} {
		_, mistakes := Parse([]byte(scenario(device)), nil)
		require.NotEmpty(t, mistakes, device)
		assert.True(t, strings.Contains(mistakes[0].What, what), mistakes[0].What)
	}
}
