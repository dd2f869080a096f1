package devices

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/sid"
)

// history is the device's own attempts.
type history struct {
	d     *detail
	table *kit.DataTable[attempt.Attempt]
	count *kit.Text
	open  *kit.Button
	none  fyne.CanvasObject
	view  fyne.CanvasObject
}

func newHistory(d *detail) *history {
	v := &history{d: d, count: kit.NewText("", kit.Caption)}
	v.table = kit.NewDataTable(func(a attempt.Attempt) string { return fmt.Sprint(a.ID) },
		kit.TextColumn("time", "Time", 102, kit.Mono, func(a attempt.Attempt) string { return a.At.Local().Format("15:04:05.000") }),
		kit.Column[attempt.Attempt]{
			ID: "code", Label: "Code", Width: 66,
			Create: func() fyne.CanvasObject { return newCodeCell() },
			Update: func(o fyne.CanvasObject, a attempt.Attempt) { o.(*codeCell).set(a.Code, a.Code != attempt.Pending) },
		},
		kit.TextColumn("credential", "Credential", 86, kit.Mono.In(kit.Muted), func(a attempt.Attempt) string { return sid.Short(a.CredentialSID) }),
		kit.TextColumn("what", "What happened", 0, kit.Body, func(a attempt.Attempt) string { return words.Explain(a).Short }),
	)
	v.table.OnOpen = func(a attempt.Attempt) { v.goTo(a) }
	v.table.OnSelect = func(attempt.Attempt) { v.open.Enable() }
	v.table.Menu = func(a attempt.Attempt) *fyne.Menu {
		return fyne.NewMenu("", fyne.NewMenuItem("Show the timeline", func() { v.goTo(a) }))
	}
	v.table.OnBacklog = func(paused bool, waiting int) {
		if paused && waiting > 0 {
			v.count.Set(fmt.Sprintf("%d new above", waiting))
		}
	}
	v.open = kit.NewButton("Show the timeline", kit.Secondary, func() {
		if a, ok := v.table.Selected(); ok {
			v.goTo(a)
		}
	})
	v.open.Disable()
	follow := kit.NewButton("Newest", kit.Secondary, func() {
		v.table.Unselect()
		v.open.Disable()
		v.table.Follow()
	})
	all := kit.NewButton("All attempts", kit.Secondary, func() { d.s.p.Shell.Go(shell.Attempts, "") })
	v.none = container.NewCenter(kit.NewText("It has not tried to connect yet.", kit.Quiet))
	v.view = container.NewBorder(kit.Down(0, kit.Inset(12, 14, 12, 14, kit.Across(8, v.open, follow, all, v.count)), kit.Rule()),
		nil, nil, nil, container.NewStack(v.table, v.none))
	return v
}

func (v *history) goTo(a attempt.Attempt) { v.d.s.p.Shell.Go(shell.Attempts, fmt.Sprint(a.ID)) }

func (v *history) content() fyne.CanvasObject { return v.view }

func (v *history) show(f *facts) {
	text := words.Count(len(f.attempts), "attempt", "attempts")
	if len(f.attempts) == attemptsShown {
		text = "the last " + text
	}
	v.count.Set(text)
	v.table.SetRows(f.attempts)
	toggle(v.none, len(f.attempts) == 0)
}

// leave drops the choice, so that the next device's attempts follow.
func (v *history) leave() {
	v.table.Unselect()
	v.open.Disable()
	v.table.SetRows(nil)
	v.table.Follow()
}
