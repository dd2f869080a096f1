package registry

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/gateway/sid"
)

// CreateFleet makes a fleet with its default deployment, which is linked to the default Sync service if there is one. The
// unique name may be empty. The error may be an [*InvalidError] or an [*ExistsError].
func (r *Registry) CreateFleet(ctx context.Context, uniqueName, friendlyName string) (Fleet, error) {
	var f Fleet
	err := r.write(ctx, func(t *transaction) error {
		if err := errors.Join(checkUniqueName(uniqueName), checkFriendlyName(friendlyName)); err != nil {
			return err
		}
		if other, taken := t.r.memory.fleetByName(uniqueName); taken {
			return &ExistsError{What: "unique name", SID: other.SID}
		}
		now := r.stamp()
		f = Fleet{SID: r.params.NewSID(sid.Fleet), UniqueName: uniqueName, FriendlyName: friendlyName, Created: now, Updated: now}
		d := Deployment{SID: r.params.NewSID(sid.Deployment), FleetSID: f.SID, FriendlyName: "Default deployment", Created: now, Updated: now}
		if s, found := t.r.memory.serviceByName(defaultName); found {
			d.ServiceSID = s.SID
		}
		f.DefaultDeploymentSID = d.SID
		t.putDeployment(d)
		t.putFleet(f)
		t.changed(KindDeployment, d.SID, false)
		t.changed(KindFleet, f.SID, false)
		return nil
	})
	if err != nil {
		return Fleet{}, fmt.Errorf("create fleet: %w", err)
	}
	return f, nil
}

// FleetChange is what to change of a fleet; nil fields stay.
type FleetChange struct {
	FriendlyName         *string
	DefaultDeploymentSID *string // empty: none
}

// UpdateFleet changes a fleet; its devices keep their deployments.
func (r *Registry) UpdateFleet(ctx context.Context, fleetSID string, c FleetChange) (Fleet, error) {
	var f Fleet
	err := r.write(ctx, func(t *transaction) error {
		var found bool
		if f, found = t.r.memory.fleets[fleetSID]; !found {
			return notFound(KindFleet, fleetSID)
		}
		f.FriendlyName = or(c.FriendlyName, f.FriendlyName)
		f.DefaultDeploymentSID = or(c.DefaultDeploymentSID, f.DefaultDeploymentSID)
		if err := errors.Join(checkFriendlyName(f.FriendlyName), t.checkDeployment("DefaultDeploymentSid", f.DefaultDeploymentSID, f.SID)); err != nil {
			return err
		}
		f.Updated = r.stamp()
		t.putFleet(f)
		t.changed(KindFleet, f.SID, false)
		return nil
	})
	if err != nil {
		return Fleet{}, fmt.Errorf("update fleet: %w", err)
	}
	return f, nil
}

// DeleteFleet deletes a fleet and all in it: devices, deployments, keys and certificates. The fleet "default" stays:
// [ErrDefault].
func (r *Registry) DeleteFleet(ctx context.Context, fleetSID string) error {
	err := r.write(ctx, func(t *transaction) error {
		m := t.r.memory
		f, found := m.fleets[fleetSID]
		switch {
		case !found:
			return notFound(KindFleet, fleetSID)
		case f.UniqueName == defaultName:
			return ErrDefault
		}
		for _, d := range m.devices {
			if d.FleetSID == fleetSID {
				t.deleteDevice(d)
			}
		}
		for _, k := range m.keys {
			if k.FleetSID == fleetSID && k.DeviceSID == "" {
				t.deleteKey(k, false)
			}
		}
		for _, c := range m.certificates {
			if c.FleetSID == fleetSID && c.DeviceSID == "" {
				t.deleteCertificate(c, false)
			}
		}
		for _, d := range m.deployments {
			if d.FleetSID == fleetSID {
				t.remove(KindDeployment, d.SID, func(m *memory) { delete(m.deployments, d.SID) })
				t.changed(KindDeployment, d.SID, true)
			}
		}
		t.remove(KindFleet, fleetSID, func(m *memory) { delete(m.fleets, fleetSID) })
		t.changed(KindFleet, fleetSID, true)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete fleet: %w", err)
	}
	return nil
}
