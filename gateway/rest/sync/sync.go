// Package sync serves the Sync API below /v1: services, documents, lists, maps, streams, and permissions (docs/http.md). It
// shows and changes the registry's services and the objects in them; that subscribers and webhooks hear of it is the
// objects' doing. It also serves /gatehouse/v1/Services/{IS}/Changes, which is our own and not the original's: a request
// that waits until something happens.
//
// Where the original's documents are silent:
//   - A service is found by its SID or its unique name; an object by either, as they say.
//   - A name that is not there is 54300, a SID that is not there the code of its kind; a permission that is not there is 20404.
//   - CollectionTtl goes before Ttl for a list or a map, and ItemTtl before Ttl for an item.
//   - If-Match: * matches whatever there is. ETag is the revision as it stands, without quotes; If-Match is taken with and
//     without them.
//   - A permission's Read, Write and Manage that are not given stay as they are, false at first.
//   - A bound of how much a service or an object may hold is answered as 54006.
//   - Deleting a service deletes its objects, and leaves the deployments that were linked to it without one.
package sync

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

// Base and Own are the first segments of the paths that New answers: the original's, and ours.
const (
	Base = "v1"
	Own  = "gatehouse"
)

// Params of the API. Registry and Objects are required.
type Params struct {
	Registry *registry.Registry
	Objects  *objects.Objects
	Logger   *slog.Logger // told of errors that nobody foresaw; nil: discards
}

type api struct {
	registry *registry.Registry
	objects  *objects.Objects
}

// collection is a kind of objects as paths and fields call it.
type collection struct {
	kind      objects.Kind
	path, key string
	field     string // of the object's SID in what belongs to it
	children  []string

	notFound, noItem, differs int // codes of errors
}

var collections = []collection{
	{objects.Document, "Documents", "documents", "document_sid", []string{"Permissions"}, 54100, 0, 54103},
	{objects.List, "Lists", "lists", "list_sid", []string{"Items", "Permissions"}, 54150, 54151, 54155},
	{objects.Map, "Maps", "maps", "map_sid", []string{"Items", "Permissions"}, 54200, 54201, 54205},
	{objects.Stream, "Streams", "streams", "stream_sid", []string{"Messages"}, 54250, 0, 0},
}

func collectionOf(kind objects.Kind) *collection {
	for i := range collections {
		if collections[i].kind == kind {
			return &collections[i]
		}
	}
	return &collections[0]
}

// New is the API, for the paths below /v1 and /gatehouse as they are.
func New(p Params) http.Handler {
	a := &api{p.Registry, p.Objects}
	t := &web.Table{Logger: p.Logger, Translate: translate}
	const services = "/" + Base + "/Services"
	const service = services + "/{service}"
	t.Handle("GET", services, a.listServices)
	t.Handle("POST", services, a.createService)
	t.Handle("GET", service, a.within(a.readService))
	t.Handle("POST", service, a.within(a.updateService))
	t.Handle("DELETE", service, a.within(a.deleteService))
	for i := range collections {
		c := &collections[i]
		all, one := service+"/"+c.path, service+"/"+c.path+"/{id}"
		t.Handle("GET", all, a.of(c, a.listObjects))
		t.Handle("POST", all, a.of(c, a.createObject))
		t.Handle("GET", one, a.of(c, a.readObject))
		t.Handle("POST", one, a.of(c, a.updateObject))
		t.Handle("DELETE", one, a.of(c, a.deleteObject))
		if slices.Contains(c.children, "Items") {
			t.Handle("GET", one+"/Items", a.of(c, a.listItems))
			t.Handle("POST", one+"/Items", a.of(c, a.createItem))
			t.Handle("GET", one+"/Items/{item}", a.of(c, a.readItem))
			t.Handle("POST", one+"/Items/{item}", a.of(c, a.updateItem))
			t.Handle("DELETE", one+"/Items/{item}", a.of(c, a.deleteItem))
		}
		if slices.Contains(c.children, "Permissions") {
			t.Handle("GET", one+"/Permissions", a.of(c, a.listPermissions))
			t.Handle("GET", one+"/Permissions/{identity}", a.of(c, a.readPermission))
			t.Handle("POST", one+"/Permissions/{identity}", a.of(c, a.setPermission))
			t.Handle("DELETE", one+"/Permissions/{identity}", a.of(c, a.deletePermission))
		}
	}
	t.Handle("POST", service+"/Streams/{id}/Messages", a.of(collectionOf(objects.Stream), a.sendMessage))
	t.Handle("GET", "/"+Own+"/v1/Services/{service}/Changes", a.within(a.changes))
	return t
}

// inService answers a request about a service, or something in it.
type inService func(*web.Request, registry.Service) (web.Response, error)

// within finds the service of the path, by its SID or its unique name, such as "default".
func (a *api) within(h inService) web.Handler {
	return func(r *web.Request) (web.Response, error) {
		name := r.Path("service")
		s, found := a.registry.Service(name)
		if !found {
			s, found = a.registry.ServiceByName(name)
		}
		if !found {
			return web.Response{}, &web.Error{Status: http.StatusNotFound, Code: codeNoService, Message: "There is no Sync service " + clip(name)}
		}
		return h(r, s)
	}
}

// inCollection answers a request about a kind of objects in a service, or one of them.
type inCollection func(*web.Request, registry.Service, *collection) (web.Response, error)

func (a *api) of(c *collection, h inCollection) web.Handler {
	return a.within(func(r *web.Request, s registry.Service) (web.Response, error) { return h(r, s, c) })
}

// inTime answers a page of records in the order of their creation.
func inTime[T any](r *web.Request, at, key string, all []T, id func(T) (time.Time, string), show func(*web.Request, T) any) (web.Response, error) {
	p, err := r.Paging()
	if err != nil {
		return web.Response{}, err
	}
	place := func(record T) string {
		created, sid := id(record)
		return fmt.Sprintf("%020d", created.UnixNano()) + sid
	}
	byPlace := func(x, y T) int { // as the places compare, but for less
		xCreated, xSID := id(x)
		yCreated, ySID := id(y)
		return cmp.Or(xCreated.Compare(yCreated), strings.Compare(xSID, ySID))
	}
	if !slices.IsSortedFunc(all, byPlace) { // several may be of one moment, and a clock may be set back
		slices.SortFunc(all, byPlace)
	}
	return web.OK(web.List(p, at, key, web.Select(p, all, place), func(record T) any { return show(r, record) })), nil
}

// done answers a deletion.
func done(err error) (web.Response, error) {
	if err != nil {
		return web.Response{}, err
	}
	return web.NoContent(), nil
}

// clip bounds what of a request is repeated in an answer.
func clip(text string) string {
	const most = 300
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
