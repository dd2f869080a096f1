// Package checktest compares what a check prints with what it printed when somebody last looked: golden outputs, with what
// differs from run to run masked. It is for tests.
package checktest

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/app/check"
	"gatehouse/app/check/terminal"
)

// update is the variable that has the golden files written anew.
const update = "GATEHOUSE_UPDATE_GOLDEN"

// Run checks, at a clock that stands still so that no time differs, and returns the result with what a terminal would show.
func Run(t testing.TB, o check.Options) (check.Result, string) {
	t.Helper()
	if o.Now == nil {
		now := time.Now()
		o.Now = func() time.Time { return now }
	}
	if o.Lookup == nil { // what a name means differs from machine to machine
		o.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
	}
	var out strings.Builder
	p := &terminal.Printer{To: &out}
	p.Target(o.Target)
	result := check.Run(context.Background(), o, p.Step)
	p.Result(result)
	return result, out.String()
}

// what differs from run to run.
var masks = []struct {
	is   *regexp.Regexp
	mask string
}{
	{regexp.MustCompile(`(127\.0\.0\.1|localhost|\[::1\]):\d+`), "$1:PORT"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d( \d\d:\d\d UTC)?`), "DATE"},
	{regexp.MustCompile(`\b(KY|CY|TH)[0-9a-f]{32}`), "${1}…"},
	{regexp.MustCompile(`(Gatehouse\s+(?:[a-z]+\s+)*?(?:root|intermediate)\s+)[0-9a-f]{8}`), "${1}ID"}, // a line may end in it
	{regexp.MustCompile(`(begins with f3)[0-9a-f]{6}`), "${1}RANDOM"},
	{regexp.MustCompile(`gatehouse/check/[0-9a-f]{16}`), "gatehouse/check/ID"},
}

// Golden compares a text with testdata/NAME.txt.
func Golden(t testing.TB, name, text string) {
	t.Helper()
	for _, m := range masks {
		text = m.is.ReplaceAllString(text, m.mask)
	}
	path := filepath.Join("testdata", name+".txt")
	if os.Getenv(update) != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with %s=1", err, update)
	}
	if text != string(want) {
		t.Errorf("%s differs.\nIt printed:\n%s\nwhere %s has:\n%s\nIf that is right, set %s=1.", name, text, path, want, update)
	}
}
