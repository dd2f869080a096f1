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

// newBrokenHub makes an engine whose store takes nothing.
func newBrokenHub(testing.TB) *broker.Hub { return broker.New(broker.Params{Journal: full{}}) }

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

// full is a journal that can keep nothing.
type full struct{}

var errFull = errors.New("the disk is full")

func (full) Append(*broker.Message, []string) (uint64, error) { return 0, errFull }
func (full) Release(string, uint64)                           {}
func (full) Done(string, uint64)                              {}
func (full) Received(string, uint16)                          {}
func (full) Forgotten(string, uint16)                         {}
func (full) Discard(string)                                   {}
