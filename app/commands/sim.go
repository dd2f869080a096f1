package commands

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gatehouse/app/story"
	"gatehouse/sim/scenario"
)

type simCommands struct {
	Run    simRun    `cmd:"" help:"Play a scenario; it holds when every expectation did."`
	List   simList   `cmd:"" help:"List the scenarios that come with the program."`
	Show   simShow   `cmd:"" help:"Print one of them, as a beginning for your own."`
	Fleet  simFleet  `cmd:"" help:"Run many devices of one kind."`
	Kinds  simKinds  `cmd:"" help:"List the ready-made kinds of device, or print one."`
	Schema simSchema `cmd:"" help:"Print the JSON Schema of scenarios, for an editor's completion."`
}

type simRun struct {
	Scenario string `arg:"" help:"A file, or the name of a scenario that comes with the program."`
	JSON     bool   `name:"json" help:"Print one JSON object for each step as it ends, and one for the whole."`
	JUnit    string `name:"junit" placeholder:"FILE" help:"Also write the outcome for a CI server."`
	Target   string `placeholder:"URL" help:"Play against this MQTT server, mqtts://HOST:PORT, instead of a gateway of its own; only for scenarios that need no gateway."`
	CA       string `name:"ca" placeholder:"FILE" help:"The root certificate of that server's authority. Without it, those that this machine trusts."`
	User     string `placeholder:"NAME" help:"With --target, the user name that all its devices send."`
	Password string `name:"password-file" placeholder:"FILE" help:"A file with the password that they send, or - for standard input."`
	Cert     string `placeholder:"FILE" help:"With --target, the certificate that all its devices present: PEM, with its chain."`
	Key      string `placeholder:"FILE" help:"Its private key: PEM."`
}

// Help is shown below the flags.
func (c *simRun) Help() string {
	return `Without a target a gateway of its own is started on a free port, in a folder that is removed afterwards. A scenario
that needs a gateway's registry or its return codes says so, and is not begun on another server.

The exit code is 0 only when every expectation held, 1 when one did not, and 2 for a file with a mistake, which is not begun.

Examples:
  gatehouse sim run return-codes
  gatehouse sim run night-shift.yaml --junit report.xml
  gatehouse sim run telemetry.yaml --target mqtts://broker.example:8883 --ca root.pem`
}

// Run plays.
func (c *simRun) Run(to streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if c.Target == "" && c.CA+c.User+c.Password+c.Cert+c.Key != "" {
		return usage("--ca, --user, --password-file, --cert and --key are for another server: name it with --target")
	}
	s, err := readScenario(c.Scenario)
	if err != nil {
		return err
	}
	tell := playbill{to: to.out, json: c.JSON}
	var result scenario.Result
	if c.Target == "" {
		result, err = playAlone(ctx, s, tell)
	} else {
		result, err = c.playElsewhere(ctx, s, to, tell)
	}
	if err != nil {
		return err
	}
	tell.end(result)
	if c.JUnit != "" {
		if err := writeJUnit(c.JUnit, result); err != nil {
			return err
		}
	}
	if !result.Held {
		return &exitError{ExitFailure}
	}
	return nil
}

// readScenario reads a file, or a scenario that comes with the program.
func readScenario(name string) (*scenario.Scenario, error) {
	content, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		ready, unreadable := story.All()
		if unreadable != nil {
			return nil, unreadable
		}
		var known []string
		for _, r := range ready {
			if r.ID == name {
				return r.Scenario, nil
			}
			known = append(known, r.ID)
		}
		return nil, usage("there is no file %s, and no scenario of that name; there are %s", name, strings.Join(known, ", "))
	}
	if err != nil {
		return nil, usage("the scenario cannot be read: %v", err)
	}
	s, mistakes := scenario.Parse(content, func(file string) ([]byte, error) { return readBeside(name, file) })
	if len(mistakes) > 0 {
		lines := make([]string, len(mistakes))
		for i, m := range mistakes {
			lines[i] = m.Error()
		}
		return nil, usage("%s was not begun; %s", name, strings.Join(lines, "; "))
	}
	return s, nil
}

// readBeside reads a file that a scenario names, from the scenario's own folder only.
func readBeside(scenarioFile, name string) ([]byte, error) {
	folder, err := os.OpenRoot(filepath.Dir(scenarioFile))
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxBeside+1))
	if err == nil && len(content) > maxBeside {
		err = fmt.Errorf("%s is larger than 16 MiB", name)
	}
	return content, err
}

const maxBeside = 16 << 20

func playAlone(ctx context.Context, s *scenario.Scenario, tell playbill) (result scenario.Result, err error) {
	g, err := story.NewThrowaway()
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return story.Play(ctx, g.Gateway, s, scenario.Params{Told: tell.event})
}

func (c *simRun) playElsewhere(ctx context.Context, s *scenario.Scenario, to streams, tell playbill) (scenario.Result, error) {
	if where, why := s.NeedsGateway(); why != "" {
		return scenario.Result{}, usage("the scenario was not begun; it needs a gateway, because of %s: %s; leave --target out", where, why)
	}
	world := scenario.Plain{URL: c.Target}
	world.Credential.KeySID = c.User
	var secret []byte
	for _, f := range []struct {
		what, path string
		into       *[]byte
	}{
		{"the root certificate", c.CA, &world.RootPEM}, {"the certificate", c.Cert, &world.Credential.CertPEM},
		{"the private key", c.Key, &world.Credential.KeyPEM}, {"the password", c.Password, &secret},
	} {
		if f.path == "" {
			continue
		}
		content, err := readBounded(f.path, to.in)
		if err != nil {
			return scenario.Result{}, usage("%s cannot be read: %v", f.what, err)
		}
		*f.into = content
	}
	world.Credential.Secret = strings.TrimRight(string(secret), "\r\n")
	return scenario.Run(ctx, s, scenario.Params{World: world, Told: tell.event}), nil
}

// playbill prints how a scenario goes.
type playbill struct {
	to   io.Writer
	json bool
}

var outcomeMarks = map[scenario.Outcome]string{scenario.Held: "✓", scenario.Broken: "✗", scenario.Skipped: "–"}

// event prints the end of a step. Of a list only what is in it is printed, unless it breaks.
func (p playbill) event(e scenario.Event) {
	if e.Outcome == scenario.Running {
		return
	}
	if p.json {
		_ = json.NewEncoder(p.to).Encode(stepLine{"step", e.Path, e.Title, e.Round, e.Outcome, milliseconds(e.At), milliseconds(e.Took), e.Why})
		return
	}
	depth := strings.Repeat("  ", strings.Count(e.Path, "[")-1)
	fmt.Fprintf(p.to, "%9s  %s %s%s\n", fmt.Sprintf("+%.2f s", e.At.Seconds()), outcomeMarks[e.Outcome], depth, e.Title)
	if e.Why != "" {
		fmt.Fprintf(p.to, "%11s  %s%s\n", "", depth, e.Why)
	}
}

type stepLine struct {
	Event   string           `json:"event"`
	Path    string           `json:"path"`
	Title   string           `json:"title"`
	Round   int              `json:"round,omitempty"`
	Outcome scenario.Outcome `json:"outcome"`
	At      float64          `json:"at_ms"`
	Took    float64          `json:"took_ms"`
	Why     string           `json:"why,omitempty"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (p playbill) end(r scenario.Result) {
	if p.json {
		_ = json.NewEncoder(p.to).Encode(struct {
			Event string  `json:"event"`
			Name  string  `json:"name"`
			Held  bool    `json:"held"`
			Took  float64 `json:"took_ms"`
			Where string  `json:"where,omitempty"`
			Why   string  `json:"why,omitempty"`
		}{"end", r.Name, r.Held, milliseconds(r.Took), r.Where, r.Why})
		return
	}
	if r.Held {
		fmt.Fprintf(p.to, "\n✓ %s: every expectation held, in %.1f s.\n", r.Name, r.Took.Seconds())
		return
	}
	fmt.Fprintf(p.to, "\n✗ %s broke at %s: %s\n", r.Name, r.Where, r.Why)
}

// writeJUnit writes what CI servers read; its form is that of the JUnit of Apache Ant, which they share.
func writeJUnit(file string, r scenario.Result) error {
	type failure struct {
		Message string `xml:"message,attr"`
	}
	type testcase struct {
		Class   string    `xml:"classname,attr"`
		Name    string    `xml:"name,attr"`
		Time    string    `xml:"time,attr"`
		Failure *failure  `xml:"failure"`
		Skipped *struct{} `xml:"skipped"`
	}
	suite := struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Time     string     `xml:"time,attr"`
		Cases    []testcase `xml:"testcase"`
	}{Name: r.Name, Tests: len(r.Events), Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	for _, e := range r.Events {
		one := testcase{Class: r.Name, Name: e.Path + " " + e.Title, Time: fmt.Sprintf("%.3f", e.Took.Seconds())}
		switch e.Outcome {
		case scenario.Broken:
			one.Failure = &failure{e.Why}
			suite.Failures++
		case scenario.Skipped:
			one.Skipped = &struct{}{}
			suite.Skipped++
		}
		suite.Cases = append(suite.Cases, one)
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append([]byte(xml.Header), append(text, '\n')...), 0o600)
	}
	if err != nil {
		return fmt.Errorf("the outcome cannot be written for JUnit: %w", err)
	}
	return nil
}

type simList struct {
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// Run lists.
func (c *simList) Run(to streams) error {
	all, err := story.All()
	if err != nil {
		return err
	}
	for _, s := range all {
		if c.JSON {
			if err := json.NewEncoder(to.out).Encode(map[string]string{"id": s.ID, "name": s.Name, "description": s.Description}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(to.out, "%-20s %s\n%20s %s\n", s.ID, s.Name, "", s.Description)
	}
	return nil
}

type simShow struct {
	Scenario string `arg:"" help:"Its name."`
}

// Run prints.
func (c *simShow) Run(to streams) error {
	all, err := story.All()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID == c.Scenario {
			_, err := to.out.Write(s.Content)
			return err
		}
	}
	return usage("there is no scenario %s; see gatehouse sim list", c.Scenario)
}
