package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func openLog(t testing.TB, s *Store) *Log {
	t.Helper()
	l, err := s.Log(t.Context(), "messages")
	require.NoError(t, err)
	return l
}

func records(t testing.TB, l *Log, from uint64) (all []string) {
	t.Helper()
	next := uint64(0)
	require.NoError(t, l.Read(from, func(seq uint64, record []byte) error {
		if next != 0 {
			require.Equal(t, next, seq, "without a gap")
		}
		next = seq + 1
		all = append(all, string(record))
		return nil
	}))
	return all
}

// numbered is the record that tests write under this number, of a size of its own: now and then a large one.
func numbered(n uint64) []byte {
	size := n * 37 % 400
	if n%100 == 99 {
		size = 300 << 10
	}
	return fmt.Appendf(nil, "%d %0*d", n, size, n)
}

func appendTo(t testing.TB, l *Log, upTo uint64) {
	t.Helper()
	_, last, _ := l.Bounds()
	for n := last + 1; n <= upTo; n++ {
		seq, err := l.Append(numbered(n))
		require.NoError(t, err)
		require.Equal(t, n, seq)
	}
}

// requireLog fails unless the log holds the records first to last.
func requireLog(t testing.TB, l *Log, first, last uint64) {
	t.Helper()
	f, e, _ := l.Bounds()
	require.Equal(t, []uint64{first, last}, []uint64{f, e})
	want := []string(nil)
	for n := first; n <= last; n++ {
		want = append(want, string(numbered(n)))
	}
	require.Equal(t, want, records(t, l, 0))
}

func TestALogKeepsItsRecordsInOrder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	l := openLog(t, s)
	requireLog(t, l, 1, 0)
	appendTo(t, l, 700)
	requireLog(t, l, 1, 700)
	require.Len(t, records(t, l, 600), 101)
	require.Empty(t, records(t, l, 701))
	require.NoError(t, s.Close())

	l = openLog(t, open(t, dir))
	requireLog(t, l, 1, 700)
	appendTo(t, l, 710)
	requireLog(t, l, 1, 710)
	got, err := l.Get(303)
	require.NoError(t, err)
	require.Equal(t, string(numbered(303)), string(got))
	for _, seq := range []uint64{0, 711} {
		_, err := l.Get(seq)
		require.ErrorIs(t, err, ErrNotFound)
	}
}

func TestARecordMayBeEmptyOrLargeButNotTooLarge(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	large := bytes.Repeat([]byte("x"), MaxRecord)
	for n, record := range [][]byte{nil, large, []byte("small"), large, large, large} {
		seq, err := l.Append(record)
		require.NoError(t, err)
		require.EqualValues(t, n+1, seq)
		got, err := l.Get(seq)
		require.NoError(t, err)
		require.True(t, bytes.Equal(record, got))
	}
	require.Len(t, records(t, l, 0), 6)
	_, err := l.Append(append(large, 'x'))
	require.Error(t, err)
	require.NoError(t, l.store.Err(), "that is not a failed write")
}

func TestReadEndsWithTheErrorOfItsReader(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	appendTo(t, l, 1000)
	stop := errors.New("enough")
	n := 0
	require.ErrorIs(t, l.Read(0, func(uint64, []byte) error {
		if n++; n == 400 {
			return stop
		}
		return nil
	}), stop)
	require.Equal(t, 400, n)
	requireLog(t, l, 1, 1000)
}

func TestTrimmedRecordsAreGoneAndTheirSpaceComesBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	l := openLog(t, s)
	record := make([]byte, 256<<10)
	for range 100 {
		_, err := l.Append(record)
		require.NoError(t, err)
	}
	_, _, full := l.Bounds()
	require.Greater(t, full, int64(100*len(record)))
	require.NoError(t, l.Trim(91))
	first, last, bytes := l.Bounds()
	require.Equal(t, []uint64{91, 100}, []uint64{first, last})
	require.Less(t, bytes, int64(18<<20), "what is left and one block")
	_, err := l.Get(90)
	require.ErrorIs(t, err, ErrNotFound)
	require.Len(t, records(t, l, 1), 10)
	require.NoError(t, l.Trim(50), "nothing comes back")
	require.NoError(t, l.Trim(1000), "all there is")
	first, last, _ = l.Bounds()
	require.Equal(t, []uint64{101, 100}, []uint64{first, last})
	require.Empty(t, records(t, l, 0))
	require.NoError(t, s.Close())

	s = open(t, dir)
	l = openLog(t, s)
	first, last, bytes = l.Bounds()
	require.Equal(t, []uint64{101, 100}, []uint64{first, last})
	require.Less(t, bytes, int64(9<<20))
	seq, err := l.Append([]byte("next"))
	require.NoError(t, err)
	require.EqualValues(t, 101, seq)
	require.NoError(t, s.Close())
	require.Equal(t, []string{"next"}, records(t, openLog(t, open(t, dir)), 0))
}

func TestALogIsReadAndTrimmedWhileItIsWritten(t *testing.T) {
	l := openLog(t, open(t, t.TempDir()))
	const all = 1000
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range all / 4 {
				if _, err := l.Append(make([]byte, 20<<10)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		_, last, _ := l.Bounds()
		if err := l.Trim(last / 2); err != nil {
			t.Error(err)
		}
		var prior uint64
		err := l.Read(0, func(seq uint64, record []byte) error {
			if seq <= prior || len(record) != 20<<10 {
				return fmt.Errorf("record %d of %d bytes after %d", seq, len(record), prior)
			}
			prior = seq
			return nil
		})
		require.NoError(t, err)
		if _, err := l.Get(last); last > 0 && err != nil {
			t.Error(err)
		}
	}
	_, last, _ := l.Bounds()
	require.EqualValues(t, all, last)
}

func TestWritesAreTimed(t *testing.T) {
	var mu sync.Mutex
	told := map[string]int{}
	s, err := Open(t.TempDir(), Params{OnWrite: func(kind string, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if took > 0 {
			told[kind]++
		}
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	appendTo(t, openLog(t, s), 3)
	_, err = bucket(t, s).Put(t.Context(), "a", nil)
	require.NoError(t, err)
	require.NoError(t, bucket(t, s).Apply(t.Context(), []Op{{Key: "a", Delete: true}, {Key: "b"}}))
	require.Equal(t, map[string]int{"log": 3, "bucket": 2}, told)
}

func BenchmarkLog(b *testing.B) {
	for _, always := range []bool{false, true} {
		for _, size := range []int{1 << 10, 6 << 10, 24 << 10} {
			b.Run(fmt.Sprintf("always=%v/%dKB", always, size>>10), func(b *testing.B) {
				s, err := Open(b.TempDir(), Params{Always: always})
				require.NoError(b, err)
				defer func() { require.NoError(b, s.Close()) }()
				l := openLog(b, s)
				record := make([]byte, size)
				b.SetBytes(int64(size))
				for b.Loop() {
					if _, err := l.Append(record); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkLogRead(b *testing.B) {
	l := openLog(b, open(b, b.TempDir()))
	for range 10000 {
		_, err := l.Append(make([]byte, 6<<10))
		require.NoError(b, err)
	}
	b.Run("Read", func(b *testing.B) {
		b.SetBytes(10000 * 6 << 10)
		for b.Loop() {
			require.NoError(b, l.Read(0, func(uint64, []byte) error { return nil }))
		}
	})
	b.Run("Get", func(b *testing.B) {
		for i := uint64(0); b.Loop(); i++ {
			if _, err := l.Get(i*7919%10000 + 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLogOpen256MB(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir)
	l := openLog(b, s)
	record := make([]byte, 6<<10)
	for range 256 << 20 / len(record) {
		_, err := l.Append(record)
		require.NoError(b, err)
	}
	require.NoError(b, s.Close())
	for _, killed := range []bool{false, true} {
		b.Run(fmt.Sprintf("killed=%v", killed), func(b *testing.B) {
			for b.Loop() {
				if killed {
					require.NoError(b, os.Remove(filepath.Join(blocksFolder(s.root(), logStream("messages")), "index.db")))
				}
				s, err := Open(dir, Params{})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A log that is trimmed as it grows, as a checkpoint does every 1 000 records.
func BenchmarkLogAppendAndTrim(b *testing.B) {
	l := openLog(b, open(b, b.TempDir()))
	record := make([]byte, 6<<10)
	for b.Loop() {
		seq, err := l.Append(record)
		if err == nil && seq%1000 == 0 {
			err = l.Trim(seq - 500)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// A message for very many sessions is one record, however large.
func TestTheLargestRecordIsKeptAndALargerOneRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	l := openLog(t, s)
	large := bytes.Repeat([]byte("0123456789abcdef"), MaxRecord/16)
	for range 3 {
		if _, err := l.Append(large); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Append(append(large, 'x')); err == nil {
		t.Fatal("a record beyond the bound was taken")
	}
	if err := s.Err(); err != nil {
		t.Fatalf("a record that was refused harmed the store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, open(t, dir))
	for seq := uint64(1); seq <= 3; seq++ {
		if got, err := l.Get(seq); err != nil || !bytes.Equal(got, large) {
			t.Fatalf("record %d: %d bytes, %v", seq, len(got), err)
		}
	}
	read := 0
	require.NoError(t, l.Read(1, func(_ uint64, record []byte) error {
		require.True(t, bytes.Equal(record, large))
		read++
		return nil
	}))
	require.Equal(t, 3, read)
}
