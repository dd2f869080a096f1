package remedy

import (
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// mostTried bounds how many devices or credentials are offered of a kind.
const mostTried = 50

// Trial is one change that can be tried out on a recorded attempt, before anything is saved.
type Trial struct {
	Label  string // "Enable thermostat-7"
	Change diagnosis.Change
	// Do makes the change, when Doable: what the device presents is changed on the device alone.
	Do     Remedy
	Doable bool
}

// Trials are what can be tried out for an attempt: with its device, and with what it presented. Nothing is offered that
// is so already.
func (s Source) Trials(a attempt.Attempt) (all []Trial) {
	device, known := s.Registry.Device(a.DeviceSID)
	if known {
		all = append(all, s.trialsOf(device)...)
		all = append(all, s.otherCredentials(device, a.CredentialSID)...)
	}
	switch {
	case a.CredentialSID != "" && (!known || a.Cause == cause.CredentialUnassigned):
		if owner, there := s.owner(a.CredentialSID); there && owner == "" {
			for _, d := range firstFew(s.Registry.Devices()) {
				all = append(all, s.assigned(a.CredentialSID, d))
			}
		}
	case a.CredentialSID == "" && a.Thumbprint != "":
		pem := presentedPEM(a)
		if _, there := s.Registry.CertificateByThumbprint(a.Thumbprint); there {
			break
		}
		for _, d := range firstFew(s.Registry.Devices()) {
			label := "Enrol this certificate for " + d.Name()
			all = append(all, Trial{
				Label: label, Change: diagnosis.Change{Enrol: d.SID}, Do: s.enrolFor(d, label, a, pem), Doable: pem != "",
			})
		}
	}
	return all
}

// trialsOf are the changes of a device itself.
func (s Source) trialsOf(device registry.Device) (all []Trial) {
	if !device.Enabled {
		label := "Enable " + device.Name()
		all = append(all, Trial{
			Label: label, Change: diagnosis.Change{Enable: true}, Doable: true,
			Do: press(label, device.Name()+" is enabled", device.SID, s.enable(device)),
		})
	}
	for _, d := range firstFew(s.Registry.Deployments(device.FleetSID)) {
		if d.SID == device.DeploymentSID {
			continue
		}
		name := nameOr(d.FriendlyName, sid.Short(d.SID))
		label := "Deploy " + device.Name() + " to " + name
		all = append(all, Trial{
			Label: label, Change: diagnosis.Change{DeploymentSID: d.SID}, Doable: true,
			Do: press(label, device.Name()+" is deployed to "+name, device.SID, s.deploy(device, d)),
		})
	}
	return all
}

// otherCredentials are those that the device could have presented instead.
func (s Source) otherCredentials(device registry.Device, presented string) (all []Trial) {
	for _, k := range firstFew(s.Registry.Keys(device.SID)) {
		if k.SID != presented {
			all = append(all, Trial{Label: "Present key " + sid.Short(k.SID) + " with its secret", Change: diagnosis.Change{CredentialSID: k.SID}})
		}
	}
	for _, c := range firstFew(s.Registry.Certificates(device.SID)) {
		if c.SID != presented {
			all = append(all, Trial{Label: "Present certificate " + sid.Short(c.SID), Change: diagnosis.Change{CredentialSID: c.SID}})
		}
	}
	return all
}

// assigned gives a credential that belongs to nobody to a device.
func (s Source) assigned(credentialSID string, d registry.Device) Trial {
	label := "Assign " + sid.Short(credentialSID) + " to " + d.Name()
	return Trial{
		Label: label, Change: diagnosis.Change{AssignTo: d.SID}, Doable: true,
		Do: press(label, sid.Short(credentialSID)+" belongs to "+d.Name()+" now", d.SID, s.give(credentialSID, d)),
	}
}

func firstFew[T any](all []T) []T { return all[:min(len(all), mostTried)] }
