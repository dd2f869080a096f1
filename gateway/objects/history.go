package objects

import (
	"container/list"
	"slices"
	"sync"
)

// Revision is one entry of an object's recent history: a change, or a publish that was refused.
type Revision struct {
	Change
	Refused bool
	Why     ErrorKind // it was refused
	Reason  string    // for people
	Topic   string    // of a refused publish
}

// historyBytes bounds the data that all histories remember; those of the objects that rest longest are forgotten first.
const historyBytes = 64 << 20

// history remembers the last changes of each object since the gateway started, and apart from them, so that a stubborn device
// does not push them out, as many refused publishes. Its lock is a leaf.
type history struct {
	mu      sync.Mutex
	most    int // entries per object, of each sort
	bytes   int
	objects map[string]*list.Element // by SID, of *past
	resting *list.List               // the object that changed last is in front
}

type past struct {
	sid     string
	changes []Revision
	refused []Revision
}

func (h *history) init() {
	h.objects, h.resting = map[string]*list.Element{}, list.New()
}

func (h *history) limit(most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.most = most
	for e := h.resting.Front(); e != nil; e = e.Next() {
		p := e.Value.(*past)
		p.changes, p.refused = h.trim(p.changes), h.trim(p.refused)
	}
}

// cost is what an entry counts for: its data, and roughly what is around it.
func cost(r Revision) int { return len(r.Data) + 256 }

// trim drops the oldest entries beyond the bound, in place.
func (h *history) trim(all []Revision) []Revision {
	drop := max(0, len(all)-h.most)
	for _, r := range all[:drop] {
		h.bytes -= cost(r)
	}
	return slices.Delete(all, 0, drop)
}

// of is the past of an object, made when it is needed, and now the last that changed. The caller holds mu.
func (h *history) of(sid string) *past {
	e, found := h.objects[sid]
	if !found {
		e = h.resting.PushFront(&past{sid: sid})
		h.objects[sid] = e
	}
	h.resting.MoveToFront(e)
	return e.Value.(*past)
}

func (h *history) add(c Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, r := h.of(c.ObjectSID), Revision{Change: c}
	h.bytes += cost(r)
	p.changes = h.trim(append(p.changes, r))
	h.spare()
}

func (h *history) refuse(f Refusal, w Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.of(f.ObjectSID)
	kind, _ := kindOf(f.ObjectSID)
	r := Revision{
		Change:  Change{Seq: f.Seq, At: f.At, ServiceSID: f.ServiceSID, Kind: kind, ObjectSID: f.ObjectSID, By: w.Name(), DeviceSID: f.DeviceSID},
		Refused: true, Why: f.Kind, Reason: f.Reason, Topic: f.Topic,
	}
	h.bytes += cost(r)
	p.refused = h.trim(append(p.refused, r))
	h.spare()
}

// spare forgets until the bound holds.
func (h *history) spare() {
	for h.bytes > historyBytes && h.resting.Len() > 1 {
		h.drop(h.resting.Back())
	}
}

func (h *history) drop(e *list.Element) {
	p := h.resting.Remove(e).(*past)
	delete(h.objects, p.sid)
	for _, all := range [][]Revision{p.changes, p.refused} {
		for _, r := range all {
			h.bytes -= cost(r)
		}
	}
}

func (h *history) forget(sid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, found := h.objects[sid]; found {
		h.drop(e)
	}
}

// History is what recently happened to an object, the oldest first: the last Settings.History changes since the gateway was
// started, and as many refused publishes. An object that was removed may still have one.
func (o *Objects) History(service, objectSID string) []Revision {
	h := &o.history
	h.mu.Lock()
	defer h.mu.Unlock()
	e, found := h.objects[objectSID]
	if !found {
		return nil
	}
	p := e.Value.(*past)
	all := slices.DeleteFunc(slices.Concat(p.changes, p.refused), func(r Revision) bool { return r.ServiceSID != service })
	slices.SortFunc(all, func(a, b Revision) int { return int(int64(a.Seq) - int64(b.Seq)) })
	return all
}
