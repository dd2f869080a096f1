package telemetry

import (
	"strconv"
	"time"

	"gatehouse/sim/script"
)

// builtIn are the names that every template knows, beside the device's variables and state and the fields: when the message is made.
var builtIn = map[string]func(m *moment) any{
	"device":  func(m *moment) any { return m.device.Name },
	"sid":     func(m *moment) any { return m.device.SID },
	"time":    func(m *moment) any { return m.at.UTC().Format("2006-01-02T15:04:05.000Z") },
	"unix":    func(m *moment) any { return strconv.FormatInt(m.at.Unix(), 10) },
	"ms":      func(m *moment) any { return strconv.FormatInt(m.at.UnixMilli(), 10) },
	"seq":     func(m *moment) any { return strconv.FormatUint(m.seq, 10) },
	"elapsed": func(m *moment) any { return m.elapsed.Round(time.Millisecond).Seconds() },
}

// look finds a name: a field first, then the device's state, its variables, and what every template knows.
func (m *moment) look(name string) (any, bool) {
	if v, known := m.fields[name]; known {
		return v, true
	}
	if v, known := m.device.State.Get(name); known {
		return v, true
	}
	if v, known := m.device.Vars[name]; known {
		return v, true
	}
	if v, known := builtIn[name]; known {
		return v(m), true
	}
	return nil, false
}

// checkNames reports names of a template that will never be known.
func (c *compiler) checkNames(where string, t script.Template) {
	for _, name := range t.Names() {
		_, isVar := c.device.Vars[name]
		_, isState := c.device.State.Get(name)
		_, isBuiltIn := builtIn[name]
		_, isField := c.known[name]
		if !isVar && !isState && !isBuiltIn && !isField {
			c.wrong(where, "{"+name+"} is not known", "use device, sid, time, unix, ms, seq, elapsed, a variable or state of the device, or a field above")
		}
	}
}
