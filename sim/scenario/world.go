package scenario

import (
	"context"
	"errors"

	"gatehouse/sim"
)

// World is what a scenario is played in: a gateway with its registry, or any server.
type World interface {
	// Server is where devices connect, and the root certificate that they are to trust; empty: that of the system.
	Server() (url string, rootPEM []byte)
	// Create registers a device with a credential of this kind, and returns its SID.
	Create(ctx context.Context, d NewDevice) (deviceSID string, c sim.Credential, err error)
	// Change does one thing to a device.
	Change(ctx context.Context, deviceSID string, what Change) error
	// Enrol gives a device a further credential.
	Enrol(ctx context.Context, deviceSID string, kind CredentialKind) (sim.Credential, error)
	// Revoke removes a credential.
	Revoke(ctx context.Context, deviceSID string, c sim.Credential) error
	// SetDocument writes a Sync document of the service that the devices share.
	SetDocument(ctx context.Context, name string, json []byte) error
}

// NewDevice is a device to register.
type NewDevice struct {
	Name                 string
	Credential           CredentialKind
	Disabled, Undeployed bool
}

// Change is what can be done to a device.
type Change string

// The changes of a device.
const (
	SetEnabled    Change = "enable"
	SetDisabled   Change = "disable"
	SetDeployed   Change = "deploy"
	SetUndeployed Change = "undeploy"
	SetDeleted    Change = "delete"
)

// ErrNoRegistry is the answer of a server that is no gateway.
var ErrNoRegistry = errors.New("this server has no registry of devices")

// Plain is any MQTT server: devices are let in, or not, by its own rules. Sessions and retained messages that the steps of a scenario leave on it are
// removed at the end.
type Plain struct {
	URL     string
	RootPEM []byte
	// Credential is what every device uses; the zero value is none.
	Credential sim.Credential
}

// Server is the server.
func (p Plain) Server() (string, []byte) { return p.URL, p.RootPEM }

// Create has nobody to tell: the server lets the device in by its own rules, or does not.
func (p Plain) Create(context.Context, NewDevice) (string, sim.Credential, error) {
	return "", p.Credential, nil
}

// Change has nobody to tell.
func (p Plain) Change(context.Context, string, Change) error { return ErrNoRegistry }

// Enrol has nobody to tell.
func (p Plain) Enrol(context.Context, string, CredentialKind) (sim.Credential, error) {
	return sim.Credential{}, ErrNoRegistry
}

// Revoke has nobody to tell.
func (p Plain) Revoke(context.Context, string, sim.Credential) error { return ErrNoRegistry }

// SetDocument has nobody to tell.
func (p Plain) SetDocument(context.Context, string, []byte) error { return ErrNoRegistry }
