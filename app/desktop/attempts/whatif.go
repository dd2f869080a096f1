package attempts

import (
	"context"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/diagnosis"
)

// whatIf opens the sheet on which one change at a time is tried out; nothing is saved until "Do it" is pressed.
func (d *detail) whatIf(a attempt.Attempt) {
	s := d.screen
	var changes []tried
	var now diagnosis.Outcome
	s.shell.Background(func(ctx context.Context) error {
		for i, c := range s.p.Trials(a) {
			if ctx.Err() != nil {
				break
			}
			o := s.p.Diagnosis.WhatIf(a, c.Change)
			changes = append(changes, tried{key: strconv.Itoa(i), change: c, outcome: o, said: words.Outcome(o, a)})
		}
		if len(changes) == 0 {
			now = s.p.Diagnosis.WouldPass(a)
		}
		return nil
	}, func(error) {
		if len(changes) == 0 {
			s.shell.Toast(nothingToTry(now), nil)
			return
		}
		d.sheet = newTrial(d, a, changes).sheet
	})
}

// nothingToTry says why nothing is offered: all is as it should be by now, or nobody is left of whom it could be tried.
func nothingToTry(now diagnosis.Outcome) string {
	if now.Decided && now.Verdict.Accepted() {
		return "There is nothing left to try out: it would be accepted now"
	}
	return "There is nothing to try out: no change of what is registered here would let it in"
}

// tried is a change and what it would lead to.
type tried struct {
	key     string
	change  remedy.Trial
	outcome diagnosis.Outcome
	said    string
}

// trial is the sheet.
type trial struct {
	detail *detail
	of     attempt.Attempt
	sheet  *kit.Sheet
	answer *fyne.Container
}

func newTrial(d *detail, a attempt.Attempt, changes []tried) *trial {
	t := &trial{detail: d, of: a, answer: kit.Down(10)}
	table := kit.NewDataTable(func(c tried) string { return c.key },
		kit.Column[tried]{
			ID: "code", Label: "Code", Width: 66, Text: func(c tried) string { return outcomeCode(c.outcome) },
			Create: func() fyne.CanvasObject { return kit.NewText("", kit.Strong) },
			Update: func(cell fyne.CanvasObject, c tried) {
				cell.(*kit.Text).Set(outcomeCode(c.outcome))
				cell.(*kit.Text).SetType(kit.Strong.In(outcomeColor(c.outcome)))
			},
		},
		kit.TextColumn("change", "What if you…", 0, kit.Body, func(c tried) string { return c.change.Label }),
	)
	table.Steady = true
	table.OnSelect = t.choose
	table.OnEscape = func() { t.sheet.Close() }
	intro := kit.NewProse(kit.Run{Text: "The recorded attempt is judged again with one thing changed. Nothing is saved.", Type: kit.Quiet})
	content := container.NewBorder(kit.Inset(0, 0, 10, 0, kit.Down(0, intro)), kit.Inset(12, 0, 0, 0, kit.Sized(0, 96, t.answer)), nil, nil,
		kit.Panel(kit.Surface, kit.Line, 1, table))
	t.sheet = kit.ShowSheet(d.screen.shell.Window().Canvas(), "What if…", fyne.NewSize(560, 460), content)
	table.SetRows(changes)
	table.Select(changes[0].key)
	table.TakeFocus()
	return t
}

// outcomeCode is the code of an outcome, as far as it is certain.
func outcomeCode(o diagnosis.Outcome) string {
	if !o.Decided {
		return "?"
	}
	return words.CodeLabel(attempt.Code(o.Verdict.Code))
}

// choose shows the verdict after a change, and offers to make it when that helps.
func (t *trial) choose(c tried) {
	t.answer.RemoveAll()
	t.answer.Add(answerLine(c.said, outcomeColor(c.outcome)))
	if c.change.Doable {
		rank := kit.Secondary
		if c.outcome.Decided && c.outcome.Verdict.Accepted() {
			rank = kit.Primary
		}
		do := kit.NewButton("Do it: "+c.change.Label, rank, func() {
			t.sheet.Close()
			t.detail.screen.p.Fix.Press(c.change.Do, func() { t.detail.fixed[t.of.ID] = true; t.detail.screen.again() })
		})
		t.answer.Add(kit.Flow(6, do))
	}
	t.answer.Refresh()
}
