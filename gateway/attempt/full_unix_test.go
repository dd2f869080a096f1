//go:build unix

package attempt

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const fullFolder = "GATEHOUSE_TEST_FULL_FOLDER"

// A file that may not grow is what a full disk is to the record; the limit holds for a whole process, so it has its own.
func TestAFullDiskStopsNobodyAndWhatIsStillKeptIsWrittenLater(t *testing.T) {
	if dir := os.Getenv(fullFolder); dir != "" {
		if err := fillDisk(dir); err != nil {
			t.Fatal(err)
		}
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), fullFolder+"="+t.TempDir())
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(dir string) error {
	signal.Ignore(unix.SIGXFSZ)
	const capacity = 500
	l := ready(dir, Params{Capacity: capacity})
	if err := limitFiles(20 << 10); err != nil {
		return err
	}
	for i := range 2 * capacity { // more than the ring holds, and much more than the disk
		began := time.Now()
		refuse(l, strconv.Itoa(i))
		if took := time.Since(began); took > time.Second {
			return fmt.Errorf("recording waited for %v", took)
		}
		if i%100 == 0 {
			time.Sleep(soonAfter / 2) // so that some of it is tried, and fails
		}
	}
	if err := until(func() bool { return l.Record().Err != nil }); err != nil {
		return fmt.Errorf("no write failed: %+v", l.Record())
	}
	if n := l.Len(); n != capacity {
		return fmt.Errorf("the ring has %d", n)
	}
	if err := limitFiles(unix.RLIM_INFINITY); err != nil {
		return err
	}
	if err := until(func() bool { r := l.Record(); return r.Err == nil && r.Waiting == 0 }); err != nil {
		return fmt.Errorf("it was not written later: %+v", l.Record())
	}
	if l.Record().Lost == 0 {
		return fmt.Errorf("nothing is said to be lost: %+v", l.Record())
	}
	want := all(l)
	l.Close()
	l = ready(dir, Params{Capacity: capacity})
	defer l.Close()
	got := all(l)
	for id := range want {
		if _, kept := got[id]; !kept {
			return fmt.Errorf("attempt %d is not there: %d of %d are", id, len(got), len(want))
		}
	}
	return nil
}

func until(is func() bool) error {
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return context.DeadlineExceeded
		}
	}
	return nil
}

func limitFiles(bytes uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = min(bytes, limit.Max)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &limit)
}
