package desktop

import (
	"strconv"
	"strings"

	"gatehouse/app/desktop/frame"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// How many of each the command palette lists.
const (
	foundDevices  = 12
	foundAttempts = 8
)

// find is what the command palette finds beside actions: devices by name, SID, credential or thumbprint, and attempts by
// all that their list can be filtered by.
func (a *adapter) find(query string, to shell.Shell) []frame.Found {
	return append(a.findDevices(query, to), a.findAttempts(query, to)...)
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
			Do:     func() { to.Go(shell.Attempts, strconv.FormatUint(one.ID, 10)) },
		})
	}
	return found
}
