package admission

import (
	"testing"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
)

func TestAgainSaysWhatDecideSaidAndNothingItCannotKnow(t *testing.T) {
	w := newWorld()
	stored := w.keys[keyOf[good]]
	name := credential.HashName(stored.Salt, stored.Hash)
	right := Recorded{ProtocolName: "MQTT", ProtocolLevel: 4, HasUser: true, User: keyOf[good], HasPassword: true, KeyHash: name, SecretMatched: true}
	with := func(change func(*Recorded)) Recorded { rec := right; change(&rec); return rec }
	for what, c := range map[string]struct {
		rec   Recorded
		cause cause.ID
		why   cause.ID
	}{
		"right secret":           {right, cause.Accepted, ""},
		"wrong secret":           {with(func(r *Recorded) { r.SecretMatched = false }), cause.WrongSecret, ""},
		"secret never compared":  {with(func(r *Recorded) { r.KeyHash = "" }), cause.Accepted, cause.SecretNotCompared},
		"another secret now":     {with(func(r *Recorded) { r.KeyHash = "0123456789abcdef" }), cause.Accepted, cause.SecretChanged},
		"another, and disabled":  {with(func(r *Recorded) { r.User, r.KeyHash = keyOf[disabled], "0123456789abcdef" }), cause.DeviceDisabled, cause.SecretChanged},
		"unknown key":            {with(func(r *Recorded) { r.User, r.KeyHash = "KY00000000000000000000000000000000", "" }), cause.UnknownKey, ""},
		"removed key":            {with(func(r *Recorded) { r.User, r.KeyHash = "KY"+secret, "" }), cause.DeviceDeleted, ""},
		"no password":            {with(func(r *Recorded) { r.HasPassword = false }), cause.PasswordMissing, ""},
		"user name was not kept": {with(func(r *Recorded) { r.User = "" }), cause.UserNotKeySID, ""},
		"certificate":            {with(func(r *Recorded) { r.Thumbprint, r.KeyHash = "print-"+good, "" }), cause.Accepted, ""},
		"MQTT 5":                 {with(func(r *Recorded) { r.ProtocolLevel, r.KeyHash = 5, "" }), cause.MQTT5, ""},
	} {
		if v, why := Again(c.rec, Open, w); v.Cause != c.cause || why != c.why {
			t.Errorf("%s: %s, undecided %q; want %s, %q", what, v.Cause, why, c.cause, c.why)
		}
	}
	if v, why := Again(right, Maintenance, w); v.Cause != cause.Maintenance || why != "" {
		t.Errorf("in maintenance: %s, %q", v.Cause, why)
	}
}

// The name of a hash tells whether a key still has its secret, and nothing else.
func TestTheVerdictNamesTheHashOfAKnownKeyOnly(t *testing.T) {
	w := newWorld()
	stored := w.keys[keyOf[good]]
	for what, c := range map[string]struct {
		p    Presented
		want string
	}{
		"right secret": {key(keyOf[good], secret), credential.HashName(stored.Salt, stored.Hash)},
		"wrong secret": {key(keyOf[good], "wrong"), credential.HashName(stored.Salt, stored.Hash)},
		"unknown key":  {key("KY00000000000000000000000000000000", secret), ""},
		"certificate":  {certificate("print-" + good), ""},
	} {
		if v := Decide(c.p, Open, w); v.KeyHash != c.want || len(v.KeyHash) > 16 {
			t.Errorf("%s: %q, want %q", what, v.KeyHash, c.want)
		}
	}
}
