package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/store"
)

// within polls until done says true.
func within(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

// world is a store, a registry with one service, and webhooks on them.
type world struct {
	t        testing.TB
	dir      string
	store    *store.Store
	registry *registry.Registry
	hooks    *Webhooks
	service  string
	settings Settings
	log      notes
}

// notes is a log that can be read while it is written.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(line []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(line)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// quick are settings under which nothing takes long.
func quick() Settings {
	return Settings{BackoffMin: 5 * time.Millisecond, BackoffMax: 20 * time.Millisecond, Timeout: 5 * time.Second}
}

func newWorld(t testing.TB, address string, s Settings) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), settings: s}
	w.open()
	t.Cleanup(w.close)
	service, err := w.registry.CreateServiceWith(context.Background(), "", registry.ServiceChange{WebhookURL: &address})
	if err != nil {
		t.Fatal(err)
	}
	w.service = service.SID
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.store, err = store.Open(w.dir, store.Params{}); err != nil {
		w.t.Fatal(err)
	}
	if w.registry, err = registry.Open(context.Background(), registry.Params{Store: w.store}); err != nil {
		w.t.Fatal(err)
	}
	if w.hooks, err = Open(context.Background(), Params{Store: w.store, Registry: w.registry, Settings: w.settings, Logger: slog.New(slog.NewTextHandler(&w.log, nil))}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	w.hooks.Close()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

func (w *world) setAddress(address string) {
	w.t.Helper()
	if _, err := w.registry.UpdateService(context.Background(), w.service, registry.ServiceChange{WebhookURL: &address}); err != nil {
		w.t.Fatal(err)
	}
}

// update is the event of revision n of a document.
func (w *world) update(document string, n int) objects.Event {
	return objects.Event{
		Type: objects.DocumentUpdated, ServiceSID: w.service, Identity: "lamp", EndpointID: sid.New(sid.Device), At: time.Now(),
		Kind: objects.Document, ObjectSID: document, UniqueName: "state", Revision: strconv.Itoa(n), Data: []byte(`{"n":` + strconv.Itoa(n) + `}`),
	}
}

func (w *world) enqueue(events ...objects.Event) {
	w.t.Helper()
	for _, e := range events {
		if err := w.hooks.Enqueue(e); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) status() Status {
	w.t.Helper()
	for _, s := range w.hooks.Snapshot() {
		if s.ServiceSID == w.service {
			return s
		}
	}
	return Status{}
}

// stored is how many events the store holds.
func (w *world) stored() int {
	w.t.Helper()
	entries, err := w.hooks.bucket.All(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return len(entries)
}

// receiver notes what it is sent and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(n int, r received) int // the status of the n-th request, from 0; nil: 200
}

type received struct {
	header http.Header
	form   url.Values
	body   string
	path   string
}

func newReceiver(t testing.TB, answer func(n int, r received) int) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	form, err2 := url.ParseQuery(string(body))
	if errors.Join(err, err2) != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	one := received{header: request.Header, form: form, body: string(body), path: request.URL.Path}
	r.mu.Lock()
	n := len(r.got)
	r.got = append(r.got, one)
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		w.WriteHeader(answer(n, one))
	}
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// of is what was received about a document, as its revisions.
func (r *receiver) of(document string) (revisions []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.got {
		if one.form.Get("DocumentSid") == document {
			revisions = append(revisions, one.form.Get("DocumentRevision"))
		}
	}
	return revisions
}

func (r *receiver) first() received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[0]
}
