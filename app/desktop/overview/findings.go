package overview

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// found is the card of findings along the top: one calm line while there are none; a line with the first one where room is
// scarce, until it is unfolded; and else a part of the screen, in which what does not fit is scrolled to.
type found struct {
	content *fyne.Container
	none    fyne.CanvasObject
	strip   *fyne.Container // the first one, folded
	some    fyne.CanvasObject
	title   *kit.Text
	list    *findings.List
	inner   *fyne.Container
	screen  *Screen
	count   int
	chosen  bool // the user has said whether it is folded
	folded  bool
}

func newFound(s *Screen) *found {
	f := &found{screen: s, title: kit.NewText("Findings", kit.Title), strip: container.NewStack()}
	f.list = findings.NewList(s.p.Fix, s.p.Findings, s.again).Wide()
	f.inner = kit.Inset(0, 10, 0, 0, f.list.Content())
	fold := kit.Across(0, kit.NewButton("Fold", kit.Small, func() { f.fold(true) }))
	f.some = container.NewBorder(container.NewBorder(nil, nil, nil, fold, kit.Clipped(kit.Across(0, f.title))), nil, nil, nil, container.NewVScroll(f.inner))
	f.none = kit.Clipped(kit.Across(8, kit.NewIcon("check", kit.Good, 14), kit.NewText("Nothing to worry about", kit.Strong),
		kit.NewText("No fight over a session, no retries in vain, nothing about to expire.", kit.Quiet)))
	f.content = kit.Panel(kit.Surface, kit.Line, 9, container.NewStack(f.none, f.strip, f.some))
	f.strip.Hide()
	f.some.Hide()
	return f
}

func (f *found) set(all []findings.Finding) {
	f.list.Set(all)
	f.count = len(all)
	f.title.Set(words.Count(f.count, "finding", "findings"))
	f.strip.RemoveAll()
	if f.count > 0 {
		f.strip.Add(f.first(all[0]))
	}
	f.turn()
	f.content.Refresh()
}

// first is a finding on one line, with its fix.
func (f *found) first(one findings.Finding) fyne.CanvasObject {
	icon, color := "attention", kit.Warn
	if one.State == attempt.Bad {
		icon, color = "cross", kit.Bad
	}
	buttons := kit.Across(6)
	if one.Fixable {
		buttons.Add(kit.NewButton(fix.Short(one.Remedy), kit.Small, func() { f.screen.p.Fix.Press(one.Remedy, f.screen.again) }))
	}
	buttons.Add(kit.NewButton("Show", kit.Small, func() { f.fold(false) }))
	said := kit.Across(8, kit.NewIcon(icon, color, 14), kit.NewText(f.title.String()+":", kit.Strong.In(color)), kit.NewText(one.Title, kit.Strong), kit.NewText(one.Evidence, kit.Quiet))
	return container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 10, buttons), kit.Clipped(said))
}

// fold is what the user says; it stays so while the window is open.
func (f *found) fold(on bool) {
	f.chosen, f.folded = true, on
	f.turn()
	f.screen.content.Refresh()
}

// turn shows what the card is now.
func (f *found) turn() {
	show(f.none, f.count == 0)
	show(f.strip, f.count > 0 && f.folded)
	show(f.some, f.count > 0 && !f.folded)
}

func show(o fyne.CanvasObject, on bool) {
	switch {
	case on == o.Visible():
	case on:
		o.Show()
	default:
		o.Hide()
	}
}

const (
	calmHeight  = 42  // without findings, and folded
	leastFound  = 158 // shows one whole
	foundAround = 48  // head and padding around the list
	mostOfRoom  = 0.34
	leastRoom   = 480 // below the figures, for more than one line
)

// height is what the card takes of what lies below the figures.
func (f *found) height(size fyne.Size) float32 {
	if !f.chosen && f.folded != (size.Height < leastRoom) {
		f.folded = size.Height < leastRoom
		f.turn()
	}
	if f.count == 0 || f.folded {
		return calmHeight
	}
	f.inner.Resize(fyne.NewSize(size.Width-24, f.inner.MinSize().Height)) // wrapped text is as high as its width makes it
	return min(foundAround+f.inner.MinSize().Height, max(leastFound, float32(int(size.Height*mostOfRoom))))
}

// foundAbove puts the findings above the rest.
type foundAbove struct{ found *found }

// MinSize implements fyne.Layout.
func (l foundAbove) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return objects[1].MinSize().AddWidthHeight(0, calmHeight+kit.CardGap)
}

// Layout implements fyne.Layout.
func (l foundAbove) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	height := l.found.height(size)
	objects[0].Resize(fyne.NewSize(size.Width, height))
	objects[0].Move(fyne.Position{})
	objects[1].Resize(fyne.NewSize(size.Width, size.Height-height-kit.CardGap))
	objects[1].Move(fyne.NewPos(0, height+kit.CardGap))
}
