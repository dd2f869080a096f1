package overview

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
)

// found is the card of findings along the top: one calm line while there are none, and no more of the screen than a
// part otherwise; what does not fit is scrolled to.
type found struct {
	content *fyne.Container
	none    fyne.CanvasObject
	some    fyne.CanvasObject
	title   *kit.Text
	hint    *kit.Text
	list    *findings.List
	scroll  *container.Scroll
	inner   *fyne.Container
	count   int
}

func newFound(s *Screen) *found {
	f := &found{title: kit.NewText("Findings", kit.Title), hint: kit.NewText("newest first", kit.Caption)}
	f.list = findings.NewList(s.p.Fix, s.p.Findings, s.again).Wide()
	f.inner = kit.Inset(0, 10, 0, 0, f.list.Content())
	f.scroll = container.NewVScroll(f.inner)
	f.some = container.NewBorder(container.NewBorder(nil, nil, nil, f.hint, kit.Clipped(f.title)), nil, nil, nil, f.scroll)
	f.none = kit.Clipped(kit.Across(8, kit.NewIcon("check", kit.Good, 14), kit.NewText("Nothing to worry about", kit.Strong),
		kit.NewText("No fight over a session, no retries in vain, nothing about to expire.", kit.Quiet)))
	f.content = kit.Card(12, container.NewStack(f.none, f.some))
	f.some.Hide()
	return f
}

func (f *found) set(all []findings.Finding) {
	f.list.Set(all)
	if f.count == len(all) {
		f.content.Refresh()
		return
	}
	f.count = len(all)
	f.title.Set(words.Count(f.count, "finding", "findings"))
	f.hint.Hidden = f.count < 2
	if f.count > 0 {
		f.none.Hide()
		f.some.Show()
	} else {
		f.some.Hide()
		f.none.Show()
	}
	f.content.Refresh()
}

const (
	calmHeight  = 42  // without findings
	leastFound  = 158 // shows one whole
	foundAround = 54  // head and padding around the list
	mostOfRoom  = 0.34
)

// height is what the card takes of what lies below the figures, at a width.
func (f *found) height(size fyne.Size) float32 {
	if f.count == 0 {
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
