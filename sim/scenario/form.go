package scenario

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// former finds where a file has another form than the types of this package, before it is read into them. The published schema is made of the same types and the
// same facts, so that an editor and the program agree.
type former struct{ mistakes []Mistake }

func (f *former) wrong(n ast.Node, path, what, todo string) {
	m := Mistake{Path: path, What: what, Todo: todo, form: true}
	if at := position(n); at != nil {
		m.Line, m.Column = at.Line, at.Column
	}
	f.mistakes = append(f.mistakes, m)
}

// durationForm is the form of a duration; whatever has it fits into a time.Duration.
const durationForm = `^-?[0-9]{1,6}(\.[0-9]{1,9})?(h|m|s|ms|us|µs|ns)([0-9]{1,6}(\.[0-9]{1,9})?(m|s|ms|us|µs|ns)){0,4}$`

var aDuration = regexp.MustCompile(durationForm)

var durationType = reflect.TypeFor[Duration]()

// value compares a node with a type.
func (f *former) value(n ast.Node, t reflect.Type, about fact, path string) {
	n = unwrap(n)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == durationType {
		if s, ok := text(n); !ok || !aDuration.MatchString(s) {
			f.wrong(n, path, fmt.Sprintf("%s is not a duration", shown(n)), "write it as 500ms, 2s or 1m30s")
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		f.group(n, t, path)
	case reflect.Map:
		f.entries(n, func(key, value ast.Node, name string) { f.value(value, t.Elem(), fact{}, join(path, name)) }, path)
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			f.unfit(n, path, "a list")
			return
		}
		for i, one := range list.Values {
			f.value(one, t.Elem(), about, fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.String:
		f.text(n, about, path)
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			f.unfit(n, path, "true or false")
		}
	case reflect.Interface:
		if !isText(n) && !isBool(n) && !isNumber(n) {
			f.unfit(n, path, "a number, a text, true or false")
		}
	default:
		f.number(n, t, about, path)
	}
}

func (f *former) text(n ast.Node, about fact, path string) {
	s, ok := text(n)
	switch {
	case !ok:
		f.unfit(n, path, "a text")
	case len(about.enum) > 0 && !slices.Contains(about.enum, s):
		f.wrong(n, path, fmt.Sprintf("%q is not one of them", s), "use "+alternatives(about.enum))
	case s == "" && about.needed:
		f.wrong(n, path, "it is empty", "give one")
	}
}

func (f *former) number(n ast.Node, t reflect.Type, about fact, path string) {
	v, whole, ok := number(n)
	lowest, highest := about.bounds(t)
	switch {
	case !ok:
		f.unfit(n, path, "a number")
	case isWhole(t) && !whole:
		f.unfit(n, path, "a whole number")
	case v < lowest || v > highest:
		f.wrong(n, path, fmt.Sprintf("it is not between %s and %s", plainNumber(lowest), plainNumber(highest)), "give another number")
	}
}

func (f *former) unfit(n ast.Node, path, needed string) {
	todo := "write " + needed
	if needed == "a text" && (isNumber(n) || isBool(n)) {
		todo = fmt.Sprintf("write %q, in quotes", n.String())
	}
	f.wrong(n, path, fmt.Sprintf("%s does not fit here: %s is needed", shown(n), needed), todo)
}

// group compares names with the fields of a type.
func (f *former) group(n ast.Node, t reflect.Type, path string) {
	fields := fieldsOf(t)
	given := map[string]bool{}
	ok := f.entries(n, func(key, value ast.Node, name string) {
		field, known := fields[name]
		if !known {
			f.wrong(key, join(path, name), fmt.Sprintf("%q is not known here", name), "use "+alternatives(namesOf(t)))
			return
		}
		given[name] = true
		f.value(value, field.Type, factOf(t, name), join(path, name))
	}, path)
	if !ok {
		return
	}
	for _, name := range namesOf(t) {
		if factOf(t, name).needed && t != stepType && !given[name] {
			f.wrong(n, join(path, name), "it is missing", "add "+name+": "+factOf(t, name).says)
		}
	}
	if t != stepType {
		return
	}
	delete(given, "name")
	switch len(given) {
	case 0:
		f.wrong(n, path, "nothing is done", "add one thing to do or to expect, such as connect")
	case 1:
	default:
		verbs := slices.DeleteFunc(namesOf(t), func(name string) bool { return !given[name] })
		f.wrong(n, path, "it does several things: "+strings.Join(verbs, ", "), "make a step of each, or use parallel")
	}
}

// entries goes over the names of a group; false when it is none.
func (f *former) entries(n ast.Node, each func(key, value ast.Node, name string), path string) bool {
	var all []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		all = n.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{n}
	default:
		f.unfit(n, path, "a group of names and values")
		return false
	}
	for _, v := range all {
		if _, ok := v.Key.(*ast.StringNode); !ok {
			f.wrong(v.Key, path, fmt.Sprintf("%s is not a name", v.Key.String()), "write it in quotes, or use letters")
			continue
		}
		each(v.Key, v.Value, keyOf(v))
	}
	return true
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func isText(n ast.Node) bool   { _, ok := text(n); return ok }
func isBool(n ast.Node) bool   { _, ok := n.(*ast.BoolNode); return ok }
func isNumber(n ast.Node) bool { _, _, ok := number(n); return ok }

func number(n ast.Node) (v float64, whole, ok bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return float64(v), true, true
		case uint64:
			return float64(v), true, true
		}
	case *ast.FloatNode:
		return n.Value, n.Value == math.Trunc(n.Value), true
	}
	return 0, false, false
}

// shown is a node in a sentence.
func shown(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a group of names and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode, nil:
		return "nothing"
	case *ast.BoolNode:
		return n.String()
	}
	if s, ok := text(n); ok {
		if len(s) > 40 {
			s = strings.ToValidUTF8(s[:40], "") + "…"
		}
		return fmt.Sprintf("%q", s)
	}
	return n.String()
}

func alternatives(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}
