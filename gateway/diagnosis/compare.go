package diagnosis

import "gatehouse/gateway/attempt"

// Comparison is what was presented beside what is enrolled.
type Comparison struct {
	By   string // "certificate", "key", or empty when neither was presented
	Rows []Row
	// Clues are what the differences mean, the most telling first.
	Clues []Clue
	// EnrolledSID is the credential that stands on the right, DeviceSID and FleetSID what it belongs to; empty when nothing
	// enrolled resembles what was presented.
	EnrolledSID, DeviceSID, FleetSID string
}

// Row is one line of the comparison. Name is a stable id: for a certificate sha256, sha1, public_key, subject, issuer,
// serial, not_before, not_after, key_type; for a key credential, secret, created; for both device and fleet.
type Row struct {
	Name, Presented, Enrolled string
	Same                      bool
	Known                     bool // false: the two cannot be compared
}

// Compare puts what an attempt presented beside the enrolled credential that resembles it most.
func Compare(a attempt.Attempt, r Registry) Comparison { return Comparison{} }
