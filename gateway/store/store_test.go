package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Params{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func bucket(t testing.TB, s *Store) *Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), "things")
	require.NoError(t, err)
	return b
}

func contents(t testing.TB, b *Bucket) map[string]string {
	t.Helper()
	entries, err := b.All(t.Context())
	require.NoError(t, err)
	all := map[string]string{}
	for _, e := range entries {
		all[e.Key] = string(e.Value)
	}
	return all
}

func TestWhatIsWrittenIsThereAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s)
	require.Empty(t, contents(t, b))
	_, err := b.Create(t.Context(), "a", []byte("1"))
	require.NoError(t, err)
	rev, err := b.Put(t.Context(), "b", []byte("2"))
	require.NoError(t, err)
	_, err = b.Update(t.Context(), "b", []byte("3"), rev)
	require.NoError(t, err)
	_, err = b.Put(t.Context(), "c", nil)
	require.NoError(t, err)
	require.NoError(t, b.Delete(t.Context(), "a"))
	want := map[string]string{"b": "3", "c": ""}
	require.Equal(t, want, contents(t, b))
	require.NoError(t, s.Close())

	s = open(t, dir)
	require.Equal(t, want, contents(t, bucket(t, s)))
	require.Equal(t, want, contents(t, bucket(t, s)), "the second read is as good as the first")
}

func TestCompareAndSet(t *testing.T) {
	b := bucket(t, open(t, t.TempDir()))
	rev, err := b.Create(t.Context(), "a", []byte("1"))
	require.NoError(t, err)
	_, err = b.Create(t.Context(), "a", []byte("2"))
	require.ErrorIs(t, err, ErrConflict)
	_, err = b.Update(t.Context(), "a", []byte("2"), rev+1)
	require.ErrorIs(t, err, ErrConflict)
	_, err = b.Update(t.Context(), "missing", []byte("2"), 0)
	require.ErrorIs(t, err, ErrConflict)
	require.ErrorIs(t, b.Delete(t.Context(), "missing"), ErrNotFound)
	require.Equal(t, map[string]string{"a": "1"}, contents(t, b))
	require.NoError(t, b.store.Err(), "a conflict is not a failed write")
}

func TestKeysAndValuesHaveBounds(t *testing.T) {
	b := bucket(t, open(t, t.TempDir()))
	for _, key := range []string{"", ".", "a b", "a.", "_redo.0", "a*", ">", "ä"} {
		_, err := b.Put(t.Context(), key, nil)
		require.Error(t, err, "key %q", key)
	}
	_, err := b.Put(t.Context(), "a", make([]byte, MaxValue))
	require.NoError(t, err)
	_, err = b.Put(t.Context(), "a", make([]byte, MaxValue+1))
	require.Error(t, err)
	require.NoError(t, b.store.Err())
	_, err = b.store.Bucket(t.Context(), "no/name")
	require.Error(t, err)
}

func TestApplyChangesAllKeys(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s)
	var ops []Op
	want := map[string]string{}
	for i := range 3000 {
		key := fmt.Sprintf("key-%d", i)
		ops = append(ops, Op{Key: key, Value: fmt.Appendf(nil, "%0300d", i)})
		want[key] = fmt.Sprintf("%0300d", i)
	}
	require.NoError(t, b.Apply(t.Context(), ops))
	require.Equal(t, want, contents(t, b))
	for i, op := range ops {
		if i%2 == 0 {
			ops[i] = Op{Key: op.Key, Delete: true}
			delete(want, op.Key)
		}
	}
	require.NoError(t, b.Apply(t.Context(), append(ops, Op{Key: "never-there", Delete: true})))
	require.Equal(t, want, contents(t, b))
	require.NoError(t, s.Close())
	require.Equal(t, want, contents(t, bucket(t, open(t, dir))))
}

func TestWritersShareTheFsync(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for n := range 10 {
				_, err := b.Put(context.Background(), fmt.Sprintf("key-%d", i), fmt.Append(nil, n))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, contents(t, b), 32)
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // permissions are inherited there
	}
	dir := t.TempDir()
	b := bucket(t, open(t, dir))
	_, err := b.Put(t.Context(), "a", []byte("1"))
	require.NoError(t, err)
	require.NoError(t, b.store.Close())
	files := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, folder), func(path string, entry os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s has %v", path, info.Mode())
		files++
		return nil
	}))
	require.Greater(t, files, 5)
}

func TestTheSecondInstanceIsRefusedAndHarmsNothing(t *testing.T) {
	dir := t.TempDir()
	b := bucket(t, open(t, dir))
	for range 3 {
		_, err := Open(dir, Params{})
		var inUse *InUseError
		require.ErrorAs(t, err, &inUse)
		require.Equal(t, InUseError{Dir: dir, PID: os.Getpid()}, *inUse)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := b.Put(t.Context(), "a", []byte("1"))
	require.NoError(t, err)
	require.NoError(t, b.store.Close())
	require.Len(t, contents(t, bucket(t, open(t, dir))), 1)
}

func TestAfterAFailedWriteTheStoreIsDownUntilItIsReopened(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s)
	_, err := b.Put(t.Context(), "a", []byte("1"))
	require.NoError(t, err)
	broken := errors.New("no space left on device")
	s.syncFile = func(*os.File) error { return broken }
	_, err = b.Put(t.Context(), "b", []byte("2"))
	require.ErrorIs(t, err, ErrDown)
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, s.Err(), ErrDown)
	s.syncFile = (*os.File).Sync
	_, err = b.Put(t.Context(), "c", []byte("3"))
	require.ErrorIs(t, err, ErrDown, "it does not mend itself")

	told := 0
	s.OnReopen(func(ctx context.Context) error {
		told++
		require.ErrorIs(t, s.Err(), ErrDown)
		_, err := b.All(ctx)
		return err
	})
	require.NoError(t, s.Reopen(t.Context()))
	require.Equal(t, 1, told)
	require.NoError(t, s.Err())
	_, err = b.Put(t.Context(), "c", []byte("3"))
	require.NoError(t, err)
	all := contents(t, b)
	require.Equal(t, "1", all["a"])
	require.Equal(t, "3", all["c"])
}

func TestACancelledWriteIsNoFailure(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Put(ctx, "a", []byte("1"))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, s.Err())
}

func TestCloseEndsEverything(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := Open(t.TempDir(), Params{})
	require.NoError(t, err)
	b, err := s.Bucket(context.Background(), "things")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err = b.Put(context.Background(), "a", nil)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, s.Reopen(context.Background()), ErrClosed)
	require.ErrorIs(t, s.Err(), ErrClosed)
}

func TestSetAsideStoresAreListedOldestFirst(t *testing.T) {
	dir := t.TempDir()
	require.Empty(t, EarlierDamage(dir))
	for _, name := range []string{"store.damaged-20260102T000000Z", "store.damaged-20250102T000000Z", "store", "other"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	found := EarlierDamage(dir)
	require.True(t, slices.IsSorted(found))
	require.Len(t, found, 2)
}

func BenchmarkPut(b *testing.B) {
	for _, kind := range []string{"durable", "relaxed", "relaxed, always"} {
		b.Run(kind, func(b *testing.B) {
			s, err := Open(b.TempDir(), Params{Always: kind == "relaxed, always"})
			require.NoError(b, err)
			defer func() { require.NoError(b, s.Close()) }()
			make := s.RelaxedBucket
			if kind == "durable" {
				make = s.Bucket
			}
			bk, err := make(b.Context(), "things")
			require.NoError(b, err)
			value := bytes.Repeat([]byte("x"), 300)
			for i := 0; b.Loop(); i++ {
				if _, err := bk.Put(b.Context(), fmt.Sprintf("key-%d", i%1000), value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen10000(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir)
	bk := bucket(b, s)
	var ops []Op
	for i := range 10000 {
		ops = append(ops, Op{Key: fmt.Sprintf("key-%d", i), Value: make([]byte, 400)})
	}
	require.NoError(b, bk.Apply(b.Context(), ops))
	require.NoError(b, s.Close())
	for b.Loop() {
		s, err := Open(dir, Params{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenEmpty(b *testing.B) {
	dir := b.TempDir()
	require.NoError(b, open(b, dir).Close())
	for b.Loop() {
		s, err := Open(dir, Params{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
