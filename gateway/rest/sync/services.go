package sync

import (
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

type serviceBody struct {
	SID                  string            `json:"sid"`
	UniqueName           *string           `json:"unique_name"`
	AccountSID           string            `json:"account_sid"`
	FriendlyName         *string           `json:"friendly_name"`
	Created              *string           `json:"date_created"`
	Updated              *string           `json:"date_updated"`
	URL                  string            `json:"url"`
	WebhookURL           *string           `json:"webhook_url"`
	WebhooksFromREST     bool              `json:"webhooks_from_rest_enabled"`
	ReachabilityWebhooks bool              `json:"reachability_webhooks_enabled"`
	ACL                  bool              `json:"acl_enabled"`
	Debouncing           bool              `json:"reachability_debouncing_enabled"`
	DebouncingWindow     int               `json:"reachability_debouncing_window"` // ms
	Links                map[string]string `json:"links"`
}

func (a *api) showService(r *web.Request, s registry.Service) serviceBody {
	links := map[string]string{}
	for _, c := range collections {
		links[c.key] = r.Absolute(Base, "Services", s.SID, c.path)
	}
	return serviceBody{
		SID: s.SID, UniqueName: web.OrNull(s.UniqueName), AccountSID: a.registry.Account().SID, FriendlyName: web.OrNull(s.FriendlyName),
		Created: web.Date(s.Created), Updated: web.Date(s.Updated), URL: r.Absolute(Base, "Services", s.SID),
		WebhookURL: web.OrNull(s.WebhookURL), WebhooksFromREST: s.WebhooksFromRESTEnabled, ReachabilityWebhooks: s.ReachabilityWebhooksEnabled,
		ACL: s.ACLEnabled, Debouncing: s.ReachabilityDebouncingEnabled, DebouncingWindow: s.ReachabilityDebouncingWindow(), Links: links,
	}
}

// serviceChange reads what a request wants of a service.
func serviceChange(r *web.Request) (registry.ServiceChange, error) {
	f := r.Form()
	c := registry.ServiceChange{
		FriendlyName: f.Text("FriendlyName"), WebhookURL: f.Text("WebhookUrl"),
		ReachabilityWebhooksEnabled: f.Bool("ReachabilityWebhooksEnabled"), ACLEnabled: f.Bool("AclEnabled"),
		ReachabilityDebouncingEnabled: f.Bool("ReachabilityDebouncingEnabled"),
		ReachabilityDebouncingWindow:  f.Int("ReachabilityDebouncingWindow", 1000, 30000),
		WebhooksFromRESTEnabled:       f.Bool("WebhooksFromRestEnabled"),
	}
	return c, f.Err()
}

func (a *api) listServices(r *web.Request) (web.Response, error) {
	return inTime(r, r.Absolute(Base, "Services"), "services", a.registry.Services(),
		func(s registry.Service) (time.Time, string) { return s.Created, s.SID },
		func(r *web.Request, s registry.Service) any { return a.showService(r, s) })
}

func (a *api) createService(r *web.Request) (web.Response, error) {
	c, err := serviceChange(r)
	if err != nil {
		return web.Response{}, err
	}
	s, err := a.registry.CreateServiceWith(r.Context(), "", c)
	if err != nil {
		return web.Response{}, err
	}
	return web.Created(a.showService(r, s)), nil
}

func (a *api) readService(r *web.Request, s registry.Service) (web.Response, error) {
	return web.OK(a.showService(r, s)), nil
}

func (a *api) updateService(r *web.Request, s registry.Service) (web.Response, error) {
	c, err := serviceChange(r)
	if err != nil {
		return web.Response{}, err
	}
	if s, err = a.registry.UpdateService(r.Context(), s.SID, c); err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showService(r, s)), nil
}

// deleteService deletes a service. Whoever listens to the registry removes its objects before this returns.
func (a *api) deleteService(r *web.Request, s registry.Service) (web.Response, error) {
	return done(a.registry.DeleteService(r.Context(), s.SID))
}
