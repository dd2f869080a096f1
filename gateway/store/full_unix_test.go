//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A file that may not grow is what a full disk is to the store; the limit holds for a whole process, so it has its own.
func TestAFullDiskIsReportedAndTheStoreRecoversWhenReopened(t *testing.T) {
	for _, part := range []string{"full", "full relaxed", "full log"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel() // most of it is waiting for the engine
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			dir := t.TempDir()
			out, err := child(ctx, part, dir).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Empty(t, string(out), "nothing is written to the terminal")
			require.Empty(t, EarlierDamage(dir))
		})
	}
}

// fillAndRecover writes what make gives until the disk is full, makes room and reopens the store. A write is told its number;
// count tells how many are there, in order from 1.
func fillAndRecover(dir string, make func(*Store) (write func(n uint64) error, count func() (uint64, error), err error)) error {
	signal.Ignore(unix.SIGXFSZ)
	ctx := context.Background()
	s, err := Open(dir, Params{Timeout: time.Second})
	if err != nil {
		return err
	}
	write, count, err := make(s)
	if err != nil {
		return err
	}
	const limit = 300 << 10
	if err := limitFiles(limit); err != nil {
		return err
	}
	acknowledged := uint64(0)
	for {
		if err = write(acknowledged + 1); err != nil {
			break
		}
		if acknowledged++; acknowledged*(10<<10) > limit {
			return errors.New("no write failed")
		}
	}
	if !errors.Is(err, ErrDown) || !errors.Is(s.Err(), ErrDown) {
		return fmt.Errorf("the failure is %w, and then %w", err, s.Err())
	}
	if err := write(acknowledged + 2); !errors.Is(err, ErrDown) {
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
	kept, err := count()
	if err != nil {
		return err
	}
	// The write that failed may have been kept.
	if kept != acknowledged && kept != acknowledged+1 {
		return fmt.Errorf("%d are there, but %d were acknowledged", kept, acknowledged)
	}
	for range 50 {
		if err := write(kept + 1); err != nil {
			return err
		}
		kept++
	}
	if now, err := count(); err != nil || now != kept {
		return fmt.Errorf("%d are there, but %d were acknowledged: %w", now, kept, err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = Open(dir, Params{}); err != nil {
		return err
	}
	return s.Close()
}

func fillBucket(open func(*Store, context.Context, string) (*Bucket, error)) func(string) error {
	return func(dir string) error {
		return fillAndRecover(dir, func(s *Store) (func(uint64) error, func() (uint64, error), error) {
			b, err := open(s, context.Background(), "things")
			write := func(n uint64) error {
				_, err := b.Put(context.Background(), fmt.Sprintf("key-%d", n), make([]byte, 10<<10))
				return err
			}
			count := func() (uint64, error) {
				entries, err := b.All(context.Background())
				return uint64(len(entries)), err
			}
			return write, count, err
		})
	}
}

func fillLog(dir string) error {
	return fillAndRecover(dir, func(s *Store) (func(uint64) error, func() (uint64, error), error) {
		l, err := s.Log(context.Background(), "messages")
		write := func(n uint64) error {
			seq, err := l.Append(fmt.Appendf(make([]byte, 10<<10), "%d", n))
			if err == nil && seq != n {
				err = fmt.Errorf("record %d has the number %d", n, seq)
			}
			return err
		}
		count := func() (n uint64, err error) {
			err = l.Read(0, func(seq uint64, record []byte) error {
				if n++; n != seq || string(record[10<<10:]) != fmt.Sprint(n) {
					return fmt.Errorf("record %d of %d bytes after %d", seq, len(record), n-1)
				}
				return nil
			})
			return n, err
		}
		return write, count, err
	})
}

func limitFiles(bytes uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = min(bytes, limit.Max)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &limit)
}
