package onboard

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"gatehouse/gateway/registry"
)

// Onboarding is one run of the wizard: a draft that becomes a device, once. Its methods may be called from any goroutine;
// those that take a context write to disk.
type Onboarding struct {
	registry Registry
	now      func() time.Time

	mu       sync.Mutex
	making   sync.Mutex // one change at a time, held without mu so that readers never wait for the disk
	device   registry.Device
	made     bool
	material Material
	has      bool   // material is registered
	imported []byte // what the material was imported from
}

// Start begins with nothing made. now may be nil for the wall clock.
func Start(r Registry, now func() time.Time) *Onboarding {
	if now == nil {
		now = time.Now
	}
	return &Onboarding{registry: r, now: now}
}

// Made is the device, once there is one.
func (o *Onboarding) Made() (device registry.Device, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.device, o.made
}

// Material is the credential, with its secret until Forget.
func (o *Onboarding) Material() (m Material, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.material, o.has
}

// Make brings the registry to what the draft says. The first time it makes the device and its credential; called again
// after the user went back, it changes only what differs: it never makes a second device, and a credential that is
// replaced is removed. After an error, calling it again goes on where it stopped.
func (o *Onboarding) Make(ctx context.Context, d Draft) error {
	o.making.Lock()
	defer o.making.Unlock()
	if err := o.makeDevice(ctx, d); err != nil {
		return err
	}
	if err := o.deploy(ctx, d); err != nil {
		return err
	}
	old, had := o.Material()
	if had && old.Method == d.Method && (d.Method != ImportCertificate || bytes.Equal(o.imported, d.Imported)) {
		return nil
	}
	return o.replace(ctx, d.Method, d.Imported)
}

// Renew replaces the credential by a new one of the same way, for when its secret was lost. An imported certificate is
// replaced by one that is made here.
func (o *Onboarding) Renew(ctx context.Context) error {
	o.making.Lock()
	defer o.making.Unlock()
	how := GenerateCertificate
	if old, had := o.Material(); had && old.Method == GenerateKey {
		how = GenerateKey
	}
	return o.replace(ctx, how, nil)
}

func (o *Onboarding) makeDevice(ctx context.Context, d Draft) error {
	if _, made := o.Made(); made {
		return nil
	}
	device, err := o.registry.CreateDevice(ctx, registry.NewDevice{
		FleetSID: d.FleetSID, UniqueName: strings.TrimSpace(d.Name), FriendlyName: strings.TrimSpace(d.FriendlyName), DeploymentSID: d.deployment(),
	})
	if err != nil {
		return fmt.Errorf("making the device: %w", err)
	}
	o.mu.Lock()
	o.device, o.made = device, true
	o.mu.Unlock()
	return nil
}

// deploy follows a choice that changed after the device was made.
func (o *Onboarding) deploy(ctx context.Context, d Draft) error {
	device, _ := o.Made()
	want := d.deployment()
	if want == nil {
		fleet, _ := o.registry.Fleet(device.FleetSID)
		want = &fleet.DefaultDeploymentSID
	}
	friendly := strings.TrimSpace(d.FriendlyName)
	change := registry.DeviceChange{}
	if *want != device.DeploymentSID {
		change.DeploymentSID = want
	}
	if friendly != device.FriendlyName {
		change.FriendlyName = &friendly
	}
	if change.DeploymentSID == nil && change.FriendlyName == nil {
		return nil
	}
	device, err := o.registry.UpdateDevice(ctx, device.SID, change)
	if err != nil {
		return fmt.Errorf("changing the device: %w", err)
	}
	o.mu.Lock()
	o.device = device
	o.mu.Unlock()
	return nil
}

// replace makes a credential and only then removes the one before it.
func (o *Onboarding) replace(ctx context.Context, how Method, imported []byte) error {
	device, _ := o.Made()
	old, had := o.Material()
	next, err := NewMaterial(ctx, o.registry, o.now(), device.SID, how, "", imported)
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.material, o.has, o.imported = next, true, bytes.Clone(imported)
	o.mu.Unlock()
	if had {
		if err := removeCredential(ctx, o.registry, old); err != nil {
			return fmt.Errorf("removing the credential before it: %w", err)
		}
	}
	return nil
}

// Forget wipes the secret or private key: it was shown, and cannot be shown again.
func (o *Onboarding) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.material.Forget()
}

// Cancel removes what was made, with the device all of its credentials. Nothing happens when nothing was made.
func (o *Onboarding) Cancel(ctx context.Context) error {
	o.making.Lock()
	defer o.making.Unlock()
	defer o.Forget()
	device, made := o.Made()
	if !made {
		return nil
	}
	if err := o.registry.DeleteDevice(ctx, device.SID); err != nil {
		return fmt.Errorf("deleting %s: %w", device.Name(), err)
	}
	o.mu.Lock()
	o.device, o.made, o.has = registry.Device{}, false, false
	o.mu.Unlock()
	return nil
}

func removeCredential(ctx context.Context, r Registry, m Material) error {
	if m.Method == GenerateKey {
		return r.DeleteKey(ctx, m.SID)
	}
	return r.DeleteCertificate(ctx, m.SID)
}
