package diagnosis

import (
	"slices"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// Comparison is what was presented beside what is enrolled.
type Comparison struct {
	By   string `json:"by"` // "certificate", "key", or empty when neither was presented
	Rows []Row  `json:"rows,omitempty"`
	// Clues are what the differences mean, the most telling first; those that were recorded with the attempt are among them.
	Clues []Clue `json:"clues,omitempty"`
	// EnrolledSID is the credential that stands on the right, DeviceSID and FleetSID what it belongs to; empty when nothing
	// enrolled resembles what was presented.
	EnrolledSID string `json:"enrolled_sid,omitempty"`
	DeviceSID   string `json:"device_sid,omitempty"`
	FleetSID    string `json:"fleet_sid,omitempty"`
}

// Row is one line of the comparison. Name is a stable id: for a certificate sha256, sha1, public_key (its SHA-256), subject,
// issuer, serial, not_before, not_after, key_type; for a key credential, secret, created; for both device and fleet. The
// values of secret are "matches", "differs" and "unknown" on the left, and nothing on the right.
type Row struct {
	Name      string `json:"name"`
	Presented string `json:"presented"`
	Enrolled  string `json:"enrolled"`
	Same      bool   `json:"same"`
	Known     bool   `json:"known"` // false: the two cannot be compared
}

// Compare puts what an attempt presented beside the enrolled credential that resembles it most. It costs a few milliseconds
// with 10 000 certificates, and much less when the presented one is enrolled.
func Compare(a attempt.Attempt, r Registry) Comparison {
	var c Comparison
	switch {
	case a.Thumbprint != "":
		c.certificate(a, r)
	case a.PresentedUser != "" || a.Inputs != nil && a.Inputs.HasUser || sid.Valid(sid.Key, a.CredentialSID):
		c.key(a, r)
	}
	for _, s := range a.Steps {
		if id := cause.ID(s.Fact("cause")); s.Kind == attempt.Warning && isClue[id] {
			c.tell(Clue{ID: id, Facts: s.Facts})
		}
	}
	return c
}

// isClue are the clues that are recorded as warnings of an attempt.
var isClue = map[cause.ID]bool{
	cause.SecretWhitespace: true, cause.SecretQuoted: true, cause.SecretEncoded: true, cause.SecretCase: true, cause.SecretTooShort: true,
	cause.SecretTooLong: true, cause.SecretOfOtherKey: true, cause.SecretSwapped: true, cause.SecretIsKeySID: true, cause.SecretPlaceholder: true,
	cause.KeySIDMistyped: true, cause.UserPlaceholder: true, cause.UserIsDevice: true, cause.UserIsOtherSID: true,
}

// tell adds a clue that is not there yet.
func (c *Comparison) tell(one Clue) {
	if !slices.ContainsFunc(c.Clues, func(have Clue) bool { return have.ID == one.ID }) {
		c.Clues = append(c.Clues, one)
	}
}

func (c *Comparison) row(name, presented, enrolled string) {
	known := c.EnrolledSID != "" && presented != "" && enrolled != ""
	c.Rows = append(c.Rows, Row{Name: name, Presented: presented, Enrolled: enrolled, Known: known, Same: known && presented == enrolled})
}

// owner adds whom the enrolled credential belongs to, beside whom the presented one names.
func (c *Comparison) owner(named string, r Registry) {
	fleet, _ := r.Fleet(c.FleetSID)
	c.row("device", named, nameOf(r, c.DeviceSID))
	name := fleet.UniqueName
	if name == "" {
		name = fleet.FriendlyName
	}
	if name == "" {
		name = fleet.SID
	}
	c.row("fleet", "", name)
}

// key compares a device key: never its secret, but how its comparison went.
func (c *Comparison) key(a attempt.Attempt, r Registry) {
	c.By = "key"
	user := a.PresentedUser
	if user == "" {
		user = a.CredentialSID
	}
	key, known := r.Key(user)
	if !known {
		key, known = c.meant(user, a, r)
	}
	named, client := namedDevice(r, a.ClientID, "", key.DeviceSID)
	if known {
		c.EnrolledSID, c.DeviceSID, c.FleetSID = key.SID, key.DeviceSID, key.FleetSID
	}
	c.row("credential", user, key.SID)
	if known {
		secret := c.secret(key, a)
		c.Rows = append(c.Rows, Row{Name: "secret", Presented: secret, Known: secret != "unknown", Same: secret == "matches"})
	}
	c.owner(client, r)
	c.row("created", "", date(key.Created))
	if known && named.SID != "" && named.SID != key.DeviceSID && key.DeviceSID != "" {
		c.tell(clue(cause.KeyOfOtherDevice, "device", key.DeviceSID, "name", nameOf(r, key.DeviceSID), "was", named.Name()))
	}
	c.moved(a, r)
}

// meant is the key that an unknown user name stands for: the one that was found at the attempt, or one keystroke away.
func (c *Comparison) meant(user string, a attempt.Attempt, r Registry) (registry.Key, bool) {
	for _, s := range a.Steps {
		if s.Kind == attempt.Warning && s.Fact("key") != "" {
			if key, found := r.Key(s.Fact("key")); found {
				return key, true
			}
		}
	}
	if user == "" {
		return registry.Key{}, false
	}
	near := nearKeys(r, user, func(int) bool { return true })
	if len(near) == 0 {
		return registry.Key{}, false
	}
	key := near[0].key
	c.tell(clue(cause.KeySIDMistyped, "key", key.SID, "device", key.DeviceSID, "name", nameOf(r, key.DeviceSID), "how", near[0].how))
	return key, true
}

// moved tells of a credential that has gone to another device since.
func (c *Comparison) moved(a attempt.Attempt, r Registry) {
	if a.CredentialSID == c.EnrolledSID && a.DeviceSID != "" && c.DeviceSID != "" && a.DeviceSID != c.DeviceSID {
		c.tell(clue(cause.CredentialSinceMoved, "device", c.DeviceSID, "name", nameOf(r, c.DeviceSID)))
	}
}

// namedDevice is the device that a client id or a common name names, but for the owner itself, and the name as it was given.
// The first that names one counts.
func namedDevice(r Registry, clientID, commonName, owner string) (named registry.Device, as string) {
	device, found := r.Device(owner)
	for _, name := range []string{commonName, clientID} {
		if found && name != "" && isNameOf(device, name) {
			return device, name
		}
	}
	if clientID == "" && commonName == "" {
		return registry.Device{}, ""
	}
	all := r.Devices()
	for _, name := range []string{commonName, clientID} {
		if name == "" {
			continue
		}
		if i := slices.IndexFunc(all, func(d registry.Device) bool { return isNameOf(d, name) }); i >= 0 {
			return all[i], name
		}
	}
	return registry.Device{}, ""
}

func isNameOf(d registry.Device, name string) bool {
	return name == d.SID || name == d.UniqueName || name == d.FriendlyName || name == d.Identity
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Named is the device that the presented certificate's common name or the client id names, if any.
func Named(a attempt.Attempt, r Registry) (registry.Device, bool) {
	commonName := ""
	if c := presentedCertificate(a); c != nil {
		commonName = c.Subject.CommonName
	}
	device, _ := namedDevice(r, a.ClientID, commonName, "")
	return device, device.SID != ""
}
