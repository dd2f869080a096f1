package registry

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/store"
)

func onDisk(t testing.TB) *Registry {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Params{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	r, err := Open(t.Context(), Params{Store: s})
	require.NoError(t, err)
	return r
}

// fill makes n devices with a key each, many at a time.
func fill(t testing.TB, r *Registry, fleetSID string, n int) {
	t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				d, err := r.CreateDevice(t.Context(), NewDevice{FleetSID: fleetSID, UniqueName: fmt.Sprintf("device-%d", i)})
				if err == nil {
					_, _, err = r.CreateKey(t.Context(), fleetSID, d.SID, "")
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestALargeFleetIsDeletedAtOnce(t *testing.T) {
	const devices = 400
	r := onDisk(t)
	f, err := r.CreateFleet(t.Context(), "plant", "")
	require.NoError(t, err)
	fill(t, r, f.SID, devices)
	keys := r.AllKeys()
	require.Len(t, keys, devices)
	require.NoError(t, r.DeleteFleet(t.Context(), f.SID))
	require.Empty(t, r.Devices())
	require.Empty(t, r.AllKeys())
	for _, k := range keys {
		stone, found := r.Tombstone(k.SID)
		require.True(t, found)
		require.True(t, stone.WithDevice)
	}
}

func BenchmarkCreateDevice(b *testing.B) {
	r := onDisk(b)
	for b.Loop() {
		if _, err := r.CreateDevice(b.Context(), NewDevice{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeleteFleetOf2000(b *testing.B) {
	r := onDisk(b)
	for b.Loop() {
		b.StopTimer()
		f, err := r.CreateFleet(b.Context(), "", "")
		require.NoError(b, err)
		fill(b, r, f.SID, 2000)
		b.StartTimer()
		if err := r.DeleteFleet(b.Context(), f.SID); err != nil {
			b.Fatal(err)
		}
	}
}
