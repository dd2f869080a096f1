package overview

import (
	"math"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
)

// spots lies over the kit's DeviceMap: it moves messages along the spokes, which would be a whole new picture each time
// otherwise, and takes what is pressed. It knows where the map puts its devices.
type spots struct {
	widget.BaseWidget
	nodes  []node
	pulses []*canvas.Circle
	tapped func(key string)
	cursor desktop.Cursor
}

var (
	_ fyne.Tappable      = (*spots)(nil)
	_ desktop.Hoverable  = (*spots)(nil)
	_ desktop.Cursorable = (*spots)(nil)
)

// The map's measures.
const (
	ringSize  = 24
	pulseSize = 8
	labelRoom = 56
	reach     = 30 // around a ring: its name can be pressed, too
)

func newSpots(tapped func(key string)) *spots {
	s := &spots{tapped: tapped, cursor: desktop.DefaultCursor}
	for range mostNodes {
		c := canvas.NewCircle(kit.Accent)
		c.Hide()
		s.pulses = append(s.pulses, c)
	}
	s.ExtendBaseWidget(s)
	return s
}

func (s *spots) set(nodes []node) {
	s.nodes = nodes
	s.place(s.Size())
}

// at is the middle of a device's ring.
func (s *spots) at(i int, size fyne.Size) fyne.Position {
	angle := 2 * math.Pi * float64(i) / float64(len(s.nodes))
	rx := min(size.Width/2-ringSize/2-labelRoom, 230)
	ry := min(size.Height/2-ringSize/2-22, 150)
	return fyne.NewPos(size.Width/2+rx*float32(math.Sin(angle)), size.Height/2-ry*float32(math.Cos(angle)))
}

func (s *spots) place(size fyne.Size) {
	for i, c := range s.pulses {
		if i >= len(s.nodes) || s.nodes[i].pulse < 0 {
			if c.Visible() {
				c.Hide()
			}
			continue
		}
		at := s.at(i, size)
		way := s.nodes[i].pulse
		c.Resize(fyne.NewSquareSize(pulseSize))
		c.Move(fyne.NewPos(
			float32(math.Round(float64(at.X+(size.Width/2-at.X)*way)))-pulseSize/2,
			float32(math.Round(float64(at.Y+(size.Height/2-at.Y)*way)))-pulseSize/2))
		c.Show()
	}
}

// key is what stands at a place; empty for nothing.
func (s *spots) key(pos fyne.Position) string {
	for i, n := range s.nodes {
		at := s.at(i, s.Size())
		if max(at.X-pos.X, pos.X-at.X) < reach && max(at.Y-pos.Y, pos.Y-at.Y) < reach {
			return n.key
		}
	}
	return ""
}

// Tapped implements fyne.Tappable.
func (s *spots) Tapped(e *fyne.PointEvent) {
	if key := s.key(e.Position); key != "" {
		s.tapped(key)
	}
}

// MouseIn implements desktop.Hoverable.
func (s *spots) MouseIn(e *desktop.MouseEvent) { s.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable: what can be pressed shows it.
func (s *spots) MouseMoved(e *desktop.MouseEvent) {
	s.cursor = desktop.DefaultCursor
	if s.key(e.Position) != "" {
		s.cursor = desktop.PointerCursor
	}
}

// MouseOut implements desktop.Hoverable.
func (s *spots) MouseOut() {}

// Cursor implements desktop.Cursorable.
func (s *spots) Cursor() desktop.Cursor { return s.cursor }

// CreateRenderer implements fyne.Widget.
func (s *spots) CreateRenderer() fyne.WidgetRenderer {
	objects := make([]fyne.CanvasObject, len(s.pulses))
	for i, c := range s.pulses {
		objects[i] = c
	}
	return &spotsRenderer{s, objects}
}

type spotsRenderer struct {
	spots   *spots
	objects []fyne.CanvasObject
}

// Destroy implements fyne.WidgetRenderer.
func (r *spotsRenderer) Destroy() {}

// Layout implements fyne.WidgetRenderer.
func (r *spotsRenderer) Layout(size fyne.Size) { r.spots.place(size) }

// MinSize implements fyne.WidgetRenderer.
func (r *spotsRenderer) MinSize() fyne.Size { return fyne.Size{} }

// Objects implements fyne.WidgetRenderer.
func (r *spotsRenderer) Objects() []fyne.CanvasObject { return r.objects }

// Refresh implements fyne.WidgetRenderer.
func (r *spotsRenderer) Refresh() { r.spots.place(r.spots.Size()) }

// addressOf is the address in the key of a peer that is no known device.
func addressOf(key string) (address string, ok bool) { return strings.CutPrefix(key, fromKey) }

const fromKey = "from:"
