package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

func numbers(from, to int) (all []string) {
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprint(n))
	}
	return all
}

func TestEventsOfOneObjectArriveInOrderAndThoseOfOthersMeanwhile(t *testing.T) {
	var atOnce, most atomic.Int32
	r := newReceiver(t, func(int, received) int {
		most.Store(max(most.Load(), atOnce.Add(1)))
		time.Sleep(time.Millisecond) // so that requests overlap
		atOnce.Add(-1)
		return http.StatusOK
	})
	s := quick()
	s.PerService = 4
	w := newWorld(t, r.URL, s)
	var writers sync.WaitGroup
	for document := range 10 {
		writers.Go(func() {
			for n := 1; n <= 30; n++ {
				if err := w.hooks.Enqueue(w.update(fmt.Sprintf("ET%d", document), n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	within(t, "all delivered", func() bool { return w.status().Delivered == 300 })
	for document := range 10 {
		if got := r.of(fmt.Sprintf("ET%d", document)); !slices.Equal(got, numbers(1, 30)) {
			t.Fatalf("document %d: %v", document, got)
		}
	}
	if m := most.Load(); m < 2 || m > 4 {
		t.Errorf("%d requests at once; want 2 to 4", m)
	}
	within(t, "the store is empty", func() bool { return w.stored() == 0 })
}

func TestARefusedEventIsSentAgainAndHoldsUpOnlyItsObject(t *testing.T) {
	var refusals atomic.Int32
	r := newReceiver(t, func(_ int, one received) int {
		if one.form.Get("DocumentSid") == "ET1" && refusals.Add(1) <= 3 {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	})
	w := newWorld(t, r.URL, quick())
	w.enqueue(w.update("ET1", 1), w.update("ET1", 2), w.update("ET2", 1))
	within(t, "all delivered", func() bool { return w.status().Delivered == 3 })
	if got := r.of("ET1"); !slices.Equal(got, []string{"1", "1", "1", "1", "2"}) {
		t.Error("ET1:", got)
	}
	if got := r.of("ET2"); !slices.Equal(got, []string{"1"}) {
		t.Error("ET2:", got)
	}
	if s := w.status(); s.Failed != 3 || s.LastStatus != 500 || s.LastError == "" || s.Queued != 0 {
		t.Errorf("%+v", s)
	}
	ids := map[string]bool{}
	for _, one := range r.got {
		ids[one.header.Get("I-Twilio-Idempotency-Token")] = true
	}
	if len(ids) != 3 {
		t.Errorf("%d distinct ids for 3 events, one of them sent 4 times", len(ids))
	}
}

func TestAnEventThatIsRefusedTooOftenIsGivenUpAndCounted(t *testing.T) {
	r := newReceiver(t, func(_ int, one received) int {
		if one.form.Get("DocumentRevision") == "1" {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	s := quick()
	s.MaxRefusals = 3
	w := newWorld(t, r.URL, s)
	w.enqueue(w.update("ET1", 1), w.update("ET1", 2))
	within(t, "the next one delivered", func() bool { return w.status().Delivered == 1 })
	if got := r.of("ET1"); !slices.Equal(got, []string{"1", "1", "1", "2"}) {
		t.Error(got)
	}
	if got := w.status(); got.DroppedRefused != 1 || got.Dropped() != 1 || got.Queued != 0 {
		t.Errorf("%+v", got)
	}
	within(t, "the store is empty", func() bool { return w.stored() == 0 })
}

func TestADeadReceiverIsTriedByOneRequestAtATimeAndGetsAllWhenItIsBack(t *testing.T) {
	r := newReceiver(t, nil)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	s := quick()
	s.MaxRefusals = 1 // what is not answered is not refused
	w := newWorld(t, "http://"+address, s)
	for document := range 5 {
		for n := 1; n <= 4; n++ {
			w.enqueue(w.update(fmt.Sprintf("ET%d", document), n))
		}
	}
	within(t, "it was tried some times", func() bool { s := w.status(); return s.Failures >= 4 && s.Failed >= 4 })
	if s := w.status(); s.Queued != 20 || s.Sending > 1 || s.Dropped() != 0 || s.LastStatus != 0 || s.Oldest.IsZero() {
		t.Errorf("%+v", s)
	}
	back, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r}
	go func() { _ = server.Serve(back) }()
	defer func() { _ = server.Close() }()
	within(t, "all delivered", func() bool { return w.status().Delivered == 20 })
	for document := range 5 {
		if got := r.of(fmt.Sprintf("ET%d", document)); !slices.Equal(got, numbers(1, 4)) {
			t.Error(document, got)
		}
	}
	if s := w.status(); s.Failures != 0 || !s.PausedTill.IsZero() {
		t.Errorf("still counted as dead: %+v", s)
	}
}

func TestASlowReceiverDelaysNeitherEnqueueNorOtherServices(t *testing.T) {
	stuck := make(chan struct{})
	slow := newReceiver(t, func(int, received) int { <-stuck; return http.StatusOK })
	t.Cleanup(func() { close(stuck) })
	s := quick()
	s.PerService, s.Workers = 2, 3
	w := newWorld(t, slow.URL, s)
	good := newReceiver(t, nil)
	other, err := w.registry.CreateServiceWith(t.Context(), "", registry.ServiceChange{WebhookURL: &good.URL})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		w.enqueue(w.update(fmt.Sprintf("ET%d", n), 1))
	}
	within(t, "two are stuck", func() bool { return slow.count() == 2 })
	for n := 1; n <= 20; n++ {
		e := w.update("ETother", n)
		e.ServiceSID = other.SID
		w.enqueue(e)
	}
	within(t, "the other service's arrive", func() bool { return good.count() == 20 })
	if got := good.of("ETother"); !slices.Equal(got, numbers(1, 20)) {
		t.Error(got)
	}
	if s := w.status(); s.Queued != 10 || s.Sending != 2 {
		t.Errorf("%+v", s)
	}
}

func TestAReceiverThatHangsIsCutAfterTheTimeout(t *testing.T) {
	var calls atomic.Int32
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the client has gone
			<-r.Context().Done()
		}
	}))
	defer hang.Close()
	s := quick()
	s.Timeout = 100 * time.Millisecond
	w := newWorld(t, hang.URL, s)
	w.enqueue(w.update("ET1", 1))
	within(t, "delivered at the second attempt", func() bool { return w.status().Delivered == 1 })
	if s := w.status(); s.Failed != 1 || s.LastError != "no answer in time" {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsQueuedSurvivesARestart(t *testing.T) {
	var open atomic.Bool
	r := newReceiver(t, func(int, received) int {
		if open.Load() {
			return http.StatusOK
		}
		return http.StatusBadGateway
	})
	s := quick()
	w := newWorld(t, r.URL, s)
	for n := 1; n <= 20; n++ {
		w.enqueue(w.update("ET1", n), w.update("ET2", n))
	}
	within(t, "it was tried", func() bool { return r.count() >= 2 })
	w.restart()
	if s := w.status(); s.Queued != 40 {
		t.Fatalf("%d queued after the restart", s.Queued)
	}
	w.enqueue(w.update("ET1", 21), w.update("ET2", 21))
	r.mu.Lock()
	r.got = nil
	r.mu.Unlock()
	open.Store(true)
	within(t, "all delivered", func() bool { return w.status().Delivered == 42 })
	for _, document := range []string{"ET1", "ET2"} {
		got := slices.Compact(r.of(document)) // the first may have been refused once more
		if !slices.Equal(got, numbers(1, 21)) {
			t.Error(document, got)
		}
	}
	w.restart()
	if n := w.stored(); n != 0 {
		t.Errorf("%d left in the store", n)
	}
}

func TestAnotherAddressAppliesToWhatIsQueuedAtOnce(t *testing.T) {
	bad := newReceiver(t, func(int, received) int { return http.StatusServiceUnavailable })
	good := newReceiver(t, nil)
	s := quick()
	s.BackoffMin, s.BackoffMax = time.Hour, time.Hour
	w := newWorld(t, bad.URL, s)
	w.enqueue(w.update("ET1", 1), w.update("ET1", 2))
	within(t, "it is paused", func() bool { return !w.status().PausedTill.IsZero() })
	w.setAddress(good.URL + "/hook")
	within(t, "delivered there", func() bool { return good.count() == 2 })
	if got := good.of("ET1"); !slices.Equal(got, numbers(1, 2)) {
		t.Error(got)
	}
	if p := good.first().path; p != "/hook" {
		t.Error(p)
	}
}

func TestRemovingTheAddressOrTheServiceDropsWhatIsQueued(t *testing.T) {
	r := newReceiver(t, func(int, received) int { return http.StatusServiceUnavailable })
	w := newWorld(t, r.URL, quick())
	w.enqueue(w.update("ET1", 1), w.update("ET2", 1))
	w.setAddress("")
	within(t, "dropped", func() bool { s := w.status(); return s.Queued == 0 && s.DroppedRemoved == 2 })
	w.enqueue(w.update("ET1", 2))
	if s := w.status(); s.Queued != 0 {
		t.Errorf("queued without an address: %+v", s)
	}
	w.setAddress(r.URL)
	w.enqueue(w.update("ET1", 3))
	if err := w.registry.DeleteService(t.Context(), w.service); err != nil {
		t.Fatal(err)
	}
	within(t, "the service is gone", func() bool { return len(w.hooks.Snapshot()) == 0 })
	within(t, "the store is empty", func() bool { return w.stored() == 0 })
}

func TestWhatIsQueuedForAnAddressThatIsGoneIsDroppedAtStart(t *testing.T) {
	r := newReceiver(t, func(int, received) int { return http.StatusServiceUnavailable })
	w := newWorld(t, r.URL, quick())
	w.enqueue(w.update("ET1", 1))
	w.hooks.Close()
	w.setAddress("")
	var err error
	if w.hooks, err = Open(t.Context(), Params{Store: w.store, Registry: w.registry}); err != nil {
		t.Fatal(err)
	}
	within(t, "the store is empty", func() bool { return w.stored() == 0 })
}

func TestTheOldestMakeRoomInAFullQueue(t *testing.T) {
	var open atomic.Bool
	r := newReceiver(t, func(int, received) int {
		if open.Load() {
			return http.StatusOK
		}
		return http.StatusServiceUnavailable
	})
	for name, limit := range map[string]Settings{"count": {MaxEvents: 10}, "bytes": {MaxBytes: 3000}} {
		t.Run(name, func(t *testing.T) {
			open.Store(false)
			s := quick()
			s.MaxEvents, s.MaxBytes = limit.MaxEvents, limit.MaxBytes
			w := newWorld(t, r.URL, s)
			document := "ET" + name
			for n := 1; n <= 40; n++ {
				w.enqueue(w.update(document, n))
			}
			got := w.status()
			if limit.MaxEvents > 0 && got.Queued != 10 || limit.MaxBytes > 0 && got.Bytes > 3000 || got.Queued+int(got.DroppedFull) != 40 {
				t.Errorf("%+v", got)
			}
			open.Store(true)
			within(t, "the rest delivered", func() bool { return w.status().Queued == 0 })
			if all := r.of(document); all[len(all)-1] != "40" || w.status().Delivered != uint64(got.Queued) {
				t.Errorf("%v: %+v", all, w.status())
			}
			within(t, "the store is empty", func() bool { return w.stored() == 0 })
			if w.hooks.slots.next > 60 {
				t.Errorf("%d slots were used for 40 events", w.hooks.slots.next)
			}
		})
	}
}

func TestEventsThatAreTooOldAreDropped(t *testing.T) {
	r := newReceiver(t, func(int, received) int { return http.StatusServiceUnavailable })
	s := quick()
	s.MaxAge = time.Millisecond
	w := newWorld(t, r.URL, s)
	w.enqueue(w.update("ET1", 1), w.update("ET2", 1), w.update("ET3", 1))
	within(t, "all expired", func() bool { s := w.status(); return s.Queued == 0 && s.DroppedExpired == 3 })
	within(t, "told in the log", func() bool {
		return strings.Contains(w.log.String(), "given up") && strings.Contains(w.log.String(), w.service)
	})
}

func TestARedirectIsNotFollowed(t *testing.T) {
	target := newReceiver(t, nil)
	redirecting := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer redirecting.Close()
	s := quick()
	s.MaxRefusals = 2
	w := newWorld(t, redirecting.URL, s)
	w.enqueue(w.update("ET1", 1))
	within(t, "given up", func() bool { return w.status().DroppedRefused == 1 })
	if n := target.count(); n != 0 {
		t.Errorf("the target was called %d times", n)
	}
	if got := w.status().LastError; !strings.Contains(got, "redirects are not followed") {
		t.Error(got)
	}
}

func TestAnEndlessAnswerIsNotRead(t *testing.T) {
	var sent atomic.Int64
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			n, err := w.Write(make([]byte, 16<<10))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	w := newWorld(t, endless.URL, quick())
	w.enqueue(w.update("ET1", 1))
	within(t, "delivered", func() bool { return w.status().Delivered == 1 })
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes were sent", n)
	}
}

func TestEnqueueFailsWhileTheStoreIsDownAndRecoversAfterwards(t *testing.T) {
	r := newReceiver(t, func(int, received) int { return http.StatusServiceUnavailable })
	w := newWorld(t, r.URL, quick())
	broken := &brokenBucket{bucket: w.hooks.bucket}
	w.hooks.Close()
	hooks, err := openOn(t.Context(), broken, Params{Registry: w.registry, Settings: quick()})
	if err != nil {
		t.Fatal(err)
	}
	w.hooks = hooks
	broken.fail.Store(true)
	if err := w.hooks.Enqueue(w.update("ET1", 1)); !errors.Is(err, store.ErrDown) {
		t.Fatal(err)
	}
	if s := w.status(); s.Queued != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
	r.mu.Lock()
	r.answer = nil
	r.mu.Unlock()
	broken.fail.Store(false)
	w.enqueue(w.update("ET1", 1))
	within(t, "what the failed write left behind is swept", func() bool { return w.status().Delivered == 1 && w.stored() == 0 })
	r.mu.Lock()
	r.answer = func(int, received) int { return http.StatusServiceUnavailable }
	r.mu.Unlock()
	w.enqueue(w.update("ET1", 2))
	if s := w.status(); s.Queued != 1 {
		t.Errorf("%+v", s)
	}
	w.hooks.Close()
	if err := w.hooks.Enqueue(w.update("ET1", 2)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// brokenBucket fails when it is told to, although what it is given may be kept.
type brokenBucket struct {
	bucket
	fail atomic.Bool
}

func (b *brokenBucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := b.bucket.Put(ctx, key, value)
	if b.fail.Load() {
		return 0, store.ErrDown
	}
	return revision, err
}

func (b *brokenBucket) Delete(ctx context.Context, key string) error {
	if b.fail.Load() {
		return store.ErrDown
	}
	return b.bucket.Delete(ctx, key)
}

var _ objects.Hook = (*Webhooks)(nil)
