package wire

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// problem is what is wrong with a string, and where in it. The zero value is no problem.
type problem struct {
	at           int
	rule, reason string
	tooLong      bool
}

func (p problem) found() bool { return p.rule != "" }

// textProblem checks a UTF-8 string (MQTT 3.1.1, 1.5.3).
func textProblem(b []byte) problem {
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == 0: // [MQTT-1.5.3-2]
			return problem{at: i, rule: "MQTT-1.5.3-2", reason: "holds the character U+0000"}
		case c < utf8.RuneSelf:
			i++
		default:
			// DecodeRune refuses surrogates and overlong forms as well. [MQTT-1.5.3-1]
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n <= 1 {
				return problem{at: i, rule: "MQTT-1.5.3-1", reason: illFormed(b[i:])}
			}
			i += n
		}
	}
	return problem{}
}

func illFormed(b []byte) string {
	if len(b) >= 3 && b[0] == 0xed && b[1] >= 0xa0 && b[1] <= 0xbf {
		return "holds a surrogate, which UTF-8 does not allow"
	}
	return fmt.Sprintf("is not UTF-8: byte 0x%02x", b[0])
}

// lengthProblem checks the bounds of section 6 of the contract. It comes first, so that nothing is walked that is too long.
func lengthProblem(b []byte) problem {
	if len(b) > MaxTopicBytes {
		return problem{at: 0, rule: "MQTT-4.7.3-3", reason: fmt.Sprintf("has %d bytes, more than the gateway's bound of %d", len(b), MaxTopicBytes), tooLong: true}
	}
	if n := bytes.Count(b, []byte{'/'}) + 1; n > MaxTopicLevels {
		return problem{at: 0, rule: "MQTT 4.7.1.1", reason: fmt.Sprintf("has %d levels, more than the gateway's bound of %d", n, MaxTopicLevels), tooLong: true}
	}
	return problem{}
}

// topicProblem checks a topic name (MQTT 3.1.1, 4.7.3, 3.3.2.1).
func topicProblem(b []byte) problem {
	if len(b) == 0 { // [MQTT-4.7.3-1]
		return problem{rule: "MQTT-4.7.3-1", reason: "is empty"}
	}
	if p := lengthProblem(b); p.found() {
		return p
	}
	if p := textProblem(b); p.found() {
		return p
	}
	if i := bytes.IndexAny(b, "+#"); i >= 0 { // [MQTT-3.3.2-2]
		return problem{at: i, rule: "MQTT-3.3.2-2", reason: fmt.Sprintf("holds the wildcard %q", b[i])}
	}
	return problem{}
}

// filterTextProblem checks a topic filter but for its wildcards.
func filterTextProblem(b []byte) problem {
	if len(b) == 0 { // [MQTT-4.7.3-1]
		return problem{rule: "MQTT-4.7.3-1", reason: "is empty"}
	}
	if p := lengthProblem(b); p.found() {
		return p
	}
	return textProblem(b)
}

// filterProblem checks a topic filter (MQTT 3.1.1, 4.7.1).
func filterProblem(b []byte) problem {
	if p := filterTextProblem(b); p.found() {
		return p
	}
	for i, c := range b {
		alone := i == 0 || b[i-1] == '/'
		switch {
		case c == '#' && (!alone || i != len(b)-1): // [MQTT-4.7.1-2]
			return problem{at: i, rule: "MQTT-4.7.1-2", reason: "has a # that is not the whole last level"}
		case c == '+' && (!alone || i != len(b)-1 && b[i+1] != '/'): // [MQTT-4.7.1-3]
			return problem{at: i, rule: "MQTT-4.7.1-3", reason: "has a + that is not a whole level"}
		}
	}
	return problem{}
}

// CheckTopic returns nil for a topic name that a device may publish to, else a *MalformedError whose offset counts from
// the topic's first byte. Beyond a bound it wraps ErrTopicTooLong.
func CheckTopic(topic string) error { return check(topicProblem([]byte(topic)), "the topic") }

// CheckFilter returns nil for a topic filter that a device may subscribe to, else an error as CheckTopic does.
func CheckFilter(filter string) error { return check(filterProblem([]byte(filter)), "the filter") }

func check(p problem, what string) error {
	if !p.found() {
		return nil
	}
	return p.malformed(0, what)
}

// malformed turns a problem into an error; base is the offset of the string's first byte.
func (p problem) malformed(base int, what string) *MalformedError {
	e := &MalformedError{Offset: base + p.at, Rule: p.rule, Reason: what + " " + p.reason}
	if p.tooLong {
		e.bound = ErrTopicTooLong
	}
	return e
}

// Matches reports whether a valid filter matches a valid topic name (MQTT 3.1.1, 4.7), the parent level of "/#"
// included. A leading wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
func Matches(filter, topic string) bool {
	if filter == "" || topic == "" || topic[0] == '$' && filter[0] != '$' {
		return false
	}
	for {
		filterLevel, filterRest, filterMore := strings.Cut(filter, "/")
		if filterLevel == "#" {
			return true
		}
		level, rest, more := strings.Cut(topic, "/")
		if filterLevel != "+" && filterLevel != level {
			return false
		}
		if !more {
			return !filterMore || filterRest == "#"
		}
		if !filterMore {
			return false
		}
		filter, topic = filterRest, rest
	}
}
