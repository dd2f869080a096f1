// Package diagnosis finds out more about a refusal than its cause: in which other reading a refused credential would have
// been right, how what was presented stands beside what is enrolled, and whether the same attempt would pass now, or after
// a change that is tried out only. It is pure: it reads the registry and the record of an attempt, does no I/O, and holds
// no words for people. It knows no connections, no packets and no HTTP; what it tells never holds a part of a secret, and is
// for the owner of the gateway, never for the device.
package diagnosis

import (
	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
)

// Registry is what diagnosis looks up; every method reads memory only.
type Registry interface {
	admission.Registry
	Fleet(sid string) (registry.Fleet, bool)
	Deployment(sid string) (registry.Deployment, bool)
	Devices() []registry.Device
	Keys(deviceSID string) []registry.Key
	AllKeys() []registry.Key
	AllCertificates() []registry.Certificate
	// Version rises with every change, so that what was worked out of the whole can be kept until then.
	Version() uint64
}

// Clue is one thing that was found out, with what is known about it. The facts of clues: key, device and name (of the
// device) for what was found in the registry; at (start, end, both) and what (newline, space, tab, nul, white_space) for
// white space; as (url, base64, hex) for an encoding; how (typo, case, white_space, quotes, url) for a mistyped Key SID;
// secret (matches, differs) when it could be compared; was, for certificates, the value that was presented.
type Clue struct {
	ID    cause.ID       `json:"id"`
	Facts []attempt.Fact `json:"facts,omitempty"`
}

// Fact is the value of a fact, empty when it is not known.
func (c Clue) Fact(name string) string { return attempt.Step{Facts: c.Facts}.Fact(name) }

func clue(id cause.ID, nameValue ...string) Clue {
	c := Clue{ID: id}
	for i := 0; i+1 < len(nameValue); i += 2 {
		if nameValue[i+1] != "" {
			c.Facts = append(c.Facts, attempt.F(nameValue[i], nameValue[i+1]))
		}
	}
	return c
}

// nameOf is what people call a device; empty for one that is not there.
func nameOf(r Registry, deviceSID string) string {
	if d, found := r.Device(deviceSID); found {
		return d.Name()
	}
	return ""
}
