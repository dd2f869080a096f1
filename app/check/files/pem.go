package files

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// block is a PEM block as far as it could be read.
type block struct {
	label   string
	line    int // of BEGIN
	headers map[string]string
	der     []byte
}

// maxBlocks bounds what is taken of one file.
const maxBlocks = 64

// blocks reads the PEM blocks of mended text, whole ones and what can be told of others.
func (f *File) blocks(text string) []block {
	var (
		found  []block
		lines  = strings.Split(text, "\n")
		beside = 0 // the first line with text outside of blocks
		after  = false
	)
	for i := 0; i < len(lines) && len(found) < maxBlocks; i++ {
		label, begins := cutBoundary(lines[i], "BEGIN ")
		if !begins {
			if lines[i] != "" && beside == 0 {
				beside, after = i+1, len(found) > 0
			}
			if other, ends := cutBoundary(lines[i], "END "); ends {
				f.bad("missing_begin", i+1, fmt.Sprintf("Line %d ends a block (%s) that no line begins.", i+1, other), "Copy it again from its first line on.")
			}
			continue
		}
		end := i + 1
		for end < len(lines) && !strings.HasPrefix(lines[end], "-----BEGIN ") && !strings.HasPrefix(lines[end], "-----END ") {
			end++
		}
		b := block{label: label, line: i + 1}
		whole := false
		if end < len(lines) {
			other, ends := cutBoundary(lines[end], "END ")
			whole = ends
			if ends && other != label {
				f.bad("other_end", end+1, fmt.Sprintf("Line %d begins %s, but line %d ends %s.", i+1, label, end+1, other), "Parts of two files were put together; copy them again.")
			}
		}
		if !whole {
			f.bad("missing_end", i+1, fmt.Sprintf("The block that begins in line %d has no line -----END %s-----.", i+1, label), "It was cut when it was copied; copy all of it.")
		}
		f.body(&b, lines[i+1:end], i+2, whole)
		found = append(found, b)
		if i = end; !whole {
			i--
		}
	}
	if beside > 0 {
		where, advice := "before its first block", "Most devices skip it; small ones do not. Remove it to be sure."
		id := "leading_text"
		if after {
			where, id = "after a block", "trailing_text"
		}
		f.warn(id, beside, fmt.Sprintf("Line %d is text %s.", beside, where), advice)
	}
	return found
}

func cutBoundary(line, word string) (label string, is bool) {
	label, is = strings.CutPrefix(line, "-----"+word)
	if !is {
		return "", false
	}
	return strings.CutSuffix(label, "-----")
}

// body reads headers and base64 of a block whose first line has the given number.
func (f *File) body(b *block, lines []string, number int, whole bool) {
	b.headers = map[string]string{}
	at := 0
	for at < len(lines) {
		name, value, is := strings.Cut(lines[at], ":")
		if !is {
			break
		}
		b.headers[name] = strings.TrimSpace(value)
		at++
	}
	var text strings.Builder
	for ; at < len(lines); at++ {
		for column, c := range lines[at] {
			if !isBase64(c) {
				if whole {
					f.bad("not_base64", number+at, fmt.Sprintf("Line %d, character %d, is %s, which is not base64.", number+at, column+1, named(c)), "The file was changed on its way; copy it again.")
				}
				return
			}
		}
		text.WriteString(lines[at])
	}
	encoded := strings.TrimRight(text.String(), "=")
	der, err := base64.RawStdEncoding.DecodeString(encoded)
	switch {
	case encoded == "":
		f.bad("empty_block", b.line, fmt.Sprintf("The block that begins in line %d is empty.", b.line), "Copy it again.")
	case err != nil || text.Len()%4 != 0:
		f.bad("base64_cut", b.line, fmt.Sprintf("The base64 of the block that begins in line %d lacks some characters.", b.line), "A line was lost or cut when it was copied; copy it again.")
	default:
		b.der = der
	}
}

func isBase64(c rune) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}

// named says what a character is without showing it, since it may be part of a key.
func named(c rune) string {
	switch {
	case c == ' ' || c == '\t' || c == '\u00a0':
		return "a space"
	case c == '-' || c == '_':
		return "a hyphen or underscore, as in base64 for URLs"
	case c == '\\' || c == '"' || c == '\'':
		return "a quote or backslash"
	case c == '\uFFFD':
		return "damaged text"
	case c > 0x7e:
		return "not ASCII"
	case c < ' ':
		return "a control character"
	}
	return "a punctuation mark"
}
