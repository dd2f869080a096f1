package attempts

import (
	"slices"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
)

// step is a step of the timeline, and what it unfolds to.
type step struct {
	key                   string
	offset, title, detail string
	state                 kit.Color
	facts                 [][2]string
}

func (s step) same(o step) bool {
	return s.key == o.key && s.offset == o.offset && s.title == o.title && s.detail == o.detail && s.state == o.state &&
		slices.Equal(s.facts, o.facts)
}

// timeline is the vertical line of steps; each unfolds to its facts where it stands, and stays open while others come.
type timeline struct {
	line   *kit.Steps
	steps  []step
	copied func(name, value string)
}

func newTimeline(copied func(name, value string)) *timeline {
	return &timeline{line: kit.NewTimeline(), copied: copied}
}

// set shows steps; nothing happens when they are shown already.
func (t *timeline) set(steps []step) {
	if slices.EqualFunc(t.steps, steps, step.same) {
		return
	}
	t.steps = steps
	shown := make([]kit.Step, len(steps))
	for i, s := range steps {
		shown[i] = kit.Step{Key: s.key, Offset: s.offset, State: s.state, Title: s.title, Detail: s.detail}
		if len(s.facts) > 0 {
			shown[i].Body = func() fyne.CanvasObject { return t.factList(s.facts) }
		}
	}
	t.line.Set(shown)
}

// factList is everything known of a step: a short value beside its name, a long one below it, with a button to copy it.
func (t *timeline) factList(facts [][2]string) fyne.CanvasObject {
	rows := kit.Down(4)
	for _, f := range facts {
		rows.Add(t.fact(f[0], f[1]))
	}
	return kit.Panel(kit.Well, kit.Line, 10, rows)
}

const shortFact = 28 // letters that fit beside a name

func (t *timeline) fact(name, value string) fyne.CanvasObject {
	if utf8.RuneCountInString(value) <= shortFact && !strings.Contains(value, "\n") {
		return kit.Columns(10, []float32{1, 2}, kit.Clipped(kit.NewText(name, kit.Caption)), kit.Clipped(kit.NewText(value, kit.Mono)))
	}
	head := kit.Across(8, kit.NewText(name, kit.Caption), kit.Spacer(), kit.NewButton("Copy", kit.Small, func() { t.copied(name, value) }))
	var body fyne.CanvasObject = kit.NewProse(kit.Run{Text: broken(value), Type: kit.Mono})
	if strings.HasPrefix(value, "-----BEGIN ") {
		body = kit.CodeBlock(value)
	}
	return kit.Down(2, head, kit.Inset(0, 0, 4, 0, body))
}

// broken gives long words spaces, so that they can be wrapped. The longest name of a cipher suite stays whole.
func broken(value string) string {
	const longest = 46
	var out []rune
	run := 0
	for _, r := range value {
		if r == ' ' || r == '\n' {
			run, r = 0, ' '
		} else if run++; run > longest {
			out = append(out, ' ')
			run = 1
		}
		out = append(out, r)
	}
	return string(out)
}
