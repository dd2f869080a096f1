package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Op is one change of a bucket: a value that is put, or a key that is deleted.
type Op struct {
	Key    string `json:"k"`
	Value  []byte `json:"v,omitempty"`
	Delete bool   `json:"d,omitempty"`
}

// String names the op without its value, which may be confidential.
func (o Op) String() string {
	if o.Delete {
		return "delete " + o.Key
	}
	return "put " + o.Key
}

func (o Op) valid() error {
	switch {
	case !validKey(o.Key):
		return errors.New("not a key")
	case len(o.Value) > MaxValue:
		return fmt.Errorf("the value has %d bytes; %d are allowed", len(o.Value), MaxValue)
	}
	return nil
}

// The ops of a batch are first written as parts of a redo log, under keys that callers cannot use; the last part says so.
// A log that is complete is carried out at the next start; one that is not never happened.
const (
	redoPrefix = "_redo."
	partSize   = 256 << 10
)

type part struct {
	Ops  []Op `json:"ops"`
	Last bool `json:"last"`
}

// Apply carries out all ops, in order, or none of them: also when the process dies in the midst. Deleting a key that does
// not exist is no error. Several writes that are one for the caller belong here.
func (b *Bucket) Apply(ctx context.Context, ops []Op) error {
	for _, op := range ops {
		if err := op.valid(); err != nil {
			return fmt.Errorf("%s in %s: %w", op, b.name, err)
		}
	}
	b.mu.Lock()
	ops = slices.DeleteFunc(slices.Clone(ops), func(op Op) bool {
		_, exists := b.keys[op.Key]
		return op.Delete && !exists
	})
	b.mu.Unlock()
	switch len(ops) {
	case 0:
		return nil
	case 1:
		_, err := b.one(ctx, ops[0], nil)
		return err
	}
	defer b.store.timed("bucket")()
	seq, err := b.applyBatch(ctx, ops)
	if err == nil {
		err = b.makeDurable(seq)
	}
	if err != nil {
		return fmt.Errorf("change %d keys in %s: %w", len(ops), b.name, err)
	}
	return nil
}

func (b *Bucket) applyBatch(ctx context.Context, ops []Op) (uint64, error) {
	log, clear, err := redoLog(ops)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := b.store.usable(); err != nil {
		return 0, err
	}
	for _, step := range [][]Op{log, ops, clear} {
		if err := b.write(step); err != nil {
			return 0, b.store.fail(err)
		}
		// The order holds on the disk as well, should the power fail.
		if !b.strict.Load() {
			continue // what is read after a crash is a beginning of what was written, so the order holds
		}
		if err := syncBlocks(b.store.root(), bucketStream(b.name), map[string]os.FileInfo{}, b.store.syncFile); err != nil {
			return 0, b.store.fail(err)
		}
	}
	return b.last, nil
}

// redoLog makes the puts of a redo log and the deletes that clear it, the last part first.
func redoLog(ops []Op) (log, clear []Op, err error) {
	for rest := ops; len(rest) > 0; {
		var p part
		for size := 0; len(rest) > 0 && (len(p.Ops) == 0 || size+len(rest[0].Value) < partSize); rest = rest[1:] {
			p.Ops = append(p.Ops, rest[0])
			size += len(rest[0].Key) + len(rest[0].Value) + 32
		}
		p.Last = len(rest) == 0
		value, err := json.Marshal(p)
		if err != nil {
			return nil, nil, err
		}
		key := redoPrefix + strconv.Itoa(len(log))
		log = append(log, Op{Key: key, Value: value})
		clear = append(clear, Op{Key: key, Delete: true})
	}
	slices.Reverse(clear)
	return log, clear, nil
}

// addPart notes a part of a redo log that load has found.
func (b *Bucket) addPart(key string, value []byte) error {
	number, err := strconv.Atoi(strings.TrimPrefix(key, redoPrefix))
	if err != nil {
		return fmt.Errorf("redo log %s: %w", key, err)
	}
	var p part
	if err := json.Unmarshal(value, &p); err != nil {
		return fmt.Errorf("redo log %s: %w", key, err)
	}
	b.pending[number] = p
	return nil
}

// redo carries out or drops what is left of a batch. The caller holds mu, after load.
func (b *Bucket) redo(ctx context.Context) error {
	if len(b.pending) == 0 {
		return nil
	}
	var ops, clear []Op
	complete := false
	for number := 0; ; number++ {
		p, found := b.pending[number]
		if !found {
			break
		}
		ops = append(ops, p.Ops...)
		complete = p.Last
		if complete {
			break
		}
	}
	for number := range b.pending {
		clear = append(clear, Op{Key: redoPrefix + strconv.Itoa(number), Delete: true})
	}
	slices.SortFunc(clear, func(x, y Op) int { return strings.Compare(y.Key, x.Key) })
	if !complete {
		ops = nil
	}
	b.store.params.Logger.Info("a change was under way when the process ended", "bucket", b.name, "keys", len(ops), "completed", complete)
	ops = slices.DeleteFunc(ops, func(op Op) bool {
		_, exists := b.keys[op.Key]
		return op.Delete && !exists
	})
	for _, step := range [][]Op{ops, clear} {
		if err := b.write(step); err != nil {
			return err
		}
		if err := syncBlocks(b.store.root(), bucketStream(b.name), map[string]os.FileInfo{}, b.store.syncFile); err != nil {
			return err
		}
	}
	if err := b.store.mark(map[string]uint64{b.name: b.last}); err != nil {
		return err
	}
	return b.load(ctx)
}
