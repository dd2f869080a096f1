package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// asNobody runs what it is given without the rights of root, who may read everything; the files below dir become its own.
func asNobody(t *testing.T, dir string, run func()) {
	t.Helper()
	if os.Getuid() != 0 {
		run()
		return
	}
	const nobody = 65534
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nobody))
	}))
	for parent := filepath.Dir(dir); parent != "/" && parent != os.TempDir(); parent = filepath.Dir(parent) {
		require.NoError(t, os.Chmod(parent, 0o755))
	}
	runtime.LockOSThread() // the file system's view of who asks belongs to the thread
	defer runtime.UnlockOSThread()
	require.NoError(t, unix.Setfsuid(nobody))
	defer func() { require.NoError(t, unix.Setfsuid(0)) }()
	run()
}

func TestAStoreWithWrongPermissionsIsRefusedAndStaysWhereItIs(t *testing.T) {
	for name, x := range subjects() {
		dir, _ := written(t, x, 20)
		stream := streamFolder(folder, x.stream)
		for what, test := range map[string]struct {
			path string
			mode os.FileMode
		}{
			"store":             {folder, 0},
			"manifest":          {filepath.Join(folder, manifestName), 0},
			"manifest readable": {filepath.Join(folder, manifestName), 0o400},
			"streams":           {streamsFolder(folder), 0},
			"stream":            {stream, 0},
			"stream readable":   {stream, 0o500},
			"meta":              {filepath.Join(stream, "meta.inf"), 0},
			"sum of meta":       {filepath.Join(stream, "meta.sum"), 0},
			"blocks":            {filepath.Join(stream, "msgs"), 0},
			"blocks readable":   {filepath.Join(stream, "msgs"), 0o500},
			"block":             {blockFile(folder, x.stream, 1), 0},
			"block readable":    {blockFile(folder, x.stream, 1), 0o400},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				info, err := os.Stat(filepath.Join(dir, test.path))
				require.NoError(t, err)
				require.NoError(t, os.Chmod(filepath.Join(dir, test.path), test.mode))
				asNobody(t, dir, func() {
					for range 2 {
						_, err := Open(dir, Params{})
						require.ErrorIs(t, err, fs.ErrPermission)
						require.ErrorContains(t, err, test.path)
						require.Empty(t, EarlierDamage(dir), "that can be put right")
					}
				})
				require.NoError(t, os.Chmod(filepath.Join(dir, test.path), info.Mode().Perm()))
			})
		}
		require.Equal(t, x.model(20), x.read(t, open(t, dir)), "with the permissions put right")
	}
}
