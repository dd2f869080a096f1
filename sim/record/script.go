package record

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gatehouse/sim/scenario"
)

// Options of a scenario. The zero value is as it was.
type Options struct {
	Speed float64 // 2 is twice as fast; 0 is 1; within SlowestSpeed and FastestSpeed
	// Idle is the longest wait between two steps, after Speed; 0: as long as it was.
	Idle time.Duration
	// Expect makes expectations of the messages that the device received.
	Expect bool
}

// Bounds of Options.Speed.
const (
	SlowestSpeed = 0.1
	FastestSpeed = 100
)

// Waits are rounded to this; shorter ones than twice that are left out, and made up for by the next.
const rounding = 10 * time.Millisecond

// slack is what a scenario may take beside its waits.
const slack = 30 * time.Second

// Script is a scenario with its text.
type Script struct {
	Text     []byte
	Scenario *scenario.Scenario
	Device   string // the name on the gateway of the device that does what was recorded
	Left     int    // events that found no room in it
}

// Write makes a scenario of a recording. Its text says in comments what is missing, and is read by scenario.Parse as the
// Scenario that is returned beside it.
func Write(r Recording, o Options) (Script, error) {
	w := &writer{recording: r, options: o}
	if w.options.Speed == 0 {
		w.options.Speed = 1
	}
	w.options.Speed = min(max(w.options.Speed, SlowestSpeed), FastestSpeed)
	w.cast()
	w.play()
	text := w.text()
	s, mistakes := scenario.Parse(text, nil)
	if len(mistakes) > 0 {
		return Script{}, fmt.Errorf("the recording cannot be written as a scenario: %w", mistakes[0])
	}
	device := w.roles[0].name
	if named := s.Devices[device].Name; named != "" {
		device = named
	}
	return Script{Text: text, Scenario: s, Device: device, Left: w.left}, nil
}

// writer makes the text.
type writer struct {
	recording Recording
	options   Options

	first    string // the device that has the identity; others are like it
	roles    []role
	ofEvent  map[int]string // the role of a connection, by the index of its event
	body     strings.Builder
	steps    int
	notes    []string
	waited   time.Duration // in steps, up to now
	due      time.Duration // when the next event is to happen, since the first
	last     time.Time     // of the event before
	speaking string        // the role that is connected, by
	current  uint64        // this connection
	left     int
}

// role is a device of the scenario: the recorded one, as it connected. The scenario format gives a device one way to
// connect, so that each further way is a device which uses the identity of the first.
type role struct {
	name    string
	connect Connect
}

// cast finds the ways in which the device connected.
func (w *writer) cast() {
	w.first = plain(w.hidden(w.recording.DeviceName))
	w.ofEvent = map[int]string{}
	for i, e := range w.recording.Events {
		if e.Connect != nil {
			w.ofEvent[i] = w.as(*e.Connect)
		}
	}
	if len(w.roles) == 0 {
		w.roles = []role{{w.first, Connect{Protocol: "3.1.1", ClientID: w.first, KeepAlive: time.Minute}}}
	}
}

// mostRoles bounds the ways to connect that are told apart: a device may have a new client id each time.
const mostRoles = 50

// as finds the role that connects so, or makes one.
func (w *writer) as(c Connect) string {
	for _, r := range w.roles {
		if same(r.connect, c) {
			return r.name
		}
	}
	if len(w.roles) >= mostRoles {
		w.note(fmt.Sprintf("It connected in more than %d different ways; from then on it does as it did first.", mostRoles))
		return w.first
	}
	name := w.first
	if len(w.roles) > 0 {
		name = fmt.Sprintf("%s-%d", w.first, len(w.roles)+1)
	}
	w.roles = append(w.roles, role{name, c})
	return name
}

func same(a, b Connect) bool {
	wa, wb := a.Will, b.Will
	a.Will, b.Will = nil, nil
	a.Certificate = b.Certificate // the replayed device has one credential
	if a != b || (wa == nil) != (wb == nil) {
		return false
	}
	return wa == nil || wa.Topic == wb.Topic && string(wa.Payload) == string(wb.Payload) && wa.QoS == wb.QoS && wa.Retain == wb.Retain
}

// plain makes a name for steps of any name.
func plain(name string) string {
	made := strings.Map(func(r rune) rune {
		switch {
		case r == '-', r == '_', r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			return r
		case unicode.IsSpace(r), r == '.', r == '/', r == ':':
			return '-'
		}
		return -1
	}, name)
	switch made = strings.Trim(made, "-_"); {
	case made == "" || len(made) > 60:
		return "device"
	case quoted(made) != made: // YAML would read a number in it, or yes and no
		return "device-" + made
	}
	return made
}

func (w *writer) note(text string) {
	for _, have := range w.notes {
		if have == text {
			return
		}
	}
	if len(w.notes) < mostNotes {
		w.notes = append(w.notes, text)
	}
}

// play writes the steps.
func (w *writer) play() {
	w.documents()
	w.step("create: " + w.roles[0].name)
	missed := 0
	for i, e := range w.recording.Events {
		if w.steps > scenario.MostSteps-8 || w.body.Len() > scenario.MaxBytes-(128<<10) || w.waited > scenario.LongestTimeout-2*slack {
			w.left = len(w.recording.Events) - i
			w.note(fmt.Sprintf("%d further events are left out: a scenario has at most %d steps, %d KiB and %s.", w.left, scenario.MostSteps, scenario.MaxBytes>>10, scenario.LongestTimeout))
			break
		}
		if i > 0 && !e.Before {
			w.due += w.pause(e.At.Sub(w.last))
		}
		w.last = e.At
		if !w.event(i, e) {
			missed++
		}
	}
	if missed > 0 {
		w.note(fmt.Sprintf("%d events are left out: a scenario cannot say them.", missed))
	}
}

// pause is how long a gap lasts in the scenario.
func (w *writer) pause(gap time.Duration) time.Duration {
	d := time.Duration(math.Max(float64(gap), 0) / w.options.Speed)
	if w.options.Idle > 0 {
		d = min(d, w.options.Idle)
	}
	return min(d, scenario.LongestTimeout/2)
}

// step writes one step, which is due now.
func (w *writer) step(text string) {
	if wait := (w.due - w.waited).Round(rounding); wait >= 2*rounding {
		w.waited += wait
		w.steps++
		fmt.Fprintf(&w.body, "  - wait: %s\n", wait)
	}
	w.steps++
	w.body.WriteString("  - " + text + "\n")
}

func (w *writer) comment(format string, a ...any) {
	w.body.WriteString("  # " + oneLine(fmt.Sprintf(format, a...)) + "\n")
}

// event writes what an event needs; false when a scenario cannot say it.
func (w *writer) event(i int, e Event) bool {
	switch e.Kind {
	case Connected, Refused:
	case Disconnected, Vanished, Reset, Ended:
		if w.speaking == "" || e.Connection != w.current {
			return true // another connection has taken its place
		}
	default:
		if w.speaking == "" {
			w.comment("How it connected is not in the recording.")
			w.connect(w.roles[0].name, e.Connection)
		}
	}
	device := w.speaking
	switch e.Kind {
	case Connected:
		if e.Before {
			w.comment("It was connected when the recording began.")
		}
		w.connect(w.ofEvent[i], e.Connection)
	case Refused:
		if e.WrongSecret && e.Code == 4 && w.speaking == "" {
			w.step(fmt.Sprintf("connect: {device: %s, wrong_secret: true, code: 4}", w.roles[0].name))
			return true
		}
		answer := fmt.Sprintf("refused with code %d", e.Code)
		if e.Code < 0 {
			answer = "given no answer"
		}
		w.comment("Here it tried to connect and was %s: %s.", answer, strings.ReplaceAll(e.Why, "_", " "))
		return true
	case Subscribed, Unsubscribed:
		return w.subscription(device, e)
	case Published:
		return w.publish(device, e)
	case Received:
		return !w.options.Expect || w.expect(device, e)
	case Disconnected:
		w.step("disconnect: " + device)
		w.speaking = ""
	case Reset:
		w.step(fmt.Sprintf("fault: {device: %s, reset: true}", device))
		w.speaking = ""
	case Vanished, Ended:
		if e.Kind == Ended {
			w.comment("The server ended the connection here: %s.", strings.ReplaceAll(e.Why, "_", " "))
		}
		w.step(fmt.Sprintf("fault: {device: %s, cut: true}", device))
		w.speaking = ""
	default:
		return false
	}
	return true
}

func (w *writer) connect(device string, connection uint64) {
	w.step(fmt.Sprintf("connect: {device: %s}", device))
	w.speaking, w.current = device, connection
}

func (w *writer) subscription(device string, e Event) bool {
	if e.Topic == "" || !utf8.ValidString(e.Topic) {
		return false
	}
	verb, more := "subscribe", ""
	if e.QoS > 0 {
		more = fmt.Sprintf(", qos: %d", e.QoS)
	}
	if e.Denied {
		more += ", refused: true"
	}
	if e.Kind == Unsubscribed {
		verb, more = "unsubscribe", ""
	}
	if e.Before {
		w.comment("It had subscribed before.")
	}
	w.step(fmt.Sprintf("%s: {device: %s, filter: %s%s}", verb, device, quoted(w.said(e.Topic)), more))
	return true
}

func (w *writer) publish(device string, e Event) bool {
	if e.Topic == "" || !utf8.ValidString(e.Topic) {
		return false
	}
	if e.Length > len(e.Payload) {
		w.comment("Of the %d bytes of this payload only the first %d were recorded.", e.Length, len(e.Payload))
		w.note("Some payloads were too long to be recorded whole; a comment stands at each.")
	}
	more := w.content(e.Payload)
	if e.QoS > 0 {
		more += fmt.Sprintf(", qos: %d", e.QoS)
	}
	if e.Retain {
		more += ", retain: true"
	}
	w.step(fmt.Sprintf("publish: {device: %s, topic: %s%s}", device, quoted(w.said(e.Topic)), more))
	return true
}

func (w *writer) expect(device string, e Event) bool {
	if e.Topic == "" || !utf8.ValidString(e.Topic) {
		return false
	}
	levels := strings.Split(e.Topic, "/") // an expectation has a filter: what cannot stand in one is any
	for i, level := range levels {
		if sid := w.recording.DeviceSID; sid != "" && strings.Contains(level, sid) || strings.ContainsAny(level, "+#") {
			levels[i] = "+"
		}
	}
	more := ""
	sid := w.recording.DeviceSID
	switch {
	case e.Length > len(e.Payload), sid != "" && strings.Contains(string(e.Payload), sid):
	case isText(e.Payload):
		more = ", payload: " + quoted(string(e.Payload)) // an empty one as well
	default:
		more = ", base64: " + base64.StdEncoding.EncodeToString(e.Payload)
	}
	within := scenario.DefaultPatience + max(w.due-w.waited, 0).Round(time.Second)
	w.steps++
	fmt.Fprintf(&w.body, "  - expect_message: {device: %s, topic: %s%s, within: %s}\n", device, quoted(strings.Join(levels, "/")), more, within)
	return true
}

// content is the payload of a message or a will.
func (w *writer) content(payload []byte) string {
	switch {
	case len(payload) == 0:
		return ""
	case isText(payload):
		return ", payload: " + quoted(w.said(string(payload)))
	}
	return ", base64: " + base64.StdEncoding.EncodeToString(payload)
}

// said is a text in which the device's SID is that of whoever plays it, and braces stand for themselves.
func (w *writer) said(text string) string {
	text = scenario.Literal(text)
	if sid := w.recording.DeviceSID; sid != "" {
		text = strings.ReplaceAll(text, sid, "{sid}")
	}
	return text
}

// isText reports whether a payload reads well as text.
func isText(payload []byte) bool {
	if !utf8.Valid(payload) {
		return false
	}
	for _, r := range string(payload) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' || r == utf8.RuneError || r == '\u2028' {
			return false
		}
	}
	return true
}
