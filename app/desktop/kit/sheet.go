package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Sheet stands above a window until it is closed: a title, content, and a button that closes it.
type Sheet struct {
	pop *widget.PopUp
}

// ShowSheet opens a sheet over a canvas, no larger than the canvas has room for.
func ShowSheet(c fyne.Canvas, title string, size fyne.Size, content fyne.CanvasObject) *Sheet {
	s := &Sheet{}
	head := Across(8, NewText(title, Title), Spacer(), NewButton("Close", Secondary, s.Close))
	body := container.NewBorder(Inset(0, 0, 10, 0, head), nil, nil, nil, content)
	room := c.Size().SubtractWidthHeight(40, 40)
	size = fyne.NewSize(min(size.Width, room.Width), min(size.Height, room.Height))
	s.pop = widget.NewModalPopUp(Panel(Surface, Line, 14, Sized(1, 1, body)), c)
	s.pop.Resize(size)
	s.pop.Show()
	return s
}

// Close takes the sheet away; once is enough.
func (s *Sheet) Close() { s.pop.Hide() }

// Open reports whether the sheet is there.
func (s *Sheet) Open() bool { return s.pop.Visible() }

// Content is what the sheet shows, its head included.
func (s *Sheet) Content() fyne.CanvasObject { return s.pop.Content }
