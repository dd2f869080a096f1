package kit

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

func TestBytesStandFourOnALineWhereEightHaveNoRoom(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	v := NewHexView()
	test.NewTempWindow(t, v).Resize(fyne.NewSize(600, 200))
	v.Set([]byte("abcdefghijkl"))
	for _, c := range []struct {
		width float32
		lines int
		shown string
	}{
		{hexWidth(hexMany), 2, "69 6a 6b 6c              ijkl"},
		{HexWidth(hexWidth(hexMany) - 1), 3, "65 66 67 68  efgh"},
		{hexWidth(hexMany), 2, "69 6a 6b 6c              ijkl"},
	} {
		v.Resize(fyne.NewSize(c.width, 200))
		if got := v.Length(); got != c.lines {
			t.Fatalf("%v wide: %d lines, want %d", c.width, got, c.lines)
		}
		row := newHexRow(v)
		row.show(1)
		if got := row.text.String(); got != c.shown {
			t.Fatalf("%v wide: the second line is %q, want %q", c.width, got, c.shown)
		}
		if size, _ := Mono.measure(row.text.String()); size.Width > c.width {
			t.Fatalf("%v wide: a line needs %v", c.width, size.Width)
		}
		var pressed int
		v.OnByte = func(offset int) { pressed = offset }
		row.Tapped(&fyne.PointEvent{Position: fyne.NewPos((float32(hexText(v.perLine))+1.5)*monoWidth(), 5)})
		if want := v.perLine + 1; pressed != want {
			t.Fatalf("%v wide: the second character of the second line is byte %d, want %d", c.width, pressed, want)
		}
	}
}
