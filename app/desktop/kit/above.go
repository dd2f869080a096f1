package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// Above puts one object at its own height above another, which takes what is left. container.Border does so as well, but asks for the height before it
// gives the width, which wrapped text and a Flow need.
func Above(gap float32, top, rest fyne.CanvasObject) *fyne.Container {
	return container.New(aboveLayout{gap}, top, rest)
}

// Below puts one object at its own height below another, which takes what is left; see Above.
func Below(gap float32, rest, foot fyne.CanvasObject) *fyne.Container {
	return container.New(belowLayout{gap}, rest, foot)
}

type aboveLayout struct{ gap float32 }

func (l aboveLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return downLayout(l).MinSize(objects)
}

func (l aboveLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	top, rest := objects[0], objects[1]
	height := settle(top, size.Width, l.gap)
	top.Move(fyne.Position{})
	rest.Move(fyne.NewPos(0, height))
	rest.Resize(fyne.NewSize(size.Width, max(size.Height-height, 0)))
}

type belowLayout struct{ gap float32 }

func (l belowLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return downLayout(l).MinSize(objects)
}

func (l belowLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	rest, foot := objects[0], objects[1]
	height := settle(foot, size.Width, l.gap)
	rest.Move(fyne.Position{})
	rest.Resize(fyne.NewSize(size.Width, max(size.Height-height, 0)))
	foot.Move(fyne.NewPos(0, max(size.Height-height, 0)+l.gap))
}

// settle gives an object its width and then the height that it needs for that, and returns it with the gap beside it;
// nothing for what is hidden.
func settle(o fyne.CanvasObject, width, gap float32) float32 {
	if !o.Visible() {
		return 0
	}
	o.Resize(fyne.NewSize(width, o.MinSize().Height))
	o.Resize(fyne.NewSize(width, o.MinSize().Height)) // again, now that its width is known
	return o.MinSize().Height + gap
}
