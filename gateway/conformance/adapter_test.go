package conformance

import (
	"errors"
	"net"
	"slices"
	"sync"
	"testing"

	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
)

// This file is the only one that knows how the session engine is made and opened.

// newHub makes an engine on a log of its own.
func newHub(t testing.TB) *broker.Hub { return hubOn(t, &memoryLog{}) }

// hubOn makes an engine that goes on where another one on the same log was closed.
func hubOn(t testing.TB, log *memoryLog) *broker.Hub {
	t.Helper()
	h, err := openHub(log)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func openHub(log *memoryLog) (*broker.Hub, error) { return broker.Open(broker.Params{Log: log}) }

// open attaches a connection to its device's session.
func open(h *broker.Hub, nc net.Conn, hello broker.Hello) (c *broker.Conn, present bool, err error) {
	c, present, _, err = h.Open(nc, hello)
	return c, present, err
}

// served is one connection in the engine.
type served interface {
	Run() broker.End
	Kill(why cause.ID)
}

// memoryLog is a broker.Log that outlives an engine, not the process.
type memoryLog struct {
	mu      sync.Mutex
	first   uint64 // number of records[0], less 1
	records [][]byte
	bytes   int64
	full    bool
}

var errFull = errors.New("the disk is full")

// fill makes every record from now on fail.
func (l *memoryLog) fill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = true
}

func (l *memoryLog) Append(record []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return 0, errFull
	}
	l.records = append(l.records, slices.Clone(record))
	l.bytes += int64(len(record))
	return l.first + uint64(len(l.records)), nil
}

func (l *memoryLog) Read(from uint64, each func(uint64, []byte) error) error {
	l.mu.Lock()
	first, records := l.first, slices.Clone(l.records)
	l.mu.Unlock()
	for i, record := range records {
		if seq := first + uint64(i) + 1; seq >= from {
			if err := each(seq, record); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *memoryLog) Get(seq uint64) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq <= l.first || seq > l.first+uint64(len(l.records)) {
		return nil, errors.New("there is no such record")
	}
	return l.records[seq-l.first-1], nil
}

func (l *memoryLog) Trim(before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.records) > 0 && l.first+1 < before {
		l.bytes -= int64(len(l.records[0]))
		l.records, l.first = l.records[1:], l.first+1
	}
	return nil
}

func (l *memoryLog) Bounds() (first, last uint64, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + 1, l.first + uint64(len(l.records)), l.bytes
}
