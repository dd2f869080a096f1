package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Request is one request that a [Table] has found a handler for.
type Request struct {
	*http.Request
	path  map[string]string
	form  *Form
	extra func(time.Duration)
}

// Path is a parameter of the path, decoded: for the pattern "/Fleets/{fleet}" and the path "/Fleets/a%2Fb" Path("fleet") is
// "a/b". It is never empty and always UTF-8.
func (r *Request) Path(name string) string { return r.path[name] }

// Form holds the parameters of the body of a POST, and those of the query of everything else. Every call returns the same
// one, so that Err tells of all getters.
func (r *Request) Form() *Form { return r.form }

// NotFound is the 404 for this request's path.
func (r *Request) NotFound() *Error { return NotFound(r.Request.URL.EscapedPath()) }

// Absolute is the URL of a path at the host that this request named, http or https as it came. The segments are
// percent-encoded one by one.
func (r *Request) Absolute(segments ...string) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	var b strings.Builder
	b.WriteString(scheme + "://" + r.Host)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(escapeSegment(s))
	}
	return b.String()
}

// escapeSegment is url.PathEscape, with the two segments escaped as well that clients would resolve.
func escapeSegment(s string) string {
	switch s {
	case ".":
		return "%2E"
	case "..":
		return "%2E%2E"
	}
	return url.PathEscape(s)
}

// IfMatch is the entity tag that the request expects, without quotes and the mark of weak tags, and whether it named one.
// Which tags are well formed is for the API to say.
func (r *Request) IfMatch() (tag string, named bool) {
	values := r.Header.Values("If-Match")
	if len(values) == 0 {
		return "", false
	}
	tag = strings.TrimPrefix(strings.TrimSpace(strings.Join(values, ",")), "W/")
	if len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		tag = tag[1 : len(tag)-1]
	}
	return tag, true
}

// Patient lets the answer take this much longer than answers usually may, for handlers that wait for something to happen.
// They stop waiting at [Request.Closing] and when the request's context ends.
func (r *Request) Patient(d time.Duration) {
	if r.extra != nil {
		r.extra(d)
	}
}

type closingKey struct{}

// WithClosing makes a channel the one that [Request.Closing] returns.
func WithClosing(ctx context.Context, closing <-chan struct{}) context.Context {
	return context.WithValue(ctx, closingKey{}, closing)
}

// Closing is closed when the server is about to end; nil, which is never, when there is no server.
func (r *Request) Closing() <-chan struct{} {
	closing, _ := r.Context().Value(closingKey{}).(<-chan struct{})
	return closing
}
