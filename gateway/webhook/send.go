package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // what the vendor's receivers verify
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// outcome of one request.
type outcome int

const (
	accepted    outcome = iota // answered 2xx
	refused                    // answered anything else
	unreachable                // not answered, or "not now" (429, 503)
)

type result struct {
	outcome    outcome
	status     int // 0: there was no answer
	why        string
	retryAfter time.Duration // asked for by the receiver
}

// Bounds of an answer, which nobody reads.
const (
	maxAnswer  = 64 << 10
	maxHeaders = 64 << 10
)

// newClient makes requests to receivers. It follows no redirect, since the address that was checked and configured is the
// one to call, and uses no proxy, since the address that is dialled would be the proxy's.
func newClient(s Settings, config *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: s.Timeout, Control: refuseAddress}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       s.Timeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        config.Clone(),
			TLSHandshakeTimeout:    s.Timeout,
			MaxIdleConns:           s.Workers,
			MaxIdleConnsPerHost:    s.PerService,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxHeaders,
			DisableCompression:     true,
		},
	}
}

// ErrRefusedAddress is the cause when a receiver's name leads to an address that webhooks are never sent to.
var ErrRefusedAddress = errors.New("webhooks are not sent to link-local or multicast addresses")

// nat64 is the prefix under which an IPv4 address is reached through a translator (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// refuseAddress sees the address that is dialled, after all names are resolved, so that no name can lead elsewhere.
func refuseAddress(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	ip := to.Addr().Unmap().WithZone("")
	if nat64.Contains(ip) {
		bytes := ip.As16()
		ip = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return fmt.Errorf("%s: %w", ip, ErrRefusedAddress)
	}
	return nil
}

// send posts an event once and waits for the answer.
func (w *Webhooks) send(ctx context.Context, address string, e *record) result {
	account := w.params.Registry.Account()
	form := e.parameters(account.SID)
	ctx, cancel := context.WithTimeout(ctx, w.settings.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return result{outcome: unreachable, why: "the WebhookUrl cannot be called"} // the error would quote it
	}
	if scheme := request.URL.Scheme; scheme != "http" && scheme != "https" {
		return result{outcome: unreachable, why: "the WebhookUrl is neither http nor https"}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	request.Header.Set("User-Agent", "Gatehouse")
	request.Header.Set("X-Twilio-Signature", signature(account.AuthToken, request.URL, form))
	request.Header.Set("I-Twilio-Idempotency-Token", e.ID)
	answer, err := w.client.Do(request)
	if err != nil {
		return result{outcome: unreachable, why: withoutURL(err)}
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // so that the connection can be used again
	return judge(answer, w.params.Now())
}

// judge says what an answer means.
func judge(answer *http.Response, now time.Time) result {
	r := result{outcome: refused, status: answer.StatusCode, why: answer.Status}
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		r.outcome = accepted
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		r.why += " (redirects are not followed)"
	case answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode == http.StatusServiceUnavailable:
		r.outcome = unreachable
		r.retryAfter = retryAfter(answer.Header.Get("Retry-After"), now)
	}
	return r
}

// retryAfter reads the header of this name: seconds, or a date (RFC 9110, section 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 24); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// withoutURL is an error of a request less the address, which may hold a secret.
func withoutURL(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		if e.Timeout() {
			return "no answer in time"
		}
		err = e.Err
	}
	return err.Error()
}

// signature is what the vendor's helper libraries verify: HMAC-SHA1, keyed with the account's token, of the address as the
// receiver sees it, followed by each parameter's name and value in the order of the names.
func signature(token string, address *url.URL, form url.Values) string {
	seen := *address
	seen.User, seen.Fragment, seen.RawFragment = nil, "", ""
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, seen.String())
	for _, name := range slices.Sorted(maps.Keys(form)) {
		_, _ = io.WriteString(mac, name+form.Get(name))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
