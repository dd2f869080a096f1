package telemetry

import (
	"fmt"
	"math"
	"time"

	"gatehouse/sim/script"
)

// generators make each kind of value.
var generators = map[Kind]func(c *compiler) generator{
	Constant: constant, Counter: counter, Uniform: uniform, Normal: normal, Walk: walk, Sine: sine, Square: square, Saw: saw,
	Schedule: schedule, CSV: replayCSV, Formula: formula,
}

func constant(c *compiler) generator {
	c.used["value"] = true
	switch v := c.source.Value.(type) {
	case nil:
		c.wrong("value", "it is missing", "give a number, a text, true or false")
	case string:
		t, err := script.Parse(v)
		if err != nil {
			c.wrong("value", err.Error(), "write {{ for a brace")
			return nil
		}
		c.checkNames("value", t)
		c.kind = ""
		return func(m *moment) (any, error) { return t.Fill(m.look) }
	case bool:
		c.kind = true
		return func(*moment) (any, error) { return v, nil }
	default:
		if f, ok := script.Number(v); ok {
			return func(*moment) (any, error) { return f, nil }
		}
		c.wrong("value", fmt.Sprintf("a %T cannot be reported", v), "give a number, a text, true or false")
	}
	return nil
}

func counter(c *compiler) generator {
	start, step := c.number("start", c.source.Start, 0), c.number("step", c.source.Step, 1)
	highest := c.number("max", c.source.Max, math.MaxFloat64)
	if step == 0 {
		c.wrong("step", "a counter that counts by 0 stands still", "give another step, or make it a constant")
	}
	if start > highest {
		c.wrong("max", "it is less than start", "give a max above start")
	}
	next := start
	return func(*moment) (any, error) {
		v := next
		if next += step; next > highest {
			next = start
		}
		return v, nil
	}
}

func uniform(c *compiler) generator {
	lowest, highest := c.between()
	return func(*moment) (any, error) { return lowest + c.random.Float64()*(highest-lowest), nil }
}

func normal(c *compiler) generator {
	mean, deviation := c.needed("mean", c.source.Mean), c.needed("deviation", c.source.Deviation)
	lowest, highest := c.number("min", c.source.Min, -math.MaxFloat64), c.number("max", c.source.Max, math.MaxFloat64)
	if deviation < 0 {
		c.wrong("deviation", "it is negative", "give 0 or more")
	}
	if lowest > highest {
		c.wrong("min", "it is more than max", "exchange the two")
	}
	return func(*moment) (any, error) {
		return min(max(mean+c.random.NormFloat64()*deviation, lowest), highest), nil
	}
}

func walk(c *compiler) generator {
	lowest, highest := c.between()
	step := c.number("step", c.source.Step, (highest-lowest)/20)
	at := c.number("start", c.source.Start, (lowest+highest)/2)
	if step <= 0 && c.source.Step != nil {
		c.wrong("step", "it is the largest change, and not more than 0", "give a number above 0")
	}
	if at < lowest || at > highest {
		c.wrong("start", "it is not between min and max", "begin between them")
	}
	first := true
	return func(*moment) (any, error) {
		if !first {
			at += (2*c.random.Float64() - 1) * step
			// A wall throws back, so that the walk does not stick to it.
			if at > highest {
				at = max(lowest, 2*highest-at)
			} else if at < lowest {
				at = min(highest, 2*lowest-at)
			}
		}
		first = false
		return at, nil
	}
}

// wave makes a value from where in its period a moment is, 0 up to 1.
func wave(c *compiler, shape func(part float64) float64) generator {
	lowest, highest := c.between()
	c.used["period"], c.used["phase"] = true, true
	period := time.Duration(c.source.Period)
	if period <= 0 {
		c.wrong("period", "it is missing", "give a duration such as 60s")
		return nil
	}
	phase := c.source.Phase
	if !(phase >= 0 && phase <= 1) {
		c.wrong("phase", "it is not between 0 and 1", "give the part of the period to begin with, such as 0.25")
	}
	return func(m *moment) (any, error) {
		whole := float64(m.elapsed)/float64(period) + phase
		return lowest + (highest-lowest)*shape(whole-math.Floor(whole)), nil
	}
}

func sine(c *compiler) generator {
	return wave(c, func(part float64) float64 { return (1 + math.Sin(2*math.Pi*part)) / 2 })
}

func square(c *compiler) generator {
	duty := c.number("duty", c.source.Duty, 0.5)
	if duty < 0 || duty > 1 {
		c.wrong("duty", "it is not between 0 and 1", "give the part of the period to be high, such as 0.5")
	}
	return wave(c, func(part float64) float64 {
		if part < duty {
			return 1
		}
		return 0
	})
}

func saw(c *compiler) generator { return wave(c, func(part float64) float64 { return part }) }
