// Package remedy knows for each refused attempt what would make it right, and does it: the fix behind the button. What
// can only be done on the device's side becomes something to save or to copy. It knows neither the window nor the
// command line.
package remedy

import (
	"context"
	"fmt"

	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// Kind says what pressing the button means.
type Kind int

// The kinds of remedy.
const (
	Press    Kind = iota // Do does it
	Choose               // the user picks one of Choices
	NewKey               // the user makes a new key for DeviceSID, and sees its secret once
	SaveRoot             // the user saves the gateway's root certificate for the device
	Copy                 // the user copies Text
)

// Done is what was done.
type Done struct {
	Message string                          // "thermostat-7 is enabled"
	Undo    func(ctx context.Context) error // nil when it cannot be undone
}

// Choice is one of several ways to go.
type Choice struct {
	Label string
	Do    func(ctx context.Context) (Done, error)
}

// Remedy is the fix of an attempt.
type Remedy struct {
	Kind      Kind
	Label     string // of the button
	DeviceSID string
	Text      string // for Copy
	Do        func(ctx context.Context) (Done, error)
	Choices   []Choice
}

// Registry is what remedies read and change.
type Registry interface {
	Device(sid string) (registry.Device, bool)
	Devices() []registry.Device
	Fleet(sid string) (registry.Fleet, bool)
	Deployment(sid string) (registry.Deployment, bool)
	Services() []registry.Service
	UpdateDevice(ctx context.Context, sid string, change registry.DeviceChange) (registry.Device, error)
	UpdateDeployment(ctx context.Context, sid string, friendlyName, serviceSID *string) (registry.Deployment, error)
	AssignCredential(ctx context.Context, credentialSID, deviceSID string) error
	ImportCertificate(ctx context.Context, fleetSID, deviceSID, friendlyName string, pemOrDER []byte) (registry.Certificate, error)
	DeleteCertificate(ctx context.Context, sid string) error
}

// For is the remedy of a refused attempt; ok is false when there is none to press.
func For(a attempt.Attempt, r Registry, address string) (remedy Remedy, ok bool) {
	if !a.Code.Refused() {
		return Remedy{}, false
	}
	switch a.Cause {
	case cause.DeviceDisabled:
		return enable(a, r)
	case cause.NotDeployed:
		return deploy(a, r)
	case cause.NoService:
		return link(a, r)
	case cause.CredentialUnassigned:
		return assign(a, r)
	case cause.UnknownCertificate:
		return enrol(a, r)
	case cause.WrongSecret:
		if device, found := r.Device(a.DeviceSID); found {
			return Remedy{Kind: NewKey, Label: "New key for " + device.Name(), DeviceSID: device.SID}, true
		}
	case cause.CredentialRevoked:
		if device, found := r.Device(a.DeviceSID); found {
			return Remedy{Kind: NewKey, Label: "New key for " + device.Name(), DeviceSID: device.SID}, true
		}
	case cause.UntrustedRoot, cause.ClosedBeforeConnect:
		return Remedy{Kind: SaveRoot, Label: "Save root.pem"}, true
	case cause.Plaintext:
		return Remedy{Kind: Copy, Label: "Copy the TLS address", Text: address}, true
	case cause.MQTT5, cause.UnsupportedProtocol:
		return Remedy{Kind: Copy, Label: "Copy the mosquitto option", Text: "-V mqttv311"}, true
	}
	return Remedy{}, false
}

func enable(a attempt.Attempt, r Registry) (Remedy, bool) {
	device, found := r.Device(a.DeviceSID)
	if !found || device.Enabled {
		return Remedy{}, false
	}
	return Remedy{Kind: Press, DeviceSID: device.SID, Label: "Enable " + device.Name(), Do: func(ctx context.Context) (Done, error) {
		return change(ctx, r, device.SID, registry.DeviceChange{Enabled: new(true)}, registry.DeviceChange{Enabled: new(false)}, device.Name()+" is enabled")
	}}, true
}

func deploy(a attempt.Attempt, r Registry) (Remedy, bool) {
	device, found := r.Device(a.DeviceSID)
	if !found || device.DeploymentSID != "" {
		return Remedy{}, false
	}
	fleet, _ := r.Fleet(device.FleetSID)
	deployment, found := r.Deployment(fleet.DefaultDeploymentSID)
	if !found {
		return Remedy{}, false
	}
	return Remedy{Kind: Press, DeviceSID: device.SID, Label: "Deploy " + device.Name(), Do: func(ctx context.Context) (Done, error) {
		return change(ctx, r, device.SID, registry.DeviceChange{DeploymentSID: &deployment.SID}, registry.DeviceChange{DeploymentSID: new("")},
			fmt.Sprintf("%s is deployed to %s", device.Name(), nameOr(deployment.FriendlyName, deployment.SID)))
	}}, true
}

// link gives the device's deployment the default Sync service, the first one there is.
func link(a attempt.Attempt, r Registry) (Remedy, bool) {
	device, found := r.Device(a.DeviceSID)
	services := r.Services()
	if !found || len(services) == 0 {
		return Remedy{}, false
	}
	deployment, found := r.Deployment(device.DeploymentSID)
	if !found || deployment.ServiceSID != "" {
		return Remedy{}, false
	}
	service := services[0]
	return Remedy{Kind: Press, DeviceSID: device.SID, Label: "Link to " + nameOr(service.FriendlyName, "a Sync service"), Do: func(ctx context.Context) (Done, error) {
		if _, err := r.UpdateDeployment(ctx, deployment.SID, nil, &service.SID); err != nil {
			return Done{}, err
		}
		return Done{Message: nameOr(deployment.FriendlyName, deployment.SID) + " is linked to " + nameOr(service.FriendlyName, service.SID), Undo: func(ctx context.Context) error {
			_, err := r.UpdateDeployment(ctx, deployment.SID, nil, new(""))
			return err
		}}, nil
	}}, true
}

func assign(a attempt.Attempt, r Registry) (Remedy, bool) {
	what := "key"
	if sid.Valid(sid.Certificate, a.CredentialSID) {
		what = "certificate"
	}
	return choose("Assign the "+what+" to…", r, func(device registry.Device) func(context.Context) (Done, error) {
		return func(ctx context.Context) (Done, error) {
			if err := r.AssignCredential(ctx, a.CredentialSID, device.SID); err != nil {
				return Done{}, err
			}
			return Done{Message: "The " + what + " " + sid.Short(a.CredentialSID) + " belongs to " + device.Name(), Undo: func(ctx context.Context) error {
				return r.AssignCredential(ctx, a.CredentialSID, "")
			}}, nil
		}
	})
}

func enrol(a attempt.Attempt, r Registry) (Remedy, bool) {
	pem := presentedPEM(a)
	if pem == "" {
		return Remedy{}, false
	}
	return choose("Enrol this certificate for…", r, func(device registry.Device) func(context.Context) (Done, error) {
		return func(ctx context.Context) (Done, error) {
			certificate, err := r.ImportCertificate(ctx, device.FleetSID, device.SID, "", []byte(pem))
			if err != nil {
				return Done{}, err
			}
			return Done{Message: "The certificate " + words.Thumbprint(a.Thumbprint) + " belongs to " + device.Name(), Undo: func(ctx context.Context) error {
				return r.DeleteCertificate(ctx, certificate.SID)
			}}, nil
		}
	})
}

// choose offers every device.
func choose(label string, r Registry, do func(registry.Device) func(context.Context) (Done, error)) (Remedy, bool) {
	devices := r.Devices()
	if len(devices) == 0 {
		return Remedy{}, false
	}
	remedy := Remedy{Kind: Choose, Label: label}
	for _, device := range devices {
		remedy.Choices = append(remedy.Choices, Choice{Label: device.Name(), Do: do(device)})
	}
	return remedy, true
}

// change updates a device; undo is the change that puts it back.
func change(ctx context.Context, r Registry, device string, to, undo registry.DeviceChange, message string) (Done, error) {
	if _, err := r.UpdateDevice(ctx, device, to); err != nil {
		return Done{}, err
	}
	return Done{Message: message, Undo: func(ctx context.Context) error {
		_, err := r.UpdateDevice(ctx, device, undo)
		return err
	}}, nil
}

// presentedPEM is the client certificate that an attempt brought.
func presentedPEM(a attempt.Attempt) string {
	for _, s := range a.Steps {
		if s.Kind == attempt.ClientCertificate {
			return s.Fact("pem")
		}
	}
	return ""
}

func nameOr(name, other string) string {
	if name != "" {
		return name
	}
	return other
}
