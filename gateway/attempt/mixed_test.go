package attempt

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/gateway/cause"
)

// ownOf is what is wrong with an attempt all whose texts and packets should bear the mark in its address; empty: nothing.
func ownOf(a *Attempt) string {
	mark, _, _ := strings.Cut(a.Remote, ":")
	for _, text := range []string{a.DeviceName, a.ClientID} {
		if text != "" && text != mark {
			return fmt.Sprintf("%s holds %q", mark, text)
		}
	}
	if in := a.Inputs; in != nil && in.KeyHash != mark {
		return fmt.Sprintf("%s holds the inputs of %q", mark, in.KeyHash)
	}
	for _, s := range a.Steps {
		if own := s.Fact("mark"); own != "" && own != mark {
			return fmt.Sprintf("%s holds a step of %s", mark, own)
		}
	}
	for _, p := range a.Packets {
		if !bytes.Equal(p.Bytes[:len(mark)], []byte(mark)) {
			return fmt.Sprintf("%s holds a packet %q", mark, p.Bytes)
		}
	}
	return ""
}

// TestNoAttemptHoldsAnothersWhateverHappensAtOnce records, reads, warns late, clears, bounds and writes at once. The room of attempts is used
// again all the while, and what somebody has read stays as it was.
func TestNoAttemptHoldsAnothersWhateverHappensAtOnce(t *testing.T) {
	dir := t.TempDir()
	told := func(a Attempt) {
		if wrong := ownOf(&a); wrong != "" {
			t.Error("told: " + wrong)
		}
	}
	l := Open(Params{Dir: dir, Capacity: 300, Bytes: 1 << 20, Each: told})
	l.OnDecided(told)
	done := make(chan struct{})
	var writers, others sync.WaitGroup
	until := func(every time.Duration, do func(n int)) {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				case <-time.After(every):
					do(n)
				}
			}
		})
	}
	for w := range 6 {
		writers.Go(func() {
			for n := range 250 {
				mark := fmt.Sprintf("m%02d-%04d", w, n)
				packet := []byte(mark + strings.Repeat(mark, n%40))
				r := l.Begin(mark+":1", "127.0.0.1:8883")
				r.Step(ClientHello, Good, F("mark", mark), F("suites", strings.Repeat(mark, n%30)))
				r.Packet(false, packet)
				r.Identify(func(a *Attempt) { a.DeviceName, a.ClientID, a.Inputs = mark, mark, &Inputs{KeyHash: mark} })
				if n%3 == 0 {
					r.Decide(4, cause.WrongSecret, cause.DeviceDisabled)
				} else {
					r.Decide(0, cause.Accepted)
					r.Accepted(false, 0)
				}
				clear(packet) // what was given was copied
				if n%60 == 7 {
					time.Sleep(soonAfter + 50*time.Millisecond) // for the keeper to take it while it is under way
				}
				l.Query(Filter{Text: mark, Limit: 3})
				if n%2 == 0 {
					r.End(cause.ClientClosed, "device", nil)
				}
				r.Warn(cause.WeakKey, F("mark", mark)) // clues come after the CONNACK, and perhaps after the end
				l.Warn(r.ID(), cause.KeepaliveShort, F("mark", mark))
				r.Packet(true, []byte(mark))
				r.End(cause.ClientClosed, "device", nil)
			}
		})
	}
	for range 2 {
		until(time.Millisecond, func(n int) {
			held := l.Query(Filter{Whole: n%2 == 0, Limit: 20}).Attempts
			copies := make([]string, len(held))
			for i := range held {
				copies[i] = fmt.Sprintf("%+v", held[i])
			}
			time.Sleep(2 * time.Millisecond)
			for i := range held {
				if wrong := ownOf(&held[i]); wrong != "" {
					t.Error("read: " + wrong)
				}
				if now := fmt.Sprintf("%+v", held[i]); now != copies[i] {
					t.Errorf("%s became %s", copies[i], now)
				}
			}
		})
	}
	until(20*time.Millisecond, func(int) {
		if err := l.Clear(); err != nil {
			t.Error(err)
		}
	})
	until(7*time.Millisecond, func(n int) { l.SetBounds([]int{300, 10, 50}[n%3], []int64{1 << 20, 40 << 10}[n%2]) })
	writers.Wait()
	close(done)
	others.Wait()
	l.SetBounds(300, 1<<20)
	last := l.Begin("last-0001:1", "127.0.0.1:8883")
	last.Decide(4, cause.WrongSecret)
	last.End(cause.WrongSecret, "gateway", nil)
	l.Close()
	kept := map[uint64]Attempt{}
	for _, a := range l.Query(Filter{Whole: true}).Attempts {
		kept[a.ID] = a
	}
	if n := l.bytes.Load(); n < 0 || n > 1<<20 {
		t.Errorf("%d bytes are said to be kept", n)
	}
	again := Open(Params{Dir: dir, Capacity: 300, Bytes: 1 << 20})
	defer again.Close()
	<-again.Restored()
	if r := again.Record(); r.Damaged != 0 {
		t.Errorf("%+v", r)
	}
	for _, a := range again.Query(Filter{Whole: true}).Attempts {
		if wrong := ownOf(&a); wrong != "" {
			t.Error("restored: " + wrong)
		}
		was, found := kept[a.ID]
		if was.At = a.At; found && !reflect.DeepEqual(a, was) {
			t.Errorf("%+v was restored as %+v", was, a)
		}
		delete(kept, a.ID)
	}
	if len(kept) > 0 {
		t.Errorf("%d attempts were not restored", len(kept))
	}
}
