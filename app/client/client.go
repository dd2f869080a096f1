// Package client speaks to a running gateway over its two HTTP APIs, device management and Sync, as the vendor's helper
// libraries do: Basic auth, form-encoded requests, JSON answers, pages. It finds a gateway of this machine through the
// file that the gateway leaves in its data folder ([Find]).
//
// It knows neither the gateway's packages nor the command line, so that whatever needs a gateway in another process can
// use it without the engine. No error, and nothing that it prints, holds a token or the secret of a key.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	defaultTimeout = 30 * time.Second // of one request, when Params do not say
	maxAnswer      = 64 << 20         // bytes: a page of 1 000 documents of 16 KiB, each character escaped, fits
)

// Params say which gateway to speak to, and as whom.
type Params struct {
	URL        string // "http://127.0.0.1:8080"; required
	AccountSID string
	AuthToken  string
	RootFile   string // PEM file of the root that is to be trusted for https; empty: what this machine trusts
	// MQTTURL is where devices connect, "mqtts://localhost:8883"; empty when it is not known. The client does not use it.
	MQTTURL string
	// DataDir is the data folder in which the gateway was found; empty when it was named by its URL.
	DataDir string

	Timeout time.Duration // of one request; zero stands for 30 s
}

// String leaves the token out.
func (p Params) String() string { return "gateway at " + p.URL + " (token withheld)" }

// GoString is String: %#v must not show the token either.
func (p Params) GoString() string { return p.String() }

// LogValue is String.
func (p Params) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Client speaks to one gateway. It is safe for use by many goroutines.
type Client struct {
	params Params
	base   *url.URL
	http   *http.Client
}

// New makes a client; nothing is asked yet. It refuses to send the token over plain HTTP to another machine.
func New(p Params) (*Client, error) {
	base, err := url.Parse(p.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil || strings.Trim(base.Path, "/") != "" {
		return nil, fmt.Errorf("the gateway's address %q is not one; write http://127.0.0.1:8080, or https:// for another machine", hidden(p.URL))
	}
	if base.Scheme == "http" && !isLoopback(base.Hostname()) {
		return nil, fmt.Errorf("%s would send the account's token unencrypted to another machine; write https:// instead", base.Redacted())
	}
	transport := &http.Transport{Proxy: proxy(base), ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
	if p.RootFile != "" && base.Scheme == "https" {
		if transport.TLSClientConfig, err = trusting(p.RootFile); err != nil {
			return nil, err
		}
	}
	if p.Timeout <= 0 {
		p.Timeout = defaultTimeout
	}
	return &Client{params: p, base: &url.URL{Scheme: base.Scheme, Host: base.Host}, http: &http.Client{Transport: transport, CheckRedirect: stay}}, nil
}

// Gateway says which gateway this is; the token is in it.
func (c *Client) Gateway() Params { return c.params }

// String leaves the token out.
func (c *Client) String() string { return "client of the " + c.params.String() }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// Close ends the connections that are kept for further requests.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// hidden is an address without what may be a password in it.
func hidden(address string) string {
	if scheme, rest, found := strings.Cut(address, "://"); found {
		if _, host, found := strings.Cut(rest, "@"); found {
			return scheme + "://…@" + host
		}
	}
	return address
}

// proxy is that of the environment, but never between this machine and itself.
func proxy(base *url.URL) func(*http.Request) (*url.URL, error) {
	if isLoopback(base.Hostname()) {
		return nil
	}
	return http.ProxyFromEnvironment
}

func trusting(rootFile string) (*tls.Config, error) {
	pem, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, fmt.Errorf("the root certificate cannot be read: %w; name another file with --root", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no root certificate is in %s; name a PEM file with --root", rootFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// stay follows no redirect: the APIs send none, and the token must not go elsewhere.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// request is one call of an API.
type request struct {
	method  string
	path    string     // below the base address, with escaped segments
	query   url.Values // may be nil
	form    url.Values // of a POST
	ifMatch string     // revision that is expected, empty for any
	patient time.Duration
}

// segments is a path of which each part was escaped.
func segments(prefix string, parts ...string) string {
	var path strings.Builder
	path.WriteString(prefix)
	for _, part := range parts {
		path.WriteByte('/')
		switch part {
		case ".", "..": // would be taken for a step in the path
			part = strings.ReplaceAll(part, ".", "%2E")
		default:
			part = url.PathEscape(part)
		}
		path.WriteString(part)
	}
	return path.String()
}

// call sends a request and decodes the answer into what is given, nil for none.
func (c *Client) call(ctx context.Context, r request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.params.Timeout+r.patient)
	defer cancel()
	address := c.base.String() + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	return c.send(ctx, r, address, into)
}

func (c *Client) send(ctx context.Context, r request, address string, into any) error {
	asked, err := http.NewRequestWithContext(ctx, r.method, address, strings.NewReader(r.form.Encode()))
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	asked.SetBasicAuth(c.params.AccountSID, c.params.AuthToken)
	asked.Header.Set("Accept", "application/json")
	asked.Header.Set("User-Agent", "gatehouse")
	if r.method == http.MethodPost {
		asked.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.ifMatch != "" {
		asked.Header.Set("If-Match", r.ifMatch)
	}
	answer, err := c.http.Do(asked)
	if err != nil {
		return c.unreachable(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return c.unreachable(err)
	}
	switch {
	case answer.StatusCode >= 300:
		return refusal(answer.StatusCode, body)
	case len(body) > maxAnswer:
		return errors.New("the gateway's answer is too long; ask for less")
	case into == nil || answer.StatusCode == http.StatusNoContent:
		return nil
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(into); err != nil {
		return fmt.Errorf("%s does not answer as a gateway does: %w; check the address", c.base.Host, err)
	}
	return nil
}

// fetch gets one resource.
func fetch[T any](ctx context.Context, c *Client, path string) (got T, err error) {
	return got, c.call(ctx, request{method: http.MethodGet, path: path}, &got)
}

// post creates or updates one resource.
func post[T any](ctx context.Context, c *Client, path string, form url.Values, ifMatch string) (got T, err error) {
	return got, c.call(ctx, request{method: http.MethodPost, path: path, form: form, ifMatch: ifMatch}, &got)
}

func (c *Client) remove(ctx context.Context, path, ifMatch string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: path, ifMatch: ifMatch}, nil)
}
