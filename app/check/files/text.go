package files

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"gatehouse/gateway/attempt"
)

// mend undoes what editors, shells, web forms and source code do to text, and says what it found. The lines of the result
// are those of the file, unless all of it stood on one line.
func (f *File) mend(content []byte) string {
	text := f.decoded(content)
	if !strings.Contains(text, "BEGIN ") {
		return text
	}
	text = f.unescaped(text)
	switch crlf := strings.Count(text, "\r\n"); {
	case crlf > 0:
		f.warn("windows_line_ends", 0, "Its lines end as Windows ends them.", "Most devices read that; if this one does not: sed -i 's/\\r$//' "+f.quoted())
	case strings.Contains(text, "\r"):
		f.warn("mac_line_ends", 0, "Its lines end in a carriage return alone, as on very old systems.", "Many devices see one long line: tr '\\r' '\\n' < "+f.quoted())
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	return f.dashed(text)
}

// decoded is the file's text in UTF-8, without a byte order mark.
func (f *File) decoded(content []byte) string {
	const advice = "Most devices find no certificate in it; save it as plain ASCII or UTF-8 without a byte order mark."
	switch {
	case bytes.HasPrefix(content, []byte{0xef, 0xbb, 0xbf}):
		f.warn("byte_order_mark", 1, "It begins with a byte order mark, which many devices take for a damaged first line.", "Save it as UTF-8 without a byte order mark.")
		return string(content[3:])
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		f.warn("utf16", 0, "It is UTF-16 text, as PowerShell’s “>” writes it.", advice)
		return fromUTF16(content[2:], 0)
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		f.warn("utf16", 0, "It is UTF-16 text.", advice)
		return fromUTF16(content[2:], 1)
	case bytes.HasPrefix(content, []byte("-\x00-\x00")):
		f.warn("utf16", 0, "It is UTF-16 text.", advice)
		return fromUTF16(content, 0)
	case bytes.HasPrefix(content, []byte("\x00-\x00-")):
		f.warn("utf16", 0, "It is UTF-16 text.", advice)
		return fromUTF16(content, 1)
	}
	return strings.TrimRight(string(content), "\x00")
}

func fromUTF16(content []byte, low int) string {
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = uint16(content[2*i+low]) | uint16(content[2*i+1-low])<<8
	}
	return string(utf16.Decode(units))
}

// unescaped takes PEM out of a string of source code or of an environment variable, and sets what stands on one line on
// lines of its own.
func (f *File) unescaped(text string) string {
	if strings.Contains(text, `\n`) {
		f.warn("escaped_line_ends", 0, "Its line ends are written as \\n, as in source code or an environment variable.",
			"That works inside a program’s string, not in a file: write real line ends, without quotes.")
		text = strings.NewReplacer(`\r`, "", `\n`, "\n").Replace(text)
		lines := strings.Split(text, "\n")
		kept := lines[:0]
		for _, line := range lines {
			line = strings.Trim(line, " \t\r\";,\\")
			if line != "" {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "\n") + "\n"
	}
	for _, line := range strings.Split(text, "\n") {
		if at := strings.Index(line, "-----BEGIN "); at >= 0 && strings.Contains(line[at:], "-----END ") {
			f.warn("one_line", 0, "All of it stands on one line; the line ends have become spaces or are gone, as when it is pasted into a form.",
				"Paste it again with its line ends, or copy the file itself.")
			return splitLine(text)
		}
	}
	return text
}

// splitLine puts the PEM lines and the words between them on lines of their own.
func splitLine(text string) string {
	var out strings.Builder
	for {
		at := strings.Index(text, "-----BEGIN ")
		if at < 0 {
			break
		}
		out.WriteString(text[:at] + "\n")
		text = text[at:]
		head := strings.Index(text[11:], "-----")
		end := strings.Index(text, "-----END ")
		if head < 0 || end < 11+head+5 {
			break
		}
		tail := strings.Index(text[end+9:], "-----")
		if tail < 0 {
			break
		}
		out.WriteString(text[:11+head+5] + "\n")
		out.WriteString(strings.Join(strings.Fields(text[11+head+5:end]), "\n") + "\n")
		out.WriteString(text[end:end+9+tail+5] + "\n")
		text = text[end+9+tail+5:]
	}
	return out.String() + text
}

// dashed mends the lines that begin and end a block: word processors make other dashes of them, and people lose some when
// they copy; indentation goes as well.
func (f *File) dashed(text string) string {
	lines := strings.Split(text, "\n")
	indented := 0
	for i, line := range lines {
		bare := strings.TrimSpace(line)
		if bare != line && strings.TrimLeft(line, " \t") != line && bare != "" && indented == 0 {
			indented = i + 1
		}
		lines[i] = bare
		for _, word := range [...]string{"BEGIN ", "END "} {
			label, is := boundary(bare, word)
			if whole := "-----" + word + label + "-----"; is && bare != whole {
				lines[i] = whole
				if f.has("dashes") {
					continue // once is enough
				}
				f.warn("dashes", i+1, fmt.Sprintf("Line %d should read %s, with five hyphens at each end.", i+1, whole),
					"Copy the file itself, not its text out of a document.")
			}
		}
	}
	if indented > 0 {
		f.warn("indented", indented, fmt.Sprintf("Line %d is indented; many devices want each line to begin at the margin.", indented), "Remove the spaces at the beginning of its lines.")
	}
	return strings.Join(lines, "\n")
}

// boundary is the label of a line that is, or should be, the first or last of a block.
func boundary(line, word string) (label string, is bool) {
	bare := strings.Trim(line, "-–—‐‑−_ \t")
	if !strings.HasPrefix(bare, word) || len(line) == len(bare) || len(bare) > 80 {
		return "", false
	}
	label = strings.TrimPrefix(bare, word)
	for _, c := range label {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ' ' {
			return "", false
		}
	}
	// A line with no dash before the word is a sentence.
	first, _ := utf8.DecodeRuneInString(line)
	return label, label != "" && strings.ContainsRune("-–—‐‑−", first)
}

// quoted is the file's name for a shell.
func (f *File) quoted() string {
	plain := f.Name != "" && strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-+") == ""
	if plain && f.Name[0] != '-' {
		return f.Name
	}
	return "'" + strings.ReplaceAll(f.Name, "'", `'\''`) + "'"
}

func (f *File) warn(id string, line int, what, advice string) {
	f.add(attempt.Warn, id, line, what, advice)
}

func (f *File) bad(id string, line int, what, advice string) {
	f.add(attempt.Bad, id, line, what, advice)
}

// maxProblems bounds what is said of one file: more help nobody.
const maxProblems = 24

// add notes a problem, once.
func (f *File) add(state attempt.State, id string, line int, what, advice string) {
	for _, p := range f.Problems {
		if p.ID == id && (p.Line == line || p.What == what) {
			return
		}
	}
	if len(f.Problems) < maxProblems {
		f.Problems = append(f.Problems, Problem{ID: id, State: state, File: f.Name, Line: line, What: what, Advice: advice})
	}
}

func (f *File) has(id string) bool {
	for _, p := range f.Problems {
		if p.ID == id {
			return true
		}
	}
	return false
}
