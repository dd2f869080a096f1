// Package commands is the command line. Its rules:
//
// Standard output holds what was asked for: readable lines, or with --json one JSON object a line and nothing else.
// Standard error holds everything that is said beside it. An error is one line: what happened, why, and what to do, and
// never a secret. The exit code is 0 when all went well or the user ended it, 1 for a failure without a code of its own,
// 2 for a wrong call, 3 when another instance has the data folder, 4 when a file of the data folder is damaged, 5 when a
// port is taken; and of the commands that speak to a running gateway, 6 when there is none, 7 when what a command is about
// does not exist, 8 when it exists already or has changed meanwhile, 9 when the gateway does not accept account and token.
//
// Those commands reach the gateway over its HTTP APIs alone, as any other program would: through package client.
//
// Without a command the window opens; the window itself is given from outside, so that this package builds without it.
package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"gatehouse/app/check"
	"gatehouse/app/client"
	"gatehouse/gateway"
	"gatehouse/gateway/listener"
	"gatehouse/gateway/store"
)

// Version of the program, set by the build.
var Version = "dev"

// Exit codes.
const (
	ExitOK = iota
	ExitFailure
	ExitUsage
	ExitInUse
	ExitDamaged
	ExitPortTaken
	ExitNoGateway
	ExitNotFound
	ExitConflict
	ExitAccess
)

// Window is what the command line says about the window.
type Window struct {
	Config  gateway.Config
	Version string
	Demo    bool
}

// grammar is the command line as kong reads it.
type grammar struct {
	Window windowCommand `cmd:"" default:"withargs" hidden:"" help:"Open the window."`
	Serve  serveCommand  `cmd:"" help:"Run the gateway without a window."`

	Device deviceCommands `cmd:"" help:"Add, show, change and remove devices."`
	Key    keyCommands    `cmd:"" help:"Add, list and revoke device keys."`
	Cert   certCommands   `cmd:"" help:"Enrol, list and revoke device certificates."`
	Object objectCommands `cmd:"" help:"Read, write and watch Sync objects."`
	Check  checkCommand   `cmd:"" help:"Try a device's credential against this gateway or any MQTT server, and say of each step how it went."`

	Attempt attemptCommands `cmd:"" help:"See why devices connect or are refused."`
	Finding findingCommands `cmd:"" help:"See what several attempts show together."`
	Sim     simCommands     `cmd:"" help:"Play scenarios with virtual devices, and run fleets of them."`

	Ordinary ordinaryCommand `cmd:"" help:"Run an ordinary MQTT broker beside the gateway."`

	Version kong.VersionFlag `short:"v" help:"Print the version."`
}

// folder and addresses are what window and serve share.
type place struct {
	Data string   `placeholder:"DIR" help:"Data folder. By default gatehouse in $XDG_DATA_HOME or ~/.local/share."`
	MQTT string   `name:"mqtt" placeholder:"ADDR" help:"Where devices connect, host:port; port 0 takes a free one. By default 127.0.0.1:8883."`
	HTTP string   `name:"http" placeholder:"ADDR" help:"Where HTTP answers, host:port, or off. By default 127.0.0.1:8080."`
	Host []string `placeholder:"NAME" help:"A further host name or address for the server's certificate. May be repeated."`
	Demo bool     `help:"Run devices that connect and are refused, in a fleet of their own that is removed at the end."`
}

func (p place) config() gateway.Config {
	return gateway.Config{Version: Version, DataDir: p.Data, MQTTAddr: p.MQTT, HTTPAddr: p.HTTP, Names: p.Host}
}

type windowCommand struct{ place }

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// terminal reports whether a person reads out and answers on in.
	terminal bool
}

const description = `A device gateway for MQTT on this machine, and the reason why a device cannot connect to it.

Examples:
  gatehouse                                       open the window
  gatehouse serve                                 run without one
  gatehouse serve --demo                          see devices connect and be refused
  gatehouse serve --json --mqtt 127.0.0.1:0       run under a script
  gatehouse device add lamp --key                 on a running gateway: a device with a key
  gatehouse object set docs/Lamp '{"on":true}'    on a running gateway: what devices see at sync/docs/Lamp`

// Run runs one command line and returns the exit code. Standard input is the process's own.
func Run(args []string, out, err io.Writer, window func(Window) error) int {
	return perform(args, streams{in: os.Stdin, out: out, err: err, terminal: isTerminal(os.Stdin)}, window)
}

func perform(args []string, to streams, window func(Window) error) int {
	var g grammar
	exit, exited := 0, false
	parser, bad := kong.New(&g, kong.Name("gatehouse"), kong.Description(description), kong.Writers(to.out, to.err),
		kong.Exit(func(code int) { exit, exited = code, true }), kong.Vars{"version": "gatehouse " + Version},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if bad != nil {
		panic(bad) // the grammar is wrong, which the tests would have found
	}
	call, bad := parser.Parse(args)
	if exited { // help or version
		return exit
	}
	if bad != nil {
		complain(to.err, fmt.Errorf("%w; see gatehouse --help", bad))
		return ExitUsage
	}
	bad = call.Run(to, window)
	var said *exitError
	if errors.As(bad, &said) {
		return said.code
	}
	if bad != nil {
		complain(to.err, bad)
	}
	return exitCode(bad)
}

// Run opens the window.
func (c *windowCommand) Run(_ streams, window func(Window) error) error {
	return window(Window{Config: c.config(), Version: Version, Demo: c.Demo})
}

// complain prints an error as one line, with what to do where the command line knows it.
func complain(w io.Writer, err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	var taken *listener.PortTakenError
	if errors.As(err, &taken) && taken.Free != "" {
		text += "; stop that program, or choose another port: --mqtt " + taken.Free
	}
	fmt.Fprintln(w, "gatehouse: "+text)
}

func exitCode(err error) int {
	var inUse *store.InUseError
	var damaged *store.DamagedError
	var taken *listener.PortTakenError
	var none *client.NotRunningError
	var usage *usageError
	var unreadable *unreadableError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &unreadable):
		return check.ExitFiles
	case errors.As(err, &usage):
		return ExitUsage
	case errors.As(err, &none):
		return ExitNoGateway
	case errors.Is(err, client.ErrNotFound):
		return ExitNotFound
	case errors.Is(err, client.ErrConflict):
		return ExitConflict
	case errors.Is(err, client.ErrAccess):
		return ExitAccess
	case errors.As(err, &inUse):
		return ExitInUse
	case errors.As(err, &damaged):
		return ExitDamaged
	case errors.As(err, &taken), errors.Is(err, syscall.EADDRINUSE): // of MQTT, or of HTTP
		return ExitPortTaken
	}
	return ExitFailure
}
