package admission

import (
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
)

// Recorded is what can be kept of a Presented: everything but user names that are no Key SIDs, and the secret. In place of
// the secret stands what it was compared with, and how that went.
type Recorded struct {
	ProtocolName  string
	ProtocolLevel byte
	Thumbprint    string

	HasUser bool
	User    string // empty, unless it was a Key SID
	// HasPassword tells that there was one, and that it was not empty.
	HasPassword bool

	KeyHash       string // as in Verdict; empty when no secret was compared
	SecretMatched bool
}

// Again is the verdict of [Decide] on what is known by its record only. It is undecided when the answer hangs on the secret,
// and the record does not tell whether that is the key's secret of now: why then says which of the two is missing,
// [cause.SecretChanged] or [cause.SecretNotCompared], and the verdict is that for a right secret. Rate limits are taken to
// allow the connection.
func Again(rec Recorded, s Service, r Registry) (v Verdict, why cause.ID) {
	p := Presented{
		ProtocolName: rec.ProtocolName, ProtocolLevel: rec.ProtocolLevel, Thumbprint: rec.Thumbprint,
		HasUser: rec.HasUser, User: rec.User, HasPassword: rec.HasPassword,
	}
	if rec.HasPassword {
		p.Password = []byte{0} // there was one; which, only its comparison tells
	}
	v = decide(p, s, r, func(key registry.Key) bool {
		switch rec.KeyHash {
		case "":
			why = cause.SecretNotCompared
		case credential.HashName(key.Salt, key.Hash):
			return rec.SecretMatched
		default:
			why = cause.SecretChanged
		}
		return true
	})
	if v.Cause == cause.UnknownKey || v.KeyHash == "" {
		why = "" // the decoy was asked about
	}
	return v, why
}
