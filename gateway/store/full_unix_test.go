//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const fullDir = "GATEHOUSE_FULL_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(fullDir); dir != "" {
		if err := fillAndRecover(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A file that may not grow is what a full disk is to the store; the limit holds for a whole process, so it has its own.
func TestAFullDiskIsReportedAndTheStoreRecoversWhenReopened(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), fullDir+"="+dir)
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out), "nothing is written to the terminal")
	require.Empty(t, EarlierDamage(dir))
}

func fillAndRecover(dir string) error {
	signal.Ignore(unix.SIGXFSZ)
	ctx := context.Background()
	s, err := Open(dir, Params{Timeout: time.Second})
	if err != nil {
		return err
	}
	b, err := s.Bucket(ctx, "things")
	if err != nil {
		return err
	}
	const limit = 300 << 10
	if err := limitFiles(limit); err != nil {
		return err
	}
	acknowledged := 0
	for {
		if _, err = b.Put(ctx, fmt.Sprintf("key-%d", acknowledged), make([]byte, 10<<10)); err != nil {
			break
		}
		if acknowledged++; acknowledged*(10<<10) > limit {
			return errors.New("no write failed")
		}
	}
	if !errors.Is(err, ErrDown) || !errors.Is(s.Err(), ErrDown) {
		return fmt.Errorf("the failure is %w, and then %w", err, s.Err())
	}
	if _, err := b.Put(ctx, "another", nil); !errors.Is(err, ErrDown) {
		return fmt.Errorf("the next write says %w", err)
	}
	if err := limitFiles(unix.RLIM_INFINITY); err != nil {
		return err
	}
	if err := s.Reopen(ctx); err != nil {
		return err
	}
	if err := s.Err(); err != nil {
		return err
	}
	if _, err := b.Put(ctx, "another", nil); err != nil {
		return err
	}
	entries, err := b.All(ctx)
	if err != nil {
		return err
	}
	// The write that failed may have been kept.
	if len(entries) != acknowledged+1 && len(entries) != acknowledged+2 {
		return fmt.Errorf("%d entries, but %d were acknowledged", len(entries), acknowledged+1)
	}
	return s.Close()
}

func limitFiles(bytes uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = min(bytes, limit.Max)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &limit)
}
