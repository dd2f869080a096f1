package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"gatehouse/app/story"
	"gatehouse/sim"
	"gatehouse/sim/fleet"
	"gatehouse/sim/scenario"
)

type simFleet struct {
	Devices    int           `default:"100" help:"How many devices, at most 20000."`
	Credential string        `default:"key" enum:"key,certificate" help:"What they prove themselves with: key or certificate."`
	Behaviour  string        `default:"thermostat" placeholder:"KIND|FILE" help:"A ready-made kind, or a file of the same form; see gatehouse sim kinds."`
	Ramp       time.Duration `help:"Time from the first device's start to the last one's. Without it, 250 start each second."`
	Duration   time.Duration `help:"End so long after the ramp. Without it, the fleet lives until it is interrupted."`
	Pace       float64       `default:"1" help:"How fast the devices' time passes: 60 makes an hour a minute."`
	JSON       bool          `name:"json" help:"Print one JSON object a second."`
	Target     string        `placeholder:"URL" help:"Use this MQTT server, mqtts://HOST:PORT, without credentials, instead of a gateway of its own."`
	CA         string        `name:"ca" placeholder:"FILE" help:"The root certificate of that server's authority. Without it, those that this machine trusts."`
}

// Help is shown below the flags.
func (c *simFleet) Help() string {
	return `Each device takes a port and a file descriptor, and two descriptors when the gateway is in the same process: see ulimit -n.

The exit code is 0 when every device was connected at the end.

Examples:
  gatehouse sim fleet --devices 1000 --duration 30s
  gatehouse sim fleet --devices 50 --behaviour meter --credential certificate
  gatehouse sim fleet --behaviour pump.yaml --target mqtts://broker.example:8883 --ca root.pem`
}

// Run runs the fleet.
func (c *simFleet) Run(to streams) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if c.Target == "" && c.CA != "" {
		return usage("--ca is for another server: name it with --target")
	}
	kind, err := readKind(c.Behaviour)
	if err != nil {
		return err
	}
	p := fleet.Params{Count: c.Devices, Ramp: c.Ramp, Template: fleet.Template{Prefix: kind.ID + "-", Behaviour: kind.Behaviour, Pace: c.Pace}}
	if c.Target == "" {
		g, err := story.NewThrowaway()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.Close()) }()
		stage, err := story.NewStage(ctx, g.Gateway)
		if ctx.Err() != nil {
			return errors.New("interrupted before the first device was registered; nothing is left")
		}
		if err != nil {
			return err
		}
		p.Template.Options.URL, p.Template.Options.RootPEM = stage.Server()
		p.Provision = stage.Provision(scenario.CredentialKind(c.Credential))
	} else {
		p.Template.Options = sim.Options{URL: c.Target}
		if c.CA != "" {
			if p.Template.Options.RootPEM, err = os.ReadFile(c.CA); err != nil {
				return usage("the root certificate cannot be read: %v", err)
			}
		}
		var wrong *sim.ConnectError
		if err := p.Template.Options.Check(); errors.As(err, &wrong) {
			return usage("the fleet was not begun; %s: %s", wrong.Why, wrong.Todo)
		}
	}
	f, problems := fleet.New(p)
	if len(problems) > 0 {
		return usage("the fleet was not begun; %v", problems[0])
	}
	return c.live(ctx, f, figures{to: to.out, json: c.JSON, fleet: f})
}

func (c *simFleet) live(ctx context.Context, f *fleet.Fleet, show figures) error {
	began := time.Now()
	if err := show.during(func() error { return f.Provision(ctx) }); err != nil {
		if s := f.Status(); ctx.Err() != nil { // on a gateway of its own: no other server is told of devices
			return fmt.Errorf("interrupted when %d of %d devices were registered; nothing is left of them", s.Provisioned, s.Count)
		}
		return err
	}
	show.provisioned(time.Since(began))
	show.before = story.InUse()
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.Ramp()+c.Duration)
		defer cancel()
	}
	var last fleet.Status
	var memory uint64
	live, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stopped := context.AfterFunc(ctx, func() { // the last figures are those of a fleet that lives
		last, memory = f.Status(), story.InUse()
		end()
	})
	defer stopped()
	if err := show.during(func() error { return f.Run(live) }); err != nil {
		return err
	}
	show.end(last, memory)
	if last.Connected != c.Devices {
		return &exitError{ExitFailure}
	}
	return nil
}

// readKind reads a ready-made kind or a file.
func readKind(name string) (scenario.Kind, error) {
	if k, known := scenario.KindOf(name); known {
		return k, nil
	}
	content, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		var known []string
		for _, k := range scenario.Kinds() {
			known = append(known, k.ID)
		}
		return scenario.Kind{}, usage("there is no file %s, and no kind of that name; there are %s", name, strings.Join(known, ", "))
	}
	if err != nil {
		return scenario.Kind{}, usage("the behaviour cannot be read: %v", err)
	}
	k, mistakes := scenario.ParseKind("device", content, story.Beside(name))
	if len(mistakes) > 0 {
		return scenario.Kind{}, usage("%s: %v", name, mistakes[0])
	}
	return *k, nil
}

// figures prints how a fleet does.
type figures struct {
	to     io.Writer
	json   bool
	fleet  *fleet.Fleet
	before uint64 // bytes in use before the first device started
}

// figureLine is a second of a fleet, or its end.
type figureLine struct {
	Event       string      `json:"event"`
	Stage       fleet.Stage `json:"stage"`
	Devices     int         `json:"devices"`
	Provisioned int         `json:"provisioned"`
	Started     int         `json:"started"`
	Connected   int         `json:"connected"`
	Stopped     int         `json:"stopped"`
	Attempts    int         `json:"attempts"`
	Sent        uint64      `json:"sent"`
	Received    uint64      `json:"received"`
	Skipped     uint64      `json:"skipped"`
	MessageRate float64     `json:"messages_per_second"`
	ConnectRate float64     `json:"connects_per_second,omitempty"`
	PerDevice   uint64      `json:"bytes_per_device,omitempty"`
	Why         string      `json:"why,omitempty"` // most of those that are not connected are not
}

func lineOf(event string, s fleet.Status) figureLine {
	l := figureLine{
		Event: event, Stage: s.Stage, Devices: s.Count, Provisioned: s.Provisioned, Started: s.Started, Connected: s.Connected, Stopped: s.Stopped, Attempts: s.Attempts,
		Sent: s.Sent, Received: s.Received, Skipped: s.Skipped, Why: s.Why,
	}
	if s.Ramped > 0 {
		l.ConnectRate = float64(s.Connected) / s.Ramped.Seconds()
	}
	return l
}

// during prints a line each second while something runs.
func (f figures) during(run func() error) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var sent uint64
	said := ""
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
		}
		s := f.fleet.Status()
		l := lineOf("figures", s)
		l.MessageRate = float64(s.Sent - sent)
		sent = s.Sent
		switch {
		case f.json:
			_ = json.NewEncoder(f.to).Encode(l)
		case s.Stage == fleet.Provisioning:
			fmt.Fprintf(f.to, "%6d of %d provisioned\n", s.Provisioned, s.Count)
		default:
			fmt.Fprintf(f.to, "%6d of %d connected · %.0f messages/s\n", s.Connected, s.Count, l.MessageRate)
			if s.Why != "" && s.Why != said {
				said = s.Why
				fmt.Fprintf(f.to, "%6d are not: %s\n", s.Waiting+s.Stopped, s.Why)
			}
		}
	}
}

func (f figures) provisioned(took time.Duration) {
	if !f.json {
		fmt.Fprintf(f.to, "%d devices provisioned in %.1f s.\n", f.fleet.Status().Provisioned, took.Seconds())
	}
}

// end prints the figures of the whole.
func (f figures) end(s fleet.Status, memory uint64) {
	l := lineOf("end", s)
	if s.Connected > 0 && memory > f.before {
		l.PerDevice = (memory - f.before) / uint64(s.Connected) //nolint:gosec // more than 0
	}
	if f.json {
		_ = json.NewEncoder(f.to).Encode(l)
		return
	}
	fmt.Fprintf(f.to, "\n%d of %d connected, %.0f connects/s, %d messages sent, %d received, %d KiB of memory for each device.\n",
		s.Connected, s.Count, l.ConnectRate, s.Sent, s.Received, l.PerDevice>>10)
}
