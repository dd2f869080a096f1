package fleet

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/lab"
	"gatehouse/app/words"
)

// card is one fleet.
type card struct {
	view    *View
	content *fyne.Container

	icon     *kit.Icon
	state    *kit.Text
	progress *kit.Progress
	figures  [5]*figure
	about    *kit.Prose
	device   *kit.Link
	devices  *fyne.Container // the line with device
	why      *kit.Prose
	stop     *kit.Button
	again    *kit.Button
	remove   *kit.Button

	shown lab.FleetState
}

// figure is a number above what it counts.
type figure struct {
	content *fyne.Container
	number  *kit.Text
	unit    *kit.Text
}

func newFigure() *figure {
	f := &figure{number: kit.NewText("0", kit.Figure), unit: kit.NewText("", kit.Caption)}
	f.content = kit.Down(0, kit.Clipped(f.number), kit.Clipped(f.unit))
	return f
}

func newCard(v *View, s lab.FleetState) *card {
	c := &card{
		view: v, icon: kit.NewIcon("hourglass", kit.Accent, 14), state: kit.NewText("", kit.Strong), progress: kit.NewProgress(0),
		about: kit.NewProse(), why: kit.NewProse(), device: kit.NewLink("", kit.Caption, nil),
	}
	c.stop = kit.NewButton("Stop", kit.Secondary, func() { v.p.Fleets.Stop(s.Number) })
	c.again = kit.NewButton("Start again", kit.Secondary, func() { v.again(c.shown) })
	c.remove = kit.NewButton("Remove…", kit.Secondary, c.ask)
	columns := make([]fyne.CanvasObject, len(c.figures))
	for i := range c.figures {
		c.figures[i] = newFigure()
		columns[i] = c.figures[i].content
	}
	c.devices = kit.Across(4, kit.NewText("First device:", kit.Caption), c.device)
	head := container.NewBorder(nil, nil, nil, kit.Across(8, c.again, c.stop, c.remove),
		kit.Clipped(kit.Across(10, kit.NewText(s.Title, kit.Title), c.icon, c.state)))
	c.content = kit.Card(14, kit.Down(10, head, c.progress, kit.Columns(12, []float32{1.15, 1, 1, 1, 1.15}, columns...), c.about, c.devices, c.why))
	return c
}

// stages are how the stages of a fleet are shown: by icon, word and colour.
var stages = map[lab.FleetStage]struct {
	icon, word string
	color      kit.Color
}{
	lab.FleetMaking:   {"hourglass", "Being made", kit.Accent},
	lab.FleetStarting: {"hourglass", "Starting", kit.Accent},
	lab.FleetRunning:  {"check", "Running", kit.Good},
	lab.FleetStopping: {"hourglass", "Stopping", kit.Muted},
	lab.FleetStopped:  {"minus", "Stopped", kit.Muted},
	lab.FleetRemoving: {"hourglass", "Being removed", kit.Muted},
	lab.FleetFailed:   {"cross", "Failed", kit.Bad},
	lab.FleetLeft:     {"attention", "Left from an earlier time", kit.Warn},
}

func (c *card) set(s lab.FleetState) {
	before := c.shown
	if c.shown = s; before == s {
		return
	}
	stage := stages[s.Stage]
	c.icon.Set(stage.icon, stage.color)
	c.state.Set(stage.word)
	c.state.SetType(kit.Strong.In(stage.color))
	c.setFigures(s)
	f := s.Figures
	switch {
	case s.Stage == lab.FleetMaking && f.Count > 0:
		c.progress.Set(float32(f.Provisioned) / float32(f.Count))
	case s.Stage == lab.FleetStarting && f.Count > 0:
		c.progress.Set(float32(f.Started) / float32(f.Count))
	}
	if before.Stage != s.Stage || before.MadeIn != s.MadeIn || before.FirstSID != s.FirstSID || before.Why != s.Why || before.Figures.Why != f.Why || before.Registered != s.Registered {
		c.explain(s)
		c.content.Refresh()
		c.view.column.Refresh()
	}
}

func (c *card) setFigures(s lab.FleetState) {
	f := s.Figures
	of := words.Grouped(f.Count)
	c.figure(0, words.Grouped(f.Connected), "connected of "+of, kit.Ink)
	if s.Stage == lab.FleetMaking {
		c.figure(0, words.Grouped(f.Provisioned), "made of "+of, kit.Ink)
	}
	turned := f.Waiting + f.Stopped
	ink := kit.Ink
	if turned > 0 {
		ink = kit.Bad
	}
	c.figure(1, words.Grouped(turned), "refused or lost", ink)
	c.figure(2, words.Rate(s.ConnectRate), "connects/s", kit.Ink)
	c.figure(3, words.Rate(s.MessageRate), "messages/s", kit.Ink)
	if s.PerDevice == 0 {
		c.figure(4, "–", "memory a device", kit.Ink)
	} else {
		c.figure(4, words.Bytes(s.PerDevice), "memory a device", kit.Ink)
	}
}

func (c *card) figure(i int, number, unit string, ink kit.Color) {
	c.figures[i].number.Set(number)
	c.figures[i].number.SetType(kit.Figure.In(ink))
	c.figures[i].unit.Set(unit)
}

// explain sets what changes with the stage alone.
func (c *card) explain(s lab.FleetState) {
	runs := s.Stage == lab.FleetStarting || s.Stage == lab.FleetRunning
	c.progress.Hidden = s.Stage != lab.FleetMaking && s.Stage != lab.FleetStarting
	for _, f := range c.figures {
		f.content.Hidden = s.Stage == lab.FleetLeft
	}
	c.stop.Hidden = !runs && s.Stage != lab.FleetMaking
	if s.Stage == lab.FleetMaking {
		c.stop.SetLabel("Cancel")
	} else {
		c.stop.SetLabel("Stop")
	}
	c.again.Hidden = s.Stage != lab.FleetStopped
	c.remove.Hidden = s.Stage == lab.FleetMaking || s.Stage == lab.FleetRemoving
	c.about.Set(kit.Run{Text: c.story(s), Type: kit.Caption})
	c.devices.Hidden = s.FirstSID == ""
	c.device.Set(s.First, func() { c.view.p.Shell.Go(shell.Devices, s.FirstSID) })
	why, ink := "", kit.Bad
	switch {
	case s.Stage == lab.FleetFailed && s.Registered > 0:
		why = s.Why + ". " + words.Count(s.Registered, "device stays", "devices stay") + " registered until you remove the fleet."
	case s.Stage == lab.FleetFailed:
		why = s.Why + ". Nothing of the fleet is left; remove this card when you have read it."
	case runs && s.Figures.Why != "":
		why, ink = "Most of them say: "+s.Figures.Why+".", kit.Warn
	}
	c.why.Hidden = why == ""
	c.why.Set(kit.Run{Text: why, Type: kit.Caption.In(ink)})
}

// story tells what the fleet is, in a sentence or two.
func (c *card) story(s lab.FleetState) string {
	if s.Stage == lab.FleetLeft {
		return "The program ended before it could remove this fleet. " + words.Count(s.Registered, "device is", "devices are") +
			" registered, and nobody has the credentials any more: nothing is lost with it."
	}
	text := s.First
	if s.Last != s.First {
		text += " to " + s.Last
	}
	switch {
	case s.Where != "":
		text += ", at " + s.Where
	case s.Certificate:
		text += ", each with a certificate"
	default:
		text += ", each with a key"
	}
	if s.MadeIn > 0 && s.Where == "" {
		text += ", made in " + strconv.FormatFloat(max(s.MadeIn.Seconds(), 0.1), 'f', 1, 64) + " s"
	}
	return text + "."
}

// ask removes the fleet, once the user has agreed to what is lost.
func (c *card) ask() {
	s := c.shown
	remove := func() { c.view.p.Fleets.Remove(s.Number) }
	n := s.Figures.Count
	if s.Stage == lab.FleetLeft || s.Stage == lab.FleetFailed {
		n = s.Registered
	}
	if n == 0 {
		remove()
		return
	}
	devices := words.Count(n, "device", "devices")
	lost := devices + " with all credentials, and the fleet and the Sync service that were made for them, with what is stored there. The record of what they tried stays."
	if s.Where != "" {
		lost = devices + " end here; nothing of them is registered on this gateway."
	}
	c.view.p.Shell.Confirm("Remove “"+s.Title+"”?", lost, "Remove "+devices, remove)
}
