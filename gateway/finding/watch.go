package finding

import (
	"container/list"
	"strings"
	"time"

	"gatehouse/gateway/attempt"
)

// pattern is a kind of events that are watched.
type pattern uint8

const (
	takeovers pattern = iota
	connects
	refusals
	failures // of one address
	spread   // of one kind of failure, one event for each address
)

type watchKey struct {
	pattern pattern
	subject string
}

// event is one attempt, as much of it as a pattern needs. There are many, so they hold next to nothing for the garbage collector to follow.
type event struct {
	ns     int64 // since 1970
	id     uint64
	remote *string // of spread
	fight  *fight  // of a takeover
}

func (e event) at() time.Time { return time.Unix(0, e.ns) }

// fight is who evicted whom.
type fight struct{ party, old Party }

// watch is the latest events of one device, address or credential: no more than its pattern needs.
type watch struct {
	key    watchKey
	events []event // oldest first
	place  *list.Element
}

// watches are the ones that had an event last. Their number is bounded.
type watches struct {
	limit int
	by    map[watchKey]*watch
	order list.List // of *watch, the latest first
}

func (w *watches) clear() {
	clear(w.by)
	w.order.Init()
}

// add notes an event and returns those within the window before it, itself included: at most most of them.
func (w *watches) add(p pattern, subject string, e event, window time.Duration, most int) []event {
	k := watchKey{p, subject}
	one := w.by[k]
	if one == nil {
		if len(w.by) >= w.limit {
			last := w.order.Back()
			delete(w.by, w.order.Remove(last).(*watch).key)
		}
		k.subject = strings.Clone(subject) // which may be a part of much more
		one = &watch{key: k}
		one.place = w.order.PushFront(one)
		w.by[k] = one
	}
	w.order.MoveToFront(one.place)
	if p == spread { // one for each address
		for i := range one.events {
			if *one.events[i].remote == *e.remote {
				one.events = append(one.events[:i], one.events[i+1:]...)
				break
			}
		}
	}
	one.events = append(one.events, e)
	from := max(0, len(one.events)-most)
	for from < len(one.events) && time.Duration(e.ns-one.events[from].ns).Abs() > window { // also those of a clock that was set back since
		from++
	}
	if from > 0 {
		one.events = append(one.events[:0], one.events[from:]...)
	}
	return one.events
}

func eventOf(a *attempt.Attempt) event { return event{ns: a.At.UnixNano(), id: a.ID} }
