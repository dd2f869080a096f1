package objects

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/store"
)

func expired(w *world, after uint64) (all []Change) {
	for _, c := range w.Changes(after, 0) {
		if c.Action == Expired || c.Action == ItemExpired {
			all = append(all, c)
		}
	}
	return all
}

func TestObjectsAndItemsExpireOnceWithTheirWebhook(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, kind := range Kinds {
		_, err := w.Create(ctx, System(), plant, kind, NewObject{UniqueName: "brief", TTL: ptr(10)})
		require.NoError(t, err)
		w.create(kind, "lasting")
	}
	for i := range 5 {
		_, err := w.AddItem(ctx, System(), plant, List, "lasting", NewItem{Data: []byte("1"), TTL: ptr(5 * i)})
		require.NoError(t, err)
	}
	w.fired()
	seq := w.LastChange()
	w.pass(9 * time.Second)
	eventually(t, "expired", func() bool { return len(expired(w, seq)) == 1 })
	require.Equal(t, []EventType{ListItemRemoved}, w.soon(1))
	require.Equal(t, "brief", w.must(Document, "brief").UniqueName)
	w.pass(time.Second)
	eventually(t, "expired", func() bool { return len(expired(w, seq)) == 6 })
	require.ElementsMatch(t, []EventType{DocumentRemoved, ListRemoved, MapRemoved, ListItemRemoved}, w.soon(4))
	for _, kind := range Kinds {
		_, err := w.Get(plant, kind, "brief")
		kindIs(t, NotFound, err)
		w.must(kind, "lasting")
	}
	w.pass(time.Hour)
	eventually(t, "expired", func() bool { return len(expired(w, seq)) == 8 })
	require.Equal(t, 1, w.must(List, "lasting").Items, "the one without a time to live")
	require.Zero(t, len(w.expiry.targets), "nothing is left in the index")
}

func TestWhatExpiresWhileTheGatewayIsDownExpiresOnceAtTheStart(t *testing.T) {
	w := newWorld(t)
	_, err := w.Create(t.Context(), System(), plant, Document, NewObject{UniqueName: "brief", TTL: ptr(10)})
	require.NoError(t, err)
	w.create(List, "l")
	for i := range 2*batch + 50 {
		_, err := w.AddItem(t.Context(), System(), plant, List, "l", NewItem{Data: []byte(strconv.Itoa(i)), TTL: ptr(10 + i%2*3600)})
		require.NoError(t, err)
	}
	w.fired()
	w.reopen()
	w.must(Document, "brief")
	w.Close()
	w.pass(time.Minute)
	w.open()
	_, err = w.Get(plant, Document, "brief")
	kindIs(t, NotFound, err)
	require.Equal(t, batch+25, w.must(List, "l").Items)
	require.Len(t, w.fired(), 1+batch+25)
	w.reopen()
	require.Empty(t, w.fired())
	w.pass(2 * time.Hour)
	eventually(t, "empty", func() bool { return w.must(List, "l").Items == 0 })
	require.Len(t, w.soon(batch+25), batch+25)
	i, err := w.AddItem(t.Context(), System(), plant, List, "l", NewItem{Data: []byte("1")})
	require.NoError(t, err)
	require.Equal(t, 2*batch+50, i.Index, "indexes of expired items are not used again")
}

func TestANewTimeToLiveReplacesTheOld(t *testing.T) {
	w := newWorld(t)
	_, err := w.Create(t.Context(), System(), plant, Document, NewObject{UniqueName: "d", TTL: ptr(10)})
	require.NoError(t, err)
	_, err = w.Update(t.Context(), System(), plant, Document, "d", ObjectChange{TTL: ptr(100)})
	require.NoError(t, err)
	_, err = w.Create(t.Context(), System(), plant, Document, NewObject{UniqueName: "witness", TTL: ptr(20)})
	require.NoError(t, err)
	w.pass(20 * time.Second)
	eventually(t, "gone", func() bool { _, err := w.Get(plant, Document, "witness"); return err != nil })
	w.must(Document, "d")
	_, err = w.Update(t.Context(), System(), plant, Document, "d", ObjectChange{TTL: ptr(0)})
	require.NoError(t, err)
	require.Empty(t, w.expiry.targets)
}

func TestExpiryWaitsForAStoreThatIsDown(t *testing.T) {
	w := newWorld(t)
	_, err := w.Create(t.Context(), System(), plant, Document, NewObject{UniqueName: "d", TTL: ptr(10)})
	require.NoError(t, err)
	tried := make(chan bool, 1000)
	w.bucket.on(func([]store.Op) error { tried <- true; return store.ErrDown }, nil)
	w.pass(time.Minute)
	<-tried
	w.must(Document, "d")
	w.bucket.on(nil, nil)
	eventually(t, "gone", func() bool { _, err := w.Get(plant, Document, "d"); return err != nil })
}

func TestTheWebhookOfAnExpiryIsNotLostWhenTheProcessDiesBeforeItIsQueued(t *testing.T) {
	w := newWorld(t)
	_, err := w.Create(t.Context(), System(), plant, Document, NewObject{UniqueName: "d", TTL: ptr(10)})
	require.NoError(t, err)
	w.create(Map, "m")
	_, err = w.AddItem(t.Context(), System(), plant, Map, "m", NewItem{Key: "k", Data: []byte("1"), TTL: ptr(10)})
	require.NoError(t, err)
	w.fired()
	tried := make(chan bool, 1000)
	w.mu.Lock()
	w.hook = func(Event) error { tried <- true; return errDisk }
	w.mu.Unlock()
	w.pass(time.Minute)
	eventually(t, "both removed", func() bool {
		_, err := w.Get(plant, Document, "d")
		return err != nil && w.must(Map, "m").Items == 0
	})
	<-tried
	w.Close() // as if it had died: nothing was told
	w.mu.Lock()
	w.hook = nil
	w.mu.Unlock()
	w.open()
	require.ElementsMatch(t, []EventType{DocumentRemoved, MapItemRemoved}, w.fired())
	require.Len(t, w.bucket.keys(), 1, "the map")
	w.reopen()
	require.Empty(t, w.fired(), "and only once")
}

func TestWebhooksThatAreOwedStayOwedWhenTheStoreIsReopened(t *testing.T) {
	w := newWorld(t)
	w.create(Document, "removed")
	w.create(Map, "m")
	_, err := w.AddItem(t.Context(), System(), plant, Map, "m", NewItem{Key: "k", Data: []byte("1"), TTL: ptr(10)})
	require.NoError(t, err)
	w.fired()
	w.mu.Lock()
	w.hook = func(Event) error { return errDisk }
	w.mu.Unlock()
	require.ErrorIs(t, w.Delete(t.Context(), System(), plant, Document, "removed", ""), errDisk)
	w.pass(time.Minute)
	eventually(t, "expired", func() bool { return w.must(Map, "m").Items == 0 })
	require.NoError(t, w.reload(t.Context()))
	require.Error(t, w.Publish(plant, pump, "sync/maps/m/k", []byte("2"), 1), "the expiry's comes first")
	w.mu.Lock()
	w.hook = nil
	w.mu.Unlock()
	w.pass(0)
	require.ElementsMatch(t, []EventType{DocumentRemoved, MapItemRemoved}, w.soon(2))
	w.publish("sync/maps/m/k", "2")
	require.Equal(t, []EventType{MapItemAdded}, w.fired())
	require.Len(t, w.bucket.keys(), 2, "the map and its item")
}

func TestStoredEventsAreForgottenWhenThereAreNoWebhooksAnyMore(t *testing.T) {
	w := newWorld(t)
	_, err := w.Create(t.Context(), System(), plant, Document, NewObject{UniqueName: "d", TTL: ptr(10)})
	require.NoError(t, err)
	w.mu.Lock()
	w.hook = func(Event) error { return errDisk }
	w.mu.Unlock()
	w.pass(time.Minute)
	eventually(t, "expired", func() bool { _, err := w.Get(plant, Document, "d"); return err != nil })
	require.Len(t, w.bucket.keys(), 1)
	w.params.Hook = nil
	w.reopen()
	require.Empty(t, w.bucket.keys())
}

func TestExpiryIsOnTimeByTheTimerAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, err := openOn(t.Context(), newMemoryBucket(), Params{Registry: twoServices()})
		require.NoError(t, err)
		defer o.Close()
		for name, ttl := range map[string]int{"late": MaxTTL, "soon": 90, "first": 10} {
			_, err := o.Create(t.Context(), System(), plant, Document, NewObject{UniqueName: name, TTL: &ttl})
			require.NoError(t, err)
		}
		left := func() int {
			synctest.Wait()
			_, n, err := o.All(plant, Document, Range{})
			require.NoError(t, err)
			return n
		}
		time.Sleep(10*time.Second - time.Millisecond)
		require.Equal(t, 3, left())
		time.Sleep(time.Millisecond)
		require.Equal(t, 2, left())
		time.Sleep(80 * time.Second)
		require.Equal(t, 1, left())
		time.Sleep(MaxTTL*time.Second - 90*time.Second)
		require.Equal(t, 0, left())
	})
}
