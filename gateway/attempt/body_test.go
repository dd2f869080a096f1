package attempt

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"gatehouse/gateway/cause"
)

// Buffers go from one attempt to the next: nothing of one may be seen in another, nor change under who has read it.
func TestWhatWasReadOfAnAttemptNeverChanges(t *testing.T) {
	l := Open(Params{Dir: t.TempDir(), Capacity: 200, Each: func(Attempt) {}})
	defer l.Close()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 100 {
				name := fmt.Sprintf("%d-%d", g, n)
				r := l.Begin(name, "b:2")
				for range 3 {
					r.Step(Connect, Good, F("name", name))
					r.Packet(false, []byte(name))
				}
				early, _ := l.Get(r.ID())
				r.Decide(0, cause.Accepted)
				r.Accepted(false, 0)
				if n%10 == 0 {
					time.Sleep(2 * soonAfter / 10) // some are written while they live
				}
				r.Packet(true, []byte(name))
				r.End(cause.ClientClosed, "device", nil)
				later, kept := l.Get(r.ID())
				if !kept {
					continue // evicted by the others
				}
				if !reflect.DeepEqual(early.Steps, later.Steps[:len(early.Steps)]) || !reflect.DeepEqual(early.Packets, later.Packets[:len(early.Packets)]) {
					t.Errorf("%+v became %+v", early, later)
				}
				for _, s := range later.Steps[1:4] {
					if s.Fact("name") != name {
						t.Errorf("%s holds %+v", name, s)
					}
				}
				for _, p := range later.Packets {
					if string(p.Bytes) != name {
						t.Errorf("%s holds %q", name, p.Bytes)
					}
				}
			}
		})
	}
	wg.Wait()
}

// What is kept of an attempt that goes on is about as large as what is in it, and goes on growing when something is added.
func TestALiveAttemptKeepsNoMoreThanItNeeds(t *testing.T) {
	l := NewLog(Params{})
	l.keeper = &keeper{log: l, wake: make(chan struct{}, 1)} // one that does not run
	r := l.Begin("a:1", "b:2")
	r.Accepted(false, 0)
	l.keeper.write([]uint64{r.ID()}, true)
	if b := r.record.body; cap(b.steps) > 2*len(b.steps) || r.record.draft != nil {
		t.Errorf("%d bytes for %d", cap(b.steps), len(b.steps))
	}
	if got, want := l.bytes.Load(), r.record.weigh(); got != want {
		t.Errorf("%d bytes are counted, %d kept", got, want)
	}
	for n := range 100 {
		l.Warn(r.ID(), cause.ID(fmt.Sprint("late-", n)))
	}
	if a, _ := l.Get(r.ID()); len(a.Warnings) != 100 || len(a.Steps) != 102 {
		t.Errorf("%d warnings, %d steps", len(a.Warnings), len(a.Steps))
	}
	if got, want := l.bytes.Load(), r.record.weigh(); got != want {
		t.Errorf("%d bytes are counted, %d kept", got, want)
	}
}

func TestTheTimeOfAHandshakeIsKnownWithoutItsSteps(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := NewLog(Params{Now: func() time.Time { return now }})
	var told Attempt
	l.OnDecided(func(a Attempt) { told = a })
	r := l.Begin("a:1", "b:2")
	now = now.Add(time.Millisecond)
	r.Step(ClientHello, Good)
	now = now.Add(5 * time.Millisecond)
	r.Step(Handshake, Good)
	now = now.Add(time.Millisecond)
	r.Decide(4, cause.UnknownKey)
	if told.TLSTook != 5*time.Millisecond || told.Steps != nil {
		t.Errorf("%+v", told)
	}
}
