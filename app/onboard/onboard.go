// Package onboard takes a device from nothing to connected: it makes the device and its first credential, keeps the
// credential of a virtual device where a board would keep it, connects virtual devices, writes ready commands for real
// ones, and tells from the attempts how far a device has come. It knows no window: everything here can be run and tested
// without one.
package onboard

import (
	"context"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
)

// Registry is what onboarding reads and changes. Reads come from memory; everything that takes a context writes to disk
// and must not run where waiting is seen.
type Registry interface {
	Fleets() []registry.Fleet
	Fleet(sid string) (registry.Fleet, bool)
	Device(sid string) (registry.Device, bool)
	DeviceByName(fleetSID, uniqueName string) (registry.Device, bool)
	Deployments(fleetSID string) []registry.Deployment
	Keys(deviceSID string) []registry.Key
	Certificates(deviceSID string) []registry.Certificate

	CreateDevice(ctx context.Context, d registry.NewDevice) (registry.Device, error)
	UpdateDevice(ctx context.Context, sid string, change registry.DeviceChange) (registry.Device, error)
	DeleteDevice(ctx context.Context, sid string) error
	CreateKey(ctx context.Context, fleetSID, deviceSID, friendlyName string) (registry.Key, string, error)
	DeleteKey(ctx context.Context, sid string) error
	ImportCertificate(ctx context.Context, fleetSID, deviceSID, friendlyName string, pemOrDER []byte) (registry.Certificate, error)
	DeleteCertificate(ctx context.Context, sid string) error
}

// Attempts is the record of connection attempts.
type Attempts interface {
	Version() uint64
	Get(id uint64) (attempt.Attempt, bool)
	Query(attempt.Filter) attempt.Page
}

// Vault keeps the credentials of virtual devices, as a board keeps its own in flash.
type Vault interface {
	Put(deviceSID string, c sim.Credential) error
	Get(deviceSID string) []sim.Credential
	Delete(deviceSID string) error
}

// Endpoint is where devices connect to.
type Endpoint struct {
	// Listening is false while the gateway is stopped; the other fields say where it would listen.
	Listening bool
	Host      string // as devices should name it: "localhost", or the machine's name or address on the network
	Port      int
	RootPath  string // of root.pem on this computer
	RootPEM   []byte // what the gateway's certificate is to be checked against
}

// Address is the endpoint as a URL.
func (e Endpoint) Address() string { return "mqtts://" + e.hostPort(e.Host) }
