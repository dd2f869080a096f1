package commands

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// ofServe is the key under which a script's `gatehouse serve` is kept, a *served.
type ofServe struct{}

type served struct {
	*exec.Cmd
	lines *bufio.Scanner
}

// serves starts `gatehouse serve --json` with arguments, a number of wrong servers among them, and keeps where they are: in $ROOT the
// root certificate, in $URL_KIND each wrong server.
func serves(s *testscript.TestScript, _ bool, args []string) {
	p := &served{Cmd: exec.Command(os.Args[0], append([]string{"serve", "--json", "--mqtt", "127.0.0.1:0", "--http", "off", "--data", s.MkAbs("served")}, args...)...)}
	p.Env = append(os.Environ(), beGatehouse+"=1")
	out, err := p.StdoutPipe()
	s.Check(err)
	s.Check(p.Start())
	s.Defer(func() { _ = p.Process.Kill() }) // it has ended already when all went well
	p.lines = bufio.NewScanner(out)
	wanted := 0
	for i, a := range args {
		if a == "--lab" {
			wanted = strings.Count(args[i+1], ",") + 1
		}
	}
	for p.lines.Scan() {
		var e struct {
			Event, Server, URL string
			RootCA             string `json:"root_ca"`
		}
		s.Check(json.Unmarshal(p.lines.Bytes(), &e))
		switch e.Event {
		case "ready":
			s.Setenv("ROOT", e.RootCA)
		case "lab":
			s.Setenv("URL_"+e.Server, e.URL)
			if wanted--; wanted == 0 {
				*s.Value(ofServe{}).(*served) = served{p.Cmd, p.lines}
				return
			}
		}
	}
	_ = p.Wait()
	s.Fatalf("it ended, or printed less than expected: %v", p.lines.Err())
}

// interrupt ends what serves started, as Ctrl+C does, and keeps what it printed meanwhile in a file.
func interrupt(s *testscript.TestScript, _ bool, args []string) {
	p := s.Value(ofServe{}).(*served)
	s.Check(p.Process.Signal(syscall.SIGINT))
	var printed bytes.Buffer
	for p.lines.Scan() {
		printed.Write(p.lines.Bytes())
		printed.WriteByte('\n')
	}
	s.Check(p.Wait())
	s.Check(os.WriteFile(s.MkAbs(args[0]), printed.Bytes(), 0o600))
}
