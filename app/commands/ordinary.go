package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"gatehouse/gateway"
	"gatehouse/gateway/pki"
	"gatehouse/sim/ordinary"
)

type ordinaryCommand struct {
	Addr         string   `default:"127.0.0.1:8884" help:"Where clients connect, host:port; port 0 takes a free one."`
	User         string   `help:"The user name that every client must send."`
	PasswordFile string   `placeholder:"FILE" help:"A file with the password that every client must send, or - for standard input. Without one, only this machine can connect."`
	Host         []string `placeholder:"NAME" help:"A further host name or address for the certificate. May be repeated."`
	Clients      int      `default:"1000" help:"Connections at once."`
	Data         string   `placeholder:"DIR" help:"Data folder whose authority signs the certificate. By default that of the gateway."`
	JSON         bool     `name:"json" help:"Print one JSON object a line."`
}

// Help is shown below the flags.
func (c *ordinaryCommand) Help() string {
	return `An ordinary MQTT broker over TLS, for MQTT 3.1, 3.1.1 and 5, with wills and any topic, so that a device can be seen beside the gateway. It keeps nothing on disk.

Its certificate is signed by the gateway's local authority where there is one in the data folder, which is only read; else by one of its own, for as long as it runs.

Examples:
  gatehouse ordinary
  gatehouse ordinary --addr 0.0.0.0:8884 --host broker.local --user bench --password-file secret.txt`
}

// Run runs the broker until a signal comes.
func (c *ordinaryCommand) Run(to streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return c.serve(ctx, to)
}

func (c *ordinaryCommand) serve(ctx context.Context, to streams) (err error) {
	password, err := c.password(to)
	if err != nil {
		return err
	}
	scratch, local, err := c.borrowAuthority()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	authority, err := pki.Open(pki.Params{Dir: filepath.Join(scratch, "pki"), Names: c.Host})
	if err != nil {
		return fmt.Errorf("ordinary broker: %w", err)
	}
	root := authority.RootPath()
	if local != "" {
		root = filepath.Join(local, filepath.Base(root))
	}
	b, err := ordinary.Start(ordinary.Params{
		Addr: c.Addr, TLS: authority.Config(pki.Policy{}, nil), User: c.User, Password: password, MaxClients: c.Clients,
		Logger: slog.New(slog.NewTextHandler(to.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if errors.Is(err, ordinary.ErrOpenToAll) {
		return usage("%v", ordinary.ErrOpenToAll)
	}
	if err != nil {
		return err
	}
	c.tell(to, "ready", b, root)
	<-ctx.Done()
	c.tell(to, "stopped", b, root)
	return b.Close()
}

func (c *ordinaryCommand) tell(to streams, event string, b *ordinary.Broker, root string) {
	s := b.Stats()
	switch {
	case c.JSON:
		_ = json.NewEncoder(to.out).Encode(struct {
			Event    string `json:"event"`
			URL      string `json:"url"`
			Addr     string `json:"addr"`
			Root     string `json:"root"`
			Received int64  `json:"received"`
			Sent     int64  `json:"sent"`
		}{event, b.URL(), b.Addr(), root, s.Received, s.Sent})
	case event == "ready":
		fmt.Fprintf(to.out, "Ordinary broker at %s; it has no devices and no rules.\nRoot certificate to trust: %s\n", b.URL(), root)
	default:
		fmt.Fprintf(to.out, "Stopped. %d messages came and %d went.\n", s.Received, s.Sent)
	}
}

func (c *ordinaryCommand) password(to streams) (string, error) {
	switch {
	case c.PasswordFile == "" && c.User == "":
		return "", nil
	case c.PasswordFile == "" || c.User == "":
		return "", usage("--user and --password-file go together")
	}
	content, err := readBounded(c.PasswordFile, to.in)
	if err != nil {
		return "", err
	}
	password := string(bytes.TrimRight(content, "\r\n"))
	if password == "" {
		return "", usage("the password file is empty")
	}
	return password, nil
}

// borrowAuthority makes a folder whose pki is a copy of the gateway's authority, which may be in use and must not be changed, or does not exist when there is none.
// local is the folder that was copied.
func (c *ordinaryCommand) borrowAuthority() (scratch, local string, err error) {
	data := c.Data
	if data == "" {
		if data, err = gateway.DefaultDataDir(); err != nil {
			return "", "", err
		}
	}
	if scratch, err = os.MkdirTemp("", "gatehouse-ordinary-"); err != nil {
		return "", "", fmt.Errorf("ordinary broker: %w", err)
	}
	local = filepath.Join(data, "pki")
	if _, err = os.Stat(local); errors.Is(err, fs.ErrNotExist) {
		return scratch, "", nil
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(scratch, "pki"), os.DirFS(local))
	}
	if err != nil {
		return "", "", errors.Join(fmt.Errorf("ordinary broker: the authority cannot be read: %w", err), os.RemoveAll(scratch))
	}
	return scratch, local, nil
}
