package fleet

import (
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
	"gatehouse/gateway/sid"
)

type deploymentBody struct {
	SID          string  `json:"sid"`
	FriendlyName *string `json:"friendly_name"`
	FleetSID     string  `json:"fleet_sid"`
	AccountSID   string  `json:"account_sid"`
	ServiceSID   *string `json:"sync_service_sid"` // null: its devices count as not deployed
	Created      *string `json:"date_created"`
	Updated      *string `json:"date_updated"`
	URL          string  `json:"url"`
}

func (a *api) showDeployment(r *web.Request, d registry.Deployment) deploymentBody {
	return deploymentBody{
		SID: d.SID, FriendlyName: web.OrNull(d.FriendlyName), FleetSID: d.FleetSID, AccountSID: a.registry.Account().SID,
		ServiceSID: web.OrNull(d.ServiceSID), Created: web.Date(d.Created), Updated: web.Date(d.Updated),
		URL: r.Absolute(Base, "Fleets", d.FleetSID, "Deployments", d.SID),
	}
}

func (a *api) service(r *web.Request) *string {
	return reference(r, "SyncServiceSid", sid.Service, func(sid string) bool {
		_, found := a.registry.Service(sid)
		return found
	})
}

func (a *api) listDeployments(r *web.Request, f registry.Fleet) (web.Response, error) {
	paging, err := r.Paging()
	if err != nil {
		return web.Response{}, err
	}
	return listed(r, paging, r.Absolute(Base, "Fleets", f.SID, "Deployments"), "deployments", a.registry.Deployments(f.SID),
		func(d registry.Deployment) (time.Time, string) { return d.Created, d.SID }, a.showDeployment), nil
}

func (a *api) createDeployment(r *web.Request, f registry.Fleet) (web.Response, error) {
	name, service := r.Form().Text("FriendlyName"), a.service(r)
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	d, err := a.registry.CreateDeployment(r.Context(), f.SID, or(name), or(service))
	if err != nil {
		return web.Response{}, err
	}
	return web.Created(a.showDeployment(r, d)), nil
}

func (a *api) findDeployment(r *web.Request, f registry.Fleet) (registry.Deployment, error) {
	d, found := a.registry.Deployment(r.Path("sid"))
	if !found || d.FleetSID != f.SID {
		return registry.Deployment{}, r.NotFound()
	}
	return d, nil
}

func (a *api) readDeployment(r *web.Request, f registry.Fleet) (web.Response, error) {
	d, err := a.findDeployment(r, f)
	if err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showDeployment(r, d)), nil
}

func (a *api) updateDeployment(r *web.Request, f registry.Fleet) (web.Response, error) {
	d, err := a.findDeployment(r, f)
	if err != nil {
		return web.Response{}, err
	}
	name, service := r.Form().Text("FriendlyName"), a.service(r)
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	if d, err = a.registry.UpdateDeployment(r.Context(), d.SID, name, service); err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showDeployment(r, d)), nil
}

func (a *api) deleteDeployment(r *web.Request, f registry.Fleet) (web.Response, error) {
	d, err := a.findDeployment(r, f)
	if err != nil {
		return web.Response{}, err
	}
	return done(a.registry.DeleteDeployment(r.Context(), d.SID))
}
