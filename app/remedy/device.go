package remedy

import (
	"context"
	"fmt"
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
)

// allow mends all reasons of code 5 at once: a device that is disabled and not deployed is enabled and deployed.
func allow(s Source, a attempt.Attempt) (Remedy, bool) {
	device, found := s.Registry.Device(a.DeviceSID)
	if !found {
		return Remedy{}, false
	}
	var verbs, results []string
	var acts []act
	add := func(verb, result string, one act) {
		verbs, results, acts = append(verbs, verb), append(results, result), append(acts, one)
	}
	if !device.Enabled {
		add("enable", "enabled", s.update(device.SID, registry.DeviceChange{Enabled: new(true)}, registry.DeviceChange{Enabled: new(false)}))
	}
	switch _, why := s.Registry.EffectiveService(device); why {
	case cause.NotDeployed:
		deployment, name, ok := s.defaultDeployment(device)
		if !ok {
			break
		}
		add("deploy", "deployed to "+name, s.update(device.SID, registry.DeviceChange{DeploymentSID: &deployment}, registry.DeviceChange{DeploymentSID: &device.DeploymentSID}))
	case cause.NoService:
		if one, service, ok := s.link(device); ok {
			if len(acts) == 0 {
				deployment, _ := s.Registry.Deployment(device.DeploymentSID)
				return press("Link to "+service, nameOr(deployment.FriendlyName, "The deployment")+" is linked to "+service, device.SID, one), true
			}
			add("link to "+service, "linked to "+service, one)
		}
	}
	if len(acts) == 0 {
		return Remedy{}, false
	}
	verbs[0] = strings.ToUpper(verbs[0][:1]) + verbs[0][1:]
	label := strings.Join(verbs, " and ") + " " + device.Name()
	if strings.Contains(label, "link to") {
		label = "Enable " + device.Name() + " and " + verbs[1]
	}
	return press(label, device.Name()+" is "+strings.Join(results, " and "), device.SID, acts...), true
}

// update is a change of a device and the one that puts it back.
func (s Source) update(device string, to, back registry.DeviceChange) act {
	change := func(c registry.DeviceChange) func(context.Context) error {
		return func(ctx context.Context) error { _, err := s.Registry.UpdateDevice(ctx, device, c); return err }
	}
	return act{change(to), change(back)}
}

func (s Source) defaultDeployment(device registry.Device) (deploymentSID, name string, ok bool) {
	fleet, _ := s.Registry.Fleet(device.FleetSID)
	deployment, found := s.Registry.Deployment(fleet.DefaultDeploymentSID)
	return deployment.SID, nameOr(deployment.FriendlyName, deployment.SID), found
}

// link gives the device's deployment the default Sync service, the first one there is.
func (s Source) link(device registry.Device) (one act, service string, ok bool) {
	services := s.Registry.Services()
	deployment, found := s.Registry.Deployment(device.DeploymentSID)
	if !found || deployment.ServiceSID != "" || len(services) == 0 {
		return act{}, "", false
	}
	to := func(serviceSID string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.Registry.UpdateDeployment(ctx, deployment.SID, nil, &serviceSID)
			return err
		}
	}
	return act{to(services[0].SID), to("")}, nameOr(services[0].FriendlyName, "a Sync service"), true
}

// addAgain adds a device that was deleted, with the certificate that it presented; a key it has to be given anew.
func addAgain(s Source, a attempt.Attempt) (Remedy, bool) {
	if _, there := s.Registry.Device(a.DeviceSID); there || a.DeviceName == "" || a.DeviceName == a.DeviceSID || s.taken(a.DeviceName) {
		return Remedy{}, false
	}
	pem := presentedPEM(a)
	message := a.DeviceName + " is back, without a key: make it one"
	if pem != "" {
		message = a.DeviceName + " is back, with its certificate"
	}
	return press("Add "+a.DeviceName+" again", message, "", s.create(registry.NewDevice{UniqueName: a.DeviceName}, pem)), true
}

// create adds a device, with a certificate if there is one.
func (s Source) create(n registry.NewDevice, pem string) act {
	var device registry.Device
	return act{
		func(ctx context.Context) (err error) {
			if device, err = s.Registry.CreateDevice(ctx, n); err != nil || pem == "" {
				return err
			}
			if _, err = s.Registry.ImportCertificate(ctx, device.FleetSID, device.SID, "", []byte(pem)); err != nil {
				_ = s.Registry.DeleteDevice(ctx, device.SID) // it was to have the certificate
			}
			return err
		},
		func(ctx context.Context) error { return s.Registry.DeleteDevice(ctx, device.SID) },
	}
}

// taken reports whether a device has a name already.
func (s Source) taken(name string) bool {
	for _, d := range s.Registry.Devices() {
		if d.UniqueName == name {
			return true
		}
	}
	return false
}

// another adds a device like a given one, for a second board: a session belongs to a device, so two boards need two (contract,
// section 3), whatever keys they have.
func another(s Source, deviceSID string) (Remedy, bool) {
	device, found := s.Registry.Device(deviceSID)
	if !found {
		return Remedy{}, false
	}
	for n := 2; n < 100; n++ {
		name := fmt.Sprintf("%s-%d", nameOr(device.UniqueName, "device"), n)
		if s.taken(name) {
			continue
		}
		fix := press("Add "+name+" for the other board", name+" is there: make it a key for the other board", "", s.create(registry.NewDevice{
			FleetSID: device.FleetSID, UniqueName: name, DeploymentSID: &device.DeploymentSID,
		}, ""))
		fix.Brief = "Add " + name
		return fix, true
	}
	return Remedy{}, false
}
