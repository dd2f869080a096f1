package sync

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the API on a registry and objects of its own.
type world struct {
	t        testing.TB
	registry *registry.Registry
	objects  *objects.Objects
	store    *store.Store
	api      http.Handler
	service  string // SID of the default service
	hooked   *hooked
}

// hooked notes the events of webhooks.
type hooked struct {
	mu     sync.Mutex
	events []objects.Event
}

func (h *hooked) Enqueue(e objects.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
	return nil
}

func (h *hooked) types() (all []objects.EventType) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		all = append(all, e.Type)
	}
	return all
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Params{})
	require.NoError(t, err)
	r, err := registry.Open(context.Background(), registry.Params{Store: s, AuthenticatedEvery: time.Hour})
	require.NoError(t, err)
	w := &world{t: t, registry: r, store: s, hooked: &hooked{}}
	w.objects, err = objects.Open(context.Background(), objects.Params{Store: s, Registry: r, Hook: w.hooked})
	require.NoError(t, err)
	r.OnChange(func(c registry.Change) {
		if c.Kind == registry.KindService && c.Deleted {
			w.objects.DropService(c.SID)
		}
	})
	t.Cleanup(func() {
		w.objects.Close()
		_ = r.Close(context.Background())
		require.NoError(t, s.Close())
	})
	w.api = New(Params{Registry: r, Objects: w.objects})
	service, found := r.ServiceByName("default")
	require.True(t, found)
	w.service = service.SID
	return w
}

const (
	host     = "http://board.lan:8080"
	services = "/v1/Services"
	byName   = services + "/default"
)

// object is a JSON object of an answer.
type object map[string]any

func (o object) text(name string) string { text, _ := o[name].(string); return text }

// raw sends a form, of name and value in turns; a name that begins with "@" is a header field.
func (w *world) raw(method, path string, form ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	values, header := url.Values{}, http.Header{}
	for i := 0; i+1 < len(form); i += 2 {
		if name, is := strings.CutPrefix(form[i], "@"); is {
			header.Set(name, form[i+1])
			continue
		}
		values.Add(form[i], form[i+1])
	}
	target := path
	if !strings.HasPrefix(path, "http") {
		target = host + path
	}
	var r *http.Request
	if method == "POST" {
		r = httptest.NewRequest(method, target, strings.NewReader(values.Encode()))
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		if len(values) > 0 {
			target += "?" + values.Encode()
		}
		r = httptest.NewRequest(method, target, nil)
	}
	r.Header = header
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r)
	return recorder
}

func (w *world) do(method, path string, form ...string) (int, object) {
	w.t.Helper()
	recorder := w.raw(method, path, form...)
	if recorder.Code == http.StatusNoContent {
		require.Empty(w.t, recorder.Body.String())
		return recorder.Code, nil
	}
	require.Equal(w.t, "application/json", recorder.Header().Get("Content-Type"))
	var body object
	require.NoError(w.t, json.Unmarshal(recorder.Body.Bytes(), &body), "%s", recorder.Body)
	return recorder.Code, body
}

// must is do for a request that is answered with this status.
func (w *world) must(status int, method, path string, form ...string) object {
	w.t.Helper()
	got, body := w.do(method, path, form...)
	require.Equal(w.t, status, got, "%s %s: %v", method, path, body)
	return body
}

// refused is do for a request that is refused, in the shape of the APIs' errors; it returns the message.
func (w *world) refused(status, code int, method, path string, form ...string) string {
	w.t.Helper()
	body := w.must(status, method, path, form...)
	require.EqualValues(w.t, status, body["status"], "%v", body)
	require.EqualValues(w.t, code, body["code"], "%v", body)
	require.NotEmpty(w.t, body["more_info"])
	require.Len(w.t, body, 4)
	return body.text("message")
}

// records are those of a page.
func (o object) records(key string) (all []object) {
	list, _ := o[key].([]any)
	for _, record := range list {
		all = append(all, record.(map[string]any))
	}
	return all
}

func (o object) meta() object { meta, _ := o["meta"].(map[string]any); return meta }

// same checks that an object has exactly these fields, whatever is in those that are anything.
func same(t testing.TB, want, got object) {
	t.Helper()
	for name, value := range want {
		require.Contains(t, got, name)
		if value != any(anything) {
			require.Equal(t, value, got[name], name)
		}
	}
	for name := range got {
		require.Contains(t, want, name)
	}
}

const anything = "\x00anything"

// walk reads a list page by page, there and back, and returns what show says of each record on the way there.
func (w *world) walk(path, key string, show func(object) string) (all []string) {
	w.t.Helper()
	var there, back []string
	for at := path; at != ""; {
		page := w.must(200, "GET", at)
		text := ""
		for _, record := range page.records(key) {
			all = append(all, show(record))
			text += show(record) + " "
		}
		there = append(there, text)
		require.Equal(w.t, key, page.meta().text("key"))
		if at = page.meta().text("next_page_url"); at != "" {
			continue
		}
		for at := page.meta().text("url"); at != ""; {
			page := w.must(200, "GET", at)
			text := ""
			for _, record := range page.records(key) {
				text += show(record) + " "
			}
			back = append([]string{text}, back...)
			at = page.meta().text("previous_page_url")
		}
		break
	}
	require.Equal(w.t, there, back, "the pages on the way back")
	return all
}
