package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const services = "/v1/Services"

// DefaultService is the name of the Sync service that every account begins with.
const DefaultService = "default"

// Kind is a kind of Sync object, as its collection is called in a path.
type Kind string

// The kinds.
const (
	Documents Kind = "Documents"
	Lists     Kind = "Lists"
	Maps      Kind = "Maps"
	Streams   Kind = "Streams"
)

// Plural is the kind as a word, and the collection's name in an answer: "documents".
func (k Kind) Plural() string { return strings.ToLower(string(k)) }

// Service is a Sync service: what the devices of its deployments share.
type Service struct {
	SID          string `json:"sid"`
	UniqueName   string `json:"unique_name"`
	FriendlyName string `json:"friendly_name"`

	JSON json.RawMessage `json:"-"`
}

// Object is a document, list, map or stream. Data is a document's alone, as the gateway keeps it, digit for digit.
type Object struct {
	SID         string          `json:"sid"`
	UniqueName  string          `json:"unique_name"`
	ServiceSID  string          `json:"service_sid"`
	Revision    string          `json:"revision"` // empty for streams
	Data        json.RawMessage `json:"data"`
	DateExpires time.Time       `json:"date_expires"` // zero: never
	DateUpdated time.Time       `json:"date_updated"`
	CreatedBy   string          `json:"created_by"`

	JSON json.RawMessage `json:"-"`
}

// Name is what people call the object.
func (o Object) Name() string { return first(o.UniqueName, o.SID) }

// Item is one of a list, which has an index, or of a map, which has a key.
type Item struct {
	Index       *int            `json:"index"`
	Key         string          `json:"key"`
	Revision    string          `json:"revision"`
	Data        json.RawMessage `json:"data"`
	DateUpdated time.Time       `json:"date_updated"`
	CreatedBy   string          `json:"created_by"`

	JSON json.RawMessage `json:"-"`
}

// Name is the item's index or key.
func (i Item) Name() string {
	if i.Index != nil {
		return strconv.Itoa(*i.Index)
	}
	return i.Key
}

// Message is one that was sent on a stream; nothing keeps it.
type Message struct {
	SID  string          `json:"sid"`
	Data json.RawMessage `json:"data"`

	JSON json.RawMessage `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Service) UnmarshalJSON(text []byte) error {
	type plain Service
	return keep(text, (*plain)(s), &s.JSON, &s.SID)
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *Object) UnmarshalJSON(text []byte) error {
	type plain Object
	return keep(text, (*plain)(o), &o.JSON, &o.SID)
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *Item) UnmarshalJSON(text []byte) error {
	type plain Item
	return keep(text, (*plain)(i), &i.JSON, &i.Revision)
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Message) UnmarshalJSON(text []byte) error {
	type plain Message
	return keep(text, (*plain)(m), &m.JSON, &m.SID)
}

// Service is the one with this SID or unique name; [DefaultService] always exists.
func (c *Client) Service(ctx context.Context, service string) (Service, error) {
	return fetch[Service](ctx, c, segments(services, service))
}

// Objects are all of one kind in a service.
func (c *Client) Objects(ctx context.Context, service string, kind Kind) iter.Seq2[Object, error] {
	return all[Object](ctx, c, segments(services, service, string(kind)), nil, kind.Plural())
}

// Object is the one with this SID or unique name.
func (c *Client) Object(ctx context.Context, service string, kind Kind, id string) (Object, error) {
	return fetch[Object](ctx, c, segments(services, service, string(kind), id))
}

// CreateObject makes an object. The form's fields are those of the API: UniqueName, Data of a document, Ttl.
func (c *Client) CreateObject(ctx context.Context, service string, kind Kind, form url.Values) (Object, error) {
	return post[Object](ctx, c, segments(services, service, string(kind)), form, "")
}

// UpdateDocument replaces what the form names, if the document is at the expected revision; empty expects none.
func (c *Client) UpdateDocument(ctx context.Context, service, id string, form url.Values, expect string) (Object, error) {
	return post[Object](ctx, c, segments(services, service, string(Documents), id), form, expect)
}

// Items are those of a list or map, in order.
func (c *Client) Items(ctx context.Context, service string, kind Kind, id string) iter.Seq2[Item, error] {
	return all[Item](ctx, c, segments(services, service, string(kind), id, "Items"), nil, "items")
}

// Item is the one with this index or key.
func (c *Client) Item(ctx context.Context, service string, kind Kind, id, item string) (Item, error) {
	return fetch[Item](ctx, c, segments(services, service, string(kind), id, "Items", item))
}

// CreateItem appends to a list, or adds to a map the item of the form's Key.
func (c *Client) CreateItem(ctx context.Context, service string, kind Kind, id string, form url.Values) (Item, error) {
	return post[Item](ctx, c, segments(services, service, string(kind), id, "Items"), form, "")
}

// UpdateItem replaces what the form names, if the item is at the expected revision; empty expects none.
func (c *Client) UpdateItem(ctx context.Context, service string, kind Kind, id, item string, form url.Values, expect string) (Item, error) {
	return post[Item](ctx, c, segments(services, service, string(kind), id, "Items", item), form, expect)
}

// SendMessage sends data to whoever listens to a stream.
func (c *Client) SendMessage(ctx context.Context, service, id string, data []byte) (Message, error) {
	return post[Message](ctx, c, segments(services, service, string(Streams), id, "Messages"), url.Values{"Data": {string(data)}}, "")
}

// Change is one change of an object, or a message on a stream.
type Change struct {
	At         time.Time       `json:"date"`
	Action     string          `json:"action"` // "updated", "item_added", "sent", …
	Kind       string          `json:"kind"`
	UniqueName string          `json:"unique_name"`
	ObjectSID  string          `json:"object_sid"`
	Revision   string          `json:"revision"`
	Index      *int            `json:"index"`
	Key        string          `json:"key"`
	Data       json.RawMessage `json:"data"` // empty, or null: removed
	CreatedBy  string          `json:"created_by"`

	JSON json.RawMessage `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Change) UnmarshalJSON(text []byte) error {
	type plain Change
	return keep(text, (*plain)(c), &c.JSON, &c.Action)
}

// Name is what people call the object.
func (c Change) Name() string { return first(c.UniqueName, c.ObjectSID) }

// Item is the index or key of the item that it is about, empty for the object itself.
func (c Change) Item() string { return Item{Index: c.Index, Key: c.Key}.Name() }

// Changes are what happened to objects after a point in their common history.
type Changes struct {
	Changes []Change `json:"changes"`
	After   uint64   `json:"after"` // to ask for what follows
}

// Changes waits until something happened to an object after the given point, nil for what happens from now on, or until wait
// has passed, whole seconds up to 60. An empty object stands for all of the service.
func (c *Client) Changes(ctx context.Context, service, objectSID string, after *uint64, wait time.Duration) (got Changes, err error) {
	query := url.Values{"wait": {strconv.Itoa(int(wait / time.Second))}}
	if after != nil {
		query.Set("after", strconv.FormatUint(*after, 10))
	}
	if objectSID != "" {
		query.Set("object", objectSID)
	}
	return got, c.call(ctx, request{method: http.MethodGet, path: segments("/gatehouse/v1/Services", service, "Changes"), query: query, patient: wait}, &got)
}
