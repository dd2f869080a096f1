package diagnosis

import (
	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// Outcome is what admission says to an attempt that is tried again.
type Outcome struct {
	// Decided is false when the record does not hold enough; Reason says what is missing, and Verdict is then the one for a
	// right secret, if there is one at all.
	Decided bool              `json:"decided"`
	Reason  cause.ID          `json:"reason,omitempty"`
	Verdict admission.Verdict `json:"verdict"`
	Before  attempt.Code      `json:"before"`  // of the attempt
	Changed bool              `json:"changed"` // the code is another one now
}

// Change is what to try out; nothing of it is saved. Fields left empty change nothing.
type Change struct {
	Enable        bool   // enable the device
	DeploymentSID string // deploy the device there
	ServiceSID    string // link the device's deployment to this Sync service
	CredentialSID string // present this key, with its right secret, or this certificate instead
	AssignTo      string // assign the presented credential to this device
	Enrol         string // enrol the presented certificate for this device
}

// Replay tells whether the attempt would be accepted now: the recorded inputs, judged by admission on today's registry. Rate
// limits are taken to allow it.
func Replay(a attempt.Attempt, s admission.Service, r Registry) Outcome {
	return WhatIf(a, s, r, Change{})
}

// WhatIf is Replay after a change that is not saved.
func WhatIf(a attempt.Attempt, s admission.Service, r Registry, c Change) Outcome {
	o := Outcome{Before: a.Code}
	if a.Inputs == nil {
		o.Reason = cause.NotRecorded
		if a.Code == attempt.TLS || a.Code == attempt.TCP || a.Code == attempt.NoAnswer {
			o.Reason = cause.BeforeConnect
		}
		return o
	}
	rec := recorded(a)
	present(&rec, c.CredentialSID, r)
	o.Verdict, o.Reason = admission.Again(rec, s, changed(a, rec, r, c))
	o.Decided = o.Reason == ""
	o.Changed = o.Decided && attempt.Code(o.Verdict.Code) != a.Code
	return o
}

// Inputs are what a verdict rested on, as they are recorded with the attempt: Replay needs no more.
func Inputs(p admission.Presented, s admission.Service, v admission.Verdict) attempt.Inputs {
	return attempt.Inputs{
		ProtocolName: p.ProtocolName, ProtocolLevel: p.ProtocolLevel, Service: uint8(s), RateLimited: p.RateLimited,
		HasUser: p.HasUser, UserIsKeySID: sid.Valid(sid.Key, p.User), HasPassword: p.HasPassword && len(p.Password) > 0,
		KeyHash: v.KeyHash, SecretMatched: v.SecretMatched,
	}
}

// recorded is what admission needs of an attempt. A certificate makes user name and password count for nothing.
func recorded(a attempt.Attempt) admission.Recorded {
	in := a.Inputs
	rec := admission.Recorded{
		ProtocolName: in.ProtocolName, ProtocolLevel: in.ProtocolLevel, Thumbprint: a.Thumbprint,
		HasUser: in.HasUser, HasPassword: in.HasPassword, KeyHash: in.KeyHash, SecretMatched: in.SecretMatched,
	}
	if in.UserIsKeySID {
		rec.User = a.PresentedUser
	}
	return rec
}

// present puts another credential in the place of the one that was presented.
func present(rec *admission.Recorded, credentialSID string, r Registry) {
	if credentialSID == "" {
		return
	}
	if sid.Valid(sid.Key, credentialSID) {
		rec.Thumbprint, rec.HasUser, rec.User, rec.HasPassword = "", true, credentialSID, true
		key, _ := r.Key(credentialSID)
		rec.KeyHash, rec.SecretMatched = credential.HashName(key.Salt, key.Hash), true
		return
	}
	if certificate, found := r.Certificate(credentialSID); found {
		rec.Thumbprint = certificate.Thumbprint
	} else {
		rec.Thumbprint = credentialSID // it is not there, so it is unknown
	}
}

// overlay is a registry with changes laid over it.
type overlay struct {
	Registry
	device      *registry.Device
	service     string // of the deployment of device
	key         *registry.Key
	certificate *registry.Certificate
}

// changed lays a change over the registry.
func changed(a attempt.Attempt, rec admission.Recorded, r Registry, c Change) Registry {
	o := overlay{Registry: r}
	deviceSID := o.credential(rec, r, c)
	if deviceSID == "" {
		deviceSID = a.DeviceSID
	}
	device, found := r.Device(deviceSID)
	if !found {
		return o
	}
	device.Enabled = device.Enabled || c.Enable
	if c.DeploymentSID != "" {
		device.DeploymentSID = c.DeploymentSID
	}
	o.device, o.service = &device, c.ServiceSID
	return o
}

// credential lays the change of a credential over the registry, and returns the device that it belongs to then.
func (o *overlay) credential(rec admission.Recorded, r Registry, c Change) (deviceSID string) {
	if rec.Thumbprint != "" {
		certificate, found := r.CertificateByThumbprint(rec.Thumbprint)
		switch {
		case !found && c.Enrol != "":
			device, _ := r.Device(c.Enrol)
			certificate = registry.Certificate{Thumbprint: rec.Thumbprint, DeviceSID: c.Enrol, FleetSID: device.FleetSID}
		case c.AssignTo != "" && found:
			certificate.DeviceSID = c.AssignTo
		default:
			return certificate.DeviceSID
		}
		o.certificate = &certificate
		return certificate.DeviceSID
	}
	key, found := r.Key(rec.User)
	if found && c.AssignTo != "" {
		key.DeviceSID = c.AssignTo
		o.key = &key
	}
	return key.DeviceSID
}

func (o overlay) Key(s string) (registry.Key, bool) {
	if o.key != nil && o.key.SID == s {
		return *o.key, true
	}
	return o.Registry.Key(s)
}

func (o overlay) CertificateByThumbprint(thumbprint string) (registry.Certificate, bool) {
	if o.certificate != nil && o.certificate.Thumbprint == thumbprint {
		return *o.certificate, true
	}
	return o.Registry.CertificateByThumbprint(thumbprint)
}

func (o overlay) Device(s string) (registry.Device, bool) {
	if o.device != nil && o.device.SID == s {
		return *o.device, true
	}
	return o.Registry.Device(s)
}

func (o overlay) EffectiveService(d registry.Device) (string, cause.ID) {
	service, why := o.Registry.EffectiveService(d)
	if why == cause.NoService && o.service != "" && o.device != nil && o.device.SID == d.SID {
		return o.service, ""
	}
	return service, why
}
