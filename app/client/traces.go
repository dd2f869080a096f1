package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Trace is whether all packets of a device are recorded, and what its session is now.
type Trace struct {
	DeviceSID     string    `json:"device_sid"`
	Traced        bool      `json:"traced"`
	Now           time.Time `json:"now"`        // by the gateway's clock
	AttemptID     uint64    `json:"attempt_id"` // of its connection; 0: it has none
	Subscriptions []struct {
		Filter string `json:"filter"`
		QoS    byte   `json:"qos"`
	} `json:"subscriptions"`
}

func tracePath(deviceSID string) string { return own + "/Traces/" + url.PathEscape(deviceSID) }

// Trace looks whether a device is traced.
func (c *Client) Trace(ctx context.Context, deviceSID string) (Trace, error) {
	return fetch[Trace](ctx, c, tracePath(deviceSID))
}

// BeginTrace has the gateway record all packets of a device, for an hour at most.
func (c *Client) BeginTrace(ctx context.Context, deviceSID string) (Trace, error) {
	return post[Trace](ctx, c, tracePath(deviceSID), url.Values{}, "")
}

// EndTrace ends that.
func (c *Client) EndTrace(ctx context.Context, deviceSID string) error {
	var got Trace
	return c.call(ctx, request{method: http.MethodDelete, path: tracePath(deviceSID)}, &got)
}
