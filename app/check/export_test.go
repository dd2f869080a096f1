package check

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"testing"
)

// What the golden outputs need of the servers that the other tests are made with.
var (
	ServeTLS = servedTLS
	Serve    = serve
	Answers  = answers
	Says     = says
	Closes   = closes
	Waits    = waits
)

// Servers are certificates for servers of all kinds, by one root.
type Servers struct{ w world }

// NewServers makes them.
func NewServers(t testing.TB) Servers { return Servers{newWorld(t)} }

// Root is the root, PEM.
func (s Servers) Root() []byte { return s.w.root.pem() }

// Config is a server's, with a certificate that differs from a good one by the change, and the intermediate unless alone.
func (s Servers) Config(t testing.TB, key crypto.Signer, alone bool, change func(*x509.Certificate)) *tls.Config {
	leaf := made(t, "localhost", s.w.middle, key, and(local, change))
	chain := [][]byte{leaf.cert.Raw, s.w.middle.cert.Raw}
	if alone {
		chain = chain[:1]
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: leaf.key}}}
}

// SelfSigned is the configuration of a server that vouches for itself.
func (s Servers) SelfSigned(t testing.TB) *tls.Config {
	leaf := made(t, "localhost", nil, nil, local)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key}}}
}
