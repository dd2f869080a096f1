package record

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// mostNotes bounds what is said of what is missing.
const mostNotes = 16

// Tape takes events as they come, within the bounds of a recording. It is not safe for concurrent use.
type Tape struct {
	recording Recording
	bytes     int
	full      string
	hide      []string
}

// NewTape begins a recording of a device. What hide names, such as the secret of a virtual device, is blanked out wherever a
// topic, payload or client id holds it.
func NewTape(name, deviceSID, deviceName string, began time.Time, hide ...string) *Tape {
	hide = slices.DeleteFunc(hide, func(s string) bool { return len(s) < 8 }) // blanking "a" hides nothing
	return &Tape{recording: Recording{Name: name, DeviceSID: deviceSID, DeviceName: deviceName, Began: began, Ended: began}, hide: hide}
}

// Add keeps an event, and reports whether the next one would be kept as well.
func (t *Tape) Add(e Event) (more bool) {
	r := &t.recording
	size := e.size()
	switch {
	case t.full != "":
		return false
	case e.At.Sub(r.Began) > Longest:
		return t.end(fmt.Sprintf("The recording ended by itself after %s.", Longest))
	case len(r.Events) >= MostEvents:
		return t.end(fmt.Sprintf("The recording ended by itself after %d events.", MostEvents))
	case t.bytes+size > MostBytes:
		return t.end(fmt.Sprintf("The recording ended by itself after %d KiB of topics and payloads.", MostBytes>>10))
	}
	t.bytes += size
	t.blank(&e)
	r.Events = append(r.Events, e)
	if e.At.After(r.Ended) {
		r.Ended = e.At
	}
	return true
}

// Wait says what time it is, so that a recording in which nothing happens ends as well, and reports whether it goes on.
func (t *Tape) Wait(now time.Time) (more bool) {
	if t.full != "" {
		return false
	}
	if now.Sub(t.recording.Began) > Longest {
		return t.end(fmt.Sprintf("The recording ended by itself after %s.", Longest))
	}
	return true
}

// size is what counts for MostBytes.
func (e Event) size() int {
	n := len(e.Topic) + len(e.Payload)
	if c := e.Connect; c != nil {
		n += len(c.ClientID)
		if c.Will != nil {
			n += len(c.Will.Topic) + len(c.Will.Payload)
		}
	}
	return n
}

func (t *Tape) end(why string) bool {
	t.full = why
	t.Note(why)
	return false
}

// Full is why nothing more is kept; empty while there is room.
func (t *Tape) Full() string { return t.full }

// Note keeps a sentence about what is missing.
func (t *Tape) Note(text string) {
	r := &t.recording
	if len(r.Notes) < mostNotes && !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

// Recording is what was recorded, in the order of time, until now.
func (t *Tape) Recording(now time.Time) Recording {
	r := t.recording
	r.Events, r.Notes = slices.Clone(r.Events), slices.Clone(r.Notes)
	slices.SortStableFunc(r.Events, func(a, b Event) int { return a.At.Compare(b.At) })
	settle(r.Events)
	if now.After(r.Ended) && t.full == "" {
		r.Ended = now
	}
	return r
}

// late is by how much a server may notice late that a connection is gone.
const late = 250 * time.Millisecond

// settle puts the end of a connection before the device's next attempt, when the server noticed it only then: a device has one connection at a time.
func settle(events []Event) {
	for i, e := range events {
		if e.Kind != Vanished && e.Kind != Reset {
			continue
		}
		j := i
		for j > 0 && (events[j-1].Kind == Connected || events[j-1].Kind == Refused) && events[j-1].Connection > e.Connection && e.At.Sub(events[j-1].At) < late {
			j--
		}
		if j < i {
			e.At = events[j].At
			copy(events[j+1:i+1], events[j:i])
			events[j] = e
		}
	}
}

// Len is how many events there are.
func (t *Tape) Len() int { return len(t.recording.Events) }

const blanked = "•••"

const blankedNote = "The device sent its own secret in a message; it is left out."

// blank takes the device's secret out of an event.
func (t *Tape) blank(e *Event) {
	for _, secret := range t.hide {
		text := func(s *string) {
			if strings.Contains(*s, secret) {
				*s = strings.ReplaceAll(*s, secret, blanked)
				t.Note(blankedNote)
			}
		}
		content := func(b *[]byte) {
			if bytes.Contains(*b, []byte(secret)) {
				*b = bytes.ReplaceAll(*b, []byte(secret), []byte(blanked))
				t.Note(blankedNote)
			}
		}
		text(&e.Topic)
		content(&e.Payload)
		if e.Length > 0 {
			e.Payload = t.withoutPart(e.Payload, secret)
		}
		if e.Connect == nil {
			continue
		}
		c := *e.Connect
		text(&c.ClientID)
		if c.Will != nil {
			w := *c.Will
			text(&w.Topic)
			content(&w.Payload)
			c.Will = &w
		}
		e.Connect = &c
	}
}

// withoutPart takes the beginning of a secret off the end of a payload that was cut there.
func (t *Tape) withoutPart(cut []byte, secret string) []byte {
	for n := min(len(secret), len(cut)); n > 0; n-- {
		if bytes.HasSuffix(cut, []byte(secret[:n])) {
			if n >= 8 { // fewer may stand there by chance
				t.Note(blankedNote)
			}
			return cut[:len(cut)-n]
		}
	}
	return cut
}
