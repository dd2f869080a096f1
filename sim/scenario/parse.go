package scenario

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Mistake is what is wrong with a file: where, what, and what to do.
type Mistake struct {
	Line, Column int    // from 1; 0 when it concerns the file as a whole
	Path         string // "steps[3].connect.device"
	What         string
	Todo         string

	form bool // the schema finds it too
}

// Error is the mistake in one line.
func (m Mistake) Error() string {
	var b strings.Builder
	if m.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", m.Line, m.Column)
	}
	if m.Path != "" {
		b.WriteString(m.Path + ": ")
	}
	b.WriteString(m.What)
	if m.Todo != "" {
		b.WriteString(": " + m.Todo)
	}
	return b.String()
}

// Parse reads a scenario strictly: unknown and doubled names are mistakes. It checks everything that can be known before playing, so that a scenario
// with a mistake never starts half. open reads files that telemetry names; nil: there are none.
func Parse(content []byte, open func(name string) ([]byte, error)) (*Scenario, []Mistake) {
	s := new(Scenario)
	check := func() []Mistake {
		c := &checker{scenario: s, open: open}
		c.check()
		return c.mistakes
	}
	if mistakes := parse(content, s, check); len(mistakes) > 0 {
		return nil, mistakes
	}
	return s, nil
}

// parse reads a file into a pointer to a struct, and checks what is in it then.
func parse(content []byte, into any, check func() []Mistake) (mistakes []Mistake) {
	defer func() {
		if r := recover(); r != nil { // the YAML library does that over some files that are not YAML
			mistakes = []Mistake{{What: "the file cannot be understood", Todo: "check that every name has a value, and that lists and braces are closed"}}
		}
	}()
	if len(content) > MaxBytes {
		return []Mistake{{What: fmt.Sprintf("the file has %d bytes", len(content)), Todo: fmt.Sprintf("it may have at most %d", MaxBytes)}}
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return []Mistake{mistakeOf(err)}
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return []Mistake{{What: fmt.Sprintf("there are %d documents in it", len(file.Docs)), Todo: "write one in a file"}}
	}
	root := file.Docs[0].Body
	if bad := findAlias(root); bad != nil {
		at := bad.GetToken().Position
		return []Mistake{{Line: at.Line, Column: at.Column, What: "anchors and aliases are not taken", Todo: "write it out, or use repeat"}}
	}
	form := new(former)
	form.value(root, reflect.TypeOf(into), fact{}, "")
	if len(form.mistakes) > 0 {
		return form.mistakes
	}
	if err := yaml.NodeToValue(root, into, yaml.Strict()); err != nil {
		return []Mistake{mistakeOf(err)}
	}
	mistakes = check()
	for i := range mistakes {
		mistakes[i].Line, mistakes[i].Column = locate(root, mistakes[i].Path)
	}
	return mistakes
}

// mistakeOf is an error of the YAML library.
func mistakeOf(err error) Mistake {
	var known yaml.Error
	if !errors.As(err, &known) {
		return Mistake{What: err.Error(), Todo: "correct it", form: true}
	}
	m := Mistake{What: known.GetMessage(), Todo: "correct it", form: true}
	if t := known.GetToken(); t != nil && t.Position != nil {
		m.Line, m.Column = t.Position.Line, t.Position.Column
	}
	var unknown *yaml.UnknownFieldError
	var kind *yaml.TypeError
	switch {
	case errors.As(err, &unknown):
		m.Todo = "the names that are known are in the schema"
	case errors.As(err, &kind):
		m.What, m.Todo = fmt.Sprintf("a %s does not fit here", spoken(kind.SrcType.String())), fmt.Sprintf("a %s is needed", spoken(kind.DstType.String()))
	}
	return m
}

// spoken is a Go type as people call it.
func spoken(kind string) string {
	switch strings.TrimPrefix(kind, "*") {
	case "string":
		return "text"
	case "int", "int64", "uint64", "float64", "uint8":
		return "number"
	case "bool":
		return "true or false"
	case "telemetry.Duration":
		return "duration such as 2s"
	}
	if strings.HasPrefix(kind, "[]") {
		return "list"
	}
	return "group of names and values"
}

// findAlias finds an anchor or an alias: a few of them can stand for millions of values.
func findAlias(root ast.Node) (found ast.Node) {
	ast.Walk(visitor(func(n ast.Node) bool {
		switch n.(type) {
		case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
			if found == nil {
				found = n
			}
			return false
		}
		return found == nil
	}), root)
	return found
}

type visitor func(ast.Node) bool

// Visit goes on while the function says so.
func (v visitor) Visit(n ast.Node) ast.Visitor {
	if v(n) {
		return v
	}
	return nil
}

// locate is where a path stands in the file, or as much of it as is there.
func locate(n ast.Node, path string) (line, column int) {
	at := position(n)
	for _, name := range split(path) {
		var next ast.Node
		switch n := unwrap(n).(type) {
		case *ast.MappingNode:
			for _, v := range n.Values {
				if keyOf(v) == name {
					at, next = v.Key.GetToken().Position, v.Value
				}
			}
		case *ast.MappingValueNode: // a map with one entry
			if keyOf(n) == name {
				at, next = n.Key.GetToken().Position, n.Value
			}
		case *ast.SequenceNode:
			if i, err := strconv.Atoi(name); err == nil && i < len(n.Values) {
				next = n.Values[i]
				at = position(next)
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	if at == nil {
		return 0, 0
	}
	return at.Line, at.Column
}

func unwrap(n ast.Node) ast.Node {
	if t, ok := n.(*ast.TagNode); ok {
		return t.Value
	}
	return n
}

func keyOf(v *ast.MappingValueNode) string {
	if s, ok := v.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return v.Key.String()
}

// position of a node; that of a map is its first name's.
func position(n ast.Node) *token.Position {
	switch n := unwrap(n).(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return n.Values[0].Key.GetToken().Position
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken().Position
	}
	if t := n.GetToken(); t != nil {
		return t.Position
	}
	return nil
}

// split takes "steps[3].connect" apart into steps, 3 and connect. Names in a path hold no dot and no bracket.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}
