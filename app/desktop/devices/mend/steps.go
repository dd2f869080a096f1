package mend

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// Steps is a Timeline from TCP accept to the end; each step unfolds to what is known of it, and stays open while others
// come.
type Steps struct {
	line   *kit.Steps
	copied func(name, value string)
	shown  []kit.Step
}

var _ Timeline = (*Steps)(nil)

// NewSteps makes a timeline without steps; copied puts a value on the clipboard.
func NewSteps(copied func(name, value string)) *Steps {
	return &Steps{line: kit.NewTimeline(), copied: copied}
}

// Content is the timeline itself, to be put into a layout that gives it its width.
func (s *Steps) Content() fyne.CanvasObject { return s.line.Content() }

// Show shows an attempt, at no cost when it is shown already.
func (s *Steps) Show(a attempt.Attempt) {
	steps := make([]kit.Step, len(a.Steps))
	for i, one := range a.Steps {
		title, detail := words.Step(one, a)
		steps[i] = kit.Step{Key: fmt.Sprint(a.ID, "/", i), Offset: words.Offset(one.Offset), State: color(one.State), Title: title, Detail: detail}
		if facts := words.Facts(one); len(facts) > 0 {
			steps[i].Body = func() fyne.CanvasObject { return s.facts(facts) }
		}
	}
	same := func(a, b kit.Step) bool {
		return a.Key == b.Key && a.Offset == b.Offset && a.State == b.State && a.Title == b.Title && a.Detail == b.Detail
	}
	if !slices.EqualFunc(steps, s.shown, same) {
		s.shown = steps
		s.line.Set(steps)
	}
}

func color(s attempt.State) kit.Color {
	switch s {
	case attempt.Warn:
		return kit.Warn
	case attempt.Bad:
		return kit.Bad
	}
	return kit.Good
}

const (
	shortFact = 28 // letters that fit beside a name
	longWord  = 46 // letters that fit on a line
)

// facts is what is known of a step: a short value beside its name, a long one below it, with a button to copy it.
func (s *Steps) facts(facts [][2]string) fyne.CanvasObject {
	rows := kit.Down(4)
	for _, f := range facts {
		name, value := f[0], f[1]
		if utf8.RuneCountInString(value) <= shortFact && !strings.Contains(value, "\n") {
			rows.Add(kit.Columns(10, []float32{1, 2}, kit.Clipped(kit.NewText(name, kit.Caption)), kit.Clipped(kit.NewText(value, kit.Mono))))
			continue
		}
		var body fyne.CanvasObject = kit.NewProse(kit.Run{Text: broken(value), Type: kit.Mono})
		if strings.HasPrefix(value, "-----BEGIN ") {
			body = kit.CodeBlock(value)
		}
		rows.Add(kit.Down(2, kit.Across(8, kit.NewText(name, kit.Caption), kit.Spacer(), kit.NewButton("Copy", kit.Small, func() { s.copied(name, value) })), body))
	}
	return kit.Panel(kit.Well, kit.Line, 10, rows)
}

// broken gives long words spaces, so that they can be wrapped.
func broken(value string) string {
	var out []string
	for _, word := range strings.Fields(value) {
		for letters := range slices.Chunk([]rune(word), longWord) {
			out = append(out, string(letters))
		}
	}
	return strings.Join(out, " ")
}
