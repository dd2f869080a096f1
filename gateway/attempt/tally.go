package attempt

import (
	"sync"
	"time"
)

// tallySeconds is how long counts are kept: an hour, second by second.
const tallySeconds = 3600

const (
	lowestCode  = TCP
	highestCode = Code(5)
	codes       = int(highestCode-lowestCode) + 1
)

// tally counts verdicts per second. Its size is fixed.
type tally struct {
	mu      sync.Mutex
	seconds [tallySeconds]second
}

type second struct {
	unix int64
	by   [codes]uint32
}

// Counts are verdicts by code. Pending attempts are not in it.
type Counts struct {
	ByCode   map[Code]int
	Accepted int
	Refused  int // codes 1 to 5 and the ends without a CONNACK
}

// Sample is one second of Series.
type Sample struct {
	At       time.Time // the start of the second
	Accepted int
	Refused  int
}

func (t *tally) add(now time.Time, code Code) {
	if code < lowestCode || code > highestCode || code == Pending {
		return
	}
	unix := now.Unix()
	t.mu.Lock()
	s := &t.seconds[slotOf(unix)]
	if s.unix != unix {
		*s = second{unix: unix}
	}
	s.by[code-lowestCode]++
	t.mu.Unlock()
}

func slotOf(unix int64) int64 { return (unix%tallySeconds + tallySeconds) % tallySeconds }

// Counts sums the verdicts since then, by whole seconds, over an hour at most. It does not look at the attempts, so
// eviction does not change it.
func (l *Log) Counts(since time.Time) Counts {
	now := l.params.Now().Unix()
	from := max(now-tallySeconds+1, since.Unix())
	var by [codes]uint32
	l.tally.mu.Lock()
	for i := range l.tally.seconds {
		if s := &l.tally.seconds[i]; s.unix >= from && s.unix <= now {
			for c, n := range s.by {
				by[c] += n
			}
		}
	}
	l.tally.mu.Unlock()
	counts := Counts{ByCode: map[Code]int{}}
	for i, n := range by {
		if n == 0 {
			continue
		}
		code := lowestCode + Code(i)
		counts.ByCode[code] = int(n)
		if code.Refused() {
			counts.Refused += int(n)
		} else {
			counts.Accepted += int(n)
		}
	}
	return counts
}

// Series is the last n seconds, oldest first, the current one included; an hour at most.
func (l *Log) Series(n int) []Sample {
	n = max(0, min(n, tallySeconds))
	now := l.params.Now().Unix()
	series := make([]Sample, n)
	l.tally.mu.Lock()
	defer l.tally.mu.Unlock()
	for i := range series {
		unix := now - int64(n-1-i)
		series[i].At = time.Unix(unix, 0)
		s := &l.tally.seconds[slotOf(unix)]
		if s.unix != unix {
			continue
		}
		for c, count := range s.by {
			if (lowestCode + Code(c)).Refused() {
				series[i].Refused += int(count)
			} else {
				series[i].Accepted += int(count)
			}
		}
	}
	return series
}
