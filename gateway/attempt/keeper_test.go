package attempt

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"gatehouse/gateway/cause"
)

// ready is a log on a folder with everything read back.
func ready(dir string, p Params) *Log {
	p.Dir = dir
	l := Open(p)
	<-l.Restored()
	return l
}

// killed is the folder as kill -9 leaves it now: a copy, while the log goes on with its own.
func killed(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// refuse records an attempt that was refused.
func refuse(l *Log, name string) uint64 {
	r := l.Begin("192.0.2.7:4711", "127.0.0.1:8883")
	r.Identify(func(a *Attempt) { a.DeviceName, a.Inputs = name, &Inputs{ProtocolName: "MQTT", HasUser: true} })
	r.Packet(false, []byte("\x10\x03abc"))
	r.Decide(4, cause.WrongSecret, cause.DeviceDisabled)
	r.End(cause.WrongSecret, "gateway", nil)
	return r.ID()
}

func accept(l *Log) *Recorder {
	r := l.Begin("192.0.2.8:1", "127.0.0.1:8883")
	r.Decide(0, cause.Accepted)
	r.Accepted(true, 3)
	return r
}

// all are the attempts by id, with everything; times without their zone.
func all(l *Log) map[uint64]Attempt {
	found := map[uint64]Attempt{}
	for _, a := range l.Query(Filter{Whole: true}).Attempts {
		a.At = time.Unix(0, a.At.UnixNano())
		found[a.ID] = a
	}
	return found
}

func differ(t interface {
	Helper()
	Fatalf(string, ...any)
}, got, want map[uint64]Attempt) {
	t.Helper()
	for id, a := range want {
		if !reflect.DeepEqual(got[id], a) {
			t.Fatalf("attempt %d was\n%+v\nand is\n%+v", id, a, got[id])
		}
	}
	for id := range got {
		if _, expected := want[id]; !expected {
			t.Fatalf("attempt %d is there", id)
		}
	}
}

func TestAttemptsSurviveKillNineWithStepsAndPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := ready(dir, Params{})
		refuse(l, "lamp")
		gone := accept(l)
		gone.End(cause.ClientClosed, "device", errors.New("reset"))
		live := accept(l)
		l.Begin("192.0.2.9:1", "127.0.0.1:8883") // is not decided yet
		time.Sleep(time.Second)
		before := all(l)
		time.Sleep(time.Second)
		live.Packet(false, []byte{0xc0, 0}) // steps and packets of a live one follow within seconds
		time.Sleep(2 * laterAfter)
		before[live.ID()] = all(l)[live.ID()]
		copied := killed(t, dir)

		again := ready(copied, Params{})
		after := all(again)
		died := after[live.ID()]
		if died.Live || !died.Done || died.End != cause.GatewayDied || died.Code != 0 || len(died.Packets) != 1 {
			t.Errorf("the one that was live: %+v", died)
		}
		if last := died.Steps[len(died.Steps)-1]; last.Kind != Ended || last.Fact("cause") != string(cause.GatewayDied) || last.Offset < time.Second || died.Total != last.Offset {
			t.Errorf("its last step: %+v", last)
		}
		delete(after, live.ID())
		delete(before, live.ID())
		delete(before, 4)
		differ(t, after, before)
		if n := refuse(again, "next"); n != 5 {
			t.Errorf("the next id is %d: those that were pending have had theirs", n)
		}
		if got := again.Query(Filter{OnlyLive: true}); got.Total != 0 {
			t.Errorf("%d seem connected", got.Total)
		}
		want := all(again)
		again.Close()
		again = ready(copied, Params{})
		differ(t, all(again), want) // closed once, not again at each start
		again.Close()
		l.Close()
	})
}

// TestWhatIsReadBackIsWhatTheRingHeld does anything that may happen to a log of eight attempts.
func TestWhatIsReadBackIsWhatTheRingHeld(t *testing.T) {
	base := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		dir := filepath.Join(base, strconv.Itoa(run))
		now := newClock()
		p := Params{Capacity: 8, PacketsKept: 3, Now: now.Now}
		l := ready(dir, p)
		var recorders []*Recorder
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			now.advance(time.Millisecond)
			var r *Recorder
			if len(recorders) > 0 {
				r = recorders[rapid.IntRange(max(0, len(recorders)-12), len(recorders)-1).Draw(rt, "whose")]
			}
			op := rapid.IntRange(0, 9).Draw(rt, "op")
			if r == nil {
				op = 0
			}
			switch op {
			case 0:
				recorders = append(recorders, l.Begin("a:"+strconv.Itoa(len(recorders)), "b:2"))
			case 1:
				r.Step(Connect, Good, F("client_id", rapid.StringN(0, 5, -1).Draw(rt, "id")))
			case 2:
				r.Packet(rapid.Bool().Draw(rt, "out"), rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(rt, "bytes"))
			case 3:
				r.Decide(Code(rapid.IntRange(0, 5).Draw(rt, "code")), cause.UnknownKey)
			case 4:
				r.Accepted(true, 2)
			case 5:
				r.End(cause.ClientClosed, "device", nil)
			case 6:
				l.Warn(r.ID(), cause.WeakKey, F("bits", "1024"))
			case 7:
				r.Identify(func(a *Attempt) { a.DeviceName = "lamp" })
			case 8:
				if rapid.IntRange(0, 5).Draw(rt, "really") == 0 {
					if err := l.Clear(); err != nil {
						rt.Fatal(err)
					}
				}
			case 9: // the process ends, politely, and begins anew
				want := closedByDeath(all(l), now.Now())
				l.Close()
				l = ready(dir, p)
				differ(rt, all(l), want)
				recorders = nil
			}
		}
		want := closedByDeath(all(l), now.Now())
		newest := l.newest.Load()
		l.Close()
		l = ready(dir, p)
		differ(rt, all(l), want)
		if record := l.Record(); record.Damaged != 0 || record.Err != nil || record.Kept != len(want) {
			rt.Fatalf("%+v", record)
		}
		if l.newest.Load() > newest {
			rt.Fatalf("ids jumped from %d to %d", newest, l.newest.Load())
		}
		weight := int64(0)
		for _, a := range l.Query(Filter{Whole: true}).Attempts {
			weight += (&record{attempt: &a, body: new(bodyOf(&a)), texts: textsOf(&a)}).weigh()
		}
		l.Close()
		if weight > 1<<20 {
			rt.Fatal("too much")
		}
	})
}

// closedByDeath is what becomes of attempts when the process ends: nothing of those that were not decided.
func closedByDeath(attempts map[uint64]Attempt, at time.Time) map[uint64]Attempt {
	for id, a := range attempts {
		switch {
		case !a.settled():
			delete(attempts, id)
		case !a.Done:
			a.end(cause.GatewayDied, at)
			attempts[id] = a
		}
	}
	return attempts
}

func TestOfTooManyTheNewestAreReadBack(t *testing.T) {
	dir := t.TempDir()
	l := ready(dir, Params{})
	for i := range 500 {
		refuse(l, strconv.Itoa(i))
	}
	l.Close()
	l = ready(dir, Params{Capacity: 100})
	if page := l.Query(Filter{}); page.Total != 100 || page.Attempts[99].ID != 401 {
		t.Errorf("%d, the oldest %d", page.Total, page.Attempts[len(page.Attempts)-1].ID)
	}
	l.Close()
	l = ready(dir, Params{Bytes: 50_000})
	page := l.Query(Filter{})
	if page.Total < 20 || page.Total > 120 || page.Attempts[0].ID != 500 || page.Attempts[page.Total-1].ID != uint64(501-page.Total) || l.bytes.Load() > 50_000 {
		t.Errorf("%d, the newest %d, the oldest %d, %d bytes", page.Total, page.Attempts[0].ID, page.Attempts[page.Total-1].ID, l.bytes.Load())
	}
	l.Close()
}

func TestClearForgetsWhatIsOverOnTheDiskToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := ready(dir, Params{})
		for range 10 {
			refuse(l, "planted")
		}
		live := accept(l)
		time.Sleep(time.Second)
		refuse(l, "planted") // not written yet
		if err := l.Clear(); err != nil {
			t.Fatal(err)
		}
		if page := l.Query(Filter{}); page.Total != 1 || page.Attempts[0].ID != live.ID() {
			t.Errorf("%+v", page)
		}
		if left := killed(t, dir); holds(t, left, "planted") {
			t.Error("what was cleared is on the disk")
		}
		live.End(cause.ClientClosed, "device", nil)
		time.Sleep(time.Second)
		if r := l.Record(); r.Lost != 0 || r.Waiting != 0 || r.Kept != 1 {
			t.Errorf("%+v", r)
		}
		again := ready(killed(t, dir), Params{})
		if page := again.Query(Filter{}); page.Total != 1 || page.Attempts[0].End != cause.ClientClosed {
			t.Errorf("%+v", page)
		}
		if id := refuse(again, "next"); id != 13 {
			t.Errorf("the next id is %d", id)
		}
		again.Close()
		if err := l.Clear(); err != nil {
			t.Fatal(err)
		}
		l.Close()
		l = ready(dir, Params{})
		if id := refuse(l, "next"); id != 13 || l.Len() != 1 {
			t.Errorf("after all was cleared the next id is %d of %d", id, l.Len())
		}
		l.Close()
	})
}

func TestEachIsToldOldestFirstAndThenOfWhatHappens(t *testing.T) {
	dir := t.TempDir()
	l := ready(dir, Params{})
	for i := range 300 {
		refuse(l, strconv.Itoa(i))
	}
	l.Close()
	told := make(chan uint64, 1000)
	l = Open(Params{Dir: dir, Each: func(a Attempt) {
		if len(a.Steps) == 0 {
			t.Error("it comes without its steps")
		}
		told <- a.ID
	}})
	refuse(l, "new")
	<-l.Restored()
	l.Close()
	close(told)
	last := uint64(0)
	for id := range told {
		if id != last+1 {
			t.Fatalf("%d after %d", id, last)
		}
		last = id
	}
	if last != 301 {
		t.Errorf("the last is %d", last)
	}
}

func TestBoundsChangeLive(t *testing.T) {
	l := NewLog(Params{Capacity: 50})
	for i := range 50 {
		refuse(l, strconv.Itoa(i))
	}
	l.SetBounds(10, 0)
	if page := l.Query(Filter{}); page.Total != 10 || page.Attempts[9].ID != 41 || l.Len() != 10 {
		t.Errorf("%d of %d", page.Total, l.Len())
	}
	l.SetBounds(20, 0)
	for i := range 15 {
		refuse(l, strconv.Itoa(i))
	}
	if page := l.Query(Filter{}); page.Total != 20 || page.Attempts[19].ID != 46 {
		t.Errorf("%d", page.Total)
	}
	l.SetBounds(20, 8<<10)
	if l.bytes.Load() > 8<<10 || l.Len() == 0 || l.Query(Filter{}).Attempts[0].ID != 65 {
		t.Errorf("%d bytes in %d attempts", l.bytes.Load(), l.Len())
	}
}

func TestTheLastHourIsCountedOverARestart(t *testing.T) {
	dir := t.TempDir()
	now := newClock()
	l := ready(dir, Params{Now: now.Now})
	refuse(l, "old")
	now.advance(2 * time.Hour)
	refuse(l, "new")
	accept(l)
	l.Close()
	now.advance(time.Minute)
	l = ready(dir, Params{Now: now.Now})
	defer l.Close()
	if c := l.Counts(time.Time{}); c.Refused != 1 || c.Accepted != 1 {
		t.Errorf("%+v", c)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// BenchmarkOpen opens a log of 10 000 attempts: until the gateway may listen, and until all is read back.
