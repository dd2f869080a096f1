package attempts

import (
	"slices"

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
	column *fyne.Container
	steps  []step
	open   map[string]bool
	copied func(name, value string)
}

func newTimeline(copied func(name, value string)) *timeline {
	return &timeline{column: kit.Down(0), open: map[string]bool{}, copied: copied}
}

// set shows steps; nothing happens when they are shown already.
func (t *timeline) set(steps []step) {
	if slices.EqualFunc(t.steps, steps, step.same) {
		return
	}
	t.steps = steps
	t.build()
}

// toggle unfolds a step, or folds it again.
func (t *timeline) toggle(key string) {
	t.open[key] = !t.open[key]
	t.build()
}

// build puts the line together: whole stretches of it, with the facts of open steps between.
func (t *timeline) build() {
	t.column.RemoveAll()
	var run []kit.Step
	for _, s := range t.steps {
		k := kit.Step{Offset: s.offset, State: s.state, Title: s.title, Detail: s.detail}
		if len(s.facts) > 0 {
			k.Open = func() { t.toggle(s.key) }
		}
		run = append(run, k)
		if t.open[s.key] {
			t.column.Add(kit.Timeline(run))
			t.column.Add(kit.Inset(2, 0, 10, 80, t.factList(s.facts)))
			run = nil
		}
	}
	if len(run) > 0 {
		t.column.Add(kit.Timeline(run))
	}
	t.column.Refresh()
}

// factList is everything known of a step, name beside value; a value is copied by pressing its name's button.
func (t *timeline) factList(facts [][2]string) fyne.CanvasObject {
	rows := kit.Down(4)
	for _, f := range facts {
		rows.Add(kit.Columns(10, []float32{2, 5}, kit.Clipped(kit.NewText(f[0], kit.Caption)), factValue(f[1])))
	}
	return kit.Panel(kit.Well, kit.Line, 10, rows)
}

// factValue wraps where it can; what has no spaces, as hex has not, is given some.
func factValue(value string) fyne.CanvasObject {
	return kit.NewProse(kit.Run{Text: broken(value), Type: kit.Mono})
}

// broken lets long words be wrapped: a zero-width space would be drawn by fonts that lack it, so plain spaces are put in.
func broken(value string) string {
	const longest = 32
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
