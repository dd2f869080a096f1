package onboard

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"gatehouse/gateway/sid"
)

// Deploy says to which deployment a new device goes.
type Deploy struct {
	Not bool   // not yet: it may not connect until it is deployed
	SID string // of a deployment; empty means the fleet's default
}

// Draft is what the user has said so far. Nothing of it exists yet.
type Draft struct {
	Name         string // unique in its fleet
	FriendlyName string
	FleetSID     string
	Method       Method
	Imported     []byte // certificate that was chosen or pasted, PEM or DER
	Deploy       Deploy
}

// MaxName is the longest unique name, in characters.
const MaxName = 128

// Problem is something that the user can correct, in words.
type Problem string

// Error implements error.
func (p Problem) Error() string { return string(p) }

// CheckName says what is wrong with the draft's name, if anything; made is the device that this draft has become, which
// of course has the name.
func (d Draft) CheckName(r Registry, made string) error {
	name := strings.TrimSpace(d.Name)
	switch {
	case name == "":
		return Problem("Give the device a name.")
	case utf8.RuneCountInString(name) > MaxName:
		return Problem(fmt.Sprintf("A name has at most %d characters.", MaxName))
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return Problem("The name holds a character that cannot be seen.")
	case looksLikeSID(name):
		return Problem("A name may not look like a SID.")
	}
	if other, taken := r.DeviceByName(d.FleetSID, name); taken && other.SID != made {
		return Problem(fmt.Sprintf("There is a device named %s in this fleet already.", name))
	}
	return nil
}

// looksLikeSID reports whether a name has two capital letters and 32 hexadecimal digits.
func looksLikeSID(name string) bool {
	if len(name) != sid.Length || name[0] < 'A' || name[0] > 'Z' || name[1] < 'A' || name[1] > 'Z' {
		return false
	}
	return sid.Valid(sid.Prefix(name[:2]), name)
}

// CheckCredential says what is wrong with the certificate to import, if one is to be.
func (d Draft) CheckCredential() error {
	if d.Method != ImportCertificate {
		return nil
	}
	parsed, err := CheckCertificate(d.Imported)
	if err != nil {
		return err
	}
	if parsed.Unusable != "" {
		return Problem("No device can connect with this certificate: " + parsed.Unusable + ".")
	}
	return nil
}

// deployment is what the registry is asked for: nil for the fleet's default, empty for none.
func (d Draft) deployment() *string {
	switch {
	case d.Deploy.Not:
		return new("")
	case d.Deploy.SID != "":
		return new(d.Deploy.SID)
	}
	return nil
}
