package rest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/registry"
)

func TestOnlyTheAccountGetsIn(t *testing.T) {
	s := serve(t, nil)
	for name, change := range map[string]func(*http.Request){
		"nothing":        func(r *http.Request) { r.Header.Del("Authorization") },
		"another token":  func(r *http.Request) { r.SetBasicAuth(account, token[1:]+"0") },
		"another SID":    func(r *http.Request) { r.SetBasicAuth("AC"+account[4:]+"00", token) },
		"no token":       func(r *http.Request) { r.SetBasicAuth(account, "") },
		"nothing twice":  func(r *http.Request) { r.SetBasicAuth("", "") },
		"another scheme": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) },
		"swapped":        func(r *http.Request) { r.SetBasicAuth(token, account) },
	} {
		t.Run(name, func(t *testing.T) {
			answer := ask(t, "GET", s.URL()+"/v1/things", change)
			require.Contains(t, answer.Header.Get("WWW-Authenticate"), "Basic ")
			refused(t, answer, 401, 20003)
		})
	}
	require.Equal(t, 401, ask(t, "GET", s.URL()+"/unknown", func(r *http.Request) { r.Header.Del("Authorization") }).StatusCode, "paths are not told")
}

func TestAnAccountWithoutATokenLetsNobodyIn(t *testing.T) {
	s := serve(t, func(p *Params) { p.Account = func() registry.Account { return registry.Account{} } })
	refused(t, ask(t, "GET", s.URL()+"/v1/things", func(r *http.Request) { r.SetBasicAuth("", "") }), 401, 20003)
}

func TestARotatedTokenEndsAtOnce(t *testing.T) {
	var mu sync.Mutex
	now := token
	s := serve(t, func(p *Params) {
		p.Account = func() registry.Account {
			mu.Lock()
			defer mu.Unlock()
			return registry.Account{SID: account, AuthToken: now}
		}
	})
	require.Equal(t, 200, ask(t, "GET", s.URL()+"/v1/things", nil).StatusCode)
	mu.Lock()
	now = "fedcba9876543210fedcba9876543210"
	mu.Unlock()
	refused(t, ask(t, "GET", s.URL()+"/v1/things", nil), 401, 20003)
	require.Equal(t, 200, ask(t, "GET", s.URL()+"/v1/things", func(r *http.Request) { r.SetBasicAuth(account, now) }).StatusCode)
}

// tryOut asks a guard for admission from an address, and tells how long that took.
func tryOut(g *guard, remote, password string) (code int, took time.Duration) {
	r := httptest.NewRequestWithContext(context.Background(), "GET", "/", nil)
	r.RemoteAddr = remote
	r.SetBasicAuth(account, password)
	w := httptest.NewRecorder()
	began := time.Now()
	if g.admit(w, r) {
		return http.StatusOK, time.Since(began)
	}
	return w.Code, time.Since(began)
}

func newGuard() *guard {
	return &guard{account: func() registry.Account { return registry.Account{SID: account, AuthToken: token} }, now: time.Now}
}

func TestRepeatedFailuresOfAnAddressAreDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		for _, want := range []time.Duration{50, 100, 200, 400, 800, 1000, 1000} {
			code, took := tryOut(g, "192.0.2.1:1000", "wrong")
			require.Equal(t, 401, code)
			require.Equal(t, want*time.Millisecond, took)
		}
		_, took := tryOut(g, "192.0.2.2:1000", "wrong")
		require.Equal(t, firstDelay, took, "another address begins anew")
		_, took = tryOut(g, "[2001:db8::1]:1", "wrong")
		require.Equal(t, firstDelay, took)
		_, took = tryOut(g, "[2001:db8::2]:1", "wrong")
		require.Equal(t, 2*firstDelay, took, "the same network")
		time.Sleep(failureMemory + time.Second)
		_, took = tryOut(g, "192.0.2.1:1000", "wrong")
		require.Equal(t, firstDelay, took, "failures are forgotten")
	})
}

func TestTheRightTokenIsNeverDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		for range 20 {
			tryOut(g, "192.0.2.1:1000", "wrong")
		}
		code, took := tryOut(g, "192.0.2.1:1000", token)
		require.Equal(t, 200, code)
		require.Zero(t, took)
	})
}

func TestAFloodOfGuessesIsBoundedAndKeepsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var wg sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for i := range 2 * maxWaiting {
			wg.Go(func() {
				code, _ := tryOut(g, fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), "wrong")
				mu.Lock()
				defer mu.Unlock()
				codes[code]++
			})
		}
		synctest.Wait()
		code, took := tryOut(g, "10.0.0.1:1", token)
		require.Equal(t, 200, code)
		require.Zero(t, took)
		wg.Wait()
		require.Equal(t, map[int]int{401: maxWaiting, 429: maxWaiting}, codes)
		require.Zero(t, g.waiting)
	})
}

func TestTheMemoryOfFailuresIsBounded(t *testing.T) {
	g := newGuard()
	for i := range maxAddresses + 100 {
		g.count(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
		g.waiting = 0
	}
	require.Len(t, g.failed, maxAddresses)
}

func TestNoSecretIsLogged(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	s := serve(t, func(p *Params) {
		p.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	ask(t, "GET", s.URL()+"/v1/things", nil)
	ask(t, "GET", s.URL()+"/v1/nothing", nil)
	ask(t, "GET", s.URL()+"/v1/things", func(r *http.Request) { r.SetBasicAuth(account, token+"x") })
	mu.Lock()
	defer mu.Unlock()
	require.NotContains(t, log.String(), token)
}

type lockedWriter struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
