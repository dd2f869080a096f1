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
		add("enable", "enabled", s.enable(device))
	}
	switch _, why := s.Registry.EffectiveService(device); why {
	case cause.NotDeployed:
		if to, ok := s.defaultDeployment(device); ok {
			add("deploy", "deployed to "+nameOr(to.FriendlyName, to.SID), s.deploy(device, to))
		}
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

// enable is that a device may connect.
func (s Source) enable(device registry.Device) act {
	return act{
		func(ctx context.Context) error {
			_, err := s.Registry.UpdateDevice(ctx, device.SID, registry.DeviceChange{Enabled: new(true)})
			return err
		},
		func(ctx context.Context) error {
			_, err := s.Registry.UpdateDevice(ctx, device.SID, registry.DeviceChange{Enabled: new(false)})
			return err
		},
		s.gone(aDevice(device)),
	}
}

// deploy gives a device a deployment, and back the one that it had when the button was pressed.
func (s Source) deploy(device registry.Device, to registry.Deployment) act {
	before := device.DeploymentSID
	set := func(ctx context.Context, deploymentSID string) error {
		_, err := s.Registry.UpdateDevice(ctx, device.SID, registry.DeviceChange{DeploymentSID: &deploymentSID})
		return err
	}
	return act{
		func(ctx context.Context) error {
			if now, found := s.Registry.Device(device.SID); found && now.DeploymentSID != to.SID {
				before = now.DeploymentSID // it was deployed elsewhere since the button was drawn
			}
			return set(ctx, to.SID)
		},
		func(ctx context.Context) error { return set(ctx, before) },
		func() string {
			return s.gone(aDevice(device), aDeployment(to), thing{before, "the deployment that it had"})()
		},
	}
}

func (s Source) defaultDeployment(device registry.Device) (registry.Deployment, bool) {
	fleet, _ := s.Registry.Fleet(device.FleetSID)
	return s.Registry.Deployment(fleet.DefaultDeploymentSID)
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
	service = nameOr(services[0].FriendlyName, "a Sync service")
	return act{
		func(ctx context.Context) error {
			if now, _ := s.Registry.Deployment(deployment.SID); now.ServiceSID != "" && now.ServiceSID != services[0].SID {
				return fmt.Errorf("%s was linked to another Sync service meanwhile: nothing was changed", aDeployment(deployment).called)
			}
			return to(services[0].SID)(ctx)
		},
		to(""), s.gone(aDeployment(deployment), thing{services[0].SID, service}),
	}, service, true
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
		func(ctx context.Context) error {
			if len(s.Registry.Keys(device.SID)) > 0 {
				return fmt.Errorf("%s has a key by now: delete it under Devices if you mean to lose that", aDevice(device).called)
			}
			return deleted(s.Registry.DeleteDevice(ctx, device.SID))
		},
		nil,
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
