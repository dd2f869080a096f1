package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"gatehouse/sim/script"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func board() Device {
	return Device{Name: "thermostat-7", SID: "TH01", Vars: map[string]string{"room": "kitchen", "offset": "1.5"}}
}

func f(v float64) *float64 { return &v }

// reports makes a report of these fields every second.
func reports(fields ...Field) Report {
	return Report{Topic: "{device}/state", Every: Duration(time.Second), Fields: fields, Seed: 7}
}

// values are the first n values of a field, a step apart.
func values(t *testing.T, s Source, n int, step time.Duration) []any {
	t.Helper()
	stream, problems := Compile(reports(Field{Name: "v", Source: s}), board())
	require.Empty(t, problems)
	var all []any
	for i := range n {
		m, err := stream.Next(noon.Add(time.Duration(i) * step))
		require.NoError(t, err)
		all = append(all, m.Values["v"])
	}
	return all
}

func TestEachKindMakesTheValuesThatItPromises(t *testing.T) {
	for _, c := range []struct {
		name string
		of   Source
		step time.Duration
		want []any
	}{
		{"constant number", Source{Kind: Constant, Value: 21.125}, 1, []any{21.125, 21.125}},
		{"constant whole number", Source{Kind: Constant, Value: uint64(3)}, 1, []any{3.0}},
		{"constant switch", Source{Kind: Constant, Value: true}, 1, []any{true}},
		{"constant text is a template", Source{Kind: Constant, Value: "{room} {seq}"}, 1, []any{"kitchen 1", "kitchen 2"}},
		{"counter begins anew after max", Source{Kind: Counter, Start: f(1), Max: f(3)}, 1, []any{1.0, 2.0, 3.0, 1.0}},
		{"counter down", Source{Kind: Counter, Start: f(2), Step: f(-1)}, 1, []any{2.0, 1.0, 0.0, -1.0}},
		{"sine", Source{Kind: Sine, Min: f(0), Max: f(10), Period: Duration(4 * time.Second)}, time.Second, []any{5.0, 10.0, 5.0, 0.0, 5.0}},
		{"sine by phase", Source{Kind: Sine, Min: f(0), Max: f(10), Period: Duration(4 * time.Second), Phase: 0.25}, time.Second, []any{10.0, 5.0, 0.0}},
		{"square", Source{Kind: Square, Min: f(0), Max: f(1), Period: Duration(4 * time.Second), Duty: f(0.25)}, time.Second, []any{1.0, 0.0, 0.0, 0.0, 1.0}},
		{"saw", Source{Kind: Saw, Min: f(0), Max: f(8), Period: Duration(4 * time.Second)}, time.Second, []any{0.0, 2.0, 4.0, 6.0, 0.0}},
		{"schedule by the day", Source{Kind: Schedule, Points: []Point{{"06:30", 21}, {"12:00:02", 23}, {"22:00", 17}}}, time.Second, []any{21.0, 21.0, 23.0}},
		{"schedule over midnight", Source{Kind: Schedule, Points: []Point{{"06:30", 21}, {"22:00", 17}}}, 15 * time.Hour, []any{21.0, 17.0, 21.0, 21.0}},
		{"smooth schedule", Source{Kind: Schedule, Smooth: true, Points: []Point{{"0s", 0}, {"10s", 20}}}, 5 * time.Second, []any{0.0, 10.0, 20.0, 20.0}},
		{"schedule that repeats", Source{Kind: Schedule, Period: Duration(4 * time.Second), Points: []Point{{"0s", 1}, {"2s", 2}}}, 2 * time.Second, []any{1.0, 2.0, 1.0, 2.0}},
		{"formula", Source{Kind: Formula, Formula: "clamp(t * 2 + offset, 0, 4)"}, time.Second, []any{1.5, 3.5, 4.0}},
		{"formula with its last value", Source{Kind: Formula, Formula: "previous + seq"}, time.Second, []any{1.0, 3.0, 6.0}},
		{"formula of a text", Source{Kind: Formula, Formula: `room + "!"`}, time.Second, []any{"kitchen!"}},
		{"digits", Source{Kind: Constant, Value: 2.71828, Digits: new(1)}, 1, []any{2.7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, values(t, c.of, len(c.want), c.step))
		})
	}
}

func TestRandomValuesStayWithinTheirBoundsAndAreTheSameWithTheSameSeed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lowest := rapid.Float64Range(-1000, 1000).Draw(r, "lowest")
		highest := lowest + rapid.Float64Range(0.1, 1000).Draw(r, "width")
		kind := rapid.SampledFrom([]Kind{Uniform, Normal, Walk}).Draw(r, "kind")
		s := Source{Kind: kind, Min: &lowest, Max: &highest, Digits: new(15)}
		switch kind {
		case Normal:
			s.Mean, s.Deviation = f((lowest+highest)/2), f(rapid.Float64Range(0, 1e4).Draw(r, "deviation"))
		case Walk:
			s.Step = f(rapid.Float64Range(0.01, 5000).Draw(r, "step"))
		}
		report := reports(Field{Name: "v", Source: s})
		report.Seed = rapid.Uint64Min(1).Draw(r, "seed")
		one, problems := Preview(report, board(), noon, 50)
		if len(problems) > 0 {
			r.Fatal(problems)
		}
		two, _ := Preview(report, board(), noon, 50)
		for i, m := range one {
			v := m.Values["v"].(float64)
			if slack := 1e-9; v < lowest-slack || v > highest+slack {
				r.Fatalf("%v is not between %v and %v", v, lowest, highest)
			}
			if string(m.Payload) != string(two[i].Payload) {
				r.Fatal("the same seed made other messages")
			}
		}
	})
}

func TestUniformAndNormalValuesAreSpreadAsTheirNamesSay(t *testing.T) {
	const n = 4000
	moments := func(s Source) (mean, deviation, within float64) { // within one deviation, as a part of all
		all := values(t, s, n, time.Second)
		for _, v := range all {
			mean += v.(float64) / n
		}
		for _, v := range all {
			deviation += math.Pow(v.(float64)-mean, 2) / n
		}
		deviation = math.Sqrt(deviation)
		for _, v := range all {
			if math.Abs(v.(float64)-mean) < deviation {
				within += 1.0 / n
			}
		}
		return mean, deviation, within
	}
	mean, deviation, within := moments(Source{Kind: Uniform, Min: f(10), Max: f(22), Digits: new(9)})
	assert.InDelta(t, 16, mean, 0.3)
	assert.InDelta(t, 12/math.Sqrt(12), deviation, 0.15)
	assert.InDelta(t, 1/math.Sqrt(3), within, 0.04)
	mean, deviation, within = moments(Source{Kind: Normal, Mean: f(16), Deviation: f(2), Digits: new(9)})
	assert.InDelta(t, 16, mean, 0.2)
	assert.InDelta(t, 2, deviation, 0.15)
	assert.InDelta(t, 0.683, within, 0.04)
}

func TestAWalkTakesNoStepLargerThanItsStep(t *testing.T) {
	all := values(t, Source{Kind: Walk, Min: f(0), Max: f(100), Step: f(3), Start: f(50), Digits: new(9)}, 500, time.Second)
	assert.Equal(t, 50.0, all[0])
	moved := false
	for i := 1; i < len(all); i++ {
		step := math.Abs(all[i].(float64) - all[i-1].(float64))
		assert.LessOrEqual(t, step, 3.0)
		moved = moved || step > 0.1
	}
	assert.True(t, moved)
}

func TestACSVColumnIsReplayedRowAfterRow(t *testing.T) {
	files := map[string]string{"day.csv": "time, degrees,state\n0,20.5,on\n1, 21,off\n", "bare.csv": "5\n6\n", "short.csv": "a,b\n1,2\n3\n", "empty.csv": "a\n", "broken.csv": "a\n\"x\n"}
	d := board()
	d.Open = func(name string) ([]byte, error) {
		if content, known := files[name]; known {
			return []byte(content), nil
		}
		return nil, errors.New("there is no such file")
	}
	get := func(file, column string) ([]any, []Problem) {
		s, problems := Compile(reports(Field{Name: "v", Source: Source{Kind: CSV, File: file, Column: column}}), d)
		if problems != nil {
			return nil, problems
		}
		var all []any
		for i := range 3 {
			m, err := s.Next(noon.Add(time.Duration(i) * time.Second))
			require.NoError(t, err)
			all = append(all, m.Values["v"])
		}
		return all, nil
	}
	for _, c := range []struct {
		file, column string
		want         []any
	}{{"day.csv", "degrees", []any{20.5, 21.0, 20.5}}, {"day.csv", "state", []any{"on", "off", "on"}}, {"bare.csv", "1", []any{5.0, 6.0, 5.0}}, {"bare.csv", "", []any{5.0, 6.0, 5.0}}} {
		all, problems := get(c.file, c.column)
		require.Empty(t, problems)
		assert.Equal(t, c.want, all)
	}
	for file, column := range map[string]string{"day.csv": "humidity", "none.csv": "a", "short.csv": "b", "empty.csv": "a", "broken.csv": "a", "bare.csv": "0"} {
		_, problems := get(file, column)
		require.Len(t, problems, 1, file)
		assert.NotEmpty(t, problems[0].Todo)
	}
}

func TestAPayloadIsWhatItsFormatSays(t *testing.T) {
	fields := []Field{
		{Name: "temperature", Source: Source{Kind: Constant, Value: 21.5}},
		{Name: "raw", Hidden: true, Source: Source{Kind: Constant, Value: 255.0}},
		{Name: "unit", Source: Source{Kind: Constant, Value: "°C “quoted\""}},
	}
	for _, c := range []struct {
		format  Format
		payload string
		want    string
	}{
		{JSON, "", `{"temperature":21.5,"unit":"°C “quoted\""}`},
		{"", `{{"t":{temperature},"id":"{sid}"}}`, `{"t":21.5,"id":"TH01"}`},
		{Text, "{device} in {room}: {temperature} at {time}, {unix} {ms} #{seq} after {elapsed} s", "thermostat-7 in kitchen: 21.5 at 2026-03-01T12:00:00.000Z, 1772366400 1772366400000 #1 after 0 s"},
		{Binary, "0a 0B {raw}1", "\x0a\x0b\x25\x51"},
	} {
		r := reports(fields...)
		r.Format, r.Payload = c.format, c.payload
		messages, problems := Preview(r, board(), noon, 1)
		require.Empty(t, problems)
		assert.Equal(t, c.want, string(messages[0].Payload))
		assert.Equal(t, "thermostat-7/state", messages[0].Topic)
	}
	for format, payload := range map[Format]string{JSON: "{unit}", Binary: "0x{raw}"} {
		r := reports(fields...)
		r.Format, r.Payload = format, payload
		_, problems := Preview(r, board(), noon, 1)
		require.Len(t, problems, 1)
	}
}

func TestAFieldMayBeComputedFromThoseBeforeIt(t *testing.T) {
	messages, problems := Preview(reports(
		Field{Name: "c", Source: Source{Kind: Constant, Value: 20.0}},
		Field{Name: "fahrenheit", Source: Source{Kind: Formula, Formula: "c * 9 / 5 + 32"}},
		Field{Name: "warm", Source: Source{Kind: Formula, Formula: "fahrenheit > 60"}},
	), board(), noon, 1)
	require.Empty(t, problems)
	assert.JSONEq(t, `{"c":20,"fahrenheit":68,"warm":true}`, string(messages[0].Payload))
}

func TestEveryMistakeIsToldWithItsPlaceAndWhatToDo(t *testing.T) {
	field := func(s Source) Report { return reports(Field{Name: "v", Source: s}) }
	change := func(fn func(*Report)) Report {
		r := field(Source{Kind: Constant, Value: 1.0})
		fn(&r)
		return r
	}
	for want, r := range map[string]Report{
		"fields[0].kind":         field(Source{Kind: "cosine"}),
		"fields[0].value":        field(Source{Kind: Constant}),
		"fields[0].min":          field(Source{Kind: Uniform, Min: f(2), Max: f(1)}),
		"fields[0].max":          field(Source{Kind: Uniform, Min: f(2)}),
		"fields[0].period":       field(Source{Kind: Sine, Min: f(0), Max: f(1)}),
		"fields[0].duty":         field(Source{Kind: Sine, Min: f(0), Max: f(1), Period: 1, Duty: f(0.1)}),
		"fields[0].phase":        field(Source{Kind: Saw, Min: f(0), Max: f(1), Period: 1, Phase: math.NaN()}),
		"fields[0].step":         field(Source{Kind: Walk, Min: f(0), Max: f(1), Step: f(-1)}),
		"fields[0].start":        field(Source{Kind: Walk, Min: f(0), Max: f(1), Start: f(5)}),
		"fields[0].deviation":    field(Source{Kind: Normal, Mean: f(0), Deviation: f(-1)}),
		"fields[0].points":       field(Source{Kind: Schedule}),
		"fields[0].points[1].at": field(Source{Kind: Schedule, Points: []Point{{"10:00", 1}, {"09:00", 2}}}),
		"fields[0].points[0].at": field(Source{Kind: Schedule, Points: []Point{{"25:00", 1}}}),
		"fields[0].formula":      field(Source{Kind: Formula, Formula: "sin("}),
		"fields[0].digits":       field(Source{Kind: Constant, Value: 1.0, Digits: new(16)}),
		"fields[0].file":         field(Source{Kind: CSV}),
		"fields[0].mean":         field(Source{Kind: Normal, Mean: f(math.Inf(1)), Deviation: f(1)}),
		"fields[0].name":         reports(Field{Name: "a b", Source: Source{Kind: Constant, Value: 1.0}}),
		"fields[1].name":         reports(Field{Name: "a", Source: Source{Kind: Constant, Value: 1.0}}, Field{Name: "a", Source: Source{Kind: Constant, Value: 1.0}}),
		"fields":                 reports(),
		"topic":                  change(func(r *Report) { r.Topic = "a/{colour}" }),
		"every":                  change(func(r *Report) { r.Every = 0 }),
		"jitter":                 change(func(r *Report) { r.Jitter = r.Every }),
		"qos":                    change(func(r *Report) { r.QoS = 3 }),
		"format":                 change(func(r *Report) { r.Format = "xml" }),
		"payload":                change(func(r *Report) { r.Payload = "{" }),
	} {
		stream, problems := Compile(r, board())
		assert.Nil(t, stream, want)
		require.NotEmpty(t, problems, want)
		assert.Equal(t, want, problems[0].Path)
		for _, p := range problems {
			assert.NotEmpty(t, p.What)
			assert.NotEmpty(t, p.Todo)
		}
	}
}

func TestAFormulaThatDoesNotKnowANameIsRefusedBeforeTheStart(t *testing.T) {
	for _, formula := range []string{"colour + 1", "os.Exit(1)", "later * 2", "sin()"} {
		_, problems := Compile(reports(
			Field{Name: "v", Source: Source{Kind: Formula, Formula: formula}},
			Field{Name: "later", Source: Source{Kind: Constant, Value: 1.0}},
		), board())
		assert.NotEmpty(t, problems, formula)
	}
}

func TestAFormulaWithoutAResultIsAnErrorAndTheStreamGoesOn(t *testing.T) {
	stream, problems := Compile(reports(Field{Name: "v", Source: Source{Kind: Formula, Formula: "1 / (seq - 1)"}}), board())
	require.Empty(t, problems)
	_, err := stream.Next(noon)
	require.Error(t, err)
	m, err := stream.Next(noon.Add(time.Second))
	require.NoError(t, err)
	assert.Equal(t, 1.0, m.Values["v"])
}

func TestTheWaitIsWithinItsJitter(t *testing.T) {
	r := reports(Field{Name: "v", Source: Source{Kind: Constant, Value: 1.0}})
	r.Jitter = Duration(400 * time.Millisecond)
	stream, problems := Compile(r, board())
	require.Empty(t, problems)
	shortest, longest := time.Hour, time.Duration(0)
	for range 1000 {
		wait := stream.Wait()
		shortest, longest = min(shortest, wait), max(longest, wait)
	}
	assert.GreaterOrEqual(t, shortest, 600*time.Millisecond)
	assert.LessOrEqual(t, longest, 1400*time.Millisecond)
	assert.Greater(t, longest-shortest, 600*time.Millisecond)
}

func TestAReportOutlivesJSON(t *testing.T) {
	r := reports(Field{Name: "v", Source: Source{Kind: Sine, Min: f(1), Max: f(2), Period: Duration(90 * time.Second)}})
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"1m30s"`)
	var back Report
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, r, back)
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"every":"soon"}`), &back), "write it as 500ms")
}

func TestTemplatesNeverPanic(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"{", "}", "device", "{{", "}}", "x", " ", "é", "{seq}"})).Draw(r, "parts"), "")
		template, err := script.Parse(text)
		if err != nil {
			return
		}
		d := board()
		_, _ = template.Fill((&moment{device: &d, at: noon}).look)
	})
}

func BenchmarkNext(b *testing.B) {
	stream, problems := Compile(reports(
		Field{Name: "temperature", Source: Source{Kind: Walk, Min: f(15), Max: f(30)}},
		Field{Name: "humidity", Source: Source{Kind: Sine, Min: f(30), Max: f(60), Period: Duration(time.Hour)}},
		Field{Name: "index", Source: Source{Kind: Formula, Formula: "temperature * 0.7 + humidity * 0.3"}},
	), board())
	if problems != nil {
		b.Fatal(fmt.Sprint(problems))
	}
	b.ReportAllocs()
	for i := range b.N {
		if _, err := stream.Next(noon.Add(time.Duration(i) * time.Second)); err != nil {
			b.Fatal(err)
		}
	}
}
