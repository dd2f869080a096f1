package fleet

import (
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

type keyBody struct {
	SID          string  `json:"sid"`
	FriendlyName *string `json:"friendly_name"`
	FleetSID     string  `json:"fleet_sid"`
	AccountSID   string  `json:"account_sid"`
	DeviceSID    *string `json:"device_sid"`
	Secret       *string `json:"secret"` // on create only, null after
	Created      *string `json:"date_created"`
	Updated      *string `json:"date_updated"`
	URL          string  `json:"url"`
}

func (a *api) showKey(r *web.Request, k registry.Key) keyBody {
	return keyBody{
		SID: k.SID, FriendlyName: web.OrNull(k.FriendlyName), FleetSID: k.FleetSID, AccountSID: a.registry.Account().SID,
		DeviceSID: web.OrNull(k.DeviceSID), Created: web.Date(k.Created), Updated: web.Date(k.Updated),
		URL: r.Absolute(Base, "Fleets", k.FleetSID, "Keys", k.SID),
	}
}

func (a *api) listKeys(r *web.Request, f registry.Fleet) (web.Response, error) {
	paging, device, err := filtered(r, f, "DeviceSid", a.device)
	if err != nil {
		return web.Response{}, err
	}
	kept := keep(a.registry.AllKeys(), func(k registry.Key) bool {
		return k.FleetSID == f.SID && (device == nil || k.DeviceSID == *device)
	})
	return listed(r, paging, r.Absolute(Base, "Fleets", f.SID, "Keys"), "keys", kept,
		func(k registry.Key) (time.Time, string) { return k.Created, k.SID }, a.showKey), nil
}

// createKey answers the one body that ever holds the secret.
func (a *api) createKey(r *web.Request, f registry.Fleet) (web.Response, error) {
	name, device := r.Form().Text("FriendlyName"), a.device(r, "DeviceSid", f)
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	k, secret, err := a.registry.CreateKey(r.Context(), f.SID, or(device), or(name))
	if err != nil {
		return web.Response{}, err
	}
	body := a.showKey(r, k)
	body.Secret = &secret
	return web.Created(body), nil
}

func (a *api) findKey(r *web.Request, f registry.Fleet) (registry.Key, error) {
	k, found := a.registry.Key(r.Path("sid"))
	if !found || k.FleetSID != f.SID {
		return registry.Key{}, r.NotFound()
	}
	return k, nil
}

func (a *api) readKey(r *web.Request, f registry.Fleet) (web.Response, error) {
	k, err := a.findKey(r, f)
	if err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showKey(r, k)), nil
}

func (a *api) updateKey(r *web.Request, f registry.Fleet) (web.Response, error) {
	k, err := a.findKey(r, f)
	if err != nil {
		return web.Response{}, err
	}
	change := registry.CredentialChange{FriendlyName: r.Form().Text("FriendlyName"), DeviceSID: a.device(r, "DeviceSid", f)}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	if k, err = a.registry.UpdateKey(r.Context(), k.SID, change); err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showKey(r, k)), nil
}

func (a *api) deleteKey(r *web.Request, f registry.Fleet) (web.Response, error) {
	k, err := a.findKey(r, f)
	if err != nil {
		return web.Response{}, err
	}
	return done(a.registry.DeleteKey(r.Context(), k.SID))
}
