package telemetry

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/sim/script"
)

const day = 24 * time.Hour

// mark is a point of a schedule, by its time in the cycle.
type mark struct {
	at    time.Duration
	value float64
}

// schedule goes through points: by the time of day, which repeats daily, or by the time since the start, which repeats after Period when that
// is given.
func schedule(c *compiler) generator {
	c.used["points"], c.used["smooth"] = true, true
	marks, daily := c.marks()
	if len(marks) == 0 {
		return nil
	}
	cycle := day
	if !daily {
		c.used["period"] = true
		if cycle = time.Duration(c.source.Period); cycle != 0 && cycle <= marks[len(marks)-1].at {
			c.wrong("period", "it is over before the last point", "give a period after the last point")
		}
	}
	return func(m *moment) (any, error) {
		at := m.elapsed
		if daily {
			hour, minute, second := m.at.Clock()
			at = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(m.at.Nanosecond())
		} else if cycle > 0 {
			at %= cycle
		}
		return valueAt(marks, at, cycle, c.source.Smooth), nil
	}
}

// marks are the points in their order, and whether they are times of day.
func (c *compiler) marks() (marks []mark, daily bool) {
	if len(c.source.Points) == 0 {
		c.wrong("points", "there are none", "give points such as {at: \"06:30\", value: 21}")
		return nil, false
	}
	daily = strings.Contains(c.source.Points[0].At, ":")
	for i, p := range c.source.Points {
		name := fmt.Sprintf("points[%d].at", i)
		at, err := readMoment(p.At)
		switch {
		case err != nil:
			c.wrong(name, err.Error(), `write a time of day as "06:30", or a time since the start as "90s"`)
		case strings.Contains(p.At, ":") != daily:
			c.wrong(name, "times of day and times since the start are mixed", "use one of them in all points")
		case len(marks) > 0 && at <= marks[len(marks)-1].at:
			c.wrong(name, "it is not after the point before it", "put the points in their order")
		default:
			marks = append(marks, mark{at, p.Value})
		}
	}
	return marks, daily
}

func readMoment(text string) (time.Duration, error) {
	if !strings.Contains(text, ":") {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%q is not a time", text)
		}
		return d, nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time of day", text)
}

// valueAt is the value of the last point before at; in a cycle the first point follows the last. cycle 0: the last point stays.
func valueAt(marks []mark, at, cycle time.Duration, smooth bool) float64 {
	i, found := slices.BinarySearchFunc(marks, at, func(m mark, at time.Duration) int { return int(m.at - at) })
	if found {
		return marks[i].value
	}
	before, after := mark{}, mark{}
	switch {
	case i > 0 && i < len(marks):
		before, after = marks[i-1], marks[i]
	case cycle == 0 && i == 0:
		return marks[0].value
	case cycle == 0:
		return marks[i-1].value
	case i == 0:
		before, after = marks[len(marks)-1], marks[0]
		before.at -= cycle
	default:
		before, after = marks[i-1], marks[0]
		after.at += cycle
	}
	if !smooth {
		return before.value
	}
	part := float64(at-before.at) / float64(after.at-before.at)
	return before.value + part*(after.value-before.value)
}

// replayCSV gives the values of a column, row after row, and begins anew after the last.
func replayCSV(c *compiler) generator {
	c.used["file"], c.used["column"] = true, true
	if c.source.File == "" {
		c.wrong("file", "it is missing", "name a CSV file")
		return nil
	}
	if c.device.Open == nil {
		c.wrong("file", "files cannot be read here", "use another kind of value")
		return nil
	}
	content, err := c.device.Open(c.source.File)
	if err != nil {
		c.wrong("file", err.Error(), "check the name; it is looked for beside the file that names it")
		return nil
	}
	values, err := column(content, c.source.Column)
	if err != nil {
		c.wrong("column", err.Error(), "name a column of the first row, or give its number from 1")
		return nil
	}
	if !slices.ContainsFunc(values, func(v any) bool { _, number := v.(float64); return !number }) {
		c.kind = 0.0
	} else {
		c.kind = ""
		for i, v := range values {
			values[i] = script.Show(v) // a column is of one type
		}
	}
	next := 0
	return func(*moment) (any, error) {
		v := values[next%len(values)]
		next++
		return v, nil
	}
}

// column reads a column of CSV; the first row holds names when the column is asked for by name.
func column(content []byte, name string) (values []any, err error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = -1, true, true
	index := 0
	if n, err := strconv.Atoi(name); err == nil || name == "" {
		if index = n - 1; name == "" {
			index = 0
		} else if index < 0 {
			return nil, fmt.Errorf("there is no column %s", name)
		}
	} else {
		names, err := r.Read()
		if err != nil {
			return nil, fmt.Errorf("the file has no first row: %w", err)
		}
		if index = slices.Index(names, name); index < 0 {
			return nil, fmt.Errorf("there is no column %q in the first row", name)
		}
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the file is not CSV: %w", err)
		}
		if len(values) == MostRows {
			return nil, fmt.Errorf("the file has more than %d rows", MostRows)
		}
		if index >= len(row) {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("line %d has only %d columns", line, len(row))
		}
		if f, err := strconv.ParseFloat(row[index], 64); err == nil {
			values = append(values, f)
		} else {
			values = append(values, strings.Clone(row[index]))
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("the file has no values")
	}
	return values, nil
}
