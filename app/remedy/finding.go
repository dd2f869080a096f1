package remedy

import (
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/finding"
)

// ForFinding is the remedy of a finding, whose newest attempt is given as far as it is still kept. A pattern of refusals is
// mended by what mends one of them.
func (s Source) ForFinding(f finding.Finding, newest attempt.Attempt) (Remedy, bool) {
	switch f.Kind {
	case cause.TakeoverFight:
		return another(s, f.DeviceSID)
	case cause.WeakKey, cause.HeavyKey, cause.CertificateExpired, cause.CertificateExpiresSoon, cause.CertificateNotYetValid:
		return copyGenerate(s, attempt.Attempt{DeviceName: f.DeviceName})
	case cause.KeepaliveShort, cause.KeepaliveOff:
		return copyOption("-k 60")(s, newest)
	case cause.NameNotInCertificate:
		return nameServer(s, newest)
	case cause.NameNotSent:
		return copyAddress(s, newest)
	case cause.IgnoresCode, cause.SameFailure:
		if newest.Cause == "" {
			newest = attempt.Attempt{Code: attempt.TLS, Cause: cause.ID(f.Fact("cause")), DeviceSID: f.DeviceSID, DeviceName: f.DeviceName, CredentialSID: f.CredentialSID}
		}
		return s.For(newest)
	}
	return s.For(newest) // a clue about a refusal, or a warning beside one
}

// ForFinding is the remedy of a finding without the gateway's settings: see [Source.ForFinding].
func ForFinding(f finding.Finding, newest attempt.Attempt, r Registry, address string) (Remedy, bool) {
	return Source{Registry: r, Address: address}.ForFinding(f, newest)
}
