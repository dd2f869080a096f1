package report

import (
	"encoding/hex"
	"fmt"

	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/inspect"
)

// prepared is a source after its redaction.
type prepared struct {
	Source                        // its attempt has no steps and packets beyond the bounds
	lines          []inspect.Line // of its packets, not redacted yet
	steps, packets int            // that there were
}

// prepare redacts a source, as far as that does not depend on how long the report may be.
func prepare(s Source) prepared {
	p := prepared{Source: s, steps: len(s.Attempt.Steps), packets: len(s.Attempt.Packets)}
	p.Attempt.Packets = s.Attempt.Packets[:min(p.packets, mostPackets)]
	p.Attempt.Steps = s.Attempt.Steps[:min(p.steps, mostSteps)]
	p.lines = inspect.Lines(p.Attempt)
	p.Attempt = redacted(p.Attempt)
	return p
}

// build brings it in order, within limits.
func (s prepared) build(l limits) document {
	t, a := texts{l.text}, s.Attempt
	d := document{
		Report: "gatehouse attempt", Version: 1, Gateway: gatewayOf(s.Gateway, t), Attempt: subjectOf(a, t), Verdict: explained(a, t),
		Timeline: []step{}, Comparison: comparisonOf(s.Comparison, t),
		Redacted: []string{"secrets", "private keys", "payloads of wills"},
	}
	if !s.Payloads {
		d.Redacted = append(d.Redacted, "payloads of messages")
	}
	if s.Now != nil {
		d.WouldPass = t.of(words.Outcome(*s.Now, a))
	}
	for _, st := range a.Steps[:min(len(a.Steps), l.steps)] {
		d.Timeline = append(d.Timeline, stepOf(st, a, t))
	}
	d.cut("%s of the timeline", s.steps-len(d.Timeline), "step", "steps")
	for _, f := range s.Findings[:min(len(s.Findings), l.findings)] {
		d.Findings = append(d.Findings, findingOf(f, t))
	}
	d.cut("%s", len(s.Findings)-len(d.Findings), "finding", "findings")
	for _, line := range s.lines[:min(len(s.lines), l.packets)] {
		d.Packets = append(d.Packets, packetOf(line, s.Payloads, l, t))
	}
	d.cut("%s", s.packets-len(d.Packets), "packet", "packets")
	if l.text < fullText {
		d.Cut = append(d.Cut, fmt.Sprintf("what is longer than %d bytes", l.text))
	}
	return d
}

func (d *document) cut(format string, n int, one, many string) {
	if n > 0 {
		d.Cut = append(d.Cut, fmt.Sprintf(format, words.Count(n, one, many)))
	}
}

func gatewayOf(g Gateway, t texts) Gateway {
	names := make([]string, 0, mostNames)
	for _, name := range g.ServerNames[:min(len(g.ServerNames), mostNames)] {
		names = append(names, t.of(name))
	}
	return Gateway{Version: t.of(g.Version), TLS: t.of(g.TLS), ServerNames: names}
}

func subjectOf(a attempt.Attempt, t texts) subject {
	return subject{
		ID: a.ID, At: a.At.UTC(), Remote: t.of(a.Remote), Local: t.of(a.Local), DeviceSID: t.of(a.DeviceSID), DeviceName: t.of(a.DeviceName),
		CredentialSID: t.of(a.CredentialSID), Thumbprint: t.of(a.Thumbprint), PresentedUser: t.of(a.PresentedUser), ServiceSID: t.of(a.ServiceSID),
		ClientID: t.of(a.ClientID), ServerName: t.of(a.ServerName), Server: t.of(a.Server), TookOver: t.of(a.TookOver), Live: a.Live, Total: a.Total,
	}
}

func stepOf(s attempt.Step, a attempt.Attempt, t texts) step {
	title, detail := words.Step(s, a)
	out := step{Offset: s.Offset, Kind: s.Kind, State: stateNames[s.State], Title: t.of(title), Detail: t.of(detail)}
	s.Facts = s.Facts[:min(len(s.Facts), mostFacts)]
	for _, f := range s.Facts {
		out.Facts = append(out.Facts, attempt.Fact{Name: t.of(f.Name), Value: t.of(f.Value)})
	}
	for _, f := range words.Facts(s) {
		out.named = append(out.named, [2]string{t.of(f[0]), t.of(f[1])})
	}
	return out
}

func comparisonOf(c diagnosis.Comparison, t texts) *comparison {
	if c.By == "" && len(c.Rows) == 0 && len(c.Clues) == 0 {
		return nil
	}
	out := &comparison{By: c.By, EnrolledSID: c.EnrolledSID, DeviceSID: c.DeviceSID, FleetSID: c.FleetSID}
	for _, r := range c.Rows[:min(len(c.Rows), mostRows)] {
		out.Rows = append(out.Rows, row{Name: t.of(r.Name), Presented: t.of(r.Presented), Enrolled: t.of(r.Enrolled), Same: r.Same, Known: r.Known})
	}
	for _, clue := range c.Clues[:min(len(c.Clues), mostClues)] {
		out.Clues = append(out.Clues, t.of(masked(words.Clue(clue)))) // it may name a client ID
	}
	return out
}

func findingOf(f finding.Finding, t texts) found {
	w := words.Finding(f)
	return found{
		Kind: f.Kind, Title: t.of(masked(w.Title)), Evidence: t.of(masked(w.Evidence)), Advice: t.of(w.Advice), Count: f.Count,
		First: f.First.UTC(), Last: f.Last.UTC(), Attempts: f.Attempts,
	}
}

func packetOf(line inspect.Line, payloads bool, l limits, t texts) packet {
	hideClientID(&line)
	out := packet{
		Index: line.Index, Offset: line.Offset, Outbound: line.Outbound, Summary: t.of(line.Packet.Summary), Length: line.Length,
		Recorded: len(line.Bytes), Problem: t.of(line.Packet.Problem),
	}
	if line.Packet.Problem != "" {
		out.ProblemAt = &line.Packet.ProblemAt
	}
	for i, f := range line.Packet.Fields {
		if i == l.packetFields {
			break
		}
		out.Fields = append(out.Fields, field{f.Name, t.of(f.Shown(payloads)), f.Offset, f.Length, f.Depth})
	}
	bytes := line.Blank(payloads)
	out.Bytes = hex.EncodeToString(bytes[:min(len(bytes), l.text/2)])
	return out
}

// hideClientID hides one that looks like a secret.
func hideClientID(line *inspect.Line) {
	fields := append([]inspect.Field(nil), line.Packet.Fields...)
	for i, f := range fields {
		if f.Name == inspect.ClientIdentifier && masked(f.Value) != f.Value {
			fields[i].Hidden = true
			line.Packet.Summary = line.Packet.Type
		}
	}
	line.Packet.Fields = fields
}
