package commands

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is the program itself when this is set.
const beGatehouse = "GATEHOUSE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beGatehouse) != "" {
		os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr, nil))
	}
	testscript.Main(m, map[string]func(){"gatehouse": func() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr, nil)) }})
}

// process is a real `gatehouse serve --json`.
type process struct {
	*exec.Cmd
	ready  map[string]any
	lines  *bufio.Scanner
	errors bytes.Buffer
}

func startProcess(t *testing.T, data string, more ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], append([]string{"serve", "--json", "--data", data, "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"}, more...)...)}
	p.Env = append(os.Environ(), beGatehouse+"=1")
	p.Stderr = &p.errors
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() }) // it has ended already when all went well
	p.lines = bufio.NewScanner(out)
	if !p.lines.Scan() {
		_ = p.Wait()
		t.Fatalf("no first line: %v, %s", p.lines.Err(), p.errors.String())
	}
	if err := json.Unmarshal(p.lines.Bytes(), &p.ready); err != nil || p.ready["event"] != "ready" {
		t.Fatalf("first line %q: %v", p.lines.Text(), err)
	}
	return p
}

// end reads what is left and waits.
func (p *process) end(t *testing.T) error {
	t.Helper()
	for p.lines.Scan() {
		if !json.Valid(p.lines.Bytes()) {
			t.Errorf("not JSON on standard output: %q", p.lines.Text())
		}
	}
	return p.Wait()
}

func TestASignalDrainsAndExits0Within5Seconds(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := startProcess(t, t.TempDir())
		began := time.Now()
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := p.end(t); err != nil {
			t.Errorf("%v: %v, %s", signal, err, p.errors.String())
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%v: took %v", signal, took)
		}
	}
}

func TestAccountAndRootSurviveKill9(t *testing.T) {
	data := t.TempDir()
	var first process
	for round := range 5 {
		p := startProcess(t, data)
		if round == 0 {
			first = process{ready: p.ready}
		}
		for _, same := range []string{"account_sid", "auth_token", "root_ca", "data"} {
			if p.ready[same] != first.ready[same] {
				t.Errorf("round %d: %s is %v, was %v", round, same, p.ready[same], first.ready[same])
			}
		}
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.end(t) // killed, as it should be
	}
}

func TestAGatewayThatWasKilledIsNoneAndItsSuccessorIsFound(t *testing.T) {
	data := t.TempDir()
	p := startProcess(t, data)
	if code, _, errs, _ := run("device", "add", "lamp", "--data", data); code != ExitOK {
		t.Fatal(errs)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.end(t) // killed, as it should be
	if code, _, errs, _ := run("device", "list", "--data", data); code != ExitNoGateway || !strings.Contains(errs, "gatehouse serve") {
		t.Errorf("code %d, %q", code, errs)
	}
	p = startProcess(t, data)
	if code, out, errs, _ := run("device", "list", "--data", data); code != ExitOK || !strings.Contains(out, "lamp") {
		t.Errorf("code %d, %q", code, errs)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.end(t); err != nil {
		t.Error(err)
	}
}

// TestADemoThatWasKilledIsTakenOverByTheNextAndDoesNotDouble: its devices stay until another demo, or say so.
func TestADemoThatWasKilledIsTakenOverByTheNextAndDoesNotDouble(t *testing.T) {
	data := t.TempDir()
	end := func(p *process, signal os.Signal) string {
		t.Helper()
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := p.end(t); (err != nil) != (signal == syscall.SIGKILL) {
			t.Errorf("%v: %v", signal, err)
		}
		return p.errors.String()
	}
	devices := func(holds func(sids map[string]bool) bool) map[string]bool {
		t.Helper()
		sids := map[string]bool{}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // between looks
			_, out, _, _ := run("device", "list", "--json", "--data", data)
			clear(sids)
			for line := range strings.Lines(out) {
				var d struct{ SID string }
				if err := json.Unmarshal([]byte(line), &d); err != nil {
					t.Fatal(err)
				}
				sids[d.SID] = true
			}
			if holds(sids) {
				return sids
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d devices", len(sids))
			}
		}
	}
	twelve := func(sids map[string]bool) bool { return len(sids) == 12 }

	p := startProcess(t, data, "--demo")
	first := devices(twelve)
	end(p, syscall.SIGKILL)
	p = startProcess(t, data)
	devices(twelve)
	if said := end(p, syscall.SIGTERM); !strings.Contains(said, "serve --demo") {
		t.Errorf("it says nothing of what is left: %q", said)
	}
	p = startProcess(t, data, "--demo")
	devices(func(sids map[string]bool) bool {
		for sid := range first {
			if sids[sid] {
				return false
			}
		}
		return twelve(sids)
	})
	if said := end(p, syscall.SIGINT); strings.Contains(said, "--demo") {
		t.Error(said)
	}
	p = startProcess(t, data)
	devices(func(sids map[string]bool) bool { return len(sids) == 0 })
	end(p, syscall.SIGTERM)
}

func TestASecondInstanceExits3WithOneLine(t *testing.T) {
	data := t.TempDir()
	p := startProcess(t, data)
	code, out, errs, _ := run("serve", "--data", data, "--mqtt", "127.0.0.1:0", "--http", "off")
	if code != ExitInUse || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, data) {
		t.Errorf("code %d, out %q, err %q", code, out, errs)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.end(t); err != nil {
		t.Errorf("the first instance was harmed: %v, %s", err, p.errors.String())
	}
}
