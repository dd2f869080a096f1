package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// TabStrip is Tabs for a place that may be too narrow: those that do not fit are behind "More" at the end, and some can be left out.
type TabStrip struct {
	widget.BaseWidget
	tabs   []*tab
	out    []bool // left out
	more   *tab
	rule   *canvas.Rectangle
	chosen int
	behind []int // those that do not fit
	// OnChoose is told the index of the tab that the user chose.
	OnChoose func(int)
}

const (
	tabGap   = 16
	moreName = "More"
)

// NewTabStrip makes tabs with the first one chosen.
func NewTabStrip(labels ...string) *TabStrip {
	t := &TabStrip{rule: Rule(), out: make([]bool, len(labels))}
	for i, label := range labels {
		t.tabs = append(t.tabs, newTab(label, func() { t.Choose(i) }))
	}
	t.more = newTab(moreName+" ▾", t.open)
	t.tabs[0].choose(true)
	t.ExtendBaseWidget(t)
	return t
}

// Choose shows a tab as the chosen one and tells OnChoose.
func (t *TabStrip) Choose(i int) {
	t.tabs[t.chosen].choose(false)
	t.chosen = i
	t.tabs[i].choose(true)
	t.place(t.Size())
	t.Refresh()
	if t.OnChoose != nil {
		t.OnChoose(i)
	}
}

// LeaveOut takes a tab away, or brings it back. One that is chosen stays chosen.
func (t *TabStrip) LeaveOut(i int, out bool) {
	if t.out[i] != out {
		t.out[i] = out
		t.place(t.Size())
		t.Refresh()
	}
}

// LeftOut reports whether a tab is left out.
func (t *TabStrip) LeftOut(i int) bool { return t.out[i] }

// Behind are the labels of those that are behind "More" now.
func (t *TabStrip) Behind() (labels []string) {
	for _, i := range t.behind {
		labels = append(labels, t.tabs[i].label.String())
	}
	return labels
}

// open shows what is behind "More".
func (t *TabStrip) open() {
	var items []*fyne.MenuItem
	for _, i := range t.behind {
		items = append(items, fyne.NewMenuItem(t.tabs[i].label.String(), func() { t.Choose(i) }))
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(t.more); c != nil {
		widget.ShowPopUpMenuAtRelativePosition(fyne.NewMenu("", items...), c, fyne.NewPos(0, tabHeight), t.more)
	}
}

// MinSize implements fyne.Widget.
func (t *TabStrip) MinSize() fyne.Size { return fyne.NewSize(120, tabHeight) }

// place puts as many tabs beside each other as fit. The chosen one always has a place: the last one gives it up.
func (t *TabStrip) place(size fyne.Size) {
	var in []int
	whole := float32(-tabGap)
	for i, b := range t.tabs {
		b.Hidden = true
		if !t.out[i] {
			in = append(in, i)
			whole += b.MinSize().Width + tabGap
		}
	}
	t.behind = nil
	if whole > size.Width {
		room, used, fit := size.Width-t.more.MinSize().Width-tabGap, float32(0), 0
		for fit < len(in) && used+t.tabs[in[fit]].MinSize().Width <= room {
			used += t.tabs[in[fit]].MinSize().Width + tabGap
			fit++
		}
		shown, rest := append([]int(nil), in[:fit]...), append([]int(nil), in[fit:]...)
		for at, i := range rest {
			if i != t.chosen {
				continue
			}
			rest = append(rest[:at], rest[at+1:]...)
			for used += t.tabs[i].MinSize().Width; len(shown) > 0 && used > room; shown = shown[:len(shown)-1] {
				last := shown[len(shown)-1]
				used -= t.tabs[last].MinSize().Width + tabGap
				rest = append([]int{last}, rest...)
			}
			shown = append(shown, i)
			break
		}
		in, t.behind = shown, rest
	}
	x := float32(0)
	put := func(b *tab) {
		b.Hidden = false
		b.Resize(fyne.NewSize(b.MinSize().Width, tabHeight))
		b.Move(fyne.NewPos(x, 0))
		x += b.MinSize().Width + tabGap
	}
	for _, i := range in {
		put(t.tabs[i])
	}
	if t.more.Hidden = len(t.behind) == 0; !t.more.Hidden {
		put(t.more)
	}
}

// CreateRenderer implements fyne.Widget.
func (t *TabStrip) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{t.rule}
	for _, b := range t.tabs {
		objects = append(objects, b)
	}
	return newRenderer(renderer{
		objects: append(objects, t.more),
		layout: func(size fyne.Size) {
			t.place(size)
			t.rule.Resize(fyne.NewSize(size.Width, 1))
			t.rule.Move(fyne.NewPos(0, size.Height-1))
		},
		refresh: func() {
			for _, b := range append(t.tabs, t.more) {
				b.Refresh()
			}
			canvas.Refresh(t)
		},
	})
}
