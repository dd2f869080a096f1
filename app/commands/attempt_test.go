package commands

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"gatehouse/app/client"
	"gatehouse/gateway/attempt"
)

// Each attempt is printed once, when it is decided, also one that goes on for long while others come and go.
func TestFollowingPrintsEachAttemptOnceWhenItIsDecided(t *testing.T) {
	g, err := startGateway(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	p, err := client.Find(g.Status().DataDir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	knocks := func(n int) {
		for range n {
			if err := speakHTTP(g); err != nil {
				t.Fatal(err)
			}
		}
	}
	knocks(1)
	slow := g.Attempts().Begin("192.0.2.1:1", "127.0.0.1:1") // 2
	out, in := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (&attemptList{Follow: true, Limit: 50}).follow(ctx, call{c, streams{out: in, err: io.Discard}, true}, client.AttemptQuery{Limit: 50})
		_ = in.Close()
	}()
	lines := make(chan string, 100)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	got := ""
	wait := func(n int) {
		t.Helper()
		for range n {
			select {
			case line := <-lines:
				var a attempt.Attempt
				if err := json.Unmarshal([]byte(line), &a); err != nil || a.Code == attempt.Pending {
					t.Fatalf("%s: %v", line, err)
				}
				got += string(rune('0' + a.ID))
			case <-time.After(10 * time.Second):
				t.Fatalf("after %s nothing comes", got)
			}
		}
	}
	wait(1)
	knocks(2)
	wait(2)
	slow.Decide(5, "device_disabled")
	knocks(1)
	wait(2)
	stop()
	if err := <-ended; err != nil && ctx.Err() == nil {
		t.Error(err)
	}
	if got != "13425" && got != "13452" { // the slow one may have been decided before the last came
		t.Errorf("printed %s", got)
	}
	for line := range lines {
		t.Errorf("and then %s", line)
	}
}

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"": "0001-01-01T00:00:00Z", "10m": "2026-03-01T11:50:00Z", "24h": "2026-02-28T12:00:00Z", "2026-02-01": "2026-02-01T00:00:00Z",
		"2026-02-01 08:30": "2026-02-01T08:30:00Z", "2026-02-01T08:30:00+01:00": "2026-02-01T07:30:00Z",
	} {
		got, err := parseTime("--since", text, now)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"-10m", "yesterday", "10", "2026-13-01"} {
		if _, err := parseTime("--since", text, now); err == nil || !strings.Contains(err.Error(), "--since") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
