package attempt

import (
	"strconv"
	"testing"
	"time"

	"gatehouse/gateway/cause"
)

func TestALateWarningReachesItsAttemptAndCannotFloodIt(t *testing.T) {
	now := newClock()
	l := NewLog(Params{Now: now.Now})
	r := l.Begin("192.0.2.7:4711", "127.0.0.1:8883")
	r.Decide(0, cause.Accepted)
	r.Accepted(false, 0)
	r.End(cause.ClientClosed, "device", nil)
	now.advance(time.Second)
	for i := range 100 {
		if !l.Warn(r.ID(), cause.WeakKey, F("n", strconv.Itoa(i))) {
			t.Fatal("the attempt is kept, but was not found")
		}
	}
	a, _ := l.Get(r.ID())
	if len(a.Warnings) != 1 || a.Warnings[0] != cause.WeakKey || !a.Done {
		t.Errorf("%+v", a)
	}
	warned := 0
	for _, s := range a.Steps {
		if s.Kind == Warning {
			warned++
			if s.Offset != time.Second {
				t.Errorf("offset %v is not since the connection was accepted", s.Offset)
			}
		}
	}
	if warned != maxWarningsOfACause {
		t.Errorf("%d warnings of one cause, not %d", warned, maxWarningsOfACause)
	}
	if l.Warn(r.ID()+1, cause.WeakKey) {
		t.Error("an attempt that is not there took a warning")
	}
}
