package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const page = 4 << 10

// subject is a kind of stream that the tests write to, harm, and read again.
type subject struct {
	stream string
	key    string                              // in the manifest
	write  func(t *testing.T, s *Store, n int) // the write with this number, from 1
	read   func(t *testing.T, s *Store) any    // all that is there
	model  func(n int) any                     // what read gives after n writes
}

func bucketSubject(open func(t *testing.T, s *Store) *Bucket) subject {
	// Every seventh write is a delete of what the one before has put.
	op := func(n int) Op {
		if n%7 == 0 {
			return Op{Key: fmt.Sprintf("key-%d", (n-1)%50), Delete: true}
		}
		return Op{Key: fmt.Sprintf("key-%d", n%50), Value: fmt.Appendf(nil, "%0*d", 200+n%900, n)}
	}
	return subject{
		stream: bucketStream("things"), key: "things",
		write: func(t *testing.T, s *Store, n int) {
			_, err := open(t, s).one(t.Context(), op(n), nil)
			require.NoError(t, err)
		},
		read: func(t *testing.T, s *Store) any { return contents(t, open(t, s)) },
		model: func(n int) any {
			all := map[string]string{}
			for i := 1; i <= n; i++ {
				if o := op(i); o.Delete {
					delete(all, o.Key)
				} else {
					all[o.Key] = string(o.Value)
				}
			}
			return all
		},
	}
}

func subjects() map[string]subject {
	return map[string]subject{
		"bucket": bucketSubject(func(t *testing.T, s *Store) *Bucket { return bucket(t, s) }),
		"relaxed bucket": bucketSubject(func(t *testing.T, s *Store) *Bucket {
			b, err := s.RelaxedBucket(t.Context(), "things")
			require.NoError(t, err)
			return b
		}),
		"log": {
			stream: logStream("messages"), key: logKey + "messages",
			write: func(t *testing.T, s *Store, n int) {
				seq, err := openLog(t, s).Append(fmt.Appendf(nil, "%0*d", 200+n%900, n))
				require.NoError(t, err)
				require.EqualValues(t, n, seq)
			},
			read: func(t *testing.T, s *Store) any { return records(t, openLog(t, s), 0) },
			model: func(n int) any {
				var all []string
				for i := 1; i <= n; i++ {
					all = append(all, fmt.Sprintf("%0*d", 200+i%900, i))
				}
				return all
			},
		},
	}
}

// written makes two images of a store with this many writes: as it is after it was closed, and as kill -9 leaves it, with marks
// that are at least at half of them.
func written(t *testing.T, x subject, writes int) (closed, killed string) {
	t.Helper()
	closed, killed = t.TempDir(), t.TempDir()
	s := open(t, closed)
	s.syncFile = func(*os.File) error { return nil } // the images are made of what the operating system has
	for n := 1; n <= writes; n++ {
		x.write(t, s, n)
		if n == writes/2 {
			require.NoError(t, s.flush(s.manifest))
		}
	}
	require.NoError(t, os.CopyFS(filepath.Join(killed, folder), os.DirFS(filepath.Join(closed, folder))))
	require.NoError(t, s.Close())
	return closed, killed
}

// marked is the high-water mark in a folder's manifest.
func marked(t *testing.T, dir, key string) int {
	t.Helper()
	m, err := openManifest(filepath.Join(dir, folder))
	require.NoError(t, err)
	defer func() { require.NoError(t, m.close()) }()
	return int(m.marks[key])
}

// wholeBefore is how many records of a block end before the given byte.
func wholeBefore(t *testing.T, block string, at int64) (n int) {
	t.Helper()
	data, err := os.ReadFile(block)
	require.NoError(t, err)
	for end := int64(0); end < int64(len(data)); n++ {
		if end += int64(binary.LittleEndian.Uint32(data[end:]) &^ withHeaders); end > at {
			return n
		}
	}
	return n
}

// harms are done to a file at a byte of it.
var harms = map[string]func(t *testing.T, path string, at int64){
	"cut": func(t *testing.T, path string, at int64) { require.NoError(t, os.Truncate(path, at)) },
	"zeroed page": func(t *testing.T, path string, at int64) {
		overwrite(t, path, at, make([]byte, min(page, size(t, path)-at)))
	},
	"zeroed to the end": func(t *testing.T, path string, at int64) { overwrite(t, path, at, make([]byte, size(t, path)-at)) },
	"garbage": func(t *testing.T, path string, at int64) {
		garbage := []byte(strings.Repeat("garbage ", page/8))
		overwrite(t, path, at, garbage[:min(page, size(t, path)-at)])
	},
	"garbage at the end": func(t *testing.T, path string, at int64) {
		require.NoError(t, os.Truncate(path, at))
		overwrite(t, path, at, []byte(strings.Repeat("garbage ", page/8)))
	},
}

// harmed opens a copy of an image in which a file is harmed, and hands over what Open says.
func harmed(t *testing.T, image, file string, at int64, harm func(*testing.T, string, int64), check func(s *Store, err error)) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(dir, os.DirFS(image)))
	harm(t, filepath.Join(dir, file), at)
	s, err := Open(dir, Params{})
	check(s, err)
	if err == nil {
		require.NoError(t, s.Close())
	}
}

func TestAStoreThatWasHarmedAnywhereHoldsWhatWasAcknowledgedBeforeOrNamesTheFile(t *testing.T) {
	const writes = 80
	for name, x := range subjects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed, killed := written(t, x, writes)
			block := strings.TrimPrefix(blockFile(folder, x.stream, 1), "./")
			for _, image := range []string{closed, killed} {
				mark := marked(t, image, x.key)
				require.True(t, mark == writes || image == killed && mark >= writes/2, "%d of %d are promised", mark, writes)
				length := size(t, filepath.Join(image, block))
				for what, harm := range harms {
					for at := int64(0); at < length+page; at += page {
						at = min(at, length)
						whole := wholeBefore(t, filepath.Join(image, block), at)
						harmed(t, image, block, at, harm, func(s *Store, err error) {
							if whole < mark {
								requireDamage(t, err, filepath.Dir(block), "%s at %d of %d", what, at, length)
								return
							}
							require.NoError(t, err, "%s at %d of %d: %d are whole, %d were promised", what, at, length, whole, mark)
							require.Equal(t, x.model(whole), x.read(t, s), "%s at %d of %d", what, at, length)
							x.write(t, s, whole+1)
							require.Equal(t, x.model(whole+1), x.read(t, s))
						})
					}
				}
			}
		})
	}
}

func requireDamage(t *testing.T, err error, within string, format string, args ...any) {
	t.Helper()
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged, "%s", fmt.Sprintf(format, args...))
	require.Contains(t, damaged.File, within, "%s", fmt.Sprintf(format, args...))
	require.DirExists(t, damaged.SetAside)
}

func TestWhatLiesBesideTheBlocksMayBeHarmed(t *testing.T) {
	const writes = 60
	for name, x := range subjects() {
		if name == "relaxed bucket" {
			continue // its files are those of a bucket
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image, _ := written(t, x, writes)
			stream := streamFolder(folder, x.stream)
			for _, file := range []string{
				filepath.Join(folder, manifestName), filepath.Join(stream, "meta.inf"), filepath.Join(stream, "meta.sum"),
				filepath.Join(stream, "msgs", "index.db"),
			} {
				length := size(t, filepath.Join(image, file))
				all := maps.Clone(harms)
				all["directory in its place"] = func(t *testing.T, path string, at int64) {
					require.NoError(t, os.Remove(path))
					require.NoError(t, os.Mkdir(path, 0o700))
				}
				for what, harm := range all {
					for at := int64(0); at < length; at += page {
						harmed(t, image, file, at, harm, func(s *Store, err error) {
							if err != nil {
								require.ErrorContains(t, err, strings.TrimSuffix(file, ".sum"), "%s at %d", what, at)
								require.NotEqual(t, "index.db", filepath.Base(file), "%s at %d: %v", what, at, err)
								return
							}
							require.Equal(t, x.model(writes), x.read(t, s), "%s of %s at %d", what, file, at)
						})
					}
				}
			}
		})
	}
}
