package fleet

import (
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

// certificateBody never holds the certificate itself.
type certificateBody struct {
	SID          string  `json:"sid"`
	FriendlyName *string `json:"friendly_name"`
	FleetSID     string  `json:"fleet_sid"`
	AccountSID   string  `json:"account_sid"`
	DeviceSID    *string `json:"device_sid"`
	Thumbprint   string  `json:"thumbprint"` // SHA-256 of the DER, lower-case hex
	Created      *string `json:"date_created"`
	Updated      *string `json:"date_updated"`
	URL          string  `json:"url"`
}

func (a *api) showCertificate(r *web.Request, c registry.Certificate) certificateBody {
	return certificateBody{
		SID: c.SID, FriendlyName: web.OrNull(c.FriendlyName), FleetSID: c.FleetSID, AccountSID: a.registry.Account().SID,
		DeviceSID: web.OrNull(c.DeviceSID), Thumbprint: c.Thumbprint, Created: web.Date(c.Created), Updated: web.Date(c.Updated),
		URL: r.Absolute(Base, "Fleets", c.FleetSID, "Certificates", c.SID),
	}
}

func (a *api) listCertificates(r *web.Request, f registry.Fleet) (web.Response, error) {
	paging, device, err := filtered(r, f, "DeviceSid", a.device)
	if err != nil {
		return web.Response{}, err
	}
	kept := keep(a.registry.AllCertificates(), func(c registry.Certificate) bool {
		return c.FleetSID == f.SID && (device == nil || c.DeviceSID == *device)
	})
	return listed(r, paging, r.Absolute(Base, "Fleets", f.SID, "Certificates"), "certificates", kept,
		func(c registry.Certificate) (time.Time, string) { return c.Created, c.SID }, a.showCertificate), nil
}

func (a *api) createCertificate(r *web.Request, f registry.Fleet) (web.Response, error) {
	data, name, device := r.Form().Required("CertificateData"), r.Form().Text("FriendlyName"), a.device(r, "DeviceSid", f)
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	c, err := a.registry.ImportCertificate(r.Context(), f.SID, or(device), or(name), []byte(data))
	if err != nil {
		return web.Response{}, err
	}
	return web.Created(a.showCertificate(r, c)), nil
}

func (a *api) findCertificate(r *web.Request, f registry.Fleet) (registry.Certificate, error) {
	c, found := a.registry.Certificate(r.Path("sid"))
	if !found || c.FleetSID != f.SID {
		return registry.Certificate{}, r.NotFound()
	}
	return c, nil
}

func (a *api) readCertificate(r *web.Request, f registry.Fleet) (web.Response, error) {
	c, err := a.findCertificate(r, f)
	if err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showCertificate(r, c)), nil
}

func (a *api) updateCertificate(r *web.Request, f registry.Fleet) (web.Response, error) {
	c, err := a.findCertificate(r, f)
	if err != nil {
		return web.Response{}, err
	}
	change := registry.CredentialChange{FriendlyName: r.Form().Text("FriendlyName"), DeviceSID: a.device(r, "DeviceSid", f)}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	if c, err = a.registry.UpdateCertificate(r.Context(), c.SID, change); err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showCertificate(r, c)), nil
}

func (a *api) deleteCertificate(r *web.Request, f registry.Fleet) (web.Response, error) {
	c, err := a.findCertificate(r, f)
	if err != nil {
		return web.Response{}, err
	}
	return done(a.registry.DeleteCertificate(r.Context(), c.SID))
}
