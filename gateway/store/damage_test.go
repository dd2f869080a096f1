package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// blockPath is where the tests do harm.
func blockPath(dir string) string {
	return filepath.Join(blocksFolder(filepath.Join(dir, folder), "KV_things"), "1.blk")
}

// filled makes a store with entries in it and closes it.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	b := bucket(t, open(t, dir))
	for i := range 20 {
		_, err := b.Put(t.Context(), fmt.Sprintf("key-%d", i%7), fmt.Appendf(nil, "%0200d", i))
		require.NoError(t, err)
	}
	require.NoError(t, b.store.Close())
	return dir
}

func overwrite(t *testing.T, path string, at int64, with []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(with, at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

// fingerprints is the checksum of each file below a folder.
func fingerprints(t *testing.T, root string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		relative, _ := filepath.Rel(root, path)
		sums[relative] = sha256.Sum256(data)
		return err
	}))
	return sums
}

func TestEachDamageIsFoundNamedAndSetAside(t *testing.T) {
	stream := func(dir, name string) string {
		return filepath.Join(streamFolder(filepath.Join(dir, folder), "KV_things"), name)
	}
	manifestPath := func(dir string) string { return filepath.Join(dir, folder, manifestName) }
	for name, test := range map[string]struct {
		harm func(t *testing.T, dir string)
		file string // a part of the name that must be told
	}{
		"block removed": {func(t *testing.T, dir string) { require.NoError(t, os.Remove(blockPath(dir))) }, "msgs"},
		"block emptied": {func(t *testing.T, dir string) { require.NoError(t, os.Truncate(blockPath(dir), 0)) }, "msgs"},
		"block zeroed":  {func(t *testing.T, dir string) { overwrite(t, blockPath(dir), 0, make([]byte, size(t, blockPath(dir)))) }, "1.blk"},
		"block cut": {func(t *testing.T, dir string) {
			require.NoError(t, os.Truncate(blockPath(dir), size(t, blockPath(dir))-1))
		}, "1.blk"},
		"block cut in the midst": {func(t *testing.T, dir string) {
			require.NoError(t, os.Truncate(blockPath(dir), size(t, blockPath(dir))/2+1))
		}, "1.blk"},
		"block changed": {func(t *testing.T, dir string) {
			overwrite(t, blockPath(dir), size(t, blockPath(dir))/2, []byte("garbage"))
		}, "1.blk"},
		"last byte changed": {func(t *testing.T, dir string) { overwrite(t, blockPath(dir), size(t, blockPath(dir))-1, []byte{0xa5}) }, "1.blk"},
		"block is garbage": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(blockPath(dir), bytes.Repeat([]byte("garbage"), 999), 0o600))
		}, "1.blk"},
		"meta changed":        {func(t *testing.T, dir string) { overwrite(t, stream(dir, "meta.inf"), 10, []byte("~")) }, "meta.inf"},
		"meta emptied":        {func(t *testing.T, dir string) { require.NoError(t, os.Truncate(stream(dir, "meta.inf"), 0)) }, "meta.inf"},
		"meta removed":        {func(t *testing.T, dir string) { require.NoError(t, os.Remove(stream(dir, "meta.inf"))) }, "meta.inf"},
		"sum of meta removed": {func(t *testing.T, dir string) { require.NoError(t, os.Remove(stream(dir, "meta.sum"))) }, "meta.sum"},
		"sum of meta changed": {func(t *testing.T, dir string) { overwrite(t, stream(dir, "meta.sum"), 0, []byte("~")) }, "meta.inf"},
		"stream removed":      {func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(stream(dir, ""))) }, "KV_things"},
		"all streams removed": {func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, folder, "jetstream")))
		}, "KV_things"},
		"manifest removed": {func(t *testing.T, dir string) { require.NoError(t, os.Remove(manifestPath(dir))) }, "manifest"},
		"manifest is garbage": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(manifestPath(dir), []byte("garbage"), 0o600))
		}, "manifest"},
		"an old block is back": {func(t *testing.T, dir string) {
			old, err := os.ReadFile(blockPath(dir))
			require.NoError(t, err)
			s := open(t, dir)
			_, err = bucket(t, s).Put(t.Context(), "later", nil)
			require.NoError(t, err)
			require.NoError(t, s.Close())
			require.NoError(t, os.WriteFile(blockPath(dir), old, 0o600))
		}, "msgs"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			test.harm(t, dir)
			before := fingerprints(t, filepath.Join(dir, folder))

			_, err := Open(dir, Params{})
			var damaged *DamagedError
			require.ErrorAs(t, err, &damaged)
			require.Contains(t, damaged.File, test.file)
			require.NotEmpty(t, damaged.Reason)
			require.NotContains(t, err.Error(), "\n")
			require.Equal(t, before, fingerprints(t, damaged.SetAside), "the files are as they were found")
			require.Equal(t, []string{damaged.SetAside}, EarlierDamage(dir))

			require.Empty(t, contents(t, bucket(t, open(t, dir))), "the next start is empty")
			require.Equal(t, before, fingerprints(t, damaged.SetAside))
		})
	}
}

func TestAnOlderBlockThatIsMissingIsFound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s)
	value := make([]byte, 256<<10)
	for i := range 60 { // several blocks
		_, err := b.Put(t.Context(), fmt.Sprintf("key-%d", i), value)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	blocks, err := listBlocks(blocksFolder(filepath.Join(dir, folder), "KV_things"))
	require.NoError(t, err)
	require.Greater(t, len(blocks), 2, "the test needs several blocks")
	require.NoError(t, os.Remove(filepath.Join(blocksFolder(filepath.Join(dir, folder), "KV_things"), fmt.Sprintf("%d.blk", blocks[0]))))
	_, err = Open(dir, Params{})
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Contains(t, damaged.Reason, "not whole")
}

func TestAnotherDamageOnTheSameSecondIsSetAsideBesides(t *testing.T) {
	dir := filled(t)
	for n := range 2 {
		require.NoError(t, os.Remove(blockPath(dir)))
		_, err := Open(dir, Params{})
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged)
		require.Len(t, EarlierDamage(dir), n+1)
		s := open(t, dir)
		_, err = bucket(t, s).Put(t.Context(), "a", nil)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
}

// A process that dies may leave what these make; none of it was acknowledged.
func TestWhatADyingProcessLeavesIsNoDamage(t *testing.T) {
	index := func(dir string) string {
		return filepath.Join(blocksFolder(filepath.Join(dir, folder), "KV_things"), "index.db")
	}
	for name, leave := range map[string]func(t *testing.T, dir string){
		"half a record": func(t *testing.T, dir string) {
			data, err := os.ReadFile(blockPath(dir))
			require.NoError(t, err)
			overwrite(t, blockPath(dir), int64(len(data)), data[:50])
		},
		"zeros": func(t *testing.T, dir string) {
			overwrite(t, blockPath(dir), size(t, blockPath(dir)), make([]byte, 4096))
		},
		"a new empty block": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(blockPath(dir)), "2.blk"), nil, 0o600))
		},
		"no index":      func(t *testing.T, dir string) { require.NoError(t, os.Remove(index(dir))) },
		"half an index": func(t *testing.T, dir string) { require.NoError(t, os.Truncate(index(dir), 20)) },
		"half a manifest slot": func(t *testing.T, dir string) {
			m, err := openManifest(filepath.Join(dir, folder))
			require.NoError(t, err)
			require.NoError(t, m.close())
			overwrite(t, m.path, int64((m.generation+1)%2)*slotSize+20, []byte("torn"))
		},
		"a stream that was being made": func(t *testing.T, dir string) {
			other := streamFolder(filepath.Join(dir, folder), "KV_other")
			require.NoError(t, os.MkdirAll(filepath.Join(other, "msgs"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(other, "meta.inf"), []byte("{"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			leave(t, dir)
			for range 2 {
				s := open(t, dir)
				require.Len(t, contents(t, bucket(t, s)), 7)
				other, err := s.Bucket(t.Context(), "other")
				require.NoError(t, err)
				_, err = other.Put(t.Context(), "a", nil)
				require.NoError(t, err)
				_, err = bucket(t, s).Put(t.Context(), "key-1", []byte("new"))
				require.NoError(t, err)
				require.NoError(t, s.Close())
			}
			require.Empty(t, EarlierDamage(dir))
		})
	}
}

func TestABatchThatWasInterruptedIsCompletedOrNeverWas(t *testing.T) {
	ops := []Op{{Key: "a", Value: []byte("new")}, {Key: "b", Delete: true}, {Key: "c", Value: []byte("c")}}
	log, clear, err := redoLog(ops)
	require.NoError(t, err)
	old, done := map[string]string{"a": "old", "b": "old"}, map[string]string{"a": "new", "c": "c"}
	steps := append(append(append([]Op{}, log...), ops...), clear...)
	for n := range len(steps) + 1 {
		t.Run(fmt.Sprintf("after %d of %d records", n, len(steps)), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			b := bucket(t, s)
			require.NoError(t, b.Apply(t.Context(), []Op{{Key: "a", Value: []byte("old")}, {Key: "b", Value: []byte("old")}}))
			b.mu.Lock()
			require.NoError(t, b.write(steps[:n]))
			b.mu.Unlock()
			require.NoError(t, s.Close())
			want := done
			if n == 0 {
				want = old
			}
			for range 2 {
				s = open(t, dir)
				require.Equal(t, want, contents(t, bucket(t, s)))
				require.NoError(t, s.Close())
			}
		})
	}
}

func TestALongBatchHasSeveralPartsAndNeedsAll(t *testing.T) {
	var ops []Op
	for i := range 10 {
		ops = append(ops, Op{Key: fmt.Sprintf("key-%d", i), Value: make([]byte, 100<<10)})
	}
	log, _, err := redoLog(ops)
	require.NoError(t, err)
	require.Greater(t, len(log), 2)
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s)
	b.mu.Lock()
	require.NoError(t, b.write(log[:len(log)-1]))
	b.mu.Unlock()
	require.NoError(t, s.Close())
	s = open(t, dir)
	require.Empty(t, contents(t, bucket(t, s)), "the log is not complete, so nothing happened")
	require.NoError(t, bucket(t, s).Apply(t.Context(), ops))
	require.Len(t, contents(t, bucket(t, s)), 10)
}

func TestReopenReportsDamageButLeavesIt(t *testing.T) {
	dir := filled(t)
	s := open(t, dir)
	_ = s.fail(fs.ErrInvalid)
	require.NoError(t, os.Truncate(blockPath(dir), 10))
	err := s.Reopen(t.Context())
	require.ErrorContains(t, err, "damaged")
	require.Empty(t, EarlierDamage(dir))
	require.ErrorIs(t, s.Err(), ErrDown)
	require.True(t, strings.Contains(err.Error(), "1.blk"))
}
