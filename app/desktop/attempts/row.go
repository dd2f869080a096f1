package attempts

import (
	"strconv"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/look"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/sid"
)

// row is an attempt as the table shows it: display strings, made once, off the UI goroutine.
type row struct {
	key    string
	id     uint64
	code   kit.Code
	at     string
	device string
	cred   string
	remote string
	what   string
	// what the row menu needs
	deviceSID, credentialSID, thumbprint, serverName string
	cause                                            cause.ID
	marked                                           bool // there is a finding about it
}

const clockLayout = "15:04:05.000"

func newRow(a attempt.Attempt, marked bool) *row {
	return &row{
		key: strconv.FormatUint(a.ID, 10), id: a.ID,
		code: look.Code(a.Code), at: a.At.Format(clockLayout),
		device: dashed(a.DeviceName), cred: credential(a), remote: a.Remote,
		what:      words.Explain(a).Short,
		deviceSID: a.DeviceSID, credentialSID: a.CredentialSID, thumbprint: a.Thumbprint, serverName: a.ServerName,
		cause: a.Cause, marked: marked,
	}
}

// changing is what of an attempt a row shows and may still change.
type changing struct {
	code    attempt.Code
	live    bool
	done    bool
	device  string
	cred    string
	warned  int
	pending int
	marked  bool
}

func changingOf(a attempt.Attempt, marked bool) changing {
	return changing{a.Code, a.Live, a.Done, a.DeviceName, a.CredentialSID, len(a.Warnings), a.Pending, marked}
}

// rowCache makes each row once. Snapshots of a busy gateway hold the same attempts again and again, and finding words
// for them costs far more than looking them up.
type rowCache map[uint64]cachedRow

type cachedRow struct {
	of  changing
	row *row
}

// rows are the rows of a snapshot; what is no longer in it is forgotten.
func (c *rowCache) rows(all []attempt.Attempt, found map[uint64]bool) []*row {
	next := make(rowCache, len(all))
	rows := make([]*row, len(all))
	for i, a := range all {
		marked := len(a.Warnings) > 0 || found[a.ID]
		of := changingOf(a, marked)
		known, ok := (*c)[a.ID]
		if !ok || known.of != of {
			known = cachedRow{of, newRow(a, marked)}
		}
		next[a.ID] = known
		rows[i] = known.row
	}
	*c = next
	return rows
}

// credential is what the device came with, as far as it is known.
func credential(a attempt.Attempt) string {
	switch {
	case a.CredentialSID != "":
		return sid.Short(a.CredentialSID)
	case a.PresentedUser != "":
		return sid.Short(a.PresentedUser)
	case a.Thumbprint != "":
		return words.Thumbprint(a.Thumbprint)
	}
	return "—"
}

func dashed(s string) string {
	if s == "" {
		return "—"
	}
	return s
}
