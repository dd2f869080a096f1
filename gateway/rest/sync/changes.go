package sync

import (
	"encoding/json"
	"strconv"
	"time"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

// Bounds of a request for changes.
const (
	maxWait    = 60  // s
	maxChanges = 500 // in one answer
)

type changeBody struct {
	Date       string          `json:"date"` // with fractions of a second
	Action     objects.Action  `json:"action"`
	Kind       objects.Kind    `json:"kind"`
	ServiceSID string          `json:"service_sid"`
	ObjectSID  string          `json:"object_sid"`
	UniqueName *string         `json:"unique_name"`
	Revision   string          `json:"revision,omitempty"` // of the item, if it is about one
	Index      *int            `json:"index,omitempty"`
	Key        *string         `json:"key,omitempty"`
	Data       json.RawMessage `json:"data"` // null: removed
	CreatedBy  string          `json:"created_by"`
	DeviceSID  *string         `json:"device_sid"` // null: no device made it
}

type changesBody struct {
	Changes []changeBody `json:"changes"`
	After   uint64       `json:"after"`
}

func showChange(c objects.Change) changeBody {
	body := changeBody{
		Date: c.At.UTC().Format(time.RFC3339Nano), Action: c.Action, Kind: c.Kind, ServiceSID: c.ServiceSID, ObjectSID: c.ObjectSID,
		UniqueName: web.OrNull(c.UniqueName), Revision: c.Revision, Data: c.Data, CreatedBy: c.By, DeviceSID: web.OrNull(c.DeviceSID),
	}
	switch {
	case !c.HasItem:
	case c.Kind == objects.List:
		body.Index = &c.Index
	default:
		body.Key = &c.Key
	}
	return body
}

// changes answers what happened in a service after a point, which the last answer named, and waits for it if need be. It is
// ours, not the original's.
//
//	after   what happened after this number; not given: from now on; 0: all that is remembered
//	object  of the object of this SID or unique name alone; not given: of all
//	wait    seconds to wait until something happens, 0 to 60; default 0
//
// The answer is {"changes": […], "after": N}, oldest first, at most 500 of them; what is asked for next is after N. The
// gateway remembers the last 10 000 changes of all services, or 32 MiB of them: who asks too late misses some.
func (a *api) changes(r *web.Request, s registry.Service) (web.Response, error) {
	f := r.Form()
	after := a.objects.LastChange()
	if text := f.Text("after"); text != nil {
		n, err := strconv.ParseUint(*text, 10, 64)
		if err != nil {
			f.Refuse("after", "is not a number that was given out")
		}
		after = n
	}
	object, wait := f.TextOr("object", ""), f.Int("wait", 0, maxWait)
	if err := f.Err(); err != nil {
		return web.Response{}, err
	}
	var patience time.Duration
	if wait != nil {
		patience = time.Duration(*wait) * time.Second
		r.Patient(patience)
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		changed := a.objects.Changed() // before looking, so that nothing falls between
		body := changesBody{Changes: []changeBody{}, After: after}
		for _, c := range a.objects.Changes(after, 0) {
			if len(body.Changes) == maxChanges {
				break
			}
			body.After = c.Seq
			if c.ServiceSID == s.SID && (object == "" || c.ObjectSID == object || c.UniqueName == object) {
				body.Changes = append(body.Changes, showChange(c))
			}
		}
		after = body.After
		if len(body.Changes) > 0 || patience == 0 {
			return web.OK(body), nil
		}
		select {
		case <-changed:
		case <-enough.C:
			patience = 0 // one last look
		case <-r.Closing():
			return web.OK(body), nil
		case <-r.Context().Done():
			return web.OK(body), nil
		}
	}
}
