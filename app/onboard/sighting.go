package onboard

import (
	"encoding/pem"
	"net"
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// Sighting is how far a device that is waited for has come.
type Sighting struct {
	Connected bool
	Refused   bool // it tried and was not accepted
	// Nearly is set when a refused attempt had all but the device's Key SID: a letter is wrong, or two.
	Nearly bool
	// Unsure is set when a refused attempt did not say who it was: it may have been another device.
	Unsure bool
	// Newcomer is set when such an attempt came from an address from which no other device is known to connect.
	Newcomer bool
	Attempt  attempt.Attempt // the last one that counts, whole; zero while nothing was seen
	Tries    int             // how many were refused
}

// Seen reports whether anything came.
func (s Sighting) Seen() bool { return s.Connected || s.Refused }

// looked bounds how many attempts are looked at, those that were before included.
const looked = 500

// Look tells what a device has done since an attempt number: its own attempts count, by whatever they were recognised:
// its SID, its credential, its certificate, a Key SID that is nearly its own, the name as client ID. Only when there are
// none, refused attempts that did not say who they were do: a device that does not trust the gateway's root, or speaks
// MQTT 5, is refused before it can.
func Look(log Attempts, device registry.Device, m Material, after uint64) Sighting {
	page := log.Query(attempt.Filter{AfterID: after, Limit: looked})
	mine := marks{device: device, credentialSID: m.SID, thumbprint: m.thumbprint()}
	var own, nameless Sighting
	from := ""                        // where the newest nameless one came from: others from there are its tries, too
	for _, a := range page.Attempts { // newest first
		if a.ID <= after || a.Code == attempt.Pending {
			continue
		}
		switch is, nearly := mine.of(a); {
		case is:
			if !own.Seen() {
				own.Nearly = nearly
			}
			own.add(a)
		case a.DeviceSID == "" && a.Code.Refused():
			if from == "" {
				from = host(a.Remote)
			}
			if host(a.Remote) == from {
				nameless.add(a)
			}
		}
	}
	s := own
	if !own.Seen() && nameless.Seen() {
		s = nameless
		s.Unsure, s.Newcomer = true, !othersFrom(log, device, from)
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

// marks are by what a device's attempts are recognised.
type marks struct {
	device                    registry.Device
	credentialSID, thumbprint string
}

// of reports whether an attempt is the device's; nearly, when only its Key SID is not quite right.
func (m marks) of(a attempt.Attempt) (is, nearly bool) {
	switch {
	case a.DeviceSID != "" && a.DeviceSID != m.device.SID:
		return false, false
	case a.DeviceSID == m.device.SID,
		m.credentialSID != "" && (a.CredentialSID == m.credentialSID || a.PresentedUser == m.credentialSID),
		m.thumbprint != "" && strings.EqualFold(a.Thumbprint, m.thumbprint):
		return true, false
	case a.Code.Refused() && almost(a.PresentedUser, m.credentialSID):
		return true, true
	}
	return a.Code.Refused() && m.device.UniqueName != "" && a.ClientID == m.device.UniqueName, false
}

// almost reports whether a user name is a Key SID but for one or two letters, or for capitals.
func almost(user, key string) bool {
	if !sid.Valid(sid.Key, key) || len(user) != len(key) || user == key {
		return false
	}
	const most = 2
	differ := 0
	for i := range len(key) {
		if user[i] != key[i] {
			differ++
		}
	}
	return differ <= most || strings.EqualFold(user, key)
}

// othersFrom reports whether another device has been accepted from an address.
func othersFrom(log Attempts, device registry.Device, address string) bool {
	for _, a := range log.Query(attempt.Filter{Limit: looked}).Attempts {
		if a.Code == 0 && a.DeviceSID != device.SID && host(a.Remote) == address {
			return true
		}
	}
	return false
}

// thumbprint is that of the certificate; empty for a key.
func (m Material) thumbprint() string {
	block, _ := pem.Decode(m.CertPEM)
	if block == nil {
		return ""
	}
	return credential.Thumbprint(block.Bytes)
}

func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

// Newest is the number of the newest attempt, so that what comes later can be told from what was before.
func Newest(log Attempts) uint64 {
	if page := log.Query(attempt.Filter{Limit: 1}); len(page.Attempts) > 0 {
		return page.Attempts[0].ID
	}
	return 0
}
