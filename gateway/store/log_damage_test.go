package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// longLog makes a closed store with a log of several blocks of about 27 records each, of which those before trimmed are gone.
func longLog(t *testing.T, trimmed uint64) (dir string, blocks []int) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	l := openLog(t, s)
	for range 70 {
		_, err := l.Append(make([]byte, 300<<10))
		require.NoError(t, err)
	}
	require.NoError(t, l.Trim(trimmed))
	require.NoError(t, s.Close())
	blocks, err := listBlocks(blocksFolder(filepath.Join(dir, folder), logStream("messages")))
	require.NoError(t, err)
	return dir, blocks
}

func logBlock(dir string, block int) string {
	return blockFile(filepath.Join(dir, folder), logStream("messages"), block)
}

func TestABlockOfALogThatIsMissingOrHarmedIsFoundUnlessItIsNotNeeded(t *testing.T) {
	dir, blocks := longLog(t, 1)
	require.GreaterOrEqual(t, len(blocks), 3, "the test needs several blocks")
	for name, harm := range map[string]func(path string) error{
		"removed":   os.Remove,
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"cut":       func(path string) error { return os.Truncate(path, size(t, path)-1) },
		"zeroed":    func(path string) error { overwrite(t, path, 0, make([]byte, page)); return nil },
		"exchanged": func(path string) error { return os.Link(logBlock(dir, 2), path) },
	} {
		for _, block := range blocks {
			if name == "exchanged" && block == 2 {
				continue
			}
			path := logBlock(dir, block)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			if name == "exchanged" {
				require.NoError(t, os.Remove(path))
			}
			require.NoError(t, harm(path))
			_, err = Open(dir, Params{})
			requireDamage(t, err, "LOG_messages", "block %d %s", block, name)
			var damaged *DamagedError
			require.ErrorAs(t, err, &damaged)
			require.NoError(t, os.Rename(damaged.SetAside, filepath.Join(dir, folder)))
			if name == "exchanged" {
				require.NoError(t, os.Remove(path))
			}
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}
	}
	require.Len(t, records(t, openLog(t, open(t, dir)), 0), 70, "without harm it is whole")
}

func TestTheRecordsThatWereTrimmedNeedNotBeThere(t *testing.T) {
	whole, blocks := longLog(t, 1)
	low := uint64(40) // in the second block
	for name, after := range map[string]func(dir string) error{
		"all are there": func(string) error { return nil },
		"the first block is gone": func(dir string) error {
			return os.Remove(logBlock(dir, blocks[0]))
		},
		"the first block is empty": func(dir string) error { return os.Truncate(logBlock(dir, blocks[0]), 0) },
		"there is no index":        func(dir string) error { return os.Remove(filepath.Join(filepath.Dir(logBlock(dir, 1)), "index.db")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(whole)))
			// The process ended when Trim had told the manifest.
			m, err := openManifest(filepath.Join(dir, folder))
			require.NoError(t, err)
			require.NoError(t, m.raise(map[string]uint64{lowKey("messages"): low}, (*os.File).Sync))
			require.NoError(t, m.close())
			require.NoError(t, after(dir))
			for range 2 {
				s := open(t, dir)
				l := openLog(t, s)
				first, last, _ := l.Bounds()
				require.Equal(t, low, first)
				require.Len(t, records(t, l, 0), int(last-low+1))
				_, err = l.Get(low - 1)
				require.ErrorIs(t, err, ErrNotFound)
				_, err = l.Append([]byte("next"))
				require.NoError(t, err)
				require.NoError(t, s.Close())
			}
			require.NoError(t, os.Remove(logBlock(dir, blocks[1])))
			_, err = Open(dir, Params{})
			requireDamage(t, err, "LOG_messages", "a block that is needed")
		})
	}
}

// The engine's summary may tell of records that did not reach the disk; it would number the next after those.
func TestAnIndexThatKnowsMoreThanTheBlocksLeavesNoGap(t *testing.T) {
	x := subjects()["log"]
	closed, killed := written(t, x, 100)
	mark := marked(t, killed, x.key)
	index := filepath.Join(streamFolder(folder, x.stream), "msgs", "index.db")
	data, err := os.ReadFile(filepath.Join(closed, index))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(killed, index), data, 0o600))
	block := filepath.Join(killed, blockFile(folder, x.stream, 1))
	require.NoError(t, os.Truncate(block, size(t, block)-page))
	whole := wholeBefore(t, filepath.Join(closed, blockFile(folder, x.stream, 1)), size(t, block))
	require.Less(t, whole, 100)
	require.GreaterOrEqual(t, whole, mark)
	for range 2 {
		s := open(t, killed)
		require.Equal(t, x.model(whole), x.read(t, s))
		whole++
		x.write(t, s, whole)
		require.NoError(t, s.Close())
	}
}

// What was trimmed may have been lost with all that came after it, while the manifest tells that it is not needed.
func TestALogGoesOnBehindWhatWasTrimmedBeforeItReachedTheDisk(t *testing.T) {
	x := subjects()["log"]
	_, killed := written(t, x, 100)
	mark := uint64(marked(t, killed, x.key))
	m, err := openManifest(filepath.Join(killed, folder))
	require.NoError(t, err)
	require.NoError(t, m.raise(map[string]uint64{lowKey("messages"): 90}, (*os.File).Sync))
	require.NoError(t, m.close())
	block := filepath.Join(killed, blockFile(folder, x.stream, 1))
	require.NoError(t, os.Truncate(block, size(t, block)/4))
	require.Less(t, mark, uint64(90))
	for n := uint64(90); n < 93; n++ {
		s := open(t, killed)
		l := openLog(t, s)
		first, last, _ := l.Bounds()
		require.Equal(t, []uint64{90, n - 1}, []uint64{first, last})
		x.write(t, s, int(n))
		require.NoError(t, s.Close())
	}
}

func TestALogIsFoundWhereAnInterruptedPurgeOfTheEngineLeftIt(t *testing.T) {
	x := subjects()["log"]
	image, _ := written(t, x, 50)
	blocks := filepath.Join(image, streamFolder(folder, x.stream), "msgs")
	require.NoError(t, os.Rename(blocks, filepath.Join(filepath.Dir(blocks), "__new_msgs__")))
	require.Equal(t, x.model(50), x.read(t, open(t, image)))
}

func TestALogIsWholeAfterReopeningAndReadableMeanwhile(t *testing.T) {
	s := open(t, t.TempDir())
	l := openLog(t, s)
	appendTo(t, l, 50)
	_ = s.fail(os.ErrInvalid)
	_, err := l.Append(nil)
	require.ErrorIs(t, err, ErrDown)
	require.ErrorIs(t, l.Trim(10), ErrDown)
	requireLog(t, l, 1, 50)
	require.NoError(t, s.Reopen(t.Context()))
	requireLog(t, l, 1, 50)
	appendTo(t, l, 60)
	requireLog(t, l, 1, 60)
}
