package registry

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/sid"
)

// CreateKey makes a device key and returns its secret, this once: only a salted hash is kept. An empty deviceSID leaves it
// unassigned; an empty fleetSID is the device's fleet, else "default".
func (r *Registry) CreateKey(ctx context.Context, fleetSID, deviceSID, friendlyName string) (Key, string, error) {
	var k Key
	secret := credential.NewSecret()
	err := r.write(ctx, func(t *transaction) error {
		fleet, err := t.credentialFleet(fleetSID, deviceSID)
		if err != nil {
			return err
		}
		if err := checkFriendlyName(friendlyName); err != nil {
			return err
		}
		now := r.stamp()
		k = Key{SID: r.params.NewSID(sid.Key), FleetSID: fleet, DeviceSID: deviceSID, FriendlyName: friendlyName, Created: now, Updated: now}
		k.Salt, k.Hash = credential.HashSecret([]byte(secret))
		t.putKey(k)
		t.changed(KindKey, k.SID, false, deviceSID)
		return nil
	})
	if err != nil {
		return Key{}, "", fmt.Errorf("create key: %w", err)
	}
	return k, secret, nil
}

// ImportCertificate enrolls a certificate, for a device or unassigned. The error may be a [*credential.ImportError], an
// [*ExistsError] when it is enrolled already, or an [*InvalidError].
func (r *Registry) ImportCertificate(ctx context.Context, fleetSID, deviceSID, friendlyName string, pemOrDER []byte) (Certificate, error) {
	parsed, err := credential.ParseCertificate(pemOrDER)
	if err != nil {
		return Certificate{}, err
	}
	if unusable, why := credential.Usable(parsed); unusable == cause.CertificateUnsupported {
		return Certificate{}, &credential.ImportError{
			Problem: credential.Unsupported, Reason: "a device cannot use this certificate: " + why,
			Advice: "Make a new key and certificate for the device.",
		}
	}
	var c Certificate
	err = r.write(ctx, func(t *transaction) error {
		fleet, err := t.credentialFleet(fleetSID, deviceSID)
		if err != nil {
			return err
		}
		if err := checkFriendlyName(friendlyName); err != nil {
			return err
		}
		thumbprint := credential.Thumbprint(parsed.Raw)
		if other, enrolled := t.r.memory.thumbprints[thumbprint]; enrolled {
			return &ExistsError{What: "certificate", SID: other}
		}
		now := r.stamp()
		c = Certificate{
			SID: r.params.NewSID(sid.Certificate), FleetSID: fleet, DeviceSID: deviceSID, FriendlyName: friendlyName,
			Thumbprint: thumbprint, DER: parsed.Raw, Created: now, Updated: now,
		}
		t.putCertificate(c)
		t.changed(KindCertificate, c.SID, false, deviceSID)
		return nil
	})
	if err != nil {
		return Certificate{}, fmt.Errorf("import certificate: %w", err)
	}
	return c, nil
}

// CredentialChange is what to change of a key or certificate; nil fields stay.
type CredentialChange struct {
	FriendlyName *string
	DeviceSID    *string // empty: of no device
}

// UpdateKey changes a key. One that gets another device is the old device's no more.
func (r *Registry) UpdateKey(ctx context.Context, keySID string, c CredentialChange) (Key, error) {
	var k Key
	err := r.write(ctx, func(t *transaction) error {
		old, found := t.r.memory.keys[keySID]
		if !found {
			return notFound(KindKey, keySID)
		}
		k = old
		k.FriendlyName, k.DeviceSID = or(c.FriendlyName, k.FriendlyName), or(c.DeviceSID, k.DeviceSID)
		if err := errors.Join(checkFriendlyName(k.FriendlyName), t.checkDevice(k.DeviceSID, k.FleetSID)); err != nil {
			return err
		}
		k.Updated = r.stamp()
		t.putKey(k)
		t.changed(KindKey, k.SID, false, old.DeviceSID, k.DeviceSID)
		return nil
	})
	if err != nil {
		return Key{}, fmt.Errorf("update key: %w", err)
	}
	return k, nil
}

// UpdateCertificate changes a certificate. One that gets another device is the old device's no more.
func (r *Registry) UpdateCertificate(ctx context.Context, certificateSID string, change CredentialChange) (Certificate, error) {
	var c Certificate
	err := r.write(ctx, func(t *transaction) error {
		old, found := t.r.memory.certificates[certificateSID]
		if !found {
			return notFound(KindCertificate, certificateSID)
		}
		c = old
		c.FriendlyName, c.DeviceSID = or(change.FriendlyName, c.FriendlyName), or(change.DeviceSID, c.DeviceSID)
		if err := errors.Join(checkFriendlyName(c.FriendlyName), t.checkDevice(c.DeviceSID, c.FleetSID)); err != nil {
			return err
		}
		c.Updated = r.stamp()
		t.putCertificate(c)
		t.changed(KindCertificate, c.SID, false, old.DeviceSID, c.DeviceSID)
		return nil
	})
	if err != nil {
		return Certificate{}, fmt.Errorf("update certificate: %w", err)
	}
	return c, nil
}

// AssignCredential gives a key or certificate to a device of its fleet, to no device for an empty SID.
func (r *Registry) AssignCredential(ctx context.Context, credentialSID, deviceSID string) error {
	change := CredentialChange{DeviceSID: &deviceSID}
	var err error
	if sid.Valid(sid.Certificate, credentialSID) {
		_, err = r.UpdateCertificate(ctx, credentialSID, change)
	} else {
		_, err = r.UpdateKey(ctx, credentialSID, change)
	}
	return err
}

// DeleteKey deletes a key; a tombstone stays.
func (r *Registry) DeleteKey(ctx context.Context, keySID string) error {
	err := r.write(ctx, func(t *transaction) error {
		k, found := t.r.memory.keys[keySID]
		if !found {
			return notFound(KindKey, keySID)
		}
		t.deleteKey(k, false)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete key: %w", err)
	}
	return nil
}

// DeleteCertificate deletes a certificate; a tombstone stays.
func (r *Registry) DeleteCertificate(ctx context.Context, certificateSID string) error {
	err := r.write(ctx, func(t *transaction) error {
		c, found := t.r.memory.certificates[certificateSID]
		if !found {
			return notFound(KindCertificate, certificateSID)
		}
		t.deleteCertificate(c, false)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete certificate: %w", err)
	}
	return nil
}

func (t *transaction) deleteKey(k Key, withDevice bool) {
	t.remove(KindKey, k.SID, func(m *memory) { m.removeKey(k.SID) })
	t.changed(KindKey, k.SID, true, k.DeviceSID)
	t.grave(k.SID, "", k.DeviceSID, withDevice)
}

func (t *transaction) deleteCertificate(c Certificate, withDevice bool) {
	t.remove(KindCertificate, c.SID, func(m *memory) { m.removeCertificate(c.SID) })
	t.changed(KindCertificate, c.SID, true, c.DeviceSID)
	t.grave(c.SID, c.Thumbprint, c.DeviceSID, withDevice)
}

func (t *transaction) grave(credentialSID, thumbprint, deviceSID string, withDevice bool) {
	stone := Tombstone{CredentialSID: credentialSID, Thumbprint: thumbprint, DeviceSID: deviceSID, WithDevice: withDevice, At: t.r.stamp()}
	if d, found := t.r.memory.devices[deviceSID]; found {
		stone.DeviceName = d.Name()
	}
	t.graves = append(t.graves, grave{Tombstone: stone})
}

// credentialFleet is the fleet of a new credential.
func (t *transaction) credentialFleet(fleetSID, deviceSID string) (string, error) {
	if d, found := t.r.memory.devices[deviceSID]; found && fleetSID == "" {
		return d.FleetSID, nil
	}
	fleet, err := t.fleet(fleetSID)
	if err != nil {
		return "", err
	}
	return fleet.SID, t.checkDevice(deviceSID, fleet.SID)
}

func (t *transaction) checkDevice(deviceSID, fleetSID string) error {
	if deviceSID == "" {
		return nil
	}
	if d, found := t.r.memory.devices[deviceSID]; !found || d.FleetSID != fleetSID {
		return &InvalidError{Field: "DeviceSid", Reason: "is not a device of this fleet"}
	}
	return nil
}
