package telemetry

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// template is text with names in braces: {device}, {sid}, {time}, {unix}, {ms}, {seq}, {elapsed}, a variable of the device, or a field.
// "{{" and "}}" stand for one brace each.
type template []part

// part is text, or a name.
type part struct {
	text string
	name bool
}

// builtIn are the names that every template knows.
var builtIn = map[string]func(m *moment) string{
	"device": func(m *moment) string { return m.device.Name },
	"sid":    func(m *moment) string { return m.device.SID },
	"time":   func(m *moment) string { return m.at.UTC().Format("2006-01-02T15:04:05.000Z") },
	"unix":   func(m *moment) string { return strconv.FormatInt(m.at.Unix(), 10) },
	"ms":     func(m *moment) string { return strconv.FormatInt(m.at.UnixMilli(), 10) },
	"seq":    func(m *moment) string { return strconv.FormatUint(m.seq, 10) },
	"elapsed": func(m *moment) string {
		return strconv.FormatFloat(m.elapsed.Round(time.Millisecond).Seconds(), 'f', -1, 64)
	},
}

func parseTemplate(text string) (template, error) {
	var t template
	var literal strings.Builder
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case (b == '{' || b == '}') && i+1 < len(text) && text[i+1] == b:
			literal.WriteByte(b)
			i++
		case b == '{':
			end := strings.IndexAny(text[i+1:], "{}")
			if end < 0 || text[i+1+end] == '{' {
				return nil, fmt.Errorf("the brace at character %d is not closed", i+1)
			}
			name := strings.TrimSpace(text[i+1 : i+1+end])
			if !isName(name) {
				return nil, fmt.Errorf("{%s} is not a name", name)
			}
			if literal.Len() > 0 {
				t = append(t, part{text: literal.String()})
				literal.Reset()
			}
			t = append(t, part{text: name, name: true})
			i += end + 1
		case b == '}':
			return nil, fmt.Errorf("the brace at character %d was never opened", i+1)
		default:
			literal.WriteByte(b)
		}
	}
	if literal.Len() > 0 {
		t = append(t, part{text: literal.String()})
	}
	return t, nil
}

// isName tells what can be used in a formula as well.
func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

var errUnknownName = errors.New("it is not known")

// fill puts values in the place of names.
func (t template) fill(m *moment) (string, error) {
	if len(t) == 1 && !t[0].name {
		return t[0].text, nil
	}
	var b strings.Builder
	for _, p := range t {
		if !p.name {
			b.WriteString(p.text)
			continue
		}
		v, err := lookUp(p.text, m)
		if err != nil {
			return "", fmt.Errorf("{%s}: %w", p.text, err)
		}
		b.WriteString(v)
		if b.Len() > MaxPayload {
			return "", fmt.Errorf("the text is longer than %d bytes", MaxPayload)
		}
	}
	return b.String(), nil
}

// lookUp finds a name: a field first, then a variable of the device, then what every template knows.
func lookUp(name string, m *moment) (string, error) {
	if v, known := m.fields[name]; known {
		return show(v), nil
	}
	if v, known := m.device.Vars[name]; known {
		return v, nil
	}
	if v, known := builtIn[name]; known {
		return v(m), nil
	}
	return "", errUnknownName
}

func show(v any) string {
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

// checkNames reports names of a template that will never be known.
func (c *compiler) checkNames(where string, t template) {
	for _, p := range t {
		_, isVar := c.device.Vars[p.text]
		_, isBuiltIn := builtIn[p.text]
		_, isField := c.known[p.text]
		if p.name && !isVar && !isBuiltIn && !isField {
			c.wrong(where, "{"+p.text+"} is not known", "use device, sid, time, unix, ms, seq, elapsed, a variable of the device, or a field above")
		}
	}
}
