package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"gatehouse/app/client"
	"gatehouse/gateway"
)

// remote is what all commands on a running gateway share.
type remote struct {
	Data string `placeholder:"DIR" help:"Data folder of the running gateway. By default that of gatehouse serve."`
	HTTP string `name:"http" placeholder:"URL" help:"A gateway's HTTP address instead; account and token are taken from GATEHOUSE_ACCOUNT_SID and GATEHOUSE_AUTH_TOKEN."`
	Root string `placeholder:"FILE" help:"The gateway's root.pem, to trust it over https."`
	JSON bool   `name:"json" help:"Print one JSON object a line, as the HTTP API has it."`
}

// usageError is a call that the parser could not see to be wrong.
type usageError struct{ said string }

func (e *usageError) Error() string { return e.said }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// call is one command's connection to the gateway, and where it prints.
type call struct {
	*client.Client
	streams
	json bool
}

// on runs a command on the gateway until it is done or interrupted.
func (r remote) on(to streams, do func(context.Context, call) error) error {
	p, err := r.gateway()
	if err != nil {
		return err
	}
	c, err := client.New(p)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return do(ctx, call{c, to, r.JSON})
}

// gateway finds out which gateway is meant.
func (r remote) gateway() (client.Params, error) {
	if r.HTTP != "" {
		if r.Data != "" {
			return client.Params{}, usage("--data and --http both say where the gateway is; give one of them")
		}
		return client.Named(r.HTTP, r.Root, os.Getenv)
	}
	dir := r.Data
	if dir == "" {
		var err error
		if dir, err = gateway.DefaultDataDir(); err != nil {
			return client.Params{}, err
		}
	}
	p, err := client.Find(dir)
	if r.Root != "" {
		p.RootFile = r.Root
	}
	return p, err
}

// object prints one of the API's objects as a line of JSON.
func (c call) object(text json.RawMessage) error {
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return fmt.Errorf("the gateway's answer is not JSON: %w", err)
	}
	line.WriteByte('\n')
	return c.print(line.String())
}

func (c call) print(text string) error {
	if _, err := c.out.Write([]byte(text)); err != nil {
		return fmt.Errorf("the answer cannot be printed: %w", err)
	}
	return nil
}

func (c call) printf(format string, args ...any) error { return c.print(fmt.Sprintf(format, args...)) }

// note says something beside the answer.
func (c call) note(format string, args ...any) {
	fmt.Fprintf(c.err, "gatehouse: "+format+"\n", args...)
}

// table prints rows for people, with a head; none is what to say when there are none.
func (c call) table(head []string, rows [][]string, none string) error {
	if len(rows) == 0 {
		c.note("%s", none)
		return nil
	}
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			row[i] = visible(cell)
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	// A line ends with its last character, not with the spaces that would align a further column.
	lines := strings.SplitAfter(text.String(), "\n")
	for i, line := range lines {
		if strings.HasSuffix(line, "\n") {
			lines[i] = strings.TrimRight(line, " \n") + "\n"
		}
	}
	return c.print(strings.Join(lines, ""))
}

// visible is a text that cannot move the cursor or break a table: names come from devices and scripts.
func visible(s string) string {
	if s == "" {
		return "–"
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069' {
			return '·'
		}
		return c
	}, s)
}

// moment is a time for people, where they are.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// confirm asks before something is lost. Without a person at the terminal it refuses.
func (c call) confirm(ctx context.Context, yes bool, question string) error {
	switch {
	case yes:
		return nil
	case !c.terminal:
		return usage("%s; nobody can be asked, since standard input is not a terminal: add --yes to go on", strings.TrimSuffix(question, "."))
	}
	fmt.Fprintf(c.err, "%s\nGo on? [y/N] ", question)
	answers := make(chan string, 1)
	go func() { // a read from a terminal cannot be interrupted; it ends with the process
		answer, _ := bufio.NewReader(c.in).ReadString('\n') // the end of input is a no
		answers <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
		return errors.New("nothing was removed, as you said")
	case <-ctx.Done():
		fmt.Fprintln(c.err)
		return fmt.Errorf("nothing was removed: %w", ctx.Err())
	}
}

// isTerminal reports whether a person answers on a file.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
