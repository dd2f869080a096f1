// Package store keeps what must survive a restart, a crash and kill -9. It runs NATS JetStream in the process, without
// a listener, on files in the data folder, and offers key-value buckets with compare-and-set, and logs of records. It does
// not know what its values mean.
//
// What is acknowledged survives the end of the process, however it ends. A write to a bucket is on the disk as well: it is
// followed by an fsync and by a high-water mark in the manifest, both shared by the writes that come together. A write to a
// log or to a relaxed bucket is flushed to the disk within a second, or before it is acknowledged when Params.Always is set;
// the marks follow the flush.
//
// A store that has lost anything that was promised is not opened: it is set aside as it is, and reported by the name of the
// file. What is found beyond the marks is kept up to the first record that is not whole. A power cut in the half second
// before a flush may, if the engine has just dropped a block whose last value was being replaced, take that value too: that
// is reported as damage.
//
// On the disk, in the data folder, all of it readable by its owner only:
//
//	lock                         held while the store is open; holds the process id
//	store/manifest               the streams and their high-water marks
//	store/jetstream/...          JetStream's files
//	store.damaged-<time>/        a store that was found damaged, untouched since
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	folder         = "store"
	defaultTimeout = 5 * time.Second
)

// Params of a store. The zero value works.
type Params struct {
	Logger *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // names the folder that a damaged store is set aside to; nil: time.Now

	// Timeout bounds every exchange with the engine; a write that takes longer counts as failed. Default 5 s.
	Timeout time.Duration

	// Always has every record and value on the disk before the call returns ("durable: always"). Else those of logs and
	// relaxed buckets are flushed to it within a second; they survive the end of the process at once.
	Always bool

	// OnWrite is told, for each write, its kind, "log" or "bucket", and how long it took; it must not block. May be nil.
	OnWrite func(kind string, took time.Duration)

	sweepEvery   time.Duration // how often a bucket is swept at most; 0: a minute
	rewriteEvery time.Duration // how often the engine rewrites blocks that are half dead; 0: its default, 2 minutes
}

// Errors that callers decide by.
var (
	// ErrDown is in every error of a write after one has failed, until the store is reopened.
	ErrDown = errors.New("the store is down after a failed write")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrConflict means that the key exists (Create), or has another revision (Update).
	ErrConflict = errors.New("the key was changed by another")
	// ErrNotFound means that there is no such key.
	ErrNotFound = errors.New("no such key")
)

// Store is an open store. All methods may be called from any goroutine.
type Store struct {
	dir    string // the data folder
	params Params
	lock   *lockFile

	// Lock order: reopening, then Bucket.mu, then mu.
	reopening sync.Mutex // one Open, Reopen, Bucket or Close at a time

	mu         sync.Mutex
	engine     *engine
	manifest   *manifest
	buckets    map[string]*Bucket
	logs       map[string]*Log
	failure    error
	closed     bool
	reopened   []func(context.Context) error
	quit       context.CancelFunc // ends what runs in the background
	background sync.WaitGroup     // of that

	dirty   chan struct{} // holds one when something is to be flushed
	deleted chan struct{} // and when a bucket is to be swept

	syncFile func(*os.File) error // (*os.File).Sync, but for tests
}

// Open opens the store in the data folder dir, which is made if it is missing. The errors that callers decide by are
// [*InUseError] and [*DamagedError]; after the latter the next Open begins with an empty store.
func Open(dir string, p Params) (*Store, error) {
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.sweepEvery == 0 {
		p.sweepEvery = sweepEvery
	}
	if p.Timeout <= 0 {
		p.Timeout = defaultTimeout
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, params: p, lock: lock, buckets: map[string]*Bucket{}, logs: map[string]*Log{}, dirty: make(chan struct{}, 1), deleted: make(chan struct{}, 1), syncFile: (*os.File).Sync}
	ctx, cancel := context.WithTimeout(context.Background(), 12*p.Timeout)
	defer cancel()
	if err := s.start(ctx); err != nil {
		s.stop()
		var damaged *DamagedError
		if errors.As(err, &damaged) {
			err = s.setAside(damaged)
		}
		return nil, errors.Join(err, lock.release())
	}
	return s, nil
}

func (s *Store) root() string { return filepath.Join(s.dir, folder) }

// start verifies the files, then runs the engine on them and loads the buckets. The caller holds reopening, or is Open.
func (s *Store) start(ctx context.Context) error {
	if err := os.Mkdir(s.root(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("open store: %w", err)
	}
	manifest, err := openManifest(s.root())
	if err != nil {
		return err
	}
	whole, err := verify(s.root(), manifest.marks, s.params.Logger)
	if err != nil {
		return errors.Join(err, manifest.close())
	}
	engine, err := startEngine(s.root(), s.params)
	if err != nil {
		return errors.Join(err, manifest.close())
	}
	s.mu.Lock()
	s.engine, s.manifest = engine, manifest
	s.mu.Unlock()
	for key, content := range whole {
		name, kind := parseKey(key)
		load := s.load
		if kind == logKey {
			load = s.loadLog
		}
		if err := load(ctx, name, content); err != nil {
			return err
		}
	}
	running, quit := context.WithCancel(context.Background())
	s.mu.Lock()
	s.quit = quit
	s.mu.Unlock()
	s.background.Go(func() { s.flushLoop(running, manifest) })
	s.background.Go(func() { s.sweepLoop(running) })
	return nil
}

// load makes the bucket of a stream that the manifest lists, or brings the existing one up to date.
func (s *Store) load(ctx context.Context, name string, whole content) error {
	s.mu.Lock()
	b, exists := s.buckets[name]
	if !exists {
		b = &Bucket{store: s, name: name}
		b.commits.done = sync.NewCond(&b.commits.mu)
		s.buckets[name] = b
	}
	s.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.load(ctx); err != nil {
		return err
	}
	if b.live != whole.live {
		// The files were whole a moment ago; what the engine made of them is not.
		return &DamagedError{File: streamFolder(s.root(), bucketStream(name)), Reason: fmt.Sprintf(
			"holds %d entries, but %d could be loaded", whole.live.Count, b.live.Count)}
	}
	publisher, err := newPublisher(s.running().conn, s.params.Timeout)
	if err != nil {
		return fmt.Errorf("open bucket %s: %w", name, err)
	}
	b.publisher = publisher
	return b.redo(ctx)
}

// Bucket is the bucket of this name, made on the first call. Names are of letters, digits, "-" and "_". Every write to it is on
// the disk before it returns.
func (s *Store) Bucket(ctx context.Context, name string) (*Bucket, error) {
	b, err := s.RelaxedBucket(ctx, name)
	if err == nil {
		b.strict.Store(true)
	}
	return b, err
}

// RelaxedBucket is as Bucket, but a write to it returns when it survives the end of the process; it is on the disk within a
// second, or at once when Params.Always is set. A bucket that was ever asked for by Bucket is not relaxed.
func (s *Store) RelaxedBucket(ctx context.Context, name string) (*Bucket, error) {
	if !validName(name) {
		return nil, fmt.Errorf("open bucket: %q is not a name", name)
	}
	s.reopening.Lock()
	defer s.reopening.Unlock()
	if err := s.usable(); err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	s.mu.Lock()
	b, exists := s.buckets[name]
	s.mu.Unlock()
	if exists {
		return b, nil
	}
	if err := s.engine.create(ctx, name); err != nil {
		return nil, s.fail(fmt.Errorf("make bucket %s: %w", name, err))
	}
	if err := syncTree(s.root(), s.syncFile); err != nil {
		return nil, s.fail(fmt.Errorf("make bucket %s: %w", name, err))
	}
	if err := s.mark(map[string]uint64{name: 0}); err != nil {
		return nil, s.fail(fmt.Errorf("make bucket %s: %w", name, err))
	}
	if err := s.load(ctx, name, content{}); err != nil {
		return nil, s.fail(fmt.Errorf("make bucket %s: %w", name, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buckets[name], nil
}

// timed is called when a write begins; what it returns, when the write ends.
func (s *Store) timed(kind string) func() {
	if s.params.OnWrite == nil {
		return func() {}
	}
	begin := time.Now()
	return func() { s.params.OnWrite(kind, time.Since(begin)) }
}

// mark raises marks in the manifest, and returns when they are on the disk.
func (s *Store) mark(marks map[string]uint64) error {
	s.mu.Lock()
	m := s.manifest
	s.mu.Unlock()
	if m == nil {
		return ErrClosed
	}
	return m.raise(marks, s.syncFile)
}

// Err is why the store takes no writes: nil while it does. It wraps [ErrDown] and the failure, or [ErrClosed].
func (s *Store) Err() error { return s.usable() }

func (s *Store) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.failure != nil:
		return s.failure
	}
	return nil
}

// fail remembers that a write has failed: nothing more is written until Reopen, since the engine's own state is unknown.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.failure == nil {
		s.failure = fmt.Errorf("%w: %w", ErrDown, err)
		s.params.Logger.Error("the store takes no more writes until it is reopened", "error", err)
	}
	return s.failure
}

// OnReopen has fn called by Reopen when the buckets are up to date and before Err is nil again. A write that failed may
// have been kept or not: fn reads again what it knows.
func (s *Store) OnReopen(fn func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reopened = append(s.reopened, fn)
}

// Reopen closes the engine and opens it again on the same files, after a failed write. Buckets stay valid. It is an
// error when the cause of the failure persists; it may be tried again then. A [*DamagedError] is not set aside here:
// that is left to the next Open.
func (s *Store) Reopen(ctx context.Context) error {
	s.reopening.Lock()
	defer s.reopening.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.failure == nil { // from here on no write begins
		s.failure = fmt.Errorf("%w: it is being reopened", ErrDown)
	}
	reopened := append([]func(context.Context) error(nil), s.reopened...)
	s.mu.Unlock()

	s.stop()
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("reopen store: %w", err)
	}
	for _, fn := range reopened {
		if err := fn(ctx); err != nil {
			return fmt.Errorf("reopen store: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = nil
	return nil
}

// stop ends the engine, if it runs; writes under way end with an error or are complete.
func (s *Store) stop() {
	s.mu.Lock()
	var streams []interface{ drain() }
	for _, b := range s.buckets {
		streams = append(streams, b)
	}
	for _, l := range s.logs {
		streams = append(streams, l)
	}
	engine, manifest, quit, failed := s.engine, s.manifest, s.quit, s.failure != nil
	s.engine, s.manifest, s.quit = nil, nil, nil
	s.mu.Unlock()
	if quit != nil {
		quit()
		s.background.Wait()
	}
	for _, stream := range streams {
		stream.drain()
	}
	if quit != nil && !failed {
		if err := s.flush(manifest); err != nil {
			s.params.Logger.Warn("flush the store", "error", err)
		}
	}
	if engine != nil {
		engine.stop()
	}
	if manifest != nil {
		if err := manifest.close(); err != nil {
			s.params.Logger.Warn("close manifest", "error", err)
		}
	}
}

// Close ends the engine and releases the data folder. The second call does nothing.
func (s *Store) Close() error {
	s.reopening.Lock()
	defer s.reopening.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	return s.lock.release()
}
