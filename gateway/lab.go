package gateway

import (
	"context"
	"net"

	"gatehouse/gateway/lab"
)

// openLab makes the wrong servers ready; none listens yet.
func (g *Gateway) openLab(context.Context) error {
	g.lab = lab.New(lab.Params{
		Log: g.attempts, Registry: g.registry, Authority: g.authority, Now: g.config.Now, Logger: g.config.Logger,
		Host: func() string {
			if g.onNetwork(g.Settings()) {
				return ""
			}
			return "127.0.0.1"
		},
		Name: func() string {
			if names := g.names(g.Settings()); len(names) > 0 {
				return names[0]
			}
			host, _, _ := net.SplitHostPort(g.config.MQTTAddr)
			if host == "" {
				host = "localhost"
			}
			return host
		},
	})
	g.background.add(g.lab.Close)
	return nil
}

// Lab are the servers that are wrong on purpose, beside the gateway.
func (g *Gateway) Lab() *lab.Lab { return g.lab }
