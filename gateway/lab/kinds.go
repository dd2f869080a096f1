package lab

import (
	"crypto/tls"

	"gatehouse/gateway/pki"
)

// Kind names a wrong server. The names are stable: attempts keep them, and the command line takes them.
type Kind string

// Group is what is wrong.
type Group string

// The groups.
const (
	Certificate Group = "certificate"
	TLS         Group = "tls"
	Code        Group = "code"
	Network     Group = "network"
)

// The kinds that are named elsewhere.
const (
	ReturnCode     Kind = "return_code" // Options.Code, or the tour
	Withheld       Kind = "connack_withheld"
	Throttled      Kind = "throttled"
	CloseConnect   Kind = "close_after_connect"
	CloseConnack   Kind = "close_after_connack"
	HalfOpen       Kind = "half_open"
	Garbage        Kind = "garbage"
	WrongPresent   Kind = "wrong_session_present"
	OnlyTLS12      Kind = "tls12_only"
	OnlyTLS13      Kind = "tls13_only"
	LegacySuites   Kind = "legacy_suites"
	certificateEnd      = "_certificate"
)

// Info is a kind and where it belongs.
type Info struct {
	Kind  Kind
	Group Group
	Fault pki.Fault // of the certificate; pki.FaultNone elsewhere
	// Lenient: careful TLS libraries take this one as well, Go's among them, so taking it is a remark and no failure.
	Lenient bool
}

// Kinds are all wrong servers, in the order in which they are shown.
func Kinds() []Info {
	var all []Info
	for _, f := range []pki.Fault{
		pki.FaultExpired, pki.FaultNotYetValid, pki.FaultWrongName, pki.FaultUnknownRoot, pki.FaultNoIntermediate, pki.FaultSelfSigned,
		pki.FaultExpiredIntermediate, pki.FaultSHA1, pki.FaultRSA1024, pki.FaultCALeaf,
	} {
		all = append(all, Info{Kind(string(f) + certificateEnd), Certificate, f, f == pki.FaultRSA1024 || f == pki.FaultCALeaf})
	}
	for _, k := range []Kind{OnlyTLS12, OnlyTLS13, LegacySuites} {
		all = append(all, Info{Kind: k, Group: TLS, Fault: pki.FaultNone})
	}
	all = append(all, Info{Kind: ReturnCode, Group: Code, Fault: pki.FaultNone})
	for _, k := range []Kind{Withheld, Throttled, CloseConnect, CloseConnack, HalfOpen, Garbage, WrongPresent} {
		all = append(all, Info{Kind: k, Group: Network, Fault: pki.FaultNone})
	}
	return all
}

// Find is the kind of that name.
func Find(k Kind) (Info, bool) {
	for _, i := range Kinds() {
		if i.Kind == k {
			return i, true
		}
	}
	return Info{}, false
}

// legacySuites have no forward secrecy, or CBC with SHA-1. Go still speaks them when they are named.
var legacySuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA}

// config is the TLS side of a kind: one chain, a client certificate requested and never required, no tickets, so that each
// connection shows the whole handshake.
func config(i Info, chain *tls.Certificate) *tls.Config {
	c := &tls.Config{
		Certificates: []tls.Certificate{*chain}, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13,
		ClientAuth: tls.RequestClientCert, SessionTicketsDisabled: true,
	}
	switch i.Kind {
	case OnlyTLS12:
		c.MaxVersion = tls.VersionTLS12
	case OnlyTLS13:
		c.MinVersion = tls.VersionTLS13
	case LegacySuites:
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, legacySuites
	}
	return c
}
