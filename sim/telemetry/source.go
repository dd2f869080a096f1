package telemetry

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Kind is how a value comes about.
type Kind string

// The kinds of value.
const (
	Constant Kind = "constant" // Value
	Counter  Kind = "counter"  // from Start by Step; after Max it begins anew at Start
	Uniform  Kind = "uniform"  // anything from Min to Max
	Normal   Kind = "normal"   // around Mean with Deviation, kept within Min and Max when they are given
	Walk     Kind = "walk"     // from Start by at most Step each time, within Min and Max
	Sine     Kind = "sine"     // between Min and Max once in a Period
	Square   Kind = "square"   // Max for the Duty of a Period, then Min
	Saw      Kind = "saw"      // rises from Min to Max in a Period
	Schedule Kind = "schedule" // Points
	CSV      Kind = "csv"      // the Column of a File, row after row
	Formula  Kind = "formula"  // Formula
)

// Kinds are all kinds, as an editor lists them.
func Kinds() []Kind {
	return []Kind{Constant, Counter, Uniform, Normal, Walk, Sine, Square, Saw, Schedule, CSV, Formula}
}

// Source says how a value comes about. What a kind does not use is to be left out.
type Source struct {
	Kind      Kind     `json:"kind" yaml:"kind"`
	Value     any      `json:"value,omitempty" yaml:"value,omitempty"` // a number, a text (which is a template), true or false
	Start     *float64 `json:"start,omitempty" yaml:"start,omitempty"`
	Step      *float64 `json:"step,omitempty" yaml:"step,omitempty"`
	Min       *float64 `json:"min,omitempty" yaml:"min,omitempty"`
	Max       *float64 `json:"max,omitempty" yaml:"max,omitempty"`
	Mean      *float64 `json:"mean,omitempty" yaml:"mean,omitempty"`
	Deviation *float64 `json:"deviation,omitempty" yaml:"deviation,omitempty"`
	Period    Duration `json:"period,omitempty" yaml:"period,omitempty"`
	Phase     float64  `json:"phase,omitempty" yaml:"phase,omitempty"` // where in the period it begins, 0 to 1
	Duty      *float64 `json:"duty,omitempty" yaml:"duty,omitempty"`   // 0 to 1; half
	Points    []Point  `json:"points,omitempty" yaml:"points,omitempty"`
	Smooth    bool     `json:"smooth,omitempty" yaml:"smooth,omitempty"` // a schedule goes in straight lines from point to point rather than in steps
	File      string   `json:"file,omitempty" yaml:"file,omitempty"`
	Column    string   `json:"column,omitempty" yaml:"column,omitempty"` // its name in the first row, or its number from 1
	Formula   string   `json:"formula,omitempty" yaml:"formula,omitempty"`
	Digits    *int     `json:"digits,omitempty" yaml:"digits,omitempty"` // after the decimal point, 0 to 15; two, and none for a counter
}

// Point is a value of a schedule from a moment on: a time of day as "06:30", or the time since the start as "90s".
type Point struct {
	At    string  `json:"at" yaml:"at"`
	Value float64 `json:"value" yaml:"value"`
}

// moment is what a generator may look at.
type moment struct {
	at       time.Time
	elapsed  time.Duration // since the first message
	seq      uint64        // 1 for the first
	device   *Device
	fields   map[string]any // those before this one
	previous any            // this one's last value; nil before the first
}

// generator makes the value of a moment: a float64, a string or a bool.
type generator func(m *moment) (any, error)

// compiler checks a source and makes its generator.
type compiler struct {
	path     string
	source   Source
	device   *Device
	random   *rand.Rand
	known    map[string]any // fields before this one, each with a value of its type
	kind     any            // a value of this one's type: 0.0 when nothing else is said
	problems *[]Problem
	used     map[string]bool
}

func (c *compiler) wrong(name, what, todo string) {
	*c.problems = append(*c.problems, Problem{Path: c.path + "." + name, What: what, Todo: todo})
}

// number is an optional number, or its default.
func (c *compiler) number(name string, p *float64, standard float64) float64 {
	c.used[name] = true
	if p == nil {
		return standard
	}
	if math.IsNaN(*p) || math.IsInf(*p, 0) {
		c.wrong(name, "it is not a finite number", "give a number such as 21.5")
		return standard
	}
	return *p
}

// needed is a number that must be given.
func (c *compiler) needed(name string, p *float64) float64 {
	if p == nil {
		c.used[name] = true
		c.wrong(name, "it is missing", fmt.Sprintf("a %s needs it; give a number", c.source.Kind))
		return 0
	}
	return c.number(name, p, 0)
}

// between is Min and Max, both needed.
func (c *compiler) between() (lowest, highest float64) {
	lowest, highest = c.needed("min", c.source.Min), c.needed("max", c.source.Max)
	if lowest > highest {
		c.wrong("min", "it is more than max", "exchange the two")
	}
	return lowest, highest
}

// compile is the generator of the source; after a problem it must not be used.
func (c *compiler) compile() generator {
	build, known := generators[c.source.Kind]
	if !known {
		c.wrong("kind", fmt.Sprintf("%q is not a kind of value", c.source.Kind), "use one of constant, counter, uniform, normal, walk, sine, square, saw, schedule, csv and formula")
		return nil
	}
	c.used, c.kind = map[string]bool{}, 0.0
	g := build(c)
	c.refuseUnused()
	digits := 2
	if c.source.Kind == Counter {
		digits = 0
	}
	if d := c.source.Digits; d != nil {
		if digits = *d; digits < 0 || digits > 15 {
			c.wrong("digits", strconv.Itoa(digits)+" digits cannot be kept", "give 0 to 15")
		}
	}
	exact := c.source.Kind == Constant && c.source.Digits == nil
	return func(m *moment) (any, error) {
		v, err := g(m)
		if f, ok := v.(float64); ok && !exact {
			v = rounded(f, digits)
		}
		return v, err
	}
}

func rounded(f float64, digits int) float64 {
	power := math.Pow10(digits)
	if scaled := f * power; !math.IsInf(scaled, 0) {
		return math.Round(scaled) / power
	}
	return f
}

// refuseUnused finds settings that the kind does not know: they would be believed to have an effect.
func (c *compiler) refuseUnused() {
	s := c.source
	for _, given := range []struct {
		name  string
		given bool
	}{
		{"value", s.Value != nil}, {"start", s.Start != nil}, {"step", s.Step != nil}, {"min", s.Min != nil}, {"max", s.Max != nil},
		{"mean", s.Mean != nil}, {"deviation", s.Deviation != nil}, {"period", s.Period != 0}, {"phase", s.Phase != 0}, {"duty", s.Duty != nil},
		{"points", len(s.Points) > 0}, {"smooth", s.Smooth}, {"file", s.File != ""}, {"column", s.Column != ""}, {"formula", s.Formula != ""},
	} {
		if given.given && !c.used[given.name] {
			c.wrong(given.name, fmt.Sprintf("a %s has no use for it", s.Kind), "leave it out")
		}
	}
}
