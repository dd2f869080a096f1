package sync

import (
	"encoding/json"
	"strings"
	"time"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

type objectBody struct {
	SID        string            `json:"sid"`
	UniqueName *string           `json:"unique_name"`
	AccountSID string            `json:"account_sid"`
	ServiceSID string            `json:"service_sid"`
	URL        string            `json:"url"`
	Links      map[string]string `json:"links"`
	Revision   string            `json:"revision,omitempty"` // not of a stream
	Data       json.RawMessage   `json:"data,omitempty"`     // of a document
	Expires    *string           `json:"date_expires"`
	Created    *string           `json:"date_created"`
	Updated    *string           `json:"date_updated"`
	CreatedBy  string            `json:"created_by"`
}

func (a *api) showObject(r *web.Request, o objects.Object) objectBody {
	c := collectionOf(o.Kind)
	body := objectBody{
		SID: o.SID, UniqueName: web.OrNull(o.UniqueName), AccountSID: a.registry.Account().SID, ServiceSID: o.ServiceSID,
		URL: r.Absolute(Base, "Services", o.ServiceSID, c.path, o.SID), Links: map[string]string{}, Data: o.Data,
		Expires: web.Date(o.Expires), Created: web.Date(o.Created), Updated: web.Date(o.Updated), CreatedBy: o.CreatedBy,
	}
	for _, child := range c.children {
		body.Links[strings.ToLower(child)] = body.URL + "/" + child
	}
	if o.Kind != objects.Stream {
		body.Revision = o.Revision
	}
	return body
}

// answerObject is an object with its revision as entity tag, if it has one.
func (a *api) answerObject(r *web.Request, answer func(any) web.Response, o objects.Object) web.Response {
	body := a.showObject(r, o)
	if body.Revision == "" {
		return answer(body)
	}
	return answer(body).With("ETag", body.Revision)
}

func (a *api) listObjects(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	all, _, err := a.objects.All(s.SID, c.kind, objects.Range{})
	if err != nil {
		return web.Response{}, err
	}
	return inTime(r, r.Absolute(Base, "Services", s.SID, c.path), c.key, all,
		func(o objects.Object) (time.Time, string) { return o.Created, o.SID },
		func(r *web.Request, o objects.Object) any { return a.showObject(r, o) })
}

// expiryOf reads the time to live of an object.
func expiryOf(r *web.Request, c *collection) (*int, error) {
	if c.kind == objects.List || c.kind == objects.Map {
		return ttl(r, "CollectionTtl", "Ttl")
	}
	return ttl(r, "Ttl")
}

// data reads the parameter Data; nil when it was not given.
func data(r *web.Request) []byte {
	text := r.Form().Text("Data")
	if text == nil {
		return nil
	}
	return []byte(*text)
}

func (a *api) createObject(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	expires, err := expiryOf(r, c)
	if err != nil {
		return web.Response{}, err
	}
	n := objects.NewObject{UniqueName: r.Form().TextOr("UniqueName", ""), TTL: expires}
	if c.kind == objects.Document {
		n.Data = data(r)
	}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	o, err := a.objects.Create(r.Context(), objects.System(), s.SID, c.kind, n)
	if err != nil {
		return web.Response{}, err
	}
	return a.answerObject(r, web.Created, o), nil
}

func (a *api) readObject(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	o, err := a.objects.Get(s.SID, c.kind, r.Path("id"))
	if err != nil {
		return web.Response{}, err
	}
	return a.answerObject(r, web.OK, o), nil
}

func (a *api) updateObject(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	expires, err := expiryOf(r, c)
	if err != nil {
		return web.Response{}, err
	}
	change := objects.ObjectChange{TTL: expires}
	if c.kind == objects.Document {
		change.Data = data(r)
		if change.Expect, err = expected(r); err != nil {
			return web.Response{}, err
		}
	}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	o, err := a.objects.Update(r.Context(), objects.System(), s.SID, c.kind, r.Path("id"), change)
	if err != nil {
		return web.Response{}, err
	}
	return a.answerObject(r, web.OK, o), nil
}

func (a *api) deleteObject(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	expect := ""
	if c.kind == objects.Document {
		var err error
		if expect, err = expected(r); err != nil {
			return web.Response{}, err
		}
	}
	return done(a.objects.Delete(r.Context(), objects.System(), s.SID, c.kind, r.Path("id"), expect))
}

type messageBody struct {
	SID  string          `json:"sid"`
	Data json.RawMessage `json:"data"`
}

func (a *api) sendMessage(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	text := data(r)
	if text == nil {
		r.Form().Refuse("Data", "is required")
	}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	m, err := a.objects.Send(r.Context(), objects.System(), s.SID, r.Path("id"), text)
	if err != nil {
		return web.Response{}, err
	}
	return web.Created(messageBody{m.SID, m.Data}), nil
}
