package attempt

import (
	"encoding/binary"
	"slices"
	"time"

	"gatehouse/gateway/attempt/segment"
)

// Kinds of records on the disk.
const (
	recordMark    = 1 // when it was written, and the highest id given by then
	recordAttempt = 2
)

// resume finds the highest id that was given, and when the process before was last known to be there.
func (k *keeper) resume() (alive time.Time) {
	if k.files == nil {
		return time.Time{}
	}
	newest := uint64(0)
	for _, n := range slices.Backward(k.files.Numbers()) {
		_, err := k.files.Read(n, func(record []byte) {
			if len(record) == 0 {
				return
			}
			switch record[0] {
			case recordMark:
				if at, id, ok := readMark(record[1:]); ok {
					newest = max(newest, id)
					if at.After(alive) {
						alive = at
					}
				}
			case recordAttempt:
				newest = max(newest, idOf(record[1:]))
			}
		})
		if err == nil && newest > 0 {
			break
		}
	}
	k.marked = newest
	k.log.newest.Store(newest)
	k.log.oldest.Store(newest + 1)
	return alive
}

// appendMark appends a mark of now. The caller holds disk.
func (k *keeper) appendMark(b []byte) []byte {
	k.marked = k.log.newest.Load()
	b, _ = segment.AppendRecord(b, func(b []byte) []byte {
		b = append(b, recordMark)
		b = binary.AppendVarint(b, k.log.params.Now().UnixNano())
		return binary.AppendUvarint(b, k.marked)
	})
	return b
}

func readMark(b []byte) (at time.Time, newest uint64, ok bool) {
	ns, n := binary.Varint(b)
	if n <= 0 {
		return at, 0, false
	}
	newest, m := binary.Uvarint(b[n:])
	return time.Unix(0, ns), newest, m > 0
}

// idOf is the id of an attempt as it was written, which begins with it; 0 when it does not.
func idOf(b []byte) uint64 {
	if len(b) < 4 {
		return 0
	}
	tag, value, _, ok := field(b[4:])
	if id, whole := integer(value); ok && whole && tag == tagID {
		return uint64(id)
	}
	return 0
}
