// Package admission decides whether a connection may have its device's session. It is pure: it reads what was presented
// and what is registered, and does no I/O. It is the only place that knows which return code a reason has.
//
// The order of the checks is the contract's, section 4: protocol (1), state of the service and rate limits (3), form of
// the credential (2), authentication (4), authorization (5).
package admission

import (
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// CONNACK return codes, with the names that MQTT 3.1.1 gives them (table 3.1).
const (
	CodeAccepted            byte = 0
	CodeUnacceptableVersion byte = 1
	CodeIdentifierRejected  byte = 2
	CodeServerUnavailable   byte = 3
	CodeBadCredentials      byte = 4
	CodeNotAuthorized       byte = 5
)

// Service is whether the gateway takes connections at all.
type Service uint8

// Anything but Open refuses every connection with code 3.
const (
	Open Service = iota
	Draining
	Maintenance
	StoreDown
)

// Presented is what a connection brought: the protocol of its CONNECT and its credential. With a certificate, user name
// and password are ignored, whatever they hold (contract, section 3).
type Presented struct {
	ProtocolName  string
	ProtocolLevel byte

	// RateLimited is set when the connection is beyond a limit of section 4.
	RateLimited bool

	// Thumbprint is the SHA-256 of the client certificate in lower-case hex; the key was proven by the handshake. Empty
	// when no certificate was presented.
	Thumbprint string

	HasUser     bool
	User        string
	HasPassword bool
	Password    []byte
}

// Registry is what admission looks up; every method reads memory only.
type Registry interface {
	Key(sid string) (registry.Key, bool)
	Certificate(sid string) (registry.Certificate, bool)
	CertificateByThumbprint(thumbprint string) (registry.Certificate, bool)
	Device(sid string) (registry.Device, bool)
	EffectiveService(device registry.Device) (serviceSID string, why cause.ID)
	Tombstone(credentialOrThumbprint string) (registry.Tombstone, bool)
}

// Verdict is the decision and what it rests on.
type Verdict struct {
	Code  byte     `json:"code"`
	Cause cause.ID `json:"cause"`
	// Also holds further reasons that would have refused the connection, had the first one not: a device that is
	// disabled and not deployed.
	Also []cause.ID `json:"also,omitempty"`

	// What was found, as far as the checks came.
	CredentialSID string `json:"credential_sid,omitempty"`
	DeviceSID     string `json:"device_sid,omitempty"`
	DeviceName    string `json:"device_name,omitempty"`
	FleetSID      string `json:"fleet_sid,omitempty"`
	ServiceSID    string `json:"service_sid,omitempty"`
	// SecretMatched tells for a known key whether its secret was right.
	SecretMatched bool `json:"secret_matched"`
	// KeyHash names what was kept of a known key's secret when it was compared (credential.HashName).
	KeyHash string `json:"key_hash,omitempty"`
}

// Accepted reports whether the connection may go on.
func (v Verdict) Accepted() bool { return v.Code == CodeAccepted }

// SupportedProtocol reports whether the gateway speaks a protocol: MQTT 3.1 and 3.1.1 in the spellings of section 2.
func SupportedProtocol(name string, level byte) bool {
	return name == "MQTT" && (level == 4 || level == 3) || name == "MQIsdp" && level == 3
}

// Decide is the verdict on what was presented.
func Decide(p Presented, s Service, r Registry) Verdict {
	return decide(p, s, r, func(key registry.Key) bool { return credential.SecretMatches(key.Salt, key.Hash, p.Password) })
}

// decide makes the checks in their order; right tells whether the secret that was presented is that of a key.
func decide(p Presented, s Service, r Registry, right func(registry.Key) bool) Verdict {
	if v, refused := checkProtocol(p); refused {
		return v
	}
	if v, refused := checkService(p, s); refused {
		return v
	}
	if p.Thumbprint != "" {
		return authorize(byCertificate(p.Thumbprint, r), r)
	}
	if why := malformedKey(p); why != "" {
		return refuse(CodeIdentifierRejected, why)
	}
	return authorize(byKey(p.User, right, r), r)
}

// Authorize decides anew on a credential that has been authenticated before: it is what a live connection rests on when
// the registry changes under it.
func Authorize(credentialSID string, r Registry) Verdict {
	v := Verdict{CredentialSID: credentialSID}
	if sid.Valid(sid.Key, credentialSID) {
		key, found := r.Key(credentialSID)
		if !found {
			return missing(CodeBadCredentials, cause.UnknownKey, credentialSID, r)
		}
		v.SecretMatched = true
		return authorize(assigned(v, key.DeviceSID, key.FleetSID, r), r)
	}
	certificate, found := r.Certificate(credentialSID)
	if !found {
		return missing(CodeBadCredentials, cause.UnknownCertificate, credentialSID, r)
	}
	return authorize(assigned(v, certificate.DeviceSID, certificate.FleetSID, r), r)
}

func checkProtocol(p Presented) (Verdict, bool) {
	switch {
	case SupportedProtocol(p.ProtocolName, p.ProtocolLevel):
		return Verdict{}, false
	case p.ProtocolName == "MQTT" && p.ProtocolLevel == 5:
		return refuse(CodeUnacceptableVersion, cause.MQTT5), true
	}
	return refuse(CodeUnacceptableVersion, cause.UnsupportedProtocol), true
}

func checkService(p Presented, s Service) (Verdict, bool) {
	switch {
	case s == Draining:
		return refuse(CodeServerUnavailable, cause.Draining), true
	case s == Maintenance:
		return refuse(CodeServerUnavailable, cause.Maintenance), true
	case s == StoreDown:
		return refuse(CodeServerUnavailable, cause.StoreDown), true
	case p.RateLimited:
		return refuse(CodeServerUnavailable, cause.RateLimited), true
	}
	return Verdict{}, false
}

// malformedKey says what is wrong with the form of a key credential, if anything.
func malformedKey(p Presented) cause.ID {
	switch {
	case !p.HasUser:
		return cause.NoCredential
	case !sid.Valid(sid.Key, p.User):
		return cause.UserNotKeySID
	case !p.HasPassword || len(p.Password) == 0:
		return cause.PasswordMissing
	}
	return ""
}

// decoy stands in for a key that does not exist, so that an unknown key costs the same work as a wrong secret.
var decoy = func() (key registry.Key) {
	key.Salt, key.Hash = credential.HashSecret([]byte(credential.NewSecret()))
	return key
}()

// byKey looks a key up.
func byKey(user string, right func(registry.Key) bool, r Registry) Verdict {
	key, found := r.Key(user)
	if !found {
		key = decoy
	}
	matched, name := right(key), credential.HashName(key.Salt, key.Hash)
	if !found {
		return missing(CodeBadCredentials, cause.UnknownKey, user, r)
	}
	v := Verdict{CredentialSID: key.SID, SecretMatched: matched, KeyHash: name}
	v = assigned(v, key.DeviceSID, key.FleetSID, r)
	if !v.SecretMatched {
		v.Code, v.Cause = CodeBadCredentials, cause.WrongSecret
	}
	return v
}

func byCertificate(thumbprint string, r Registry) Verdict {
	certificate, found := r.CertificateByThumbprint(thumbprint)
	if !found {
		return missing(CodeBadCredentials, cause.UnknownCertificate, thumbprint, r)
	}
	return assigned(Verdict{CredentialSID: certificate.SID}, certificate.DeviceSID, certificate.FleetSID, r)
}

// assigned adds the device that a credential belongs to.
func assigned(v Verdict, deviceSID, fleetSID string, r Registry) Verdict {
	v.FleetSID = fleetSID
	if deviceSID == "" {
		v.Code, v.Cause = CodeBadCredentials, cause.CredentialUnassigned
		return v
	}
	device, found := r.Device(deviceSID)
	if !found {
		v.Code, v.Cause, v.DeviceSID = CodeBadCredentials, cause.DeviceDeleted, deviceSID
		return v
	}
	v.Code, v.Cause = CodeAccepted, cause.Accepted
	v.DeviceSID, v.DeviceName, v.FleetSID = device.SID, device.Name(), device.FleetSID
	return v
}

// missing refuses a credential that is not there, and tells what became of it when that is remembered.
func missing(code byte, unknown cause.ID, name string, r Registry) Verdict {
	grave, found := r.Tombstone(name)
	if !found {
		return refuse(code, unknown)
	}
	v := refuse(code, cause.CredentialRevoked)
	if grave.WithDevice {
		v.Cause = cause.DeviceDeleted
	}
	v.CredentialSID, v.DeviceSID, v.DeviceName = grave.CredentialSID, grave.DeviceSID, grave.DeviceName
	return v
}

func authorize(v Verdict, r Registry) Verdict {
	if v.Code != CodeAccepted {
		return v
	}
	device, found := r.Device(v.DeviceSID)
	if !found {
		v.Code, v.Cause = CodeBadCredentials, cause.DeviceDeleted
		return v
	}
	var reasons []cause.ID
	if !device.Enabled {
		reasons = append(reasons, cause.DeviceDisabled)
	}
	service, why := r.EffectiveService(device)
	if why != "" {
		reasons = append(reasons, why)
	}
	if len(reasons) > 0 {
		v.Code, v.Cause, v.Also = CodeNotAuthorized, reasons[0], reasons[1:]
		return v
	}
	v.ServiceSID = service
	return v
}

func refuse(code byte, why cause.ID) Verdict { return Verdict{Code: code, Cause: why} }
