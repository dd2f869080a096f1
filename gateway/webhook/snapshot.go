package webhook

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// tally counts since Open.
type tally struct {
	Delivered      uint64
	Failed         uint64    // requests that were not answered 2xx
	DroppedFull    uint64    // the queue was full
	DroppedExpired uint64    // too old
	DroppedRefused uint64    // refused too often
	DroppedRemoved uint64    // the WebhookUrl was removed
	LastDelivered  time.Time // zero: never
	LastFailed     time.Time // zero: never
	LastStatus     int       // of the last failure; 0: there was no answer
	LastError      string    // the last failure, for people
}

func (t *tally) failed(now time.Time, got result) {
	t.Failed++
	t.LastFailed, t.LastStatus, t.LastError = now, got.status, got.why
}

// Status is how it stands with the webhooks of one service. Counts are since Open.
type Status struct {
	ServiceSID string
	URL        string    // without password, query and fragment, which may be secrets
	Queued     int       // events, those that are being sent included
	Bytes      int64     // of them in the store
	Sending    int       // requests under way
	Oldest     time.Time // when the oldest event was queued; zero: none is
	Failures   int       // times in a row that the receiver could not be reached
	PausedTill time.Time // next attempt after such a failure; zero: not paused

	tally
}

// Dropped is how many events were given up, for whatever reason.
func (s Status) Dropped() uint64 {
	return s.DroppedFull + s.DroppedExpired + s.DroppedRefused + s.DroppedRemoved
}

// Snapshot is the status of each service that had an event since Open, by SID.
func (w *Webhooks) Snapshot() []Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Status, 0, len(w.services))
	for _, s := range w.services {
		status := Status{
			ServiceSID: s.sid, URL: shown(s.url), Queued: s.count, Bytes: s.bytes, Sending: s.flying,
			Failures: s.failures, PausedTill: s.until, tally: s.tally,
		}
		if front := s.events.Front(); front != nil {
			status.Oldest = front.Value.(*record).Queued
		}
		all = append(all, status)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.ServiceSID, b.ServiceSID) })
	return all
}

// Version rises whenever a snapshot may be another one.
func (w *Webhooks) Version() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version
}

func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, "", "", ""
	return u.String()
}
