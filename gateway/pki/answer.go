package pki

import (
	"crypto/tls"
	"errors"
	"slices"
)

// What keeps a ClientHello from being answered.
var (
	ErrVersion       = errors.New("the device offers neither TLS 1.2 nor TLS 1.3")
	ErrNoSharedSuite = errors.New("the device and the gateway have no cipher suite in common")
)

// Answer is what a ClientHello gets.
type Answer struct {
	Config  *tls.Config // shared by many connections: not to be changed
	Chain   *tls.Certificate
	Kind    Kind
	Version uint16
	Suite   uint16 // TLS 1.2 only; Go chooses for TLS 1.3
	Why     string // this leaf, for people
}

// answerKey names a configuration that is made once for each leaf generation.
type answerKey struct {
	policy Policy
	kind   Kind
	suite  uint16
}

// Config is a server configuration that answers each ClientHello by Answer. The client certificate is requested, never
// required, and its chain is not judged: the handshake proves its key. observe, which may be nil, is told each
// ClientHello before it is answered, with the answer or the reason why there is none; hello.Context() is that of the
// handshake.
func (a *Authority) Config(p Policy, observe func(*tls.ClientHelloInfo, Answer, error)) *tls.Config {
	base := a.config(p)
	base.GetCertificate = a.Leaf
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		answer, err := a.Answer(hello, p)
		if observe != nil {
			observe(hello, answer, err)
		}
		return answer.Config, nil // without an answer crypto/tls goes on with base, and fails with the right alert
	}
	return base
}

func (a *Authority) config(p Policy) *tls.Config {
	c := &tls.Config{
		MinVersion:       tls.VersionTLS12,
		MaxVersion:       tls.VersionTLS13,
		CurvePreferences: p.Groups(),
		ClientAuth:       tls.RequestClientCert,
		Time:             a.now,
	}
	for _, s := range p.Suites12() {
		c.CipherSuites = append(c.CipherSuites, s.ID)
	}
	return c
}

// Leaf is the chain for a ClientHello, by its signature algorithms and suites.
func (a *Authority) Leaf(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	answer, err := a.Answer(hello, Policy{})
	if err != nil {
		return a.current().ecdsa, nil // crypto/tls finds the same fault, and names it in an alert
	}
	return answer.Chain, nil
}

// Answer chooses version, leaf and, for TLS 1.2, the best suite of our list that both have. Go would order the suites by
// its own taste; with only one configured there is nothing left to order. Leaves that are due are renewed first.
func (a *Authority) Answer(hello *tls.ClientHelloInfo, p Policy) (Answer, error) {
	a.renewIfDue()
	m := a.current()
	switch {
	case slices.Contains(hello.SupportedVersions, tls.VersionTLS13):
		return m.answer13(a, hello, p)
	case slices.Contains(hello.SupportedVersions, tls.VersionTLS12):
		return m.answer12(a, hello, p)
	}
	return Answer{}, ErrVersion
}

func (m *material) answer13(a *Authority, hello *tls.ClientHelloInfo, p Policy) (Answer, error) {
	shared := slices.ContainsFunc(Suites, func(s Suite) bool { return s.Version == tls.VersionTLS13 && slices.Contains(hello.CipherSuites, s.ID) })
	if !shared {
		return Answer{}, ErrNoSharedSuite
	}
	for _, leaf := range m.leaves() {
		if supports(hello, leaf.chain, tls.VersionTLS13, hello.CipherSuites) {
			why := "the device verifies ECDSA signatures"
			if leaf.kind == RSA {
				why = "the device does not verify ECDSA P-256 signatures"
			}
			return m.answer(a, answerKey{p, leaf.kind, 0}, leaf.chain, tls.VersionTLS13, why), nil
		}
	}
	return Answer{}, ErrNoSharedSuite
}

func (m *material) answer12(a *Authority, hello *tls.ClientHelloInfo, p Policy) (Answer, error) {
	for _, suite := range p.Suites12() {
		chain := m.ecdsa
		if suite.Leaf == RSA {
			chain = m.rsa
		}
		if slices.Contains(hello.CipherSuites, suite.ID) && supports(hello, chain, tls.VersionTLS12, []uint16{suite.ID}) {
			why := suite.OpenSSL + " is the best suite that both have"
			return m.answer(a, answerKey{p, suite.Leaf, suite.ID}, chain, tls.VersionTLS12, why), nil
		}
	}
	return Answer{}, ErrNoSharedSuite
}

// supports asks crypto/tls whether the device can use a chain with these suites. The server name is left out: a device
// that dials by another name gets the leaf that it can verify best, and judges the name itself.
func supports(hello *tls.ClientHelloInfo, chain *tls.Certificate, version uint16, suites []uint16) bool {
	asked := *hello
	asked.ServerName = ""
	asked.SupportedVersions = []uint16{version}
	asked.CipherSuites = suites
	return asked.SupportsCertificate(chain) == nil
}

func (m *material) answer(a *Authority, key answerKey, chain *tls.Certificate, version uint16, why string) Answer {
	made, found := m.configs.Load(key)
	if !found {
		c := a.config(key.policy)
		c.Certificates = []tls.Certificate{*chain}
		if key.suite != 0 {
			c.CipherSuites = []uint16{key.suite}
		}
		made, _ = m.configs.LoadOrStore(key, c)
	}
	return Answer{Config: made.(*tls.Config), Chain: chain, Kind: key.kind, Version: version, Suite: key.suite, Why: why}
}
