// Package report writes a connection attempt down for somebody else: as Markdown to be pasted into a ticket, or as JSON.
//
// A report is redacted and safe to paste. It holds no secret, no private key, no payload of a will ever, and the payloads of
// messages only when they are asked for; topics, names and certificates stay, a client ID stays unless it looks like a
// secret. Nothing that came from a device can break out of the Markdown around it. A report is at most MaxBytes long, says
// what it leaves out, and the same Source makes the same report.
//
// It is pure: it reads nothing but its Source. Its words are those of package words.
package report

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/finding"
)

// MaxBytes bounds a report in either format.
const MaxBytes = 256 << 10

// Gateway is what a report says of the gateway that recorded the attempt.
type Gateway struct {
	Version     string   `json:"version,omitempty"`
	TLS         string   `json:"tls,omitempty"` // versions: "TLS 1.2 and 1.3"
	ServerNames []string `json:"server_names,omitempty"`
}

// Source is all that a report is made of. What is left at its zero value is left out.
type Source struct {
	Attempt    attempt.Attempt
	Comparison diagnosis.Comparison
	// Now says whether the attempt would pass now; nil: not known.
	Now      *diagnosis.Outcome
	Findings []finding.Finding // those that the attempt is evidence of
	Gateway  Gateway
	Payloads bool // with the payloads of messages
}

// ProvedBy leaves those findings that an attempt is evidence of, by its number.
func ProvedBy(id uint64, all []finding.Finding) (proved []finding.Finding) {
	for _, f := range all {
		if slices.Contains(f.Attempts, id) {
			proved = append(proved, f)
		}
	}
	return proved
}

// Markdown is the report for people.
func Markdown(s Source) string {
	var text string
	p := prepare(s)
	p.fit(func(l limits) int {
		text = markdown(p.build(l))
		return len(text)
	})
	return text
}

// JSON is the report for programs, indented, with a line end. Names and structure only ever gain.
func JSON(s Source) ([]byte, error) {
	var text []byte
	var err error
	p := prepare(s)
	p.fit(func(l limits) int {
		var out strings.Builder
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(p.build(l))
		text = []byte(out.String())
		return len(text)
	})
	return text, err
}

// limits bound the parts of a report.
type limits struct {
	packets, packetFields int
	steps, findings       int
	text                  int // bytes of a single text
}

// What else there may be many of, and is never more than a few in truth.
const (
	fullText    = 4 << 10
	mostPackets = 64
	mostSteps   = 256
	mostNames   = 32
	mostRows    = 32
	mostClues   = 16
	mostFacts   = 32 // of a step
)

// fit makes a report with narrower and narrower limits until it is short enough. Limits with which it cannot be are not tried.
func (s prepared) fit(make func(limits) int) {
	l := limits{packets: mostPackets, packetFields: 128, steps: mostSteps, findings: 16, text: fullText}
	for l.text > 16 && (s.least(l) > MaxBytes || make(l) > MaxBytes) {
		switch {
		case l.packets > 0:
			l.packets, l.packetFields, l.text = l.packets/4, 32, l.text/2
		default:
			l.text, l.steps, l.findings = l.text/4, max(l.steps/2, 16), max(l.findings/2, 2)
		}
	}
	if l.text <= 16 {
		make(l)
	}
}

// least is how many bytes the facts of the timeline take, which are most of it.
func (s prepared) least(l limits) (n int) {
	for _, st := range s.Attempt.Steps[:min(len(s.Attempt.Steps), l.steps)] {
		for _, f := range st.Facts[:min(len(st.Facts), mostFacts)] {
			n += min(len(f.Value), l.text)
		}
	}
	return n
}

// document is a report before it is written: redacted, bounded, in a fixed order.
type document struct {
	Report     string      `json:"report"` // "gatehouse attempt"
	Version    int         `json:"version"`
	Gateway    Gateway     `json:"gateway,omitzero"`
	Attempt    subject     `json:"attempt"`
	Verdict    verdict     `json:"verdict"`
	WouldPass  string      `json:"would_pass_now,omitempty"`
	Timeline   []step      `json:"timeline"`
	Comparison *comparison `json:"comparison,omitempty"`
	Findings   []found     `json:"findings,omitempty"`
	Packets    []packet    `json:"packets,omitempty"`
	Redacted   []string    `json:"redacted"` // what is left out for safety
	Cut        []string    `json:"cut,omitempty"`
}

type subject struct {
	ID            uint64        `json:"id"`
	At            time.Time     `json:"at"`
	Remote        string        `json:"remote"`
	Local         string        `json:"local"`
	DeviceSID     string        `json:"device_sid,omitempty"`
	DeviceName    string        `json:"device_name,omitempty"`
	CredentialSID string        `json:"credential_sid,omitempty"`
	Thumbprint    string        `json:"thumbprint,omitempty"`
	PresentedUser string        `json:"presented_user,omitempty"`
	ServiceSID    string        `json:"service_sid,omitempty"`
	ClientID      string        `json:"client_id,omitempty"`
	ServerName    string        `json:"server_name,omitempty"`
	Server        string        `json:"server,omitempty"`
	TookOver      string        `json:"took_over,omitempty"`
	Live          bool          `json:"live"`
	Total         time.Duration `json:"total_ns"`
}

type verdict struct {
	Code    attempt.Code `json:"code"`
	Label   string       `json:"-"`
	Name    string       `json:"name"`
	Cause   cause.ID     `json:"cause,omitempty"`
	Also    []cause.ID   `json:"also,omitempty"`
	End     cause.ID     `json:"end,omitempty"`
	Because string       `json:"because"`
	More    string       `json:"more,omitempty"`
	Advice  string       `json:"advice,omitempty"`
	Retry   string       `json:"retry,omitempty"`
}

type step struct {
	Offset time.Duration  `json:"offset_ns"`
	Kind   attempt.Kind   `json:"kind"`
	State  string         `json:"state"`
	Title  string         `json:"title"`
	Detail string         `json:"detail,omitempty"`
	Facts  []attempt.Fact `json:"facts,omitempty"`
	named  [][2]string    // the facts with names for people
}

type comparison struct {
	By          string   `json:"by"`
	EnrolledSID string   `json:"enrolled_sid,omitempty"`
	DeviceSID   string   `json:"device_sid,omitempty"`
	FleetSID    string   `json:"fleet_sid,omitempty"`
	Rows        []row    `json:"rows,omitempty"`
	Clues       []string `json:"clues,omitempty"`
}

type row struct {
	Name      string `json:"name"`
	Presented string `json:"presented,omitempty"`
	Enrolled  string `json:"enrolled,omitempty"`
	Same      bool   `json:"same"`
	Known     bool   `json:"known"`
}

type found struct {
	Kind     cause.ID  `json:"kind"`
	Title    string    `json:"title"`
	Evidence string    `json:"evidence,omitempty"`
	Advice   string    `json:"advice,omitempty"`
	Count    int       `json:"count"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Attempts []uint64  `json:"attempts,omitempty"`
}

type packet struct {
	Index     int           `json:"index"`
	Offset    time.Duration `json:"offset_ns"`
	Outbound  bool          `json:"outbound"`
	Summary   string        `json:"summary"`
	Length    int           `json:"length"`
	Recorded  int           `json:"recorded"`
	Problem   string        `json:"problem,omitempty"`
	ProblemAt *int          `json:"problem_at,omitempty"`
	Fields    []field       `json:"fields,omitempty"`
	Bytes     string        `json:"bytes,omitempty"` // hex
}

type field struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	Depth  int    `json:"depth,omitempty"`
}

var stateNames = map[attempt.State]string{attempt.Good: "good", attempt.Warn: "warning", attempt.Bad: "bad"}

// explained words the verdict.
func explained(a attempt.Attempt, t texts) verdict {
	e := words.Explain(a)
	return verdict{
		Code: a.Code, Label: words.CodeLabel(a.Code), Name: e.Name, Cause: a.Cause, Also: a.Also, End: a.End,
		Because: t.of(e.Cause), More: t.of(e.More), Advice: t.of(e.Advice), Retry: words.Retry(a.Code),
	}
}
