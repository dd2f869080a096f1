package devices

import (
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/app/words"
)

// The bounds of the live plot.
const (
	plotSpan  = 5 * time.Minute
	plotsWide = 3
)

// lowPlace is a tab too low for all that it could show.
const lowPlace = 560

// plots are the numeric values that a device has sent in the last minutes, a curve each.
type plots struct {
	all     []*kit.Plot
	rows    []*fyne.Container
	rest    *kit.Text
	content *fyne.Container
	series  int
	low     bool // there is room for one line only
}

// newPlots makes room for so many lines of three curves.
func newPlots(lines int) *plots {
	p := &plots{rest: kit.NewText("", kit.Caption)}
	p.content = kit.Down(8)
	for range lines {
		var line []fyne.CanvasObject
		for range plotsWide {
			plot := kit.NewPlot([]kit.Color{kit.Accent, kit.Good, kit.Warn, kit.Blocked, kit.Wait, kit.Bad}[len(p.all)%6])
			p.all = append(p.all, plot)
			line = append(line, plot)
		}
		row := kit.Columns(14, []float32{1, 1, 1}, line...)
		p.rows = append(p.rows, row)
		p.content.Add(row)
	}
	p.content.Add(p.rest)
	return p
}

// show draws values; a plot ends with the last of all points, so that nothing is drawn while nothing comes.
func (p *plots) show(series []onboard.Series) {
	var last time.Time
	for _, s := range series {
		if n := len(s.Points); n > 0 && s.Points[n-1].At.After(last) {
			last = s.Points[n-1].At
		}
	}
	first := last
	drawn := make([][]kit.PlotPoint, len(series))
	for i, s := range series {
		for _, q := range s.Points {
			if last.Sub(q.At) <= plotSpan {
				drawn[i] = append(drawn[i], kit.PlotPoint{At: q.At, Value: q.Value})
			}
		}
		if len(drawn[i]) > 0 && drawn[i][0].At.Before(first) {
			first = drawn[i][0].At
		}
	}
	if least := last.Add(-10 * time.Second); first.After(least) {
		first = least
	}
	for i, plot := range p.all {
		if plot.Hidden = i >= len(series); !plot.Hidden {
			plot.Set(series[i].Name, drawn[i], first, last)
		}
	}
	p.series = len(series)
	p.place()
}

// fit takes notice of how high the tab is.
func (p *plots) fit(height float32) {
	if low := height < lowPlace; low != p.low {
		p.low = low
		p.place()
	}
}

// place shows as many lines as there is room for, and how many curves that leaves out.
func (p *plots) place() {
	room := len(p.all)
	if p.low {
		room = plotsWide
	}
	for i, row := range p.rows {
		row.Hidden = i*plotsWide >= min(p.series, room)
	}
	p.rest.Hidden = p.series <= room
	if !p.rest.Hidden {
		p.rest.Set("and " + words.Count(p.series-room, "more value", "more values"))
	}
}
