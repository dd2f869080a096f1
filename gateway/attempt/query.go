package attempt

import (
	"slices"
	"strings"
	"time"

	"gatehouse/gateway/cause"
)

// Filter chooses attempts; what is empty does not restrict.
type Filter struct {
	Codes         []Code
	Refused       bool       // only those that ended without being accepted
	Causes        []cause.ID // of the verdict, a warning or the end
	DeviceSID     string
	CredentialSID string
	Remote        string // the whole address, or its host
	ServerName    string // by which the device called the gateway (SNI): the whole name, in any letter case
	Thumbprint    string // SHA-256 of the presented certificate, hex in any letter case
	Server        string // the wrong server of the lab that took the connection
	OnlyLive      bool   // only those that are connected now
	// Text is looked for, in any letter case, in the device's name, the remote address, cause, client id, SIDs, thumbprint
	// and server name.
	Text    string
	Since   time.Time // accepted at or after
	Until   time.Time // accepted before
	AfterID uint64    // begun after this one
	// BeforeID is the attempt that those which are wanted began before; 0: whenever.
	BeforeID uint64
	Offset   int  // attempts to leave out, newest first
	Limit    int  // attempts to return at most; 0: all
	Whole    bool // with Steps and Packets
}

// Page is the answer to a query.
type Page struct {
	Attempts []Attempt // newest first
	Total    int       // how many match, on all pages
	Version  uint64    // of the log, taken before looking: when it has not changed, neither has the answer
}

// Get is a copy of one attempt with everything, unless it has been evicted.
func (l *Log) Get(id uint64) (Attempt, bool) {
	r := l.find(id)
	if r == nil {
		return Attempt{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.evicted {
		return Attempt{}, false
	}
	return r.copyLocked(true), true
}

// Len is how many attempts are kept.
func (l *Log) Len() int { return int(l.kept.Load()) }

// Query returns the attempts that match, newest first. It costs well under a microsecond for each attempt kept.
func (l *Log) Query(f Filter) Page {
	page := Page{Version: l.version.Load()}
	f.Text = strings.ToLower(strings.TrimSpace(f.Text))
	oldest := max(l.oldest.Load(), f.AfterID+1)
	newest := l.newest.Load()
	if f.BeforeID > 0 {
		newest = min(newest, f.BeforeID-1)
	}
	for id := newest; id >= oldest; id-- {
		r := l.find(id)
		if r == nil {
			continue
		}
		wanted := page.Total >= f.Offset && (f.Limit <= 0 || len(page.Attempts) < f.Limit)
		a, ok := r.match(&f, wanted)
		if !ok {
			continue
		}
		if page.Total++; wanted {
			page.Attempts = append(page.Attempts, a)
		}
	}
	return page
}

// match reports whether the attempt passes the filter, with a copy when it is wanted.
func (r *record) match(f *Filter, wanted bool) (Attempt, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, code, live := time.Unix(0, r.resting.at), r.resting.code, false
	if a := r.attempt; a != nil {
		at, code, live = a.At, a.Code, a.Live
	}
	switch {
	case r.evicted, // between finding and locking it
		len(f.Codes) > 0 && !slices.Contains(f.Codes, code),
		f.Refused && !code.Refused(),
		f.OnlyLive && !live,
		!f.Since.IsZero() && at.Before(f.Since),
		!f.Until.IsZero() && !at.Before(f.Until),
		f.Text != "" && r.text != "" && !strings.Contains(r.text, f.Text):
		return Attempt{}, false
	}
	if !f.looksInside() {
		if !wanted {
			return Attempt{}, true
		}
		return r.copyLocked(f.Whole), true
	}
	switch {
	case f.DeviceSID != "" && r.value(tagDeviceSID) != f.DeviceSID,
		f.CredentialSID != "" && r.value(tagCredentialSID) != f.CredentialSID,
		f.Remote != "" && !remoteIs(r.value(tagRemote), f.Remote),
		f.Server != "" && r.value(tagServer) != f.Server,
		f.ServerName != "" && !strings.EqualFold(r.value(tagServerName), f.ServerName),
		f.Thumbprint != "" && !strings.EqualFold(r.value(tagThumbprint), f.Thumbprint),
		len(f.Causes) > 0 && !r.hasCause(f.Causes),
		f.Text != "" && !strings.Contains(r.searched(), f.Text):
		return Attempt{}, false
	}
	if !wanted {
		return Attempt{}, true
	}
	return r.copyLocked(f.Whole), true
}

// looksInside reports whether more is asked for than code and time.
func (f *Filter) looksInside() bool {
	return f.DeviceSID+f.CredentialSID+f.Remote+f.Server+f.ServerName+f.Thumbprint+f.Text != "" || len(f.Causes) > 0
}

func remoteIs(remote, wanted string) bool {
	if remote == wanted {
		return true
	}
	colon := strings.LastIndexByte(remote, ':')
	return colon >= 0 && strings.Trim(remote[:colon], "[]") == strings.Trim(wanted, "[]")
}

func (r *record) hasCause(causes []cause.ID) bool {
	if a := r.attempt; a != nil {
		return slices.Contains(causes, a.Cause) || slices.Contains(causes, a.End) || slices.ContainsFunc(a.Warnings, func(w cause.ID) bool { return slices.Contains(causes, w) })
	}
	for tag, v := range r.resting.fields {
		if (tag == tagCause || tag == tagEnd || tag == tagWarning) && slices.Contains(causes, cause.ID(v)) {
			return true
		}
	}
	return false
}

// searched is the text that a search looks at, in lower case. The record is locked.
func (r *record) searched() string {
	if r.text == "" {
		a := r.head()
		parts := []string{a.DeviceName, a.Remote, string(a.Cause), string(a.End), a.ClientID, a.DeviceSID, a.CredentialSID, a.ServiceSID, a.Thumbprint, a.PresentedUser, a.ServerName, a.Server}
		for _, w := range a.Warnings {
			parts = append(parts, string(w))
		}
		r.text = strings.ToLower(strings.Join(parts, "\n"))
	}
	return r.text
}

func (r *record) copy(whole bool) Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.copyLocked(whole)
}

// copyLocked is a copy that never changes.
func (r *record) copyLocked(whole bool) Attempt {
	if r.attempt == nil {
		return r.resting.read(r.id, whole)
	}
	a := *r.attempt
	a.Also, a.Warnings = slices.Clone(a.Also), slices.Clone(a.Warnings)
	if whole {
		a.Steps, a.Packets = r.read()
	}
	return a
}
