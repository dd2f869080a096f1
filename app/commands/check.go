package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"gatehouse/app/check"
	"gatehouse/app/check/files"
	"gatehouse/app/check/terminal"
	"gatehouse/app/client"
	"gatehouse/app/locale"
	"gatehouse/gateway"
)

type checkCommand struct {
	Address string `arg:"" optional:"" help:"Where to connect: mqtts://HOST:PORT. The port is 8883 unless it is given. Without an address, the gateway that runs here."`

	Cert           string        `placeholder:"FILE" help:"The device's certificate, with its chain: PEM, DER or PKCS#12."`
	Key            string        `placeholder:"FILE" help:"Its private key."`
	PassphraseFile string        `placeholder:"FILE" help:"A file with the passphrase of the key, or - for standard input."`
	User           string        `placeholder:"SID" help:"The user name: for this gateway the Key SID, KY…."`
	PasswordFile   string        `placeholder:"FILE" help:"A file with the password, or - for standard input."`
	CA             string        `name:"ca" placeholder:"FILE" help:"The root certificate of the server's authority. Without it, those that this machine trusts; for the gateway that runs here, its own root."`
	ClientID       string        `name:"client-id" placeholder:"ID" help:"The client ID, which this gateway ignores."`
	ALPN           []string      `name:"alpn" placeholder:"NAME" help:"A protocol to offer in the handshake; few servers want one. May be repeated."`
	RoundTrip      bool          `help:"When accepted, also subscribe to a topic of its own and publish to it."`
	Insecure       bool          `help:"Send the credential even to a server that has not proved who it is, or without TLS."`
	Timeout        time.Duration `default:"30s" help:"How long the whole may take."`
	JSON           bool          `name:"json" help:"Print one JSON document."`
	Data           string        `placeholder:"DIR" help:"Data folder of the gateway that runs here. By default that of gatehouse serve."`
}

// Help is shown below the flags.
func (c *checkCommand) Help() string {
	return `Does what a careful device does, against this gateway or any other MQTT server, and says of each step how it
went: the files, the name, TCP on each address, TLS, the server's certificates, the answer to CONNECT.

It harms nothing: it connects with Clean Session 0, acknowledges nothing and disconnects. But a device has one
connection at a time: if the device is connected, the check ends that connection.

The exit code is 0 when the server accepts, 10 + N for its return code N, 20 and more for what failed before.

Examples:
  gatehouse check --cert lamp.crt.pem --key lamp.key.pem
  gatehouse check mqtts://localhost:8883 --user KY… --password-file secret.txt
  gatehouse check mqtts://broker.example:8883 --ca root.pem --json`
}

// exitError ends the program with a code when all has been said.
type exitError struct{ code int }

func (e *exitError) Error() string { return "exit code " + strconv.Itoa(e.code) }

// Run checks until it is done or interrupted.
func (c *checkCommand) Run(to streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return c.check(ctx, to)
}

func (c *checkCommand) check(ctx context.Context, to streams) error {
	if c.Address == "" {
		here, err := c.here()
		if err != nil {
			return err
		}
		c.Address = here.MQTTURL
	}
	options, err := c.options(to)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printed(to.out, check.Run(ctx, options, nil))
	}
	printer := printerFor(to.out, os.Getenv)
	printer.Target(visible(check.Shown(c.Address)))
	result := check.Run(ctx, options, printer.Step)
	printer.Result(result)
	return ended(result)
}

func ended(r check.Result) error {
	if r.Exit == check.ExitAccepted {
		return nil
	}
	return &exitError{r.Exit}
}

// printed prints the one document.
func (c *checkCommand) printed(to io.Writer, r check.Result) error {
	document := struct {
		Target string `json:"target"`
		check.Result
	}{check.Shown(c.Address), r}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("the result cannot be written as JSON: %w", err)
	}
	if _, err := to.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("the result cannot be printed: %w", err)
	}
	return ended(r)
}

// printerFor is a printer for what the output is: colours for a terminal unless NO_COLOR is set (no-color.org), and ASCII
// for one whose locale has no more. A file or another program gets UTF-8.
func printerFor(out io.Writer, getenv func(string) string) *terminal.Printer {
	p := &terminal.Printer{To: out}
	if f, is := out.(*os.File); is && isTerminal(f) {
		p.ASCII = !locale.UTF8()
		p.Colour = getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			p.Width = width
		}
	}
	return p
}

// options reads all the files.
func (c *checkCommand) options(to streams) (check.Options, error) {
	o := check.Options{
		Target: c.Address, User: c.User, ClientID: c.ClientID, ALPN: c.ALPN, RoundTrip: c.RoundTrip, Insecure: c.Insecure, Timeout: c.Timeout,
	}
	switch {
	case c.PassphraseFile == "-" && c.PasswordFile == "-":
		return o, usage("--passphrase-file and --password-file cannot both be standard input")
	case c.PasswordFile != "" && c.User == "":
		return o, usage("--password-file needs --user: MQTT sends no password without a user name")
	case c.Timeout <= 0:
		return o, usage("--timeout is to be more than 0, such as 30s")
	}
	for _, f := range []struct {
		path string
		role check.Role
	}{{c.Cert, check.CertificateRole}, {c.Key, check.KeyRole}} {
		if f.path == "" || f.role == check.KeyRole && c.Key == c.Cert {
			continue
		}
		content, err := readBounded(f.path, nil)
		if err != nil {
			return o, err
		}
		o.Files = append(o.Files, check.File{Name: f.path, Content: content, As: f.role})
	}
	var err error
	if o.Passphrase, err = c.secret(c.PassphraseFile, "passphrase", to); err != nil {
		return o, err
	}
	if o.Password, err = c.secret(c.PasswordFile, "password", to); err != nil {
		return o, err
	}
	o.HasPassword = c.PasswordFile != ""
	return o, c.authority(&o)
}

// unreadableError is a file that the check needs and cannot read.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string {
	return e.err.Error() + "; see that it exists and you may read it"
}
func (e *unreadableError) Unwrap() error { return e.err }

// readBounded reads a file, or in when the path is -.
func readBounded(path string, in io.Reader) ([]byte, error) {
	from := in
	if path != "-" || in == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil, &unreadableError{err}
		}
		defer f.Close()
		from = f
	}
	content, err := io.ReadAll(io.LimitReader(from, files.MaxFile+1))
	if err != nil {
		return nil, &unreadableError{err}
	}
	return content, nil
}

// secret reads a password or passphrase, and leaves out the line end that editors and echo put behind it.
func (c *checkCommand) secret(path, what string, to streams) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	content, err := readBounded(path, to.in)
	if err != nil {
		return nil, err
	}
	bare := bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	if len(bare) < len(content) {
		fmt.Fprintf(to.err, "gatehouse: the %s file ends in a line end, which was left out; a device that reads the whole file sends it\n", what)
	}
	return append([]byte{}, bare...), nil
}

// authority says whom to trust: the given file, or the root of the gateway that runs here if it is the target.
func (c *checkCommand) authority(o *check.Options) error {
	if c.CA != "" {
		content, err := readBounded(c.CA, nil)
		o.CA, o.CAName = append([]byte{}, content...), c.CA
		return err
	}
	here, err := c.here()
	if err != nil || here.RootFile == "" || !same(c.Address, here.MQTTURL) {
		if c.Data != "" {
			return err
		}
		return nil
	}
	content, err := readBounded(here.RootFile, nil)
	if err != nil {
		return nil // the system's authorities decide, and say that they do not know it
	}
	o.CA, o.CAName = content, "this gateway’s root.pem"
	return nil
}

// here is the gateway that runs on the data folder.
func (c *checkCommand) here() (client.Params, error) {
	dir := c.Data
	if dir == "" {
		var err error
		if dir, err = gateway.DefaultDataDir(); err != nil {
			return client.Params{}, err
		}
	}
	return client.Find(dir)
}

// same reports whether an address is that of the gateway that runs here.
func same(address, mqttURL string) bool {
	host, port, secure, err := check.Address(address)
	u, bad := url.Parse(mqttURL)
	if err != nil || bad != nil || !secure || u.Port() != strconv.Itoa(port) {
		return false
	}
	return strings.EqualFold(host, u.Hostname()) || loopback(host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
