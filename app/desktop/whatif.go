package desktop

import (
	"context"

	"gatehouse/app/desktop/attempts"
	"gatehouse/app/remedy"
	"gatehouse/app/report"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// mostTried bounds how many devices or credentials "What if…" offers of a kind.
const mostTried = 50

// changes are what can be tried out for an attempt: of its device, and of what it presented.
func (a *adapter) changes(of attempt.Attempt) (all []attempts.Change) {
	r := a.Registry()
	device, known := r.Device(of.DeviceSID)
	if known {
		all = append(all, a.ofDevice(device)...)
		for _, k := range firstFew(r.Keys(device.SID)) {
			if k.SID != of.CredentialSID {
				all = append(all, attempts.Change{Label: "Present key " + sid.Short(k.SID) + " with its secret", Change: diagnosis.Change{CredentialSID: k.SID}})
			}
		}
		for _, c := range firstFew(r.Certificates(device.SID)) {
			if c.SID != of.CredentialSID {
				all = append(all, attempts.Change{Label: "Present certificate " + sid.Short(c.SID), Change: diagnosis.Change{CredentialSID: c.SID}})
			}
		}
	}
	if of.CredentialSID != "" && (!known || of.Cause == cause.CredentialUnassigned) {
		for _, d := range firstFew(r.Devices()) {
			all = append(all, assigned(r, of.CredentialSID, d))
		}
	}
	if of.CredentialSID == "" && of.Thumbprint != "" {
		fixed, _ := a.remedy(of)
		for _, d := range firstFew(r.Devices()) {
			one := attempts.Change{Label: "Enrol this certificate for " + d.Name(), Change: diagnosis.Change{Enrol: d.SID}}
			if fixed.Kind == remedy.Choose {
				for _, c := range fixed.Choices {
					if c.Label == d.Name() {
						one.Do, one.Doable = remedy.Remedy{Kind: remedy.Press, Label: one.Label, Do: c.Do}, true
					}
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// ofDevice are the changes of a device itself.
func (a *adapter) ofDevice(device registry.Device) (all []attempts.Change) {
	r := a.Registry()
	if !device.Enabled {
		all = append(all, attempts.Change{
			Label: "Enable " + device.Name(), Change: diagnosis.Change{Enable: true}, Doable: true,
			Do: updated(r, "Enable "+device.Name(), device.Name()+" is enabled", device.SID,
				registry.DeviceChange{Enabled: new(true)}, registry.DeviceChange{Enabled: new(false)}),
		})
	}
	for _, d := range firstFew(r.Deployments(device.FleetSID)) {
		if d.SID == device.DeploymentSID {
			continue
		}
		name := d.FriendlyName
		if name == "" {
			name = sid.Short(d.SID)
		}
		all = append(all, attempts.Change{
			Label: "Deploy " + device.Name() + " to " + name, Change: diagnosis.Change{DeploymentSID: d.SID}, Doable: true,
			Do: updated(r, "Deploy "+device.Name(), device.Name()+" is deployed to "+name, device.SID,
				registry.DeviceChange{DeploymentSID: &d.SID}, registry.DeviceChange{DeploymentSID: &device.DeploymentSID}),
		})
	}
	return all
}

// updated is a change of a device, and the one that takes it back.
func updated(r *registry.Registry, label, message, device string, to, back registry.DeviceChange) remedy.Remedy {
	return remedy.Remedy{Kind: remedy.Press, Label: label, DeviceSID: device, Do: func(ctx context.Context) (remedy.Done, error) {
		if _, err := r.UpdateDevice(ctx, device, to); err != nil {
			return remedy.Done{}, err
		}
		return remedy.Done{Message: message, Undo: func(ctx context.Context) error {
			_, err := r.UpdateDevice(ctx, device, back)
			return err
		}}, nil
	}}
}

// assigned is the change that gives a credential to a device.
func assigned(r *registry.Registry, credential string, d registry.Device) attempts.Change {
	label := "Assign " + sid.Short(credential) + " to " + d.Name()
	return attempts.Change{
		Label: label, Change: diagnosis.Change{AssignTo: d.SID}, Doable: true,
		Do: remedy.Remedy{Kind: remedy.Press, Label: label, DeviceSID: d.SID, Do: func(ctx context.Context) (remedy.Done, error) {
			if err := r.AssignCredential(ctx, credential, d.SID); err != nil {
				return remedy.Done{}, err
			}
			return remedy.Done{Message: sid.Short(credential) + " belongs to " + d.Name() + " now", Undo: func(ctx context.Context) error {
				return r.AssignCredential(ctx, credential, "")
			}}, nil
		}},
	}
}

func firstFew[T any](all []T) []T { return all[:min(len(all), mostTried)] }

// reportOf is what a report of an attempt is made of.
func (a *adapter) reportOf(of attempt.Attempt, payloads bool) report.Source {
	now := a.WouldPass(of)
	source := report.Source{Attempt: of, Comparison: a.Compare(of), Now: &now, Payloads: payloads, Gateway: report.Gateway{
		Version: a.version, TLS: "TLS 1.2 and 1.3", ServerNames: a.last.Load().Names,
	}}
	for _, f := range a.Findings().All() {
		for _, id := range f.Attempts {
			if id == of.ID {
				source.Findings = append(source.Findings, f)
				break
			}
		}
	}
	return source
}
