package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

const (
	cardWidth   = 1010
	cardPadding = 24
)

// cardLayout centres the wizard's card: as high as its page wants, and no higher than there is room. What is too high
// scrolls between title and buttons, which always stay in sight.
type cardLayout struct {
	scroll *container.Scroll
	page   *fyne.Container // what scrolls
	room   *atLeast        // its layout
}

// MinSize implements fyne.Layout.
func (cardLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(400, 240) }

// Layout implements fyne.Layout. The height of wrapped text is known only once it has its width.
func (l cardLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	card := objects[0]
	width := min(size.Width, cardWidth)
	for range 2 {
		l.page.Resize(fyne.NewSize(width-2*cardPadding, l.page.MinSize().Height))
	}
	around := card.MinSize().Height - l.scroll.MinSize().Height
	height := min(size.Height, around+l.page.MinSize().Height)
	bar := float32(0)
	if height < around+l.page.MinSize().Height {
		bar = barRoom
	}
	if l.room.right != bar {
		l.room.right = bar
		l.page.Refresh()
	}
	card.Resize(fyne.NewSize(width, height))
	card.Move(fyne.NewPos(whole((size.Width-width)/2), whole((size.Height-height)/2)))
}

func whole(v float32) float32 { return float32(int(v)) }

// barRoom keeps what is scrolled clear of the bar beside it.
const barRoom = 12

// atLeast gives a page a height of its own, so that the card stays where it is from step to step.
type atLeast struct{ height, right float32 }

// MinSize implements fyne.Layout.
func (l *atLeast) MinSize(o []fyne.CanvasObject) fyne.Size {
	return o[0].MinSize().Max(fyne.NewSize(0, l.height))
}

// Layout implements fyne.Layout.
func (l *atLeast) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Resize(fyne.NewSize(size.Width-l.right, size.Height))
	o[0].Move(fyne.Position{})
}
