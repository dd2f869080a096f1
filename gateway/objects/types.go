// Package objects keeps the Sync objects of all services: documents, lists, maps and streams, with their items,
// permissions, expiry and recent history (contract, section 6). Every change, whoever makes it, takes one path: it is
// checked, stored, made visible, delivered to subscribers, queued for webhooks, and noted for those who watch. Every read
// is from memory and never waits for a change that is being made, nor for the disk.
//
// It knows topics but no packets, sessions or connections, webhooks but no HTTP, and devices by their SID and identity
// only.
//
// What it returns are copies, except for byte slices, which must not be changed.
package objects

import (
	"log/slog"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/store"
)

// Kind of a Sync object.
type Kind string

// The kinds.
const (
	Document Kind = "document"
	List     Kind = "list"
	Map      Kind = "map"
	Stream   Kind = "stream"
)

// Kinds are all kinds, in the order in which people are shown them.
var Kinds = []Kind{Document, List, Map, Stream}

// Prefixes of the SIDs of Sync objects and of messages on streams.
const (
	PrefixDocument sid.Prefix = "ET"
	PrefixList     sid.Prefix = "ES"
	PrefixMap      sid.Prefix = "MP"
	PrefixStream   sid.Prefix = "TO"
	PrefixMessage  sid.Prefix = "TZ"
)

// Prefix of the SIDs of this kind.
func (k Kind) Prefix() sid.Prefix {
	switch k {
	case Document:
		return PrefixDocument
	case List:
		return PrefixList
	case Map:
		return PrefixMap
	}
	return PrefixStream
}

// Bounds of the contract, section 6.
const (
	MaxData           = 16 << 10 // bytes of a document or an item, in compact form
	MaxMessage        = 4 << 10  // bytes of a message on a stream, in compact form
	MessagesPerSecond = 30       // on one stream
	MaxUniqueName     = 256      // characters
	MaxKey            = 320      // characters of a map item's key
	MaxIdentity       = 256      // characters of the identity of a permission
	MaxTTL            = 31536000 // seconds
)

// Object is what all kinds have in common, as it was at one moment.
type Object struct {
	Kind       Kind
	SID        string
	ServiceSID string
	UniqueName string // may be empty
	Revision   string // lower-case hexadecimal, from "0"; of a list or map it rises with every change of an item; a stream's stays
	Created    time.Time
	Updated    time.Time
	Expires    time.Time // zero: never
	CreatedBy  string    // "system", or the identity (else the SID) of a device
	Data       []byte    // of a document: compact JSON
	Items      int       // of a list or a map
	Bytes      int64     // data, of all items
}

// Item of a list or a map.
type Item struct {
	Kind      Kind // List or Map
	ObjectSID string
	Index     int    // in a list: from 0, never reused
	Key       string // in a map
	Data      []byte // compact JSON
	Revision  string // lower-case hexadecimal, from "0"
	Created   time.Time
	Updated   time.Time
	Expires   time.Time // zero: never
	CreatedBy string
}

// Permission is what an identity may do with an object while the service's ACLEnabled is on.
type Permission struct {
	Identity string
	Read     bool // subscribe
	Write    bool // publish
	Manage   bool // kept and shown; nothing that a device can do over MQTT needs it
}

// Message on a stream.
type Message struct {
	SID  string // TZ…
	Data []byte
}

// NewObject is what to create.
type NewObject struct {
	UniqueName string // empty: none
	Data       []byte // of a document: JSON; nil: {}
	TTL        *int   // seconds, 0 to [MaxTTL]; nil or 0: forever
}

// ObjectChange is what to change of an object; nil fields stay.
type ObjectChange struct {
	Data   []byte // of a document: JSON
	TTL    *int   // seconds from now, 0: forever
	Expect string // the revision that it must have; empty: any
}

// NewItem is an item to add to a list or a map.
type NewItem struct {
	Key           string // of a map
	Data          []byte // JSON
	TTL           *int   // seconds, of the item
	CollectionTTL *int   // seconds from now, of the list or map
}

// ItemChange is what to change of an item; nil fields stay.
type ItemChange struct {
	Data          []byte // JSON
	TTL           *int   // seconds from now, of the item
	CollectionTTL *int   // seconds from now, of the list or map
	Expect        string // the revision that the item must have; empty: any
}

// Range picks a part of an ordered list. The zero value is all of it.
type Range struct {
	Offset int
	Limit  int // 0: no limit
}

// ItemRange picks items in their order: of the index, or of the key's bytes.
type ItemRange struct {
	From       *string // index or key to begin at, whether it exists or not; nil: at the beginning, or the end when descending
	Exclusive  bool    // without From itself
	Descending bool
	Offset     int // items to leave out after From
	Limit      int // 0: no limit
}

// Writer is who makes a change.
type Writer struct {
	DeviceSID string // empty: the HTTP API or the window
	Identity  string // of the device, may be empty
	AttemptID uint64 // the device's connection on the timeline
	REST      bool   // made by the HTTP API or the window: webhooks fire only if the service says so
}

// System is the writer behind the HTTP API and the window.
func System() Writer { return Writer{REST: true} }

// Name is what created_by says: "system", or the device's identity, else its SID.
func (w Writer) Name() string {
	switch {
	case w.DeviceSID == "":
		return "system"
	case w.Identity != "":
		return w.Identity
	}
	return w.DeviceSID
}

// Route leads an update to subscribers: those of exactly Filter get it on Topic.
type Route struct{ Filter, Topic string }

// Update is a new state for subscribers. A session gets one message per topic.
type Update struct {
	ServiceSID string
	Routes     []Route
	Payload    []byte
	May        func(deviceSID string) bool // whether this device may read it now; nil: all may. Never waits
}

// EventType of a webhook.
type EventType string

// The events that fire webhooks.
const (
	DocumentCreated EventType = "document_created"
	DocumentUpdated EventType = "document_updated"
	DocumentRemoved EventType = "document_removed"
	ListCreated     EventType = "list_created"
	ListRemoved     EventType = "list_removed"
	ListItemAdded   EventType = "list_item_added"
	ListItemUpdated EventType = "list_item_updated"
	ListItemRemoved EventType = "list_item_removed"
	MapCreated      EventType = "map_created"
	MapRemoved      EventType = "map_removed"
	MapItemAdded    EventType = "map_item_added"
	MapItemUpdated  EventType = "map_item_updated"
	MapItemRemoved  EventType = "map_item_removed"
)

// Event is what a webhook tells of one change.
type Event struct {
	Type       EventType
	ServiceSID string
	Identity   string // "system", or the device's identity, else its SID
	EndpointID string // the device's SID; empty for "system"
	At         time.Time

	Kind       Kind
	ObjectSID  string
	UniqueName string
	Revision   string // of the object
	Data       []byte // of a document

	HasItem      bool
	ItemIndex    int
	ItemKey      string
	ItemData     []byte
	ItemRevision string
}

// Hook queues webhooks. Enqueue returns when the event is durably queued. It is called in order per object, after the change
// was stored and before it is acknowledged, and only for services with a WebhookURL. When it fails the change is not
// acknowledged, although it is made; the event is offered again before the object's next. An event may be offered twice.
type Hook interface {
	Enqueue(Event) error
}

// Registry is what the package asks about services and devices. Neither method may wait.
type Registry interface {
	Service(sid string) (registry.Service, bool)
	Device(sid string) (registry.Device, bool)
}

// Settings may change while the gateway runs. Zero values stand for the defaults.
type Settings struct {
	Strict            bool  // a refused publish disconnects the device (contract, section 6)
	History           int   // revisions that are remembered per object; default 20
	ObjectsPerService int   // default 100 000
	ItemsPerObject    int   // items, or permissions, of one object; default 100 000
	BytesPerService   int64 // data of all objects; default 256 MiB
}

func (s Settings) withDefaults() Settings {
	if s.History <= 0 {
		s.History = 20
	}
	if s.ObjectsPerService <= 0 {
		s.ObjectsPerService = 100_000
	}
	if s.ItemsPerObject <= 0 {
		s.ItemsPerObject = 100_000
	}
	if s.BytesPerService <= 0 {
		s.BytesPerService = 256 << 20
	}
	return s
}

// Params of the objects. Store and Registry are required, the rest has defaults.
type Params struct {
	Store    *store.Store
	Registry Registry

	// Deliver queues an update for subscribers, at once and in the order of calls; stored, which may be nil, is told when it
	// is stored for all of them. Nil: nobody subscribes.
	Deliver  func(u Update, stored func(error))
	Hook     Hook // nil: no webhooks
	Settings Settings

	Refused func(Refusal)           // told of each refusal, by the goroutine that publishes or subscribes; must not block; nil: nobody
	Now     func() time.Time        // nil: time.Now
	Logger  *slog.Logger            // nil: nothing is logged
	NewSID  func(sid.Prefix) string // nil: sid.New
}
