package fleet

import (
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

type deviceBody struct {
	SID           string  `json:"sid"`
	UniqueName    *string `json:"unique_name"`
	FriendlyName  *string `json:"friendly_name"`
	FleetSID      string  `json:"fleet_sid"`
	AccountSID    string  `json:"account_sid"`
	Enabled       bool    `json:"enabled"`
	DeploymentSID *string `json:"deployment_sid"`
	Identity      *string `json:"identity"`
	Created       *string `json:"date_created"`
	Updated       *string `json:"date_updated"`
	Authenticated *string `json:"date_authenticated"` // null before the first accepted connect
	URL           string  `json:"url"`
}

func (a *api) showDevice(r *web.Request, d registry.Device) deviceBody {
	return deviceBody{
		SID: d.SID, UniqueName: web.OrNull(d.UniqueName), FriendlyName: web.OrNull(d.FriendlyName), FleetSID: d.FleetSID,
		AccountSID: a.registry.Account().SID, Enabled: d.Enabled, DeploymentSID: web.OrNull(d.DeploymentSID), Identity: web.OrNull(d.Identity),
		Created: web.Date(d.Created), Updated: web.Date(d.Updated), Authenticated: web.Date(d.Authenticated),
		URL: r.Absolute(Base, "Fleets", d.FleetSID, "Devices", d.SID),
	}
}

func (a *api) listDevices(r *web.Request, f registry.Fleet) (web.Response, error) {
	paging, deployment, err := filtered(r, f, "DeploymentSid", a.deployment)
	if err != nil {
		return web.Response{}, err
	}
	kept := keep(a.registry.Devices(), func(d registry.Device) bool {
		return d.FleetSID == f.SID && (deployment == nil || d.DeploymentSID == *deployment)
	})
	return listed(r, paging, r.Absolute(Base, "Fleets", f.SID, "Devices"), "devices", kept,
		func(d registry.Device) (time.Time, string) { return d.Created, d.SID }, a.showDevice), nil
}

func (a *api) createDevice(r *web.Request, f registry.Fleet) (web.Response, error) {
	form := r.Form()
	enabled := form.Bool("Enabled")
	n := registry.NewDevice{
		FleetSID: f.SID, UniqueName: or(form.Text("UniqueName")), FriendlyName: or(form.Text("FriendlyName")), Identity: or(form.Text("Identity")),
		DeploymentSID: a.deployment(r, "DeploymentSid", f), Disabled: enabled != nil && !*enabled,
	}
	if err := form.Err(); err != nil {
		return web.Response{}, err
	}
	d, err := a.registry.CreateDevice(r.Context(), n)
	if err != nil {
		return web.Response{}, err
	}
	return web.Created(a.showDevice(r, d)), nil
}

// findDevice finds the device of the path, by its SID or its unique name.
func (a *api) findDevice(r *web.Request, f registry.Fleet) (registry.Device, error) {
	name := r.Path("sid")
	d, found := a.registry.Device(name)
	if !found {
		d, found = a.registry.DeviceByName(f.SID, name)
	}
	if !found || d.FleetSID != f.SID {
		return registry.Device{}, r.NotFound()
	}
	return d, nil
}

func (a *api) readDevice(r *web.Request, f registry.Fleet) (web.Response, error) {
	d, err := a.findDevice(r, f)
	if err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showDevice(r, d)), nil
}

func (a *api) updateDevice(r *web.Request, f registry.Fleet) (web.Response, error) {
	d, err := a.findDevice(r, f)
	if err != nil {
		return web.Response{}, err
	}
	form := r.Form()
	change := registry.DeviceChange{
		FriendlyName: form.Text("FriendlyName"), Identity: form.Text("Identity"), Enabled: form.Bool("Enabled"),
		DeploymentSID: a.deployment(r, "DeploymentSid", f),
	}
	if err := form.Err(); err != nil {
		return web.Response{}, err
	}
	if d, err = a.registry.UpdateDevice(r.Context(), d.SID, change); err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showDevice(r, d)), nil
}

func (a *api) deleteDevice(r *web.Request, f registry.Fleet) (web.Response, error) {
	d, err := a.findDevice(r, f)
	if err != nil {
		return web.Response{}, err
	}
	return done(a.registry.DeleteDevice(r.Context(), d.SID))
}
