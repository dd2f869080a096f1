package devices

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gatehouse/sim/telemetry"
)

// generator is a way for a value to come about, as the form has it.
type generator struct {
	kind   telemetry.Kind
	name   string
	params []param
	// first is what a new one begins with, so that there is something to see at once.
	first telemetry.Source
}

// param is one figure or text of a generator.
type param struct {
	key   string // as in a problem's path
	label string
	wide  bool
	get   func(telemetry.Source) string
	// set takes what was typed; what cannot be understood is said.
	set func(*telemetry.Source, string) string
}

func number(key, label string, at func(*telemetry.Source) **float64) param {
	return param{
		key: key, label: label,
		get: func(s telemetry.Source) string {
			if p := *at(&s); p != nil {
				return strconv.FormatFloat(*p, 'f', -1, 64)
			}
			return ""
		},
		set: func(s *telemetry.Source, text string) string {
			text = strings.TrimSpace(text)
			if text == "" {
				*at(s) = nil
				return ""
			}
			v, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Sprintf("“%s” is not a number. Write one such as 21.5.", text)
			}
			*at(s) = &v
			return ""
		},
	}
}

var (
	start     = number("start", "Start", func(s *telemetry.Source) **float64 { return &s.Start })
	step      = number("step", "Step", func(s *telemetry.Source) **float64 { return &s.Step })
	lowest    = number("min", "Lowest", func(s *telemetry.Source) **float64 { return &s.Min })
	highest   = number("max", "Highest", func(s *telemetry.Source) **float64 { return &s.Max })
	mean      = number("mean", "Mean", func(s *telemetry.Source) **float64 { return &s.Mean })
	deviation = number("deviation", "Deviation", func(s *telemetry.Source) **float64 { return &s.Deviation })
	duty      = number("duty", "Share high", func(s *telemetry.Source) **float64 { return &s.Duty })

	phase = param{
		key: "phase", label: "Begins at",
		get: func(s telemetry.Source) string { return strconv.FormatFloat(s.Phase, 'f', -1, 64) },
		set: func(s *telemetry.Source, text string) string {
			v, err := strconv.ParseFloat(strings.TrimSpace("0"+strings.TrimSpace(text)), 64)
			if err != nil {
				return "Give a part of the period, from 0 to 1."
			}
			s.Phase = v
			return ""
		},
	}
	period = param{
		key: "period", label: "Period",
		get: func(s telemetry.Source) string { return wait(s.Period, "") },
		set: func(s *telemetry.Source, text string) string { return duration(&s.Period, text) },
	}
	digits = param{
		key: "digits", label: "Digits",
		get: func(s telemetry.Source) string {
			if s.Digits == nil {
				return ""
			}
			return strconv.Itoa(*s.Digits)
		},
		set: func(s *telemetry.Source, text string) string {
			if text = strings.TrimSpace(text); text == "" {
				s.Digits = nil
				return ""
			}
			n, err := strconv.Atoi(text)
			if err != nil {
				return "Give a whole number from 0 to 15."
			}
			s.Digits = &n
			return ""
		},
	}
	value = param{
		key: "value", label: "Value: a number, true, false or a text", wide: true,
		get: func(s telemetry.Source) string {
			if s.Value == nil {
				return ""
			}
			return fmt.Sprint(s.Value)
		},
		set: func(s *telemetry.Source, text string) string { s.Value = plain(text); return "" },
	}
	points = param{
		key: "points", label: "When and what: 06:30 21, 22:00 17 — or 0s 1, 90s 5", wide: true,
		get: func(s telemetry.Source) string {
			all := make([]string, len(s.Points))
			for i, p := range s.Points {
				all[i] = p.At + " " + strconv.FormatFloat(p.Value, 'f', -1, 64)
			}
			return strings.Join(all, ", ")
		},
		set: func(s *telemetry.Source, text string) string {
			var all []telemetry.Point
			for _, one := range strings.Split(text, ",") {
				words := strings.Fields(one)
				if len(words) == 0 {
					continue
				}
				v, err := strconv.ParseFloat(words[len(words)-1], 64)
				if len(words) != 2 || err != nil {
					return fmt.Sprintf("“%s” is not a time and a number. Write 06:30 21.", strings.TrimSpace(one))
				}
				all = append(all, telemetry.Point{At: words[0], Value: v})
			}
			s.Points = all
			return ""
		},
	}
	file = param{
		key: "file", label: "CSV file, with its folder", wide: true,
		get: func(s telemetry.Source) string { return s.File },
		set: func(s *telemetry.Source, text string) string { s.File = strings.TrimSpace(text); return "" },
	}
	column = param{
		key: "column", label: "Column",
		get: func(s telemetry.Source) string { return s.Column },
		set: func(s *telemetry.Source, text string) string { s.Column = strings.TrimSpace(text); return "" },
	}
	formula = param{
		key: "formula", label: "Formula of t, hour, previous, and the values above", wide: true,
		get: func(s telemetry.Source) string { return s.Formula },
		set: func(s *telemetry.Source, text string) string { s.Formula = text; return "" },
	}
)

func duration(to *telemetry.Duration, text string) string {
	if strings.TrimSpace(text) == "" {
		*to = 0
		return ""
	}
	var d telemetry.Duration
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return fmt.Sprintf("“%s” is not a time. Write 500ms, 5s or 1m30s.", strings.TrimSpace(text))
	}
	*to = d
	return ""
}

// plain is a text as a value: a number, a switch, or the text itself.
func plain(text string) any {
	trimmed := strings.TrimSpace(text)
	switch trimmed {
	case "true":
		return true
	case "false":
		return false
	}
	if v, err := strconv.ParseFloat(trimmed, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		return v
	}
	return text
}

var generators = []generator{
	{telemetry.Constant, "Constant", []param{value}, telemetry.Source{Value: 1.0}},
	{telemetry.Counter, "Counter", []param{start, step, highest}, telemetry.Source{}},
	{telemetry.Uniform, "Anything between", []param{lowest, highest, digits}, telemetry.Source{Min: new(0.0), Max: new(100.0)}},
	{telemetry.Normal, "Around a mean", []param{mean, deviation, lowest, highest, digits}, telemetry.Source{Mean: new(20.0), Deviation: new(2.0)}},
	{telemetry.Walk, "Random walk", []param{start, step, lowest, highest, digits}, telemetry.Source{Start: new(20.0), Step: new(0.5), Min: new(0.0), Max: new(40.0)}},
	{telemetry.Sine, "Sine", []param{lowest, highest, period, phase, digits}, telemetry.Source{Min: new(0.0), Max: new(100.0), Period: telemetry.Duration(60e9)}},
	{telemetry.Square, "On and off", []param{lowest, highest, period, duty, digits}, telemetry.Source{Min: new(0.0), Max: new(1.0), Period: telemetry.Duration(60e9)}},
	{telemetry.Saw, "Saw", []param{lowest, highest, period, phase, digits}, telemetry.Source{Min: new(0.0), Max: new(100.0), Period: telemetry.Duration(60e9)}},
	{telemetry.Schedule, "Schedule", []param{points, digits}, telemetry.Source{Points: []telemetry.Point{{At: "06:30", Value: 21}, {At: "22:00", Value: 17}}}},
	{telemetry.CSV, "Replay of a CSV file", []param{file, column, digits}, telemetry.Source{Column: "1"}},
	{telemetry.Formula, "Formula", []param{formula, digits}, telemetry.Source{Formula: "20 + 5 * sin(t / 60)"}},
}

// begin is what a value of a kind begins with.
func begin(kind telemetry.Kind) telemetry.Source {
	s := generators[generatorOf(kind)].first
	s.Kind = kind
	return s
}

func generatorNames() (names []string) {
	for _, g := range generators {
		names = append(names, g.name)
	}
	return names
}

// generatorOf is the index of a kind; the first for one that is not known.
func generatorOf(kind telemetry.Kind) int {
	for i, g := range generators {
		if g.kind == kind {
			return i
		}
	}
	return 0
}
