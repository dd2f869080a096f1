package kit

import (
	"math"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// PlotPoint is a value at a moment.
type PlotPoint struct {
	At    time.Time
	Value float64
}

// Plot is a named value over time: its name and its last value above the curve, its highest and lowest beside it.
type Plot struct {
	widget.BaseWidget
	name, last, high, low *Text
	points                []PlotPoint
	from, to              time.Time
	color                 Color
	steps                 bool
	raster                *canvas.Raster
	back                  *canvas.Rectangle
}

// NewPlot makes a plot without values.
func NewPlot(c Color) *Plot {
	p := &Plot{
		color: c, name: NewText("", Caption), last: NewText("", Strong.Right()), high: NewText("", Caption.Right()), low: NewText("", Caption.Right()),
		back: &canvas.Rectangle{FillColor: Well, CornerRadius: 4},
	}
	p.raster = NewSketch(p.sketch)
	p.ExtendBaseWidget(p)
	return p
}

// Set shows values between two moments, oldest first. Nothing happens when they are shown already. Each other call uploads a picture.
func (p *Plot) Set(name string, points []PlotPoint, from, to time.Time) {
	same := name == p.name.String() && len(points) == len(p.points) && from.Equal(p.from) && to.Equal(p.to)
	if same && (len(points) == 0 || points[len(points)-1] == p.points[len(points)-1]) {
		return
	}
	p.points, p.from, p.to = points, from, to
	p.name.Set(name)
	low, high := p.bounds()
	p.steps = onlyBits(points)
	if len(points) == 0 {
		p.last.Set("")
		p.high.Set("")
		p.low.Set("")
	} else {
		p.last.Set(figure(points[len(points)-1].Value))
		p.high.Set(figure(high))
		p.low.Set(figure(low))
	}
	p.Refresh()
}

func (p *Plot) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, q := range p.points {
		low, high = min(low, q.Value), max(high, q.Value)
	}
	return low, high
}

// onlyBits tells a switch, which steps from one value to the other.
func onlyBits(points []PlotPoint) bool {
	for _, p := range points {
		if p.Value != 0 && p.Value != 1 {
			return false
		}
	}
	return true
}

// figure is a value in few digits.
func figure(v float64) string {
	switch {
	case v == math.Trunc(v) && math.Abs(v) < 1e7:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 1000 && math.Abs(v) < 1e7:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 0.01 && math.Abs(v) < 1000:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

const (
	plotHead = 20
	plotSide = 44
)

// MinSize implements fyne.Widget.
func (p *Plot) MinSize() fyne.Size { return fyne.NewSize(110, plotHead+46) }

// CreateRenderer implements fyne.Widget.
func (p *Plot) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(renderer{
		objects: []fyne.CanvasObject{p.back, p.raster, p.name, p.last, p.high, p.low},
		layout: func(size fyne.Size) {
			width, height := max(size.Width-plotSide, 0), max(size.Height-plotHead, 0)
			last := p.last.MinSize()
			p.name.Resize(fyne.NewSize(max(width-4, 0), plotHead))
			p.name.Move(fyne.NewPos(0, 0))
			p.last.Resize(fyne.NewSize(last.Width, plotHead))
			p.last.Move(fyne.NewPos(size.Width-last.Width, 0))
			for _, o := range []fyne.CanvasObject{p.back, p.raster} {
				o.Resize(fyne.NewSize(width, height))
				o.Move(fyne.NewPos(0, plotHead))
			}
			p.high.Resize(fyne.NewSize(plotSide-4, 14))
			p.high.Move(fyne.NewPos(width+4, plotHead))
			p.low.Resize(fyne.NewSize(plotSide-4, 14))
			p.low.Move(fyne.NewPos(width+4, size.Height-15))
		},
		refresh: func() {
			for _, t := range []*Text{p.name, p.last, p.high, p.low} {
				t.Refresh()
			}
			size := p.Size()
			last := p.last.MinSize()
			p.last.Resize(fyne.NewSize(last.Width, plotHead))
			p.last.Move(fyne.NewPos(size.Width-last.Width, 0))
			p.raster.Refresh()
			canvas.Refresh(p)
		},
	})
}

func (p *Plot) sketch(pen *Pen) {
	span := p.to.Sub(p.from)
	if len(p.points) == 0 || span <= 0 {
		return
	}
	low, high := p.bounds()
	if low == high {
		low, high = low-1, high+1
	}
	const margin = 4 // keeps the width of the line inside
	at := func(q PlotPoint) fyne.Position {
		x := float32(float64(q.At.Sub(p.from)) / float64(span))
		y := float32((q.Value - low) / (high - low))
		return fyne.NewPos(margin+(pen.Width-2*margin)*min(max(x, 0), 1), pen.Height-margin-(pen.Height-2*margin)*y)
	}
	var line []fyne.Position
	for i, q := range p.points {
		here := at(q)
		if i > 0 && p.steps {
			line = append(line, fyne.NewPos(here.X, line[len(line)-1].Y))
		}
		line = append(line, here)
	}
	if len(line) == 1 { // a dot
		line = append(line, fyne.NewPos(line[0].X+3, line[0].Y))
	}
	pen.Polyline(line, Stroke{Color: p.color, Width: 1.5})
}
