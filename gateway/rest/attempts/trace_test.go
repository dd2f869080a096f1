package attempts

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADeviceIsTracedOverHTTP(t *testing.T) {
	w := newWorld(t)
	on, full := false, false
	api := New(Params{Attempts: w.log, Findings: w.findings, Tracing: &Tracing{
		Switch:  func(_ string, wanted bool) bool { on = wanted && !full; return !full },
		Traced:  func(string) bool { return on },
		Now:     func() time.Time { return w.now },
		Known:   func(device string) bool { return device == "TH1" },
		Session: func(string) Session { return Session{7, []Subscription{{"a/#", 1}}} },
	}})
	ask := func(method, path string) (int, trace) {
		recorder := httptest.NewRecorder()
		api.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		var got trace
		_ = json.Unmarshal(recorder.Body.Bytes(), &got)
		return recorder.Code, got
	}
	path := Base + "/Traces/TH1"
	require.True(t, Serves(path))
	for _, c := range []struct {
		method string
		traced bool
	}{{"GET", false}, {"POST", true}, {"GET", true}, {"DELETE", false}} {
		code, got := ask(c.method, path)
		require.Equal(t, 200, code, c.method)
		require.Equal(t, trace{"TH1", c.traced, w.now, 7, []Subscription{{"a/#", 1}}}, got, c.method)
	}
	full = true
	code, _ := ask("POST", path)
	require.Equal(t, 409, code)
	code, _ = ask("POST", Base+"/Traces/TH2")
	require.Equal(t, 404, code)
	code, _ = ask("PUT", path)
	require.Equal(t, 405, code)
	require.Equal(t, 404, w.get(path, nil), "a gateway that traces nothing")
}
