// Package remedy knows for each refused attempt what would make it right, and does it: the fix behind the button. What
// can only be done on the device's side becomes something to save or to copy. It knows neither the window nor the
// command line.
package remedy

import (
	"context"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/registry"
)

// Kind says what pressing the button means.
type Kind int

// The kinds of remedy.
const (
	Press    Kind = iota // Do does it
	Choose               // the user picks one of Choices
	NewKey               // the user makes a new key for DeviceSID, and sees its secret once
	SaveRoot             // the user saves the gateway's root certificate for the device
	Copy                 // the user copies Text
)

// Done is what was done.
type Done struct {
	Message string                          // "thermostat-7 is enabled"
	Undo    func(ctx context.Context) error // nil when it cannot be undone
}

// Choice is one of several ways to go.
type Choice struct {
	Label string
	Do    func(ctx context.Context) (Done, error)
}

// Remedy is the fix of an attempt.
type Remedy struct {
	Kind      Kind
	Label     string // of the button
	Brief     string // of the button in a narrow place; empty: Label says it in its first words
	DeviceSID string
	Text      string // for Copy
	// Hint is what to heed on the device's side, one sentence; often empty.
	Hint    string
	Do      func(ctx context.Context) (Done, error)
	Choices []Choice
}

// Registry is what remedies read and change.
type Registry interface {
	diagnosis.Registry
	Services() []registry.Service
	Deployments(fleetSID string) []registry.Deployment
	Certificates(deviceSID string) []registry.Certificate
	CreateDevice(ctx context.Context, n registry.NewDevice) (registry.Device, error)
	UpdateDevice(ctx context.Context, sid string, change registry.DeviceChange) (registry.Device, error)
	DeleteDevice(ctx context.Context, sid string) error
	UpdateDeployment(ctx context.Context, sid string, friendlyName, serviceSID *string) (registry.Deployment, error)
	AssignCredential(ctx context.Context, credentialSID, deviceSID string) error
	ImportCertificate(ctx context.Context, fleetSID, deviceSID, friendlyName string, pemOrDER []byte) (registry.Certificate, error)
	DeleteCertificate(ctx context.Context, sid string) error
}

// Settings are what remedies read and change of the gateway itself.
type Settings interface {
	Settings() gateway.Settings
	SetSettings(gateway.Settings) error
}

// Source is what remedies are made from.
type Source struct {
	Registry Registry
	Settings Settings // may be nil: what needs them is not offered then
	Address  string   // of the gateway, as devices are told it: mqtts://HOST:PORT
}

// For is the remedy of a refused attempt without the gateway's settings: see [Source.For].
func For(a attempt.Attempt, r Registry, address string) (Remedy, bool) {
	return Source{Registry: r, Address: address}.For(a)
}

// For is the remedy of a refused attempt; ok is false when there is none to press, or when it is no longer needed.
func (s Source) For(a attempt.Attempt) (remedy Remedy, ok bool) {
	if !a.Code.Refused() {
		return Remedy{}, false
	}
	fix, known := fixes[a.Cause]
	if !known {
		return Remedy{}, false
	}
	return fix(s, a)
}

// fixes are by cause. What is not here, only time or the device's owner can mend: rate limits, faults of the network, programs
// that are no MQTT clients.
var fixes = map[cause.ID]func(Source, attempt.Attempt) (Remedy, bool){
	cause.MQTT5:               copyOption("-V mqttv311"),
	cause.UnsupportedProtocol: copyOption("-V mqttv311"),
	cause.TLSVersion:          copyOption("--tls-version tlsv1.2"),
	cause.SSL2:                copyOption("--tls-version tlsv1.2"),
	cause.SSL3:                copyOption("--tls-version tlsv1.2"),

	cause.NoCredential:    keyForNamed,
	cause.UserNotKeySID:   rightUser,
	cause.PasswordMissing: keyOfUser,

	cause.UnknownKey:           rightUser,
	cause.WrongSecret:          rightSecret,
	cause.UnknownCertificate:   enrol,
	cause.CredentialUnassigned: assign,
	cause.CredentialRevoked:    replace,
	cause.DeviceDeleted:        addAgain,

	cause.DeviceDisabled: allow,
	cause.NotDeployed:    allow,
	cause.NoService:      allow,

	cause.Plaintext:              copyAddress,
	cause.PlainWebSocket:         copyAddress,
	cause.WebSocketInTLS:         copyAddress,
	cause.UntrustedRoot:          saveRoot,
	cause.ClosedInHandshake:      saveRoot,
	cause.ClosedBeforeConnect:    saveRoot,
	cause.WrongServerName:        nameServer,
	cause.CertificateMalformed:   copyGenerate,
	cause.CertificateUnsupported: copyGenerate,
	cause.KeyNotProven:           copyGenerate,
}

func nameOr(name, other string) string {
	if name != "" {
		return name
	}
	return other
}
