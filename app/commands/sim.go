package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"gatehouse/app/story"
	"gatehouse/sim"
	"gatehouse/sim/scenario"
)

type simCommands struct {
	Run    simRun    `cmd:"" help:"Play a scenario; it holds when every expectation did."`
	Record simRecord `cmd:"" help:"Record what a device does as a scenario."`
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
	switch {
	case c.Target == "" && c.CA+c.User+c.Password+c.Cert+c.Key != "":
		return usage("--ca, --user, --password-file, --cert and --key are for another server: name it with --target")
	case (c.Cert == "") != (c.Key == ""):
		return usage("--cert and --key go together")
	case c.Password != "" && c.User == "":
		return usage("--password-file goes with --user")
	}
	f, err := readScenario(c.Scenario)
	if err != nil {
		return err
	}
	if folder, err := os.Stat(filepath.Dir(c.JUnit)); c.JUnit != "" && (err != nil || !folder.IsDir()) {
		return usage("%s was not begun; there is no folder for %s", c.Scenario, c.JUnit)
	}
	tell := playbill{to: to.out, json: c.JSON}
	var result scenario.Result
	if c.Target == "" {
		result, err = playAlone(ctx, f, tell)
	} else {
		result, err = c.playElsewhere(ctx, f, to, tell)
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
func readScenario(name string) (story.File, error) {
	f, err := story.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		ready, unreadable := story.All()
		if unreadable != nil {
			return story.File{}, unreadable
		}
		var known []string
		for _, r := range ready {
			if r.ID == name {
				return story.File{Scenario: r.Scenario}, nil
			}
			known = append(known, r.ID)
		}
		return story.File{}, usage("there is no file %s, and no scenario of that name; there are %s", name, strings.Join(known, ", "))
	}
	if err != nil {
		return story.File{}, usage("the scenario cannot be read: %v", err)
	}
	if len(f.Mistakes) > 0 {
		lines := make([]string, len(f.Mistakes))
		for i, m := range f.Mistakes {
			lines[i] = m.Error()
		}
		return story.File{}, usage("%s was not begun; %s", name, strings.Join(lines, "; "))
	}
	return f, nil
}

func playAlone(ctx context.Context, f story.File, tell playbill) (result scenario.Result, err error) {
	if where, why := f.Scenario.NeedsCreate(); why != "" {
		return result, usage("the scenario was not begun; %s: %s", where, why)
	}
	g, err := story.NewThrowaway()
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	result, err = story.Play(ctx, g.Gateway, f.Scenario, scenario.Params{Told: tell.event, Open: f.Open})
	if err != nil && ctx.Err() != nil && len(result.Events) == 0 {
		return result, errors.New("interrupted before the first step; nothing is left")
	}
	return result, err
}

func (c *simRun) playElsewhere(ctx context.Context, f story.File, to streams, tell playbill) (scenario.Result, error) {
	if where, why := f.Scenario.NeedsGateway(); why != "" {
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
	var wrong *sim.ConnectError
	if err := (sim.Options{URL: world.URL, RootPEM: world.RootPEM, Credential: world.Credential}).Check(); errors.As(err, &wrong) {
		return scenario.Result{}, usage("the scenario was not begun; %s: %s", wrong.Why, wrong.Todo)
	}
	return scenario.Run(ctx, f.Scenario, scenario.Params{World: world, Told: tell.event, Open: f.Open}), nil
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
		_ = json.NewEncoder(p.to).Encode(story.StepLine(e))
		return
	}
	depth := strings.Repeat("  ", strings.Count(e.Path, "[")-1)
	fmt.Fprintf(p.to, "%9s  %s %s%s\n", fmt.Sprintf("+%.2f s", e.At.Seconds()), outcomeMarks[e.Outcome], depth, e.Title)
	if e.Why != "" {
		fmt.Fprintf(p.to, "%11s  %s%s\n", "", depth, e.Why)
	}
}

func (p playbill) end(r scenario.Result) {
	if p.json {
		_ = json.NewEncoder(p.to).Encode(story.EndLine(r))
		return
	}
	if r.Held {
		fmt.Fprintf(p.to, "\n✓ %s: every expectation held, in %.1f s.\n", r.Name, r.Took.Seconds())
		return
	}
	fmt.Fprintf(p.to, "\n✗ %s broke at %s: %s\n", r.Name, r.Where, r.Why)
}

// writeJUnit writes what CI servers read.
func writeJUnit(file string, r scenario.Result) error {
	text, err := story.JUnit(r)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
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
