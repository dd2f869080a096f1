package webhook

import (
	"fmt"
	"strconv"
)

// slot is the place of an event in the store. Slots are used again and again: a key that is deleted leaves a mark in the
// store for good, so there must not be a new key for each event.
type slot uint32

func (n slot) key() string { return "slot." + strconv.FormatUint(uint64(n), 10) }

func parseSlot(key string) (slot, error) {
	var n slot
	if _, err := fmt.Sscanf(key, "slot.%d", &n); err != nil || n.key() != key {
		return 0, fmt.Errorf("%s: not a key of this bucket", key)
	}
	return n, nil
}

// slots tells which slots are in use. Those that are owed hold what need not be sent any more, until they are swept or
// written anew.
type slots struct {
	next slot // none from here on was ever used
	free []slot
	owed []slot
}

// slotsBeside are the slots when those given are in use, and nothing is owed.
func slotsBeside(used map[slot]bool) slots {
	var s slots
	for n := range used {
		s.next = max(s.next, n+1)
	}
	for n := range s.next {
		if !used[n] {
			s.free = append(s.free, n)
		}
	}
	return s
}

// take is a slot to write to, best one that is owed: that saves its deletion.
func (s *slots) take() slot {
	for _, from := range []*[]slot{&s.owed, &s.free} {
		if last := len(*from) - 1; last >= 0 {
			n := (*from)[last]
			*from = (*from)[:last]
			return n
		}
	}
	n := s.next
	s.next++
	return n
}

// debt is a slot to delete, which is free or owed again afterwards.
func (s *slots) debt() (n slot, found bool) {
	last := len(s.owed) - 1
	if last < 0 {
		return 0, false
	}
	n = s.owed[last]
	s.owed = s.owed[:last]
	return n, true
}
