package fleet

import (
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

type fleetBody struct {
	SID                  string     `json:"sid"`
	UniqueName           *string    `json:"unique_name"`
	FriendlyName         *string    `json:"friendly_name"`
	AccountSID           string     `json:"account_sid"`
	DefaultDeploymentSID *string    `json:"default_deployment_sid"`
	Created              *string    `json:"date_created"`
	Updated              *string    `json:"date_updated"`
	URL                  string     `json:"url"`
	Links                fleetLinks `json:"links"`
}

type fleetLinks struct {
	Devices      string `json:"devices"`
	Deployments  string `json:"deployments"`
	Certificates string `json:"certificates"`
	Keys         string `json:"keys"`
}

func (a *api) showFleet(r *web.Request, f registry.Fleet) fleetBody {
	below := func(collection string) string { return r.Absolute(Base, "Fleets", f.SID, collection) }
	return fleetBody{
		SID: f.SID, UniqueName: web.OrNull(f.UniqueName), FriendlyName: web.OrNull(f.FriendlyName), AccountSID: a.registry.Account().SID,
		DefaultDeploymentSID: web.OrNull(f.DefaultDeploymentSID), Created: web.Date(f.Created), Updated: web.Date(f.Updated),
		URL:   r.Absolute(Base, "Fleets", f.SID),
		Links: fleetLinks{below("Devices"), below("Deployments"), below("Certificates"), below("Keys")},
	}
}

func (a *api) listFleets(r *web.Request) (web.Response, error) {
	paging, err := r.Paging()
	if err != nil {
		return web.Response{}, err
	}
	return listed(r, paging, r.Absolute(Base, "Fleets"), "fleets", a.registry.Fleets(),
		func(f registry.Fleet) (time.Time, string) { return f.Created, f.SID }, a.showFleet), nil
}

func (a *api) createFleet(r *web.Request) (web.Response, error) {
	name := r.Form().Text("FriendlyName")
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	f, err := a.registry.CreateFleet(r.Context(), "", or(name))
	if err != nil {
		return web.Response{}, err
	}
	return web.Created(a.showFleet(r, f)), nil
}

func (a *api) readFleet(r *web.Request, f registry.Fleet) (web.Response, error) {
	return web.OK(a.showFleet(r, f)), nil
}

func (a *api) updateFleet(r *web.Request, f registry.Fleet) (web.Response, error) {
	change := registry.FleetChange{FriendlyName: r.Form().Text("FriendlyName"), DefaultDeploymentSID: a.deployment(r, "DefaultDeploymentSid", f)}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	f, err := a.registry.UpdateFleet(r.Context(), f.SID, change)
	if err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showFleet(r, f)), nil
}

func (a *api) deleteFleet(r *web.Request, f registry.Fleet) (web.Response, error) {
	return done(a.registry.DeleteFleet(r.Context(), f.SID))
}
