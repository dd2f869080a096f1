package devices

import (
	"context"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/timeline"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/sid"
)

// history is the device's own attempts, with what they show together above them, and the chosen one below: why it went
// as it did, the fix, and its timeline.
type history struct {
	d     *detail
	table *kit.DataTable[attempt.Attempt]
	count *kit.Text
	none  fyne.CanvasObject
	view  *fyne.Container

	found  *findings.List
	above  *fyne.Container // holds the findings; hidden without any
	below  *fyne.Container // holds the chosen attempt; hidden without one
	card   *fyne.Container
	line   mend.Timeline // nil: the screen of attempts shows it
	chosen uint64
	shown  attempt.Attempt
	drawn  string // what the card shows

	findings int // shown above, while nothing is chosen
}

func newHistory(d *detail) *history {
	v := &history{d: d, count: kit.NewText("", kit.Caption), card: container.NewStack()}
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
	v.table.OnSelect = func(a attempt.Attempt) { v.choose(a.ID) }
	v.table.Menu = v.menu
	v.table.OnBacklog = func(paused bool, waiting int) {
		if paused && waiting > 0 {
			v.count.Set(fmt.Sprintf("%d new above", waiting))
		}
	}
	follow := kit.NewButton("Newest", kit.Secondary, func() {
		v.choose(0)
		v.table.Unselect()
		v.table.Follow()
	})
	all := kit.NewButton("All in Attempts", kit.Secondary, func() { d.s.p.Shell.Go(shell.Attempts, *d.s.selected.Load()) })
	v.none = container.NewCenter(kit.NewText("It has not tried to connect yet.", kit.Quiet))
	v.found = findings.NewList(fix.Fixer{Shell: d.s.p.Shell, RootPEM: func() []byte { return d.s.p.Endpoint().RootPEM }, NewKey: d.s.NewKey, Pick: v.pick}, d.s.p.Findings, d.s.reload).Own()
	v.above = kit.Down(0, container.New(atMost{}, container.NewVScroll(kit.Inset(2, 14, 2, 14, v.found.Content()))), kit.Rule())
	v.above.Hide()
	if d.s.p.Timeline != nil {
		v.line = d.s.p.Timeline()
	}
	chosen := kit.Down(10, v.card)
	if v.line != nil {
		chosen.Add(v.line.Content())
	}
	v.below = container.NewBorder(kit.Rule(), nil, nil, nil, container.NewVScroll(kit.Inset(12, 14, 12, 14, chosen)))
	v.below.Hide()
	bar := kit.Inset(10, 14, 10, 14, kit.Across(8, follow, all, v.count))
	list := container.NewBorder(kit.Down(0, v.above, bar, kit.Rule()), nil, nil, nil, container.NewStack(v.table, v.none))
	v.view = &fyne.Container{Layout: stacked{}, Objects: []fyne.CanvasObject{list, v.below}}
	return v
}

func (v *history) pick(_ string, labels []string, chosen func(int)) {
	var items []*fyne.MenuItem
	for i, label := range labels {
		items = append(items, fyne.NewMenuItem(label, func() { chosen(i) }))
	}
	mendMenu(v.above, items...)
}

// menu is what a row offers: only what its attempt has.
func (v *history) menu(a attempt.Attempt) *fyne.Menu {
	s := v.d.s.p.Shell
	items := []*fyne.MenuItem{
		fyne.NewMenuItem("Show in Attempts", func() { v.goTo(a) }),
		fyne.NewMenuItem("Show its packets", func() { s.Go(shell.Attempts, shell.PacketsKey(a.ID)) }),
	}
	if a.CredentialSID != "" {
		items = append(items, fyne.NewMenuItem("All attempts with "+sid.Short(a.CredentialSID), func() { s.Go(shell.Attempts, a.CredentialSID) }))
	}
	items = append(items, fyne.NewMenuItem("All attempts from "+mend.Host(a.Remote), func() { s.Go(shell.Attempts, shell.FromKey(mend.Host(a.Remote))) }))
	return fyne.NewMenu("", items...)
}

func (v *history) goTo(a attempt.Attempt) { v.d.s.p.Shell.Go(shell.Attempts, shell.AttemptKey(a.ID)) }

func (v *history) content() fyne.CanvasObject { return v.view }

func (v *history) show(f *facts) {
	text := words.Count(len(f.attempts), "attempt", "attempts")
	if len(f.attempts) == attemptsShown {
		text = "the last " + text
	}
	v.count.Set(text)
	v.table.SetRows(f.attempts)
	toggle(v.none, len(f.attempts) == 0)
	v.found.Set(f.findings)
	v.makeRoom(len(f.findings))
	if v.chosen != 0 {
		v.read() // it may have grown, or been fixed
	}
}

// makeRoom shows the findings while there are some, and no attempt needs their place.
func (v *history) makeRoom(findings int) {
	v.findings = findings
	if hidden := findings == 0 || v.chosen != 0; hidden != v.above.Hidden {
		v.above.Hidden = hidden
		v.view.Refresh()
	}
}

// choose shows an attempt below the list; 0 shows none.
func (v *history) choose(id uint64) {
	if id == v.chosen {
		return
	}
	v.chosen = id
	v.drawn = ""
	v.makeRoom(v.findings)
	if id == 0 {
		v.below.Hide()
		v.view.Refresh()
		return
	}
	v.read()
}

// read reads the chosen attempt, whole.
func (v *history) read() {
	id := v.chosen
	var a attempt.Attempt
	var found bool
	v.d.s.p.Shell.Background(func(context.Context) error {
		a, found = v.d.s.p.Attempts.Get(id)
		return nil
	}, func(error) {
		if id != v.chosen {
			return
		}
		if !found {
			v.choose(0)
			return
		}
		v.paint(a)
	})
}

// paint shows the chosen attempt; what is shown already is left alone.
func (v *history) paint(a attempt.Attempt) {
	v.shown = a
	button, fixable := v.d.s.mend().Button(a, kit.Primary)
	if drawn := fmt.Sprint(a.ID, a.Code, a.Cause, a.End, fixable, len(a.Warnings), words.Explain(a)); drawn != v.drawn {
		v.drawn = drawn
		s := v.d.s.p.Shell
		buttons := []fyne.CanvasObject{}
		if fixable {
			buttons = append(buttons, button)
		}
		buttons = append(buttons, kit.NewButton("Show in Attempts", kit.Secondary, func() { v.goTo(a) }))
		if len(a.Packets) > 0 {
			buttons = append(buttons, kit.NewButton("Packets", kit.Secondary, func() { s.Go(shell.Attempts, shell.PacketsKey(a.ID)) }))
		}
		v.card.Objects = []fyne.CanvasObject{timeline.Card(a, timeline.Said{
			Title: words.CodeName(a.Code), Advice: words.Explain(a).Advice, Caption: mend.Origin(s, a, sid.Short(a.CredentialSID)), Buttons: buttons,
		})}
	}
	if v.line != nil {
		v.line.Show(a)
	}
	v.below.Show()
	v.view.Refresh()
}

// leave drops the choice, so that the next device's attempts follow.
func (v *history) leave() {
	v.choose(0)
	v.table.Unselect()
	v.table.SetRows(nil)
	v.table.Follow()
}

// stacked gives the list the whole height, or its share above what is chosen.
type stacked struct{}

const (
	leastList  = 150
	listOfView = 0.38
)

// MinSize implements fyne.Layout.
func (stacked) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(120, 120) }

// Layout implements fyne.Layout.
func (stacked) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	list, below := objects[0], objects[1]
	list.Move(fyne.Position{})
	if !below.Visible() {
		list.Resize(size)
		return
	}
	height := min(size.Height, max(leastList, float32(int(size.Height*listOfView))))
	list.Resize(fyne.NewSize(size.Width, height))
	below.Resize(fyne.NewSize(size.Width, size.Height-height))
	below.Move(fyne.NewPos(0, height))
}

// atMost keeps findings to a part of the tab: the list of attempts stays in sight.
type atMost struct{}

const mostFindings = 150

// MinSize implements fyne.Layout.
func (atMost) MinSize(objects []fyne.CanvasObject) fyne.Size {
	content := objects[0].(*container.Scroll).Content
	return fyne.NewSize(1, min(content.MinSize().Height, mostFindings))
}

// Layout implements fyne.Layout.
func (atMost) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	objects[0].Resize(size)
	objects[0].Move(fyne.Position{})
}
