package objects

import (
	"maps"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// wholeOf reads a map from end to end, in both directions.
func wholeOf(t require.TestingT, s sorted[int, *int]) map[int]int {
	all := map[int]int{}
	var up, down []int
	s.each(0, func(k int, v *int) bool { up = append(up, k); all[k] = *v; return true })
	s.eachDown(s.count, func(k int, _ *int) bool { down = append(down, k); return true })
	require.True(t, slices.IsSorted(up))
	slices.Reverse(down)
	require.Equal(t, up, down)
	require.Len(t, up, s.count)
	for _, c := range s.chunks {
		require.NotEmpty(t, c.keys)
		require.LessOrEqual(t, len(c.keys), chunkSize)
		require.Len(t, c.values, len(c.keys))
	}
	return all
}

func TestASortedMapIsAsAMapAndItsOldVersionsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sorted[int, *int]
		want := map[int]int{}
		type version struct {
			s    sorted[int, *int]
			want map[int]int
		}
		old := []version{{s, map[int]int{}}}
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			from, n, by := rapid.IntRange(0, 600).Draw(t, "from"), rapid.IntRange(1, 300).Draw(t, "n"), rapid.IntRange(-3, 3).Draw(t, "by")
			remove := rapid.Bool().Draw(t, "remove")
			for i := range n {
				key := from + i*by
				if remove {
					s = s.without(key)
					delete(want, key)
				} else {
					value := step*1000 + i
					s = s.with(key, &value)
					want[key] = value
				}
			}
			old = append(old, version{s, maps.Clone(want)})
		}
		for _, v := range old {
			require.Equal(t, v.want, wholeOf(t, v.s))
		}
		keys := slices.Sorted(maps.Keys(want))
		for range 20 {
			key := rapid.IntRange(-1000, 2000).Draw(t, "key")
			v, found := s.get(key)
			value, there := want[key]
			require.Equal(t, there, found)
			if there {
				require.Equal(t, value, *v)
			}
			rank := sort.SearchInts(keys, key)
			require.Equal(t, rank, s.rank(key))
			var first []int
			s.each(rank, func(k int, _ *int) bool { first = append(first, k); return len(first) < 3 })
			require.True(t, slices.Equal(keys[rank:min(rank+3, len(keys))], first))
			var last []int
			s.eachDown(rank, func(k int, _ *int) bool { last = append(last, k); return len(last) < 3 })
			slices.Reverse(last)
			require.True(t, slices.Equal(keys[max(0, rank-3):rank], last))
		}
		a, b := old[rapid.IntRange(0, len(old)-1).Draw(t, "a")], old[rapid.IntRange(0, len(old)-1).Draw(t, "b")]
		got := maps.Clone(a.want)
		differences(a.s, b.s, func(key int, before, after *int) {
			require.False(t, before == after)
			if after == nil {
				delete(got, key)
			} else {
				got[key] = *after
			}
		})
		require.Equal(t, b.want, got, "the differences lead from one version to the other")
		values := slices.Collect(maps.Values(want))
		built := sortedOf(keys, func(k int) int { return k })
		require.Equal(t, len(values), built.count)
	})
}

func TestDifferencesSkipWhatIsShared(t *testing.T) {
	values := make([]int, 10_000)
	var s sorted[int, *int]
	for i := range values {
		s = s.with(2*i, &values[i])
	}
	for _, key := range []int{5001, 5000, 0, -1, 30_000} {
		changed := 0
		next := s.with(key, new(int))
		differences(s, next, func(int, *int, *int) { changed++ })
		require.Equal(t, 1, changed)
		shared := 0
		for _, c := range s.chunks {
			if slices.Contains(next.chunks, c) {
				shared++
			}
		}
		require.GreaterOrEqual(t, shared, len(s.chunks)-1, "a change copies one chunk")
	}
}
