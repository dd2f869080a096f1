package objects

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/registry"
)

func TestRevisionsAreAHexadecimalCounterFromZero(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.publish("sync/docs/d", strconv.Itoa(i))
		require.Equal(t, strconv.FormatInt(int64(i), 16), w.must(Document, "d").Revision)
	}
	require.Equal(t, "13", w.must(Document, "d").Revision)
	w.publish("sync/lists/l", "1")
	require.Equal(t, "1", w.must(List, "l").Revision, "a list's rises with its items")
	w.publish("sync/lists/l/0", "2")
	require.Equal(t, "2", w.must(List, "l").Revision)
	require.NoError(t, w.DeleteItem(t.Context(), System(), plant, List, "l", "0", ""))
	require.Equal(t, "3", w.must(List, "l").Revision)
	w.reopen()
	require.Equal(t, "13", w.must(Document, "d").Revision)
	require.Equal(t, "3", w.must(List, "l").Revision)
}

func TestAChangeCanExpectARevision(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.publish("sync/docs/d", "1")
	w.publish("sync/maps/m/k", "1")
	_, err := w.Update(ctx, System(), plant, Document, "d", ObjectChange{Data: []byte("2"), Expect: "0"})
	require.NoError(t, err)
	_, err = w.Update(ctx, System(), plant, Document, "d", ObjectChange{Data: []byte("3"), Expect: "0"})
	kindIs(t, RevisionDiffers, err)
	kindIs(t, RevisionDiffers, w.Delete(ctx, System(), plant, Document, "d", "0"))
	_, err = w.UpdateItem(ctx, System(), plant, Map, "m", "k", ItemChange{Data: []byte("2"), Expect: "0"})
	require.NoError(t, err)
	_, err = w.UpdateItem(ctx, System(), plant, Map, "m", "k", ItemChange{Data: []byte("2"), Expect: "0"})
	kindIs(t, RevisionDiffers, err)
	kindIs(t, RevisionDiffers, w.DeleteItem(ctx, System(), plant, Map, "m", "k", "2"))
	for _, bad := range []string{"x", "0x1", "01", "1F", "-1", " 1", strings.Repeat("1", 40)} {
		_, err = w.Update(ctx, System(), plant, Document, "d", ObjectChange{Expect: bad})
		kindIs(t, BadRevision, err)
		kindIs(t, BadRevision, w.DeleteItem(ctx, System(), plant, Map, "m", "k", bad))
	}
	require.Equal(t, "2", string(w.must(Document, "d").Data))
	require.NoError(t, w.DeleteItem(ctx, System(), plant, Map, "m", "k", "1"))
	require.NoError(t, w.Delete(ctx, System(), plant, Document, "d", "1"))
	_, err = w.Get(plant, Document, "d")
	kindIs(t, NotFound, err)
}

func TestIndexesStartAtZeroAndAreNeverUsedAgain(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.publish("sync/lists/l", "1")
	}
	for _, index := range []string{"2", "0"} {
		require.NoError(t, w.DeleteItem(t.Context(), System(), plant, List, "l", index, ""))
	}
	w.reopen()
	require.NoError(t, w.DeleteItem(t.Context(), System(), plant, List, "l", "1", ""))
	w.reopen()
	i, err := w.AddItem(t.Context(), System(), plant, List, "l", NewItem{Data: []byte("1")})
	require.NoError(t, err)
	require.Equal(t, 3, i.Index)
}

func TestItemsComeInOrderFromAnywhereInBothDirections(t *testing.T) {
	w := newWorld(t)
	for i := range 400 {
		w.publish("sync/lists/l", strconv.Itoa(i))
	}
	for _, index := range []string{"0", "100", "399"} {
		require.NoError(t, w.DeleteItem(t.Context(), System(), plant, List, "l", index, ""))
	}
	for _, c := range []struct {
		r     ItemRange
		first int
		last  int
		count int
		more  bool
	}{
		{ItemRange{}, 1, 398, 397, false},
		{ItemRange{Descending: true}, 398, 1, 397, false},
		{ItemRange{Limit: 50}, 1, 50, 50, true},
		{ItemRange{Limit: 50, Offset: 50}, 51, 101, 50, true},
		{ItemRange{Limit: 50, Offset: 380}, 382, 398, 17, false},
		{ItemRange{Limit: 397}, 1, 398, 397, false},
		{ItemRange{From: ptr("99"), Limit: 2}, 99, 101, 2, true},
		{ItemRange{From: ptr("99"), Limit: 2, Exclusive: true}, 101, 102, 2, true},
		{ItemRange{From: ptr("100"), Limit: 2}, 101, 102, 2, true},
		{ItemRange{From: ptr("100"), Limit: 2, Exclusive: true}, 101, 102, 2, true},
		{ItemRange{From: ptr("100"), Limit: 2, Descending: true}, 99, 98, 2, true},
		{ItemRange{From: ptr("99"), Limit: 2, Descending: true}, 99, 98, 2, true},
		{ItemRange{From: ptr("99"), Limit: 2, Descending: true, Exclusive: true}, 98, 97, 2, true},
		{ItemRange{From: ptr("99"), Limit: 2, Descending: true, Offset: 90}, 9, 8, 2, true},
		{ItemRange{From: ptr("398")}, 398, 398, 1, false},
		{ItemRange{From: ptr("398"), Exclusive: true}, 0, 0, 0, false},
		{ItemRange{From: ptr("100000")}, 0, 0, 0, false},
		{ItemRange{From: ptr("100000"), Descending: true, Limit: 1}, 398, 398, 1, true},
		{ItemRange{From: ptr("0"), Descending: true}, 0, 0, 0, false},
		{ItemRange{Offset: 1000}, 0, 0, 0, false},
		{ItemRange{Offset: 1000, Descending: true}, 0, 0, 0, false},
	} {
		items, more, err := w.Items(plant, List, "l", c.r)
		require.NoError(t, err)
		require.Len(t, items, c.count, "%+v", c.r)
		require.Equal(t, c.more, more, "%+v", c.r)
		if c.count > 0 {
			require.Equal(t, []int{c.first, c.last}, []int{items[0].Index, items[len(items)-1].Index}, "%+v", c.r)
		}
	}
	_, _, err := w.Items(plant, List, "l", ItemRange{From: ptr("x")})
	kindIs(t, BadKey, err)
	for _, key := range []string{"b", "a", "ä", "B", "10", "9"} {
		w.publish("sync/maps/m/"+key, "1")
	}
	items, _, err := w.Items(plant, Map, "m", ItemRange{From: ptr("9")})
	require.NoError(t, err)
	var keys []string
	for _, i := range items {
		keys = append(keys, i.Key)
	}
	require.Equal(t, []string{"9", "B", "a", "b", "ä"}, keys, "a map's are ordered by the bytes of their keys")
}

func TestObjectsAreListedInTheOrderOfTheirCreation(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		w.create(Document, "d"+strconv.Itoa(i))
		w.create(List, "")
	}
	require.NoError(t, w.Delete(t.Context(), System(), plant, Document, "d50", ""))
	w.reopen()
	w.create(Document, "last")
	page, total, err := w.All(plant, Document, Range{Offset: 50, Limit: 50})
	require.NoError(t, err)
	require.Equal(t, 120, total)
	require.Len(t, page, 50)
	require.Equal(t, "d51", page[0].UniqueName)
	page, _, err = w.All(plant, Document, Range{Offset: 100, Limit: 50})
	require.NoError(t, err)
	require.Len(t, page, 20)
	require.Equal(t, "last", page[19].UniqueName)
	page, total, err = w.All(other, Document, Range{})
	require.NoError(t, err)
	require.Empty(t, page)
	require.Zero(t, total)
	_, _, err = w.All(absent("IS"), Document, Range{})
	kindIs(t, NoService, err)
}

func TestErrorsSayWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.create(List, "l")
	w.create(Map, "m")
	_, err := w.Get(absent("IS"), List, "l")
	kindIs(t, NoService, err)
	_, err = w.Create(ctx, System(), absent("IS"), List, NewObject{})
	kindIs(t, NoService, err)
	_, err = w.Get(plant, List, "none")
	kindIs(t, NotFound, err)
	_, err = w.Update(ctx, System(), plant, List, "", ObjectChange{})
	kindIs(t, NotFound, err)
	kindIs(t, NotFound, w.Delete(ctx, System(), plant, Map, "l", ""))
	_, err = w.Item(plant, List, "l", "0")
	kindIs(t, ItemNotFound, err)
	_, err = w.Item(plant, List, "l", "x")
	kindIs(t, BadKey, err)
	kindIs(t, ItemNotFound, w.DeleteItem(ctx, System(), plant, Map, "m", "k", ""))
	_, err = w.UpdateItem(ctx, System(), plant, Map, "m", "k", ItemChange{})
	kindIs(t, ItemNotFound, err)
	_, err = w.AddItem(ctx, System(), plant, Map, "m", NewItem{Data: []byte("1")})
	kindIs(t, BadKey, err)
	_, err = w.AddItem(ctx, System(), plant, Map, "m", NewItem{Key: "k"})
	kindIs(t, InvalidJSON, err)
	_, err = w.AddItem(ctx, System(), plant, Map, "m", NewItem{Key: "k", Data: []byte("1")})
	require.NoError(t, err)
	_, err = w.AddItem(ctx, System(), plant, Map, "m", NewItem{Key: "k", Data: []byte("1")})
	kindIs(t, ItemExists, err)
	require.Equal(t, `map "m", item "k": there is an item with this key already`, err.Error())
	_, err = w.SetItem(ctx, System(), plant, "m", "k", []byte("2"))
	require.NoError(t, err)
	_, err = w.Permission(plant, Map, "m", "pump")
	kindIs(t, NoPermission, err)
	kindIs(t, NoPermission, w.DeletePermission(ctx, System(), plant, Map, "m", "pump"))
	for _, identity := range []string{"", strings.Repeat("x", 257), "\xff"} {
		_, err = w.SetPermission(ctx, System(), plant, Map, "m", Permission{Identity: identity})
		kindIs(t, BadIdentity, err)
	}
	for _, ttl := range []int{-1, MaxTTL + 1} {
		_, err = w.Create(ctx, System(), plant, Document, NewObject{TTL: &ttl})
		kindIs(t, BadTTL, err)
		_, err = w.AddItem(ctx, System(), plant, List, "l", NewItem{Data: []byte("1"), TTL: &ttl})
		kindIs(t, BadTTL, err)
		_, err = w.AddItem(ctx, System(), plant, List, "l", NewItem{Data: []byte("1"), CollectionTTL: &ttl})
		kindIs(t, BadTTL, err)
		_, err = w.Update(ctx, System(), plant, Map, "m", ObjectChange{TTL: &ttl})
		kindIs(t, BadTTL, err)
	}
	require.Zero(t, w.must(List, "l").Items)
}

func TestOnlyNewDataMakesANewRevisionAndIsDelivered(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.publish("sync/lists/l", "1")
	w.says()
	w.fired()
	doc, err := w.Update(t.Context(), System(), plant, Document, "d", ObjectChange{TTL: ptr(60)})
	require.NoError(t, err)
	require.Equal(t, "0", doc.Revision)
	require.Equal(t, w.now.Add(time.Minute), doc.Expires)
	i, err := w.UpdateItem(t.Context(), System(), plant, List, "l", "0", ItemChange{TTL: ptr(60), CollectionTTL: ptr(120)})
	require.NoError(t, err)
	require.Equal(t, "0", i.Revision)
	require.Equal(t, w.now.Add(time.Minute), i.Expires)
	require.Equal(t, w.now.Add(2*time.Minute), w.must(List, "l").Expires)
	require.Empty(t, w.says())
	require.Empty(t, w.fired())
	w.publish("sync/docs/d", "2")
	require.Equal(t, w.now.Add(time.Minute), w.must(Document, "d").Expires, "a publish leaves the expiry")
	w.publish("sync/lists/l/0", "2")
	w.reopen()
	i, err = w.Item(plant, List, "l", "0")
	require.NoError(t, err)
	require.Equal(t, w.now.Add(time.Minute), i.Expires)
	require.Equal(t, w.now.Add(2*time.Minute), w.must(List, "l").Expires)
	doc, err = w.Update(t.Context(), System(), plant, Document, "d", ObjectChange{TTL: ptr(0)})
	require.NoError(t, err)
	require.True(t, doc.Expires.IsZero(), "0 is forever")
}

func TestWebhooksTellOfEachChangeInOrder(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.publish("sync/docs/d", "1")
	w.publish("sync/docs/d", "2")
	require.NoError(t, w.Delete(ctx, System(), plant, Document, "d", ""))
	w.publish("sync/lists/l", "1")
	w.publish("sync/lists/l/0", "2")
	require.NoError(t, w.DeleteItem(ctx, System(), plant, List, "l", "0", ""))
	require.NoError(t, w.Delete(ctx, System(), plant, List, "l", ""))
	w.publish("sync/maps/m/k", "1")
	w.publish("sync/maps/m/k", "2")
	last := w.events[len(w.events)-1]
	require.Equal(t, Event{
		Type: MapItemUpdated, ServiceSID: plant, Identity: "pump", EndpointID: pump, At: w.now, Kind: Map, ObjectSID: w.must(Map, "m").SID,
		UniqueName: "m", Revision: "2", HasItem: true, ItemKey: "k", ItemData: []byte("2"), ItemRevision: "1",
	}, last)
	require.NoError(t, w.Delete(ctx, System(), plant, Map, "m", ""))
	w.publish("sync/streams/s", "1")
	require.Equal(t, []EventType{
		DocumentCreated, DocumentUpdated, DocumentRemoved, ListCreated, ListItemAdded, ListItemUpdated, ListItemRemoved, ListRemoved,
		MapCreated, MapItemAdded, MapItemUpdated, MapRemoved,
	}, w.fired())
}

func TestWebhooksOfHTTPWritesFireOnlyWhenTheServiceSaysSo(t *testing.T) {
	w := newWorld(t)
	w.people.setService(plant, func(s *registry.Service) { s.WebhooksFromRESTEnabled = false })
	w.create(Document, "d")
	require.Empty(t, w.fired())
	w.publish("sync/docs/d", "1")
	require.Equal(t, []EventType{DocumentUpdated}, w.fired())
	w.people.setService(plant, func(s *registry.Service) { s.WebhookURL = "" })
	w.publish("sync/docs/d", "2")
	require.Empty(t, w.fired(), "without an address there are none")
}

func TestAWebhookThatCannotBeQueuedKeepsTheAcknowledgementBackAndIsOfferedAgain(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.fired()
	broken := true
	w.hook = func(Event) error {
		if broken {
			return errDisk
		}
		return nil
	}
	require.ErrorIs(t, w.Publish(plant, pump, "sync/docs/d", []byte("2"), 1), errDisk)
	require.ErrorIs(t, w.Publish(plant, pump, "sync/docs/d", []byte("3"), 1), errDisk)
	require.Equal(t, "2", string(w.must(Document, "d").Data), "the second was not even tried: the first comes before it")
	w.mu.Lock()
	w.hook = nil
	w.mu.Unlock()
	w.pass(0)
	eventually(t, "offered again", func() bool { return slices.Equal(w.fired(), []EventType{DocumentUpdated}) })
}

func TestTheHTTPAPIWaitsUntilUpdatesAreStored(t *testing.T) {
	w := newWorld(t)
	held := make(chan func(error), 10)
	w.Objects.params.Deliver = func(_ Update, stored func(error)) {
		if stored != nil {
			held <- stored
		}
	}
	w.publish("sync/docs/d", "1")
	require.Empty(t, held, "a device's acknowledgement follows its updates anyway")
	result := make(chan error, 1)
	for _, failure := range []error{nil, errDisk} {
		go func() {
			_, err := w.Update(t.Context(), System(), plant, Document, "d", ObjectChange{Data: []byte("2")})
			result <- err
		}()
		tell := <-held
		require.Empty(t, result)
		w.publish("sync/docs/d", "3") // it holds up nobody, not even who changes the same document
		require.Empty(t, result)
		tell(failure)
		require.ErrorIs(t, <-result, failure)
	}
}

func TestABigListIsGoneAtOnceAndItsRestLater(t *testing.T) {
	w := newWorld(t)
	for i := range 3*batch + 7 {
		w.publish("sync/lists/l", strconv.Itoa(i))
	}
	_, err := w.SetPermission(t.Context(), System(), plant, List, "l", Permission{Identity: "pump", Read: true})
	require.NoError(t, err)
	require.NoError(t, w.Delete(t.Context(), System(), plant, List, "l", ""))
	_, err = w.Get(plant, List, "l")
	kindIs(t, NotFound, err)
	w.publish("sync/lists/l", `"of the same name"`)
	eventually(t, "swept", func() bool { return len(w.bucket.keys()) == 2 })
	w.reopen()
	require.Equal(t, []string{`sync/lists/l "of the same name"`}, w.snapshot("sync/lists/l"))
}

func TestADroppedServiceIsGoneAtOnceAlsoFromTheStore(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.publish("sync/maps/m/k", "1")
	sid := w.must(Document, "d").SID
	_, err := w.Create(t.Context(), System(), other, Document, NewObject{UniqueName: "stays"})
	require.NoError(t, err)
	w.people.mu.Lock()
	delete(w.people.services, plant)
	w.people.mu.Unlock()
	w.DropService(plant)
	w.DropService(absent("IS"))
	_, err = w.Get(plant, Document, "d")
	kindIs(t, NoService, err)
	require.Empty(t, w.snapshot("sync/docs/d"))
	require.Empty(t, w.History(plant, sid))
	w.publish("sync/docs/d", "1")
	eventually(t, "deleted", func() bool { return len(w.bucket.keys()) == 1 })
}

func TestWhatIsStoredOfAServiceThatTheRegistryLacksIsDeletedAtTheNextStart(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.publish("sync/maps/m/k", "1")
	w.Close()
	w.people.mu.Lock()
	delete(w.people.services, plant)
	w.people.mu.Unlock()
	w.open()
	eventually(t, "deleted", func() bool { return len(w.bucket.keys()) == 0 })
}

func TestBoundsAreKeptAndExplained(t *testing.T) {
	w := newWorld(t)
	w.SetSettings(Settings{ObjectsPerService: 3, ItemsPerObject: 2, BytesPerService: 1000})
	for _, name := range []string{"a", "b"} {
		w.publish("sync/docs/"+name, "1")
	}
	w.publish("sync/lists/l", "1")
	w.publish("sync/lists/l", "2")
	w.says()
	w.refused(Full, "sync/docs/c", "1")
	w.refused(Full, "sync/lists/l", "3")
	w.refused(Full, "sync/docs/a", text(1001))
	w.publish("sync/docs/a", text(900))
	w.says()
	r := w.refused(Full, "sync/docs/b", text(200))
	require.Equal(t, "the service's objects may hold 1000 bytes in all", r.Reason)
	for range 3 {
		w.publish("sync/docs/a", text(950)) // what it replaces counts no more
	}
	require.NoError(t, w.Delete(t.Context(), System(), plant, Document, "a", ""))
	w.publish("sync/docs/c", text(900))
	w.reopen()
	w.SetSettings(Settings{ObjectsPerService: 3, ItemsPerObject: 2, BytesPerService: 1000})
	w.says()
	w.refused(Full, "sync/docs/d", "1")
	for _, identity := range []string{"a", "b"} {
		_, err := w.SetPermission(t.Context(), System(), plant, List, "l", Permission{Identity: identity})
		require.NoError(t, err)
	}
	_, err := w.SetPermission(t.Context(), System(), plant, List, "l", Permission{Identity: "c"})
	kindIs(t, Full, err)
}

func TestPermissionsAreKept(t *testing.T) {
	w := newWorld(t)
	w.create(Map, "m")
	for i := range 5 {
		p := Permission{Identity: fmt.Sprint("someone/", i), Read: i%2 == 0, Write: i%3 == 0, Manage: true}
		got, err := w.SetPermission(t.Context(), System(), plant, Map, "m", p)
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	require.NoError(t, w.DeletePermission(t.Context(), System(), plant, Map, "m", "someone/1"))
	w.reopen()
	all, total, err := w.Permissions(plant, Map, "m", Range{Offset: 1, Limit: 2})
	require.NoError(t, err)
	require.Equal(t, 4, total)
	require.Equal(t, []Permission{{Identity: "someone/2", Read: true, Manage: true}, {Identity: "someone/3", Write: true, Manage: true}}, all)
	require.NoError(t, w.Delete(t.Context(), System(), plant, Map, "m", ""))
	require.Empty(t, w.bucket.keys(), "they go with the object")
}
