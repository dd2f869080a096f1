package registry

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"gatehouse/gateway/sid"
)

// Bounds of a service's fields (the HTTP API's).
const (
	maxWebhookURL         = 2048
	minDebouncingWindow   = 1000 // ms
	maxDebouncingWindow   = 30000
	defaultDebouncingTime = 5000
)

// ServiceChange is what to change of a Sync service; nil fields stay.
type ServiceChange struct {
	FriendlyName                  *string
	WebhookURL                    *string // absolute, http or https; empty: none
	ReachabilityWebhooksEnabled   *bool
	ACLEnabled                    *bool
	ReachabilityDebouncingEnabled *bool
	ReachabilityDebouncingWindow  *int // ms, 1000 to 30000
	WebhooksFromRESTEnabled       *bool
}

// apply makes the change, unless something in it is wrong.
func (c ServiceChange) apply(s *Service) error {
	s.FriendlyName = or(c.FriendlyName, s.FriendlyName)
	s.WebhookURL = or(c.WebhookURL, s.WebhookURL)
	s.ReachabilityWebhooksEnabled = or(c.ReachabilityWebhooksEnabled, s.ReachabilityWebhooksEnabled)
	s.ACLEnabled = or(c.ACLEnabled, s.ACLEnabled)
	s.ReachabilityDebouncingEnabled = or(c.ReachabilityDebouncingEnabled, s.ReachabilityDebouncingEnabled)
	s.ReachabilityDebouncing = or(c.ReachabilityDebouncingWindow, s.ReachabilityDebouncing)
	s.WebhooksFromRESTEnabled = or(c.WebhooksFromRESTEnabled, s.WebhooksFromRESTEnabled)
	if w := s.ReachabilityDebouncing; w != 0 && (w < minDebouncingWindow || w > maxDebouncingWindow) {
		return &InvalidError{Field: "ReachabilityDebouncingWindow", Reason: fmt.Sprintf("is %d ms; it may be %d to %d", w, minDebouncingWindow, maxDebouncingWindow)}
	}
	return errors.Join(checkFriendlyName(s.FriendlyName), checkWebhookURL(s.WebhookURL))
}

// checkWebhookURL accepts an absolute http or https URL, or none. Which addresses a name may lead to is decided when it is
// called.
func checkWebhookURL(text string) error {
	if text == "" {
		return nil
	}
	if err := checkText("WebhookUrl", text, maxWebhookURL); err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &InvalidError{Field: "WebhookUrl", Reason: "is not an http or https address such as http://127.0.0.1:3000/hook"}
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.Unmap().IsLinkLocalUnicast() {
		return &InvalidError{Field: "WebhookUrl", Reason: "names a link-local address, which is never called"}
	}
	return nil
}

func (m *memory) serviceByName(unique string) (Service, bool) {
	for _, s := range m.services {
		if s.UniqueName == unique && unique != "" {
			return s, true
		}
	}
	return Service{}, false
}

// CreateService makes a Sync service. The unique name may be empty.
func (r *Registry) CreateService(ctx context.Context, uniqueName, friendlyName string) (Service, error) {
	return r.CreateServiceWith(ctx, uniqueName, ServiceChange{FriendlyName: &friendlyName})
}

// CreateServiceWith makes a Sync service with all that UpdateService may change; what is nil has its default. The unique
// name may be empty. The error may be an [*InvalidError] or an [*ExistsError].
func (r *Registry) CreateServiceWith(ctx context.Context, uniqueName string, c ServiceChange) (Service, error) {
	var s Service
	err := r.write(ctx, func(t *transaction) error {
		s = Service{UniqueName: uniqueName}
		if err := errors.Join(checkUniqueName(uniqueName), c.apply(&s)); err != nil {
			return err
		}
		if other, taken := t.r.memory.serviceByName(uniqueName); taken {
			return &ExistsError{What: "unique name", SID: other.SID}
		}
		now := r.stamp()
		s.SID, s.Created, s.Updated = r.params.NewSID(sid.Service), now, now
		t.putService(s)
		t.changed(KindService, s.SID, false)
		return nil
	})
	if err != nil {
		return Service{}, fmt.Errorf("create service: %w", err)
	}
	return s, nil
}

// UpdateService changes a Sync service. The error may be an [*InvalidError].
func (r *Registry) UpdateService(ctx context.Context, serviceSID string, c ServiceChange) (Service, error) {
	var s Service
	err := r.write(ctx, func(t *transaction) error {
		var found bool
		if s, found = t.r.memory.services[serviceSID]; !found {
			return notFound(KindService, serviceSID)
		}
		if err := c.apply(&s); err != nil {
			return err
		}
		s.Updated = r.stamp()
		t.putService(s)
		t.changed(KindService, s.SID, false)
		return nil
	})
	if err != nil {
		return Service{}, fmt.Errorf("update service: %w", err)
	}
	return s, nil
}

// ServiceByName finds a Sync service by its unique name; "default" is the one that every account starts with.
func (r *Registry) ServiceByName(unique string) (Service, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.memory.serviceByName(unique)
}

// DeleteService deletes a Sync service; the deployments that were linked to it have none then. The service "default" stays:
// [ErrDefault].
func (r *Registry) DeleteService(ctx context.Context, serviceSID string) error {
	err := r.write(ctx, func(t *transaction) error {
		s, found := t.r.memory.services[serviceSID]
		switch {
		case !found:
			return notFound(KindService, serviceSID)
		case s.UniqueName == defaultName:
			return ErrDefault
		}
		now := r.stamp()
		var affected []string
		for _, d := range t.r.memory.deployments {
			if d.ServiceSID == serviceSID {
				affected = append(affected, t.devicesOf(d.SID)...)
				d.ServiceSID, d.Updated = "", now
				t.putDeployment(d)
				t.changed(KindDeployment, d.SID, false)
			}
		}
		t.remove(KindService, serviceSID, func(m *memory) { delete(m.services, serviceSID) })
		t.changed(KindService, serviceSID, true, affected...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete service: %w", err)
	}
	return nil
}
