package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// tableHead holds the labels above the columns, and says by what the table is filtered.
type tableHead[T any] struct {
	widget.BaseWidget
	table  *DataTable[T]
	labels []*headLabel
	cells  []fyne.CanvasObject
	ground *canvas.Rectangle // under the note, which covers labels
	note   *Text
}

func newTableHead[T any](t *DataTable[T]) *tableHead[T] {
	h := &tableHead[T]{table: t, ground: canvas.NewRectangle(Surface), note: NewText("", CaptionBold)}
	for i, c := range t.columns {
		label := newHeadLabel(c.Label, c.Align, nil)
		if c.sortable() {
			label.tapped = func() { t.sortBy(i) }
		}
		h.labels = append(h.labels, label)
		h.cells = append(h.cells, cell(label))
	}
	h.ExtendBaseWidget(h)
	h.say()
	return h
}

// say shows the order and the filter that are in force.
func (h *tableHead[T]) say() {
	for i, label := range h.labels {
		mark := ""
		if o := h.table.order; o.on && o.column == i {
			mark = " ↑"
			if o.descending {
				mark = " ↓"
			}
		}
		label.text.Set(h.table.columns[i].Label + mark)
	}
	h.note.Set("“" + h.table.filter + "” · Esc shows all")
	h.note.Hidden = h.table.filter == ""
	h.ground.Hidden = h.note.Hidden
	h.place()
}

// MinSize implements fyne.Widget.
func (h *tableHead[T]) MinSize() fyne.Size { return fyne.NewSize(0, RowHeight) }

// CreateRenderer implements fyne.Widget.
func (h *tableHead[T]) CreateRenderer() fyne.WidgetRenderer {
	objects := append(append([]fyne.CanvasObject(nil), h.cells...), h.ground, h.note)
	return newRenderer(renderer{
		objects: objects,
		layout:  func(fyne.Size) { h.place() },
		refresh: func() {
			for _, label := range h.labels {
				label.Refresh()
			}
			h.note.Refresh()
			canvas.Refresh(h)
		},
	})
}

func (h *tableHead[T]) place() {
	size := h.Size()
	placeCells(h.cells, h.table.widths, size.Height)
	note := h.note.MinSize()
	h.note.Resize(note)
	h.note.Move(fyne.NewPos(max(size.Width-note.Width-cellMargin, 0), floor((size.Height-note.Height)/2)))
	h.ground.Resize(fyne.NewSize(note.Width+2*cellMargin, size.Height))
	h.ground.Move(fyne.NewPos(max(size.Width-note.Width-2*cellMargin, 0), 0))
}

// headLabel is the label of a column; pressing it sorts. The keyboard sorts from the table itself, so that a table is one
// stop for the Tab key.
type headLabel struct {
	widget.BaseWidget
	text   *Text
	align  fyne.TextAlign
	tapped func() // nil for a column that cannot be sorted
}

var (
	_ fyne.Tappable     = (*headLabel)(nil)
	_ desktop.Hoverable = (*headLabel)(nil)
)

func newHeadLabel(label string, align fyne.TextAlign, tapped func()) *headLabel {
	typ := Caption
	typ.Align = align
	l := &headLabel{text: NewText(label, typ), align: align, tapped: tapped}
	l.ExtendBaseWidget(l)
	return l
}

// Tapped implements fyne.Tappable.
func (l *headLabel) Tapped(*fyne.PointEvent) {
	if l.tapped != nil {
		l.tapped()
	}
}

// MouseIn implements desktop.Hoverable.
func (l *headLabel) MouseIn(*desktop.MouseEvent) {
	if l.tapped != nil {
		l.ink(Ink)
	}
}

// MouseMoved implements desktop.Hoverable.
func (l *headLabel) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (l *headLabel) MouseOut() { l.ink(Muted) }

func (l *headLabel) ink(c Color) {
	typ := Caption.In(c)
	typ.Align = l.align
	l.text.SetType(typ)
}

// CreateRenderer implements fyne.Widget.
func (l *headLabel) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(renderer{
		objects: []fyne.CanvasObject{l.text},
		minSize: l.text.MinSize,
		layout:  l.text.Resize,
		refresh: l.text.Refresh,
	})
}
