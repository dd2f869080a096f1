package registry

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/gateway/sid"
)

// NewDevice describes a device that is to be created.
type NewDevice struct {
	FleetSID      string  // empty: the fleet "default"
	UniqueName    string  // at most 128 characters, unique in its fleet, not of SID form; may be empty
	FriendlyName  string  // at most 256 characters
	Identity      string  // at most 256 characters
	DeploymentSID *string // nil: the fleet's default deployment; empty: none
	Disabled      bool
}

// CreateDevice makes a device. The error may be an [*InvalidError] or an [*ExistsError].
func (r *Registry) CreateDevice(ctx context.Context, n NewDevice) (Device, error) {
	var d Device
	err := r.write(ctx, func(t *transaction) error {
		fleet, err := t.fleet(n.FleetSID)
		if err != nil {
			return err
		}
		if err := errors.Join(checkUniqueName(n.UniqueName), checkFriendlyName(n.FriendlyName), checkIdentity(n.Identity)); err != nil {
			return err
		}
		if other, taken := t.r.memory.names[fleetName{fleet.SID, n.UniqueName}]; taken {
			return &ExistsError{What: "unique name", SID: other}
		}
		deployment := fleet.DefaultDeploymentSID
		if n.DeploymentSID != nil {
			deployment = *n.DeploymentSID
		}
		if err := t.checkDeployment("DeploymentSid", deployment, fleet.SID); err != nil {
			return err
		}
		now := r.stamp()
		d = Device{
			SID: r.params.NewSID(sid.Device), FleetSID: fleet.SID, UniqueName: n.UniqueName, FriendlyName: n.FriendlyName, Identity: n.Identity,
			Enabled: !n.Disabled, DeploymentSID: deployment, Created: now, Updated: now,
		}
		t.putDevice(d)
		t.changed(KindDevice, d.SID, false, d.SID)
		return nil
	})
	if err != nil {
		return Device{}, fmt.Errorf("create device: %w", err)
	}
	return d, nil
}

// DeviceChange is what to change of a device; nil fields stay.
type DeviceChange struct {
	FriendlyName  *string
	Identity      *string
	DeploymentSID *string // empty: undeploy
	Enabled       *bool
}

// UpdateDevice changes a device; [ErrNotFound], or an [*InvalidError].
func (r *Registry) UpdateDevice(ctx context.Context, deviceSID string, c DeviceChange) (Device, error) {
	var d Device
	err := r.write(ctx, func(t *transaction) error {
		var found bool
		if d, found = t.r.memory.devices[deviceSID]; !found {
			return notFound(KindDevice, deviceSID)
		}
		d.FriendlyName = or(c.FriendlyName, d.FriendlyName)
		d.Identity = or(c.Identity, d.Identity)
		d.Enabled = or(c.Enabled, d.Enabled)
		if err := errors.Join(checkFriendlyName(d.FriendlyName), checkIdentity(d.Identity)); err != nil {
			return err
		}
		if c.DeploymentSID != nil {
			if err := t.checkDeployment("DeploymentSid", *c.DeploymentSID, d.FleetSID); err != nil {
				return err
			}
			d.DeploymentSID = *c.DeploymentSID
		}
		d.Updated = r.stamp()
		t.putDevice(d)
		t.changed(KindDevice, d.SID, false, d.SID)
		return nil
	})
	if err != nil {
		return Device{}, fmt.Errorf("update device: %w", err)
	}
	return d, nil
}

// DeleteDevice deletes a device with its credentials, of which tombstones stay.
func (r *Registry) DeleteDevice(ctx context.Context, deviceSID string) error {
	err := r.write(ctx, func(t *transaction) error {
		d, found := t.r.memory.devices[deviceSID]
		if !found {
			return notFound(KindDevice, deviceSID)
		}
		t.deleteDevice(d)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete device: %w", err)
	}
	return nil
}

func (t *transaction) deleteDevice(d Device) {
	for _, k := range pick(t.r.memory.keys, t.r.memory.keysOf[d.SID], keyOrder) {
		t.deleteKey(k, true)
	}
	for _, c := range pick(t.r.memory.certificates, t.r.memory.certsOf[d.SID], certificateOrder) {
		t.deleteCertificate(c, true)
	}
	t.remove(KindDevice, d.SID, func(m *memory) { m.removeDevice(d.SID) })
	t.changed(KindDevice, d.SID, true, d.SID)
}

// fleet is the one with this SID, the default one for an empty SID. The caller holds writing.
func (t *transaction) fleet(fleetSID string) (Fleet, error) {
	if fleetSID == "" {
		f, found := t.r.memory.fleetByName(defaultName)
		if !found {
			return Fleet{}, &InvalidError{Field: "FleetSid", Reason: `is needed: there is no fleet "default"`}
		}
		return f, nil
	}
	f, found := t.r.memory.fleets[fleetSID]
	if !found {
		return Fleet{}, notFound(KindFleet, fleetSID)
	}
	return f, nil
}

// checkDeployment accepts none and those of the fleet.
func (t *transaction) checkDeployment(field, deploymentSID, fleetSID string) error {
	if deploymentSID == "" {
		return nil
	}
	if d, found := t.r.memory.deployments[deploymentSID]; !found || d.FleetSID != fleetSID {
		return &InvalidError{Field: field, Reason: "is not a deployment of this fleet"}
	}
	return nil
}

func or[T any](change *T, old T) T {
	if change != nil {
		return *change
	}
	return old
}
