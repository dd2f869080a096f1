package gateway

import (
	"crypto/tls"

	"gatehouse/gateway/pki"
)

// ServerTLS is the TLS of a further server of this process, with the gateway's own certificate: it is trusted by root.pem, and holds the names under which the gateway
// is reached, also after these have changed.
func (g *Gateway) ServerTLS() *tls.Config { return g.authority.Config(pki.Policy{}, nil) }
