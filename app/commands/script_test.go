package commands

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/rogpeppe/go-internal/testscript"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
)

// inScript is the key under which a script's gateway is kept.
type inScript struct{}

// startGateway starts a gateway of this process in the data folder that is the default one below a folder.
func startGateway(below string) (*gateway.Gateway, error) {
	g, err := gateway.Open(gateway.Config{
		DataDir: filepath.Join(below, "gatehouse"), MQTTAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Drain: time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	if err := g.Start(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// TestScripts runs the scripts in testdata/script, each on a gateway of its own, as a user would: the program as a process,
// the gateway found through the default data folder.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			g, err := startGateway(env.WorkDir)
			if err != nil {
				return err
			}
			env.Defer(func() { _ = g.Close() })
			account := g.Registry().Account()
			env.Setenv("XDG_DATA_HOME", env.WorkDir)
			env.Setenv("DATA", g.Status().DataDir)
			env.Setenv("URL", g.Status().HTTPURL)
			env.Setenv("ACCOUNT", account.SID)
			env.Setenv("TOKEN", account.AuthToken)
			env.Values[inScript{}], env.Values[ofServe{}] = g, &served{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails, "keep": keep, "own": own, "connects": connects, "ends": ends, "secret": secret, "knock": knock, "over": over,
			"serves": serves, "interrupt": interrupt,
			"rotate": func(s *testscript.TestScript, _ bool, _ []string) {
				_, err := s.Value(inScript{}).(*gateway.Gateway).RotateToken(context.Background())
				s.Check(err)
			},
			"stop": func(s *testscript.TestScript, _ bool, _ []string) {
				s.Check(s.Value(inScript{}).(*gateway.Gateway).Close())
			},
		},
	})
}

// fails runs a program that is to end with an exit code, and to say why in one line.
func fails(s *testscript.TestScript, neg bool, args []string) {
	code, bad := strconv.Atoi(args[0])
	if neg || bad != nil || len(args) < 2 {
		s.Fatalf("usage: fails code program [argument ...]")
	}
	err := s.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code {
		s.Fatalf("it ended with %v, want exit status %d", err, code)
	}
	if said := s.ReadFile("stderr"); strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "gatehouse: ") {
		s.Fatalf("the error is not one line: %q", said)
	}
}

// keep puts the first SID of a kind in the last output into the variable of that name.
func keep(s *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[0] + "[0-9a-f]{32}").FindString(s.ReadFile("stdout"))
	if found == "" {
		s.Fatalf("there is no %s in the output", args[0])
	}
	s.Setenv(args[0], found)
}

// own fails unless the files, and the folder that they are in, are for their owner alone.
func own(s *testscript.TestScript, _ bool, args []string) {
	for _, name := range append([]string{filepath.Dir(args[0])}, args...) {
		info, err := os.Stat(s.MkAbs(name))
		s.Check(err)
		if info.Mode().Perm()&0o077 != 0 {
			s.Fatalf("%s: others may use it: %v", name, info.Mode())
		}
	}
}

// connects connects as the command for it says that was printed last. The shell takes it apart; that mosquitto takes such
// commands is shown where they are made.
func connects(s *testscript.TestScript, _ bool, _ []string) {
	_, command, found := strings.Cut(s.ReadFile("stdout"), "Connect with it:\n")
	if !found {
		s.Fatalf("no command was printed")
	}
	s.Check(s.Exec("sh", "-c", `mosquitto_pub() { printf '%s\n' "$@"; }; `+command))
	given := map[string]string{}
	arguments := strings.Split(s.ReadFile("stdout"), "\n")
	for i, argument := range arguments[:len(arguments)-1] {
		if strings.HasPrefix(argument, "-") {
			given[argument] = arguments[i+1]
		}
	}
	root, trusted := s.ReadFile(given["--cafile"]), x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(root))
	config := &tls.Config{RootCAs: trusted}
	if given["--cert"] != "" {
		own, err := tls.X509KeyPair([]byte(s.ReadFile(given["--cert"])), []byte(s.ReadFile(given["--key"])))
		s.Check(err)
		config.Certificates = []tls.Certificate{own}
	}
	device := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("ssl://" + net.JoinHostPort(given["-h"], given["-p"])).
		SetClientID(given["-i"]).SetUsername(given["-u"]).SetPassword(given["-P"]).SetTLSConfig(config).SetProtocolVersion(4))
	defer device.Disconnect(0)
	connected := device.Connect()
	if !connected.WaitTimeout(10 * time.Second) {
		s.Fatalf("the device does not connect")
	}
	s.Check(connected.Error())
}

// knock speaks HTTP where devices connect.
func knock(s *testscript.TestScript, _ bool, _ []string) {
	s.Check(speakHTTP(s.Value(inScript{}).(*gateway.Gateway)))
}

func speakHTTP(g *gateway.Gateway) error {
	c, err := net.DialTimeout("tcp", g.Status().MQTTAddr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return err
}

// over waits until every attempt is over.
func over(s *testscript.TestScript, _ bool, _ []string) {
	g := s.Value(inScript{}).(*gateway.Gateway)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		going := slices.ContainsFunc(g.Attempts().Query(attempt.Filter{}).Attempts, func(a attempt.Attempt) bool { return !a.Done })
		switch {
		case !going:
			return
		case time.Now().After(deadline):
			s.Fatalf("an attempt goes on and on")
		}
	}
}
