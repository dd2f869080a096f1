package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Error is an error that the gateway answered.
type Error struct {
	Status  int    // HTTP status
	Code    int    // of the API: 20404, 54103, …; 0 when the answer was not in the APIs' form
	Message string // in the gateway's words, one line
}

func (e *Error) Error() string {
	switch {
	case e.Code == 0:
		return fmt.Sprintf("this is not how a gateway answers: HTTP %d, %s; check the address, and whether it begins with http or https", e.Status, http.StatusText(e.Status))
	case e.Message == "":
		return fmt.Sprintf("%s (%d)", http.StatusText(e.Status), e.Code)
	}
	return fmt.Sprintf("%s (%d)", e.Message, e.Code)
}

// Errors that callers decide by; [Error] is one of these by its status.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict") // it exists already, or its revision is another one
	ErrAccess   = errors.New("access refused")
)

// Is tells by the status which of the package's errors it is.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusNotFound:
		return target == ErrNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return target == ErrConflict
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == ErrAccess
	}
	return false
}

// refusal makes an error of an answer that is not a success.
func refusal(status int, body []byte) error {
	var answered struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &answered); err != nil {
		answered.Code, answered.Message = 0, "" // whatever it is, it is not for people
	}
	e := &Error{Status: status, Code: answered.Code, Message: strings.TrimRight(oneLine(answered.Message), ". ")}
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf("the gateway does not accept this account and token; see Settings, HTTP API, for those that hold: %w", e)
	case http.StatusMisdirectedRequest:
		return fmt.Errorf("the gateway does not answer under this name; use one of its own names or its address: %w", e)
	case http.StatusTooManyRequests:
		return fmt.Errorf("the gateway limits the rate of this; try again in a moment: %w", e)
	}
	return e
}

// oneLine is a text of bounded length without line ends and other control characters.
func oneLine(s string) string {
	const most = 500
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }), " ")
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return s
}

// NotRunningError says that no gateway answers where one was looked for.
type NotRunningError struct {
	DataDir string // that has no running gateway; empty when URL was named
	URL     string
	Err     error // may be nil
}

func (e *NotRunningError) Error() string {
	if e.DataDir != "" {
		return fmt.Sprintf("no gateway is running on the data folder %s; start one with: gatehouse serve, or name the folder with --data", e.DataDir)
	}
	why := ""
	if e.Err != nil {
		why = " (" + e.Err.Error() + ")"
	}
	return fmt.Sprintf("no gateway answers at %s%s; start one with: gatehouse serve, or name another with --http", e.URL, why)
}

func (e *NotRunningError) Unwrap() error { return e.Err }

// ErrUnanswered means that a request was sent and no answer came: what was asked may have been done or not.
var ErrUnanswered = errors.New("no answer")

// unreachable says why a request got no answer.
func (c *Client) unreachable(err error) error {
	var (
		untrusted *tls.CertificateVerificationError
		op        *net.OpError
		lookup    *net.DNSError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &untrusted):
		return fmt.Errorf("the certificate of %s is not trusted: %w; name the gateway's root.pem with --root", c.base.Host, untrusted.Err)
	case errors.As(err, &op) && op.Op == "dial", errors.As(err, &lookup):
		return &NotRunningError{DataDir: c.params.DataDir, URL: c.params.URL, Err: root(err)}
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s does not answer as a gateway does: it speaks no https; check the address, and whether it begins with http or https", c.base.Host)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w from the gateway at %s within %v; see whether it is busy", ErrUnanswered, c.base.Host, c.params.Timeout)
	}
	return fmt.Errorf("%w from the gateway at %s, which broke off (%w); see whether it still runs", ErrUnanswered, c.base.Host, root(err))
}

// root is the innermost cause, without the addresses and the URL that surround it.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
