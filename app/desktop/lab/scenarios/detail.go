package scenarios

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/lab/outcome"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/lab"
	"gatehouse/app/story"
	"gatehouse/app/words"
	"gatehouse/sim/scenario"
)

// paces are what is offered, with what they are called.
var paces = []struct {
	pace  lab.Pace
	label string
}{{lab.AtOnce, "At once"}, {lab.Slowly, "1 s a step"}, {lab.Calmly, "3 s a step"}, {lab.ByHand, "Step by step"}}

// detail is the right side: the chosen scenario, and how it goes.
type detail struct {
	view    *View
	content fyne.CanvasObject

	title    *kit.Text
	size     *kit.Text
	about    *kit.Prose
	play     *kit.Button
	stop     *kit.Button
	next     *kit.Button
	again    *kit.Button // reads a file anew
	buttons  *fyne.Container
	saves    *fyne.Container // once it is over
	chips    []*kit.Chip
	pace     *fyne.Container
	on       *fyne.Container // where it is played, when that can be chosen
	servers  [2]*kit.Chip
	progress *kit.Progress
	state    *kit.Prose
	made     *fyne.Container
	steps    *kit.DataTable[lab.Step]
	mistakes *fyne.Container
	plan     fyne.CanvasObject // the steps
	wrong    fyne.CanvasObject // the mistakes, in their place
	head     *fyne.Container
	parts    *fyne.Container // head above plan or wrong
	height   float32         // of the head, as it was last laid out

	shown    *Offer // what is introduced
	number   int    // of the run
	run      lab.Run
	linked   [3]int // the run of which devices are named, how many, and whether it plays
	upcoming string // the path of the step that is next, while none plays
	followed string // the path of the step that was scrolled to
}

func newDetail(v *View) *detail {
	d := &detail{
		view: v, title: kit.NewText("", kit.Type{Size: 18, Color: kit.Ink, Bold: true}), size: kit.NewText("", kit.Caption), about: kit.NewProse(),
		state: kit.NewProse(), made: kit.Flow(8), mistakes: kit.Down(14),
	}
	d.play = kit.NewButton("Play", kit.Primary, v.play)
	d.stop = kit.NewButton("Stop", kit.Secondary, v.p.Runs.Stop)
	d.next = kit.NewButton("Next step", kit.Primary, v.p.Runs.Next)
	d.again = kit.NewButton("Read the file again", kit.Secondary, func() { v.Open(d.shown.Path) })
	d.buttons = kit.Across(8, d.play, d.next, d.stop, d.again)
	d.saves = kit.Across(6, kit.NewText("Save as", kit.Caption),
		kit.NewButton("JSON", kit.Small, func() { d.save(".jsonl", story.JSON) }), kit.NewButton("JUnit", kit.Small, func() { d.save(".xml", story.JUnit) }))
	d.saves.Hide()
	d.pace = kit.Across(6, kit.NewText("Pace", kit.Caption))
	for _, p := range paces {
		chip := kit.NewChip("", p.label, func() { v.setPace(p.pace) })
		d.chips = append(d.chips, chip)
		d.pace.Add(chip)
	}
	d.servers[0] = kit.NewChip("", "This gateway", func() { v.setApart(false) })
	d.servers[1] = kit.NewChip("", "Ordinary broker", func() { v.setApart(true) })
	d.on = kit.Across(6, kit.NewText("On", kit.Caption), d.servers[0], d.servers[1])
	d.progress = kit.NewProgress(0)
	d.steps = kit.NewDataTable(func(s lab.Step) string { return s.Path },
		kit.Column[lab.Step]{ID: "outcome", Label: "", Width: 28, Create: func() fyne.CanvasObject { return kit.NewIcon("minus", kit.Muted, 13) }, Update: d.setOutcome},
		kit.TextColumn("title", "Step", 0, kit.Body, titleOf),
		kit.TextColumn("took", "Took", 84, kit.Mono.Right(), d.tookOf),
	)
	d.steps.Steady = true
	d.head = kit.Down(12,
		kit.Down(4, container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 10, d.size), kit.Clipped(d.title)), d.about),
		kit.Flow(18, d.buttons, d.pace, d.on, d.saves),
		d.progress, d.state, d.made)
	d.plan, d.wrong = container.NewClip(d.steps), container.NewVScroll(d.mistakes)
	d.parts = kit.Above(0, kit.Inset(16, 16, 12, 16, d.head), container.NewStack(d.plan, d.wrong))
	d.content = kit.Card(1, d.parts)
	return d
}

// titleOf indents what stands inside another step.
func titleOf(s lab.Step) string {
	title := sentence(s.Title)
	if s.Round > 0 && s.Outcome != "" {
		title += fmt.Sprintf(" · round %d", s.Round)
	}
	if s.Why != "" {
		title += ": " + s.Why
	}
	return strings.Repeat("      ", s.Depth) + title
}

// sentence begins with a capital letter unless it begins with the name of a device.
func sentence(s string) string {
	for _, verb := range []string{"create ", "enable ", "disable ", "deploy ", "undeploy ", "give ", "revoke ", "delete ", "set ", "wait "} {
		if strings.HasPrefix(s, verb) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}

func (d *detail) tookOf(s lab.Step) string {
	switch s.Outcome {
	case scenario.Held, scenario.Broken:
		return took(s.Took)
	case scenario.Running:
		return "now"
	case scenario.Skipped:
		return "skipped"
	}
	if s.Path == d.upcoming {
		return "next"
	}
	return ""
}

// upcoming is the step that a pause leads to; empty while one plays.
func upcoming(run lab.Run) (path string) {
	if !run.Playing || run.Stopping {
		return ""
	}
	for _, s := range run.Steps {
		switch {
		case s.Outcome == scenario.Running:
			return ""
		case s.Outcome == "" && path == "":
			path = s.Path
		}
	}
	return path
}

// took is a time as people read it.
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// setOutcome draws how a step went, or that it is the next.
func (d *detail) setOutcome(cell fyne.CanvasObject, s lab.Step) {
	icon, color := outcome.Draw(s.Outcome)
	if s.Outcome == "" && s.Path == d.upcoming {
		icon, color = "chevron", kit.Accent
	}
	cell.(*kit.Icon).Set(icon, color)
}

// show puts the chosen scenario on the screen.
func (d *detail) show(shot snapshot) {
	o, run := shot.chosen, shot.run
	if d.shown == nil || d.shown.ID != o.ID || d.shown.Scenario != o.Scenario || !bytes.Equal(d.shown.Content, o.Content) {
		d.shown = &o
		d.introduce(o)
	}
	d.run = run
	d.offer(shot)
	steps := run.Steps
	if run.Number == 0 && o.Scenario != nil {
		steps = lab.Outline(o.Scenario)
	}
	if d.number != run.Number {
		d.number = run.Number
		d.followed = ""
	}
	d.upcoming = upcoming(run)
	d.steps.SetRows(steps)
	d.follow(run)
	part := float32(0)
	if run.Of > 0 {
		part = float32(run.Done) / float32(run.Of)
	}
	d.progress.Set(part)
	d.say(shot)
	d.link(run)
	for i, p := range paces {
		d.chips[i].Choose(p.pace == shot.pace)
	}
	if d.head.Refresh(); d.head.MinSize().Height != d.height {
		d.parts.Refresh()
		d.height = d.head.MinSize().Height
	}
}

// introduce says what a scenario is about, or what is wrong with the file.
func (d *detail) introduce(o Offer) {
	d.mistakes.RemoveAll()
	if o.Scenario == nil {
		d.title.Set(o.ID)
		d.size.Set("")
		d.about.Set(kit.Run{Text: words.Count(len(o.Mistakes), "mistake", "mistakes") + ". Nothing was begun: mend the file, save it, and read it again.", Type: kit.Quiet})
		list(d.mistakes, o)
	} else {
		d.title.Set(o.Scenario.Name)
		d.size.Set(words.Count(len(lab.Outline(o.Scenario)), "step", "steps") + " · over within " + words.Span(limit(o.Scenario)))
		d.about.Set(kit.Run{Text: o.Scenario.Description, Type: kit.Quiet})
	}
	if o.Scenario == nil {
		d.plan.Hide()
		d.wrong.Show()
	} else {
		d.wrong.Hide()
		d.plan.Show()
	}
	d.wrong.Refresh()
}

// limit is how long a scenario may take.
func limit(s *scenario.Scenario) time.Duration {
	if s.Timeout > 0 {
		return time.Duration(s.Timeout)
	}
	return scenario.DefaultTimeout
}

// save writes how the run went.
func (d *detail) save(ending string, form func(scenario.Result) ([]byte, error)) {
	content, err := form(d.run.Result)
	if err != nil {
		d.view.p.Shell.Fail("The outcome was not saved", err)
		return
	}
	d.view.p.Shell.Save(strings.TrimSuffix(d.run.ID, filepath.Ext(d.run.ID))+ending, content)
}

// offer shows the buttons that do something now.
func (d *detail) offer(shot snapshot) {
	playing := shot.run.Playing
	label := "Play"
	if shot.run.Number > 0 {
		label = "Play again"
	}
	d.play.SetLabel(label)
	able(d.play, shot.chosen.Scenario != nil && shot.other == "" && shot.open)
	able(d.next, shot.run.Awaiting)
	able(d.stop, !shot.run.Stopping)
	good := shot.chosen.Scenario != nil
	d.play.Hidden, d.next.Hidden, d.stop.Hidden = playing || !good, !playing || shot.run.Pace != lab.ByHand, !playing
	d.again.Hidden = playing || !shot.chosen.Own
	d.saves.Hidden = playing || shot.run.Number == 0
	d.on.Hidden = !shot.broker || playing
	d.servers[0].Choose(!shot.apart)
	d.servers[1].Choose(shot.apart)
	d.pace.Hidden, d.progress.Hidden = !good, !good
	d.buttons.Refresh() // others stand there now
}

func able(b *kit.Button, on bool) {
	if on {
		b.Enable()
	} else {
		b.Disable()
	}
}

// say tells how it goes in a sentence.
func (d *detail) say(shot snapshot) {
	run := shot.run
	d.state.Hidden = shot.chosen.Scenario == nil
	quiet := func(text string) { d.state.Set(kit.Run{Text: text, Type: kit.Quiet}) }
	switch {
	case d.state.Hidden:
	case shot.other != "":
		quiet("“" + shot.other + "” is playing. It has to end before another begins.")
	case !shot.open:
		quiet("The gateway is stopped, so no device could connect. Start it at the top of the window.")
	case run.Number == 0 && shot.apart:
		quiet("It plays on the ordinary broker, which lets every device in by its own rules. Sessions and messages that it leaves there are removed.")
	case run.Number == 0:
		quiet("It plays in a fleet of its own, which is removed afterwards. Nothing of yours is touched.")
	case run.Stopping && run.Playing:
		quiet("Stopping, and removing what it made…")
	case run.Playing && run.Awaiting:
		quiet(fmt.Sprintf("%d of %s. Waiting for you.", run.Done, words.Count(run.Of, "step", "steps")))
	case run.Playing:
		quiet(fmt.Sprintf("%d of %s · %s", run.Done, words.Count(run.Of, "step", "steps"), took(run.Took/tick*tick)))
	case run.Stopping && !run.Held:
		quiet(fmt.Sprintf("You stopped it after %d of %s. What it made is removed.", run.Done, words.Count(run.Of, "step", "steps")))
	case run.Held:
		d.state.Set(kit.Run{Text: "Everything went as expected", Type: kit.Strong.In(kit.Good)}, kit.Run{Text: ", in " + took(run.Took) + whereOf(run) + ".", Type: kit.Quiet})
	default:
		d.state.Set(kit.Run{Text: broke(run), Type: kit.Strong.In(kit.Bad)}, kit.Run{Text: run.Why + ".", Type: kit.Body})
	}
}

// whereOf says where a run was played, if not on the gateway.
func whereOf(run lab.Run) string {
	if run.Apart {
		return " on the ordinary broker"
	}
	return ""
}

// broke names the step that went another way than expected.
func broke(run lab.Run) string {
	for _, s := range run.Steps {
		if s.Path == run.Where {
			return "“" + sentence(s.Title) + "” did not go as expected: "
		}
	}
	return "It ended before its time: "
}

// mostLinks bounds how many devices are named.
const mostLinks = 12

// link names what the run made: the pages of devices while they are there, and then their attempts, which stay.
func (d *detail) link(run lab.Run) {
	now := [3]int{run.Number, len(run.Made), 0}
	place, label := shell.Attempts, "Attempts of"
	if run.Playing {
		now[2], place, label = 1, shell.Devices, "Made"
	}
	d.made.Hidden = len(run.Made) == 0
	if d.linked == now {
		return
	}
	d.linked = now
	d.made.RemoveAll()
	if len(run.Made) > 0 {
		d.made.Add(kit.NewText(label, kit.Caption))
	}
	for i, m := range run.Made {
		if i == mostLinks {
			d.made.Add(kit.NewText(fmt.Sprintf("and %d more", len(run.Made)-i), kit.Caption))
			break
		}
		d.made.Add(kit.NewLink(m.Name, kit.Body, func() { d.view.p.Shell.Go(place, m.SID) }))
	}
	d.made.Refresh()
}

// follow keeps the step that plays in sight.
func (d *detail) follow(run lab.Run) {
	if !run.Playing && run.Held {
		return
	}
	for i, s := range run.Steps {
		if s.Outcome != scenario.Running && s.Outcome != scenario.Broken || s.Path == d.followed || i+1 < len(run.Steps) && run.Steps[i+1].Depth > s.Depth {
			continue
		}
		d.followed = s.Path
		const rowHeight, ahead = 28, 4
		d.steps.ScrollTo(float32(max(0, i-ahead) * rowHeight))
		return
	}
}
