package kit

import (
	"bytes"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

const (
	hexMany, hexFew = 8, 4 // bytes on a line: where there is room, and where there is not
	hexLine         = 20
)

// hexText is the column at which the characters begin.
func hexText(perLine int) int { return 3*perLine + 1 }

// hexWidth is the width of a line of so many bytes.
func hexWidth(perLine int) float32 { return ceil(float32(hexText(perLine)+perLine) * monoWidth()) }

// HexWidth is how much of a width a HexView can use: all of it when eight bytes have room on a line, else what four need.
func HexWidth(width float32) float32 {
	if width >= hexWidth(hexMany) {
		return width
	}
	return hexWidth(hexFew)
}

// HexView shows bytes in hex and as characters, eight or four on a line, with a stretch of them marked. Only lines that can be
// seen cost anything.
type HexView struct {
	widget.List
	// OnByte is told the byte that the user pressed.
	OnByte func(offset int)

	content    []byte
	start, end int // marked
	perLine    int
}

// NewHexView makes one without bytes.
func NewHexView() *HexView {
	v := &HexView{perLine: hexMany}
	v.Length = func() int { return (len(v.content) + v.perLine - 1) / v.perLine }
	v.CreateItem = func() fyne.CanvasObject { return newHexRow(v) }
	v.UpdateItem = func(i int, o fyne.CanvasObject) { o.(*hexRow).show(i) }
	v.HideSeparators = true
	v.ExtendBaseWidget(v)
	return v
}

// Resize implements fyne.CanvasObject: the width decides how many bytes stand on a line.
func (v *HexView) Resize(size fyne.Size) {
	perLine := hexMany
	if size.Width < hexWidth(hexMany) {
		perLine = hexFew
	}
	v.List.Resize(size)
	if perLine == v.perLine {
		return
	}
	v.perLine = perLine
	v.Refresh()
	if len(v.content) > 0 && size.Height > 0 {
		v.ScrollTo(v.start / perLine)
	}
}

// Set shows bytes with nothing marked. The view keeps them: do not change them afterwards.
func (v *HexView) Set(content []byte) {
	if bytes.Equal(content, v.content) && v.start == v.end {
		return
	}
	v.content, v.start, v.end = content, 0, 0
	v.Refresh()
	if v.Size().Height > 0 && len(content) > 0 {
		v.ScrollToTop()
	}
}

// Mark marks bytes, and scrolls to the first of them.
func (v *HexView) Mark(offset, length int) {
	start := min(max(offset, 0), len(v.content))
	end := min(start+max(length, 0), len(v.content))
	if start == v.start && end == v.end {
		return
	}
	v.start, v.end = start, end
	v.Refresh()
	if end > start && v.Size().Height > 0 {
		v.ScrollTo(start / v.perLine)
	}
}

// Marked is what is marked: from the first byte to the one behind the last.
func (v *HexView) Marked() (start, end int) { return v.start, v.end }

// hexRow is the bytes of a line, twice.
type hexRow struct {
	widget.BaseWidget
	view  *HexView
	line  int
	text  *Text
	marks [2]*canvas.Rectangle // behind the hex and behind the characters
}

var _ fyne.Tappable = (*hexRow)(nil)

func newHexRow(v *HexView) *hexRow {
	r := &hexRow{view: v, text: NewText("", Mono)}
	for i := range r.marks {
		r.marks[i] = &canvas.Rectangle{FillColor: Faded, CornerRadius: 2}
		r.marks[i].Hide()
	}
	r.ExtendBaseWidget(r)
	return r
}

func (r *hexRow) show(line int) {
	r.line = line
	perLine := r.view.perLine
	first := line * perLine
	if first >= len(r.view.content) {
		return
	}
	part := r.view.content[first:min(first+perLine, len(r.view.content))]
	text := make([]byte, len(part))
	for i, c := range part {
		if text[i] = '.'; c >= ' ' && c < 0x7f {
			text[i] = c
		}
	}
	r.text.Set(fmt.Sprintf("%-*s%s", hexText(perLine), strings.TrimSpace(fmt.Sprintf("% x", part)), text))
	start, end := max(r.view.start-first, 0), min(r.view.end-first, len(part))
	on := start < end
	show(r.marks[0], on)
	show(r.marks[1], on)
	if on {
		r.place(r.marks[0], 3*start, 3*end-1)
		r.place(r.marks[1], hexText(perLine)+start, hexText(perLine)+end)
	}
}

// place puts a mark behind the characters from one column to another.
func (r *hexRow) place(mark *canvas.Rectangle, from, to int) {
	w := monoWidth()
	mark.Move(fyne.NewPos(float32(from)*w-1, 1))
	mark.Resize(fyne.NewSize(float32(to-from)*w+2, hexLine-2))
}

// Tapped implements fyne.Tappable.
func (r *hexRow) Tapped(e *fyne.PointEvent) {
	perLine := r.view.perLine
	column := int(e.Position.X / monoWidth())
	at := column / 3
	if column >= hexText(perLine) {
		at = column - hexText(perLine)
	}
	if offset := r.line*perLine + at; at < perLine && offset < len(r.view.content) && r.view.OnByte != nil {
		r.view.OnByte(offset)
	}
}

// MinSize implements fyne.Widget.
func (r *hexRow) MinSize() fyne.Size { return fyne.NewSize(1, hexLine) }

// CreateRenderer implements fyne.Widget.
func (r *hexRow) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(renderer{
		objects: []fyne.CanvasObject{r.marks[0], r.marks[1], r.text},
		layout:  func(size fyne.Size) { r.text.Resize(size) },
		refresh: func() { r.text.Refresh(); canvas.Refresh(r) },
	})
}

// monoWidth is the width of a letter of the monospace font.
func monoWidth() float32 {
	size, _ := Mono.measure("0000000000")
	return size.Width / 10
}
