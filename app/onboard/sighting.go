package onboard

import (
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
)

// Sighting is how far a device that is waited for has come.
type Sighting struct {
	Connected bool
	Refused   bool // it tried and was not accepted
	// Unsure is set when a refused attempt did not say who it was: it may have been another device.
	Unsure  bool
	Attempt attempt.Attempt // the last one that counts, whole; zero while nothing was seen
	Tries   int             // how many were refused
}

// Seen reports whether anything came.
func (s Sighting) Seen() bool { return s.Connected || s.Refused }

// Look tells what a device has done since an attempt number: its own attempts count, by whatever they were recognised.
// Only when there are none, refused attempts that did not say who they were do: a device that does not trust the
// gateway's root, or speaks MQTT 5, is refused before it can.
func Look(log Attempts, device registry.Device, credentialSID string, after uint64) Sighting {
	page := log.Query(attempt.Filter{AfterID: after, Limit: 500})
	var own, nameless Sighting
	for _, a := range page.Attempts { // newest first
		switch {
		case a.ID <= after || a.Code == attempt.Pending:
		case isOf(a, device, credentialSID):
			own.add(a)
		case a.DeviceSID == "" && a.Code.Refused():
			nameless.add(a)
		}
	}
	s := own
	if !own.Seen() && nameless.Seen() {
		s = nameless
		s.Unsure = true
	}
	if s.Seen() {
		if whole, found := log.Get(s.Attempt.ID); found {
			s.Attempt = whole
		}
	}
	return s
}

// add counts an attempt; the first one that is added is the newest.
func (s *Sighting) add(a attempt.Attempt) {
	if !s.Seen() {
		s.Attempt = a
		s.Connected, s.Refused = a.Code == 0, a.Code.Refused()
	}
	if a.Code.Refused() {
		s.Tries++
	}
}

func isOf(a attempt.Attempt, device registry.Device, credentialSID string) bool {
	return a.DeviceSID == device.SID || credentialSID != "" && (a.CredentialSID == credentialSID || a.PresentedUser == credentialSID)
}

// Newest is the number of the newest attempt, so that what comes later can be told from what was before.
func Newest(log Attempts) uint64 {
	if page := log.Query(attempt.Filter{Limit: 1}); len(page.Attempts) > 0 {
		return page.Attempts[0].ID
	}
	return 0
}
