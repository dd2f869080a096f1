package objects

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

// model is what the objects of a service should be, in as few words as possible.
type model struct {
	docs  map[string]*modelDoc
	lists map[string]*modelItems // by index
	maps  map[string]*modelItems
}

type modelDoc struct {
	data     string
	revision uint64
	expires  time.Time
}

type modelItems struct {
	items    map[string]*modelDoc
	revision uint64
	next     int
}

func newModel() *model {
	return &model{docs: map[string]*modelDoc{}, lists: map[string]*modelItems{}, maps: map[string]*modelItems{}}
}

// names and keys are few, so that operations meet.
var (
	modelNames = rapid.SampledFrom([]string{"a", "b", "c"})
	modelKeys  = rapid.SampledFrom([]string{"k", "k/k", "K", "ключ"})
)

// onModel is a store of objects beside its model. Restarts happen on the same folder.
type onModel struct {
	t       *rapid.T
	o       *Objects
	m       *model
	now     time.Time
	events  map[EventType]int
	expect  map[EventType]int
	restart func(meanwhile func())
	outage  func(during func()) // in which the store fails, after which it is reopened; nil: there is none
	count   int
}

func (s *onModel) data() string {
	s.count++
	return strconv.Itoa(s.count)
}

func (s *onModel) publish(topic, data string) {
	require.NoError(s.t, s.o.Publish(plant, pump, topic, []byte(data), 1))
}

func (s *onModel) document() {
	name, data := modelNames.Draw(s.t, "name"), s.data()
	s.publish("sync/docs/"+name, data)
	if d := s.m.docs[name]; d != nil {
		d.data, d.revision = data, d.revision+1
		s.expect[DocumentUpdated]++
	} else {
		s.m.docs[name] = &modelDoc{data: data}
		s.expect[DocumentCreated]++
	}
}

func (s *onModel) expectDocument() {
	name, data := modelNames.Draw(s.t, "name"), s.data()
	revision := hex(uint64(rapid.IntRange(0, 3).Draw(s.t, "revision")))
	_, err := s.o.Update(context.Background(), System(), plant, Document, name, ObjectChange{Data: []byte(data), Expect: revision})
	switch d := s.m.docs[name]; {
	case d == nil:
		require.Equal(s.t, NotFound, KindOf(err))
	case hex(d.revision) != revision:
		require.Equal(s.t, RevisionDiffers, KindOf(err))
	default:
		require.NoError(s.t, err)
		d.data, d.revision = data, d.revision+1
		s.expect[DocumentUpdated]++
	}
}

func (s *onModel) expireDocument() {
	name, ttl := modelNames.Draw(s.t, "name"), rapid.IntRange(0, 3).Draw(s.t, "ttl")
	_, err := s.o.Update(context.Background(), System(), plant, Document, name, ObjectChange{TTL: &ttl})
	d := s.m.docs[name]
	if d == nil {
		require.Equal(s.t, NotFound, KindOf(err))
		return
	}
	require.NoError(s.t, err)
	d.expires = time.Time{}
	if ttl > 0 {
		d.expires = s.now.Add(time.Duration(ttl) * time.Second)
	}
}

func (s *onModel) removeObject() {
	name := modelNames.Draw(s.t, "name")
	kind := rapid.SampledFrom([]Kind{Document, List, Map}).Draw(s.t, "kind")
	err := s.o.Delete(context.Background(), System(), plant, kind, name, "")
	var there bool
	switch kind {
	case Document:
		_, there = s.m.docs[name]
		delete(s.m.docs, name)
	case List:
		_, there = s.m.lists[name]
		delete(s.m.lists, name)
	default:
		_, there = s.m.maps[name]
		delete(s.m.maps, name)
	}
	if !there {
		require.Equal(s.t, NotFound, KindOf(err))
		return
	}
	require.NoError(s.t, err)
	s.expect[removed[kind]]++
}

func (s *onModel) collection(all map[string]*modelItems, name string, created EventType) *modelItems {
	if all[name] == nil {
		all[name] = &modelItems{items: map[string]*modelDoc{}}
		s.expect[created]++
	}
	return all[name]
}

func (s *onModel) appendItem() {
	name, data := modelNames.Draw(s.t, "name"), s.data()
	s.publish("sync/lists/"+name, data)
	l := s.collection(s.m.lists, name, ListCreated)
	l.items[strconv.Itoa(l.next)] = &modelDoc{data: data}
	l.next++
	l.revision++
	s.expect[ListItemAdded]++
}

func (s *onModel) updateItem() {
	name, index, data := modelNames.Draw(s.t, "name"), strconv.Itoa(rapid.IntRange(0, 4).Draw(s.t, "index")), s.data()
	s.publish("sync/lists/"+name+"/"+index, data)
	if l := s.m.lists[name]; l != nil && l.items[index] != nil {
		l.items[index].data = data
		l.items[index].revision++
		l.revision++
		s.expect[ListItemUpdated]++
	}
}

func (s *onModel) setMapItem() {
	name, key, data := modelNames.Draw(s.t, "name"), modelKeys.Draw(s.t, "key"), s.data()
	s.publish("sync/maps/"+name+"/"+key, data)
	m := s.collection(s.m.maps, name, MapCreated)
	m.revision++
	if i := m.items[key]; i != nil {
		i.data, i.revision = data, i.revision+1
		s.expect[MapItemUpdated]++
	} else {
		m.items[key] = &modelDoc{data: data}
		s.expect[MapItemAdded]++
	}
}

func (s *onModel) removeItem() {
	name := modelNames.Draw(s.t, "name")
	kind, all, item, event := List, s.m.lists, strconv.Itoa(rapid.IntRange(0, 4).Draw(s.t, "index")), ListItemRemoved
	if rapid.Bool().Draw(s.t, "map") {
		kind, all, item, event = Map, s.m.maps, modelKeys.Draw(s.t, "key"), MapItemRemoved
	}
	err := s.o.DeleteItem(context.Background(), System(), plant, kind, name, item, "")
	switch c := all[name]; {
	case c == nil:
		require.Equal(s.t, NotFound, KindOf(err))
	case c.items[item] == nil:
		require.Equal(s.t, ItemNotFound, KindOf(err))
	default:
		require.NoError(s.t, err)
		delete(c.items, item)
		c.revision++
		s.expect[event]++
	}
}

func (s *onModel) pass() {
	seconds := rapid.IntRange(0, 2).Draw(s.t, "seconds")
	// While it is closed, or the keeper would have to be awaited; that it wakes is shown elsewhere.
	s.restart(func() { s.now = s.now.Add(time.Duration(seconds) * time.Second) })
	for name, d := range s.m.docs {
		if !d.expires.IsZero() && !d.expires.After(s.now) {
			delete(s.m.docs, name)
			s.expect[DocumentRemoved]++
		}
	}
}

// down does what must fail, and what was there before must be all that is there afterwards.
func (s *onModel) down() {
	if s.outage == nil {
		return
	}
	s.outage(func() {
		for _, topic := range []string{"sync/docs/", "sync/lists/", "sync/maps/m/"} {
			err := s.o.Publish(plant, pump, topic+modelNames.Draw(s.t, "name"), []byte(s.data()), 1)
			require.ErrorIs(s.t, err, store.ErrDown)
		}
	})
}

// check compares all that can be read with the model.
func (s *onModel) check() {
	docs, _, err := s.o.All(plant, Document, Range{})
	require.NoError(s.t, err)
	got := map[string]modelDoc{}
	for _, d := range docs {
		revision, _ := strconv.ParseUint(d.Revision, 16, 64)
		got[d.UniqueName] = modelDoc{data: string(d.Data), revision: revision, expires: d.Expires}
	}
	want := map[string]modelDoc{}
	for name, d := range s.m.docs {
		want[name] = *d
	}
	require.Equal(s.t, want, got)
	s.checkItems(List, s.m.lists)
	s.checkItems(Map, s.m.maps)
	require.Equal(s.t, s.expect, s.events)
}

func (s *onModel) checkItems(kind Kind, all map[string]*modelItems) {
	found, total, err := s.o.All(plant, kind, Range{})
	require.NoError(s.t, err)
	require.Len(s.t, found, len(all))
	require.Equal(s.t, len(all), total)
	for _, obj := range found {
		c := all[obj.UniqueName]
		require.NotNil(s.t, c)
		require.Equal(s.t, hex(c.revision), obj.Revision)
		items, _, err := s.o.Items(plant, kind, obj.SID, ItemRange{})
		require.NoError(s.t, err)
		var got, snapshot, want []string
		bytes := 0
		for _, i := range items {
			name := i.Key
			if kind == List {
				name = strconv.Itoa(i.Index)
			}
			got = append(got, fmt.Sprint(name, " ", string(i.Data), " ", i.Revision))
			bytes += len(i.Data)
		}
		require.EqualValues(s.t, bytes, obj.Bytes)
		names := slices.SortedFunc(maps.Keys(c.items), func(a, b string) int {
			if kind == List {
				return cmp.Or(len(a)-len(b), cmp.Compare(a, b))
			}
			return cmp.Compare(a, b)
		})
		for _, name := range names {
			want = append(want, fmt.Sprint(name, " ", c.items[name].data, " ", hex(c.items[name].revision)))
		}
		require.Equal(s.t, want, got)
		s.o.Snapshot(plant, pump, root(kind)+obj.UniqueName, func(_ string, payload []byte) bool {
			snapshot = append(snapshot, string(payload))
			return true
		})
		require.Len(s.t, snapshot, len(want))
	}
}

func (s *onModel) Enqueue(e Event) error {
	s.events[e.Type]++
	return nil
}

func (s *onModel) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){}
	for name, fn := range map[string]func(){
		"document": s.document, "expect": s.expectDocument, "ttl": s.expireDocument, "remove": s.removeObject, "append": s.appendItem,
		"update": s.updateItem, "set": s.setMapItem, "removeItem": s.removeItem, "pass": s.pass, "restart": func() { s.restart(func() {}) }, "down": s.down,
	} {
		actions[name] = func(t *rapid.T) { s.t = t; fn() }
	}
	actions[""] = func(t *rapid.T) { s.t = t; s.check() }
	return actions
}

func twoServices() *people {
	return &people{
		services: map[string]registry.Service{plant: {SID: plant, WebhookURL: "http://127.0.0.1:1/", WebhooksFromRESTEnabled: true}, other: {SID: other}},
		devices:  map[string]registry.Device{pump: {SID: pump, Identity: "pump"}, valve: {SID: valve}},
	}
}

func TestObjectsAreAsTheModelSaysWhateverHappensInWhateverOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &onModel{t: t, m: newModel(), now: time.Date(2017, 8, 14, 0, 0, 0, 0, time.UTC), events: map[EventType]int{}, expect: map[EventType]int{}}
		b := newMemoryBucket()
		open := func() {
			var err error
			s.o, err = openOn(context.Background(), b, Params{Registry: twoServices(), Hook: s, Now: func() time.Time { return s.now }})
			require.NoError(t, err)
		}
		s.restart = func(meanwhile func()) {
			s.o.Close()
			meanwhile()
			open()
		}
		s.outage = func(during func()) {
			b.on(func([]store.Op) error { return store.ErrDown }, nil)
			during()
			b.on(nil, nil)
			require.NoError(t, s.o.reload(context.Background()))
		}
		open()
		defer func() { s.o.Close() }()
		t.Repeat(s.actions())
	})
}

// The same on a real store, fewer times; each restart closes the store and opens it from the same folder.
func TestObjectsAreAsTheModelSaysOverRestartsOfTheStore(t *testing.T) {
	dir := t.TempDir()
	run := 0
	check := func(t *rapid.T) {
		run++
		folder := fmt.Sprint(dir, "/", run)
		s := &onModel{t: t, m: newModel(), now: time.Date(2017, 8, 14, 0, 0, 0, 0, time.UTC), events: map[EventType]int{}, expect: map[EventType]int{}}
		var disk *store.Store
		open := func() {
			var err error
			disk, err = store.Open(folder, store.Params{})
			require.NoError(t, err)
			s.o, err = Open(context.Background(), Params{Store: disk, Registry: twoServices(), Hook: s, Now: func() time.Time { return s.now }})
			require.NoError(t, err)
		}
		shut := func() {
			s.o.Close()
			require.NoError(t, disk.Close())
		}
		s.restart = func(meanwhile func()) {
			shut()
			meanwhile()
			open()
		}
		open()
		defer func() { shut() }()
		steps := rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(s.actions()))), 40, 40).Draw(t, "steps")
		actions := s.actions()
		for _, name := range steps {
			actions[name](t)
		}
		s.restart(func() {})
		s.check()
	}
	rapid.Check(t, func(t *rapid.T) {
		if run < 8 { // a start of the store takes tens of milliseconds
			check(t)
		}
	})
}

// Several writers at once, each with objects of its own and all with one map and one list: what each was told is there, in the order in which
// it was told, also after a restart.
func TestWhatManyWritersWereToldIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	disk, err := store.Open(dir, store.Params{})
	require.NoError(t, err)
	o, err := Open(t.Context(), Params{Store: disk, Registry: twoServices()})
	require.NoError(t, err)
	const writers, each = 8, 40
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			for i := range each {
				for _, topic := range []string{"sync/lists/all", "sync/maps/all/" + strconv.Itoa(n), "sync/docs/" + strconv.Itoa(n), "sync/docs/all"} {
					if err := o.Publish(plant, pump, topic, fmt.Appendf(nil, "[%d,%d]", n, i), 1); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, o.Refusals(0))
	look := func(o *Objects) (all []any) {
		for _, kind := range Kinds {
			found, _, err := o.All(plant, kind, Range{})
			require.NoError(t, err)
			for _, obj := range found {
				all = append(all, obj)
				if kind == List || kind == Map {
					items, _, err := o.Items(plant, kind, obj.SID, ItemRange{})
					require.NoError(t, err)
					all = append(all, items)
				}
			}
		}
		return all
	}
	before := look(o)
	o.Close()
	require.NoError(t, disk.Close())
	disk, err = store.Open(dir, store.Params{})
	require.NoError(t, err)
	defer func() { require.NoError(t, disk.Close()) }()
	o, err = Open(t.Context(), Params{Store: disk, Registry: twoServices()})
	require.NoError(t, err)
	defer o.Close()
	require.Equal(t, before, look(o))
	last := map[string]int{}
	items, _, err := o.Items(plant, List, "all", ItemRange{})
	require.NoError(t, err)
	require.Len(t, items, writers*each)
	for _, i := range items {
		var n, nth int
		_, err := fmt.Sscanf(string(i.Data), "[%d,%d]", &n, &nth)
		require.NoError(t, err)
		require.Equal(t, last[strconv.Itoa(n)], nth, "each writer's items are in its order")
		last[strconv.Itoa(n)]++
	}
	doc, err := o.Get(plant, Document, "all")
	require.NoError(t, err)
	require.Equal(t, hex(writers*each-1), doc.Revision)
}
