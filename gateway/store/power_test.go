package store

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// disk is what a power cut would leave of a store: files have what was fsynced, and of what was written since then any pages, or
// zeros in their place, up to any length.
type disk struct {
	t   *testing.T
	dir string
	rnd *rand.Rand

	mu           sync.Mutex
	synced       map[string][]byte
	acknowledged int     // writes
	promised     int     // and those that a power cut must not lose
	images       []image // taken when something was about to be fsynced
}

// image is a data folder as a power cut leaves it.
type image struct {
	dir                    string
	promised, acknowledged int
}

func (d *disk) syncFile(file *os.File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.acknowledged > 0 && d.rnd.IntN(40) == 0 {
		d.images = append(d.images, d.image())
	}
	data, err := os.ReadFile(file.Name())
	d.synced[file.Name()] = data
	return err
}

// image makes a data folder as it would be found after the power failed now.
func (d *disk) image() image {
	dir := d.t.TempDir()
	root := filepath.Join(dir, folder)
	err := os.CopyFS(root, os.DirFS(filepath.Join(d.dir, folder)))
	err = errors.Join(err, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".blk") && entry.Name() != manifestName {
			return err
		}
		now, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(dir, path)
		return os.WriteFile(path, d.torn(d.synced[filepath.Join(d.dir, relative)], now), 0o600)
	}))
	if err != nil {
		d.t.Error(err) // it may not be the test's goroutine
	}
	return image{dir, d.promised, d.acknowledged}
}

// torn mixes the pages of a file that were fsynced with those written since.
func (d *disk) torn(synced, now []byte) []byte {
	length := len(synced)
	if len(now) > len(synced) {
		length += d.rnd.IntN(len(now) - len(synced) + 1)
	}
	mixed := make([]byte, length)
	for at := 0; at < length; at += page {
		end := min(at+page, length)
		if d.rnd.IntN(4) > 0 {
			copy(mixed[at:end], now[min(at, len(now)):])
		} else if at < len(synced) {
			copy(mixed[at:end], synced[at:])
		}
	}
	return mixed
}

func TestAPowerCutLosesNothingThatWasFlushed(t *testing.T) {
	kinds := subjects()
	kinds["log, always"], kinds["relaxed bucket, always"] = kinds["log"], kinds["relaxed bucket"]
	for name, x := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			always := strings.HasSuffix(name, "always")
			for seed := range uint64(3) {
				powerCuts(t, x, always, always || name == "bucket", seed)
			}
		})
	}
}

// powerCuts writes, and has the power fail at some moments of it.
func powerCuts(t *testing.T, x subject, always, atOnce bool, seed uint64) {
	d := &disk{t: t, dir: t.TempDir(), rnd: rand.New(rand.NewPCG(seed, 1)), synced: map[string][]byte{}}
	s, err := Open(d.dir, Params{Always: always})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	d.synced[s.manifest.path], err = os.ReadFile(s.manifest.path)
	require.NoError(t, err)
	s.syncFile = d.syncFile
	x.read(t, s) // makes the stream
	for n := 1; n <= 80; n++ {
		x.write(t, s, n)
		d.mu.Lock()
		flush := d.rnd.IntN(15) == 0
		d.acknowledged = n
		if atOnce {
			d.promised = n
		}
		d.mu.Unlock()
		if flush {
			require.NoError(t, s.flush(s.manifest))
		}
		d.mu.Lock()
		if flush {
			d.promised = n
		}
		if d.rnd.IntN(15) == 0 {
			d.images = append(d.images, d.image())
		}
		images := d.images
		d.images = nil
		d.mu.Unlock()
		for _, image := range images {
			checkImage(t, x, image, seed)
		}
	}
}

func checkImage(t *testing.T, x subject, image image, seed uint64) {
	s, err := Open(image.dir, Params{})
	require.NoError(t, err, "seed %d, %d promised of %d", seed, image.promised, image.acknowledged)
	got, found := x.read(t, s), -1
	for n := image.promised; n <= image.acknowledged+1 && found < 0; n++ { // one was under way
		if reflect.DeepEqual(got, x.model(n)) {
			found = n
		}
	}
	require.GreaterOrEqual(t, found, 0, "seed %d: it is what was there after no number of writes from %d to %d", seed, image.promised, image.acknowledged)
	x.write(t, s, found+1)
	require.NoError(t, s.Close())
	s, err = Open(image.dir, Params{})
	require.NoError(t, err, "what was mended is whole")
	require.Equal(t, x.model(found+1), x.read(t, s))
	require.NoError(t, s.Close())
}
