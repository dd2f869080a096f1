package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"sync"
	"syscall"

	"gatehouse/app/demo"
	"gatehouse/app/story"
	"gatehouse/gateway"
)

type serveCommand struct {
	place
	Lab  string `name:"lab" placeholder:"KINDS" help:"Start servers that are wrong on purpose, for an hour: all, or names with commas between them."`
	JSON bool   `name:"json" help:"Print one JSON object a line: ready, then every attempt."`
}

// Help is shown below the flags.
func (c *serveCommand) Help() string {
	return `The gateway runs until it is interrupted (Ctrl+C, SIGINT or SIGTERM).

With --json the first line is the event "ready". It holds the account's token, so keep it to yourself.

Examples:
  gatehouse serve
  gatehouse serve --host gateway.local --mqtt 0.0.0.0:8883
  gatehouse serve --json --data /tmp/gh --mqtt 127.0.0.1:0 --http 127.0.0.1:0`
}

// Run serves until a signal comes.
func (c *serveCommand) Run(to streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return c.serve(ctx, to)
}

// tidy removes what scenarios of a process that was killed have left, and says what a demo has.
func (c *serveCommand) tidy(g *gateway.Gateway, to streams) {
	for _, stage := range story.Abandoned(g) {
		if err := stage.Close(); err != nil {
			complain(to.err, fmt.Errorf("what a scenario has left could not be removed: %w", err))
		}
	}
	if !c.Demo && demo.Left(g) {
		fmt.Fprintln(to.err, "gatehouse: a demo that was killed has left its twelve devices, and nobody plays them; gatehouse serve --demo, ended with Ctrl+C, removes them")
	}
}

// serve serves until ctx ends. A second signal while it stops ends the process at once, as usual.
func (c *serveCommand) serve(ctx context.Context, to streams) error {
	kinds, err := labKinds(c.Lab)
	if err != nil {
		return err
	}
	var report reporter = &lines{to: to.out}
	if c.JSON {
		report = &events{to: to.out}
	}
	queue := newQueue(report)
	config := c.config()
	config.Logger = slog.New(slog.NewTextHandler(to.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	config.OnAttempt = queue.attempt
	g, err := gateway.Open(config)
	if err != nil {
		return err
	}
	if err := g.Start(); err != nil {
		return errors.Join(err, g.Close())
	}
	status := g.Status()
	for _, aside := range status.SetAside {
		fmt.Fprintf(to.err, "gatehouse: damaged data was set aside at %s earlier; restore it or remove it\n", aside)
	}
	report.ready(status, g.Registry().Account())
	if err := startLab(g.Lab(), kinds, report); err != nil {
		return errors.Join(err, g.Close())
	}
	c.tidy(g, to)
	var reports, shows sync.WaitGroup
	reports.Go(queue.run)
	if c.Demo {
		shows.Go(func() {
			if err := demo.Run(ctx, demo.Params{Gateway: g}); err != nil {
				complain(to.err, fmt.Errorf("demo: %w", err))
			}
		})
	}
	<-ctx.Done()
	shows.Wait() // the demo removes its fleet while the registry is open
	lessons := g.Lab().Results()
	err = g.Close()
	queue.close()
	reports.Wait()
	report.lessons(lessons)
	report.stopped()
	return err
}
