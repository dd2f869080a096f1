// Package findings shows what the attempts of a gateway show together, beyond each one's own verdict: two boards that
// fight over one session, a device that retries in vain, a clock that is far off. Each has its evidence, what to do, the
// fix as a button, and the way to the attempts that prove it. Overview and a device's page share it. It knows neither
// how findings are made nor the window.
package findings

import (
	"slices"
	"time"

	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
)

// Finding is one of them, made ready to be shown.
type Finding struct {
	ID       uint64
	State    attempt.State // Good is only a remark
	Title    string
	Evidence string // "3 times in the last minute, from 127.0.0.1 and 192.168.1.7"
	Advice   string // what to do; empty when there is nothing to
	At       time.Time

	DeviceSID, DeviceName string // of whom it is, as far as that is known
	Parties               []Party
	Attempts              []uint64 // that prove it, the newest first
	Remedy                remedy.Remedy
	Fixable               bool // Remedy can be pressed
}

// Party is one side of a fight over a session.
type Party struct {
	Remote        string
	CredentialSID string
	ClientID      string
	Attempt       uint64 // its newest
}

func (f Finding) same(o Finding) bool {
	return f.ID == o.ID && f.State == o.State && f.Title == o.Title && f.Evidence == o.Evidence && f.Advice == o.Advice &&
		f.DeviceSID == o.DeviceSID && f.DeviceName == o.DeviceName && f.Fixable == o.Fixable && f.Remedy.Label == o.Remedy.Label &&
		slices.Equal(f.Parties, o.Parties) && newest(f.Attempts) == newest(o.Attempts) && len(f.Attempts) == len(o.Attempts)
}

// Same reports whether two lists look the same.
func Same(a, b []Finding) bool { return slices.EqualFunc(a, b, Finding.same) }

// Of leaves those of a device, by its SID.
func Of(all []Finding, deviceSID string) []Finding {
	var own []Finding
	for _, f := range all {
		if deviceSID != "" && f.DeviceSID == deviceSID {
			own = append(own, f)
		}
	}
	return own
}

func newest(attempts []uint64) uint64 {
	if len(attempts) == 0 {
		return 0
	}
	return attempts[0]
}

// Source is where findings come from. It is asked off the UI goroutine.
type Source interface {
	// Version changes whenever Active may have.
	Version() uint64
	// Active are those that stand now, the newest first.
	Active() []Finding
	// Dismiss takes one off the list until it happens again.
	Dismiss(id uint64)
}
