package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the API on a registry of its own.
type world struct {
	t        testing.TB
	registry *registry.Registry
	store    *store.Store
	api      http.Handler
	log      *logged
}

type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Params{})
	require.NoError(t, err)
	r, err := registry.Open(context.Background(), registry.Params{Store: s, AuthenticatedEvery: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close(context.Background())
		require.NoError(t, s.Close())
	})
	w := &world{t: t, registry: r, store: s, log: &logged{}}
	w.api = New(Params{Registry: r, Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	return w
}

const host = "http://board.lan:8080"

// object is a JSON object of an answer.
type object map[string]any

func (o object) text(name string) string { text, _ := o[name].(string); return text }

// do sends a form, of name and value in turns, and returns the status and the body.
func (w *world) do(method, path string, form ...string) (int, object) {
	w.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	target := path
	if !strings.HasPrefix(path, "http") {
		target = host + "/DeployedDevices" + path
	}
	var r *http.Request
	if method == "POST" {
		r = httptest.NewRequest(method, target, strings.NewReader(values.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		if len(values) > 0 {
			target += "?" + values.Encode()
		}
		r = httptest.NewRequest(method, target, nil)
	}
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r)
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
	require.EqualValues(w.t, status, body["status"])
	require.EqualValues(w.t, code, body["code"])
	require.NotEmpty(w.t, body["more_info"])
	require.Len(w.t, body, 4)
	return body.text("message")
}

// records are those of a page.
func (o object) records(key string) []object {
	list, _ := o[key].([]any)
	var all []object
	for _, record := range list {
		all = append(all, record.(map[string]any))
	}
	return all
}

// sids are those of all records of a page.
func (o object) sids(key string) []string {
	all := []string{}
	for _, record := range o.records(key) {
		all = append(all, record.text("sid"))
	}
	return all
}

func certificate(t testing.TB) (text string, thumbprint string) {
	t.Helper()
	g, err := credential.GenerateP256("device", time.Now())
	require.NoError(t, err)
	return string(g.CertPEM), credential.Thumbprint(g.Cert.Raw)
}

// same checks that an object has exactly these fields, whatever is in them where want is nil.
func same(t testing.TB, want object, got object) {
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
