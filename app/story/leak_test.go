package story

import (
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/sim/scenario"
	"gatehouse/sim/simtest"
)

// TestNothingIsLeftOfPlaying: each round plays the ready scenarios at once on a gateway that is thrown away. The first warms up
// what is made once in a process; what the others leave would be left each time.
func TestNothingIsLeftOfPlaying(t *testing.T) {
	ready, err := All()
	require.NoError(t, err)
	before := goleak.IgnoreCurrent()
	t.Setenv("TMPDIR", t.TempDir())
	round := func(day bool) {
		g, err := NewThrowaway()
		require.NoError(t, err)
		var playing sync.WaitGroup
		for _, r := range ready {
			if r.ID == "thermostat-day" && !day { // ten seconds of each round
				continue
			}
			playing.Go(func() {
				result, err := Play(t.Context(), g.Gateway, r.Scenario, scenario.Params{})
				assert.NoError(t, err)
				assert.True(t, result.Held, "%s: %s: %s", r.ID, result.Where, result.Why)
			})
		}
		playing.Wait()
		require.NoError(t, g.Close())
	}
	round(true)
	files, heap := openFiles(t), heapInUse()
	round(false)
	round(false)
	simtest.NothingRuns(t, before)
	assert.LessOrEqual(t, openFiles(t), files, "files and sockets")
	const slack = 2 << 20
	assert.Less(t, heapInUse(), heap+slack, "bytes on the heap")
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	assert.Empty(t, left, "folders of gateways that were thrown away")
}

// openFiles is how many files and sockets this process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS == "windows" {
		return 0 // it does not tell
	}
	entries, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(entries)
}

// heapInUse is what is reachable; twice, because finalizers have things to free.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
