package objects

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// target is what expires: an object, or an item of it.
type target struct {
	service string
	kind    Kind
	sid     string
	item    string // place; empty: the object
}

type deadline struct {
	target
	at    time.Time
	order int // in the heap
}

// expiry is the index of all that expires, the next first. Its lock is a leaf.
type expiry struct {
	mu      sync.Mutex
	heap    deadlines
	targets map[target]*deadline
	wake    chan struct{} // the next one may be earlier
}

func (e *expiry) init() {
	e.targets = map[target]*deadline{}
	e.wake = make(chan struct{}, 1)
}

func (e *expiry) clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heap, e.targets = nil, map[target]*deadline{}
}

// set notes when a target expires; never when at is zero.
func (e *expiry) set(t target, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.targets[t]
	switch {
	case d == nil && at.IsZero():
		return
	case at.IsZero():
		heap.Remove(&e.heap, d.order)
		delete(e.targets, t)
		return
	case d == nil:
		d = &deadline{target: t, at: at}
		e.targets[t] = d
		heap.Push(&e.heap, d)
	default:
		d.at = at
		heap.Fix(&e.heap, d.order)
	}
	if e.heap[0] == d {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
}

// due are the targets whose time has come, at most limit of them (0: all), and those of one object together. They stay in the index
// until they are removed.
func (e *expiry) due(now time.Time, limit int) [][]target {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all [][]target
	group := map[target]int{}
	count := 0
	// A heap's children are not before their parent: what is due is at its top.
	todo := []int{0}
	for len(todo) > 0 && (limit == 0 || count < limit) {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i >= len(e.heap) || e.heap[i].at.After(now) {
			continue
		}
		todo = append(todo, 2*i+1, 2*i+2)
		t := e.heap[i].target
		object := t
		object.item = ""
		g, known := group[object]
		if !known || len(all[g]) == batch {
			g = len(all)
			group[object] = g
			all = append(all, nil)
		}
		all[g] = append(all[g], t)
		count++
	}
	return all
}

// next is when the next one is due; zero when nothing expires.
func (e *expiry) next() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.heap) == 0 {
		return time.Time{}
	}
	return e.heap[0].at
}

type deadlines []*deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].order, d[j].order = i, j
}
func (d *deadlines) Push(x any) {
	x.(*deadline).order = len(*d)
	*d = append(*d, x.(*deadline))
}
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return x
}

// plan keeps the index in step with a change of an object: nil for one that is not there.
func (o *Objects) plan(obj *object, before, next *state) {
	if before == nil {
		before = &state{}
	}
	if next == nil {
		next = &state{}
	}
	t := target{service: obj.space.service, kind: obj.kind, sid: obj.sid}
	if !before.expires.Equal(next.expires) {
		o.expiry.set(t, next.expires)
	}
	differences(before.items, next.items, func(place string, old, now *item) {
		var was, is time.Time
		if old != nil {
			was = old.expires
		}
		if now != nil {
			is = now.expires
		}
		if !was.Equal(is) {
			t.item = place
			o.expiry.set(t, is)
		}
	})
}

// expire removes what is due of one object, unless it was changed meanwhile so that it is not.
func (o *Objects) expire(ctx context.Context, targets []target) error {
	t := targets[0]
	r := request{service: t.service, kind: t.kind, id: t.sid}
	err := o.remove(ctx, r, Expired, func(s *state, at time.Time) error {
		if s.expires.IsZero() || s.expires.After(at) {
			return errNotDue
		}
		return nil
	})
	if err == errNotDue {
		err = o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
			var items []*item
			for _, t := range targets {
				if i, found := before.items.get(t.item); found && !i.expires.IsZero() && !i.expires.After(at) {
					items = append(items, i)
				}
			}
			if len(items) == 0 {
				return step{}, errNotDue
			}
			s := obj.withoutItems(r.writer, ItemExpired, at, before, items...)
			s.unasked = true
			return s, nil
		})
	}
	if err == errNotDue || KindOf(err) == NotFound || KindOf(err) == NoService {
		return nil
	}
	return err
}
