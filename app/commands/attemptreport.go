package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gatehouse/app/client"
	"gatehouse/app/report"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/inspect"
)

type attemptReport struct {
	oneAttempt
	Format   string `enum:"md,json" default:"md" help:"md for Markdown, or json."`
	Payloads bool   `help:"With the payloads of messages."`
	Output   string `short:"o" placeholder:"FILE" help:"Write it to a file that only you can read, and never over another."`
}

// Help is shown below the flags.
func (r *attemptReport) Help() string {
	return `
A report holds no secret, no private key and no payload of a will; payloads of messages only with --payloads. A client ID that looks
like a secret is masked. What a device chose is escaped, so that it can be pasted anywhere.

Examples:
  gatehouse attempt report 4711
  gatehouse attempt report 4711 --format json -o attempt-4711.json`
}

// Run reports.
func (r *attemptReport) Run(to streams) error {
	return r.on(to, func(ctx context.Context, c call) error {
		_, a, err := r.get(ctx, c)
		if err != nil {
			return err
		}
		source, err := sourceOf(ctx, c, a)
		if err != nil {
			return err
		}
		source.Payloads = r.Payloads
		text := []byte(nil)
		if r.Format == "json" || c.json {
			if text, err = report.JSON(source); err != nil {
				return fmt.Errorf("the report cannot be made: %w", err)
			}
		} else {
			text = []byte(report.Markdown(source))
		}
		switch {
		case r.Output != "":
			if err := writeOwn(r.Output, text); err != nil {
				return err
			}
			c.note("the report was written to %s", visible(r.Output))
			return nil
		case c.json:
			return c.object(text)
		}
		return c.print(string(text))
	})
}

// sourceOf is what the gateway knows about an attempt beside its record. One of an older version knows less.
func sourceOf(ctx context.Context, c call, a attempt.Attempt) (report.Source, error) {
	source := report.Source{Attempt: a}
	text, err := c.AttemptDiagnosis(ctx, a.ID)
	switch {
	case errors.Is(err, client.ErrNotFound):
		return source, nil
	case err != nil:
		return source, about("attempt", fmt.Sprint(a.ID), attemptAdvice, err)
	}
	if err := json.Unmarshal(text, &source); err != nil {
		return source, fmt.Errorf("the diagnosis of attempt %d is not answered as a gateway does: %w; the gateway may be of another version", a.ID, err)
	}
	source.Attempt = a
	return source, nil
}

type attemptPackets struct {
	oneAttempt
	Format   string   `enum:"text,json,raw" default:"text" help:"text, json with one packet a line, or raw: the bytes that came from the device."`
	Payloads bool     `help:"With the payloads of messages."`
	Type     []string `placeholder:"TYPE" help:"Only packets of these types, such as PUBLISH."`
	Topic    string   `placeholder:"TEXT" help:"Only packets with this text in their topic or filter."`
	Text     string   `placeholder:"TEXT" help:"Only packets that hold this text anywhere, or have this packet identifier."`
	ToDevice bool     `help:"Only packets from the gateway to the device."`
}

// Help is shown below the flags.
func (p *attemptPackets) Help() string {
	return `
Passwords and payloads of wills are never shown: they are blanked with stars. Of each packet the first 4 096 bytes are kept.

Examples:
  gatehouse attempt packets 4711
  gatehouse attempt packets 4711 --type PUBLISH,PUBACK --format json`
}

// Run prints the packets.
func (p *attemptPackets) Run(to streams) error {
	return p.on(to, func(ctx context.Context, c call) error {
		_, a, err := p.get(ctx, c)
		if err != nil {
			return err
		}
		query := inspect.Query{Types: p.Type, Topic: p.Topic, Text: p.Text}
		if p.ToDevice {
			query.Direction = inspect.ToDevice
		}
		lines := inspect.Filter(inspect.Lines(a), query)
		if len(lines) == 0 {
			c.note("attempt %d has no such packets", a.ID)
			return nil
		}
		if p.Format == "raw" && !c.json {
			return c.print(string(inspect.Raw(lines, p.ToDevice, p.Payloads)))
		}
		var out strings.Builder
		for _, l := range lines {
			if p.Format != "json" && !c.json {
				out.WriteString(words.Packet(l, p.Payloads) + "\n")
				continue
			}
			text, err := l.JSONLine(p.Payloads)
			if err != nil {
				return fmt.Errorf("packet %d cannot be written: %w", l.Index+1, err)
			}
			out.Write(append(text, '\n'))
		}
		return c.print(out.String())
	})
}
