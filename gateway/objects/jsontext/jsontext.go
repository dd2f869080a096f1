// Package jsontext checks JSON text (RFC 8259) and takes out what means nothing, the white space between tokens; nothing
// else is changed. It does not know what the text is for.
//
// The order of members, the digits of numbers and the escapes in strings stay as they were sent: "1.0", "1e400",
// "\u0041" and "\/" come out as they went in. Any value may stand alone, not only objects. It is stricter than the
// RFC has to be where a reader would have to guess: names of an object's members are unique (compared unescaped), the
// text is UTF-8 without a byte order mark, an escaped surrogate is one of a pair, and nesting is bounded.
//
// (The standard library's encoding/json accepts duplicate names and invalid UTF-8, and changes numbers and escapes when it
// decodes and encodes; its successor is still an experiment that a build must switch on.)
package jsontext

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth bounds the nesting of objects and arrays.
const MaxDepth = 64

// SyntaxError says why a text was refused.
type SyntaxError struct {
	Offset int    // of the first byte that is wrong; the length of the text when it ends too early
	Reason string // "expected a value", …; it quotes at most one byte of the text
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// Compact returns the text without white space between tokens, in new memory. One NUL byte after the text is tolerated, as
// C programs send it. The error is a [*SyntaxError].
func Compact(text []byte) ([]byte, error) {
	if n := len(text); n > 0 && text[n-1] == 0 {
		text = text[:n-1]
	}
	s := scanner{text: text, out: make([]byte, 0, len(text))}
	s.space()
	if err := s.value(0); err != nil {
		return nil, err
	}
	s.space()
	if s.at < len(text) {
		return nil, s.wrong("expected nothing more")
	}
	return s.out, nil
}

type scanner struct {
	text []byte
	at   int
	out  []byte
}

func (s *scanner) wrong(reason string) error {
	if s.at < len(s.text) {
		return &SyntaxError{Offset: s.at, Reason: reason + ", found " + quote(s.text[s.at])}
	}
	return &SyntaxError{Offset: s.at, Reason: reason + ", found the end"}
}

func quote(b byte) string {
	if b >= 0x20 && b < 0x7f {
		return strconv.QuoteRune(rune(b))
	}
	return fmt.Sprintf("byte 0x%02x", b)
}

// peek is the next byte, 0 at the end: no token begins with 0.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take moves one byte to the output.
func (s *scanner) take() {
	s.out = append(s.out, s.text[s.at])
	s.at++
}

// value reads one value; depth is the number of objects and arrays around it.
func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '{' || c == '[':
		if depth == MaxDepth {
			return &SyntaxError{Offset: s.at, Reason: fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
		}
		if c == '{' {
			return s.object(depth + 1)
		}
		return s.array(depth + 1)
	case c == '"':
		_, _, err := s.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.wrong("expected a value")
}

func (s *scanner) word(word string) error {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.wrong("expected " + word)
		}
		s.take()
	}
	return nil
}

func (s *scanner) array(depth int) error {
	s.take()
	s.space()
	if s.peek() == ']' {
		s.take()
		return nil
	}
	for {
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.take()
		case ']':
			s.take()
			return nil
		default:
			return s.wrong("expected ',' or ']'")
		}
	}
}

func (s *scanner) object(depth int) error {
	s.take()
	s.space()
	if s.peek() == '}' {
		s.take()
		return nil
	}
	var seen names
	for {
		s.space()
		if s.peek() != '"' {
			return s.wrong("expected a name")
		}
		begin := s.at
		raw, escaped, err := s.str()
		if err != nil {
			return err
		}
		if escaped {
			raw = unescape(raw)
		}
		if !seen.add(raw) {
			return &SyntaxError{Offset: begin, Reason: "a name that the object has already"}
		}
		s.space()
		if s.peek() != ':' {
			return s.wrong("expected ':'")
		}
		s.take()
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.take()
		case '}':
			s.take()
			return nil
		default:
			return s.wrong("expected ',' or '}'")
		}
	}
}

// names are those of one object. A few are compared one by one, many are looked up.
type names struct {
	few  [][]byte
	many map[string]bool
}

const fewNames = 16

// add reports whether the name is new.
func (n *names) add(name []byte) bool {
	if n.many != nil {
		if n.many[string(name)] {
			return false
		}
		n.many[string(name)] = true
		return true
	}
	for _, other := range n.few {
		if string(other) == string(name) {
			return false
		}
	}
	n.few = append(n.few, name)
	if len(n.few) > fewNames {
		n.many = make(map[string]bool, 2*len(n.few))
		for _, name := range n.few {
			n.many[string(name)] = true
		}
	}
	return true
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.take()
	}
	if s.peek() == '0' {
		s.take()
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.peek() == '.' {
		s.take()
		if err := s.digits(); err != nil {
			return err
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.take()
		if c := s.peek(); c == '+' || c == '-' {
			s.take()
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() error {
	if c := s.peek(); c < '0' || c > '9' {
		return s.wrong("expected a digit")
	}
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.take()
	}
	return nil
}

// str reads a string and returns what stands between its quotes, and whether there are escapes in it.
func (s *scanner) str() (raw []byte, escaped bool, err error) {
	begin := s.at
	s.at++
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			raw = s.text[begin+1 : s.at]
			s.at++
			s.out = append(s.out, s.text[begin:s.at]...)
			return raw, escaped, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return nil, false, err
			}
		case c < 0x20:
			return nil, false, s.wrong("expected no control character in a string")
		case c < utf8.RuneSelf:
			s.at++
		default:
			r, size := utf8.DecodeRune(s.text[s.at:])
			if r == utf8.RuneError && size == 1 {
				return nil, false, s.wrong("expected UTF-8")
			}
			s.at += size
		}
	}
	return nil, false, s.wrong("expected the end of a string")
}

// escape reads one escape; of a surrogate pair both.
func (s *scanner) escape() error {
	begin := s.at
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
	default:
		return s.wrong(`expected one of "\/bfnrtu`)
	}
	first, err := s.hex()
	if err != nil || !utf16.IsSurrogate(first) {
		return err
	}
	if s.peek() == '\\' && s.at+1 < len(s.text) && s.text[s.at+1] == 'u' {
		s.at++
		second, err := s.hex()
		if err != nil {
			return err
		}
		if utf16.DecodeRune(first, second) != utf8.RuneError {
			return nil
		}
	}
	return &SyntaxError{Offset: begin, Reason: "half of a surrogate pair"}
}

// hex reads what follows the backslash of a \u escape.
func (s *scanner) hex() (rune, error) {
	s.at++
	var r rune
	for range 4 {
		c := s.peek()
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, s.wrong("expected a hexadecimal digit")
		}
		s.at++
	}
	return r, nil
}

// unescape is what a string that was read stands for.
func unescape(raw []byte) []byte {
	s := scanner{text: raw}
	out := make([]byte, 0, len(raw))
	for s.at < len(raw) {
		c := raw[s.at]
		if c != '\\' {
			out = append(out, c)
			s.at++
			continue
		}
		s.at++
		if c := raw[s.at]; c != 'u' {
			out = append(out, plain[c])
			s.at++
			continue
		}
		r, _ := s.hex() // str has checked it, and that a surrogate is followed by its other half
		if utf16.IsSurrogate(r) {
			s.at++
			second, _ := s.hex()
			r = utf16.DecodeRune(r, second)
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

var plain = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
