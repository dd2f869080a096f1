package devices

import (
	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
)

// steady is a table whose rows change in place: it shows every change at once, and stays where the user scrolled to. The
// kit's table is made for streams: it stands still once it is scrolled, and follows from the top.
type steady[T any] struct {
	*kit.DataTable[T]
	scroll scroller
}

type scroller interface {
	GetScrollOffset() float32
	ScrollToOffset(offset float32)
}

func newSteady[T any](t *kit.DataTable[T]) steady[T] {
	s := steady[T]{DataTable: t}
	for _, o := range t.CreateRenderer().Objects() {
		if list, ok := o.(scroller); ok {
			s.scroll = list
		}
	}
	return s
}

// show brings the rows as they are now.
func (s steady[T]) show(rows []T) {
	var at float32
	if s.scroll != nil {
		at = s.scroll.GetScrollOffset()
	}
	s.SetRows(rows)
	if !s.Paused() {
		return
	}
	s.Follow()
	if at > 0 {
		s.scroll.ScrollToOffset(at)
	}
}

// object is what is put into a layout.
func (s steady[T]) object() fyne.CanvasObject { return s.DataTable }
