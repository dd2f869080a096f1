package store

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A delete leaves a marker in the bucket, of some 200 bytes, since the record that it deletes stays in its block until the engine
// rewrites that block: without the marker the key would be back at the next start. A sweep removes the markers that nothing
// needs any more, because no other record of their key is left in the files.
//
// That is safe at any moment. A record that is not in the files never comes back to them, as their folder is made durable
// before the markers go. A marker that does come back, because
// the removal did not reach the disk, deletes what is not there. The last record of the stream is left alone, and so are those
// that are not yet promised to be on the disk: each record tells the state that it leads to, and the state without the marker
// is the same only from the marker on.

// How often at most, and from how many markers on, a bucket is swept. They must also be more than the live entries, and twice those that
// the last sweep has left, so that the reading pays.
const (
	sweepEvery = time.Minute
	sweepFrom  = 2000
)

// sweepTimeout bounds the removal of markers; the rest waits for the next sweep.
const sweepTimeout = time.Minute

// sweepDue reports whether a bucket has enough markers. The caller holds mu.
func (b *Bucket) sweepDue() bool { return b.markers >= max(sweepFrom, len(b.keys), 2*b.needed) }

func (s *Store) tellSweep() {
	select {
	case s.deleted <- struct{}{}:
	default: // it is told already
	}
}

// sweepLoop sweeps buckets that are due, until ctx ends. An idle store has no timer.
func (s *Store) sweepLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.deleted:
		}
		s.mu.Lock()
		buckets := make([]*Bucket, 0, len(s.buckets))
		for _, b := range s.buckets {
			buckets = append(buckets, b)
		}
		s.mu.Unlock()
		for _, b := range buckets {
			b.mu.Lock()
			due := b.sweepDue()
			b.mu.Unlock()
			if !due || s.usable() != nil {
				continue
			}
			removed, err := b.sweep(ctx)
			if err != nil {
				// It is tried again; a store that has failed says so at the next write.
				s.params.Logger.Debug("sweep bucket", "bucket", b.name, "removed", removed, "error", err)
			} else {
				s.params.Logger.Debug("swept bucket", "bucket", b.name, "removed", removed)
			}
		}
		timer := time.NewTimer(s.params.sweepEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// traces is what the files hold of a key.
type traces struct {
	records int
	newest  uint64
	deleted bool // by the newest
}

// sweep removes the markers that are not needed, and tells how many.
func (b *Bucket) sweep(ctx context.Context) (removed int, err error) {
	b.store.mu.Lock()
	engine, manifest := b.store.engine, b.store.manifest
	b.store.mu.Unlock()
	if engine == nil || manifest == nil {
		return 0, ErrClosed
	}
	mark := manifest.mark(b.name)
	keys, gone := map[string]traces{}, map[uint64]bool{}
	var last uint64
	// The end may be torn by a write under way, and a block that the engine drops be missing; both is tried again.
	_, err = readStream(b.store.root(), bucketStream(b.name), func(f found) string {
		if f.removal {
			gone[f.seq] = true
			return ""
		}
		t := keys[f.subject]
		t.records++
		if f.seq > t.newest {
			t.newest, t.deleted = f.seq, isMarker(f.headers)
		}
		keys[f.subject] = t
		last = max(last, f.seq)
		return ""
	})
	if err == nil && last < mark {
		err = errors.New("the engine is rewriting it")
	}
	if err != nil {
		return 0, err
	}
	if err := syncFolder(blocksFolder(b.store.root(), bucketStream(b.name))); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	stream, err := engine.js.Stream(ctx, bucketStream(b.name))
	if err != nil {
		return 0, err
	}
	markers := 0
	for subject, t := range keys {
		if !t.deleted || gone[t.newest] {
			continue
		}
		markers++
		if t.records > 1 || t.newest > mark || t.newest == last {
			continue
		}
		// Not what was put since.
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(t.newest+1)); err != nil {
			return removed, err
		}
		removed++
	}
	b.mu.Lock()
	b.markers, b.needed = markers-removed, markers-removed
	b.mu.Unlock()
	return removed, nil
}
