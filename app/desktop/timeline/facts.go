package timeline

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/gateway/sid"
)

// factList is everything known of a step: a short value beside its name, a long one below it, with a button to copy it.
func (t *Timeline) factList(s step) fyne.CanvasObject {
	rows := kit.Down(4)
	for _, f := range s.facts {
		rows.Add(t.fact(f[0], f[1], s.leadsTo(f[1])))
	}
	return kit.Panel(kit.Well, kit.Line, 10, rows)
}

const shortFact = 28 // letters that fit beside a name

// fact is one line; key, which may be empty, is what its value leads to.
func (t *Timeline) fact(name, value, key string) fyne.CanvasObject {
	leads := key != "" && t.actions.Lead != nil
	follow := func() { t.actions.Lead(key) }
	if utf8.RuneCountInString(value) <= shortFact && !strings.Contains(value, "\n") {
		var shown fyne.CanvasObject = kit.NewText(value, kit.Mono)
		if leads {
			shown = kit.NewLink(value, kit.Mono, follow)
		}
		return kit.Columns(10, []float32{1, 2}, kit.Clipped(kit.NewText(name, kit.Caption)), kit.Clipped(shown))
	}
	head := kit.Across(8, kit.NewText(name, kit.Caption), kit.Spacer())
	if t.actions.Copy != nil {
		head.Add(kit.NewButton("Copy", kit.Small, func() { t.actions.Copy(name, value) }))
	}
	var body fyne.CanvasObject
	switch {
	case strings.HasPrefix(value, "-----BEGIN "):
		body = kit.CodeBlock(value)
	case leads:
		body = kit.Clipped(kit.NewLink(shortened(value), kit.Mono, follow))
	default:
		body = kit.NewProse(kit.Run{Text: broken(value), Type: kit.Mono})
	}
	return kit.Down(2, head, kit.Inset(0, 0, 4, 0, body))
}

// leadsTo is the key of what a value names; empty when it names nothing.
func (s step) leadsTo(value string) string {
	switch {
	case sid.Valid(sid.Device, value), sid.Valid(sid.Key, value), sid.Valid(sid.Certificate, value), IsThumbprint(value):
		return value
	case slices.Contains(s.attempts, value):
		return value
	}
	host, port, err := net.SplitHostPort(value)
	if _, bad := strconv.ParseUint(port, 10, 16); err == nil && bad == nil && net.ParseIP(host) != nil {
		return shell.FromKey(host)
	}
	return ""
}

// IsThumbprint reports whether a text is a certificate's SHA-256, in hex.
func IsThumbprint(text string) bool {
	return len(text) == 64 && strings.Trim(strings.ToLower(text), "0123456789abcdef") == ""
}

// shortened leaves the middle out of what is too long for a line; it is copied whole.
func shortened(value string) string {
	const most = 46
	if len(value) <= most {
		return value
	}
	return value[:24] + "…" + value[len(value)-16:]
}

// broken gives long words spaces, so that they can be wrapped. The longest name of a cipher suite stays whole.
func broken(value string) string {
	const longest = 46
	var out []string
	for _, word := range strings.Fields(value) {
		for letters := range slices.Chunk([]rune(word), longest) {
			out = append(out, string(letters))
		}
	}
	return strings.Join(out, " ")
}
