package agent

import (
	"maps"
	"slices"
	"time"
)

// pointsKept of each value, for a plot.
const pointsKept = 300

// Point is a numeric value at a moment.
type Point struct {
	At    time.Time
	Value float64
}

// series are the last points of one value.
type series struct {
	points []Point
	next   int // of the ring, once it is full
}

func (s *series) add(p Point) {
	if len(s.points) < pointsKept {
		s.points = append(s.points, p)
		return
	}
	s.points[s.next] = p
	s.next = (s.next + 1) % pointsKept
}

// note keeps values as the latest, and numbers and switches as points.
func (a *Agent) note(values map[string]any) {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, v := range values {
		a.status.Values[name] = v
		var f float64
		switch v := v.(type) {
		case float64:
			f = v
		case bool:
			if v {
				f = 1
			}
		default:
			continue
		}
		s := a.series[name]
		if s == nil {
			s = &series{}
			a.series[name] = s
		}
		s.add(Point{now, f})
	}
}

// Plotted are the names of values that have points, sorted.
func (a *Agent) Plotted() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.series))
}

// Points are the last points of a value, oldest first; at most 300.
func (a *Agent) Points(name string) []Point {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.series[name]
	if s == nil {
		return nil
	}
	return append(slices.Clone(s.points[s.next:]), s.points[:s.next]...)
}
