package commands

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/app/client"
	"gatehouse/gateway"
)

// flawed is a gateway that is reached through a proxy, which has requests fail.
type flawed struct {
	*gateway.Gateway
	url string
	// fail answers a request itself and reports so, or leaves it to the gateway.
	fail func(w http.ResponseWriter, r *http.Request) bool
}

func newFlawed(t *testing.T) *flawed {
	t.Helper()
	g, err := startGateway(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	target, err := url.Parse(g.Status().HTTPURL)
	if err != nil {
		t.Fatal(err)
	}
	f := &flawed{Gateway: g}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.fail == nil || !f.fail(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	account := g.Registry().Account()
	t.Setenv(client.AccountVariable, account.SID)
	t.Setenv(client.TokenVariable, account.AuthToken)
	return f
}

func (f *flawed) run(args ...string) (code int, out, errs string) {
	code, out, errs, _ = run(append(args, "--http", f.url)...)
	return code, out, errs
}

// refuse answers 503 to requests of these methods and path ends: "POST /Keys".
func refuse(which ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		for _, one := range which {
			method, end, _ := strings.Cut(one, " ")
			if r.Method == method && strings.Contains(r.URL.Path, end) {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = io.WriteString(w, `{"code":20503,"message":"The gateway cannot store anything at the moment; try again later","status":503}`)
				return true
			}
		}
		return false
	}
}

// drop lets the gateway do what is asked, and has its answer lost on the way.
func drop(g *flawed, method, end string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.HasSuffix(r.URL.Path, end) {
			return false
		}
		asked, _ := http.NewRequestWithContext(r.Context(), r.Method, g.Status().HTTPURL+r.URL.Path, r.Body)
		asked.Header = r.Header
		if answer, err := http.DefaultClient.Do(asked); err == nil {
			_ = answer.Body.Close()
		}
		panic(http.ErrAbortHandler)
	}
}

func TestADeviceThatDoesNotGetItsCredentialIsRemovedAgain(t *testing.T) {
	f := newFlawed(t)
	keys := filepath.Join(t.TempDir(), "keys")
	for _, args := range [][]string{{"--key"}, {"--generate-cert", keys}} {
		f.fail = refuse("POST /Keys", "POST /Certificates")
		code, out, errs := f.run(append([]string{"device", "add", "lamp"}, args...)...)
		if code != ExitFailure || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: code %d, out %q, err %q", args, code, out, errs)
		}
		if !strings.Contains(errs, "cannot store anything") || !strings.Contains(errs, "the device was removed again, and nothing is left of it") {
			t.Errorf("%v: %q", args, errs)
		}
		if devices := f.Registry().Devices(); len(devices) != 0 {
			t.Errorf("%v: %v is left", args, devices)
		}
		if left, _ := os.ReadDir(keys); len(left) != 0 {
			t.Errorf("%v: %v is left", args, left)
		}
	}
	f.fail = nil
	if code, _, errs := f.run("device", "add", "lamp", "--generate-cert", keys); code != ExitOK {
		t.Errorf("it cannot be called again: %s", errs)
	}
}

func TestWhatCannotBeUndoneIsNamed(t *testing.T) {
	f := newFlawed(t)
	keys := t.TempDir()
	f.fail = refuse("POST /Certificates", "DELETE /Devices")
	code, _, errs := f.run("device", "add", "lamp", "--generate-cert", keys)
	devices := f.Registry().Devices()
	if code != ExitFailure || len(devices) != 1 || strings.Count(errs, "\n") != 1 {
		t.Fatalf("code %d, %v, %q", code, devices, errs)
	}
	for _, want := range []string{
		"device lamp exists and may lack its credential", filepath.Join(keys, "lamp.key.pem"), "gatehouse device rm " + devices[0].SID,
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q lacks %q", errs, want)
		}
	}
	if _, err := os.Stat(filepath.Join(keys, "lamp.key.pem")); err != nil {
		t.Error(err)
	}
}

func TestALostAnswerLeavesNothingBehind(t *testing.T) {
	f := newFlawed(t)
	f.fail = drop(f, "POST", "/Keys")
	if code, _, errs := f.run("device", "add", "lamp", "--key"); code != ExitFailure || !strings.Contains(errs, "removed again") {
		t.Errorf("code %d, %q", code, errs)
	}
	if devices, keys := f.Registry().Devices(), f.Registry().AllKeys(); len(devices)+len(keys) != 0 {
		t.Errorf("%v %v", devices, keys)
	}
	f.fail = drop(f, "POST", "/Devices")
	if code, _, errs := f.run("device", "add", "lamp", "--key"); code != ExitFailure || !strings.Contains(errs, "may have been added without a credential") {
		t.Errorf("code %d, %q", code, errs)
	}
	// A certificate for a device that was there before: it may be enrolled, so that its private key must stay.
	f.fail = drop(f, "POST", "/Certificates")
	keys := t.TempDir()
	code, _, errs := f.run("cert", "add", "lamp", "--generate-cert", keys)
	if code != ExitFailure || !strings.Contains(errs, "it may have been made nevertheless") || !strings.Contains(errs, filepath.Join(keys, "lamp.key.pem")) {
		t.Errorf("code %d, %q", code, errs)
	}
	if _, err := os.Stat(filepath.Join(keys, "lamp.key.pem")); err != nil {
		t.Error(err)
	}
}

// full is standard output on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestASecretThatCannotBePrintedIsNotForgottenInSilence(t *testing.T) {
	f := newFlawed(t)
	var errs bytes.Buffer
	code := perform([]string{"device", "add", "lamp", "--key", "--http", f.url}, streams{out: full{}, err: &errs}, nil)
	keys := f.Registry().AllKeys()
	if code != ExitFailure || len(keys) != 1 || !strings.Contains(errs.String(), "gatehouse key rm "+keys[0].SID) {
		t.Errorf("code %d, %v, %q", code, keys, errs.String())
	}
}

func TestNoErrorHoldsTheTokenOrASecret(t *testing.T) {
	f := newFlawed(t)
	token := f.Registry().Account().AuthToken
	for _, fail := range []func(http.ResponseWriter, *http.Request) bool{refuse("POST /"), refuse("GET /"), drop(f, "POST", "/Keys"), drop(f, "POST", "/Devices")} {
		f.fail = fail
		for _, args := range [][]string{{"device", "add", "x", "--key"}, {"device", "list"}, {"object", "set", "docs/D", "1"}} {
			if _, _, errs := f.run(args...); strings.Contains(errs, token) || strings.Contains(errs, "Basic") {
				t.Error(errs)
			}
		}
	}
}

func TestRemovingAsksWhoeverSitsThere(t *testing.T) {
	f := newFlawed(t)
	for answer, want := range map[string]int{"n\n": 1, "": 1, "what\n": 1, "y\n": 0, " YES \n": 0} {
		if code, _, errs := f.run("device", "add", "lamp", "--key"); code != ExitOK {
			t.Fatal(errs)
		}
		var out, errs bytes.Buffer
		code := perform([]string{"device", "rm", "lamp", "--http", f.url}, streams{in: strings.NewReader(answer), out: &out, err: &errs, terminal: true}, nil)
		if left := len(f.Registry().Devices()); code != want || left != want {
			t.Errorf("%q: code %d, %d left", answer, code, left)
		}
		for _, want := range []string{"device lamp (TH", "with 1 key and 0 certificates", "discards the session", "Go on? [y/N] "} {
			if !strings.Contains(errs.String(), want) {
				t.Errorf("%q lacks %q", errs.String(), want)
			}
		}
		if code, _, errs := f.run("device", "rm", "lamp", "--yes"); want == 1 && code != ExitOK {
			t.Error(errs)
		}
	}
}

func TestAQuestionEndsWithCtrlC(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	in, open := io.Pipe() // nobody types
	defer open.Close()
	err := call{streams: streams{in: in, err: io.Discard, terminal: true}}.confirm(ctx, false, "Really?")
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestADeviceInTwoFleetsIsAskedFor(t *testing.T) {
	f := newFlawed(t)
	other, err := f.Registry().CreateFleet(t.Context(), "", "Other")
	if err != nil {
		t.Fatal(err)
	}
	for _, fleet := range []string{"default", other.SID} {
		if code, _, errs := f.run("device", "add", "lamp", "--fleet", fleet); code != ExitOK {
			t.Fatal(errs)
		}
	}
	code, _, errs := f.run("device", "show", "lamp")
	if code != ExitUsage || !strings.Contains(errs, "2 fleets have a device lamp: default, Other; say which with --fleet") {
		t.Errorf("code %d, %q", code, errs)
	}
	if code, out, errs := f.run("device", "show", "lamp", "--fleet", other.SID, "--json"); code != ExitOK || !strings.Contains(out, other.SID) {
		t.Errorf("code %d, %s", code, errs)
	}
	if _, out, _ := f.run("device", "list", "--json"); strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
	if _, out, _ := f.run("device", "list", "--fleet", "default"); strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
}

func TestNamesOfEveryKindAreReached(t *testing.T) {
	f := newFlawed(t)
	for _, name := range []string{"a/b", "two words", "Küche", "100%", "%2e%2e", "?x=1&y#z", ".", "..", "+", "it's", "-v-"} {
		for _, args := range [][]string{{"device", "add"}, {"device", "show"}, {"device", "disable"}, {"key", "list"}, {"device", "rm", "--yes"}} {
			if code, _, errs, _ := run(append(args, "--http", f.url, "--", name)...); code != ExitOK {
				t.Errorf("%v %q: code %d, %s", args, name, code, errs)
			}
		}
		if left := f.Registry().Devices(); len(left) != 0 {
			t.Fatalf("%q: %v is left", name, left)
		}
	}
}

func TestNamesCannotMoveTheCursor(t *testing.T) {
	if got := visible("a\x1b[2Jb\u202ec\nd\u0085"); got != "a·[2Jb·c·d·" {
		t.Errorf("%q", got)
	}
}
