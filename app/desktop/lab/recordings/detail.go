package recordings

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/lab/outcome"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/lab"
	"gatehouse/app/words"
	"gatehouse/sim/record"
	"gatehouse/sim/scenario"
)

// speeds and idles are what is offered.
var (
	speeds = []struct {
		speed float64
		label string
	}{{1, "As it was"}, {2, "2 ×"}, {10, "10 ×"}}
	idles = []struct {
		idle  time.Duration
		label string
	}{{0, "All"}, {5 * time.Second, "Up to 5 s"}, {time.Second, "Up to 1 s"}}
)

// detail is the right side: the chosen recording, as steps and as the file that it makes.
type detail struct {
	view    *View
	content fyne.CanvasObject

	title    *kit.Text
	rename   *kit.Field
	renaming *fyne.Container
	heading  *fyne.Container
	device   *kit.Link
	facts    *kit.Text
	notes    *kit.Prose
	state    *kit.Prose
	run      *kit.Button
	runAs    *kit.Button
	stop     *kit.Button
	buttons  *fyne.Container
	speeds   []*kit.Chip
	idles    []*kit.Chip
	expect   *kit.Chip
	tabs     *kit.Tabs
	steps    *kit.DataTable[lab.Step]
	lines    *kit.Lines
	body     *fyne.Container
	head     *fyne.Container
	parts    *fyne.Container
	whole    *fyne.Container
	empty    fyne.CanvasObject
	height   float32

	shown    snapshot
	listed   scripted // whose lines are in the view
	followed string
}

func newDetail(v *View) *detail {
	d := &detail{view: v, title: kit.NewText("", kit.Type{Size: 18, Color: kit.Ink, Bold: true}), facts: kit.NewText("", kit.Caption), notes: kit.NewProse(), state: kit.NewProse(), lines: kit.NewLines()}
	d.device = kit.NewLink("", kit.Body, nil)
	d.rename = kit.NewField("Another name")
	d.rename.Entry.OnSubmitted = d.renamed
	d.renaming = container.NewBorder(nil, nil, nil, kit.Across(6, kit.NewButton("Rename", kit.Secondary, func() { d.renamed(d.rename.Entry.Text) }), kit.NewButton("Cancel", kit.Secondary, func() { d.naming(false) })), kit.Inset(0, 8, 0, 0, d.rename))
	d.renaming.Hide()
	d.heading = container.NewBorder(nil, nil, nil, kit.Across(6, kit.NewButton("Rename…", kit.Small, func() { d.naming(true) }), kit.NewButton("Delete…", kit.Small, d.remove)), kit.Clipped(d.title))
	d.run = kit.NewButton("Run now", kit.Primary, func() { d.play(nil) })
	d.runAs = kit.NewButton("Run as…", kit.Secondary, d.pickPlayer)
	d.stop = kit.NewButton("Stop", kit.Secondary, v.p.Runs.Stop)
	d.buttons = kit.Flow(8, d.run, d.runAs, d.stop, kit.NewButton("Export…", kit.Secondary, d.export), kit.NewButton("Copy YAML", kit.Secondary, d.copy))
	pace, waits := kit.Across(6, kit.NewText("Pace", kit.Caption)), kit.Across(6, kit.NewText("Waits", kit.Caption))
	for _, s := range speeds {
		chip := kit.NewChip("", s.label, func() { v.ask(func() { v.options.Speed = s.speed }) })
		d.speeds = append(d.speeds, chip)
		pace.Add(chip)
	}
	for _, s := range idles {
		chip := kit.NewChip("", s.label, func() { v.ask(func() { v.options.Idle = s.idle }) })
		d.idles = append(d.idles, chip)
		waits.Add(chip)
	}
	d.expect = kit.NewChip("", "Expect what it received", func() { v.ask(func() { v.options.Expect = !v.options.Expect }) })
	d.steps = kit.NewDataTable(func(s lab.Step) string { return s.Path },
		kit.Column[lab.Step]{ID: "outcome", Width: 28, Create: func() fyne.CanvasObject { return kit.NewIcon("minus", kit.Line, 13) }, Update: setOutcome},
		kit.TextColumn("title", "Step", 0, kit.Body, titleOf),
		kit.TextColumn("took", "Took", 84, kit.Mono.Right(), tookOf),
	)
	d.steps.Steady = true
	d.tabs = kit.NewTabs("", "Steps", "YAML")
	plan, text := container.NewClip(d.steps), kit.Inset(10, 16, 4, 16, d.lines)
	plan.ExtendBaseWidget(plan) // else its first size is lost on the table in it
	d.body = container.NewStack(plan)
	d.tabs.OnChoose = func(i int) {
		d.body.Objects = []fyne.CanvasObject{[]fyne.CanvasObject{plan, text}[i]}
		d.body.Refresh()
	}
	d.head = kit.Down(10, container.NewStack(d.heading, d.renaming), container.NewBorder(nil, nil, kit.Inset(0, 8, 0, 0, d.device), nil, kit.Clipped(d.facts)), d.notes,
		kit.Flow(14, pace, waits, d.expect), d.buttons, d.state)
	d.parts = kit.Above(0, kit.Inset(16, 16, 6, 16, kit.Down(10, d.head, d.tabs)), d.body)
	d.empty = kit.Inset(40, 24, 24, 24, kit.Centred(460, kit.Down(8,
		kit.NewText("Nothing is recorded yet", kit.Title),
		kit.NewProse(kit.Run{Text: "Choose a device on the left and press Record. Let it do what it does, press Stop, and this page shows it step by step. A virtual device can then do the same again: here, or in a test with “gatehouse sim run”.", Type: kit.Quiet}))))
	d.whole = container.NewStack(d.empty)
	d.content = kit.Card(1, d.whole)
	return d
}

// titleOf is a step with why it broke.
func titleOf(s lab.Step) string {
	title := s.Title
	if title != "" && (strings.HasPrefix(title, "create ") || strings.HasPrefix(title, "wait ")) {
		title = strings.ToUpper(title[:1]) + title[1:]
	}
	if s.Why != "" {
		title += ": " + s.Why
	}
	return title
}

func tookOf(s lab.Step) string {
	switch s.Outcome {
	case scenario.Held, scenario.Broken:
		if s.Took < time.Second {
			return fmt.Sprintf("%d ms", s.Took.Milliseconds())
		}
		return span(s.Took)
	case scenario.Running:
		return "now"
	case scenario.Skipped:
		return "skipped"
	}
	return ""
}

// setOutcome draws how a step went.
func setOutcome(cell fyne.CanvasObject, s lab.Step) { cell.(*kit.Icon).Set(outcome.Draw(s.Outcome)) }

func (d *detail) show(shot snapshot) {
	before := d.shown.chosen.ID
	d.shown = shot
	k, s := shot.chosen, shot.script
	d.turn(k.ID != "")
	if k.ID == "" {
		return
	}
	if before != k.ID {
		d.naming(false)
	}
	d.title.Set(k.Name)
	d.device.Set(k.DeviceName, func() { d.view.p.Shell.Go(shell.Devices, k.DeviceSID) })
	d.facts.Set(facts(k))
	notes := strings.Join(k.Notes, " ")
	if s.Left > 0 {
		notes = strings.TrimSpace(notes + " " + words.Count(s.Left, "event finds", "events find") + " no room in a scenario.")
	}
	if s.err != nil {
		notes = "It cannot be shown: " + s.err.Error() + "."
	}
	d.notes.Hidden = notes == ""
	d.notes.Set(kit.Run{Text: notes, Type: kit.Caption.In(kit.Warn)})
	for i, one := range speeds {
		d.speeds[i].Choose(one.speed == s.options.Speed)
	}
	for i, one := range idles {
		d.idles[i].Choose(one.idle == s.options.Idle)
	}
	d.expect.Hidden = k.Counts[record.Received] == 0
	d.expect.Choose(s.options.Expect)
	steps := s.steps
	if shot.run.Number > 0 && len(shot.run.Steps) == len(steps) {
		steps = shot.run.Steps
	}
	d.steps.SetRows(steps)
	d.follow(shot.run)
	if d.listed.id != s.id || d.listed.options != s.options || d.listed.name != s.name {
		d.listed = s
		d.lines.Set(s.lines)
	}
	playing := shot.run.Playing
	d.run.Hidden, d.runAs.Hidden, d.stop.Hidden = playing, playing || d.view.p.As == nil, !playing
	able(d.run, s.err == nil && shot.other == "" && shot.open)
	able(d.runAs, s.err == nil && shot.other == "" && shot.open)
	able(d.stop, !shot.run.Stopping)
	d.buttons.Refresh()
	d.say(shot)
	if d.head.Refresh(); d.head.MinSize().Height != d.height {
		d.height = d.head.MinSize().Height
		d.parts.Refresh()
	}
}

// turn shows a recording, or that there is none.
func (d *detail) turn(there bool) {
	part := d.empty
	if there {
		part = d.parts
	}
	if d.whole.Objects[0] != part {
		d.whole.Objects[0] = part
		d.whole.Refresh()
	}
}

// facts are what a recording holds, in a line.
func facts(k lab.Kept) string {
	all := []string{k.Began.Local().Format("2 Jan 15:04:05"), span(k.Took), words.Count(k.Events, "event", "events")}
	for _, one := range []struct {
		kind      record.Kind
		one, many string
	}{{record.Connected, "connection", "connections"}, {record.Published, "sent", "sent"}, {record.Received, "received", "received"}} {
		if n := k.Counts[one.kind]; n > 0 {
			all = append(all, words.Count(n, one.one, one.many))
		}
	}
	return "· " + strings.Join(all, " · ")
}

// say tells how the replay goes.
func (d *detail) say(shot snapshot) {
	run := shot.run
	quiet := func(text string) { d.state.Set(kit.Run{Text: text, Type: kit.Quiet}) }
	switch {
	case shot.other != "":
		quiet("“" + shot.other + "” is playing. It has to end before this can run.")
	case !shot.open:
		quiet("The gateway is stopped, so no device could connect. Start it at the top of the window.")
	case run.Number == 0:
		quiet("Run now makes a virtual device with a credential of its own, in a fleet that is removed afterwards. Run as… lets a virtual device of yours do it.")
	case run.Playing && run.Stopping:
		quiet("Stopping, and removing what it made…")
	case run.Playing:
		quiet(fmt.Sprintf("Running: %d of %s.", run.Done, words.Count(run.Of, "step", "steps")))
	case run.Held:
		d.state.Set(kit.Run{Text: "It did the same again", Type: kit.Strong.In(kit.Good)}, kit.Run{Text: ", in " + span(run.Took) + ".", Type: kit.Quiet})
	case run.Stopping:
		quiet(fmt.Sprintf("You stopped it after %d of %s.", run.Done, words.Count(run.Of, "step", "steps")))
	default:
		d.state.Set(kit.Run{Text: "It went another way this time: ", Type: kit.Strong.In(kit.Bad)}, kit.Run{Text: run.Why + ".", Type: kit.Body})
	}
}

// follow keeps the step that plays in sight.
func (d *detail) follow(run lab.Run) {
	for i, s := range run.Steps {
		if s.Outcome == scenario.Running && s.Path != d.followed {
			d.followed = s.Path
			const rowHeight, ahead = 28, 4
			d.steps.ScrollTo(float32(max(0, i-ahead) * rowHeight))
			return
		}
	}
}

// play runs the recording: as a device of its own, or as one that there is.
func (d *detail) play(as *lab.As) {
	s := d.shown.script
	if s.Scenario == nil || s.err != nil {
		return
	}
	if as != nil {
		as.Name = s.Device
	}
	if err := d.view.p.Runs.Start(lab.Script{ID: runID(s.id), Scenario: s.Scenario, As: as}); err != nil {
		d.view.p.Shell.Fail("The recording does not run", err)
	}
}

// pickPlayer asks which of the user's virtual devices is to do it.
func (d *detail) pickPlayer() {
	v := d.view
	var all []Device
	v.p.Shell.Background(func(context.Context) error {
		all = slices.DeleteFunc(v.devices(), func(one Device) bool { return !one.Virtual })
		return nil
	}, func(error) {
		if len(all) == 0 {
			v.p.Shell.Toast("There is no virtual device yet. Make one on the Devices page, or use Run now.", nil)
			return
		}
		v.p.Pick("Which virtual device is to do it?", labels(all), func(i int) {
			one := all[i]
			as, ok := v.p.As(one.SID)
			if !ok {
				v.p.Shell.Toast(one.Name+" has no credential on this computer.", nil)
				return
			}
			if !one.Live {
				d.play(&as)
				return
			}
			v.p.Shell.Confirm("Run as "+one.Name+"?", one.Name+" is connected. A device has one connection at a time, so the one that it has now ends.", "Run", func() { d.play(&as) })
		})
	})
}

func (d *detail) export() {
	if s := d.shown.script; s.err == nil {
		d.view.p.Shell.Save(fileName(d.shown.chosen), s.Text)
	}
}

func (d *detail) copy() {
	if s := d.shown.script; s.err == nil {
		d.view.p.Shell.Copy("The scenario", string(s.Text))
	}
}

// naming shows the field for another name in place of the name, or the name again.
func (d *detail) naming(on bool) {
	d.heading.Hidden, d.renaming.Hidden = on, !on
	if on {
		d.rename.Entry.SetText(d.shown.chosen.Name)
		if c := d.view.p.Shell.Window(); c != nil {
			c.Canvas().Focus(d.rename.Entry)
		}
	}
	d.head.Refresh()
}

func (d *detail) renamed(name string) {
	id := d.shown.chosen.ID
	d.view.p.Shell.Background(func(context.Context) error { return d.view.p.Recorder.Rename(id, name) }, func(err error) {
		if err != nil {
			d.view.p.Shell.Fail("The recording keeps its name", err)
			return
		}
		d.naming(false)
	})
}

// remove deletes the recording, once the user has agreed.
func (d *detail) remove() {
	k := d.shown.chosen
	lost := fmt.Sprintf("“%s” with its %s is gone for good. What was exported stays.", k.Name, words.Count(k.Events, "event", "events"))
	d.view.p.Shell.Confirm("Delete this recording?", lost, "Delete", func() {
		d.view.p.Shell.Background(func(context.Context) error { return d.view.p.Recorder.Delete(k.ID) }, func(err error) {
			if err != nil {
				d.view.p.Shell.Fail("The recording was not deleted", err)
				return
			}
			d.view.p.Shell.Toast("“"+k.Name+"” was deleted.", nil)
		})
	})
}
