package objects

import (
	"context"
	"errors"
)

var errNotYet = errors.New("not available yet")

// Objects are the Sync objects of all services. All methods may be called from any goroutine.
type Objects struct {
	params Params
	feed   feed
}

// Open reads the objects from the store.
func Open(ctx context.Context, p Params) (*Objects, error) { return nil, errNotYet }

// Close ends what runs; nothing can be changed then.
func (o *Objects) Close() {}

// SetSettings applies new settings at once.
func (o *Objects) SetSettings(s Settings) {}

// DropService removes a Sync service's objects.
func (o *Objects) DropService(serviceSID string) {}

// Create makes an object.
func (o *Objects) Create(ctx context.Context, w Writer, service string, kind Kind, n NewObject) (Object, error) {
	return Object{}, errNotYet
}

// Get is one object, by its unique name or SID.
func (o *Objects) Get(service string, kind Kind, id string) (Object, error) {
	return Object{}, errNotYet
}

// All are the objects of one kind, in the order of their creation, and how many there are without the range.
func (o *Objects) All(service string, kind Kind, r Range) ([]Object, int, error) {
	return nil, 0, errNotYet
}

// Update changes an object's data or expiry.
func (o *Objects) Update(ctx context.Context, w Writer, service string, kind Kind, id string, c ObjectChange) (Object, error) {
	return Object{}, errNotYet
}

// Delete removes an object with all in it. Expect is the revision that it must have; empty: any.
func (o *Objects) Delete(ctx context.Context, w Writer, service string, kind Kind, id, expect string) error {
	return errNotYet
}

// AddItem appends to a list, or creates an item in a map.
func (o *Objects) AddItem(ctx context.Context, w Writer, service string, kind Kind, id string, n NewItem) (Item, error) {
	return Item{}, errNotYet
}

// Item is one item: item is the index in a list, or the key in a map.
func (o *Objects) Item(service string, kind Kind, id, item string) (Item, error) {
	return Item{}, errNotYet
}

// Items are the items in a range, and whether there are more beyond its limit.
func (o *Objects) Items(service string, kind Kind, id string, r ItemRange) (items []Item, more bool, err error) {
	return nil, false, errNotYet
}

// UpdateItem changes an item that exists.
func (o *Objects) UpdateItem(ctx context.Context, w Writer, service string, kind Kind, id, item string, c ItemChange) (Item, error) {
	return Item{}, errNotYet
}

// SetItem creates or updates the item of a map.
func (o *Objects) SetItem(ctx context.Context, w Writer, service, id, key string, data []byte) (Item, error) {
	return Item{}, errNotYet
}

// DeleteItem removes an item. Expect is the revision that it must have; empty: any.
func (o *Objects) DeleteItem(ctx context.Context, w Writer, service string, kind Kind, id, item, expect string) error {
	return errNotYet
}

// Send sends a message on a stream.
func (o *Objects) Send(ctx context.Context, w Writer, service, id string, data []byte) (Message, error) {
	return Message{}, errNotYet
}

// Permissions are those of an object, by identity, and how many there are without the range.
func (o *Objects) Permissions(service string, kind Kind, id string, r Range) ([]Permission, int, error) {
	return nil, 0, errNotYet
}

// Permission is that of one identity; an error of kind NoPermission when it has none.
func (o *Objects) Permission(service string, kind Kind, id, identity string) (Permission, error) {
	return Permission{}, errNotYet
}

// SetPermission creates or replaces the permission of p.Identity.
func (o *Objects) SetPermission(ctx context.Context, w Writer, service string, kind Kind, id string, p Permission) (Permission, error) {
	return Permission{}, errNotYet
}

// DeletePermission removes the permission of an identity.
func (o *Objects) DeletePermission(ctx context.Context, w Writer, service string, kind Kind, id, identity string) error {
	return errNotYet
}

// Publish is a device's publish below sync/.
func (o *Objects) Publish(service, device, topic string, payload []byte, attempt uint64) error {
	return errNotYet
}

// MaySubscribe reports whether a device may subscribe to a topic below sync/.
func (o *Objects) MaySubscribe(service, device, topic string) bool { return false }

// Snapshot yields the current state of what a topic below sync/ names.
func (o *Objects) Snapshot(service, device, topic string, yield func(topic string, payload []byte) bool) {
}

// Revision is one entry of an object's recent history.
type Revision struct {
	Change
	Refused bool
	Why     ErrorKind // it was refused
	Reason  string
}

// History is what recently happened to an object, the oldest first, refused publishes among it.
func (o *Objects) History(service, objectSID string) []Revision { return nil }

// Filter picks objects for a table.
type Filter struct {
	ServiceSID string
	Kind       Kind   // empty: all
	Text       string // in the unique name, SID or created_by, in any case; empty: all
	Sort       string // "name" (default), "updated", "created", "kind", "items", "bytes"
	Descending bool
	Offset     int
	Limit      int // 0: 100
}

// Page is a part of a table.
type Page struct {
	Rows    []Object
	Total   int
	Version uint64
}

// Query is a page of objects as the filter says.
func (o *Objects) Query(f Filter) Page { return Page{} }
