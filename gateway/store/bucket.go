package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// Entry is a key with its value. The revision rises with every write to the bucket; it serves Update only.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
}

// Bucket is a set of keys with values. A write returns when it is durable, or, in a relaxed bucket, when it survives the end of
// the process; writes that come together share the fsync.
type Bucket struct {
	store *Store
	name  string

	mu      sync.Mutex // one write at a time; held while the engine writes, not while it is made durable
	keys    map[string]held
	live    state
	last    uint64 // sequence number of the last record that was handed to the engine
	written uint64 // and of the last that the engine has acknowledged
	markers int    // about how many deleted keys still have a record
	needed  int    // of those the last sweep had to leave
	pending map[int]part

	publisher *publisher // of the running engine
	loaded    []Entry    // what load read, for the first All

	strict  atomic.Bool // every write is on the disk before it returns
	commits commits
}

type held struct {
	revision uint64
	digest   digest
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func validName(name string) bool { return nameForm.MatchString(name) }

// validKey accepts one to eight parts of 1 to 128 letters, digits, "_", "=", "/" and "-", with dots between, of which the
// first begins with a letter or digit. It is on the path of every write, where a regular expression took half of the time.
func validKey(key string) bool {
	parts, length := 1, 0
	for i := range len(key) {
		c := key[i]
		switch {
		case c == '.':
			if parts++; length == 0 || parts > 8 {
				return false
			}
			length = 0
			continue
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '_' || c == '=' || c == '/' || c == '-'):
		default:
			return false
		}
		if length++; length > 128 {
			return false
		}
	}
	return length > 0
}

func subjectPrefix(bucket string) string { return "$KV." + bucket + "." }

// All is a snapshot of all entries, in the order in which they were last written.
func (b *Bucket) All(ctx context.Context) ([]Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.store.usable(); err != nil && b.loaded == nil {
		return nil, fmt.Errorf("read bucket %s: %w", b.name, err)
	}
	if entries := b.loaded; entries != nil {
		b.loaded = nil
		return entries, nil
	}
	engine := b.store.running()
	if engine == nil {
		return nil, fmt.Errorf("read bucket %s: %w", b.name, ErrClosed)
	}
	entries := []Entry{}
	err := engine.scanBucket(b.name, b.written, b.store.params.Timeout, func(e Entry, deleted bool) {
		if !deleted && !strings.HasPrefix(e.Key, redoPrefix) {
			entries = append(entries, e)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read bucket %s: %w", b.name, err)
	}
	return entries, nil
}

// load reads the bucket from the engine. The caller holds mu.
func (b *Bucket) load(ctx context.Context) error {
	engine := b.store.running()
	if engine == nil {
		return fmt.Errorf("read bucket %s: %w", b.name, ErrClosed)
	}
	b.keys, b.live, b.loaded, b.pending, b.markers, b.needed = map[string]held{}, state{}, []Entry{}, map[int]part{}, 0, 0
	state, err := engine.state(ctx, bucketStream(b.name))
	if err != nil {
		return fmt.Errorf("read bucket %s: %w", b.name, err)
	}
	var broken error
	err = engine.scanBucket(b.name, state.LastSeq, b.store.params.Timeout, func(e Entry, deleted bool) {
		if deleted {
			b.markers++
			return
		}
		d := digestEntry(subjectPrefix(b.name)+e.Key, e.Value)
		b.keys[e.Key] = held{revision: e.Revision, digest: d}
		b.live.add(d)
		if strings.HasPrefix(e.Key, redoPrefix) {
			if err := b.addPart(e.Key, e.Value); err != nil {
				broken = err
			}
			return
		}
		b.loaded = append(b.loaded, e)
	})
	if err = errors.Join(err, broken); err != nil {
		return fmt.Errorf("read bucket %s: %w", b.name, err)
	}
	b.last, b.written = state.LastSeq, state.LastSeq
	b.commits.reset(0)
	if b.sweepDue() {
		b.store.tellSweep()
	}
	return nil
}

// running is the engine, nil when there is none.
func (s *Store) running() *engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

// Create stores a key that must not exist, else [ErrConflict], and returns its revision.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.one(ctx, Op{Key: key, Value: value}, func(h held, exists bool) error {
		if exists {
			return ErrConflict
		}
		return nil
	})
}

// Update stores a key whose revision must be the given one, else [ErrConflict].
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.one(ctx, Op{Key: key, Value: value}, func(h held, exists bool) error {
		if !exists || h.revision != revision {
			return ErrConflict
		}
		return nil
	})
}

// Put stores a key, whatever was there.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.one(ctx, Op{Key: key, Value: value}, nil)
}

// Delete removes a key; [ErrNotFound] when there is none.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.one(ctx, Op{Key: key, Delete: true}, func(_ held, exists bool) error {
		if !exists {
			return ErrNotFound
		}
		return nil
	})
	return err
}

func (b *Bucket) one(ctx context.Context, op Op, check func(held, bool) error) (uint64, error) {
	if err := op.valid(); err != nil {
		return 0, fmt.Errorf("%s in %s: %w", op, b.name, err)
	}
	defer b.store.timed("bucket")()
	seq, err := b.writeOne(ctx, op, check)
	if err == nil {
		err = b.makeDurable(seq)
	}
	if err != nil {
		return 0, fmt.Errorf("%s in %s: %w", op, b.name, err)
	}
	return seq, nil
}

func (b *Bucket) writeOne(ctx context.Context, op Op, check func(held, bool) error) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := b.store.usable(); err != nil {
		return 0, err
	}
	if check != nil {
		h, exists := b.keys[op.Key]
		if err := check(h, exists); err != nil {
			return 0, err
		}
	}
	if err := b.write([]Op{op}); err != nil {
		return 0, b.store.fail(err)
	}
	return b.last, nil
}

// write appends a record for each op and waits until the engine has them; they are not durable yet. Once begun it does not
// heed a context: a write whose outcome is unknown would be a failed store. The caller holds mu, and calls fail on an error.
func (b *Bucket) write(ops []Op) error {
	if b.store.running() == nil {
		return ErrClosed
	}
	b.loaded = nil
	for len(ops) > 0 {
		n := min(len(ops), inFlight)
		for _, op := range ops[:n] {
			if err := b.publisher.send(b.record(op)); err != nil {
				return err
			}
			b.apply(op)
		}
		for b.written < b.last {
			if err := b.publisher.await(b.written + 1); err != nil {
				return err
			}
			b.written++
		}
		ops = ops[n:]
	}
	return nil
}

// record is the message of an op, with the state that it leads to.
func (b *Bucket) record(op Op) *nats.Msg {
	msg := nats.NewMsg(subjectPrefix(b.name) + op.Key)
	next := b.live
	if h, exists := b.keys[op.Key]; exists {
		next.remove(h.digest)
	}
	if op.Delete {
		msg.Header.Set("KV-Operation", "DEL")
	} else {
		msg.Data = op.Value
		next.add(digestEntry(msg.Subject, op.Value))
	}
	msg.Header.Set(stateHeader, next.String())
	return msg
}

// apply notes an op whose record was handed to the engine.
func (b *Bucket) apply(op Op) {
	b.last++
	if h, exists := b.keys[op.Key]; exists {
		b.live.remove(h.digest)
		delete(b.keys, op.Key)
	}
	if op.Delete {
		b.markers++
		if b.sweepDue() {
			b.store.tellSweep()
		}
	} else {
		d := digestEntry(subjectPrefix(b.name)+op.Key, op.Value)
		b.keys[op.Key] = held{revision: b.last, digest: d}
		b.live.add(d)
	}
}

// makeDurable returns when the record seq and all before it are on the disk and marked in the manifest, or, for a relaxed
// bucket, when the flusher knows of it.
func (b *Bucket) makeDurable(seq uint64) error {
	if !b.strict.Load() {
		return b.store.relax(seq, &b.commits, b.sync)
	}
	return b.store.ensure(seq, &b.commits, func() (uint64, error) {
		target, err := b.sync()
		if err != nil {
			return 0, err
		}
		return target, b.store.mark(map[string]uint64{b.name: target})
	})
}

// sync makes the records so far durable, and tells the number of the last. The caller is committing.
func (b *Bucket) sync() (uint64, error) {
	b.mu.Lock()
	target := b.written
	b.mu.Unlock()
	return target, syncBlocks(b.store.root(), bucketStream(b.name), b.commits.synced, b.store.syncFile)
}

func (b *Bucket) committing() *commits { return &b.commits }

// drain waits until no write and no commit is under way, so that the files may be closed. The caller has seen to it that
// usable refuses new ones.
func (b *Bucket) drain() {
	b.mu.Lock()
	b.mu.Unlock() //lint:ignore SA2001 waits for the write under way
	b.commits.drain()
}
