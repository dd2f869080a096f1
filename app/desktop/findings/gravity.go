package findings

import (
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// Gravity is how much a finding matters: Bad keeps a device out or busy, Warn will or may, and Good is only worth knowing.
// What is only worth knowing stands on the device's page, and nowhere else.
func Gravity(kind cause.ID) attempt.State {
	switch kind {
	case cause.TakeoverFight, cause.IgnoresCode, cause.SameFailure:
		return attempt.Bad
	case cause.WillDiscarded, cause.CredentialsIgnored, cause.BelievedConnected, cause.HeavyKey, cause.LargeChain,
		cause.KeepaliveShort, cause.KeepaliveOff, cause.NameNotSent:
		return attempt.Good
	}
	return attempt.Warn
}
