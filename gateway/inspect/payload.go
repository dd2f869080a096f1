package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kinds of a payload.
const (
	EmptyPayload  = "empty"
	JSONPayload   = "json"
	TextPayload   = "text"
	BinaryPayload = "binary"
	HiddenPayload = "hidden" // blanked before it was recorded
)

// View is a payload made ready to be read.
type View struct {
	Kind string
	// Text is the payload: JSON with line ends and indents, text as it is but for control characters, or a hex dump. It is
	// at most 64 KiB.
	Text string
	Cut  bool // Text is not the whole
}

const (
	maxView  = 64 << 10
	maxDepth = 32 // of JSON that is indented: the indents of deeper JSON would outgrow it
)

// ViewPayload finds out what a payload is. whole is false when only its beginning was recorded.
func ViewPayload(b []byte, whole bool) View {
	v := View{Kind: payloadKind(b), Cut: !whole || len(b) > maxView}
	b = b[:min(len(b), maxView)]
	switch v.Kind {
	case JSONPayload:
		var out bytes.Buffer
		if json.Indent(&out, bytes.TrimSpace(b), "", "  ") == nil && out.Len() <= maxView {
			b = out.Bytes()
		}
		v.Text = readable(b)
	case TextPayload:
		v.Text = readable(b)
	case BinaryPayload:
		const perLine = 4 // characters that a dump takes for a byte, and a little more
		v.Cut = v.Cut || len(b) > maxView/(perLine+2)
		v.Text = HexDump(b[:min(len(b), maxView/(perLine+2))], 16)
	}
	if len(v.Text) > maxView {
		v.Text, v.Cut = cutRune(v.Text, maxView), true
	}
	return v
}

func payloadKind(b []byte) string {
	switch {
	case len(b) == 0:
		return EmptyPayload
	case blanked(b) && len(b) > 3:
		return HiddenPayload
	case looksLikeJSON(b):
		return JSONPayload
	case isText(b):
		return TextPayload
	}
	return BinaryPayload
}

// looksLikeJSON reports whether it is an object or array of JSON: a bare number or word is text just as well.
func looksLikeJSON(b []byte) bool {
	b = bytes.TrimSpace(b)
	if len(b) < 2 || b[0] != '{' && b[0] != '[' || len(b) > maxView {
		return false
	}
	depth, deepest := 0, 0
	for _, c := range b {
		switch c {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest <= maxDepth && json.Valid(b)
}

// isText reports whether it is UTF-8 without control characters but tabs and line ends. A character that is cut off at the
// end is taken for the recording's doing.
func isText(b []byte) bool {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			return len(b)-i < utf8.UTFMax && !utf8.FullRune(b[i:]) && i > 0
		case r < ' ' && r != '\n' && r != '\r' && r != '\t', r == 0x7f:
			return false
		}
		i += n
	}
	return true
}

// readable keeps line ends and tabs, and escapes what else is no visible character.
func readable(b []byte) string {
	var out strings.Builder
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&out, `\x%02x`, b[i])
		case r == '\r' && i+1 < len(b) && b[i+1] == '\n': // the line end follows
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			out.WriteRune(r)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		i += n
	}
	return out.String()
}

// preview is a payload in a line.
func preview(b []byte) string {
	const most = 160
	switch kind := payloadKind(b); kind {
	case EmptyPayload, HiddenPayload:
		return kind
	case BinaryPayload:
		return inHex(b)
	}
	if s := shown(b[:min(len(b), 2*most)]); len(s) > most {
		return cutRune(s, most) + "…"
	} else {
		return s
	}
}

func cutRune(s string, most int) string {
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// HexDump is bytes as lines of offset, hex, and what of them is text.
func HexDump(b []byte, perLine int) string {
	perLine = max(1, min(perLine, 64))
	var out strings.Builder
	for start := 0; start < len(b); start += perLine {
		line := b[start:min(start+perLine, len(b))]
		text := make([]byte, len(line))
		for i, c := range line {
			if text[i] = '.'; c >= ' ' && c < 0x7f {
				text[i] = c
			}
		}
		fmt.Fprintf(&out, "%04x  %-*s  %s\n", start, 3*perLine-1, fmt.Sprintf("% x", line), text)
	}
	return out.String()
}
