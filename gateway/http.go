package gateway

import (
	"errors"
	"net/http"

	"gatehouse/gateway/rest/fleet"
	"gatehouse/gateway/rest/metrics"
	"gatehouse/gateway/rest/sync"
)

// apis are the HTTP APIs by the first segment of their paths.
func (g *Gateway) apis() map[string]http.Handler {
	objects := sync.New(sync.Params{Registry: g.registry, Objects: g.objects, Logger: g.config.Logger})
	return map[string]http.Handler{
		fleet.Base: fleet.New(fleet.Params{Registry: g.registry, Logger: g.config.Logger}),
		sync.Base:  objects,
		sync.Own:   g.ownAPI(objects),
	}
}

// healthy is what /healthz answers: nil while devices can be served.
func (g *Gateway) healthy() error {
	if err := g.storeErr(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != Listening {
		return errors.New("not listening for devices")
	}
	return nil
}

// ready is what /readyz answers: nil while newcomers are let in, too.
func (g *Gateway) ready() error {
	if err := g.healthy(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return errors.New("being stopped")
	}
	return nil
}

// traffic is asked when /metrics is.
func (g *Gateway) traffic() metrics.Traffic {
	s := g.hub.Stats()
	return metrics.Traffic{
		Connected: s.Connected, Sessions: s.Sessions, MessagesIn: s.MessagesIn, MessagesOut: s.MessagesOut, BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		Dropped: s.Dropped, Lost: s.Lost, Held: s.SlowedDown, Retained: s.Retained, Outbox: s.Queued, OutboxBytes: s.QueuedBytes,
	}
}
