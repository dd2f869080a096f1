package store

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
)

// MaxRecord bounds a record of a log in bytes.
const MaxRecord = 8 << 20

// Log is an append-only sequence of records, numbered from 1 without a gap. What Append has returned survives the end of the
// process at once, and a power cut within a second, or at once when Params.Always is set.
type Log struct {
	store *Store
	name  string

	appending sync.Mutex // one record at a time
	publisher *publisher // of the running engine

	trimming sync.Mutex // one Trim at a time

	mu    sync.Mutex // of the following; nothing is called while it is held
	first uint64     // number of the first record that is kept
	last  uint64     // number of the last
	bytes int64      // on the disk

	commits commits
	newest  int // block, as of the last commit; of the one who is committing
}

func logSubject(log string) string { return "log." + log }

// recordOverhead is what the engine adds to a record.
func (l *Log) recordOverhead() int64 {
	return recordHeader + recordHash + int64(len(logSubject(l.name)))
}

// Log is the log of this name, made on the first call. Names are as those of buckets.
func (s *Store) Log(ctx context.Context, name string) (*Log, error) {
	if !validName(name) {
		return nil, fmt.Errorf("open log: %q is not a name", name)
	}
	s.reopening.Lock()
	defer s.reopening.Unlock()
	if err := s.usable(); err != nil {
		return nil, fmt.Errorf("open log %s: %w", name, err)
	}
	s.mu.Lock()
	l, exists := s.logs[name]
	s.mu.Unlock()
	if exists {
		return l, nil
	}
	err := s.engine.createLog(ctx, name)
	if err == nil {
		err = syncTree(s.root(), s.syncFile)
	}
	if err == nil {
		err = s.mark(map[string]uint64{logKey + name: 0, lowKey(name): 1})
	}
	if err == nil {
		err = s.loadLog(ctx, name, content{})
	}
	if err != nil {
		return nil, s.fail(fmt.Errorf("make log %s: %w", name, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs[name], nil
}

// loadLog makes the log that the manifest lists, or brings the existing one up to date.
func (s *Store) loadLog(ctx context.Context, name string, whole content) error {
	s.mu.Lock()
	l, exists := s.logs[name]
	if !exists {
		l = &Log{store: s, name: name}
		l.commits.done = sync.NewCond(&l.commits.mu)
		s.logs[name] = l
	}
	engine, low := s.engine, s.manifest.mark(lowKey(name))
	s.mu.Unlock()
	l.appending.Lock()
	defer l.appending.Unlock()
	if err := l.load(ctx, engine, low, whole); err != nil {
		return err
	}
	publisher, err := newPublisher(engine.conn, s.params.Timeout)
	if err != nil {
		return fmt.Errorf("open log %s: %w", name, err)
	}
	l.publisher = publisher
	return nil
}

func (l *Log) load(ctx context.Context, engine *engine, low uint64, whole content) error {
	state, err := engine.state(ctx, logStream(l.name))
	if err == nil && low > state.LastSeq+1 {
		// What came before the first record that is needed was lost with what was not promised yet: go on from there.
		if err = engine.purge(ctx, logStream(l.name), low); err == nil {
			state, err = engine.state(ctx, logStream(l.name))
		}
	}
	if err != nil {
		return fmt.Errorf("read log %s: %w", l.name, err)
	}
	last := max(whole.last, low-1)
	if state.LastSeq != last || state.FirstSeq > max(low, 1) || state.NumDeleted > 0 && state.FirstSeq+uint64(state.NumDeleted) > low {
		// The files were whole a moment ago; what the engine made of them is not.
		return &DamagedError{File: streamFolder(l.store.root(), logStream(l.name)), Reason: fmt.Sprintf(
			"holds the records %d to %d, but %d to %d could be loaded", low, last, state.FirstSeq, state.LastSeq)}
	}
	l.mu.Lock()
	l.first, l.last, l.bytes = low, last, int64(state.Bytes)
	l.mu.Unlock()
	l.newest = 0
	l.commits.reset(0)
	return nil
}

// Append adds a record and returns its number. When it returns, the record survives the end of the process; with
// Params.Always it is on the disk. An error means that the store has failed, or that the record is larger than [MaxRecord].
func (l *Log) Append(record []byte) (uint64, error) {
	if len(record) > MaxRecord {
		return 0, fmt.Errorf("append to %s: the record has %d bytes; %d are allowed", l.name, len(record), MaxRecord)
	}
	defer l.store.timed("log")()
	seq, err := l.append(record)
	if err == nil {
		err = l.store.relax(seq, &l.commits, l.sync)
	}
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", l.name, err)
	}
	return seq, nil
}

func (l *Log) append(record []byte) (uint64, error) {
	l.appending.Lock()
	defer l.appending.Unlock()
	if err := l.store.usable(); err != nil {
		return 0, err
	}
	seq := l.last + 1
	err := l.publisher.send(&nats.Msg{Subject: logSubject(l.name), Data: record})
	if err == nil {
		err = l.publisher.await(seq)
	}
	if err != nil {
		return 0, l.store.fail(err)
	}
	l.mu.Lock()
	l.last = seq
	l.bytes += l.recordOverhead() + int64(len(record))
	l.mu.Unlock()
	return seq, nil
}

// Bounds are the numbers of the first and the last record, and the bytes that the log takes on the disk, which fall some
// time after Trim. In an empty log first is last+1.
func (l *Log) Bounds() (first, last uint64, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.last, l.bytes
}

// Get is the record of this number; [ErrNotFound] when it was trimmed or does not exist. It may be called beside Append.
func (l *Log) Get(seq uint64) ([]byte, error) {
	if first, last, _ := l.Bounds(); seq < first || seq > last {
		return nil, fmt.Errorf("record %d of %s: %w", seq, l.name, ErrNotFound)
	}
	engine := l.store.running()
	if engine == nil {
		return nil, fmt.Errorf("record %d of %s: %w", seq, l.name, ErrClosed)
	}
	msg, err := engine.conn.Request(getSubject(logStream(l.name)), []byte(`{"seq":`+strconv.FormatUint(seq, 10)+`,"no_hdr":true}`), l.store.params.Timeout)
	switch {
	case err != nil:
		return nil, fmt.Errorf("record %d of %s: %w", seq, l.name, err)
	case msg.Header.Get("Status") == "404": // trimmed a moment ago
		return nil, fmt.Errorf("record %d of %s: %w", seq, l.name, ErrNotFound)
	case msg.Header.Get("Status") != "":
		return nil, fmt.Errorf("record %d of %s: %s", seq, l.name, msg.Header.Get("Description"))
	}
	return msg.Data, nil
}

// Of how much Read asks the engine at a time.
// Read hands out the records from the given number, or from the first if that is later, to the one that was the last when it
// was called, in order. It ends with the error of each. A record is each's to keep. It may be called beside Append.
func (l *Log) Read(from uint64, each func(seq uint64, record []byte) error) error {
	first, last, _ := l.Bounds()
	from = max(from, first)
	if from > last {
		return nil
	}
	engine := l.store.running()
	if engine == nil {
		return fmt.Errorf("read log %s: %w", l.name, ErrClosed)
	}
	next := from
	err := engine.scan(logStream(l.name), from, last, l.store.params.Timeout, func(seq uint64, record *nats.Msg) error {
		if seq != next && !l.trimmed(next) {
			return fmt.Errorf("record %d is not there", next)
		}
		next = seq + 1
		return each(seq, record.Data)
	})
	if err == nil && next <= last && !l.trimmed(last) {
		err = fmt.Errorf("record %d is not there", next)
	}
	if err != nil {
		return fmt.Errorf("read log %s: %w", l.name, err)
	}
	return nil
}

// trimmed reports whether a record was removed by Trim, perhaps a moment ago.
func (l *Log) trimmed(seq uint64) bool {
	first, _, _ := l.Bounds()
	return seq < first
}

// sync makes the records so far durable, and tells the number of the last. The caller is committing.
func (l *Log) sync() (uint64, error) {
	_, last, _ := l.Bounds()
	newest, err := syncTail(l.store.root(), logStream(l.name), l.newest, l.commits.synced, l.store.syncFile)
	l.newest = newest
	return last, err
}

func (l *Log) committing() *commits { return &l.commits }

// drain waits until nothing is written to the log. The caller has seen to it that usable refuses new records.
func (l *Log) drain() {
	for _, m := range []*sync.Mutex{&l.appending, &l.trimming} {
		m.Lock()
		m.Unlock() //lint:ignore SA2001 waits for the write under way
	}
	l.commits.drain()
}
