package attempt

import (
	"cmp"
	"slices"
	"time"

	"gatehouse/gateway/cause"
)

// load reads the files back, the newest first, and tells of what they held, the oldest attempt first; those after until are told
// when they are decided. died is when the process before was last known to be there.
func (k *keeper) load(until uint64, died time.Time) {
	defer close(k.restored)
	first := until + 1
	if k.files != nil {
		for _, n := range slices.Backward(k.files.Numbers()) {
			if k.closed() {
				break
			}
			first = min(first, k.loadFile(n, until, died))
		}
	}
	for id := max(first, k.log.oldest.Load()); id <= until && k.each != nil && !k.closed(); id++ {
		if a, found := k.log.Get(id); found {
			k.each(a)
		}
	}
	k.mu.Lock()
	k.status.Loading = false
	k.mu.Unlock()
	k.log.version.Add(1)
	k.tidy()
}

// loadFile restores what a file holds, and returns the lowest id in it.
func (k *keeper) loadFile(number, until uint64, died time.Time) (lowest uint64) {
	k.disk.Lock() // not beside clear
	defer k.disk.Unlock()
	lowest = until + 1
	if !slices.Contains(k.files.Numbers(), number) {
		return lowest // it was cleared meanwhile
	}
	damaged, unknown := 0, 0
	latest := map[uint64]int{}
	attempts := []Attempt{}
	damaged, err := k.files.Read(number, func(record []byte) {
		if len(record) > 0 && record[0] == recordMark {
			return
		}
		if len(record) == 0 || record[0] != recordAttempt {
			unknown++
			return
		}
		id := idOf(record[1:])
		if id > until || k.log.find(id) != nil { // a later file has it
			return
		}
		a, err := decodeAttempt(record[1:])
		if err != nil {
			unknown++
			return
		}
		if at, before := latest[a.ID]; before { // a later record replaces the earlier
			attempts[at] = a
			return
		}
		latest[a.ID] = len(attempts)
		attempts = append(attempts, a)
	})
	if err != nil {
		damaged++
		k.log.params.Logger.Warn("a file of attempts cannot be read", "err", err)
	}
	if damaged+unknown > 0 {
		k.log.params.Logger.Warn("parts of the record of attempts are damaged and skipped", "damaged", damaged, "unknown", unknown)
	}
	slices.SortFunc(attempts, func(a, b Attempt) int { return cmp.Compare(b.ID, a.ID) })
	restored := 0
	for i := range attempts {
		if k.restore(&attempts[i], number, died) {
			restored++
			lowest = min(lowest, attempts[i].ID)
		}
	}
	k.mu.Lock()
	k.status.Damaged += damaged + unknown
	k.status.Restored += restored
	k.mu.Unlock()
	return lowest
}

// restore puts one attempt back. One that was under way ended with the process.
func (k *keeper) restore(a *Attempt, file uint64, died time.Time) bool {
	open := !a.Done
	if open {
		a.end(cause.GatewayDied, died)
	}
	r := k.log.restore(*a, file)
	if r == nil {
		return false
	}
	k.log.tally.restore(k.log.params.Now(), a)
	if open {
		r.mu.Lock()
		r.due = soon
		k.mu.Lock()
		k.soon = append(k.soon, a.ID)
		k.mu.Unlock()
		r.mu.Unlock()
	}
	return true
}

// end closes an attempt that nobody closed, at a time that is not known better than that it was not before at.
func (a *Attempt) end(why cause.ID, at time.Time) {
	offset := max(at.Sub(a.At), a.Total, 0)
	if n := len(a.Steps); n > 0 {
		offset = max(offset, a.Steps[n-1].Offset)
	}
	step := Step{Offset: offset, Kind: Ended, State: endState(why), Facts: []Fact{{"cause", string(why)}, {"by", "gateway"}, {"after", offset.Round(time.Microsecond).String()}}}
	if a.Code > 0 {
		step.State = Good // it was refused, so it was closed
	} else {
		a.End = why
	}
	a.Steps = append(a.Steps, step)
	a.Live, a.Done, a.Total = false, true, offset
}

func (k *keeper) closed() bool {
	select {
	case <-k.quit:
		return true
	default:
		return false
	}
}

// restore counts an attempt of the last hour that was decided before the log was opened.
func (t *tally) restore(now time.Time, a *Attempt) {
	at := a.At
	if a.Code != 0 {
		at = at.Add(a.Total)
	}
	if age := now.Sub(at); age >= 0 && age < (tallySeconds-1)*time.Second {
		t.add(at, a.Code)
	}
}
