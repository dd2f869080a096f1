package gateway

import (
	"gatehouse/gateway/rest/attempts"
)

// tracing is the HTTP API's way to Trace.
func (g *Gateway) tracing() *attempts.Tracing {
	return &attempts.Tracing{
		Switch: g.Trace, Traced: g.Traced, Now: g.config.Now,
		Known: func(deviceSID string) bool { _, found := g.registry.Device(deviceSID); return found },
		Session: func(deviceSID string) (found attempts.Session) {
			for _, s := range g.Sessions() {
				if s.DeviceSID != deviceSID {
					continue
				}
				if s.Connected {
					found.AttemptID = s.AttemptID
				}
				for _, one := range s.Subscriptions {
					found.Subscriptions = append(found.Subscriptions, attempts.Subscription{Filter: one.Filter, QoS: one.QoS})
				}
			}
			return found
		},
	}
}
