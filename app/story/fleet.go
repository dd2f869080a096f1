package story

import (
	"context"

	"gatehouse/sim/fleet"
	"gatehouse/sim/scenario"
)

// Provision registers devices of a fleet on the stage, each with a credential of this kind. A key pair is made on the goroutine that asks.
func (s *Stage) Provision(kind scenario.CredentialKind) fleet.Provision {
	return func(ctx context.Context, name string) (fleet.Identity, error) {
		sid, c, err := s.Create(ctx, scenario.NewDevice{Name: name, Credential: kind})
		return fleet.Identity{SID: sid, Credential: c}, err
	}
}
