// Package fleet serves the device management API below /DeployedDevices: fleets and the devices, deployments, certificates
// and keys in them (docs/http.md). It shows and changes the registry and knows nothing of connections: whoever listens to
// the registry ends those that rest on what was changed, before the answer is sent.
//
// Where the original's documents are silent: a text that is empty is shown as null, and an empty SID in a parameter stands
// for none, also in a filter. Resources of another fleet are not found. Lists are in the order of creation.
package fleet

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
	"gatehouse/gateway/sid"
)

// Base is the first segment of every path of the API.
const Base = "DeployedDevices"

// Params of the API. Registry is required.
type Params struct {
	Registry *registry.Registry
	Logger   *slog.Logger // told of errors that nobody foresaw; nil: discards
}

type api struct{ registry *registry.Registry }

// New is the API, for the paths below /DeployedDevices as they are.
func New(p Params) http.Handler {
	a := &api{p.Registry}
	t := &web.Table{Logger: p.Logger}
	const fleets = "/" + Base + "/Fleets"
	t.Handle("GET", fleets, a.listFleets)
	t.Handle("POST", fleets, a.createFleet)
	t.Handle("GET", fleets+"/{fleet}", a.within(a.readFleet))
	t.Handle("POST", fleets+"/{fleet}", a.within(a.updateFleet))
	t.Handle("DELETE", fleets+"/{fleet}", a.within(a.deleteFleet))
	for _, c := range []struct {
		name                               string
		list, create, read, update, remove inFleet
	}{
		{"Devices", a.listDevices, a.createDevice, a.readDevice, a.updateDevice, a.deleteDevice},
		{"Deployments", a.listDeployments, a.createDeployment, a.readDeployment, a.updateDeployment, a.deleteDeployment},
		{"Certificates", a.listCertificates, a.createCertificate, a.readCertificate, a.updateCertificate, a.deleteCertificate},
		{"Keys", a.listKeys, a.createKey, a.readKey, a.updateKey, a.deleteKey},
	} {
		collection := fleets + "/{fleet}/" + c.name
		t.Handle("GET", collection, a.within(c.list))
		t.Handle("POST", collection, a.within(c.create))
		t.Handle("GET", collection+"/{sid}", a.within(c.read))
		t.Handle("POST", collection+"/{sid}", a.within(c.update))
		t.Handle("DELETE", collection+"/{sid}", a.within(c.remove))
	}
	return t
}

// inFleet answers a request about something in a fleet, or the fleet itself.
type inFleet func(*web.Request, registry.Fleet) (web.Response, error)

// within finds the fleet of the path, by its SID or its unique name.
func (a *api) within(h inFleet) web.Handler {
	return func(r *web.Request) (web.Response, error) {
		name := r.Path("fleet")
		f, found := a.registry.Fleet(name)
		if !found {
			f, found = a.registry.FleetByName(name)
		}
		if !found {
			return web.Response{}, r.NotFound()
		}
		return h(r, f)
	}
}

// reference is a SID in a parameter; what it names must be in the fleet. Nil when it was not given.
func reference(r *web.Request, name string, prefix sid.Prefix, exists func(sid string) bool) *string {
	given := r.Form().SID(name, prefix)
	if given != nil && *given != "" && !exists(*given) {
		r.Form().Refuse(name, "names nothing that is there: "+*given)
	}
	return given
}

func (a *api) device(r *web.Request, name string, f registry.Fleet) *string {
	return reference(r, name, sid.Device, func(sid string) bool {
		d, found := a.registry.Device(sid)
		return found && d.FleetSID == f.SID
	})
}

func (a *api) deployment(r *web.Request, name string, f registry.Fleet) *string {
	return reference(r, name, sid.Deployment, func(sid string) bool {
		d, found := a.registry.Deployment(sid)
		return found && d.FleetSID == f.SID
	})
}

// listed answers a page of records, which are in the order of creation.
func listed[T, B any](r *web.Request, p web.Paging, at, key string, all []T, id func(T) (time.Time, string), show func(*web.Request, T) B) web.Response {
	page := web.Select(p, all, func(record T) string {
		created, sid := id(record)
		return fmt.Sprintf("%020d", created.UnixNano()) + sid
	})
	return web.OK(web.List(p, at, key, page, func(record T) any { return show(r, record) }))
}

// filtered reads which page is wanted, and the list's one filter: a SID that find looks for, nil when it was not given.
func filtered(r *web.Request, f registry.Fleet, name string, find func(*web.Request, string, registry.Fleet) *string) (web.Paging, *string, error) {
	p, err := r.Paging(name)
	if err != nil {
		return p, nil, err
	}
	given := find(r, name, f)
	return p, given, r.Form().Err()
}

// keep are the records that a condition holds for.
func keep[T any](all []T, condition func(T) bool) []T {
	return slices.DeleteFunc(all, func(record T) bool { return !condition(record) })
}

func or(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// done answers a deletion.
func done(err error) (web.Response, error) {
	if err != nil {
		return web.Response{}, err
	}
	return web.NoContent(), nil
}
