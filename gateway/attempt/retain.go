package attempt

import (
	"fmt"
	"slices"
)

// tidy removes the files that hold nothing any more that is kept. When all of them are more than they should be, what is kept of
// the oldest is written anew, and that file goes as well.
func (k *keeper) tidy() {
	if k.files == nil || k.failed() {
		return
	}
	numbers := k.files.Numbers()
	if len(numbers) < 2 {
		return
	}
	tooMuch := func() bool {
		return k.files.Bytes() > k.log.bound.Load()+k.log.params.slack || len(k.files.Numbers()) > maxFiles
	}
	k.mu.Lock()
	same := len(numbers) == k.tidied
	k.mu.Unlock()
	if same && !tooMuch() {
		return // there is no file more than when this was looked at before
	}
	used, last := map[uint64]bool{}, uint64(0)
	for _, file := range k.filed {
		if file != last { // most have that of the one before
			used[file], last = true, file
		}
	}
	for _, n := range numbers[:len(numbers)-1] {
		if used[n] {
			if !tooMuch() {
				continue
			}
			for batch := range slices.Chunk(k.keptIn(n), batchAttempts) {
				k.write(batch, false)
			}
			if k.failed() {
				return
			}
		}
		if err := k.files.Remove(n); err != nil {
			k.log.params.Logger.Warn("a file of attempts cannot be removed", "err", err)
		}
	}
	k.mu.Lock()
	k.tidied = len(k.files.Numbers())
	k.mu.Unlock()
}

// filed are the attempts that are kept, with the file that the latest of each is in; 0: none.
func (k *keeper) filed(yield func(id, file uint64) bool) {
	for id, newest := k.log.oldest.Load(), k.log.newest.Load(); id <= newest; id++ {
		r := k.log.find(id)
		if r == nil {
			continue
		}
		r.mu.Lock()
		file := r.file
		r.mu.Unlock()
		if !yield(id, file) {
			return
		}
	}
}

// keptIn are the ids of the attempts that are kept and in a file.
func (k *keeper) keptIn(wanted uint64) (ids []uint64) {
	for id, file := range k.filed {
		if file == wanted {
			ids = append(ids, id)
		}
	}
	return ids
}

// clear forgets what is over, in memory and on the disk.
func (k *keeper) clear() error {
	k.disk.Lock()
	defer k.disk.Unlock()
	k.log.clear()
	if k.files == nil {
		return nil
	}
	if err := k.files.Clear(); err != nil {
		return fmt.Errorf("clear the record of attempts: %w", err)
	}
	_, err := k.files.Write(k.appendMark(nil)) // so that ids go on
	k.mu.Lock()
	k.soon, k.later = nil, nil // what is kept of them follows
	clear(k.retry)
	k.mu.Unlock()
	for id, newest := k.log.oldest.Load(), k.log.newest.Load(); id <= newest; id++ {
		if r := k.log.find(id); r != nil {
			r.mu.Lock()
			if r.file, r.due = 0, written; r.attempt == nil || r.attempt.settled() {
				k.note(r, soon)
			}
			r.mu.Unlock()
		}
	}
	if err != nil {
		return fmt.Errorf("clear the record of attempts: %w", err)
	}
	return nil
}
