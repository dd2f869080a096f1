package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/metrics"
	"gatehouse/gateway/rest/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "AC0123456789abcdef0123456789abcdef"
	token   = "0123456789abcdef0123456789abcdef"
)

// serve starts a server with an API at /v1 that has /v1/things alone.
func serve(t *testing.T, change func(*Params)) *Server {
	t.Helper()
	api := &web.Table{}
	api.Handle("GET", "/v1/things", func(*web.Request) (web.Response, error) { return web.OK("things"), nil })
	api.Handle("POST", "/v1/things", func(*web.Request) (web.Response, error) { return web.Created("thing"), nil })
	p := Params{
		Addr: "127.0.0.1:0", Account: func() registry.Account { return registry.Account{SID: account, AuthToken: token} },
		APIs: map[string]http.Handler{"v1": api},
	}
	if change != nil {
		change(&p)
	}
	s, err := Listen(p)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, s.Close(ctx))
	})
	return s
}

// ask sends a request as the account unless change says otherwise.
func ask(t *testing.T, method, url string, change func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	r.SetBasicAuth(account, token)
	if change != nil {
		change(r)
	}
	answer, err := client(t).Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func client(t *testing.T) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// refused checks that an answer is an error of the APIs' shape.
func refused(t *testing.T, answer *http.Response, status, code int) {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, status, answer.StatusCode, "%s", body)
	require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
	var shape map[string]any
	require.NoError(t, json.Unmarshal(body, &shape), "%s", body)
	require.EqualValues(t, status, shape["status"])
	require.EqualValues(t, code, shape["code"])
	require.NotEmpty(t, shape["message"])
	require.Contains(t, shape["more_info"], "https://")
	require.Len(t, shape, 4)
}

func TestHealthIsToldWithoutCredentials(t *testing.T) {
	var sick, busy error
	s := serve(t, func(p *Params) {
		p.Healthy = func() error { return sick }
		p.Ready = func() error { return errors.Join(sick, busy) }
	})
	anonymous := func(r *http.Request) { r.Header.Del("Authorization") }
	get := func(path string) int { return ask(t, "GET", s.URL()+path, anonymous).StatusCode }
	require.Equal(t, 200, get("/healthz"))
	require.Equal(t, 200, get("/readyz"))
	busy = errors.New("draining")
	require.Equal(t, 200, get("/healthz"))
	require.Equal(t, 503, get("/readyz"))
	sick = errors.New("not listening")
	answer := ask(t, "GET", s.URL()+"/healthz", anonymous)
	body, _ := io.ReadAll(answer.Body)
	require.Equal(t, 503, answer.StatusCode)
	require.JSONEq(t, `{"status":"unavailable","reason":"not listening"}`, string(body))
	refused(t, ask(t, "POST", s.URL()+"/healthz", anonymous), 405, 20004)
	refused(t, ask(t, "GET", s.URL()+"/healthz/", anonymous), 401, 20003)
}

func TestEveryErrorHasTheShapeOfTheAPIs(t *testing.T) {
	s := serve(t, func(p *Params) { p.Metrics = metrics.New() })
	for _, c := range []struct {
		method, path string
		status, code int
	}{
		{"GET", "/", 404, 20404},
		{"GET", "/v2/things", 404, 20404},
		{"GET", "/v1", 404, 20404},
		{"GET", "/v1/things/", 404, 20404},
		{"GET", "/v1//things", 404, 20404},
		{"GET", "//v1/things", 404, 20404},
		{"GET", "/v1/../v1/things", 404, 20404},
		{"GET", "/V1/things", 404, 20404},
		{"GET", "/metrics/", 404, 20404},
		{"DELETE", "/v1/things", 405, 20004},
		{"PUT", "/v1/things", 405, 20004},
		{"POST", "/metrics", 405, 20004},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			answer := ask(t, c.method, s.URL()+"/", func(r *http.Request) { r.URL.Path = c.path })
			refused(t, answer, c.status, c.code)
			require.Equal(t, c.status == 405, answer.Header.Get("Allow") != "")
		})
	}
	require.Equal(t, 200, ask(t, "GET", s.URL()+"/v1/things", nil).StatusCode)
}

func TestOnlyOwnHostsAreAnswered(t *testing.T) {
	s := serve(t, func(p *Params) {
		p.Hosts = func() []string { return []string{"board.lan", "192.0.2.7", "2001:db8::1"} }
	})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:1": 200, "LOCALHOST": 200, "localhost.": 200, "127.0.0.1": 200, "127.9.9.9:80": 200, "[::1]:1": 200, "[::1]": 200,
		"board.lan": 200, "Board.Lan:8080": 200, "board.lan.": 200, "192.0.2.7:99": 200, "[2001:db8::1]:8080": 200, "[2001:db8:0::1]": 200,
		"evil.example": 421, "localhost.evil.example": 421, "192.0.2.8": 421, "evil.example:8080": 421, "[2001:db8::2]": 421, "localhost@evil.example": 421,
	} {
		for _, path := range []string{"/v1/things", "/healthz"} {
			answer := ask(t, "GET", s.URL()+path, func(r *http.Request) { r.Host = host })
			if want != 200 && answer.StatusCode == 400 {
				continue // net/http itself takes it for no host
			}
			require.Equal(t, want, answer.StatusCode, "%s for %q", path, host)
			if want == 421 {
				refused(t, answer, 421, 20421)
			}
		}
	}
}

func TestPagesOfOtherOriginsMayNotChangeAnything(t *testing.T) {
	s := serve(t, nil)
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
	} {
		refused(t, ask(t, "POST", s.URL()+"/v1/things", change), 403, 20403)
	}
	for _, change := range []func(*http.Request){
		nil,
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") },
		func(r *http.Request) { r.Header.Set("Origin", s.URL()) },
	} {
		require.Equal(t, 201, ask(t, "POST", s.URL()+"/v1/things", change).StatusCode)
	}
}

func TestListenNamesWhatIsWrongWithItsAddress(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "8080", "192.0.2.1:0", "127.0.0.1:99999"} {
		s, err := Listen(Params{Addr: addr})
		if err == nil {
			_ = s.Close(t.Context())
		}
		require.ErrorContains(t, err, addr)
	}
}

func TestClosingTellsThoseWhoWait(t *testing.T) {
	began := make(chan struct{})
	api := &web.Table{}
	api.Handle("GET", "/slow", func(r *web.Request) (web.Response, error) {
		close(began)
		select {
		case <-r.Closing():
			return web.OK("closing"), nil
		case <-time.After(10 * time.Second):
			return web.OK("late"), nil
		}
	})
	s, err := Listen(Params{
		Addr: "127.0.0.1:0", Account: func() registry.Account { return registry.Account{SID: account, AuthToken: token} },
		APIs: map[string]http.Handler{"slow": api},
	})
	require.NoError(t, err)
	answered := make(chan string, 1)
	go func() {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"/slow", nil)
		r.SetBasicAuth(account, token)
		answer, err := client(t).Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		answered <- strings.TrimSpace(string(body))
	}()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, s.Close(ctx))
	require.Equal(t, `"closing"`, <-answered)
}

func TestMetricsAreBehindTheAccount(t *testing.T) {
	m := metrics.New()
	m.Traffic(func() metrics.Traffic { return metrics.Traffic{Connected: 3, Outbox: 7, OutboxBytes: 700} })
	s := serve(t, func(p *Params) { p.Metrics = m })
	refused(t, ask(t, "GET", s.URL()+"/metrics", func(r *http.Request) { r.Header.Del("Authorization") }), 401, 20003)
	require.Equal(t, 200, ask(t, "GET", s.URL()+"/v1/things", nil).StatusCode)
	require.Equal(t, 404, ask(t, "GET", s.URL()+"/v1/"+strings.Repeat("x", 300), nil).StatusCode)
	answer := ask(t, "GET", s.URL()+"/metrics", nil)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, 200, answer.StatusCode)
	for _, line := range []string{
		`gatehouse_sessions_connected 3`, `gatehouse_outbox_messages 7`, `gatehouse_outbox_bytes 700`,
		`gatehouse_http_requests_total{route="/v1/things",status="200"} 1`,
		`gatehouse_http_requests_total{route="none",status="401"} 1`,
		`gatehouse_http_requests_total{route="none",status="404"} 1`,
	} {
		require.Contains(t, string(body), line+"\n")
	}
	require.NotContains(t, string(body), token)
	require.NotContains(t, string(body), account)
}
