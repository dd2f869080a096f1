package listener

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/pki"
)

// arrivalKey finds the arrival in the context of its handshake.
type arrivalKey struct{}

// observe is told each ClientHello, whatever becomes of it.
func observe(hello *tls.ClientHelloInfo, answer pki.Answer, err error) {
	a, ok := hello.Context().Value(arrivalKey{}).(*arrival)
	if !ok {
		return
	}
	a.greeted = true
	a.conn.understood()
	a.serverName = hello.ServerName
	if a.serverName != "" {
		a.rec.Identify(func(at *attempt.Attempt) { at.ServerName = a.serverName })
	}
	a.l.lobby.spoke(a.guest)
	a.rec.Step(attempt.ClientHello, stateOf(err == nil), helloFacts(hello)...)
	if err != nil {
		a.noAnswer = err
		return
	}
	a.rec.Step(attempt.ServerChain, attempt.Good, chainFacts(answer)...)
}

// handshake does TLS and records it. It reports whether to go on.
func (a *arrival) handshake() bool {
	a.conn.in, a.conn.out = &alertWatch{}, &alertWatch{}
	a.tls = tls.Server(a.conn, a.l.tls)
	// A context that is never done: crypto/tls would start a goroutine to watch another. The deadline of the socket ends
	// a handshake.
	err := a.tls.HandshakeContext(context.WithValue(context.Background(), arrivalKey{}, a))
	state := a.tls.ConnectionState()
	if len(state.PeerCertificates) > 0 {
		a.certificate = state.PeerCertificates[0]
		a.recordCertificate(err == nil)
	} else if err == nil {
		a.rec.Step(attempt.NoCertificate, attempt.Warn) // worth a look when a certificate was meant to decide
	}
	if err != nil {
		a.handshakeFailed(err)
		return false
	}
	a.conn.in, a.conn.out = nil, nil
	a.rec.Step(attempt.Handshake, attempt.Good,
		attempt.F("version", tls.VersionName(state.Version)), attempt.F("suite", tls.CipherSuiteName(state.CipherSuite)),
		attempt.F("group", groupName(state.CurveID)), attempt.F("resumed", yesNo(state.DidResume)))
	a.version, a.suite = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)
	if a.certificate != nil {
		a.thumbprint = credential.Thumbprint(a.certificate.Raw)
		a.rec.Identify(func(at *attempt.Attempt) { at.Thumbprint = a.thumbprint })
		a.warnAboutCertificate(a.certificate)
	}
	return true
}

// recordCertificate records what was presented, whether or not its key was proven.
func (a *arrival) recordCertificate(proven bool) {
	a.rec.Step(attempt.ClientCertificate, stateOf(proven), certificateFacts(a.certificate)...)
}

// warnAboutCertificate reports what is not judged: dates, and keys that are short (contract, sections 3 and 4).
func (a *arrival) warnAboutCertificate(c *x509.Certificate) {
	switch now := a.l.now(); {
	case now.After(c.NotAfter):
		a.rec.Warn(cause.CertificateExpired, attempt.F("not_after", day(c.NotAfter)))
	case now.Before(c.NotBefore):
		a.rec.Warn(cause.CertificateNotYetValid, attempt.F("not_before", day(c.NotBefore)))
	}
	if finding, why := credential.Usable(c); finding == cause.WeakKey {
		a.rec.Warn(cause.WeakKey, attempt.F("key", keyName(c)), attempt.F("reason", why))
	}
}

func (a *arrival) handshakeFailed(err error) {
	found := a.diagnose(err)
	facts := []attempt.Fact{attempt.F("error", err.Error())}
	if found.alert >= 0 {
		facts = append(facts, attempt.F("alert", alertName(found.alert)), attempt.F("alert_from", found.alertFrom))
	}
	if a.greeted && found.dialled != "" {
		facts = append(facts, attempt.F("dialled", found.dialled), attempt.F("name_in_certificate", yesNo(found.covered)))
	}
	a.rec.Step(attempt.Handshake, attempt.Bad, facts...)
	a.rec.Decide(found.code, found.why)
	if found.by == byGateway && !isTimeout(err) {
		a.lingerAndClose() // so that the alert arrives
	} else {
		a.close()
	}
	a.rec.End(found.why, found.by, err)
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func stateOf(good bool) attempt.State {
	if good {
		return attempt.Good
	}
	return attempt.Bad
}
