package registry

import "strconv"

// maxGraves bounds the tombstones that are kept; the oldest goes first.
const maxGraves = 10000

// grave is a tombstone as it is stored: number n is in slot n modulo maxGraves, so that the newest overwrites the oldest.
type grave struct {
	Number uint64 `json:"number"`
	Tombstone
}

func (g grave) key() string { return keyGrave + "." + strconv.FormatUint(g.Number%maxGraves, 10) }

type graves struct {
	slots map[uint64]grave
	names map[string]uint64 // credential SID and thumbprint, to the number
	next  uint64
}

func newGraves() graves { return graves{slots: map[uint64]grave{}, names: map[string]uint64{}} }

func (m *memory) addGrave(g grave) { m.graves.add(g) }

func (gs *graves) add(g grave) {
	slot := g.Number % maxGraves
	if old, found := gs.slots[slot]; found {
		for _, name := range []string{old.CredentialSID, old.Thumbprint} {
			if gs.names[name] == old.Number { // a later one of the same thumbprint stays
				delete(gs.names, name)
			}
		}
	}
	gs.slots[slot] = g
	for _, name := range []string{g.CredentialSID, g.Thumbprint} {
		if last, found := gs.names[name]; name != "" && (!found || last <= g.Number) {
			gs.names[name] = g.Number
		}
	}
	gs.next = max(gs.next, g.Number+1)
}

func (gs *graves) find(name string) (Tombstone, bool) {
	number, found := gs.names[name]
	if !found {
		return Tombstone{}, false
	}
	return gs.slots[number%maxGraves].Tombstone, true
}
