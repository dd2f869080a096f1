package objects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

// memoryBucket is a bucket whose writes can be held up and made to fail.
type memoryBucket struct {
	mu     sync.Mutex
	values map[string][]byte
	writes int
	before func(ops []store.Op) error // called without the lock; an error is the write's, which is not made
	after  func(ops []store.Op) error // the same, of a write that is made
}

func newMemoryBucket() *memoryBucket { return &memoryBucket{values: map[string][]byte{}} }

func (b *memoryBucket) All(context.Context) ([]store.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []store.Entry
	for key, v := range b.values {
		all = append(all, store.Entry{Key: key, Value: v})
	}
	return all, nil
}

func (b *memoryBucket) Apply(_ context.Context, ops []store.Op) error {
	b.mu.Lock()
	before, after := b.before, b.after
	b.mu.Unlock()
	if before != nil {
		if err := before(ops); err != nil {
			return err
		}
	}
	b.mu.Lock()
	b.writes++
	for _, op := range ops {
		if op.Delete {
			delete(b.values, op.Key)
		} else {
			b.values[op.Key] = op.Value
		}
	}
	b.mu.Unlock()
	if after != nil {
		return after(ops)
	}
	return nil
}

func (b *memoryBucket) on(before, after func([]store.Op) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before, b.after = before, after
}

func (b *memoryBucket) keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for key := range b.values {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// people is a registry of what tests put in it.
type people struct {
	mu       sync.Mutex
	services map[string]registry.Service
	devices  map[string]registry.Device
}

func (p *people) Service(sid string) (registry.Service, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, found := p.services[sid]
	return s, found
}

func (p *people) Device(sid string) (registry.Device, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, found := p.devices[sid]
	return d, found
}

func (p *people) setService(sid string, change func(*registry.Service)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.services[sid]
	change(&s)
	p.services[sid] = s
}

// world is what is around the objects in a test.
type world struct {
	*Objects
	t      testing.TB
	bucket *memoryBucket
	people *people
	params Params

	mu      sync.Mutex
	now     time.Time
	updates []Update
	events  []Event
	hook    func(Event) error // called without the lock
}

const (
	plant = "IS00000000000000000000000000000001"
	other = "IS00000000000000000000000000000002"
	pump  = "TH00000000000000000000000000000001" // with the identity "pump"
	valve = "TH00000000000000000000000000000002" // without one
)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, bucket: newMemoryBucket(), now: time.Date(2017, 8, 14, 19, 19, 30, 0, time.UTC)}
	w.people = &people{
		services: map[string]registry.Service{plant: {SID: plant, WebhookURL: "http://127.0.0.1:1/", WebhooksFromRESTEnabled: true}, other: {SID: other}},
		devices:  map[string]registry.Device{pump: {SID: pump, Identity: "pump"}, valve: {SID: valve}},
	}
	w.params = Params{
		Registry: w.people, Hook: w,
		Deliver: func(u Update, stored func(error)) {
			w.mu.Lock()
			w.updates = append(w.updates, u)
			w.mu.Unlock()
			if stored != nil {
				stored(nil)
			}
		},
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		},
	}
	w.open()
	t.Cleanup(func() { w.Close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	w.Objects, err = openOn(w.t.Context(), w.bucket, w.params)
	require.NoError(w.t, err)
}

func (w *world) reopen() {
	w.t.Helper()
	w.Close()
	w.open()
}

// Enqueue is the hook's.
func (w *world) Enqueue(e Event) error {
	w.mu.Lock()
	hook := w.hook
	w.mu.Unlock()
	if hook != nil {
		if err := hook(e); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	return nil
}

// pass moves the clock, and wakes the keeper as the timer would.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
	w.keeper.sweep()
}

// says returns what was delivered since the last call, as "filter>topic payload".
func (w *world) says() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []string{}
	for _, u := range w.updates {
		for _, r := range u.Routes {
			all = append(all, r.Filter+">"+r.Topic+" "+string(u.Payload))
		}
	}
	w.updates = nil
	return all
}

// fired returns the types of the events since the last call.
func (w *world) fired() []EventType {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []EventType{}
	for _, e := range w.events {
		all = append(all, e.Type)
	}
	w.events = nil
	return all
}

// soon returns the types of the next n events, when the keeper has fired them.
func (w *world) soon(n int) []EventType {
	w.t.Helper()
	eventually(w.t, "fired", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.events) >= n })
	return w.fired()
}

func (w *world) publish(topic, payload string) {
	w.t.Helper()
	require.NoError(w.t, w.Publish(plant, pump, topic, []byte(payload), 1))
}

// refused publishes what must be refused for the reason, and checks that it has changed nothing.
func (w *world) refused(why ErrorKind, topic, payload string) Refusal {
	w.t.Helper()
	before, seq, updates := w.bucket.keys(), w.LastChange(), len(w.says())
	w.publish(topic, payload)
	require.Equal(w.t, before, w.bucket.keys())
	require.Empty(w.t, w.Changes(seq, 0))
	require.Len(w.t, w.says(), 0, "%d before", updates)
	all := w.Refusals(seq)
	require.Len(w.t, all, 1, "%s %.80s is accepted", topic, payload)
	require.Equal(w.t, why, all[0].Kind, all[0].Reason)
	require.Equal(w.t, topic, all[0].Topic)
	require.NotEmpty(w.t, all[0].Reason)
	return all[0]
}

func (w *world) snapshot(topic string) []string {
	all := []string{}
	w.Snapshot(plant, pump, topic, func(topic string, payload []byte) bool {
		all = append(all, topic+" "+string(payload))
		return true
	})
	return all
}

func (w *world) must(kind Kind, id string) Object {
	w.t.Helper()
	obj, err := w.Get(plant, kind, id)
	require.NoError(w.t, err)
	return obj
}

func (w *world) create(kind Kind, name string) Object {
	w.t.Helper()
	obj, err := w.Create(w.t.Context(), System(), plant, kind, NewObject{UniqueName: name})
	require.NoError(w.t, err)
	return obj
}

func kindIs(t testing.TB, kind ErrorKind, err error) {
	t.Helper()
	require.Equal(t, kind, KindOf(err), "%v", err)
}

func ptr[T any](v T) *T { return &v }

// eventually polls until done, which says what is missing.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("within 10 s: not %s", what)
		}
	}
}

var errDisk = errors.New("disk full")

func absent(p sid.Prefix) string { return string(p) + strings.Repeat("f", 32) }

func text(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
