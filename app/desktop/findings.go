package desktop

import (
	"cmp"
	"slices"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/finding"
)

// findingsOf is what several attempts show together, in words and with fixes.
type findingsOf struct{ *adapter }

var _ findings.Source = findingsOf{}

// Version implements findings.Source.
func (a findingsOf) Version() uint64 { return a.Findings().Version() }

// Active implements findings.Source: problems first, then what is to be looked at, then remarks.
func (a findingsOf) Active() []findings.Finding {
	var all []findings.Finding
	for _, f := range a.Findings().All() {
		if f.Active {
			all = append(all, a.shown(f))
		}
	}
	slices.SortStableFunc(all, func(x, y findings.Finding) int {
		return cmp.Or(cmp.Compare(y.State, x.State), cmp.Compare(min(len(y.Parties), 1), min(len(x.Parties), 1))) // a fight first
	})
	return all
}

func (a findingsOf) shown(f finding.Finding) findings.Finding {
	said := words.Finding(f)
	shown := findings.Finding{
		ID: f.ID, State: findings.Gravity(f.Kind), Title: said.Title, Evidence: said.Evidence, Advice: said.Advice, At: f.Last,
		DeviceSID: f.DeviceSID, DeviceName: f.DeviceName, Attempts: f.Attempts,
	}
	for _, p := range f.Parties {
		shown.Parties = append(shown.Parties, findings.Party(p))
	}
	var newest attempt.Attempt
	if len(f.Attempts) > 0 {
		newest, _ = a.Attempts().Get(f.Attempts[0]) // it may be kept no longer
	}
	shown.Remedy, shown.Fixable = a.remedies().ForFinding(f, newest)
	return shown
}

// Dismiss implements findings.Source.
func (a findingsOf) Dismiss(id uint64) { a.Findings().Dismiss(id) }

// count is how many findings are more than remarks.
func (a findingsOf) count() (n int) {
	for kind, active := range a.Findings().Active() {
		if findings.Gravity(kind) != attempt.Good {
			n += active
		}
	}
	return n
}
