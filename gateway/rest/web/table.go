package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/gateway/registry"
)

// Handler answers one request.
type Handler func(*Request) (Response, error)

// Table finds the handler of a path and a method, and answers whatever has none: 404 for unknown paths, 405 with Allow for
// other methods, OPTIONS with Allow. HEAD is GET without the body. Paths are compared segment by segment as they were
// sent: nothing is cleaned or redirected, and a path that ends in a slash is another path, which is unknown.
//
// Fill it before it serves; it is safe for concurrent use then. The zero value works.
type Table struct {
	Logger *slog.Logger // told of errors that nobody foresaw, and of panics, which are answered with 500; nil: discards
	// Translate makes an answer of errors before [Translate] is asked; nil, or an answer of nil, leaves it to that.
	Translate func(error) *Error

	root node
}

type node struct {
	literal map[string]*node
	any     *node // a segment of any text
	name    string
	pattern string
	methods map[string]Handler
}

// Handle has a pattern such as "/Fleets/{fleet}/Devices" answered. A name in braces stands for one segment that is not
// empty; literal segments go before it. The same pattern may be given once for each of GET, POST and DELETE.
func (t *Table) Handle(method, pattern string, h Handler) {
	n := &t.root
	for _, segment := range strings.Split(strings.TrimPrefix(pattern, "/"), "/") {
		if name, found := strings.CutPrefix(segment, "{"); found {
			name = strings.TrimSuffix(name, "}")
			if n.any == nil {
				n.any = &node{name: name}
			}
			if n.any.name != name {
				panic("web: " + pattern + " calls {" + n.any.name + "} by another name")
			}
			n = n.any
			continue
		}
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		if n.literal[segment] == nil {
			n.literal[segment] = &node{}
		}
		n = n.literal[segment]
	}
	if n.methods == nil {
		n.methods = map[string]Handler{}
	}
	n.pattern, n.methods[method] = pattern, h
}

// find is the node of a path, nil when there is none, and the parameters on the way.
func (t *Table) find(escaped string) (*node, map[string]string) {
	path, found := strings.CutPrefix(escaped, "/")
	if !found {
		return nil, nil
	}
	n, parameters := &t.root, map[string]string{}
	for segment := range strings.SplitSeq(path, "/") {
		text, err := url.PathUnescape(segment)
		if err != nil || !utf8.ValidString(text) {
			return nil, nil
		}
		switch next := n.literal[text]; {
		case next != nil:
			n = next
		case n.any != nil && text != "":
			n = n.any
			parameters[n.name] = text
		default:
			return nil, nil
		}
	}
	if n.methods == nil {
		return nil, nil
	}
	return n, parameters
}

func (n *node) allow() string {
	methods := []string{http.MethodOptions}
	for method := range n.methods {
		methods = append(methods, method)
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// ServeHTTP implements http.Handler. It notes the pattern in the request, as http.ServeMux does; a path that has none has
// no pattern.
func (t *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, parameters := t.find(r.URL.EscapedPath())
	if n == nil {
		r.Pattern = ""
		NotFound(r.URL.EscapedPath()).Write(w)
		return
	}
	r.Pattern = n.pattern
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	h := n.methods[method]
	switch {
	case h != nil:
		t.serve(w, r, h, parameters)
	case method == http.MethodOptions:
		Response{Status: http.StatusNoContent, Header: http.Header{"Allow": {n.allow()}}}.Write(w)
	default:
		MethodNotAllowed(r.Method, n.allow()).Write(w)
	}
}

func (t *Table) serve(w http.ResponseWriter, r *http.Request, h Handler, parameters map[string]string) {
	defer func() {
		if p := recover(); p != nil {
			t.log().Error("a request made the HTTP API panic", "method", r.Method, "route", r.Pattern, "panic", p, "stack", string(debug.Stack()))
			Internal().Write(w)
		}
	}()
	form, err := readForm(w, r)
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	request := &Request{Request: r, path: parameters, form: form, extra: func(d time.Duration) {
		// A writer without deadlines, as in a test, needs no more time.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + AnswerTimeout))
	}}
	response, err := h(request)
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	response.Write(w)
}

// AnswerTimeout is how long an answer may take, as the server has it: a deletion waits for the connections that it ends.
const AnswerTimeout = 30 * time.Second

func (t *Table) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if t.Translate != nil {
		if answer := t.Translate(err); answer != nil {
			answer.Write(w)
			return
		}
	}
	answer, known := Translate(err)
	if errors.Is(err, registry.ErrNotFound) && answer.Code == CodeNotFound {
		answer = NotFound(r.URL.EscapedPath()) // the registry knows no paths
	}
	if !known && r.Context().Err() == nil { // whoever has gone away needs no answer, and is no fault
		t.log().Error("a request to the HTTP API failed", "method", r.Method, "route", r.Pattern, "err", err)
	}
	answer.Write(w)
}

func (t *Table) log() *slog.Logger {
	if t.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return t.Logger
}
