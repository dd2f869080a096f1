// Package script is what a virtual device's behaviour is written in: templates, which are text with names in braces, and the state that a device
// has, such as whether its lamp is on. It knows neither messages nor time.
package script

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxText bounds what a template makes, in bytes.
const MaxText = 256 << 10

// Template is text with names in braces. "{{" and "}}" stand for one brace each.
type Template struct{ parts []part }

// part is text, or a name.
type part struct {
	text string
	name bool
}

// Parse reads a template. Its errors say at which character it went wrong.
func Parse(text string) (Template, error) {
	var t Template
	var literal strings.Builder
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case (b == '{' || b == '}') && i+1 < len(text) && text[i+1] == b:
			literal.WriteByte(b)
			i++
		case b == '{':
			end := strings.IndexAny(text[i+1:], "{}")
			if end < 0 || text[i+1+end] == '{' {
				return Template{}, fmt.Errorf("the brace at character %d is not closed", i+1)
			}
			name := strings.TrimSpace(text[i+1 : i+1+end])
			if !IsName(name) {
				return Template{}, fmt.Errorf("{%s} is not a name", name)
			}
			if literal.Len() > 0 {
				t.parts = append(t.parts, part{text: literal.String()})
				literal.Reset()
			}
			t.parts = append(t.parts, part{text: name, name: true})
			i += end + 1
		case b == '}':
			return Template{}, fmt.Errorf("the brace at character %d was never opened", i+1)
		default:
			literal.WriteByte(b)
		}
	}
	if literal.Len() > 0 {
		t.parts = append(t.parts, part{text: literal.String()})
	}
	return t, nil
}

// IsName tells what can be used as a name, in templates and formulas: letters, digits and _, not beginning with a digit.
func IsName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// Names are those in braces, in their order.
func (t Template) Names() (names []string) {
	for _, p := range t.parts {
		if p.name {
			names = append(names, p.text)
		}
	}
	return names
}

// Fill puts values in the place of names. A name that look does not know is an error.
func (t Template) Fill(look func(name string) (any, bool)) (string, error) {
	if len(t.parts) == 1 && !t.parts[0].name {
		return t.parts[0].text, nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		if !p.name {
			b.WriteString(p.text)
			continue
		}
		v, known := look(p.text)
		if !known {
			return "", fmt.Errorf("{%s} is not known", p.text)
		}
		b.WriteString(Show(v))
		if b.Len() > MaxText {
			return "", fmt.Errorf("the text is longer than %d bytes", MaxText)
		}
	}
	return b.String(), nil
}

// Show is a value as text: numbers without needless digits.
func Show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// Number is a value as a number, when it is one.
func Number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case float32:
		return float64(n), true
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	}
	return 0, false
}
