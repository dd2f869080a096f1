package webhook

import (
	"container/list"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatehouse/gateway/objects"
)

// record is an event as it is queued. What is exported of it is in the store.
type record struct {
	ID     string    `json:"id"` // the same in each attempt, so that a receiver can tell a repetition
	Queued time.Time `json:"queued"`
	objects.Event

	slot     slot
	size     int           // bytes in the store
	element  *list.Element // of service.events; nil once it is gone
	lane     *lane
	flying   bool
	refusals int // answers other than 2xx
}

func newRecord(e objects.Event, now time.Time) *record {
	return &record{ID: rand.Text(), Queued: now, Event: e}
}

func (r *record) encode() ([]byte, error) { return json.Marshal(r) }

func decode(value []byte) (*record, error) {
	r := &record{}
	return r, json.Unmarshal(value, r)
}

// prefixes of the parameters about an object, by its kind.
var prefixes = map[objects.Kind]string{objects.Document: "Document", objects.List: "List", objects.Map: "Map"}

// parameters are what the receiver gets. Those that an event says nothing about are left out: the data of what was removed,
// the unique name of what has none, the endpoint when it was the HTTP API.
func (r *record) parameters(accountSID string) url.Values {
	form := url.Values{
		"AccountSid": {accountSID},
		"ServiceSid": {r.ServiceSID},
		"EventType":  {string(r.Type)},
		"Identity":   {r.Identity},
	}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	removed := strings.HasSuffix(string(r.Type), "_removed")
	set("EndpointId", r.EndpointID)
	if prefix := prefixes[r.Kind]; prefix != "" {
		set(prefix+"Sid", r.ObjectSID)
		set(prefix+"UniqueName", r.UniqueName)
		set(prefix+"Revision", r.Revision)
		if !removed {
			set(prefix+"Data", string(r.Data))
		}
	}
	if !r.HasItem {
		return form
	}
	if r.Kind == objects.List {
		form.Set("ItemIndex", strconv.Itoa(r.ItemIndex))
	} else {
		form.Set("ItemKey", r.ItemKey)
	}
	if !removed {
		set("ItemData", string(r.ItemData))
	}
	set("ItemRevision", r.ItemRevision)
	return form
}
