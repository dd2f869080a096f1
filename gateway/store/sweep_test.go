package store

import (
	"bytes"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// churned makes a bucket in which many keys were put and deleted, and some are left.
func churned(t testing.TB, s *Store, keys, left int) *Bucket {
	t.Helper()
	b, err := s.RelaxedBucket(t.Context(), "things")
	require.NoError(t, err)
	value := bytes.Repeat([]byte("x"), 4000)
	for i := range keys {
		_, err := b.Put(t.Context(), fmt.Sprintf("key-%d", i), value)
		require.NoError(t, err)
	}
	for i := range keys - left {
		require.NoError(t, b.Delete(t.Context(), fmt.Sprintf("key-%d", i)))
	}
	return b
}

// inEngine is what the engine holds of a bucket. When it takes what is deleted out of its files is its own affair: it leaves blocks
// under 2 MiB, and those that it has rewritten once, as they are.
func inEngine(t testing.TB, s *Store) jetstream.StreamState {
	t.Helper()
	stream, err := s.engine.js.Stream(t.Context(), bucketStream("things"))
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	return info.State
}

func TestASweepRemovesTheMarkersOfWhatIsNoLongerInTheFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Params{rewriteEvery: 20 * time.Millisecond})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	const keys, left = 5000, 10
	b := churned(t, s, keys, left)
	want := contents(t, b)
	// The engine does not touch the block that it writes to: it is to go on to the next.
	filler := bytes.Repeat([]byte("x"), MaxValue)
	for range 8 << 20 / MaxValue {
		_, err := b.Put(t.Context(), "filler", filler)
		require.NoError(t, err)
	}
	require.NoError(t, b.Delete(t.Context(), "filler"))
	before := inEngine(t, s)
	require.NoError(t, s.flush(s.manifest))
	removed, err := b.sweep(t.Context())
	require.NoError(t, err)
	require.Positive(t, removed)
	after := inEngine(t, s)
	require.LessOrEqual(t, after.Msgs, before.Msgs-uint64(removed)) // less, when the store sweeps by itself meanwhile
	require.Less(t, after.Msgs, uint64(keys/2))
	require.Less(t, after.Bytes, before.Bytes)
	again, err := b.sweep(t.Context())
	require.NoError(t, err)
	require.Less(t, again, keys-removed, "none twice")
	requireSame(t, want, contents(t, b))
	require.NoError(t, s.Close())
	for range 2 {
		s := open(t, dir)
		requireSame(t, want, contents(t, bucket(t, s)))
		require.NoError(t, s.Close())
	}
}

func requireSame(t *testing.T, want, got map[string]string) {
	t.Helper()
	require.True(t, maps.Equal(want, got), "%d entries, but there should be %d", len(got), len(want))
}

func TestABucketWithManyMarkersIsSweptByItself(t *testing.T) {
	s, err := Open(t.TempDir(), Params{rewriteEvery: 20 * time.Millisecond, sweepEvery: 20 * time.Millisecond})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	b := churned(t, s, 2500, 10)
	deleted := 2490
	for deadline := time.Now().Add(20 * time.Second); ; deleted++ {
		b.mu.Lock()
		markers := b.markers
		b.mu.Unlock()
		if markers < deleted {
			break
		}
		require.True(t, time.Now().Before(deadline), "all %d markers are still there", markers)
		key := fmt.Sprintf("later-%d", deleted)
		_, err := b.Put(t.Context(), key, make([]byte, 10000))
		require.NoError(t, err)
		require.NoError(t, b.Delete(t.Context(), key))
	}
}

func TestASweepLeavesWhatIsStillNeeded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := churned(t, s, 100, 10)
	require.NoError(t, s.flush(s.manifest))
	removed, err := b.sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed, "what was deleted is in the block, as the engine has not rewritten it")
	require.NoError(t, s.Close())
	require.Len(t, contents(t, bucket(t, open(t, dir))), 10)
}
