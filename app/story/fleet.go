package story

import (
	"cmp"
	"context"
	"runtime"
	"strings"
	"time"

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

// AbandonedFleets are the stages of generated devices that are on a gateway. At its start these are what an earlier process could not remove.
func AbandonedFleets(g *gateway.Gateway) []*Stage { return abandoned(g, GeneratedPrefix) }

// Abandoned are the stages of scenarios that are on a gateway. At its start these are of plays that an earlier process could not end: nobody plays there any
// more, and all may be closed.
func Abandoned(g *gateway.Gateway) []*Stage { return abandoned(g, FleetPrefix) }

func abandoned(g *gateway.Gateway, prefix string) (all []*Stage) {
	r := g.Registry()
	seen := map[string]bool{}
	for _, f := range r.Fleets() {
		if strings.HasPrefix(f.UniqueName, prefix) {
			service, _ := r.ServiceByName(f.UniqueName)
			all = append(all, &Stage{gateway: g, fleet: f, service: service, now: time.Now})
			seen[f.UniqueName] = true
		}
	}
	for _, s := range r.Services() {
		if strings.HasPrefix(s.UniqueName, prefix) && !seen[s.UniqueName] {
			all = append(all, &Stage{gateway: g, service: s, now: time.Now})
		}
	}
	return all
}

// Title is what people call the fleet and the service of the stage.
func (s *Stage) Title() string { return cmp.Or(s.fleet.FriendlyName, s.service.FriendlyName) }

// Devices is how many are registered on the stage now.
func (s *Stage) Devices() (n int) {
	for _, d := range s.gateway.Registry().Devices() {
		if d.FleetSID == s.fleet.SID {
			n++
		}
	}
	return n
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
