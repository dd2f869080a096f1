// Package terminal prints a check as a timeline for people: when, how it went, what it was, and what to do, one step below
// the other. It knows nothing of how steps come about.
package terminal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/app/check"
	"gatehouse/gateway/attempt"
)

// Printer prints steps as they come. The zero value of its options is what a file gets: no colour, in UTF-8, 100 columns.
type Printer struct {
	To     io.Writer
	Colour bool
	ASCII  bool // the terminal cannot show more
	Width  int  // columns; 0 means 100

	advised string // by the step printed last, which need not be said again
}

const (
	defaultWidth = 100
	minWidth     = 40
	margin       = 22 // where titles begin: time, mark and word stand before them
	column       = 28 // of a title that shares its line with its detail
	narrow       = 24 // columns that a detail must have to stand there
)

// mark is sign, sign in ASCII, word and colour (ANSI, SGR) of a state.
var marks = map[attempt.State][4]string{
	attempt.Good: {"✓", "+", "ok", "32"},
	attempt.Warn: {"!", "!", "note", "33"},
	attempt.Bad:  {"✗", "x", "failed", "31"},
}

// Target prints what is checked.
func (p *Printer) Target(text string) {
	p.print(p.bold("gatehouse check ") + text + "\n\n")
}

// Step prints one step.
func (p *Printer) Step(s check.Step) {
	m := marks[s.State]
	head := fmt.Sprintf("%10s  %s  ", Moment(s.Offset), p.paint(m[3], pad(p.sign(m)+" "+m[2], 8)))
	room := p.width() - margin
	title := s.Title
	switch {
	case s.Detail == "":
		p.lines(head, title, "", room)
	case s.State != attempt.Bad && length(title) < column && room-column >= narrow:
		for i, line := range wrap(p.plain(s.Detail), room-column) {
			if i == 0 {
				p.print(head + p.bold(pad(p.plain(title), column)) + line + "\n")
			} else {
				p.print(strings.Repeat(" ", margin+column) + line + "\n")
			}
		}
	default:
		p.lines(head, title, "", room)
		p.lines(strings.Repeat(" ", margin), s.Detail, "", room)
	}
	if p.advised = s.Advice; s.Advice != "" {
		p.lines(strings.Repeat(" ", margin), s.Advice, "→ ", room)
	}
}

// Result prints how it all went, and the exit code for scripts.
func (p *Printer) Result(r check.Result) {
	state := attempt.Bad
	if r.Exit == check.ExitAccepted {
		state = attempt.Good
	}
	m := marks[state]
	text := "\n" + p.paint(m[3], p.sign(m)) + " "
	for i, line := range wrap(p.plain(r.Summary), p.width()-2) {
		if i > 0 {
			text += "  "
		}
		text += p.bold(line) + "\n"
	}
	p.print(text)
	if r.Advice != "" && r.Advice != p.advised {
		p.lines("  ", r.Advice, "→ ", p.width()-2)
	}
	p.print("  " + p.paint("2", p.plain(Moment(r.Took)+" in all, exit code "+strconv.Itoa(r.Exit))) + "\n")
}

// Moment is a time since the beginning.
func Moment(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
	case d < 10*time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

func (p *Printer) width() int {
	if p.Width <= 0 {
		return defaultWidth
	}
	return max(p.Width, minWidth)
}

// lines prints a text over as many lines as it needs: the first behind a head, the others below.
func (p *Printer) lines(head, text, arrow string, room int) {
	indent := strings.Repeat(" ", visibleLength(head))
	for i, line := range wrap(p.plain(text), room-length(arrow)) {
		before := indent + strings.Repeat(" ", length(arrow))
		if i == 0 {
			before = head + p.plain(arrow)
		}
		if arrow == "" && head != indent {
			line = p.bold(line)
		}
		p.print(before + line + "\n")
	}
}

func (p *Printer) sign(m [4]string) string {
	if p.ASCII {
		return m[1]
	}
	return m[0]
}

func (p *Printer) bold(s string) string { return p.paint("1", s) }

func (p *Printer) paint(code, s string) string {
	if !p.Colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

var ascii = strings.NewReplacer("’", "'", "“", `"`, "”", `"`, "←", "<-", "→", "->", "…", "...", "–", "-", "—", "-", "·", ".")

// plain is a text as the terminal can show it, and as it cannot be told anything by.
func (p *Printer) plain(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return '·'
		}
		return c
	}, s)
	if !p.ASCII {
		return s
	}
	return strings.Map(func(c rune) rune {
		if c > 0x7e {
			return '?'
		}
		return c
	}, ascii.Replace(s))
}

func (p *Printer) print(s string) {
	_, _ = io.WriteString(p.To, s) // whoever read it may be gone; the exit code tells as well
}

func length(s string) int { return utf8.RuneCountInString(s) }

// visibleLength leaves out what sets colours.
func visibleLength(s string) int {
	n, escape := 0, false
	for _, c := range s {
		switch {
		case c == '\x1b':
			escape = true
		case escape:
			escape = c != 'm'
		default:
			n++
		}
	}
	return n
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-length(s)))
}

// wrap breaks a text at its spaces. A word that is longer than a line, such as a thumbprint or a name, stays whole, so that
// it can be copied.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case length(line)+1+length(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
