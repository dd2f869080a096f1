package pki

import "crypto/tls"

// Kind is the key of a server leaf.
type Kind string

// The leaves that the gateway holds.
const (
	ECDSA Kind = "ECDSA P-256"
	RSA   Kind = "RSA-2048"
)

// Suite is one line of the list of cipher suites.
type Suite struct {
	ID      uint16
	Name    string // of IANA
	OpenSSL string
	Version uint16 // TLS version that it belongs to
	Leaf    Kind   // that it needs; empty for TLS 1.3, where suite and key are independent
	Legacy  bool   // only with Policy.Legacy
	// Configurable is false for TLS 1.3: Go offers all three and chooses by what the processor is fast at.
	Configurable bool
}

// Suites are all that the gateway speaks, best first (contract, section 1). The order of the TLS 1.3 suites is Go's, not
// ours; that of the TLS 1.2 suites is enforced by Authority.Answer.
var Suites = []Suite{
	{ID: tls.TLS_AES_128_GCM_SHA256, Name: "TLS_AES_128_GCM_SHA256", OpenSSL: "TLS_AES_128_GCM_SHA256", Version: tls.VersionTLS13},
	{ID: tls.TLS_AES_256_GCM_SHA384, Name: "TLS_AES_256_GCM_SHA384", OpenSSL: "TLS_AES_256_GCM_SHA384", Version: tls.VersionTLS13},
	{ID: tls.TLS_CHACHA20_POLY1305_SHA256, Name: "TLS_CHACHA20_POLY1305_SHA256", OpenSSL: "TLS_CHACHA20_POLY1305_SHA256", Version: tls.VersionTLS13},

	tls12(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", ECDSA, false),
	tls12(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", RSA, false),
	tls12(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", ECDSA, false),
	tls12(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", RSA, false),
	tls12(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", ECDSA, false),
	tls12(tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", RSA, false),

	tls12(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256", RSA, true),
	tls12(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA", RSA, true),
}

func tls12(id uint16, openSSL string, leaf Kind, legacy bool) Suite {
	return Suite{ID: id, Name: tls.CipherSuiteName(id), OpenSSL: openSSL, Version: tls.VersionTLS12, Leaf: leaf, Legacy: legacy, Configurable: true}
}

// Policy holds the switches of the TLS settings. The zero value is the default.
type Policy struct {
	Legacy      bool // adds the two CBC suites, for old microcontroller stacks
	PostQuantum bool // adds the group X25519MLKEM768
}

// Suites12 are the TLS 1.2 suites of a policy, best first.
func (p Policy) Suites12() []Suite {
	var suites []Suite
	for _, s := range Suites {
		if s.Version == tls.VersionTLS12 && (!s.Legacy || p.Legacy) {
			suites = append(suites, s)
		}
	}
	return suites
}

// Groups are the key exchanges of a policy.
func (p Policy) Groups() []tls.CurveID {
	groups := []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	if p.PostQuantum {
		groups = append([]tls.CurveID{tls.X25519MLKEM768}, groups...)
	}
	return groups
}
