package onboard

import (
	"errors"
	"slices"

	"gatehouse/sim"
)

// Lend lets this computer play a device until it is removed or the program ends, as s says: nothing of it is written to the disk, not
// even what is changed or kept of it later. It does not connect.
func (b *Bench) Lend(deviceSID string, c sim.Credential, s Setup) {
	b.mu.Lock()
	if b.lent == nil {
		b.lent = map[string][]sim.Credential{}
	}
	b.lent[deviceSID] = append(slices.Clip(b.lent[deviceSID]), c)
	b.mu.Unlock()
	b.p.Setups.Remember(deviceSID, b.named(deviceSID, s))
	b.changes.Add(1)
}

// Lent reports whether a device is played until the program ends at the latest; see Lend.
func (b *Bench) Lent(deviceSID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lent[deviceSID]) > 0
}

// held are the credentials that this computer holds for a device, the oldest first.
func (b *Bench) held(deviceSID string) []sim.Credential {
	kept := b.p.Vault.Get(deviceSID)
	b.mu.Lock()
	lent := b.lent[deviceSID]
	b.mu.Unlock()
	if len(kept) == 0 {
		return lent // which is only ever replaced
	}
	return slices.Concat(kept, lent)
}

// keepLent adds a credential to those of a device that is lent.
func (b *Bench) keepLent(deviceSID string, c sim.Credential) (lent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lent[deviceSID]) == 0 {
		return false
	}
	b.lent[deviceSID] = append(slices.Clip(b.lent[deviceSID]), c)
	return true
}

// noVault is the vault of a bench whose devices are only lent.
type noVault struct{}

// Put implements Vault.
func (noVault) Put(string, sim.Credential) error {
	return errors.New("there is no vault to keep it in")
}

// Get implements Vault.
func (noVault) Get(string) []sim.Credential { return nil }

// Delete implements Vault.
func (noVault) Delete(string) error { return nil }
