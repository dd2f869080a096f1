package broker

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// memoryLog is a Log in memory. It notes what was done, so that a test can cut it off after any step, and fails on demand.
type memoryLog struct {
	mu      sync.Mutex
	records map[uint64][]byte
	first   uint64
	last    uint64
	bytes   int64
	history []logStep
	fail    func(append int) error // asked for each Append
	appends int
	hold    chan struct{} // Append waits for it to be closed
	late    bool          // what fails is stored all the same
}

// logStep is an Append, or a Trim when record is nil.
type logStep struct {
	record []byte
	trim   uint64
}

func newMemoryLog() *memoryLog { return &memoryLog{records: map[uint64][]byte{}, first: 1} }

func (l *memoryLog) Append(b []byte) (uint64, error) {
	l.mu.Lock()
	hold := l.hold
	l.mu.Unlock()
	if hold != nil {
		<-hold
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appends++
	var err error
	if l.fail != nil {
		err = l.fail(l.appends)
	}
	if err == nil || l.late {
		l.last++
		l.records[l.last] = slices.Clone(b)
		l.bytes += int64(len(b))
		l.history = append(l.history, logStep{record: l.records[l.last]})
	}
	if err != nil {
		return 0, err
	}
	return l.last, nil
}

func (l *memoryLog) Read(from uint64, each func(uint64, []byte) error) error {
	first, last, _ := l.Bounds()
	for seq := max(from, first); seq <= last; seq++ {
		b, err := l.Get(seq)
		if err != nil {
			return err
		}
		if err := each(seq, b); err != nil {
			return err
		}
	}
	return nil
}

var errNotThere = errors.New("no such record")

func (l *memoryLog) Get(seq uint64) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, there := l.records[seq]
	if !there {
		return nil, fmt.Errorf("record %d: %w", seq, errNotThere)
	}
	return slices.Clone(b), nil
}

func (l *memoryLog) Trim(before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history = append(l.history, logStep{trim: before})
	l.trim(before)
	return nil
}

func (l *memoryLog) trim(before uint64) {
	for ; l.first < before; l.first++ {
		l.bytes -= int64(len(l.records[l.first]))
		delete(l.records, l.first)
	}
}

func (l *memoryLog) Bounds() (first, last uint64, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.last, l.bytes
}

// cut is the log as it was after n steps.
func (l *memoryLog) cut(n int) *memoryLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newMemoryLog()
	c.history = slices.Clone(l.history[:n])
	for _, s := range l.history[:n] {
		if s.record == nil {
			c.trim(s.trim)
			continue
		}
		c.last++
		c.records[c.last] = s.record
		c.bytes += int64(len(s.record))
	}
	return c
}

func (l *memoryLog) steps() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.history)
}

// trims counts how often it was trimmed.
func (l *memoryLog) trims() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.history {
		if s.record == nil {
			n++
		}
	}
	return n
}

// failing makes Append fail, or work again with nil.
func (l *memoryLog) failing(fail func(int) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = fail
}
