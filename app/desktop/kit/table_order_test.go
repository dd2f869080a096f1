package kit

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

type thing struct{ id, name, count string }

func thingTable(t *testing.T) (*DataTable[thing], fyne.Window) {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	table := NewDataTable(func(x thing) string { return x.id },
		TextColumn("name", "Name", 120, Body, func(x thing) string { return x.name }),
		TextColumn("count", "Count", 80, Mono.Right(), func(x thing) string { return x.count }),
		Column[thing]{ID: "mute", Label: "Mute", Create: func() fyne.CanvasObject { return NewText("", Body) }, Update: func(fyne.CanvasObject, thing) {}},
	)
	table.SetRows([]thing{{"1", "meter-10", "9"}, {"2", "Lamp", "10"}, {"3", "meter-2", "1"}})
	w := test.NewTempWindow(t, table)
	w.Resize(fyne.NewSize(400, 300))
	return table, w
}

func ids(table *DataTable[thing]) string {
	all := ""
	for _, x := range table.rows {
		all += x.id
	}
	return all
}

func TestPressingALabelSortsThenTurnsThenEnds(t *testing.T) {
	table, _ := thingTable(t)
	for i, want := range []string{"231", "132", "123"} {
		test.Tap(table.head.labels[0])
		if got := ids(table); got != want {
			t.Errorf("press %d: %s, want %s", i+1, got, want)
		}
	}
	test.Tap(table.head.labels[1]) // numbers by their value
	if got := ids(table); got != "312" {
		t.Errorf("by count: %s", got)
	}
	if got := table.head.labels[1].text.String(); got != "Count ↑" {
		t.Errorf("the label says %q", got)
	}
	test.Tap(table.head.labels[2]) // has nothing to sort by
	if got := ids(table); got != "312" {
		t.Errorf("a column without texts sorts: %s", got)
	}
}

func TestTheOrderHoldsForRowsThatComeLater(t *testing.T) {
	table, _ := thingTable(t)
	test.Tap(table.head.labels[0])
	table.SetRows([]thing{{"4", "button", "0"}, {"1", "meter-10", "9"}, {"2", "Lamp", "10"}, {"3", "meter-2", "1"}})
	if got := ids(table); got != "4231" {
		t.Error(got)
	}
}

func TestTheArrowKeysSort(t *testing.T) {
	table, _ := thingTable(t)
	key := func(name fyne.KeyName) { table.list.TypedKey(&fyne.KeyEvent{Name: name}) }
	key(fyne.KeyRight)
	key(fyne.KeyRight)
	if table.order != (order{on: true, column: 0, descending: true}) {
		t.Errorf("%+v", table.order)
	}
	key(fyne.KeyLeft)
	key(fyne.KeyLeft)
	key(fyne.KeyLeft) // from none to the last
	if table.order != (order{on: true, column: 1, descending: true}) {
		t.Errorf("%+v", table.order)
	}
}

func TestTypingFiltersAndEscapeShowsAll(t *testing.T) {
	table, _ := thingTable(t)
	for _, r := range " METER" { // a space first is no filter
		table.list.TypedRune(r)
	}
	if got := ids(table); got != "13" || table.Filtered() != "METER" || table.head.note.Hidden {
		t.Errorf("%s, %q", got, table.Filtered())
	}
	table.Select("1")
	for range "eter" {
		table.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyBackspace})
	}
	if got := ids(table); got != "123" || table.Filtered() != "M" {
		t.Errorf("%s, %q", got, table.Filtered())
	}
	table.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if _, chosen := table.Selected(); table.Filtered() != "" || !chosen || !table.head.note.Hidden {
		t.Error("the first Escape ends the filter and nothing else")
	}
	table.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if _, chosen := table.Selected(); chosen {
		t.Error("the second Escape unselects")
	}
}

func TestTheMenuKeyOpensTheMenuOfTheChosenRow(t *testing.T) {
	for name, press := range map[string]func(*rowList){
		"menu key": func(l *rowList) { l.KeyDown(&fyne.KeyEvent{Name: desktop.KeyMenu}) },
		"Shift+F10": func(l *rowList) {
			l.KeyDown(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
			l.KeyDown(&fyne.KeyEvent{Name: fyne.KeyF10})
		},
	} {
		table, w := thingTable(t)
		var asked []string
		table.Menu = func(x thing) *fyne.Menu {
			asked = append(asked, x.id)
			return fyne.NewMenu("", fyne.NewMenuItem("Copy", func() {}))
		}
		press(table.list) // nothing is chosen
		table.Select("2")
		table.list.KeyUp(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
		table.list.KeyDown(&fyne.KeyEvent{Name: fyne.KeyF10}) // without Shift
		press(table.list)
		if !slices.Equal(asked, []string{"2"}) || w.Canvas().Overlays().Top() == nil {
			t.Errorf("%s: asked for %v", name, asked)
		}
	}
}

func TestASteadyTableKeepsItsPlaceAndNeverStandsStill(t *testing.T) {
	table, w := thingTable(t)
	table.Steady = true
	w.Resize(fyne.NewSize(400, 100))
	table.Select("2")
	table.ScrollTo(10)
	table.SetRows([]thing{{"9", "new", "0"}, {"1", "meter-10", "9"}, {"2", "renamed", "10"}, {"3", "meter-2", "1"}})
	if got := ids(table); got != "9123" || table.Paused() {
		t.Errorf("rows %s, paused %v", got, table.Paused())
	}
	if at := table.Scrolled(); at != 10 {
		t.Errorf("scrolled to %v", at)
	}
	if row, ok := table.Selected(); !ok || row.name != "renamed" {
		t.Errorf("selected %+v", row)
	}
}

func TestNumbersInTextsCountByTheirValue(t *testing.T) {
	sorted := []string{"", "1", "02", "10", "a", "B", "b2", "b10", "b10x"}
	for i := range sorted {
		for j := range sorted {
			got := naturally(sorted[i], sorted[j])
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q and %q: %d", sorted[i], sorted[j], got)
			}
		}
	}
}

func TestRowsOutOfTheWindowFollowTheTheme(t *testing.T) {
	table, w := thingTable(t)
	w.SetContent(NewText("another screen", Body))
	fyne.CurrentApp().Settings().SetTheme(Theme{Mode: AlwaysLight})
	w.SetContent(table)
	table.Refresh()
	for row := range table.live {
		if got := row.cells[0].(*Text).draw.Color; got != Ink.Now() {
			t.Fatalf("a row is painted in %v, the theme says %v", got, Ink.Now())
		}
	}
}
