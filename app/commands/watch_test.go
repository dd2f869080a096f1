package commands

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/gateway"
)

// watching is a `gatehouse object watch` as a process.
type watching struct {
	*exec.Cmd
	lines *bufio.Scanner
	said  *bufio.Scanner
}

func watch(t *testing.T, g *gateway.Gateway, args ...string) *watching {
	t.Helper()
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	t.Cleanup(stop)
	w := &watching{Cmd: exec.CommandContext(ctx, os.Args[0], append([]string{"object", "watch", "--data", g.Status().DataDir}, args...)...)}
	w.Env = append(os.Environ(), beGatehouse+"=1")
	pipe := func(open func() (io.ReadCloser, error)) *bufio.Scanner {
		from, err := open()
		if err != nil {
			t.Fatal(err)
		}
		return bufio.NewScanner(from)
	}
	w.lines, w.said = pipe(w.StdoutPipe), pipe(w.StderrPipe)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Process.Kill() }) // it has ended already when all went well
	if !w.said.Scan() || !strings.Contains(w.said.Text(), "Ctrl+C ends it") {
		t.Fatalf("it does not begin: %q %v", w.said.Text(), w.said.Err())
	}
	return w
}

func (w *watching) next(t *testing.T) string {
	t.Helper()
	if !w.lines.Scan() {
		t.Fatalf("no line: %v", w.lines.Err())
	}
	return w.lines.Text()
}

func TestWatchPrintsWhatHappensFromItsBeginningUntilItIsInterrupted(t *testing.T) {
	g, err := startGateway(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	change := func(args ...string) {
		t.Helper()
		if code, _, errs, _ := run(append(append([]string{"object"}, args...), "--data", g.Status().DataDir)...); code != ExitOK {
			t.Fatal(errs)
		}
	}
	change("set", "docs/Lamp", `"before"`)
	change("set", "docs/Other", `"before"`)
	one, all := watch(t, g, "docs/Lamp"), watch(t, g, "--json")
	change("set", "docs/Other", `{"n":1.10}`)
	change("set", "docs/Lamp", `{"on":true}`)
	change("append", "lists/Readings", `21.5`)
	change("append", "streams/Alarms", `"fire"`)
	if got := one.next(t); !regexp.MustCompile(`^\d\d:\d\d:\d\d  docs/Lamp  updated, revision 1, by system  \{"on":true\}$`).MatchString(got) {
		t.Error(got)
	}
	for _, want := range []string{
		`"action":"updated".*"unique_name":"Other".*"data":\{"n":1\.10\}`, `"unique_name":"Lamp"`, `"action":"created".*"unique_name":"Readings"`,
		`"action":"item_added".*"index":0.*"data":21\.5`, `"unique_name":"Alarms"`, `"action":"sent".*"data":"fire"`,
	} {
		if got := all.next(t); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	for _, w := range []*watching{one, all} {
		if err := w.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if w.lines.Scan() {
			t.Errorf("one more line: %s", w.lines.Text())
		}
		if err := w.Wait(); err != nil {
			t.Errorf("the user ended it, and it says %v", err)
		}
	}
}

func TestWatchEndsWithItsGateway(t *testing.T) {
	g, err := startGateway(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, g)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if w.lines.Scan() {
		t.Error(w.lines.Text())
	}
	if !w.said.Scan() || !strings.HasPrefix(w.said.Text(), "gatehouse: ") {
		t.Errorf("%q %v", w.said.Text(), w.said.Err())
	}
	if err := w.Wait(); err == nil {
		t.Error("it ended as if all were well")
	}
}
