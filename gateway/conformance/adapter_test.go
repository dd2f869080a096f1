package conformance

import (
	"errors"
	"net"
	"testing"

	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
)

// This file is the only one that knows how the session engine is made and opened.

// newHub makes an engine that keeps everything in memory.
func newHub(testing.TB) *broker.Hub { return broker.New(broker.Params{}) }

// newBrokenHub makes an engine whose store takes nothing but the beginning of sessions.
func newBrokenHub(t testing.TB) *broker.Hub {
	h, err := broker.Open(broker.Params{Log: &full{}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

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

// full is a log that keeps nothing: its disk is full after the first record.
type full struct{ last uint64 }

var errFull = errors.New("the disk is full")

func (l *full) Append([]byte) (uint64, error) {
	if l.last++; l.last > 1 {
		return 0, errFull
	}
	return l.last, nil
}
func (l *full) Read(uint64, func(uint64, []byte) error) error { return nil }
func (l *full) Get(uint64) ([]byte, error)                    { return nil, errFull }
func (l *full) Trim(uint64) error                             { return nil }
func (l *full) Bounds() (first, last uint64, bytes int64)     { return 1, 0, 0 }
