//go:build unix

package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Parts of the tests that need a process of their own: the test's own program, with the name of the part and a folder.
const (
	childPart = "GATEHOUSE_STORE_TEST_CHILD"
	childDir  = "GATEHOUSE_STORE_TEST_DIR"
)

var childParts = map[string]func(dir string) error{
	"full":         fillBucket((*Store).Bucket),
	"full relaxed": fillBucket((*Store).RelaxedBucket),
	"full log":     fillLog,
	"write":        writeUntilKilled,
}

func TestMain(m *testing.M) {
	if part := childParts[os.Getenv(childPart)]; part != nil {
		if err := part(os.Getenv(childDir)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(ctx context.Context, part, dir string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childPart+"="+part, childDir+"="+dir)
	return cmd
}

// keptRecords is how many records of the log the child keeps when it trims, so that a kill may fall there too.
const keptRecords = 300

// writeUntilKilled appends to the log and writes to a relaxed and a strict bucket, and says what was acknowledged.
func writeUntilKilled(dir string) error {
	ctx := context.Background()
	s, err := Open(dir, Params{rewriteEvery: 10 * time.Millisecond})
	if err != nil {
		return err
	}
	l, err := s.Log(ctx, "messages")
	if err != nil {
		return err
	}
	relaxed, err := s.RelaxedBucket(ctx, "relaxed")
	if err != nil {
		return err
	}
	strict, err := s.Bucket(ctx, "strict")
	if err != nil {
		return err
	}
	_, start, _ := l.Bounds()
	failed := make(chan error, 3)
	go func() {
		for n := start + 1; ; n++ {
			seq, err := l.Append(numbered(n))
			if err != nil || seq != n {
				failed <- fmt.Errorf("record %d has number %d: %w", n, seq, err)
				return
			}
			fmt.Printf("log %d\n", n)
			if n%100 == 0 {
				if err := l.Trim(n - min(n, keptRecords)); err != nil {
					failed <- err
					return
				}
			}
		}
	}()
	for name, b := range map[string]*Bucket{"relaxed": relaxed, "strict": strict} {
		go func() {
			for n := start*1000 + 1; ; n++ { // higher than in all rounds before
				key := fmt.Sprintf("key-%d", n%20)
				if _, err := b.Put(ctx, key, fmt.Appendf(nil, "%d", n)); err != nil {
					failed <- err
					return
				}
				fmt.Printf("%s %d\n", name, n)
			}
		}()
	}
	go func() { failed <- churnUntilKilled(ctx, s, start*1000+1) }()
	return <-failed
}

// churnedKeys is how many keys there are between their put and their delete.
const churnedKeys = 30

// churnUntilKilled puts and deletes keys that are new each time, and removes the markers of that.
func churnUntilKilled(ctx context.Context, s *Store, n uint64) error {
	b, err := s.RelaxedBucket(ctx, "churned")
	if err != nil {
		return err
	}
	old, err := b.All(ctx)
	if err != nil {
		return err
	}
	for _, e := range old {
		if err := b.Delete(ctx, e.Key); err != nil {
			return err
		}
	}
	for first := n; ; n++ {
		if _, err := b.Put(ctx, fmt.Sprintf("key-%d", n), make([]byte, 30<<10)); err != nil {
			return err
		}
		if n >= first+churnedKeys {
			if err := b.Delete(ctx, fmt.Sprintf("key-%d", n-churnedKeys)); err != nil {
				return err
			}
		}
		fmt.Printf("churned %d\n", n)
		if n%100 == 0 {
			_, _ = b.sweep(ctx) // it says when the engine is just rewriting a block
		}
	}
}

func TestNothingAcknowledgedIsLostByKillAndTheOrderIsKept(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]map[string]uint64{"relaxed": {}, "strict": {}}
	var logged uint64
	for round := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := child(ctx, "write", dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		var churned, firstChurned uint64 // in this round
		var once sync.Once
		for lines := bufio.NewScanner(out); lines.Scan(); {
			once.Do(func() { // it writes: let it live for a while
				time.AfterFunc(time.Duration(rand.IntN(80))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			})
			what, number, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.ParseUint(number, 10, 64)
			require.NoError(t, err, "the child says %s", lines.Text())
			switch what {
			case "log":
				logged = n
			case "churned":
				if churned = n; firstChurned == 0 {
					firstChurned = n
				}
			default:
				acknowledged[what][fmt.Sprintf("key-%d", n%20)] = n
			}
		}
		require.ErrorContains(t, cmd.Wait(), "killed")
		cancel()

		s, err := Open(dir, Params{})
		require.NoError(t, err, "round %d", round)
		l := openLog(t, s)
		first, last, _ := l.Bounds()
		require.GreaterOrEqual(t, last, logged)
		require.LessOrEqual(t, first, max(logged, keptRecords)-keptRecords+100)
		requireLog(t, l, first, last)
		for name, keys := range acknowledged {
			b, err := s.RelaxedBucket(t.Context(), name)
			require.NoError(t, err)
			all := contents(t, b)
			for key, n := range keys {
				value, err := strconv.ParseUint(all[key], 10, 64)
				require.NoError(t, err, "%s in %s", key, name)
				require.GreaterOrEqual(t, value, n, "%s in %s", key, name)
			}
		}
		if churned > 0 {
			b, err := s.RelaxedBucket(t.Context(), "churned")
			require.NoError(t, err)
			all := contents(t, b)
			for n := max(firstChurned+churnedKeys, churned+2) - churnedKeys; n <= churned; n++ {
				_, there := all[fmt.Sprintf("key-%d", n)]
				require.True(t, there, "key %d of %d to %d", n, firstChurned, churned)
				delete(all, fmt.Sprintf("key-%d", n))
			}
			require.LessOrEqual(t, len(all), 2, "what was deleted is not back; one put and one delete were under way")
		}
		require.NoError(t, s.Close())
	}
	require.Greater(t, logged, uint64(200), "the test needs some load")
	require.Empty(t, EarlierDamage(dir))
}
