package store

import (
	"context"
	"os"
	"sync"
	"time"
)

// flushEvery is how long after a write, that need not be on the disk at once, all such writes are flushed: with time for
// the disk to do so within the second that is promised.
const flushEvery = 500 * time.Millisecond

// commits makes the records of a stream durable. Of those who wait, one does it for all.
type commits struct {
	mu      sync.Mutex
	done    *sync.Cond
	durable uint64 // the records up to this one are on the disk
	busy    bool
	synced  map[string]os.FileInfo // the blocks as they were last made durable; of the one who is busy
}

func (c *commits) reset(durable uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.durable, c.synced = durable, map[string]os.FileInfo{}
}

// ensure returns when the record seq is durable; commit makes all so far durable and tells the last.
func (c *commits) ensure(seq uint64, usable func() error, commit func() (uint64, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.durable < seq {
		if c.busy {
			c.done.Wait()
			continue
		}
		if err := usable(); err != nil {
			return err
		}
		c.busy = true
		c.mu.Unlock()
		target, err := commit()
		c.mu.Lock()
		c.busy = false
		c.done.Broadcast()
		if err != nil {
			return err
		}
		c.durable = max(c.durable, target)
	}
	return nil
}

// all makes all records so far durable, and tells the last of them.
func (c *commits) all(commit func() (uint64, error)) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.busy {
		c.done.Wait()
	}
	c.busy = true
	c.mu.Unlock()
	target, err := commit()
	c.mu.Lock()
	c.busy = false
	c.done.Broadcast()
	if err != nil {
		return 0, err
	}
	c.durable = max(c.durable, target)
	return c.durable, nil
}

// drain waits for the commit under way.
func (c *commits) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.busy {
		c.done.Wait()
	}
}

// ensure has a record made durable; an error is the store's failure.
func (s *Store) ensure(seq uint64, c *commits, commit func() (uint64, error)) error {
	if err := c.ensure(seq, s.usable, commit); err != nil {
		return s.fail(err)
	}
	return nil
}

// relax is what follows a write that is flushed later, unless all are to be durable at once. Its mark follows in either case:
// a mark must never be on the disk before what it promises.
func (s *Store) relax(seq uint64, c *commits, commit func() (uint64, error)) error {
	var err error
	if s.params.Always {
		err = s.ensure(seq, c, commit)
	}
	select {
	case s.dirty <- struct{}{}:
	default: // it is told already
	}
	return err
}

// flushLoop flushes soon after the first write that needs it, until ctx ends. An idle store has no timer.
func (s *Store) flushLoop(ctx context.Context, m *manifest) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty:
		}
		timer := time.NewTimer(flushEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if s.usable() != nil {
			continue
		}
		if err := s.flush(m); err != nil {
			_ = s.fail(err)
		}
	}
}

// flushed is what flush makes durable.
type flushed interface {
	committing() *commits
	sync() (uint64, error)
}

// flush makes everything durable that was written, then raises the marks to it.
func (s *Store) flush(m *manifest) error {
	s.mu.Lock()
	streams := map[string]flushed{}
	for name, b := range s.buckets {
		if !b.strict.Load() {
			streams[name] = b
		}
	}
	for name, l := range s.logs {
		streams[logKey+name] = l
	}
	s.mu.Unlock()
	marks := map[string]uint64{}
	for key, stream := range streams {
		durable, err := stream.committing().all(stream.sync)
		if err != nil {
			return err
		}
		marks[key] = durable
	}
	return m.raise(marks, s.syncFile)
}
