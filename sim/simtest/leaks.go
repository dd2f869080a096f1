package simtest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines may take to end: Paho may hold on to a publish for two seconds after its connection has ended, which is
// longer than goleak waits by itself.
const patience = 5 * time.Second

// leak is the goroutines that stay, if any do.
func leak(options ...goleak.Option) (err error) {
	for deadline := time.Now().Add(patience); ; {
		if err = goleak.Find(options...); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// NothingRuns fails a test when goroutines are left that options do not name.
func NothingRuns(t testing.TB, options ...goleak.Option) {
	t.Helper()
	if err := leak(options...); err != nil {
		t.Error(err)
	}
}

// Main runs a package's tests, which fail when they leave goroutines.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := leak(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
