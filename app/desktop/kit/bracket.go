package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// BracketLanes is how many brackets a row shows beside each other.
const BracketLanes = 3

const laneWidth = 7

// Lane is the part of a bracket that a row shows.
type Lane uint8

// The parts of a bracket.
const (
	NoLane  Lane = iota
	Begins       // the first row of the bracket
	Passes       // a row that lies between
	Joins        // a row between that belongs to it
	Ends         // the last row
	Unended      // the first row of a bracket without an end
)

// Bracket draws in a row of a table which rows belong together, and a caption beside it.
type Bracket struct {
	widget.BaseWidget
	lanes   [BracketLanes]Lane
	down    [BracketLanes]*canvas.Rectangle
	across  [BracketLanes]*canvas.Rectangle
	caption *Text
}

// NewBracket makes an empty one.
func NewBracket() *Bracket {
	b := &Bracket{caption: NewText("", Caption)}
	for i := range b.lanes {
		b.down[i], b.across[i] = canvas.NewRectangle(Accent), canvas.NewRectangle(Accent)
	}
	b.ExtendBaseWidget(b)
	return b
}

// Set shows parts and a caption, at no cost when they are shown already.
func (b *Bracket) Set(lanes [BracketLanes]Lane, caption string) {
	b.caption.Set(caption)
	if lanes != b.lanes {
		b.lanes = lanes
		b.place(b.Size())
		canvas.Refresh(b)
	}
}

// MinSize implements fyne.Widget.
func (b *Bracket) MinSize() fyne.Size { return fyne.NewSize(BracketLanes*laneWidth, RowHeight) }

func (b *Bracket) place(size fyne.Size) {
	middle := floor(size.Height / 2)
	for i, lane := range b.lanes {
		x := float32(i * laneWidth)
		top, bottom := float32(0), size.Height
		switch lane {
		case Begins:
			top = middle
		case Ends:
			bottom = middle
		case Unended:
			top, bottom = middle, middle+6
		}
		b.down[i].Hidden = lane == NoLane
		b.down[i].Move(fyne.NewPos(x, top))
		b.down[i].Resize(fyne.NewSize(1, max(bottom-top, 0)))
		b.across[i].Hidden = lane == NoLane || lane == Passes
		b.across[i].Move(fyne.NewPos(x, middle))
		b.across[i].Resize(fyne.NewSize(5, 1))
	}
	const captionLeft = BracketLanes*laneWidth + 2
	b.caption.Move(fyne.NewPos(captionLeft, 0))
	b.caption.Resize(fyne.NewSize(max(size.Width-captionLeft, 0), size.Height))
}

// CreateRenderer implements fyne.Widget.
func (b *Bracket) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{b.caption}
	for i := range b.lanes {
		objects = append(objects, b.down[i], b.across[i])
	}
	return newRenderer(renderer{
		objects: objects, layout: b.place,
		refresh: func() { b.caption.Refresh(); b.place(b.Size()); canvas.Refresh(b) },
	})
}
