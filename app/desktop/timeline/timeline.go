// Package timeline shows one connection attempt: every step from TCP accept to its end, each unfolding to all that is
// known of it, and the card that says the verdict, the cause and the fix. Screens and the wizard share it. It knows
// neither of them, nor where attempts come from.
package timeline

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// Actions are what a timeline asks for. A nil one is not offered.
type Actions struct {
	// Copy puts a value on the clipboard.
	Copy func(name, value string)
	// Lead goes to what a value names: the key of a SID, a thumbprint, an address or an attempt, as the screen of attempts
	// takes it.
	Lead func(key string)
	// Folded is told when a step was unfolded or folded.
	Folded func()
}

// Timeline is the vertical line of steps. What is open stays open while others come. All methods belong to the UI
// goroutine, except Prepare.
type Timeline struct {
	actions Actions
	line    *kit.Steps
	shown   Steps
}

// New makes a timeline without steps.
func New(actions Actions) *Timeline {
	t := &Timeline{actions: actions, line: kit.NewTimeline()}
	t.line.OnFold = actions.Folded
	return t
}

// Content is the timeline itself, to be put into a layout that gives it its width.
func (t *Timeline) Content() fyne.CanvasObject { return t.line.Content() }

// Show shows an attempt, at no cost when it is shown already.
func (t *Timeline) Show(a attempt.Attempt) { t.ShowSteps(Prepare(a)) }

// ShowSteps shows what Prepare made.
func (t *Timeline) ShowSteps(steps Steps) {
	if slices.EqualFunc(t.shown, steps, step.same) {
		return
	}
	t.shown = steps
	all := make([]kit.Step, len(steps))
	for i, s := range steps {
		all[i] = kit.Step{Key: s.key, Offset: s.offset, State: s.state, Title: s.title, Detail: s.detail}
		if len(s.facts) > 0 {
			all[i].Body = func() fyne.CanvasObject { return t.factList(s) }
		}
	}
	t.line.Set(all)
}

// ToggleAll unfolds every step, or folds all when there is nothing left to unfold.
func (t *Timeline) ToggleAll() { t.line.ToggleAll() }

// Toggle unfolds the step in a place, or folds it again.
func (t *Timeline) Toggle(i int) {
	if i >= 0 && i < len(t.shown) {
		t.line.Toggle(t.shown[i].key)
	}
}

// AllOpen reports whether there is nothing left to unfold.
func (t *Timeline) AllOpen() bool { return t.line.AllOpen() }

// Steps are the steps of an attempt in words.
type Steps []step

// step is a step of the timeline, and what it unfolds to.
type step struct {
	key                   string
	offset, title, detail string
	state                 kit.Color
	facts                 [][2]string
	attempts              []string // numbers of other attempts among the facts
}

func (s step) same(o step) bool {
	return s.key == o.key && s.offset == o.offset && s.title == o.title && s.detail == o.detail && s.state == o.state &&
		slices.Equal(s.facts, o.facts)
}

// Prepare finds the words of an attempt's steps. It may be called on any goroutine.
func Prepare(a attempt.Attempt) Steps {
	all := make(Steps, len(a.Steps))
	for i, s := range a.Steps {
		title, said := words.Step(s, a)
		all[i] = step{
			key: fmt.Sprint(a.ID, "/", i), offset: words.Offset(s.Offset), state: stateOf(s, a),
			title: title, detail: said, facts: words.Facts(s),
		}
		for _, name := range []string{"old_attempt", "new_attempt"} {
			if id := s.Fact(name); id != "" {
				all[i].attempts = append(all[i].attempts, id)
			}
		}
	}
	return all
}

// stateOf is the colour of a step. That a refused connection was closed is as it should be, and nothing to be glad of.
func stateOf(s attempt.Step, a attempt.Attempt) kit.Color {
	if s.Kind == attempt.Ended && s.State == attempt.Good && a.Code.Refused() {
		return kit.Muted
	}
	return stateColor(s.State)
}

func stateColor(s attempt.State) kit.Color {
	switch s {
	case attempt.Warn:
		return kit.Warn
	case attempt.Bad:
		return kit.Bad
	}
	return kit.Good
}
