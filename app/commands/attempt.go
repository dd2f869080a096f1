package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/client"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

type attemptCommands struct {
	List    attemptList    `cmd:"" help:"List connection attempts, newest last."`
	Show    attemptShow    `cmd:"" help:"Show how one went, step by step, and what to do about it."`
	Report  attemptReport  `cmd:"" help:"Write one down for a ticket, without secrets."`
	Packets attemptPackets `cmd:"" help:"Show the packets of one, field by field."`
}

const attemptAdvice = "see gatehouse attempt list; the oldest attempts are forgotten"

type attemptList struct {
	remote
	Code       []string `placeholder:"CODE" help:"Only these return codes, 0 to 5; also none, tls and tcp for those that ended before one."`
	Cause      string   `placeholder:"CAUSE" help:"Only this cause, such as wrong_secret; docs/causes.md has them all."`
	Device     string   `placeholder:"DEVICE" help:"Only this device, by unique name or SID."`
	Credential string   `placeholder:"SID" help:"Only this key or certificate."`
	Remote     string   `placeholder:"ADDRESS" help:"Only this address, with or without its port."`
	ServerName string   `placeholder:"NAME" help:"Only those that called the gateway by this name (SNI)."`
	Text       string   `placeholder:"TEXT" help:"Only those that hold this text."`
	Since      string   `placeholder:"TIME" help:"Only later ones: 10m, 24h, or a time like 2026-03-01T12:00:00Z."`
	Until      string   `placeholder:"TIME" help:"Only earlier ones."`
	Live       bool     `help:"Only those that are connected now."`
	Limit      int      `default:"50" placeholder:"N" help:"At most so many, the newest; by default 50."`
	Follow     bool     `short:"f" help:"Go on and print each attempt when it is decided, until interrupted."`
}

// Help is shown below the flags.
func (l *attemptList) Help() string {
	return `
Examples:
  gatehouse attempt list --since 10m
  gatehouse attempt list --code 4,5 --device lamp
  gatehouse attempt list --follow --json`
}

// Run lists.
func (l *attemptList) Run(to streams) error {
	q, err := l.query(time.Now())
	if err != nil {
		return err
	}
	return l.on(to, func(ctx context.Context, c call) error {
		if l.Device != "" {
			if q.DeviceSID, err = deviceSID(ctx, c, l.Device); err != nil {
				return err
			}
		}
		if l.Follow {
			err := l.follow(ctx, c, q)
			if errors.Is(err, context.Canceled) && ctx.Err() != nil {
				return nil // as the user wished
			}
			return err
		}
		got, err := c.Attempts(ctx, q)
		if err != nil {
			return err
		}
		if err := l.print(c, got); err != nil || c.json {
			return err
		}
		record, err := c.AttemptRecord(ctx)
		if lacks := words.RecordLacks(record.Damaged, record.Lost, record.Unwritable); lacks != "" && err == nil {
			c.note("%s", lacks)
		}
		return err
	})
}

// deviceSID is that of a device; one that was deleted can be named by its SID alone.
func deviceSID(ctx context.Context, c call, device string) (string, error) {
	d, err := inFleet{}.device(ctx, c, device)
	switch {
	case err == nil:
		return d.SID, nil
	case errors.Is(err, client.ErrNotFound) && sidForm.MatchString(device):
		return device, nil
	}
	return "", err
}

const maxListed = 10_000

func (l *attemptList) query(now time.Time) (q client.AttemptQuery, err error) {
	if l.Limit < 1 || l.Limit > maxListed {
		return q, usage("--limit %d: write a number from 1 to %d", l.Limit, maxListed)
	}
	q = client.AttemptQuery{Cause: l.Cause, Credential: l.Credential, Remote: l.Remote, ServerName: l.ServerName, Text: l.Text, OnlyLive: l.Live, Limit: l.Limit}
	for _, text := range l.Code {
		code, err := parseCode(text)
		if err != nil {
			return q, err
		}
		q.Codes = append(q.Codes, int(code))
	}
	if q.Since, err = parseTime("--since", l.Since, now); err != nil {
		return q, err
	}
	q.Until, err = parseTime("--until", l.Until, now)
	return q, err
}

// parseCode reads a return code, or the name of an end without one.
func parseCode(text string) (attempt.Code, error) {
	switch strings.ToLower(text) {
	case "none", "mqtt":
		return attempt.NoAnswer, nil
	case "tls":
		return attempt.TLS, nil
	case "tcp":
		return attempt.TCP, nil
	}
	code, err := strconv.Atoi(text)
	if err != nil || code < 0 || code > 5 {
		return 0, usage("--code %q: write 0 to 5, none, tls or tcp", text)
	}
	return attempt.Code(code), nil
}

// parseTime reads a time, or how long ago it was.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usage("%s %q: write how long ago, such as 10m or 24h, or a time such as 2026-03-01T12:00:00Z", flag, text)
}

// print lists attempts, the newest last, where the eye is.
func (l *attemptList) print(c call, newestFirst []client.Attempt) error {
	var rows [][]string
	for i := len(newestFirst) - 1; i >= 0; i-- {
		one := newestFirst[i]
		if c.json {
			if err := c.object(one.JSON); err != nil {
				return err
			}
			continue
		}
		a, err := whole(one)
		if err != nil {
			return err
		}
		rows = append(rows, attemptRow(a))
	}
	if c.json {
		return nil
	}
	if err := c.table([]string{"ID", "AT", "CODE", "DEVICE", "WHY", "FROM"}, rows, "there are no such attempts"); err != nil {
		return err
	}
	if len(rows) == l.Limit && !l.Follow {
		c.note("there may be more than these %d; see them with --limit", l.Limit)
	}
	return nil
}

func attemptRow(a attempt.Attempt) []string {
	return []string{
		strconv.FormatUint(a.ID, 10), moment(a.At), words.CodeLabel(a.Code), whoTried(a), words.Explain(a).Short, a.Remote,
	}
}

// whoTried names the device of an attempt, or what it called itself.
func whoTried(a attempt.Attempt) string {
	switch {
	case a.DeviceName != "":
		return a.DeviceName
	case a.DeviceSID != "":
		return a.DeviceSID
	case a.ClientID != "":
		return "“" + a.ClientID + "”"
	}
	return ""
}

// whole reads an attempt from what the gateway answered.
func whole(one client.Attempt) (a attempt.Attempt, err error) {
	if err := json.Unmarshal(one.JSON, &a); err != nil {
		return a, fmt.Errorf("attempt %d is not answered as a gateway does: %w; the gateway may be of another version", one.ID, err)
	}
	return a, nil
}

// followEvery is how often the gateway is asked for what is new.
const followEvery = 500 * time.Millisecond

// follow prints attempts once each, when they are decided.
func (l *attemptList) follow(ctx context.Context, c call, q client.AttemptQuery) error {
	got, err := c.Attempts(ctx, q)
	if err != nil {
		return err
	}
	f := following{printed: map[uint64]bool{}}
	if err := l.print(c, f.decided(got)); err != nil {
		return err
	}
	c.note("waiting for attempts; Ctrl+C ends it")
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
		q.Since, q.Limit = f.since(q.Since), maxListed
		if got, err = c.Attempts(ctx, q); err != nil {
			return err
		}
		fresh := f.decided(got)
		for i := len(fresh) - 1; i >= 0; i-- {
			if err := l.line(c, fresh[i]); err != nil {
				return err
			}
		}
	}
}

// line prints an attempt that has just been decided.
func (l *attemptList) line(c call, one client.Attempt) error {
	if c.json {
		return c.object(one.JSON)
	}
	a, err := whole(one)
	if err != nil {
		return err
	}
	row := attemptRow(a)
	for i := range row {
		row[i] = visible(row[i])
	}
	return c.print(strings.Join(row, "  ") + "\n")
}

// following is what has been printed of the attempts that go on.
type following struct {
	printed map[uint64]bool // of those that are not older than from
	from    time.Time       // when the oldest attempt began that is not decided yet, or the newest of all
}

// decided are those of a page, newest first, that were decided and not printed before.
func (f *following) decided(page []client.Attempt) (fresh []client.Attempt) {
	pending := int(attempt.Pending)
	for _, a := range page {
		if a.Code != pending && !f.printed[a.ID] {
			fresh = append(fresh, a)
		}
	}
	if len(page) > 0 {
		f.from = page[0].At
	}
	seen := map[uint64]bool{}
	for _, a := range page { // newest first: the last that is not decided is the oldest
		if a.Code == pending {
			f.from = a.At
		} else {
			seen[a.ID] = true
		}
	}
	if len(page) > 0 {
		f.printed = seen
	}
	return fresh
}

// since is from when on to ask again.
func (f *following) since(asked time.Time) time.Time {
	if f.from.After(asked) {
		return f.from
	}
	return asked
}

type oneAttempt struct {
	remote
	ID uint64 `arg:"" help:"Number of the attempt."`
}

// get is the attempt with everything.
func (o oneAttempt) get(ctx context.Context, c call) (client.Attempt, attempt.Attempt, error) {
	id := strconv.FormatUint(o.ID, 10)
	got, err := c.Attempt(ctx, o.ID)
	if err != nil {
		return got, attempt.Attempt{}, about("attempt", id, attemptAdvice, err)
	}
	a, err := whole(got)
	return got, a, err
}

type attemptShow struct {
	oneAttempt
	Facts bool `help:"With everything that is known of each step."`
}

// Run shows.
func (s *attemptShow) Run(to streams) error {
	return s.on(to, func(ctx context.Context, c call) error {
		got, a, err := s.get(ctx, c)
		switch {
		case err != nil:
			return err
		case c.json:
			return c.object(got.JSON)
		}
		return c.print(timelineText(a, s.Facts))
	})
}

var marks = map[attempt.State]string{attempt.Good: "✓", attempt.Warn: "!", attempt.Bad: "✗"}

// timelineText is an attempt as the window shows it.
func timelineText(a attempt.Attempt, facts bool) string {
	e := words.Explain(a)
	var out strings.Builder
	line := func(format string, args ...any) {
		out.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
	}
	line("Attempt %d: %s %s", a.ID, words.CodeLabel(a.Code), e.Name)
	line("%s from %s to %s", moment(a.At), visible(a.Remote), visible(a.Local))
	line("")
	line("%s", visible(strings.TrimSpace(e.Cause+" "+e.More)))
	if e.Advice != "" {
		line("%s", visible(e.Advice))
	}
	line("")
	for _, s := range a.Steps {
		title, detail := words.Step(s, a)
		text := visible(title)
		if detail != "" {
			text += "  " + visible(detail)
		}
		line("%8s  %s  %s", words.Offset(s.Offset), marks[s.State], text)
		if !facts {
			continue
		}
		for _, f := range words.Facts(s) {
			line("%14s%s: %s", "", visible(f[0]), visible(f[1]))
		}
	}
	return out.String()
}
