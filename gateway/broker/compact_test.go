package broker

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// One small message that waits for very many sessions is little that is live, but makes a long checkpoint.
func TestACheckpointIsNotWrittenAgainWhileItWouldSaveNothing(t *testing.T) {
	l := newMemoryLog()
	g := serve(t, withLog(l), withSmallLog)
	for i := range 150 {
		device := fmt.Sprint("away", i)
		c, _ := g.connect(device, false)
		c.subscribe(1, "t", 1)
		_ = c.Close()
		g.ended(device, 0)
	}
	p, _ := g.connect("pub", true)
	for id := range 2000 {
		p.publish1("t", "x", uint16(id+1))
	}
	written := 0
	l.mu.Lock()
	for _, s := range l.history {
		written += len(s.record)
	}
	left := int(l.bytes)
	l.mu.Unlock()
	assert.Less(t, written, 4*left, "all that was written, for a log of so many bytes; %d checkpoints", l.trims())
}

// unreadableLog cannot be read back.
type unreadableLog struct{ *memoryLog }

func (unreadableLog) Get(uint64) ([]byte, error) { return nil, errDisk }

func TestSessionsAreNotRecoveredUntilTheirMessagesCanBeRead(t *testing.T) {
	l := unreadableLog{newMemoryLog()}
	g := serve(t, withLog(l))
	c, _ := g.connect("away", false)
	c.subscribe(1, "t", 1)
	_ = c.Close()
	g.ended("away", 0)
	p, _ := g.connect("pub", true)
	p.publish1("t", "x", 1)
	l.failing(func(int) error { return errDisk })
	p.publish("t", "y", 1, 2, false)
	assert.Empty(t, p.closed())
	l.failing(nil)
	require.ErrorIs(t, g.hub.Recover(), errDisk, "the log does not say what memory says")
	require.Error(t, g.hub.Err())
	g.hub.shelf.log = l.memoryLog
	require.NoError(t, g.hub.Recover())
	require.NoError(t, g.hub.Err())
}
