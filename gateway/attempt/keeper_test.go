package attempt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"gatehouse/gateway/attempt/segment"
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
			weight += weigh(&a)
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
	if page.Total < 20 || page.Total > 60 || page.Attempts[0].ID != 500 || page.Attempts[page.Total-1].ID != uint64(501-page.Total) || l.bytes.Load() > 50_000 {
		t.Errorf("%d, the newest %d, the oldest %d, %d bytes", page.Total, page.Attempts[0].ID, page.Attempts[page.Total-1].ID, l.bytes.Load())
	}
	l.Close()
}

func TestDamageCostsWhatIsDamagedAndIsCounted(t *testing.T) {
	dir := t.TempDir()
	l := ready(dir, Params{})
	for i := range 200 {
		refuse(l, strconv.Itoa(i))
	}
	want := all(l)
	l.Close()
	rapid.Check(t, func(rt *rapid.T) {
		copied := killed(t, dir)
		files, err := filepath.Glob(filepath.Join(copied, "*.log"))
		if err != nil || len(files) == 0 {
			rt.Fatal(files, err)
		}
		content, err := os.ReadFile(files[0])
		if err != nil {
			rt.Fatal(err)
		}
		at := rapid.IntRange(0, len(content)-1).Draw(rt, "at")
		switch rapid.SampledFrom([]string{"flip", "zero", "cut", "insert"}).Draw(rt, "damage") {
		case "flip":
			content[at] ^= 0xff
		case "zero":
			clear(content[at:min(len(content), at+4096)])
		case "cut":
			content = content[:at]
		case "insert":
			content = bytes.Join([][]byte{content[:at], []byte("\xa7\x1e\xff\xff\xff\x00garbage"), content[at:]}, nil)
		}
		if err := os.WriteFile(files[0], content, 0o600); err != nil {
			rt.Fatal(err)
		}
		l := ready(copied, Params{})
		defer l.Close()
		got := all(l)
		for id, a := range got {
			if !reflect.DeepEqual(a, want[id]) {
				rt.Fatalf("attempt %d is another one now: %+v", id, a)
			}
		}
		if len(content) > at && len(got) < 150 && len(content) > 4096*10 && at > len(content)-4096 {
			rt.Fatalf("only %d are left", len(got))
		}
		if id := refuse(l, "next"); got[id].ID != 0 {
			rt.Fatalf("id %d was given twice", id)
		}
	})
}

func TestUnknownRecordsAreSkippedAndCounted(t *testing.T) {
	dir := t.TempDir()
	l := ready(dir, Params{})
	refuse(l, "lamp")
	l.Close()
	files, err := segment.Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, content := range []string{"", "\x09of a later version", "\x02not an attempt", "\x02\x00\x00\x00\x00"} {
		b, _ = segment.AppendRecord(b, func(b []byte) []byte { return append(b, content...) })
	}
	if _, err := files.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	l = ready(dir, Params{})
	defer l.Close()
	if r := l.Record(); r.Restored != 1 || r.Damaged != 4 || r.Err != nil {
		t.Errorf("%+v", r)
	}
}

func TestAFolderThatCannotBeUsedLeavesTheRingAtWork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "attempts")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told := make(chan Attempt, 1)
	l := ready(dir, Params{Each: func(a Attempt) { told <- a }})
	refuse(l, "lamp")
	select {
	case a := <-told:
		if a.DeviceName != "lamp" {
			t.Errorf("%+v", a)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody was told")
	}
	if r := l.Record(); r.Err == nil || r.Kept != 1 || r.Waiting != 0 {
		t.Errorf("%+v", r)
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

func holds(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

func TestTheFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "attempts")
	l := ready(dir, Params{})
	refuse(l, "lamp")
	l.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, files[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

func TestTheFilesStayWithinTheirBoundsAndKeepWhatIsKept(t *testing.T) {
	dir := t.TempDir()
	now := newClock()
	const bound, slack = 64 << 10, 16 << 10
	l := ready(dir, Params{Bytes: bound, Now: now.Now, fileBytes: 8 << 10, slack: slack})
	steady := accept(l) // written once, and then again and again as its file is to go
	for i := range 600 {
		id := refuse(l, strconv.Itoa(i))
		l.Warn(id, cause.WeakKey)
		if i%60 == 59 {
			steady.Warn(cause.WillDiscarded)
			eventually(t, "it is written", func() bool { return l.Record().Waiting == 0 })
			if n := l.Record().OnDisk; n > bound+slack+16<<10 {
				t.Fatalf("%d bytes on the disk", n)
			}
		}
	}
	want := closedByDeath(all(l), now.Now())
	l.Close()
	l = ready(dir, Params{Bytes: bound, Now: now.Now})
	defer l.Close()
	got := all(l)
	for id, a := range got {
		if before, there := want[id]; there && !reflect.DeepEqual(a, before) {
			t.Fatalf("attempt %d was\n%+v\nand is\n%+v", id, before, a)
		}
	}
	if len(got) < len(want)*9/10 {
		t.Errorf("%d of %d are left", len(got), len(want))
	}
}

func TestManyRestartsDoNotLeaveManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 * maxFiles {
		l := ready(dir, Params{})
		refuse(l, strconv.Itoa(i))
		l.Close()
	}
	l := ready(dir, Params{})
	defer l.Close()
	if n := len(l.keeper.files.Numbers()); n > maxFiles+1 || l.Len() != 2*maxFiles {
		t.Errorf("%d files, %d attempts", n, l.Len())
	}
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
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	l := ready(dir, Params{})
	for range 10_000 {
		r := l.Begin("192.0.2.7:47110", "192.0.2.1:8883")
		a := usual()
		for _, s := range a.Steps[1:] {
			r.Step(s.Kind, s.State, s.Facts...)
		}
		r.Decide(4, cause.WrongSecret)
		r.End(cause.WrongSecret, "gateway", nil)
	}
	size := l.bytes.Load()
	l.Close()
	opened, restored := time.Duration(0), time.Duration(0)
	for b.Loop() {
		began := time.Now()
		l := Open(Params{Dir: dir})
		opened += time.Since(began)
		<-l.Restored()
		restored += time.Since(began)
		if l.Len() != 10_000 {
			b.Fatal(l.Len())
		}
		b.ReportMetric(float64(l.Record().OnDisk)/(1<<20), "MiB")
		l.Close()
	}
	b.ReportMetric(float64(size)/(1<<20), "MiB-in-memory")
	b.ReportMetric(float64(opened.Microseconds())/float64(b.N)/1000, "ms-to-open")
	b.ReportMetric(float64(restored.Microseconds())/float64(b.N)/1000, "ms-to-restore")
}

// BenchmarkQuery looks through 10 000 attempts.
func BenchmarkQuery(b *testing.B) {
	l := NewLog(Params{})
	for i := range 10_000 {
		r := l.Begin(fmt.Sprintf("192.0.2.7:%d", i), "192.0.2.1:8883")
		r.Identify(func(a *Attempt) { a.DeviceName, a.ServerName = "lamp-"+strconv.Itoa(i%100), "gateway.local" })
		r.Decide(4, cause.WrongSecret)
		r.End(cause.WrongSecret, "gateway", nil)
	}
	for name, f := range map[string]Filter{
		"code": {Codes: []Code{5}, Limit: 100}, "server name": {ServerName: "other.local"}, "text": {Text: "lamp-77 "}, "live": {OnlyLive: true},
		"until": {Until: time.Unix(0, 0)}, "all of them": {Limit: 100},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l.Query(f)
			}
		})
	}
}

// BenchmarkKeepAnAttempt records attempts as they are in earnest: on the disk as well.
func BenchmarkKeepAnAttempt(b *testing.B) {
	l := ready(b.TempDir(), Params{Each: func(Attempt) {}})
	steps := usual().Steps[1:]
	b.ReportAllocs()
	for b.Loop() {
		r := l.Begin("192.0.2.7:47110", "192.0.2.1:8883")
		for _, s := range steps[:5] {
			r.Step(s.Kind, s.State, s.Facts...)
		}
		r.Packet(false, make([]byte, 90))
		r.Identify(func(a *Attempt) { a.DeviceSID, a.DeviceName, a.ClientID = "TH1", "lamp", "lamp" })
		r.Step(Lookup, Good, steps[5].Facts...)
		r.Decide(0, cause.Accepted)
		r.Packet(true, []byte{0x20, 2, 0, 0})
		r.Step(Connack, Good, F("code", "0"), F("hex", "20 02 00 00"))
		r.Accepted(false, 0)
		r.End(cause.ClientClosed, "device", nil)
	}
	l.Close()
	if r := l.Record(); r.Err != nil {
		b.Error(r.Err)
	}
}
