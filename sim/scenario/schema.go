package scenario

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"

	"gatehouse/sim/rules"
)

var stepType = reflect.TypeFor[Step]()

// fact is what a type does not say of a field.
type fact struct {
	says   string // for an editor’s completion
	needed bool   // it must be there, and a text must not be empty
	enum   []string
	min    *float64
	max    *float64
}

// mostWhole bounds whole numbers that have no bounds of their own.
const mostWhole = 1_000_000_000

func (a fact) bounds(t reflect.Type) (lowest, highest float64) {
	lowest, highest = -math.MaxFloat64, math.MaxFloat64
	if isWhole(t) {
		lowest, highest = -mostWhole, mostWhole
	}
	if t.Kind() == reflect.Uint8 || t.Kind() == reflect.Uint64 {
		lowest = 0
	}
	if a.min != nil {
		lowest = *a.min
	}
	if a.max != nil {
		highest = *a.max
	}
	return lowest, highest
}

func isWhole(t reflect.Type) bool { return t.Kind() != reflect.Float64 }

func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// fieldsOf are a type's fields by their names in a file.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	all := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		if name := nameOf(f); name != "" {
			all[name] = f
		}
	}
	return all
}

// namesOf are their names, in the order of the type.
func namesOf(t reflect.Type) (names []string) {
	for _, f := range reflect.VisibleFields(t) {
		if name := nameOf(f); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// factOf finds what is known of a field.
func factOf(t reflect.Type, name string) fact { return facts[typeName(t)+"."+name] }

// typeName names a type in facts and schema.
func typeName(t reflect.Type) string {
	if t == reflect.TypeFor[rules.Publish]() { // a step has one of its own
		return "Answer"
	}
	return t.Name()
}

// SchemaID names the schema; it is not an address to load it from.
const SchemaID = "urn:gatehouse:scenario"

// object is a JSON object that keeps the order of its names.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Schema is the JSON Schema (draft 2020-12) of a scenario's form. What it cannot say, such as that a step names a device of the file, only Parse finds.
func Schema() []byte {
	s := &schemer{known: map[string]bool{}}
	root := s.group(reflect.TypeFor[Scenario]())
	all := append(object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"$id", SchemaID}, {"title", "A scenario of Gatehouse"}}, root...)
	all = append(all, member{"$defs", s.defs})
	compact, err := json.Marshal(all)
	if err != nil { // it holds texts and numbers only
		panic(err)
	}
	var b bytes.Buffer
	_ = json.Indent(&b, compact, "", "  ")
	b.WriteByte('\n')
	return b.Bytes()
}

// schemer collects the types that it meets.
type schemer struct {
	known map[string]bool
	defs  object
}

func (s *schemer) group(t reflect.Type) object {
	fields := fieldsOf(t)
	var properties object
	var required []string
	var verbs []object
	for _, name := range namesOf(t) {
		about := factOf(t, name)
		properties = append(properties, member{name, s.described(fields[name].Type, about)})
		switch {
		case t == stepType && name != "name":
			verbs = append(verbs, object{{"required", []string{name}}})
		case about.needed:
			required = append(required, name)
		}
	}
	all := object{{"type", "object"}, {"additionalProperties", false}, {"properties", properties}}
	if len(required) > 0 {
		all = append(all, member{"required", required})
	}
	if len(verbs) > 0 {
		all = append(all, member{"oneOf", verbs})
	}
	return all
}

func (s *schemer) described(t reflect.Type, about fact) object {
	all := s.value(t, about)
	if about.says != "" {
		all = append(object{{"description", about.says}}, all...)
	}
	return all
}

func (s *schemer) value(t reflect.Type, about fact) object {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == durationType {
		return object{{"type", "string"}, {"pattern", durationForm}, {"examples", []string{"500ms", "2s", "1m30s"}}}
	}
	switch t.Kind() {
	case reflect.Struct:
		if !s.known[typeName(t)] {
			s.known[typeName(t)] = true
			at := len(s.defs)
			s.defs = append(s.defs, member{typeName(t), nil})
			s.defs[at].value = s.group(t)
		}
		return object{{"$ref", "#/$defs/" + typeName(t)}}
	case reflect.Map:
		return object{{"type", "object"}, {"additionalProperties", s.value(t.Elem(), fact{})}}
	case reflect.Slice:
		return object{{"type", "array"}, {"items", s.value(t.Elem(), about)}}
	case reflect.String:
		all := object{{"type", "string"}}
		if len(about.enum) > 0 {
			all = append(all, member{"enum", about.enum})
		} else if about.needed {
			all = append(all, member{"minLength", 1})
		}
		return all
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.Interface:
		return object{{"type", []string{"number", "string", "boolean"}}}
	}
	if !isWhole(t) {
		all := object{{"type", "number"}}
		if about.min != nil {
			all = append(all, member{"minimum", *about.min})
		}
		return all
	}
	lowest, highest := about.bounds(t)
	return object{{"type", "integer"}, {"minimum", lowest}, {"maximum", highest}}
}
