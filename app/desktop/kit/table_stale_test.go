package kit

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// Rows that change in place are shown as they are now wherever the table is scrolled to, and however high it is meanwhile.
func TestEveryVisibleRowIsShownAsItIsNow(t *testing.T) {
	for _, height := range []float32{170, 223, 224, 225} {
		for _, offset := range []float32{0, 27, 28, 140, 10_000} {
			for _, then := range []float32{0, -29, 29, 60} {
				table, w := newTestTable(t, 17)
				table.Steady = true
				w.Resize(fyne.NewSize(400, height))
				round := 0
				change := func() {
					round++
					rows := lines(17)
					for i := range rows {
						rows[i].text = fmt.Sprint("round ", round)
					}
					table.SetRows(rows)
				}
				change()
				table.ScrollTo(offset)
				change()
				if then != 0 {
					w.Resize(fyne.NewSize(400, height+then))
				}
				change()
				table.ScrollTo(offset + 28)
				change()
				table.ScrollTo(max(0, offset-56))
				for _, stale := range staleRows(table, fmt.Sprint("round ", round)) {
					t.Fatalf("height %v then %v, offset %v: row %s is of an earlier round", height, then, offset, stale)
				}
			}
		}
	}
}

// staleRows are the rows of which something can be seen, and which do not say what they should.
func staleRows(table *DataTable[line], want string) (stale []string) {
	each(table.list, func(o fyne.CanvasObject) {
		row, ok := o.(*tableRow[line])
		if !ok {
			return
		}
		driver := fyne.CurrentApp().Driver()
		top := driver.AbsolutePositionForObject(row).Y - driver.AbsolutePositionForObject(table.list).Y
		if top+RowHeight <= 0 || top >= table.list.Size().Height {
			return
		}
		said := ""
		each(row, func(o fyne.CanvasObject) {
			if text, ok := o.(*Text); ok {
				said += text.String() + " "
			}
		})
		if !strings.Contains(said, want) {
			stale = append(stale, said)
		}
	})
	return stale
}

func each(o fyne.CanvasObject, do func(fyne.CanvasObject)) {
	if !o.Visible() {
		return
	}
	do(o)
	switch c := o.(type) {
	case *fyne.Container:
		for _, part := range c.Objects {
			each(part, do)
		}
	case fyne.Widget:
		for _, part := range test.WidgetRenderer(c).Objects() {
			each(part, do)
		}
	}
}
