package scenario

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
)

// filled are the names that are filled in between braces, in topics, filters, payloads, wills and client ids.
var filled = regexp.MustCompile(`\{(n|device|sid)\}`)

// Literal is what is to be written so that a text stands for itself: of the names in braces that would be filled in, the braces are doubled.
func Literal(text string) string { return filled.ReplaceAllString(text, "{${0}}") }

// fill puts in {n}, the device's name and its SID; on a server that knows no SIDs, its name in place of that.
func (p *play) fill(a *actor, text string, n int) string {
	if !strings.Contains(text, "{") {
		return text
	}
	name := p.scenario.deviceName(a.name)
	sid := p.sid(a)
	if sid == "" {
		sid = name
	}
	return strings.NewReplacer(
		"{{n}}", "{n}", "{{device}}", "{device}", "{{sid}}", "{sid}",
		"{n}", strconv.Itoa(n), "{device}", name, "{sid}", sid,
	).Replace(text)
}

// payload is that of a message or a will.
func (p *play) payload(a *actor, text, encoded string, n int) []byte {
	if encoded == "" {
		return []byte(p.fill(a, text, n))
	}
	content, _ := base64.StdEncoding.DecodeString(encoded) // Parse has done it before
	return content
}

// sid is a device's own, or that of the device which it is like; empty while it is not registered.
func (p *play) sid(a *actor) string {
	if a.role.Like != "" {
		a = p.actor(a.role.Like)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sid
}
