package story

import (
	"context"
	"runtime"

	"gatehouse/gateway"
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

// GeneratedPrefix begins the unique names of the fleets and services that generated devices are in.
const GeneratedPrefix = "gatehouse-fleet-"

// NewFleetStage makes a fleet and a service for devices that are generated; title is what people call both.
func NewFleetStage(ctx context.Context, g *gateway.Gateway, title string) (*Stage, error) {
	return newStage(ctx, g, GeneratedPrefix, title)
}

// FleetSID is the fleet of all devices on the stage.
func (s *Stage) FleetSID() string { return s.fleet.SID }

// InUse is what heap and stacks of the process hold after a collection, in bytes. It takes as long as a collection does, up to seconds with a gigabyte in use.
func InUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
