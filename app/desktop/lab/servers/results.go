package servers

import (
	"net"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/app/words/labwords"
	"gatehouse/gateway/lab"
	"gatehouse/gateway/sid"
)

// results is what devices made of the servers.
type results struct {
	view    *View
	content fyne.CanvasObject
	table   *kit.DataTable[lab.Result]
	every   *kit.Chip
	only    *kit.Chip
	tools   *fyne.Container
	save    *kit.Button
	empty   *fyne.Container
	nothing *kit.Prose
	foot    *fyne.Container
	body    *fyne.Container
	said    *kit.Prose
	device  *kit.Link
	attempt *kit.Link
	peer    *kit.Link
	server  *kit.Link
	chosen  string // the key of the chosen result
	picked  bool   // by the user; until then the newest is
	marks   bool   // the table is being told the choice
	all     []lab.Result
}

func keyOf(r lab.Result) string { return string(r.Kind) + " " + r.DeviceSID + " " + r.Name }

func newResults(v *View) *results {
	t := &results{view: v, said: kit.NewProse(), nothing: kit.NewProse()}
	t.table = kit.NewDataTable(keyOf,
		kit.Column[lab.Result]{
			ID: "outcome", Label: "Lesson", Width: 88, Text: func(r lab.Result) string { word, _ := labwords.Outcome(r); return word },
			Create: func() fyne.CanvasObject {
				return kit.Across(5, kit.NewIcon("check", kit.Good, 11), kit.NewText("", kit.CaptionBold))
			},
			Update: setOutcome,
		},
		kit.TextColumn("device", "Device", 110, kit.Body, nameOf),
		kit.TextColumn("server", "Server", 146, kit.Body, func(r lab.Result) string { title, _, _ := labwords.Kind(r.Kind); return title }),
		kit.TextColumn("said", "What it did", 0, kit.Quiet, func(r lab.Result) string { _, sentence := labwords.Outcome(r); return sentence }),
		kit.TextColumn("at", "Last", 72, kit.Mono.In(kit.Muted).Right(), func(r lab.Result) string { return r.At.Local().Format("15:04:05") }),
	)
	t.table.Steady = true
	t.table.OnSelect = func(r lab.Result) {
		t.chosen = keyOf(r)
		t.picked = t.picked || !t.marks
		t.explain(r)
	}
	t.table.OnOpen = func(r lab.Result) { v.p.Shell.Go(shell.Attempts, shell.AttemptKey(r.Attempt)) }
	t.table.Menu = t.menu

	t.every = kit.NewChip("", "All", func() { v.ask(func() { v.only = false }) })
	t.only = kit.NewChip("", "This server", func() { v.ask(func() { v.only = true }) })
	t.save = kit.NewButton("Save as…", kit.Small, t.openForms)
	t.tools = kit.Across(6, t.save, kit.NewButton("Clear…", kit.Small, t.clear))
	head := container.NewBorder(nil, nil, kit.Across(12, kit.NewText("Results", kit.Title), t.every, t.only), t.tools)
	t.device, t.attempt, t.peer = kit.NewLink("", kit.Body, nil), kit.NewLink("", kit.Body, nil), kit.NewLink("", kit.Mono, nil)
	t.server = kit.NewLink("", kit.Body, nil)
	t.foot = kit.Down(0, kit.Rule(), kit.Inset(8, 12, 8, 12, kit.Down(4, t.said, kit.Across(16, t.device, t.server, t.attempt, t.peer))))
	t.foot.Hide()
	t.empty = container.NewStack(kit.Centred(380, kit.Down(10, t.nothing)))
	t.body = kit.Below(0, container.NewStack(container.NewClip(t.table), t.empty), t.foot)
	t.content = kit.Card(1, container.NewBorder(kit.Down(0, kit.Inset(9, 10, 9, 12, head), kit.Rule()), nil, nil, nil, t.body))
	return t
}

// nameOf is what a device is called; one that is not known is called by what it presented, which may be long.
func nameOf(r lab.Result) string {
	if r.DeviceSID == "" {
		return sid.Short(r.Name)
	}
	return r.Name
}

// setOutcome says how a lesson went, by icon, word and colour.
func setOutcome(cell fyne.CanvasObject, r lab.Result) {
	icon, color := "question", kit.Muted
	switch r.Outcome {
	case lab.Passed:
		icon, color = "check", kit.Good
	case lab.Failed:
		icon, color = "cross", kit.Bad
	case lab.Lenient:
		icon, color = "attention", kit.Warn
	case lab.Waiting:
		icon, color = "hourglass", kit.Wait
	}
	parts := cell.(*fyne.Container).Objects
	parts[0].(*kit.Icon).Set(icon, color)
	text := parts[1].(*kit.Text)
	word, _ := labwords.Outcome(r)
	text.Set(word)
	text.SetType(kit.CaptionBold.In(color))
}

func (t *results) show(shot snapshot) {
	t.all = shot.results
	t.table.SetRows(shot.results)
	t.every.Choose(!shot.only)
	t.only.Choose(shot.only)
	t.every.SetLabel("All " + words.Grouped(shot.all))
	t.tools.Hidden = shot.all == 0
	t.empty.Hidden = len(shot.results) > 0
	if !t.empty.Hidden {
		t.nothing.Set(kit.Run{Text: t.advice(shot), Type: kit.Quiet})
	}
	t.choose(shot.results)
}

// choose keeps the user's choice, and until there is one the newest result.
func (t *results) choose(all []lab.Result) {
	if !t.picked && len(all) > 0 {
		t.chosen = keyOf(all[0])
	}
	for _, r := range all {
		if keyOf(r) != t.chosen {
			continue
		}
		if now, ok := t.table.Selected(); !ok || keyOf(now) != t.chosen {
			t.marks = true
			t.table.Select(t.chosen)
			t.marks = false
		}
		t.explain(r)
		return
	}
	t.picked = false
	if t.foot.Visible() {
		t.foot.Hide()
		t.body.Refresh()
	}
}

// advice says what to do while there is nothing to show.
func (t *results) advice(shot snapshot) string {
	switch {
	case shot.all > 0:
		return "No device has met this server yet."
	case shot.chosen.on:
		return "No device has come yet. Give yours this address and the root certificate: what it does stands here the moment it has decided."
	}
	return "No lesson yet. Start a server, give your device its address, and see here whether it notices what is wrong."
}

// explain says of the chosen result what the table has no room for.
func (t *results) explain(r lab.Result) {
	word, sentence := labwords.Outcome(r)
	title, _, _ := labwords.Kind(r.Kind)
	t.said.Set(kit.Run{Text: word + ". ", Type: kit.Strong}, kit.Run{Text: sentence, Type: kit.Body})
	t.server.Set(title, func() { t.view.Show(string(r.Kind)) })
	to := t.view.p.Shell
	t.device.Set(nameOf(r), nil)
	if r.DeviceSID != "" {
		t.device.Set(r.Name, func() { to.Go(shell.Devices, r.DeviceSID) })
	}
	last := "Attempt " + words.Grouped(int(r.Attempt))
	if r.Attempts > 1 {
		last += ", the last of " + words.Grouped(r.Attempts)
	}
	t.attempt.Set(last, func() { to.Go(shell.Attempts, shell.AttemptKey(r.Attempt)) })
	host := hostOf(r.Peer)
	t.peer.Set(host, func() { to.Go(shell.Attempts, shell.FromKey(host)) })
	t.foot.Show()
	t.body.Refresh()
}

func (t *results) menu(r lab.Result) *fyne.Menu {
	to := t.view.p.Shell
	items := []*fyne.MenuItem{fyne.NewMenuItem("Show its last attempt", func() { to.Go(shell.Attempts, shell.AttemptKey(r.Attempt)) })}
	if r.DeviceSID != "" {
		items = append(items, fyne.NewMenuItem("Show device "+r.Name, func() { to.Go(shell.Devices, r.DeviceSID) }))
	}
	items = append(items, fyne.NewMenuItem("Attempts from "+hostOf(r.Peer), func() { to.Go(shell.Attempts, shell.FromKey(hostOf(r.Peer))) }))
	return fyne.NewMenu("", items...)
}

// forms are what the results can be saved as.
func (t *results) forms() []*fyne.MenuItem {
	to := t.view.p.Shell
	return []*fyne.MenuItem{
		fyne.NewMenuItem("CSV, for a spreadsheet", func() { to.Save("lessons.csv", []byte(lab.CSV(t.all))) }),
		fyne.NewMenuItem("JSON", t.saveJSON),
		fyne.NewMenuItem("Markdown, for a ticket", func() { to.Save("lessons.md", []byte(lab.Markdown(t.all))) }),
	}
}

func (t *results) openForms() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(t.save); c != nil {
		widget.ShowPopUpMenuAtRelativePosition(fyne.NewMenu("", t.forms()...), c, fyne.NewPos(0, t.save.Size().Height+2), t.save)
	}
}

func (t *results) saveJSON() {
	content, err := lab.JSON(t.all)
	if err != nil {
		t.view.p.Shell.Fail("The results were not saved", err)
		return
	}
	t.view.p.Shell.Save("lessons.json", content)
}

// clear forgets all results, once the user has agreed.
func (t *results) clear() {
	n := t.view.shown.all
	t.view.p.Shell.Confirm("Clear the results?", "What devices made of the wrong servers is forgotten: "+words.Count(n, "result", "results")+". The attempts themselves stay.", "Clear", func() {
		t.view.p.Lab.ClearResults()
		t.view.ask(func() {})
	})
}

// hostOf is an address without its port.
func hostOf(peer string) string {
	if host, _, err := net.SplitHostPort(peer); err == nil {
		return host
	}
	return peer
}
