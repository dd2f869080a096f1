package engine

import (
	"context"
	"strings"
	"time"

	"gatehouse/app/check"
	"gatehouse/app/desktop/checkup"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// Log is the record of attempts, as attempt.Log keeps it.
type Log interface {
	Query(f attempt.Filter) attempt.Page
	Get(id uint64) (attempt.Attempt, bool)
}

const (
	seenWithin = 3 * time.Second // how long the gateway may take to write down what it made of a check
	seenLook   = 20 * time.Millisecond
)

// Seen is how the gateway saw a check that began at a time. A check names itself by its client ID; one that did not come so far is known by what it
// presented, or else by having come from this machine just then. The gateway records why it refused after it has answered, and what spoilt a secret
// later still, so Seen waits for the record to be complete, a few seconds at most.
func Seen(ctx context.Context, log Log, began time.Time, thumbprint, keySID string) checkup.Seen {
	late := time.NewTimer(seenWithin)
	defer late.Stop()
	again := time.NewTicker(seenLook)
	defer again.Stop()
	for {
		id := which(log, began, thumbprint, keySID)
		whole, kept := log.Get(id)
		if !kept || !whole.Done {
			select {
			case <-again.C:
				continue
			case <-late.C:
			case <-ctx.Done():
			}
		}
		shown := checkup.Seen{Attempt: id}
		if kept && whole.Code.Refused() {
			shown.Said = words.Explain(whole).Cause
		}
		return shown
	}
}

// which is the check's own attempt; 0: there is none.
func which(log Log, began time.Time, thumbprint, keySID string) (id uint64) {
	const slack, most = time.Second, 100
	for _, one := range log.Query(attempt.Filter{Since: began.Add(-slack), Limit: most}).Attempts { // newest first
		if one.ClientID == check.DefaultClientID || thumbprint != "" && strings.EqualFold(one.Thumbprint, thumbprint) || keySID != "" && one.PresentedUser == keySID {
			return one.ID
		}
		if id == 0 && one.ClientID == "" && one.DeviceSID == "" {
			id = one.ID
		}
	}
	return id
}
