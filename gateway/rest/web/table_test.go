package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

// do sends a request to a handler; a body is form-encoded unless header says otherwise.
func do(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	var r *http.Request
	if body == "" {
		r = httptest.NewRequest(method, target, nil)
	} else {
		r = httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// refused checks that an answer is an error of the one shape, and returns its message.
func refused(t *testing.T, w *httptest.ResponseRecorder, status, code int) string {
	t.Helper()
	require.Equal(t, status, w.Code, "%s", w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var got errorShape
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&got))
	require.Equal(t, status, got.Status)
	require.Equal(t, code, got.Code)
	require.Equal(t, fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code), got.MoreInfo)
	require.NotEmpty(t, got.Message)
	return got.Message
}

// echo answers its parameters.
func echo(names ...string) Handler {
	return func(r *Request) (Response, error) {
		got := map[string]string{}
		for _, name := range names {
			got[name] = r.Path(name)
		}
		return OK(got), nil
	}
}

func TestPathsAreComparedSegmentBySegmentAsTheyWereSent(t *testing.T) {
	table := &Table{}
	table.Handle("GET", "/v1/Maps/{map}/Items/{key}", echo("map", "key"))
	table.Handle("GET", "/v1/Maps/{map}", echo("map"))
	table.Handle("GET", "/v1/Maps/special", func(*Request) (Response, error) { return OK("special"), nil })
	for path, want := range map[string]string{
		"/v1/Maps/a":                              `{"map":"a"}`,
		"/v1/Maps/special":                        `"special"`,
		"/v1/Maps/Special":                        `{"map":"Special"}`,
		"/v1/Maps/a%20b":                          `{"map":"a b"}`,
		"/v1/Maps/a+b":                            `{"map":"a+b"}`,
		"/v1/Maps/%C3%A4":                         `{"map":"ä"}`,
		"/v1/Maps/a/Items/x%2Fy%2F":               `{"key":"x/y/","map":"a"}`,
		"/v1/Maps/a/Items/%2e%2e":                 `{"key":"..","map":"a"}`,
		"/v1/Maps/a/Items/..":                     `{"key":"..","map":"a"}`,
		"/v1/Maps/a/Items/%3Fq%23":                `{"key":"?q#","map":"a"}`,
		"/v1/M%61ps/a":                            `{"map":"a"}`,
		"/v1/Maps/" + strings.Repeat("x", 300):    `{"map":"` + strings.Repeat("x", 300) + `"}`,
		"/v1/Maps/a?b=/c":                         `{"map":"a"}`,
		"/v1/Maps/%00":                            `{"map":"\u0000"}`,
		"/v1/Maps/a/Items/" + url.PathEscape("%"): `{"key":"%","map":"a"}`,
	} {
		w := do(table, "GET", path, "")
		require.Equal(t, 200, w.Code, path)
		require.JSONEq(t, want, w.Body.String(), path)
	}
	for _, path := range []string{
		"/", "/v1", "/v1/", "/v1/Maps", "/v1/Maps/", "/v1/Maps/a/", "/v1/Maps/a/Items", "/v1/Maps/a/Items/", "/v1/Maps/a/Items/b/c",
		"/v1//Maps/a", "/v1/Maps//Items/b", "/V1/Maps/a", "/v1/maps/a", "/x/../v1/Maps/a", "/v1/Maps/%FF",
	} {
		require.Contains(t, refused(t, do(table, "GET", path, ""), 404, 20404), "was not found")
	}
}

func TestOtherMethodsAreToldWhichThereAre(t *testing.T) {
	table := &Table{}
	table.Handle("GET", "/things", echo())
	table.Handle("POST", "/things", echo())
	table.Handle("DELETE", "/things/{thing}", echo())
	for _, c := range []struct{ method, path, allow string }{
		{"PUT", "/things", "GET, HEAD, OPTIONS, POST"},
		{"PATCH", "/things", "GET, HEAD, OPTIONS, POST"},
		{"DELETE", "/things", "GET, HEAD, OPTIONS, POST"},
		{"BREW", "/things", "GET, HEAD, OPTIONS, POST"},
		{"HEAD", "/things/x", "DELETE, OPTIONS"},
		{"GET", "/things/x", "DELETE, OPTIONS"},
	} {
		w := do(table, c.method, c.path, "")
		require.Equal(t, c.allow, w.Header().Get("Allow"))
		if c.method != "HEAD" {
			refused(t, w, 405, 20004)
		}
	}
	w := do(table, "OPTIONS", "/things", "")
	require.Equal(t, 204, w.Code)
	require.Equal(t, "GET, HEAD, OPTIONS, POST", w.Header().Get("Allow"))
	require.Empty(t, w.Body)
	refused(t, do(table, "OPTIONS", "/nothing", ""), 404, 20404)
}

func TestHeadIsGetWithoutItsBody(t *testing.T) {
	table := &Table{}
	table.Handle("GET", "/things", func(*Request) (Response, error) { return OK("things").With("ETag", "0"), nil })
	server := httptest.NewServer(table)
	defer server.Close()
	answer, err := http.Head(server.URL + "/things")
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Empty(t, body)
	require.Equal(t, 200, answer.StatusCode)
	require.Equal(t, "0", answer.Header.Get("ETag"))
	require.EqualValues(t, len("\"things\"\n"), answer.ContentLength)
}

func TestAHandlerPanicsAloneAndSaysNothingOfWhy(t *testing.T) {
	var log bytes.Buffer
	table := &Table{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	table.Handle("GET", "/panic", func(*Request) (Response, error) { panic("boom") })
	table.Handle("GET", "/error", func(*Request) (Response, error) { return Response{}, errors.New("boom") })
	for _, path := range []string{"/panic", "/error"} {
		log.Reset()
		require.NotContains(t, refused(t, do(table, "GET", path, ""), 500, 20500), "boom")
		require.Contains(t, log.String(), "boom")
		require.Contains(t, log.String(), path)
	}
}

func TestErrorsOfTheRegistryAndTheStoreHaveTheirAnswers(t *testing.T) {
	table := &Table{}
	var now error
	table.Handle("GET", "/things/{thing}", func(*Request) (Response, error) { return Response{}, now })
	for _, c := range []struct {
		err          error
		status, code int
		says         string
	}{
		{&registry.InvalidError{Field: "UniqueName", Reason: "is too long"}, 400, 20001, "Parameter UniqueName is too long"},
		{&registry.ExistsError{What: "unique name", SID: "TH1"}, 409, 20409, "TH1"},
		{registry.ErrNotFound, 404, 20404, "/things/a%2Fb was not found"},
		{&credential.ImportError{Problem: credential.PrivateKey, Reason: "this is a private key", Advice: "Import the certificate."}, 400, 20001, "CertificateData"},
		{store.ErrDown, 503, 20503, "try again"},
		{store.ErrClosed, 503, 20503, "try again"},
		{Missing("Key"), 400, 20001, "Parameter Key is required"},
		{&Error{Status: 412, Code: 54103, Message: "stale"}, 412, 54103, "stale"},
	} {
		for _, err := range []error{c.err, fmt.Errorf("do: %w", c.err), errors.Join(c.err, nil)} {
			now = err
			require.Contains(t, refused(t, do(table, "GET", "/things/a%2Fb", ""), c.status, c.code), c.says)
		}
	}
}

func TestATableMayTranslateErrorsItself(t *testing.T) {
	ours := errors.New("ours")
	table := &Table{Translate: func(err error) *Error {
		if errors.Is(err, ours) {
			return &Error{Status: 404, Code: 54100, Message: "no document", Header: http.Header{"X-Why": {"ours"}}}
		}
		return nil
	}}
	now := ours
	table.Handle("GET", "/", func(*Request) (Response, error) { return Response{}, now })
	w := do(table, "GET", "/", "")
	require.Equal(t, "ours", w.Header().Get("X-Why"))
	require.Equal(t, "no document", refused(t, w, 404, 54100))
	now = store.ErrDown
	refused(t, do(table, "GET", "/", ""), 503, 20503)
}

func TestAnswersAreNotCachedNorGuessedAt(t *testing.T) {
	table := &Table{}
	table.Handle("GET", "/", func(*Request) (Response, error) { return OK(map[string]any{"data": json.RawMessage(`"<&>"`)}), nil })
	table.Handle("DELETE", "/", func(*Request) (Response, error) { return NoContent(), nil })
	w := do(table, "GET", "/", "")
	require.Equal(t, `{"data":"<&>"}`, strings.TrimSpace(w.Body.String()), "data is answered as it was sent")
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	w = do(table, "DELETE", "/", "")
	require.Equal(t, 204, w.Code)
	require.Empty(t, w.Body)
	require.Empty(t, w.Header().Get("Content-Type"))
}

func TestURLsAreAtTheHostThatTheRequestNamed(t *testing.T) {
	r := &Request{Request: httptest.NewRequest("GET", "http://board.lan:8080/x", nil)}
	require.Equal(t, "http://board.lan:8080/v1/Services/IS1", r.Absolute("v1", "Services", "IS1"))
	require.Equal(t, "http://board.lan:8080/v1/a%2Fb%20%3F%25/%2E%2E/%2E", r.Absolute("v1", "a/b ?%", "..", "."))
	r = &Request{Request: httptest.NewRequest("GET", "https://board.lan/x", nil)}
	require.Equal(t, "https://board.lan/v1", r.Absolute("v1"))
}

func TestIfMatchIsReadWithAndWithoutQuotes(t *testing.T) {
	for given, want := range map[string]string{`0`: "0", `"1f"`: "1f", `W/"2"`: "2", ` "a" `: "a", `*`: "*", `"`: `"`, ``: ""} {
		r := &Request{Request: httptest.NewRequest("GET", "/", nil)}
		r.Header.Set("If-Match", given)
		tag, named := r.IfMatch()
		require.True(t, named)
		require.Equal(t, want, tag, given)
	}
	_, named := (&Request{Request: httptest.NewRequest("GET", "/", nil)}).IfMatch()
	require.False(t, named)
}

func TestDatesHaveSecondsInUTC(t *testing.T) {
	at := time.Date(2017, 8, 14, 21, 19, 30, 999, time.FixedZone("", 7200))
	require.Equal(t, "2017-08-14T19:19:30Z", *Date(at))
	require.Nil(t, Date(time.Time{}))
	require.Nil(t, OrNull(""))
	require.Equal(t, "x", *OrNull("x"))
}

func TestWhatIsRepeatedOfARequestIsBounded(t *testing.T) {
	table := &Table{}
	table.Handle("GET", "/things/{thing}", func(r *Request) (Response, error) { return Response{}, r.NotFound() })
	require.Less(t, len(refused(t, do(table, "GET", "/things/"+strings.Repeat("x", 5000), ""), 404, 20404)), 300)
	require.Less(t, len(refused(t, do(table, strings.Repeat("X", 5000), "/things/x", ""), 405, 20004)), 300)
	require.Contains(t, refused(t, do(table, "GET", "/things/a%2Fb", ""), 404, 20404), "/things/a%2Fb")
}

func TestWithoutAServerNothingClosesAndPatienceIsNoError(t *testing.T) {
	table := &Table{}
	table.Handle("POST", "/things", func(r *Request) (Response, error) {
		r.Patient(time.Minute)
		select {
		case <-r.Closing():
			return Response{}, errors.New("closing")
		default:
			return Created(r.Form().TextOr("X", "none")), nil
		}
	})
	require.Equal(t, 201, do(table, "POST", "/things", "X=1").Code)
	(&Request{Request: httptest.NewRequest("GET", "/", nil)}).Patient(time.Minute)
}

func TestAnAnswerThatCannotBeEncodedIsAFault(t *testing.T) {
	table := &Table{}
	table.Handle("GET", "/", func(*Request) (Response, error) { return OK(map[string]any{"data": json.RawMessage("{")}), nil })
	refused(t, do(table, "GET", "/", ""), 500, 20500)
}

func TestAClientThatHasGoneIsNoFault(t *testing.T) {
	var log bytes.Buffer
	table := &Table{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	table.Handle("GET", "/", func(r *Request) (Response, error) { return Response{}, r.Context().Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	table.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	require.Empty(t, log.String())
	require.Equal(t, 500, w.Code)
}
