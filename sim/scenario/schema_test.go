package scenario

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the schema anew")

const published = "../../assets/scenario.schema.json"

func TestThePublishedSchemaIsThatOfTheTypes(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(published, Schema(), 0o644)) //nolint:gosec // it is published
	}
	have, err := os.ReadFile(published)
	require.NoError(t, err)
	assert.Equal(t, string(Schema()), string(have), "go test ./sim/scenario -update writes it")
}

func TestEveryNameIsDescribedAndNothingElse(t *testing.T) {
	left := maps.Clone(facts)
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(typ.Elem())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			for name, f := range fieldsOf(typ) {
				key := typeName(typ) + "." + name
				assert.NotEmpty(t, facts[key].says, key)
				delete(left, key)
				visit(f.Type)
			}
		}
	}
	visit(reflect.TypeFor[Scenario]())
	visit(reflect.TypeFor[Kind]())
	assert.Empty(t, slices.Sorted(maps.Keys(left)), "facts of names that there are not")
}

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource(SchemaID, doc))
	s, err := c.Compile(SchemaID)
	require.NoError(t, err)
	return s
}

// maker makes values of a type, most of them of the right form.
type maker struct {
	t     *rapid.T
	wrong int // in a hundred, how often something else stands there
}

func (m maker) chance(of int) bool { return rapid.IntRange(1, 100).Draw(m.t, "chance") <= of }

var odd = []any{nil, true, 1, -1, 2.5, 1e12, "", "x", "5", "1s", "-3m", []any{}, []any{1}, map[string]any{}, map[string]any{"x": 1}}

func (m maker) value(t reflect.Type, about fact, depth int) any {
	if m.chance(m.wrong) {
		return rapid.SampledFrom(odd).Draw(m.t, "odd")
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == durationType {
		return rapid.SampledFrom([]string{"1s", "20ms", "1m30s", "0s", "24h", "1.5s"}).Draw(m.t, "duration")
	}
	switch t.Kind() {
	case reflect.Struct:
		return m.group(t, depth)
	case reflect.Map:
		all := map[string]any{}
		for range rapid.IntRange(0, 2).Draw(m.t, "entries") {
			all[rapid.SampledFrom([]string{"a", "b", "on", "target"}).Draw(m.t, "key")] = m.value(t.Elem(), fact{}, depth+1)
		}
		return all
	case reflect.Slice:
		all := []any{}
		for range rapid.IntRange(0, max(0, 3-depth/2)).Draw(m.t, "length") {
			all = append(all, m.value(t.Elem(), about, depth+1))
		}
		return all
	case reflect.String:
		if len(about.enum) > 0 {
			return rapid.SampledFrom(about.enum).Draw(m.t, "one of them")
		}
		return rapid.SampledFrom([]string{"a", "b", "a/b", "x y", "{device}", "true", "1", `{"led":"ON"}`, "a: b", "#"}).Draw(m.t, "text")
	case reflect.Bool:
		return rapid.Bool().Draw(m.t, "switch")
	case reflect.Interface:
		return rapid.SampledFrom([]any{1, 2.5, "x", true}).Draw(m.t, "any")
	}
	lowest, highest := about.bounds(t)
	if isWhole(t) {
		return rapid.IntRange(int(lowest)-m.wrong/10, int(min(highest, 1e9))+m.wrong/10).Draw(m.t, "whole")
	}
	return rapid.SampledFrom([]float64{0, 1, 21.5, 3, 1000}).Draw(m.t, "number")
}

func (m maker) group(t reflect.Type, depth int) any {
	all := map[string]any{}
	fields := fieldsOf(t)
	if t == stepType {
		verbs := namesOf(t)
		for range 1 + rapid.IntRange(0, 20).Draw(m.t, "verbs")*m.wrong/400 {
			verb := rapid.SampledFrom(verbs).Draw(m.t, "verb")
			if depth > 8 && (verb == "parallel" || verb == "repeat") {
				verb = "wait"
			}
			all[verb] = m.value(fields[verb].Type, factOf(t, verb), depth+1)
		}
		return all
	}
	for _, name := range namesOf(t) {
		about := factOf(t, name)
		if about.needed && !m.chance(m.wrong) || m.chance(25) {
			all[name] = m.value(fields[name].Type, about, depth+1)
		}
	}
	if m.chance(m.wrong) {
		all["unheard_of"] = 1
	}
	return all
}

func TestSchemaAndParserAgreeOnTheFormOfEveryScenario(t *testing.T) {
	schema := compiled(t)
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := maker{t, rapid.SampledFrom([]int{0, 0, 1, 5, 20}).Draw(t, "mistakes in a hundred")}
		agree(t, schema, m.value(reflect.TypeFor[Scenario](), fact{}, 0), &accepted, &refused)
	})
	assert.Positive(t, accepted)
	assert.Positive(t, refused)
}

func agree(t require.TestingT, schema *jsonschema.Schema, made any, accepted, refused *int) {
	content, err := json.Marshal(made)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	require.NoError(t, err)
	wrong := schema.Validate(value)
	s, mistakes := Parse(content, nil)
	if wrong == nil {
		*accepted++
		for _, m := range mistakes {
			require.False(t, m.form, "the schema accepts %s, and the parser cannot read it: %v", content, m)
		}
		return
	}
	*refused++
	require.Nil(t, s, "the parser accepts %s, and the schema does not: %v", content, wrong)
}

// A scenario that is right in form and meaning is broken in one place at a time: both must see it, or neither.
func TestSchemaAndParserAgreeOnEveryChangeOfAGoodScenario(t *testing.T) {
	s, mistakes := Parse([]byte(good), nil)
	require.Empty(t, mistakes)
	content, err := json.Marshal(s)
	require.NoError(t, err)
	var made any
	require.NoError(t, json.Unmarshal(content, &made))
	schema := compiled(t)
	accepted, refused := 0, 0
	agree(t, schema, made, &accepted, &refused)
	require.Equal(t, 1, accepted, "the scenario itself")
	var visit func(at any)
	visit = func(at any) {
		each := func(old any, set func(any)) {
			for _, other := range odd {
				set(other)
				agree(t, schema, made, &accepted, &refused)
			}
			set(old)
			visit(old)
		}
		switch at := at.(type) {
		case map[string]any:
			for name, old := range at {
				delete(at, name)
				agree(t, schema, made, &accepted, &refused)
				each(old, func(v any) { at[name] = v })
			}
			at["unheard_of"] = true
			agree(t, schema, made, &accepted, &refused)
			delete(at, "unheard_of")
		case []any:
			for i, old := range at {
				each(old, func(v any) { at[i] = v })
			}
		}
	}
	visit(made)
	assert.Greater(t, accepted, 100)
	assert.Greater(t, refused, 500)
}
