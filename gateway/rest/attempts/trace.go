package attempts

import (
	"time"

	"gatehouse/gateway/rest/web"
)

// Session is what a device's connection and its session are now.
type Session struct {
	AttemptID     uint64 // of its connection; 0: it has none
	Subscriptions []Subscription
}

// Subscription is a filter of a session.
type Subscription struct {
	Filter string `json:"filter"`
	QoS    byte   `json:"qos"`
}

// Tracing records the packets of a device beyond the first of each connection.
type Tracing struct {
	// Switch begins or ends it, within the bounds of gateway.Trace; false for a device that there is not, or when too many are traced.
	Switch  func(deviceSID string, on bool) bool
	Traced  func(deviceSID string) bool
	Session func(deviceSID string) Session
	Known   func(deviceSID string) bool
	Now     func() time.Time
}

// trace is the answer: whether the device is traced, and what its session is now.
type trace struct {
	DeviceSID     string         `json:"device_sid"`
	Traced        bool           `json:"traced"`
	Now           time.Time      `json:"now"` // by the gateway's clock, as its attempts are
	AttemptID     uint64         `json:"attempt_id"`
	Subscriptions []Subscription `json:"subscriptions"`
}

// handleTraces answers GET, POST and DELETE of a device's trace.
func (a *api) handleTraces(t *web.Table) {
	if a.Tracing == nil {
		return
	}
	const path = Base + "/Traces/{device}"
	t.Handle("GET", path, a.traced(func(string) bool { return true }))
	t.Handle("POST", path, a.traced(func(device string) bool { return a.Tracing.Switch(device, true) }))
	t.Handle("DELETE", path, a.traced(func(device string) bool { return a.Tracing.Switch(device, false) }))
}

func (a *api) traced(change func(deviceSID string) bool) web.Handler {
	return func(r *web.Request) (web.Response, error) {
		device := r.Path("device")
		if !a.Tracing.Known(device) {
			return web.Response{}, r.NotFound()
		}
		if !change(device) {
			return web.Response{}, web.Conflict("Too many devices are traced.")
		}
		s := a.Tracing.Session(device)
		if s.Subscriptions == nil {
			s.Subscriptions = []Subscription{}
		}
		return web.OK(trace{device, a.Tracing.Traced(device), a.Tracing.Now(), s.AttemptID, s.Subscriptions}), nil
	}
}
