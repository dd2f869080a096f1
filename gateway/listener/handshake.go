package listener

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strconv"
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
	if len(hello.SupportedVersions) == 0 { // nothing that crypto/tls has a name for
		read := readHello(a.conn.hello)
		hello.SupportedVersions = read.SupportedVersions
	}
	a.conn.understood()
	a.l.lobby.spoke(a.guest)
	a.recordHello(hello, stateOf(err == nil))
	if err != nil {
		a.noAnswer = err
		return
	}
	a.answer = answer
	var room [usualFacts]attempt.Fact
	a.rec.Step(attempt.ServerChain, attempt.Good, a.l.chains.facts(room[:0], answer)...)
}

func (a *arrival) recordHello(hello *tls.ClientHelloInfo, state attempt.State, also ...attempt.Fact) {
	a.offer, a.serverName = hello, hello.ServerName
	if a.serverName != "" {
		a.rec.Identify(func(at *attempt.Attempt) { at.ServerName = a.serverName })
	}
	var room [usualFacts]attempt.Fact
	a.rec.Step(attempt.ClientHello, state, append(a.l.offers.facts(room[:0], hello), also...)...)
}

// recordUnreadHello records a ClientHello that crypto/tls could not read, as far as it makes sense.
func (a *arrival) recordUnreadHello() {
	sent := a.conn.hello
	const majorVersion = 3 // of every SSL and TLS since SSL 3.0
	if a.greeted || len(sent) <= recordHeader || sent[1] != majorVersion {
		return
	}
	read := readHello(sent)
	facts := []attempt.Fact{attempt.F("received", strconv.Itoa(len(sent)))}
	if read.wrong != "" {
		facts = append(facts, attempt.F("problem", read.wrong), attempt.F("offset", strconv.Itoa(read.at)))
	}
	a.recordHello(&read.ClientHelloInfo, attempt.Bad, facts...)
}

// handshake does TLS and records it. It reports whether to go on.
func (a *arrival) handshake() bool {
	a.conn.in, a.conn.out = &alertWatch{}, &alertWatch{}
	a.tls = tls.Server(a.conn, a.l.tls)
	// A context that is never done: crypto/tls would start a goroutine to watch another. The deadline of the socket ends
	// a handshake.
	err := a.tls.HandshakeContext(context.WithValue(context.Background(), arrivalKey{}, a))
	state := a.tls.ConnectionState()
	if a.certificates = state.PeerCertificates; len(a.certificates) > 0 {
		// Whether or not its key was proven.
		a.rec.Step(attempt.ClientCertificate, stateOf(err == nil), certificateFacts(a.certificates)...)
	} else if err == nil {
		a.rec.Step(attempt.NoCertificate, attempt.Warn) // worth a look when a certificate was meant to decide
	}
	if err != nil {
		a.recordUnreadHello()
		a.handshakeFailed(err)
		return false
	}
	a.conn.in, a.conn.out = nil, nil
	a.rec.Step(attempt.Handshake, attempt.Good,
		attempt.F("version", tls.VersionName(state.Version)), attempt.F("suite", tls.CipherSuiteName(state.CipherSuite)),
		attempt.F("group", groupName(state.CurveID)), attempt.F("resumed", yesNo(state.DidResume)))
	a.version, a.suite = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)
	if len(a.certificates) > 0 {
		a.thumbprint = credential.Thumbprint(a.certificates[0].Raw)
		a.rec.Identify(func(at *attempt.Attempt) { at.Thumbprint = a.thumbprint })
		a.warnAboutCertificate(a.certificates[0])
	}
	return true
}

// warnAboutCertificate reports what is not judged: dates, and keys that are short (contract, sections 3 and 4).
func (a *arrival) warnAboutCertificate(c *x509.Certificate) {
	switch now := a.l.now(); {
	case now.After(c.NotAfter):
		a.rec.Warn(cause.CertificateExpired, attempt.F("not_after", day(c.NotAfter)), attempt.F("gateway_time", day(now)))
	case now.Before(c.NotBefore):
		a.rec.Warn(cause.CertificateNotYetValid, attempt.F("not_before", day(c.NotBefore)), attempt.F("gateway_time", day(now)))
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
		facts = append(facts, attempt.F("dialled", found.dialled), attempt.F("name_in_certificate", yesNo(found.covered)), attempt.F("name_sent", yesNo(a.serverName != "")))
	}
	a.rec.Step(attempt.Handshake, attempt.Bad, append(facts, a.failureFacts(found, err)...)...)
	a.warnOfFailure(found)
	a.rec.Decide(found.code, found.why)
	if found.by == byGateway && !isTimeout(err) {
		a.lingerAndClose() // so that the alert arrives
	} else {
		a.close()
	}
	a.rec.End(found.why, found.by, err)
}

// failureFacts are what the failure of a handshake is about.
func (a *arrival) failureFacts(found finding, err error) []attempt.Fact {
	var facts []attempt.Fact
	if a.answered() {
		facts = append(facts, attempt.F("version", tls.VersionName(a.answer.Version)), attempt.F("leaf_not_before", day(a.answer.Chain.Leaf.NotBefore)),
			attempt.F("leaf_not_after", day(a.answer.Chain.Leaf.NotAfter)), attempt.F("gateway_time", day(a.l.now())))
	}
	if isGone(err) {
		how := howClosed
		if isReset(err) {
			how = howReset
		}
		facts = append(facts, attempt.F("how", how))
	}
	if a.offer == nil {
		return facts
	}
	switch found.why {
	case cause.TLSVersion, cause.SSL3:
		facts = append(facts, attempt.F("offered", join(a.offer.SupportedVersions, versionName)), attempt.F("taken", "TLS 1.3, TLS 1.2"))
	case cause.NoSharedSuite, cause.HandshakeRefused:
		policy := a.l.settings.TLS
		facts = append(facts,
			attempt.F("client_suites", join(a.offer.CipherSuites, suiteName)), attempt.F("gateway_suites", join(suitesOf(policy), suiteName)),
			attempt.F("client_groups", join(a.offer.SupportedCurves, groupName)), attempt.F("gateway_groups", join(policy.Groups(), groupName)),
			attempt.F("client_signatures", join(a.offer.SignatureSchemes, signatureName)))
	}
	return facts
}

// suitesOf are all suites of a policy, best first.
func suitesOf(p pki.Policy) (ids []uint16) {
	for _, s := range pki.Suites {
		if !s.Legacy || p.Legacy {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// answered reports whether the device got the gateway's certificate, or at least that it was on its way.
func (a *arrival) answered() bool { return a.answer.Chain != nil }

// warnOfFailure says what the device cannot have known. With TLS 1.3 it sends certificate, proof and Finished in one go, and
// has then finished: what is wrong with its certificate comes after (RFC 8446, section 2).
func (a *arrival) warnOfFailure(found finding) {
	switch found.why {
	case cause.CertificateMalformed, cause.CertificateUnsupported, cause.KeyNotProven:
		if a.answer.Version == tls.VersionTLS13 && found.by == byGateway && a.conn.in != nil && a.conn.in.encrypted > 0 {
			a.rec.Warn(cause.BelievedConnected, attempt.F("version", tls.VersionName(tls.VersionTLS13)), attempt.F("records", strconv.Itoa(a.conn.in.encrypted)))
		}
	}
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
