package desktop

import (
	"strings"

	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/frame"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// How many of each the command palette lists.
const (
	foundDevices  = 12
	foundFindings = 6
	foundAttempts = 8
)

// find is what the command palette finds beside actions: devices by name, SID, credential or thumbprint, what stands among
// the findings, all attempts from an address or with a certificate, and attempts by all that their list can be filtered by.
func (a *adapter) find(query string, to shell.Shell) []frame.Found {
	found := append(a.findDevices(query, to), a.findFindings(query, to)...)
	found = append(found, a.findPeers(query, to)...)
	return append(found, a.findAttempts(query, to)...)
}

func (a *adapter) findFindings(query string, to shell.Shell) (found []frame.Found) {
	asked := strings.Fields(strings.ToLower(query))
	for _, f := range (findingsOf{a}).Active() {
		if len(found) == foundFindings || !holds("finding "+f.Title+" "+f.Evidence+" "+f.DeviceName, asked) {
			continue
		}
		do := func() { to.Go(shell.Overview, "") }
		if len(f.Attempts) > 0 {
			do = func() { to.Go(shell.Attempts, shell.AttemptKey(f.Attempts[0])) }
		}
		found = append(found, frame.Found{Icon: "attention", Title: f.Title, Detail: "finding · " + f.At.Local().Format("15:04:05"), Do: do})
	}
	return found
}

// leastThumbprint is how many letters of a thumbprint make it one: fewer are likely to be something else.
const leastThumbprint = 6

// findPeers offers all attempts from an address, or with a certificate, that a query names.
func (a *adapter) findPeers(query string, to shell.Shell) (found []frame.Found) {
	query = strings.ToLower(strings.TrimSpace(query))
	if query == "" {
		return nil
	}
	seen := map[string]bool{}
	for _, one := range a.Attempts().Query(attempt.Filter{Text: query, Limit: 200}).Attempts {
		if host := mend.Host(one.Remote); !seen[host] && strings.HasPrefix(host, query) {
			seen[host] = true
			found = append(found, frame.Found{Icon: "attempts", Title: "All attempts from " + host, Do: func() { to.Go(shell.Attempts, shell.FromKey(host)) }})
		}
		if t := one.Thumbprint; len(query) >= leastThumbprint && !seen[t] && strings.HasPrefix(strings.ToLower(t), query) {
			seen[t] = true
			found = append(found, frame.Found{Icon: "attempts", Title: "All attempts with certificate " + words.Thumbprint(t), Do: func() { to.Go(shell.Attempts, t) }})
		}
	}
	return found[:min(len(found), foundFindings)]
}

func (a *adapter) findDevices(query string, to shell.Shell) (found []frame.Found) {
	asked := strings.Fields(strings.ToLower(query))
	r := a.Registry()
	seen := map[string]bool{}
	add := func(sid, name, detail string) {
		if len(found) < foundDevices && !seen[sid] {
			seen[sid] = true
			found = append(found, frame.Found{Icon: "devices", Title: name, Detail: detail, Do: func() { to.Go(shell.Devices, sid) }})
		}
	}
	for _, d := range r.Devices() {
		if holds(d.UniqueName+" "+d.FriendlyName+" "+d.Identity+" "+d.SID, asked) {
			add(d.SID, d.Name(), d.SID)
		}
	}
	for _, k := range r.AllKeys() {
		if k.DeviceSID != "" && holds(k.SID+" "+k.FriendlyName, asked) {
			add(k.DeviceSID, a.DeviceName(k.DeviceSID), "key "+k.SID)
		}
	}
	for _, c := range r.AllCertificates() {
		if c.DeviceSID != "" && holds(c.SID+" "+c.FriendlyName+" "+c.Thumbprint, asked) {
			add(c.DeviceSID, a.DeviceName(c.DeviceSID), "certificate "+words.Thumbprint(c.Thumbprint))
		}
	}
	return found
}

func (a *adapter) findAttempts(query string, to shell.Shell) (found []frame.Found) {
	page := a.Attempts().Query(attempt.Filter{Text: strings.TrimSpace(query), Limit: foundAttempts})
	for _, one := range page.Attempts {
		name := one.DeviceName
		if name == "" {
			name = one.Remote
		}
		found = append(found, frame.Found{
			Icon: "attempts", Title: name + ": " + words.Explain(one).Short,
			Detail: one.At.Format("15:04:05") + " · " + words.CodeLabel(one.Code),
			Do:     func() { to.Go(shell.Attempts, shell.AttemptKey(one.ID)) },
		})
	}
	return found
}
