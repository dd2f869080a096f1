package telemetry

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/sim/script"
)

// Stream makes the messages of a report, one after another. It is for one goroutine.
type Stream struct {
	report  Report
	device  Device
	topic   script.Template
	payload *script.Template // nil: the object of all fields
	fields  []compiled
	random  *rand.Rand

	began    time.Time
	seq      uint64
	previous map[string]any
}

type compiled struct {
	Field
	next generator
}

// Compile checks a report and makes its stream. All problems are told at once; with any, there is no stream.
func Compile(r Report, d Device) (*Stream, []Problem) {
	s := &Stream{report: r, device: d, previous: map[string]any{}}
	seed := r.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	s.random = rand.New(rand.NewPCG(seed, 0x6761746568)) //nolint:gosec // values to look at; nothing secret comes of it
	var problems []Problem
	wrong := func(path, what, todo string) { problems = append(problems, Problem{path, what, todo}) }
	if r.QoS > 2 {
		wrong("qos", fmt.Sprintf("QoS %d does not exist", r.QoS), "give 0, 1 or 2")
	}
	if every := time.Duration(r.Every); every < ShortestEvery || every > LongestEvery {
		wrong("every", "it is not between 10ms and 24h", "give how often to send, such as 5s")
	}
	if r.Jitter < 0 || r.Jitter > 0 && r.Jitter >= r.Every {
		wrong("jitter", "it is not less than every", "give a part of every, such as 500ms")
	}
	known := s.compileFields(&problems)
	c := &compiler{device: &s.device, known: known, problems: &problems}
	s.topic = c.template("topic", r.Topic)
	if r.Topic == "" {
		wrong("topic", "it is missing", "give one, such as {device}/temperature")
	} else if strings.ContainsAny(r.Topic, "+#") {
		wrong("topic", "a message cannot be sent to a wildcard", "leave + and # out")
	}
	s.compilePayload(c)
	if len(problems) > 0 {
		return nil, problems
	}
	return s, nil
}

// template parses one of the report's own texts.
func (c *compiler) template(name, text string) script.Template {
	t, err := script.Parse(text)
	if err != nil {
		*c.problems = append(*c.problems, Problem{name, err.Error(), "write {{ for a brace"})
		return t
	}
	at := &compiler{device: c.device, known: c.known, problems: new([]Problem)}
	at.checkNames(name, t)
	for _, p := range *at.problems {
		p.Path = name
		*c.problems = append(*c.problems, p)
	}
	return t
}

func (s *Stream) compileFields(problems *[]Problem) (known map[string]any) {
	known = map[string]any{}
	fields := s.report.Fields
	if len(fields) > MostFields {
		*problems = append(*problems, Problem{"fields", fmt.Sprintf("there are more than %d", MostFields), "make several reports"})
		fields = fields[:MostFields]
	}
	for i, f := range fields {
		path := fmt.Sprintf("fields[%d]", i)
		switch {
		case !script.IsName(f.Name):
			*problems = append(*problems, Problem{path + ".name", fmt.Sprintf("%q is not a name", f.Name), "use letters, digits and _, not beginning with a digit"})
		case known[f.Name] != nil:
			*problems = append(*problems, Problem{path + ".name", f.Name + " is there already", "give each field its own name"})
		case taken[f.Name] || builtIn[f.Name] != nil:
			*problems = append(*problems, Problem{path + ".name", f.Name + " means something else in formulas", "choose another name"})
		}
		c := &compiler{path: path, source: f.Source, device: &s.device, random: s.random, known: known, problems: problems}
		s.fields = append(s.fields, compiled{f, c.compile()})
		known[f.Name] = c.kind
	}
	return known
}

// taken are names with a meaning in formulas, beside those that templates know.
var taken = map[string]bool{"t": true, "hour": true, "previous": true, "pi": true}

func (s *Stream) compilePayload(c *compiler) {
	r := s.report
	switch r.Format {
	case "", JSON:
		if r.Payload == "" && len(r.Fields) == 0 {
			*c.problems = append(*c.problems, Problem{"fields", "there is nothing to send", "add a field, or a payload"})
		}
	case Text, Binary:
		if r.Payload == "" {
			*c.problems = append(*c.problems, Problem{"payload", "it is missing", "a " + string(r.Format) + " report needs one"})
		}
	default:
		*c.problems = append(*c.problems, Problem{"format", fmt.Sprintf("%q is not a format", r.Format), "use json, text or binary"})
	}
	if r.Payload != "" {
		t := c.template("payload", r.Payload)
		s.payload = &t
	}
}

// Next makes the message of a moment; moments do not go backwards. After an error the stream can go on.
func (s *Stream) Next(at time.Time) (Message, error) {
	if s.seq == 0 {
		s.began = at
	}
	s.seq++
	m := moment{at: at, elapsed: at.Sub(s.began), seq: s.seq, device: &s.device, fields: make(map[string]any, len(s.fields))}
	for _, f := range s.fields {
		m.previous = s.previous[f.Name]
		v, err := f.next(&m)
		if err != nil {
			return Message{}, err
		}
		m.fields[f.Name], s.previous[f.Name] = v, v
	}
	topic, err := s.topic.Fill(m.look)
	if err != nil {
		return Message{}, err
	}
	payload, err := s.fillPayload(&m)
	if err != nil {
		return Message{}, err
	}
	if len(payload) > MaxPayload {
		return Message{}, fmt.Errorf("the payload has %d bytes; %d is the most", len(payload), MaxPayload)
	}
	return Message{Topic: topic, Payload: payload, QoS: s.report.QoS, Retain: s.report.Retain, Values: m.fields}, nil
}

func (s *Stream) fillPayload(m *moment) ([]byte, error) {
	if s.payload == nil {
		return s.object(m)
	}
	text, err := s.payload.Fill(m.look)
	if err != nil {
		return nil, err
	}
	switch s.report.Format {
	case Text:
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("the payload is not text")
		}
		return []byte(text), nil
	case Binary:
		b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return nil, fmt.Errorf("the payload %q is not pairs of hexadecimal digits", shortened(text))
		}
		return b, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("the payload is not JSON: %s", shortened(text))
	}
	return []byte(text), nil
}

func shortened(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// object is all fields that are not hidden, in their order.
func (s *Stream) object(m *moment) ([]byte, error) {
	b := []byte{'{'}
	for _, f := range s.fields {
		if f.Hidden {
			continue
		}
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.fields[f.Name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// Wait is how long to wait for the next message.
func (s *Stream) Wait() time.Duration {
	wait := time.Duration(s.report.Every)
	if j := time.Duration(s.report.Jitter); j > 0 {
		wait += time.Duration((2*s.random.Float64() - 1) * float64(j))
	}
	return max(wait, ShortestEvery)
}

// Preview is the first n messages as they would be from now on, without sending any: what an editor shows before the start.
func Preview(r Report, d Device, from time.Time, n int) ([]Message, []Problem) {
	s, problems := Compile(r, d)
	if problems != nil {
		return nil, problems
	}
	messages := make([]Message, 0, n)
	for range n {
		m, err := s.Next(from)
		if err != nil {
			return messages, []Problem{{Path: "payload", What: err.Error(), Todo: "correct the report"}}
		}
		messages = append(messages, m)
		from = from.Add(s.Wait())
	}
	return messages, nil
}
