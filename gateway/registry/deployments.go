package registry

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/gateway/sid"
)

// CreateDeployment makes a deployment in a fleet, "default" for an empty SID, linked to a Sync service, none for an empty
// SID.
func (r *Registry) CreateDeployment(ctx context.Context, fleetSID, friendlyName, serviceSID string) (Deployment, error) {
	var d Deployment
	err := r.write(ctx, func(t *transaction) error {
		fleet, err := t.fleet(fleetSID)
		if err != nil {
			return err
		}
		if err := errors.Join(checkFriendlyName(friendlyName), t.checkService(serviceSID)); err != nil {
			return err
		}
		now := r.stamp()
		d = Deployment{SID: r.params.NewSID(sid.Deployment), FleetSID: fleet.SID, FriendlyName: friendlyName, ServiceSID: serviceSID, Created: now, Updated: now}
		t.putDeployment(d)
		t.changed(KindDeployment, d.SID, false)
		return nil
	})
	if err != nil {
		return Deployment{}, fmt.Errorf("create deployment: %w", err)
	}
	return d, nil
}

// UpdateDeployment changes a deployment; what is nil stays, an empty service unlinks it. Its devices are affected when the
// service changes.
func (r *Registry) UpdateDeployment(ctx context.Context, deploymentSID string, friendlyName, serviceSID *string) (Deployment, error) {
	var d Deployment
	err := r.write(ctx, func(t *transaction) error {
		old, found := t.r.memory.deployments[deploymentSID]
		if !found {
			return notFound(KindDeployment, deploymentSID)
		}
		d = old
		d.FriendlyName = or(friendlyName, d.FriendlyName)
		d.ServiceSID = or(serviceSID, d.ServiceSID)
		if err := checkFriendlyName(d.FriendlyName); err != nil {
			return err
		}
		var affected []string
		if d.ServiceSID != old.ServiceSID {
			if err := t.checkService(d.ServiceSID); err != nil {
				return err
			}
			affected = t.devicesOf(deploymentSID)
		}
		d.Updated = r.stamp()
		t.putDeployment(d)
		t.changed(KindDeployment, d.SID, false, affected...)
		return nil
	})
	if err != nil {
		return Deployment{}, fmt.Errorf("update deployment: %w", err)
	}
	return d, nil
}

// DeleteDeployment deletes a deployment and leaves its devices undeployed. A fleet whose default it was has none then.
func (r *Registry) DeleteDeployment(ctx context.Context, deploymentSID string) error {
	err := r.write(ctx, func(t *transaction) error {
		m := t.r.memory
		d, found := m.deployments[deploymentSID]
		if !found {
			return notFound(KindDeployment, deploymentSID)
		}
		now := r.stamp()
		affected := t.devicesOf(deploymentSID)
		for _, deviceSID := range affected {
			device := m.devices[deviceSID]
			device.DeploymentSID, device.Updated = "", now
			t.putDevice(device)
			t.changed(KindDevice, deviceSID, false)
		}
		if f := m.fleets[d.FleetSID]; f.DefaultDeploymentSID == deploymentSID {
			f.DefaultDeploymentSID, f.Updated = "", now
			t.putFleet(f)
			t.changed(KindFleet, f.SID, false)
		}
		t.remove(KindDeployment, deploymentSID, func(m *memory) { delete(m.deployments, deploymentSID) })
		t.changed(KindDeployment, deploymentSID, true, affected...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete deployment: %w", err)
	}
	return nil
}

func (t *transaction) devicesOf(deploymentSID string) []string {
	var found []string
	for _, d := range t.r.memory.devices {
		if d.DeploymentSID == deploymentSID {
			found = append(found, d.SID)
		}
	}
	return found
}

func (t *transaction) checkService(serviceSID string) error {
	if _, found := t.r.memory.services[serviceSID]; !found && serviceSID != "" {
		return &InvalidError{Field: "SyncServiceSid", Reason: "is not a Sync service"}
	}
	return nil
}
