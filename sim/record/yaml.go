package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gatehouse/sim/scenario"
)

// text is the whole file.
func (w *writer) text() []byte {
	r := w.recording
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	line("# A recording: what %s did from %s, for %s.", oneLine(w.hidden(r.DeviceName)), r.Began.UTC().Format("2006-01-02 15:04:05 MST"), r.Took().Round(time.Second))
	if w.options.Speed != 1 {
		line("# Its waits are divided by %s.", strconv.FormatFloat(w.options.Speed, 'f', -1, 64))
	}
	if w.options.Idle > 0 {
		line("# No wait is longer than %s.", w.options.Idle)
	}
	for _, notes := range [][]string{r.Notes, w.notes} {
		for _, n := range notes {
			line("# %s", oneLine(w.hidden(n)))
		}
	}
	name := r.Name
	if strings.TrimSpace(name) == "" {
		name = "A recording"
	}
	line("name: %s", quoted(w.hidden(name)))
	line("timeout: %s", min(w.waited+slack+time.Duration(w.steps)*20*time.Millisecond, scenario.LongestTimeout).Round(time.Second))
	line("devices:")
	for i, one := range w.roles {
		w.device(&b, i, one)
	}
	line("steps:")
	b.WriteString(w.body.String())
	return []byte(b.String())
}

// hidden is a text without the device's SID: the device of the scenario has another.
func (w *writer) hidden(text string) string {
	if w.recording.DeviceSID == "" {
		return text
	}
	return strings.ReplaceAll(text, w.recording.DeviceSID, "the device")
}

func (w *writer) device(b *strings.Builder, i int, one role) {
	c := one.connect
	fmt.Fprintf(b, "  %s:\n", one.name)
	entry := func(name, value string) { fmt.Fprintf(b, "    %s: %s\n", name, value) }
	if i > 0 {
		entry("like", w.first)
	} else {
		if w.recording.DeviceName != "" {
			entry("name", quoted(clip(w.hidden(w.recording.DeviceName), 64)))
		}
		if c.Certificate {
			entry("credential", "certificate")
		}
	}
	if c.Protocol != "" && c.Protocol != "3.1.1" {
		entry("protocol", quoted(c.Protocol))
	}
	if c.ClientID == "" {
		entry("no_client_id", "true")
	} else {
		entry("client_id", quoted(w.said(strings.ToValidUTF8(c.ClientID, "?"))))
	}
	if c.Clean {
		entry("clean", "true")
	}
	switch {
	case c.KeepAlive <= 0:
		entry("no_keepalive", "true")
	case c.KeepAlive != time.Minute:
		entry("keepalive", min(c.KeepAlive, 65535*time.Second).String())
	}
	if will := c.Will; will != nil && will.Topic != "" {
		more := w.content(will.Payload)
		if will.QoS > 0 {
			more += fmt.Sprintf(", qos: %d", will.QoS)
		}
		if will.Retain {
			more += ", retain: true"
		}
		entry("will", "{topic: "+quoted(w.said(strings.ToValidUTF8(will.Topic, "?")))+more+"}")
	}
}

// quoted is a text as YAML has it in a line: bare when it is plain, otherwise in quotes.
func quoted(text string) string {
	bare, escaped := text != "", false
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-_/.", r)) {
			bare = false
		}
		if !unicode.IsPrint(r) {
			escaped = true
		}
	}
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n": // YAML reads them as something else
		bare = false
	}
	switch {
	case bare:
		return text
	case !escaped && strings.ContainsAny(text, `"\`):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r > 0xffff && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// oneLine is a text that fits into a comment.
func oneLine(text string) string {
	return clip(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text), 300)
}

func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
