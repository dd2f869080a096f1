package rest

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func serve(t *testing.T, healthy func() error) *Server {
	t.Helper()
	s, err := Listen(Params{Addr: "127.0.0.1:0", Healthy: healthy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return s
}

func status(t *testing.T, method, url, host string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: %s", method, url, answer.Header.Get("Content-Type"))
	}
	return answer.StatusCode
}

func TestHealthzTellsWhetherDevicesCanBeServed(t *testing.T) {
	var sick error
	s := serve(t, func() error { return sick })
	if got := status(t, "GET", s.URL()+"/healthz", ""); got != 200 {
		t.Error(got)
	}
	sick = errors.New("not listening")
	if got := status(t, "GET", s.URL()+"/healthz", ""); got != 503 {
		t.Error(got)
	}
}

func TestOtherPathsMethodsAndHostsAreRefused(t *testing.T) {
	s := serve(t, func() error { return nil })
	for _, c := range []struct {
		method, path, host string
		want               int
	}{
		{"GET", "/", "", 404},
		{"GET", "/v1/Services", "", 404},
		{"POST", "/healthz", "", 405},
		{"GET", "/healthz", "evil.example", 421},
		{"GET", "/healthz", "localhost:1", 200},
		{"GET", "/healthz", "[::1]:1", 200},
	} {
		if got := status(t, c.method, s.URL()+c.path, c.host); got != c.want {
			t.Errorf("%s %s for %q: %d, want %d", c.method, c.path, c.host, got, c.want)
		}
	}
}

func TestListenRefusesOtherMachines(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "8080", "192.0.2.1:0"} {
		s, err := Listen(Params{Addr: addr, Healthy: func() error { return nil }})
		if err == nil {
			_ = s.Close(t.Context())
			t.Errorf("%s is accepted", addr)
		} else if !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v does not name it", addr, err)
		}
	}
}
