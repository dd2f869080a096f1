package objects

import (
	"cmp"
	"slices"
)

// sorted is an immutable map in the order of its keys: a change makes a new one, which shares all but one chunk with the
// old. So a reader that has one sees it unchanged for as long as it likes, and never waits. Finding takes two binary
// searches; a change copies one chunk and the directory of chunks, which for 10 000 entries is some hundred words.
type sorted[K cmp.Ordered, V any] struct {
	chunks []*chunk[K, V]
	count  int
}

type chunk[K cmp.Ordered, V any] struct {
	keys   []K
	values []V
}

const chunkSize = 128

// place is the chunk where a key is or would be, and its position in it.
func (s sorted[K, V]) place(key K) (c, i int, found bool) {
	c, exact := slices.BinarySearchFunc(s.chunks, key, func(c *chunk[K, V], k K) int { return cmp.Compare(c.keys[0], k) })
	if exact {
		return c, 0, true
	}
	if c > 0 {
		c--
	}
	if c == len(s.chunks) {
		return c, 0, false
	}
	i, found = slices.BinarySearch(s.chunks[c].keys, key)
	return c, i, found
}

func (s sorted[K, V]) get(key K) (value V, found bool) {
	c, i, found := s.place(key)
	if !found {
		return value, false
	}
	return s.chunks[c].values[i], true
}

func (s sorted[K, V]) with(key K, value V) sorted[K, V] {
	c, i, found := s.place(key)
	if c == len(s.chunks) { // it is empty
		return sorted[K, V]{chunks: []*chunk[K, V]{{keys: []K{key}, values: []V{value}}}, count: 1}
	}
	old := s.chunks[c]
	if found {
		values := slices.Clone(old.values)
		values[i] = value
		chunks := slices.Clone(s.chunks)
		chunks[c] = &chunk[K, V]{keys: old.keys, values: values}
		return sorted[K, V]{chunks: chunks, count: s.count}
	}
	if i == len(old.keys) && len(old.keys) == chunkSize && c == len(s.chunks)-1 {
		// What only grows at its end fills its chunks.
		chunks := append(slices.Clone(s.chunks), &chunk[K, V]{keys: []K{key}, values: []V{value}})
		return sorted[K, V]{chunks: chunks, count: s.count + 1}
	}
	grown := &chunk[K, V]{keys: inserted(old.keys, i, key), values: inserted(old.values, i, value)}
	chunks := make([]*chunk[K, V], 0, len(s.chunks)+1)
	chunks = append(append(chunks, s.chunks[:c]...), grown)
	if len(grown.keys) > chunkSize {
		half := len(grown.keys) / 2
		chunks[c] = &chunk[K, V]{keys: slices.Clip(grown.keys[:half]), values: slices.Clip(grown.values[:half])}
		chunks = append(chunks, &chunk[K, V]{keys: slices.Clip(grown.keys[half:]), values: slices.Clip(grown.values[half:])})
	}
	return sorted[K, V]{chunks: append(chunks, s.chunks[c+1:]...), count: s.count + 1}
}

func inserted[T any](from []T, i int, v T) []T {
	to := make([]T, 0, len(from)+1)
	return append(append(append(to, from[:i]...), v), from[i:]...)
}

func (s sorted[K, V]) without(key K) sorted[K, V] {
	c, i, found := s.place(key)
	if !found {
		return s
	}
	old := s.chunks[c]
	if len(old.keys) == 1 {
		chunks := make([]*chunk[K, V], 0, len(s.chunks)-1)
		return sorted[K, V]{chunks: append(append(chunks, s.chunks[:c]...), s.chunks[c+1:]...), count: s.count - 1}
	}
	chunks := slices.Clone(s.chunks)
	chunks[c] = &chunk[K, V]{keys: slices.Delete(slices.Clone(old.keys), i, i+1), values: slices.Delete(slices.Clone(old.values), i, i+1)}
	return sorted[K, V]{chunks: chunks, count: s.count - 1}
}

// rank is how many keys are before a key.
func (s sorted[K, V]) rank(key K) int {
	c, i, _ := s.place(key)
	for _, chunk := range s.chunks[:min(c, len(s.chunks))] {
		i += len(chunk.keys)
	}
	return i
}

// each calls fn for the entries from the given rank on, until it says false.
func (s sorted[K, V]) each(from int, fn func(K, V) bool) {
	for _, c := range s.chunks {
		if from >= len(c.keys) {
			from -= len(c.keys)
			continue
		}
		for i := from; i < len(c.keys); i++ {
			if !fn(c.keys[i], c.values[i]) {
				return
			}
		}
		from = 0
	}
}

// eachDown calls fn for the entries before the given rank, the last first, until it says false.
func (s sorted[K, V]) eachDown(before int, fn func(K, V) bool) {
	first := s.count
	for _, c := range slices.Backward(s.chunks) {
		first -= len(c.keys)
		for i := min(before-first, len(c.keys)) - 1; i >= 0; i-- {
			if !fn(c.keys[i], c.values[i]) {
				return
			}
		}
	}
}

// sortedOf makes a map of values with different keys.
func sortedOf[K cmp.Ordered, V any](values []V, key func(V) K) sorted[K, V] {
	values = slices.Clone(values)
	slices.SortFunc(values, func(a, b V) int { return cmp.Compare(key(a), key(b)) })
	s := sorted[K, V]{count: len(values)}
	for part := range slices.Chunk(values, chunkSize) {
		c := &chunk[K, V]{keys: make([]K, len(part)), values: slices.Clip(part)}
		for i, v := range part {
			c.keys[i] = key(v)
		}
		s.chunks = append(s.chunks, c)
	}
	return s
}

// differences calls fn for each key whose value is not the same in both; a missing one is nil. What both share is skipped chunk by
// chunk.
func differences[K cmp.Ordered, V comparable](before, after sorted[K, V], fn func(key K, old, now V)) {
	var none V
	b, a := cursor[K, V]{chunks: before.chunks}, cursor[K, V]{chunks: after.chunks}
	for !b.end() || !a.end() {
		switch {
		case !b.end() && !a.end() && b.i == 0 && a.i == 0 && b.chunks[0] == a.chunks[0]:
			b.chunks, a.chunks = b.chunks[1:], a.chunks[1:]
		case a.end() || !b.end() && b.key() < a.key():
			fn(b.key(), b.value(), none)
			b.step()
		case b.end() || a.key() < b.key():
			fn(a.key(), none, a.value())
			a.step()
		default:
			if b.value() != a.value() {
				fn(a.key(), b.value(), a.value())
			}
			b.step()
			a.step()
		}
	}
}

// cursor walks through chunks.
type cursor[K cmp.Ordered, V any] struct {
	chunks []*chunk[K, V]
	i      int
}

func (c *cursor[K, V]) end() bool { return len(c.chunks) == 0 }
func (c *cursor[K, V]) key() K    { return c.chunks[0].keys[c.i] }
func (c *cursor[K, V]) value() V  { return c.chunks[0].values[c.i] }

func (c *cursor[K, V]) step() {
	if c.i++; c.i == len(c.chunks[0].keys) {
		c.chunks, c.i = c.chunks[1:], 0
	}
}
