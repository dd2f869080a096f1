package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"gatehouse/sim"
	"gatehouse/sim/scenario"
)

// As is a device that there is, which plays one of a scenario's devices. Its live connection is taken over meanwhile.
type As struct {
	Name       string // of the scenario's device on the gateway
	SID        string
	Credential sim.Credential
}

// in is a world in which the device is not made, but there already.
func (a As) in(w scenario.World) scenario.World { return &borrowed{World: w, as: a} }

type borrowed struct {
	scenario.World
	as As

	mu   sync.Mutex
	lent bool
}

// Create implements scenario.World.
func (b *borrowed) Create(ctx context.Context, d scenario.NewDevice) (string, sim.Credential, error) {
	b.mu.Lock()
	first := d.Name == b.as.Name && !b.lent
	b.lent = b.lent || first
	b.mu.Unlock()
	if first {
		return b.as.SID, b.as.Credential, nil
	}
	return b.World.Create(ctx, d)
}

// Change implements scenario.World: what is the user's is not changed.
func (b *borrowed) Change(ctx context.Context, deviceSID string, what scenario.Change) error {
	if deviceSID == b.as.SID {
		return fmt.Errorf("the scenario would %s a device of yours", what)
	}
	return b.World.Change(ctx, deviceSID, what)
}

// Enrol implements scenario.World.
func (b *borrowed) Enrol(ctx context.Context, deviceSID string, kind scenario.CredentialKind) (sim.Credential, error) {
	if deviceSID == b.as.SID {
		return sim.Credential{}, errors.New("the scenario would give a credential to a device of yours")
	}
	return b.World.Enrol(ctx, deviceSID, kind)
}

// Revoke implements scenario.World.
func (b *borrowed) Revoke(ctx context.Context, deviceSID string, c sim.Credential) error {
	if deviceSID == b.as.SID {
		return errors.New("the scenario would revoke a credential of a device of yours")
	}
	return b.World.Revoke(ctx, deviceSID, c)
}
