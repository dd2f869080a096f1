package script

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATemplateIsFilledWithWhatIsKnown(t *testing.T) {
	known := map[string]any{"device": "lamp", "on": true, "level": 0.5, "count": 3.0}
	look := func(name string) (any, bool) { v, ok := known[name]; return v, ok }
	for text, want := range map[string]string{
		"": "", "plain": "plain", "{device}": "lamp", "{ device }/{on}": "lamp/true", `{{"level":{level},"n":{count}}}`: `{"level":0.5,"n":3}`,
	} {
		template, err := Parse(text)
		require.NoError(t, err, text)
		got, err := template.Fill(look)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
	}
	for text, want := range map[string]string{"a{b": "character 2", "a}b": "character 2", "{}": "not a name", "{1a}": "not a name", "{a{b}}": "not closed"} {
		_, err := Parse(text)
		assert.ErrorContains(t, err, want, text)
	}
	template, err := Parse("{colour}")
	require.NoError(t, err)
	assert.Equal(t, []string{"colour"}, template.Names())
	_, err = template.Fill(look)
	assert.ErrorContains(t, err, "colour")
}

func TestATemplateMakesNoTextWithoutEnd(t *testing.T) {
	template, err := Parse(strings.Repeat("{x}", 10))
	require.NoError(t, err)
	_, err = template.Fill(func(string) (any, bool) { return strings.Repeat("y", MaxText/5), true })
	assert.ErrorContains(t, err, "longer than")
}

func TestStateKeepsItsNamesAndTypes(t *testing.T) {
	s, err := NewState(map[string]any{"on": false, "level": 3, "name": "x"})
	require.NoError(t, err)
	require.NoError(t, s.Set("on", true))
	require.NoError(t, s.Set("level", uint64(4)))
	assert.Equal(t, map[string]any{"on": true, "level": 4.0, "name": "x"}, s.All())
	assert.ErrorContains(t, s.Set("colour", 1), "no state")
	assert.ErrorContains(t, s.Set("on", "yes"), "is a switch")
	assert.ErrorContains(t, s.Set("level", []int{1}), "is a number")
	_, err = NewState(map[string]any{"a b": 1})
	assert.ErrorContains(t, err, "not a name")
	_, err = NewState(map[string]any{"list": []any{1}})
	assert.ErrorContains(t, err, "cannot be a value")
	var none *State
	_, known := none.Get("on")
	assert.False(t, known)
	assert.Empty(t, none.All())
}
