// Package webhook tells a Sync service's WebhookUrl of what happens to its objects (contract, the HTTP API). An event is
// in the store before Enqueue returns and stays there until the receiver has answered 2xx, so that it is delivered at
// least once, also over a restart and kill -9. The events of one object are delivered in order, one at a time; those of
// different objects at the same time, by a bounded number of workers.
//
// A receiver that is dead or slow is tried less and less often and delays nobody else. What cannot be delivered is given
// up in the end, counted, and told in the log: see [Settings] for when.
//
// It knows services by their SID and address, and events by their fields. It knows nothing of how objects change, of MQTT
// or of the HTTP API.
package webhook

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

const bucketName = "webhooks"

// ErrClosed is returned by Enqueue after Close.
var ErrClosed = errors.New("the webhooks are closed")

// Settings bound what is kept and tried. Zero values stand for the defaults.
type Settings struct {
	// MaxEvents and MaxBytes bound what one service has queued; default 10 000 and 32 MiB. When an event does not fit, the
	// oldest that are not being sent make room for it: what a receiver hears last is what is true.
	MaxEvents int
	MaxBytes  int64

	// MaxAge is how long an event is kept at most; default 24 h.
	MaxAge time.Duration
	// MaxRefusals is how often a receiver may answer an event with anything but 2xx before the event is given up; default
	// 20. A receiver that does not answer at all, or answers 429 or 503, does not count against any event.
	MaxRefusals int

	// BackoffMin and BackoffMax are the pauses before the first and the last retries: the pause doubles each time and is
	// shortened by up to a half at random. Default 1 s and 10 min.
	BackoffMin, BackoffMax time.Duration

	Timeout    time.Duration // of one request, from its dial to the end of its answer; default 10 s
	PerService int           // requests of one service at a time; default 8
	Workers    int           // requests of all services at a time; default 64
}

func (s Settings) withDefaults() Settings {
	s.MaxEvents = positive(s.MaxEvents, 10_000)
	s.MaxBytes = positive(s.MaxBytes, 32<<20)
	s.MaxAge = positive(s.MaxAge, 24*time.Hour)
	s.MaxRefusals = positive(s.MaxRefusals, 20)
	s.BackoffMin = positive(s.BackoffMin, time.Second)
	s.BackoffMax = max(positive(s.BackoffMax, 10*time.Minute), s.BackoffMin)
	s.Timeout = positive(s.Timeout, 10*time.Second)
	s.PerService = positive(s.PerService, 8)
	s.Workers = positive(s.Workers, 64)
	return s
}

func positive[T int | int64 | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// Registry is what the package asks about services; *registry.Registry is one. Service and Account must not wait.
type Registry interface {
	Service(sid string) (registry.Service, bool)
	Account() registry.Account
	OnChange(func(registry.Change)) (cancel func())
}

// Params of the webhooks. Store and Registry are required, the rest has defaults.
type Params struct {
	Store    *store.Store
	Registry Registry
	Settings Settings
	TLS      *tls.Config      // for https receivers; nil: those that the system trusts
	Now      func() time.Time // nil: time.Now
	Logger   *slog.Logger     // nil: nothing is logged
}

// bucket is what the package needs of the store.
type bucket interface {
	All(ctx context.Context) ([]store.Entry, error)
	Put(ctx context.Context, key string, value []byte) (uint64, error)
	Delete(ctx context.Context, key string) error
}

// Webhooks are the queues of all services. All methods may be called from any goroutine. It is an [objects.Hook].
type Webhooks struct {
	params   Params
	settings Settings
	bucket   bucket
	client   *http.Client

	ctx       context.Context // ends with Close: requests under way are given up
	cancel    context.CancelFunc
	unlisten  func()
	requests  sync.WaitGroup
	storing   sync.WaitGroup // calls of Enqueue
	sweepings chan struct{}  // wakes the sweeper; closed when no more will be owed
	swept     chan struct{}  // closed when the sweeper has ended

	// mu is a leaf but for the registry's reads, and never held over I/O.
	mu       sync.Mutex
	closed   bool
	version  uint64
	services map[string]*service
	turns    list.List // of *service: those that may begin a request, in turn
	flying   int
	slots    slots
}

var _ objects.Hook = (*Webhooks)(nil)

// Open reads what is queued and begins to deliver it. What is queued for a service that has no WebhookUrl is dropped.
func Open(ctx context.Context, p Params) (*Webhooks, error) {
	b, err := p.Store.RelaxedBucket(ctx, bucketName)
	if err != nil {
		return nil, fmt.Errorf("open webhooks: %w", err)
	}
	return openOn(ctx, b, p)
}

func openOn(ctx context.Context, b bucket, p Params) (*Webhooks, error) {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Webhooks{
		params: p, settings: p.Settings.withDefaults(), bucket: b,
		services: map[string]*service{}, sweepings: make(chan struct{}, 1), swept: make(chan struct{}),
	}
	w.client = newClient(w.settings, p.TLS)
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if err := w.load(ctx); err != nil {
		w.cancel()
		return nil, fmt.Errorf("open webhooks: %w", err)
	}
	w.unlisten = p.Registry.OnChange(w.changed)
	go w.sweep()
	w.mu.Lock()
	defer w.mu.Unlock()
	for sid := range w.services {
		w.refresh(sid)
	}
	w.pump()
	return w, nil
}

// load takes in what the store holds, in the order in which it was queued.
func (w *Webhooks) load(ctx context.Context) error {
	entries, err := w.bucket.All(ctx)
	if err != nil {
		return err
	}
	used := make(map[slot]bool, len(entries))
	for _, entry := range entries {
		number, err := parseSlot(entry.Key)
		if err != nil {
			return err
		}
		e, err := decode(entry.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", entry.Key, err)
		}
		e.slot, e.size = number, len(entry.Value)
		used[number] = true
		s := w.service(e.ServiceSID)
		s.reserve(e)
		s.add(e)
	}
	w.slots = slotsBeside(used)
	return nil
}

// closeGrace is how long Close waits for answers that are under way, so that they need not be asked for again.
const closeGrace = time.Second

// Close ends, within little more than a second. What was not delivered is delivered after the next Open.
func (w *Webhooks) Close() {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return
	}
	w.closed = true
	for _, s := range w.services {
		s.stopTimers()
	}
	w.mu.Unlock()
	w.unlisten()
	grace := time.AfterFunc(closeGrace, w.cancel)
	w.requests.Wait()
	grace.Stop()
	w.cancel()
	w.storing.Wait()
	close(w.sweepings)
	<-w.swept
	w.client.CloseIdleConnections()
}

// Enqueue returns when the event is durably queued. An error means that the store takes no writes: offer the event again
// then. An event of a service without a WebhookUrl is not queued; that is no error.
func (w *Webhooks) Enqueue(event objects.Event) error {
	r, found := w.params.Registry.Service(event.ServiceSID)
	if !found || r.WebhookURL == "" {
		return nil
	}
	e := newRecord(event, w.params.Now())
	value, err := e.encode()
	if err != nil {
		return fmt.Errorf("queue webhook: %w", err)
	}
	e.size = len(value)
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return fmt.Errorf("queue webhook: %w", ErrClosed)
	}
	w.storing.Add(1)
	defer w.storing.Done()
	s := w.service(event.ServiceSID)
	w.makeRoom(s, e)
	s.reserve(e)
	e.slot = w.slots.take()
	w.mu.Unlock()

	_, err = w.bucket.Put(context.Background(), e.slot.key(), value)

	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		// It may be in the store all the same: its slot is swept once the store takes writes again.
		s.unreserve(e)
		w.owe(e.slot)
		return fmt.Errorf("queue webhook: %w", err)
	}
	if w.services[s.sid] != s || s.url == "" { // the service or its address was removed meanwhile
		s.unreserve(e)
		w.owe(e.slot)
		return nil
	}
	s.add(e)
	w.version++
	w.pumpService(s)
	return nil
}
