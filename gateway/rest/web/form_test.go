package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/sid"
)

// accepting is a table whose one handler answers a parameter X, as text.
func accepting() *Table {
	table := &Table{}
	h := func(r *Request) (Response, error) {
		text := r.Form().Text("X")
		return OK(text), r.Form().Err()
	}
	table.Handle("POST", "/", h)
	table.Handle("GET", "/", h)
	return table
}

func TestABodyMustBeAForm(t *testing.T) {
	table := accepting()
	for _, kind := range []string{
		"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8", "Application/X-WWW-Form-Urlencoded;charset=UTF-8",
	} {
		w := do(table, "POST", "/", "X=1", "Content-Type", kind)
		require.Equal(t, 200, w.Code, kind)
	}
	for _, kind := range []string{
		"", "application/json", "multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded; charset=latin-1", "nonsense/;;;",
	} {
		require.Contains(t, refused(t, do(table, "POST", "/", "X=1", "Content-Type", kind), 415, 20415), "application/x-www-form-urlencoded")
	}
	require.Contains(t, refused(t, do(table, "POST", "/", "X=1", "Content-Encoding", "gzip"), 415, 20415), `Content-Encoding is "gzip"`)
	w := do(table, "POST", "/", "", "Content-Type", "application/json")
	require.Equal(t, 200, w.Code, "no body is of no type")
	for _, body := range []string{"X=%", "X=%zz", "X=1;Y=2"} {
		refused(t, do(table, "POST", "/", body), 400, 20001)
	}
	refused(t, do(table, "GET", "/?X=%zz", ""), 400, 20001)
	require.Contains(t, refused(t, do(table, "POST", "/", "X=%FF"), 400, 20001), "Parameter X is not UTF-8")
}

func TestABodyIsBounded(t *testing.T) {
	table := accepting()
	fits := "X=" + strings.Repeat("a", MaxBody-2)
	require.Equal(t, 200, do(table, "POST", "/", fits).Code)
	refused(t, do(table, "POST", "/", fits+"a"), 413, 20413)
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(fits), strings.NewReader("a")))
	r.ContentLength = -1 // chunked
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	table.ServeHTTP(w, r)
	refused(t, w, 413, 20413)
	refused(t, do(table, "POST", "/", "X=1"+strings.Repeat("&Y=2", maxParameters)), 400, 20001)
}

func TestOfAParameterThatIsGivenTwiceTheFirstCountsAndOthersAreIgnored(t *testing.T) {
	table := accepting()
	w := do(table, "POST", "/?X=query", "Unknown=1&X=first&X=second&x=lower")
	require.Equal(t, "\"first\"\n", w.Body.String())
	w = do(table, "POST", "/?X=query", "Y=1")
	require.Equal(t, "null\n", w.Body.String(), "the query is no form")
	w = do(table, "GET", "/?Unknown=1&X=a%20b+c", "")
	require.Equal(t, "\"a b c\"\n", w.Body.String())
}

func TestGettersNameTheParameterThatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, value string
		get         func(*Form, string) any
		want        any // nil: refused
	}{
		{"Text", "x", func(f *Form, n string) any { return *f.Text(n) }, "x"},
		{"Required", "x", func(f *Form, n string) any { return f.Required(n) }, "x"},
		{"Required", "", func(f *Form, n string) any { return f.Required(n) }, nil},
		{"Bool", "true", func(f *Form, n string) any { return *f.Bool(n) }, true},
		{"Bool", "False", func(f *Form, n string) any { return *f.Bool(n) }, false},
		{"Bool", "1", func(f *Form, n string) any { return f.Bool(n) }, nil},
		{"Bool", "", func(f *Form, n string) any { return f.Bool(n) }, nil},
		{"Int", "1000", func(f *Form, n string) any { return *f.Int(n, 1000, 30000) }, 1000},
		{"Int", "30000", func(f *Form, n string) any { return *f.Int(n, 1000, 30000) }, 30000},
		{"Int", "999", func(f *Form, n string) any { return f.Int(n, 1000, 30000) }, nil},
		{"Int", "30001", func(f *Form, n string) any { return f.Int(n, 1000, 30000) }, nil},
		{"Int", "99999999999999999999", func(f *Form, n string) any { return f.Int(n, 1000, 30000) }, nil},
		{"Int", "1e3", func(f *Form, n string) any { return f.Int(n, 1000, 30000) }, nil},
		{"Int", "", func(f *Form, n string) any { return f.Int(n, 1000, 30000) }, nil},
		{"Choice", "asc", func(f *Form, n string) any { return *f.Choice(n, "asc", "desc") }, "asc"},
		{"Choice", "up", func(f *Form, n string) any { return f.Choice(n, "asc", "desc") }, nil},
		{"Sid", "TH0123456789abcdef0123456789abcdef", func(f *Form, n string) any { return *f.SID(n, sid.Device) }, "TH0123456789abcdef0123456789abcdef"},
		{"Sid", "", func(f *Form, n string) any { return *f.SID(n, sid.Device) }, ""},
		{"Sid", "TH0123456789ABCDEF0123456789abcdef", func(f *Form, n string) any { return f.SID(n, sid.Device) }, nil},
		{"Sid", "KY0123456789abcdef0123456789abcdef", func(f *Form, n string) any { return f.SID(n, sid.Device) }, nil},
	} {
		f := NewForm(url.Values{c.name: {c.value}})
		got := c.get(f, c.name)
		if c.want != nil {
			require.NoError(t, f.Err())
			require.Equal(t, c.want, got)
			continue
		}
		var refusal *Error
		require.ErrorAs(t, f.Err(), &refusal)
		require.Equal(t, 400, refusal.Status)
		require.Equal(t, 20001, refusal.Code)
		require.Contains(t, refusal.Message, "Parameter "+c.name+" ")
	}
	none := NewForm(nil)
	require.Nil(t, none.Text("X"))
	require.Nil(t, none.Bool("X"))
	require.Nil(t, none.Int("X", 0, 1))
	require.Nil(t, none.Choice("X", "a"))
	require.Nil(t, none.SID("X", sid.Device))
	require.Equal(t, "else", none.TextOr("X", "else"))
	require.False(t, none.Has("X"))
	require.NoError(t, none.Err())
	both := NewForm(url.Values{"A": {"x"}, "B": {"x"}})
	both.Bool("A")
	both.Bool("B")
	require.ErrorContains(t, both.Err(), "Parameter A", "the first is told")
}

// Whatever comes as body, query, type and path: JSON is answered, with a status that fits.
func FuzzFormParameters(f *testing.F) {
	f.Add("POST", "/things/x", "", "application/x-www-form-urlencoded", "FriendlyName=a+b&Enabled=true&Window=5000&DeviceSid=")
	f.Add("GET", "/things", "PageSize=50&Page=1&PageToken=PAeA&Order=asc", "", "")
	f.Add("POST", "/things/a%2Fb", "", "application/x-www-form-urlencoded; charset=utf-8", "X=%FF&Y=%00&%zz=1;&&=&=")
	f.Add("GET", "/things", "PageSize=-1&PageToken=PB", "", "")
	f.Add("POST", "/things/%FF", "", "multipart/form-data", "--x\r\n")
	f.Add("PUT", "/things//", "", "text/plain", "x")
	table := &Table{}
	use := func(r *Request) (Response, error) {
		form := r.Form()
		form.Text("FriendlyName")
		form.Bool("Enabled")
		form.Int("Window", 1000, 30000)
		form.SID("DeviceSid", sid.Device)
		form.Choice("Order", "asc", "desc")
		paging, err := r.Paging("Order")
		if err != nil {
			return Response{}, err
		}
		all := []string{"a", "b", "c", "d"}
		page := Select(paging, all, func(s string) string { return s })
		return OK(List(paging, r.Absolute("things"), "things", page, func(s string) any { return s })), form.Err()
	}
	table.Handle("GET", "/things", use)
	table.Handle("POST", "/things/{thing}", use)
	f.Fuzz(func(t *testing.T, method, path, query, kind, body string) {
		r := &http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: "localhost", Header: http.Header{"Content-Type": {kind}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1,
		}
		w := httptest.NewRecorder()
		table.ServeHTTP(w, r)
		if w.Code == http.StatusNoContent {
			return
		}
		if w.Code < 200 || w.Code >= 500 {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d is no JSON: %q", w.Code, w.Body)
		}
		if w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
			t.Fatalf("Content-Length %s for %d bytes", w.Header().Get("Content-Length"), w.Body.Len())
		}
	})
}
