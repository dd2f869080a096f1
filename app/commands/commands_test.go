package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/store"
)

// run is Run with a window that notes that it was opened.
func run(args ...string) (code int, out, errs string, opened *Window) {
	var o, e bytes.Buffer
	code = Run(args, &o, &e, func(w Window) error { opened = &w; return nil })
	return code, o.String(), e.String(), opened
}

func TestWithoutACommandTheWindowOpens(t *testing.T) {
	code, _, _, w := run("--data", "/d", "--mqtt", "127.0.0.1:1", "--host", "a", "--host", "b")
	if code != 0 || w == nil {
		t.Fatalf("code %d, window %v", code, w)
	}
	if c := w.Config; c.DataDir != "/d" || c.MQTTAddr != "127.0.0.1:1" || strings.Join(c.Names, " ") != "a b" {
		t.Errorf("%+v", c)
	}
}

func TestHelpHasExamplesAndVersionIsOneLine(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}} {
		code, out, _, w := run(args...)
		if code != 0 || w != nil || !strings.Contains(out, "Examples:") || !strings.Contains(out, "gatehouse serve --json") {
			t.Errorf("%v: code %d\n%s", args, code, out)
		}
	}
	if code, out, _, _ := run("--version"); code != 0 || out != "gatehouse dev\n" {
		t.Errorf("code %d, %q", code, out)
	}
}

func TestAWrongCallIsOneLineWithCode2(t *testing.T) {
	for _, args := range [][]string{{"sevre"}, {"serve", "--jason"}, {"serve", "extra"}} {
		code, out, errs, w := run(args...)
		if code != ExitUsage || out != "" || w != nil || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "gatehouse: ") {
			t.Errorf("%v: code %d, out %q, err %q", args, code, out, errs)
		}
	}
}

func TestACallThatCannotBeMeantIsRefusedBeforeAGatewayIsAsked(t *testing.T) {
	data := t.TempDir() // no gateway is there, which would be another code
	for call, says := range map[string]string{
		"device list --http http://127.0.0.1:1":      "say where the gateway is; give one of them",
		"device add ":                                "a device needs a name",
		"device add lamp --key --cert both.pem":      "can't be used together",
		"device add lamp --cert f --generate-cert d": "can't be used together",
		"device rm":     "expected",
		"cert add lamp": "give one certificate",
		"cert add lamp both.pem --generate-cert keys": "give one certificate",
		"object get rooms/Kitchen":                    "is not the path of an object; write docs/NAME",
		"object get docs/a/b":                         "docs have no items",
		"object get docs/":                            "lacks the object's name",
		"object get maps/M/":                          "lacks what follows its last slash",
		"object get lists/L/first":                    "does not end in an index",
		"object set docs 1":                           "names nothing that could be set",
		"object set maps/Rooms 1":                     "names nothing that could be set",
		"object set streams/Alarms 1":                 "a stream keeps nothing that could be set",
		"object append docs/BoardLED 1":               "nothing that could be appended to",
		"object append lists/L/1 1":                   "nothing that could be appended to",
		"object append streams/Alarms 1 --ttl 5":      "--ttl is for items of a list",
		"object watch docs":                           "is not one object",
		"object watch lists/L/1":                      "is not one object",
	} {
		code, out, errs, _ := run(append(strings.Split(call, " "), "--data", data)...)
		if code != ExitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, says) {
			t.Errorf("%s: code %d, %q, lacks %q", call, code, errs, says)
		}
	}
}

func TestErrorsAreOneLineWithACodeOfTheirOwn(t *testing.T) {
	var errs bytes.Buffer
	code := Run(nil, io.Discard, &errs, func(Window) error {
		return errors.Join(&store.InUseError{Dir: "/d", PID: 7}, errors.New("second"))
	})
	if code != ExitInUse || strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), "7") {
		t.Errorf("code %d, %q", code, errs.String())
	}
}

// serving is a `serve --json` that runs in this process.
type serving struct {
	lines *bufio.Scanner
	stop  context.CancelFunc
	done  chan error
}

func startServing(t *testing.T, args ...string) *serving {
	t.Helper()
	out, in := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	s := &serving{lines: bufio.NewScanner(out), stop: stop, done: make(chan error, 1)}
	c := &serveCommand{JSON: true, place: place{Data: t.TempDir(), MQTT: "127.0.0.1:0", HTTP: "127.0.0.1:0"}}
	go func() {
		err := c.serve(ctx, streams{out: in, err: io.Discard})
		_ = in.Close()
		s.done <- err
	}()
	t.Cleanup(func() {
		stop()
		go func() { _, _ = io.Copy(io.Discard, out) }()
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			t.Error("serve does not end")
		}
	})
	return s
}

func (s *serving) next(t *testing.T) map[string]any {
	t.Helper()
	if !s.lines.Scan() {
		t.Fatalf("no line: %v", s.lines.Err())
	}
	var event map[string]any
	if err := json.Unmarshal(s.lines.Bytes(), &event); err != nil {
		t.Fatalf("%q: %v", s.lines.Text(), err)
	}
	return event
}

func TestServeTellsReadyThenEveryAttempt(t *testing.T) {
	s := startServing(t)
	ready := s.next(t)
	if ready["event"] != "ready" || !strings.HasPrefix(ready["account_sid"].(string), "AC") || len(ready["auth_token"].(string)) != 32 {
		t.Errorf("%v", ready)
	}
	if pem, err := os.ReadFile(ready["root_ca"].(string)); err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") {
		t.Errorf("root_ca: %v", err)
	}
	answer, err := http.Get(ready["http"].(string) + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Error(answer.Status)
	}
	c, err := net.Dial("tcp", ready["mqtt"].(string))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	event := s.next(t)
	if event["event"] != "attempt" || event["code"] != nil || event["cause"] != "plain_http" || event["remote"] != c.LocalAddr().String() || event["sentence"] == "" {
		t.Errorf("%v", event)
	}
}

func TestServeEndsWithin5Seconds(t *testing.T) {
	s := startServing(t)
	ready := s.next(t)
	c, err := net.Dial("tcp", ready["mqtt"].(string)) // a peer that says nothing must not hold it up
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	s.stop()
	for s.lines.Scan() {
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	s.done <- nil
}

func TestEventsHaveACodeOnlyWhenThereWasACONNACK(t *testing.T) {
	var out bytes.Buffer
	e := &events{to: &out}
	e.attempt(attempt.Attempt{Code: 4, Cause: cause.WrongSecret, CredentialSID: "KY1", Remote: "127.0.0.1:9"})
	e.attempt(attempt.Attempt{Code: attempt.TLS, Cause: cause.UntrustedRoot})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range []string{`"code":4,"cause":"wrong_secret","credential_sid":"KY1","remote":"127.0.0.1:9"`, `"code":null,"stage":"TLS","cause":"untrusted_root"`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%s lacks %s", lines[i], want)
		}
	}
}

func TestATakenPortNamesItsHolderAndAnother(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, out, errs, _ := run("serve", "--data", t.TempDir(), "--mqtt", l.Addr().String(), "--http", "off")
	if code != ExitPortTaken || out != "" || strings.Count(errs, "\n") != 1 {
		t.Errorf("code %d, out %q, err %q", code, out, errs)
	}
	for _, want := range []string{l.Addr().String(), "(pid", "--mqtt 127.0.0.1:"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q lacks %q", errs, want)
		}
	}
}

func TestATakenPortOfHTTPHasTheSameExitCode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, out, errs, _ := run("serve", "--data", t.TempDir(), "--mqtt", "127.0.0.1:0", "--http", l.Addr().String())
	if code != ExitPortTaken || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, l.Addr().String()) || !strings.Contains(errs, "--http") {
		t.Errorf("code %d, out %q, err %q", code, out, errs)
	}
}

// slow is a reporter that nobody reads.
type slow struct {
	lines
	release chan struct{}
	lostN   int
}

func (s *slow) attempt(attempt.Attempt) { <-s.release }
func (s *slow) lost(n int)              { s.lostN += n }

func TestASlowReaderNeverHoldsTheGatewayUp(t *testing.T) {
	s := &slow{release: make(chan struct{})}
	q := newQueue(s)
	done := make(chan struct{})
	go func() { q.run(); close(done) }()
	const n = queueLength + 500
	for range n {
		q.attempt(attempt.Attempt{}) // would block for ever if it waited
	}
	close(s.release)
	q.close()
	<-done
	q.attempt(attempt.Attempt{}) // after the end, too
	if s.lostN < 400 || s.lostN > 500 {
		t.Errorf("%d are said to be lost, of 500 beyond the bound", s.lostN)
	}
}
