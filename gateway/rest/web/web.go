// Package web is what the HTTP APIs are built with: tables of paths and methods, bounded forms with typed getters, pages,
// absolute URLs, and errors in the one shape that all of them have. It knows HTTP and the registry's and the store's
// errors, and none of the resources that are served.
//
// A handler gets a [*Request], which holds the parameters of the path and of the form, and returns a [Response] or an
// error. Whatever error it returns is answered in the shape of the APIs: an [*Error] as it says, those of the registry and
// the store as [Translate] says, all others as 500 without their text.
//
//	func (a *api) updateThing(r *web.Request) (web.Response, error) {
//		thing, found := a.things.Get(r.Path("thing"))
//		if !found {
//			return web.Response{}, r.NotFound()
//		}
//		form := r.Form()
//		change := Change{FriendlyName: form.Text("FriendlyName"), Enabled: form.Bool("Enabled")}
//		if err := form.Err(); err != nil {
//			return web.Response{}, err
//		}
//		…
//		return web.OK(a.show(r, thing)), nil
//	}
package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Response is what a handler answers. Body is encoded as JSON; nil sends none.
type Response struct {
	Status int
	Body   any
	Header http.Header // further fields; may be nil
}

// OK is 200, of a read or an update.
func OK(body any) Response { return Response{Status: http.StatusOK, Body: body} }

// Created is 201.
func Created(body any) Response { return Response{Status: http.StatusCreated, Body: body} }

// NoContent is 204, of a deletion.
func NoContent() Response { return Response{Status: http.StatusNoContent} }

// With adds a header field.
func (r Response) With(name, value string) Response {
	header := r.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set(name, value)
	r.Header = header
	return r
}

// Write answers. A body that cannot be encoded, which a handler must not return, becomes a 500.
func (r Response) Write(w http.ResponseWriter) {
	header := w.Header()
	for name, values := range r.Header {
		header[name] = values
	}
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store") // bodies may hold a secret that is shown once
	if r.Body == nil {
		w.WriteHeader(r.Status)
		return
	}
	body, err := encode(r.Body)
	if err != nil {
		r.Status = http.StatusInternalServerError
		body, _ = encode(Internal().shape())
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.Status)
	_, _ = w.Write(body) // the client may be gone
}

// encode writes JSON and leaves <, > and & as they are: data is answered as it was sent.
func encode(body any) ([]byte, error) {
	var out lineBuffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return out, err
}

type lineBuffer []byte

func (b *lineBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// Date is a time as the APIs write it, "2017-08-14T19:19:30Z", and nil, JSON's null, for the zero time.
func Date(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format("2006-01-02T15:04:05Z")
	return &text
}

// OrNull is a text, and nil, JSON's null, for an empty one.
func OrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
