package diagnosis

import (
	"net/url"
	"strings"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// maxUser is the longest user name that is looked at, in bytes.
const maxUser = 512

// wrongUser finds out what a user name is that is no Key SID. Its text is never told: it may be the secret.
func (q *search) wrongUser() {
	if len(q.p.User) > maxUser {
		return
	}
	if q.swapped() {
		return
	}
	text, how := normalUser(q.p.User)
	switch {
	case sid.Valid(sid.Key, text):
		if key, found := q.registry.Key(text); found {
			q.mistyped(key, how)
			return
		}
		q.oneOff(text)
	case isPlaceholder([]byte(text)):
		q.found(cause.UserPlaceholder)
	case q.otherSID(text):
	case q.deviceName(text):
	default:
		q.oneOff(text)
	}
}

// unknownKey finds the key that was meant.
func (q *search) unknownKey() {
	if isPlaceholder([]byte(q.p.User)) {
		q.found(cause.UserPlaceholder)
		return
	}
	if q.oneOff(q.p.User) || len(q.p.Password) > maxSecret {
		return
	}
	if q.form() {
		return
	}
	readings := readingsOf(q.p.Password)
	defer wipe(readings)
	q.otherKey(readings, q.p.User)
}

// swapped tells of a Key SID in the place of the password.
func (q *search) swapped() bool {
	if len(q.p.Password) > maxUser {
		return false
	}
	text, _ := normalUser(string(q.p.Password))
	if !sid.Valid(sid.Key, text) {
		return false
	}
	key, found := q.registry.Key(text)
	if !found {
		q.found(cause.SecretSwapped)
		return true
	}
	secret := "differs"
	for _, user := range [][]byte{[]byte(q.p.User), trimmed([]byte(q.p.User))} {
		if q.matches(key, user) {
			secret = "matches"
		}
	}
	q.found(cause.SecretSwapped, append(q.about(key), "secret", secret)...)
	return true
}

// normalUser takes off what is around a user name, and says what that was. Of several things the first is named.
func normalUser(user string) (text, how string) {
	text = user
	step := func(changed, name string) {
		if changed != text && how == "" {
			how = name
		}
		text = changed
	}
	if strings.Contains(text, "%") {
		if decoded, err := url.PathUnescape(text); err == nil {
			step(decoded, "url")
		}
	}
	step(string(trimmed([]byte(text))), "white_space")
	step(string(unquoted([]byte(text))), "quotes")
	step(string(trimmed([]byte(text))), "white_space")
	if folded := foldSID(text); sid.Valid(sid.Key, folded) {
		step(folded, "case")
	}
	return text, how
}

// foldSID writes a SID as it is meant to be: two capitals, and small letters.
func foldSID(text string) string {
	if len(text) != sid.Length {
		return text
	}
	return strings.ToUpper(text[:2]) + strings.ToLower(text[2:])
}

// otherSID tells of a SID that is not a key's.
func (q *search) otherSID(text string) bool {
	text = foldSID(text)
	if device, found := q.registry.Device(text); found {
		q.found(cause.UserIsDevice, "device", device.SID, "name", device.Name(), "how", "sid")
		return true
	}
	for prefix, what := range map[sid.Prefix]string{
		sid.Certificate: "certificate", sid.Account: "account", sid.Fleet: "fleet", sid.Deployment: "deployment", sid.Service: "service",
	} {
		if sid.Valid(prefix, text) {
			q.found(cause.UserIsOtherSID, "what", what)
			return true
		}
	}
	return false
}

// deviceName tells of a user name that is a device's name.
func (q *search) deviceName(text string) bool {
	if text == "" || !q.spend(1) {
		return false
	}
	device, found := q.registry.Device(q.look().names[text])
	if found {
		q.found(cause.UserIsDevice, "device", device.SID, "name", device.Name(), "how", "name")
	}
	return found
}

// oneOff tells of a known key whose SID is one keystroke away. Two such keys can only be told apart by the secret, so the
// one that it fits is preferred.
func (q *search) oneOff(text string) bool {
	candidates := nearKeys(q.registry, text, q.spend)
	if len(candidates) == 0 {
		return false
	}
	best := candidates[0]
	for _, candidate := range candidates {
		if len(candidates) > 1 && q.matches(candidate.key, q.p.Password) {
			best = candidate
		}
	}
	q.mistyped(best.key, best.how)
	return true
}

// nearKey is a known key and how a text differs from its SID.
type nearKey struct {
	key registry.Key
	how string // typo, swapped, missing, extra, prefix
}

const hexDigits = "0123456789abcdef"

// nearKeys are the known keys whose SID is one keystroke from a text: another character, one too few or too many, or two
// that changed places. It looks candidates up, some hundred, and so does not depend on how many keys there are; spend may
// end it.
func nearKeys(r Registry, text string, spend func(int) bool) (near []nearKey) {
	try := func(candidate, how string) {
		if candidate == text || !sid.Valid(sid.Key, candidate) || !spend(1) {
			return
		}
		if key, found := r.Key(candidate); found {
			near = append(near, nearKey{key, how})
		}
	}
	const prefix = len(sid.Key)
	if len(text) <= prefix {
		return nil
	}
	folded := strings.ToUpper(text[:prefix]) + strings.ToLower(text[prefix:])
	switch len(folded) {
	case sid.Length:
		try(string(sid.Key)+folded[prefix:], "typo")
		for i := prefix; i < len(folded); i++ {
			for _, digit := range hexDigits {
				try(folded[:i]+string(digit)+folded[i+1:], "typo")
			}
			if i+1 < len(folded) {
				try(folded[:i]+folded[i+1:i+2]+folded[i:i+1]+folded[i+2:], "swapped")
			}
		}
	case sid.Length - 1:
		for i := prefix; i <= len(folded); i++ {
			for _, digit := range hexDigits {
				try(folded[:i]+string(digit)+folded[i:], "missing")
			}
		}
	case sid.Length + 1:
		for i := range folded {
			try(folded[:i]+folded[i+1:], "extra")
		}
	case sid.Length - prefix:
		try(string(sid.Key)+strings.ToLower(text), "prefix")
	}
	return near
}
