package client

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	account = "AC00000000000000000000000000000001"
	token   = "0123456789abcdef0123456789abcdef"
	thing   = "TH00000000000000000000000000000001"
)

// answering is a client of a server that answers as told.
func answering(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return dial(t, Params{URL: server.URL, AccountSID: account, AuthToken: token})
}

func dial(t *testing.T, p Params) *Client {
	t.Helper()
	c, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestARequestIsAuthenticatedFormEncodedAndNamesTheRevision(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != account || password != token {
			t.Error("account or token is wrong")
		}
		if r.Method != "POST" || r.URL.EscapedPath() != "/v1/Services/default/Documents/a%2Fb%20c" || r.Header.Get("If-Match") != "1f" {
			t.Errorf("%s %s, If-Match %q", r.Method, r.URL.EscapedPath(), r.Header.Get("If-Match"))
		}
		if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.PostFormValue("Data") != `{"a":"ü&="}` {
			t.Errorf("%s: %q", r.Header.Get("Content-Type"), r.PostFormValue("Data"))
		}
		fmt.Fprint(w, `{"sid":"ET1","revision":"20","data":{"n":1.10,"big":123456789012345678901}}`)
	})
	o, err := c.UpdateDocument(t.Context(), "default", "a/b c", url.Values{"Data": {`{"a":"ü&="}`}}, "1f")
	if err != nil || o.Revision != "20" || string(o.Data) != `{"n":1.10,"big":123456789012345678901}` {
		t.Errorf("%+v %v", o, err)
	}
}

func TestNamesThatLookLikeStepsOfAPathStayNames(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"sid":%q}`, r.URL.EscapedPath())
	})
	for name, want := range map[string]string{".": "/DeployedDevices/Fleets/%2E", "..": "/DeployedDevices/Fleets/%2E%2E", "a?b#c": "/DeployedDevices/Fleets/a%3Fb%23c"} {
		if f, err := c.Fleet(t.Context(), name); err != nil || f.SID != want {
			t.Errorf("%s: %q %v", name, f.SID, err)
		}
	}
}

func TestErrorsOfTheGatewayAreOneLineThatCallersCanDecideBy(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		is     error
		says   string
	}{
		{404, `{"code":20404,"message":"The resource was\nnot found.","status":404}`, ErrNotFound, "The resource was not found (20404)"},
		{409, `{"code":20409,"message":"taken"}`, ErrConflict, "taken (20409)"},
		{412, `{"code":54103,"message":"The revision differs"}`, ErrConflict, "(54103)"},
		{401, `{"code":20003,"message":"Authenticate"}`, ErrAccess, "does not accept this account and token"},
		{421, `{"code":20421,"message":"not here"}`, nil, "does not answer under this name"},
		{429, `{"code":54009,"message":"slow down"}`, nil, "try again in a moment"},
		{503, `{"code":20503,"message":""}`, nil, "Service Unavailable (20503)"},
		{500, `<html>what a page`, nil, "not how a gateway answers: HTTP 500, Internal Server Error; check the address"},
		{302, ``, nil, "HTTP 302, Found"},
	} {
		client := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		_, err := client.Device(t.Context(), "default", "lamp")
		var answered *Error
		if !errors.As(err, &answered) || answered.Status != c.status {
			t.Errorf("%d: %v", c.status, err)
			continue
		}
		for _, one := range []error{ErrNotFound, ErrConflict, ErrAccess} {
			if errors.Is(err, one) != (one == c.is) {
				t.Errorf("%d: is %v: %v", c.status, one, errors.Is(err, one))
			}
		}
		if text := err.Error(); !strings.Contains(text, c.says) || strings.ContainsAny(text, "\n\r") || strings.Contains(text, token) {
			t.Errorf("%d: %q lacks %q", c.status, text, c.says)
		}
	}
}

func TestWhatIsNoGatewayIsSaidToBeNone(t *testing.T) {
	for _, body := range []string{"", "hello", `{"no":"sid"}`, `[]`} {
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		if d, err := c.Device(t.Context(), "default", "lamp"); err == nil || !strings.Contains(err.Error(), "does not answer as a gateway does") {
			t.Errorf("%q: %+v, %v", body, d, err)
		}
		for _, err := range c.Fleets(t.Context()) {
			if err == nil || !strings.Contains(err.Error(), "does not answer as a gateway does") {
				t.Errorf("%q: %v", body, err)
			}
		}
	}
}

// pages serves so many devices, in pages of the size that was asked for, with links to an unreachable host.
func pages(devices int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var size, page int
		_, _ = fmt.Sscan(r.FormValue("PageSize"), &size)
		_, _ = fmt.Sscan(r.FormValue("Page"), &page)
		var records []string
		for i := page * size; i < min(devices, (page+1)*size); i++ {
			records = append(records, fmt.Sprintf(`{"sid":"TH%032x","unique_name":%q}`, i, r.FormValue("DeploymentSid")))
		}
		next := "null"
		if (page+1)*size < devices {
			next = fmt.Sprintf(`"http://192.0.2.1:9%s?PageSize=%d&Page=%d&DeploymentSid=%s"`, r.URL.EscapedPath(), size, page+1, r.FormValue("DeploymentSid"))
		}
		fmt.Fprintf(w, `{"devices":[%s],"meta":{"next_page_url":%s}}`, strings.Join(records, ","), next)
	}
}

func TestAGatewayWithoutHTTPSIsSaidToBeOne(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	c := dial(t, Params{URL: "https" + strings.TrimPrefix(server.URL, "http"), AccountSID: account, AuthToken: token})
	_, err := c.Device(t.Context(), "default", "lamp")
	if err == nil || errors.Is(err, ErrUnanswered) || !strings.Contains(err.Error(), "begins with http or https") {
		t.Errorf("%v", err)
	}
}

func TestAllPagesAreReadFromTheGatewayThatWasNamed(t *testing.T) {
	for _, n := range []int{0, 1, 100, 101, 250} {
		c := answering(t, pages(n))
		seen := 0
		for d, err := range c.Devices(t.Context(), "default", "DL1") {
			if err != nil {
				t.Fatal(err)
			}
			if d.SID != fmt.Sprintf("TH%032x", seen) || d.UniqueName != "DL1" {
				t.Errorf("device %d is %s of %s", seen, d.SID, d.UniqueName)
			}
			seen++
		}
		if seen != n {
			t.Errorf("%d of %d devices", seen, n)
		}
	}
}

func TestReadingEndsWithTheFirstPageThatSuffices(t *testing.T) {
	var asked atomic.Int32
	c := answering(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); pages(1000)(w, r) })
	for range c.Devices(t.Context(), "default", "") {
		break
	}
	if asked.Load() != 1 {
		t.Errorf("%d pages were asked for", asked.Load())
	}
}

func TestASecretOrTokenIsNotPrinted(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"sid":"KY1","secret":"very-secret"}`) })
	k, err := c.CreateKey(t.Context(), Device{SID: thing, FleetSID: "FL1"}, "")
	if err != nil || k.Secret != "very-secret" || !strings.Contains(string(k.JSON), "very-secret") {
		t.Fatal("the key lacks its secret")
	}
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v %s", k, k, k.LogValue()), fmt.Sprintf("%v %+v %#v", c.Gateway(), c.Gateway(), c.Gateway()), fmt.Sprintf("%v %+v %#v", c, c, c), c.Gateway().LogValue().String()} {
		if strings.Contains(text, "very-secret") || strings.Contains(text, token) {
			t.Error(text)
		}
	}
}

func TestTheTokenGoesUnencryptedToThisMachineOnly(t *testing.T) {
	for url, good := range map[string]bool{
		"http://127.0.0.1:1": true, "http://localhost:1/": true, "http://[::1]:1": true, "https://gateway.example": true,
		"http://gateway.example": false, "http://192.0.2.1:8080": false, "ftp://127.0.0.1": false, "127.0.0.1:8080": false, "": false,
		"http://127.0.0.1:1/v1": false, "http://me:pass@127.0.0.1:1": false,
	} {
		_, err := New(Params{URL: url, AccountSID: account, AuthToken: token})
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestHTTPSIsTrustedByTheRootFileAlone(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"sid":"FL1"}`) }))
	defer server.Close()
	server.Config.ErrorLog = nil
	p := Params{URL: server.URL, AccountSID: account, AuthToken: token}
	if _, err := dial(t, p).Fleet(t.Context(), "default"); err == nil || !strings.Contains(err.Error(), "--root") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without a root: %v", err)
	}
	p.RootFile = filepath.Join(t.TempDir(), "root.pem")
	if _, err := New(p); err == nil || !strings.Contains(err.Error(), "--root") {
		t.Errorf("a root that is not there: %v", err)
	}
	if err := os.WriteFile(p.RootFile, []byte("no pem"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(p); err == nil || !strings.Contains(err.Error(), p.RootFile) {
		t.Errorf("a root that is none: %v", err)
	}
	if err := os.WriteFile(p.RootFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := dial(t, p).Fleet(t.Context(), "default"); err != nil || f.SID != "FL1" {
		t.Errorf("%+v %v", f, err)
	}
}

func TestNobodyListeningIsNoGateway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	_ = l.Close()
	var none *NotRunningError
	if _, err := dial(t, Params{URL: url}).Fleet(t.Context(), "default"); !errors.As(err, &none) || !strings.Contains(err.Error(), url) {
		t.Error(err)
	}
	_, err = dial(t, Params{URL: url, DataDir: "/data"}).Fleet(t.Context(), "default")
	if !errors.As(err, &none) || !strings.Contains(err.Error(), "data folder /data") || !strings.Contains(err.Error(), "gatehouse serve") {
		t.Error(err)
	}
}

func TestAnAnswerThatNeverComesLeavesItOpenWhatWasDone(t *testing.T) {
	gone := answering(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := gone.CreateDevice(t.Context(), "default", nil); !errors.Is(err, ErrUnanswered) || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	slow := answering(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	slow.params.Timeout = 20 * time.Millisecond
	if _, err := slow.Fleet(t.Context(), "default"); !errors.Is(err, ErrUnanswered) || !strings.Contains(err.Error(), "no answer from the gateway at 127.0.0.1") || !strings.Contains(err.Error(), "within 20ms") {
		t.Error(err)
	}
}

func TestALongPollMayTakeItsTime(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("after") != "7" || r.FormValue("wait") != "1" || r.FormValue("object") != "ET1" {
			t.Error(r.URL)
		}
		time.Sleep(30 * time.Millisecond) // longer than a request may take that does not wait
		fmt.Fprint(w, `{"changes":[{"action":"item_updated","index":3,"data":[1.0]}],"after":8}`)
	})
	c.params.Timeout = 10 * time.Millisecond
	got, err := c.Changes(t.Context(), "default", "ET1", new(uint64(7)), time.Second)
	if err != nil || got.After != 8 || len(got.Changes) != 1 || got.Changes[0].Item() != "3" || string(got.Changes[0].Data) != `[1.0]` {
		t.Errorf("%+v %v", got, err)
	}
}
