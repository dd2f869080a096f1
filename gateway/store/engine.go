package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// MaxValue bounds the value of an entry in bytes.
const MaxValue = 512 << 10

// engine is a NATS server without listener and a connection to it.
type engine struct {
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
}

func startEngine(root string, p Params) (*engine, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:             "gatehouse",
		DontListen:             true,
		NoSigs:                 true,
		NoLog:                  true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               root, // JetStream adds its own "jetstream"
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      1 << 44, // the disk is the bound: a write that fails is reported as such
		MaxPayload:             MaxRecord + 1<<20,
		SyncInterval:           p.rewriteEvery,
	})
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	srv.SetLoggerV2(engineLog{p.Logger}, false, false, false)
	e := &engine{server: srv}
	srv.Start()
	if !srv.ReadyForConnections(p.Timeout) {
		e.stop()
		return nil, fmt.Errorf("open store: the engine did not start within %v", p.Timeout)
	}
	if e.conn, err = nats.Connect("", nats.InProcessServer(srv), nats.NoReconnect(), nats.Name("store")); err != nil {
		e.stop()
		return nil, fmt.Errorf("open store: %w", err)
	}
	if e.js, err = jetstream.New(e.conn, jetstream.WithDefaultTimeout(p.Timeout)); err != nil {
		e.stop()
		return nil, fmt.Errorf("open store: %w", err)
	}
	return e, nil
}

func (e *engine) stop() {
	if e.conn != nil {
		e.conn.Close()
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// create makes the stream of a bucket, as a JetStream key-value bucket with a history of one.
func (e *engine) create(ctx context.Context, bucket string) error {
	_, err := e.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: bucket, History: 1, Storage: jetstream.FileStorage, MaxValueSize: 2 * MaxValue,
	})
	return err
}

// createLog makes the stream of a log: its records are removed by Trim only.
func (e *engine) createLog(ctx context.Context, log string) error {
	_, err := e.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: logStream(log), Subjects: []string{logSubject(log)}, Storage: jetstream.FileStorage, AllowDirect: true,
	})
	return err
}

// state is what the engine says of a stream.
func (e *engine) state(ctx context.Context, stream string) (jetstream.StreamState, error) {
	s, err := e.js.Stream(ctx, stream)
	if err != nil {
		return jetstream.StreamState{}, err
	}
	return s.CachedInfo().State, nil
}

// purge has the engine remove all records of a stream before the one with the given number.
func (e *engine) purge(ctx context.Context, stream string, before uint64) error {
	s, err := e.js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSequence(before))
}

// syncBlocks makes all blocks of a stream durable that changed since their size and time were noted in done.
func syncBlocks(root, stream string, done map[string]os.FileInfo, syncFile func(*os.File) error) error {
	blocks, err := listBlocks(blocksFolder(root, stream))
	if err != nil {
		return err
	}
	renamed := false
	for _, block := range blocks {
		_, fresh, err := syncBlock(blockFile(root, stream, block), done, syncFile)
		if err != nil {
			return err
		}
		renamed = renamed || fresh
	}
	if renamed {
		return syncFolder(blocksFolder(root, stream))
	}
	return nil
}

// syncTail is syncBlocks for a stream that is only appended to: it looks at the block that was the newest when it was last called,
// 0 for none, and at those after it, and tells the newest.
func syncTail(root, stream string, newest int, done map[string]os.FileInfo, syncFile func(*os.File) error) (int, error) {
	if newest == 0 {
		blocks, err := listBlocks(blocksFolder(root, stream))
		if err != nil || len(blocks) == 0 {
			return 0, err
		}
		return blocks[len(blocks)-1], syncBlocks(root, stream, done, syncFile)
	}
	renamed := false
	for block := newest; ; block++ {
		exists, fresh, err := syncBlock(blockFile(root, stream, block), done, syncFile)
		if err != nil {
			return newest, err
		}
		if !exists && block > newest {
			break
		}
		newest, renamed = block, renamed || fresh
	}
	if renamed {
		return newest, syncFolder(blocksFolder(root, stream))
	}
	return newest, nil
}

// syncBlock makes a block durable if it changed since it was noted in done; fresh tells that it is another file than then. The
// engine may drop a block at any time.
func syncBlock(path string, done map[string]os.FileInfo, syncFile func(*os.File) error) (exists, fresh bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		delete(done, path)
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	before := done[path]
	fresh = before == nil || !os.SameFile(before, info)
	if !fresh && before.Size() == info.Size() && before.ModTime().Equal(info.ModTime()) {
		return true, false, nil
	}
	if err := syncPath(path, syncFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return true, fresh, err
	}
	done[path] = info
	return true, fresh, nil
}

func syncPath(path string, syncFile func(*os.File) error) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(syncFile(file), file.Close())
}

// syncTree makes a folder with all below it durable.
func syncTree(root string, syncFile func(*os.File) error) error {
	return filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil // a temporary file of the engine
		case err != nil:
			return err
		case entry.IsDir():
			return syncFolder(path)
		case !entry.Type().IsRegular():
			return nil
		}
		if err := syncPath(path, syncFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	})
}

// engineLog hands what the engine says to the store's logger, one level lower: what matters is reported by the store.
type engineLog struct{ to *slog.Logger }

func (l engineLog) Noticef(format string, v ...any) {
	l.to.Debug("engine: " + fmt.Sprintf(format, v...))
}
func (l engineLog) Debugf(format string, v ...any) {}
func (l engineLog) Tracef(format string, v ...any) {}
func (l engineLog) Warnf(format string, v ...any)  { l.to.Info("engine: " + fmt.Sprintf(format, v...)) }
func (l engineLog) Errorf(format string, v ...any) { l.to.Warn("engine: " + fmt.Sprintf(format, v...)) }
func (l engineLog) Fatalf(format string, v ...any) {
	l.to.Error("engine: " + fmt.Sprintf(format, v...))
}
