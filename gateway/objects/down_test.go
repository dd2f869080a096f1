package objects

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/store"
)

func TestAFailedWriteChangesNothingThatIsSeen(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.publish("sync/lists/l", "1")
	w.publish("sync/maps/m/k", "1")
	w.says()
	w.fired()
	seq := w.LastChange()
	w.bucket.on(func([]store.Op) error { return store.ErrDown }, nil)
	for _, topic := range []string{"sync/docs/d", "sync/docs/new", "sync/lists/l", "sync/lists/l/0", "sync/lists/new", "sync/maps/m/k", "sync/maps/m/new", "sync/streams/new"} {
		require.ErrorIs(t, w.Publish(plant, pump, topic, []byte("2"), 1), store.ErrDown, topic)
	}
	require.ErrorIs(t, w.Delete(t.Context(), System(), plant, Document, "d", ""), store.ErrDown)
	require.ErrorIs(t, w.DeleteItem(t.Context(), System(), plant, Map, "m", "k", ""), store.ErrDown)
	_, err := w.SetPermission(t.Context(), System(), plant, Map, "m", Permission{Identity: "x"})
	require.ErrorIs(t, err, store.ErrDown)
	require.Empty(t, w.says())
	require.Empty(t, w.fired())
	require.Empty(t, w.Changes(seq, 0))
	require.Empty(t, w.Refusals(seq))
	require.Equal(t, "1", string(w.must(Document, "d").Data))
	require.Equal(t, 1, w.must(List, "l").Items)
	_, err = w.Get(plant, Document, "new")
	kindIs(t, NotFound, err)
	w.bucket.on(nil, nil)
	w.publish("sync/docs/new", "1")
	require.Equal(t, "0", w.must(Document, "new").Revision)
	require.Equal(t, int64(4), w.space(plant).objects.Load(), "what failed is not counted")
	require.Equal(t, int64(4), w.space(plant).bytes.Load())
}

func TestAStoreThatWasReopenedMayHaveKeptAWriteThatFailed(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.publish("sync/docs/same", "1")
	w.publish("sync/lists/l", "1")
	w.says()
	w.fired()
	seq := w.LastChange()
	w.bucket.on(nil, func([]store.Op) error { return store.ErrDown }) // it is written, and the answer is lost
	for _, topic := range []string{"sync/docs/d", "sync/lists/l", "sync/lists/l/0", "sync/docs/new"} {
		require.ErrorIs(t, w.Publish(plant, pump, topic, []byte("2"), 1), store.ErrDown)
	}
	w.bucket.on(nil, nil)
	require.NoError(t, w.reload(t.Context()))
	require.Equal(t, "2", string(w.must(Document, "d").Data))
	require.Equal(t, "1", w.must(Document, "d").Revision)
	require.Equal(t, "2", string(w.must(Document, "new").Data))
	said := w.says()
	require.Contains(t, said, "sync/docs/d>sync/docs/d 2", "subscribers learn of it")
	require.Contains(t, said, "sync/lists/l>sync/lists/l 2")
	require.NotContains(t, said, "sync/docs/same>sync/docs/same 1")
	require.NotEmpty(t, w.Changes(seq, 0))
	w.pass(0)
	eventually(t, "told by webhook", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.events) >= 3 })
	require.NoError(t, w.Publish(plant, pump, "sync/docs/d", []byte("2"), 1), "the device sends it again")
	require.Equal(t, "2", w.must(Document, "d").Revision)
}

// within fails when fn does not end in time: it waited for something.
func within(t testing.TB, what string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s waited for a writer", what)
	}
}

func TestReadersNeverWaitForWritersNorForTheDisk(t *testing.T) {
	for _, where := range []string{"store", "webhook", "delivery"} {
		t.Run(where, func(t *testing.T) {
			w := newWorld(t)
			w.publish("sync/docs/d", "1")
			w.publish("sync/lists/l", "1")
			sid := w.must(Document, "d").SID
			entered, free := make(chan bool), make(chan bool)
			block := func() { entered <- true; <-free }
			switch where {
			case "store":
				w.bucket.on(func([]store.Op) error { block(); return nil }, nil)
			case "webhook":
				w.mu.Lock()
				w.hook = func(Event) error { block(); return nil }
				w.mu.Unlock()
			case "delivery":
				w.Objects.params.Deliver = func(Update, func(error)) { block() }
			}
			var writers sync.WaitGroup
			for _, topic := range []string{"sync/docs/d", "sync/lists/l", "sync/docs/new"} {
				writers.Go(func() { require.NoError(t, w.Publish(plant, pump, topic, []byte("2"), 1)) })
				<-entered
			}
			data := "1"
			if where != "store" {
				data = "2" // visible before anyone is told
			}
			within(t, "a reader", func() {
				require.Equal(t, []string{"sync/docs/d " + data}, w.snapshot("sync/docs/d"))
				require.Len(t, w.snapshot("sync/lists/l"), map[bool]int{true: 1, false: 2}[where == "store"])
				require.True(t, w.MaySubscribe(plant, pump, "sync/docs/d"))
				require.Equal(t, data, string(w.must(Document, "d").Data))
				_, _, err := w.All(plant, Document, Range{})
				require.NoError(t, err)
				_, _, err = w.Items(plant, List, "l", ItemRange{})
				require.NoError(t, err)
				require.NotEmpty(t, w.History(plant, sid))
				require.NotEmpty(t, w.Query(Filter{}).Rows)
				require.NotEmpty(t, w.Changes(0, 0))
				w.Refusals(0)
				w.Version()
			})
			w.bucket.on(nil, nil)
			close(free)
			go func() {
				for range entered { //nolint:revive // further calls of the hook
				}
			}()
			writers.Wait()
			close(entered)
		})
	}
}

func TestWritersOfOtherObjectsDoNotWait(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/slow", "1")
	entered, free := make(chan bool), make(chan bool)
	var later atomic.Bool
	w.bucket.on(func([]store.Op) error {
		if !later.Swap(true) {
			entered <- true
			<-free
		}
		return nil
	}, nil)
	done := make(chan error, 2)
	go func() { done <- w.Publish(plant, pump, "sync/docs/slow", []byte("2"), 1) }()
	<-entered
	within(t, "a writer of another object", func() {
		for i := range 10 {
			w.publish("sync/docs/"+strconv.Itoa(i), "1")
			w.publish("sync/lists/l", "1")
		}
	})
	go func() { done <- w.Publish(plant, pump, "sync/docs/slow", []byte("3"), 1) }()
	require.Equal(t, "1", string(w.must(Document, "slow").Data))
	close(free)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Equal(t, "2", w.must(Document, "slow").Revision)
}

func TestManyWhoCreateTheSameNameMakeOneObject(t *testing.T) {
	w := newWorld(t)
	const writers, each = 16, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := w.Publish(plant, pump, "sync/lists/l", []byte("1"), 1); err != nil {
					t.Error(err)
				}
				if err := w.Publish(plant, pump, "sync/docs/d", []byte("1"), 1); err != nil {
					t.Error(err)
				}
				_ = w.Delete(context.Background(), System(), plant, Document, "d", "")
			}
		})
	}
	wg.Wait()
	require.Equal(t, writers*each, w.must(List, "l").Items)
	items, _, err := w.Items(plant, List, "l", ItemRange{})
	require.NoError(t, err)
	for i, item := range items {
		require.Equal(t, i, item.Index)
	}
	_, total, err := w.All(plant, List, Range{})
	require.NoError(t, err)
	require.Equal(t, 1, total)
	var docs int64
	if _, err := w.Get(plant, Document, "d"); err == nil {
		docs = 1
	}
	require.Equal(t, 1+docs, w.space(plant).objects.Load())
	w.reopen()
	require.Equal(t, writers*each, w.must(List, "l").Items)
	require.Empty(t, w.space(plant).shelf(Document).making)
}

func TestAFailedCreationLeavesTheNameToTheNext(t *testing.T) {
	w := newWorld(t)
	entered, free := make(chan bool), make(chan bool)
	var later atomic.Bool
	w.bucket.on(func([]store.Op) error {
		if later.Swap(true) {
			return nil
		}
		entered <- true
		<-free
		return store.ErrDown
	}, nil)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- w.Publish(plant, pump, "sync/docs/d", []byte("1"), 1) }()
	<-entered
	go func() { second <- w.Publish(plant, pump, "sync/docs/d", []byte("2"), 1) }()
	close(free)
	require.ErrorIs(t, <-first, store.ErrDown)
	require.NoError(t, <-second)
	require.Equal(t, "2", string(w.must(Document, "d").Data))
	require.Equal(t, "0", w.must(Document, "d").Revision)
}

func TestAfterCloseAllCanBeReadAndNothingChanged(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.Close()
	w.Close()
	require.ErrorIs(t, w.Publish(plant, pump, "sync/docs/d", []byte("2"), 1), ErrClosed)
	require.Equal(t, "1", string(w.must(Document, "d").Data))
}

// A subscriber is told of updates from a moment on, and reads the snapshot after it: with both it has everything. The broker
// leaves out the updates that the snapshot held already.
func TestWhoSubscribesWhileOthersWriteMissesNothing(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "0")
	var mu sync.Mutex
	queues := map[int][]int{} // by subscriber: what was delivered since it subscribed
	w.Objects.params.Deliver = func(u Update, _ func(error)) {
		n, err := strconv.Atoi(string(u.Payload))
		require.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		for s := range queues {
			queues[s] = append(queues[s], n)
		}
	}
	var wg sync.WaitGroup
	const last = 2000
	wg.Go(func() {
		for n := 1; n <= last; n++ {
			w.publish("sync/docs/d", strconv.Itoa(n))
		}
	})
	first := map[int]int{}
	for s := range 50 {
		mu.Lock()
		queues[s] = []int{}
		mu.Unlock()
		w.Snapshot(plant, pump, "sync/docs/d", func(_ string, payload []byte) bool {
			first[s], _ = strconv.Atoi(string(payload))
			return true
		})
		runtime.Gosched()
	}
	wg.Wait()
	for s, queue := range queues {
		have := first[s]
		for i, n := range queue {
			if i == 0 {
				require.LessOrEqual(t, n, have+1, "the first update after the snapshot leaves none out")
			} else {
				require.Equal(t, queue[i-1]+1, n, "nor does any later one")
			}
			have = max(have, n)
		}
		require.Equal(t, last, have)
	}
}
