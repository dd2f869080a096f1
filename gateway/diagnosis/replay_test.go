package diagnosis

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// dice is a random world in which credentials are unassigned, devices disabled or gone, and deployments without a service.
type dice struct {
	*world
	*rand.Rand
	secrets map[string]string // by Key SID; the secret that a device has
}

func newDice(seed uint64) *dice {
	d := &dice{newWorld(), rand.New(rand.NewPCG(seed, 1)), map[string]string{}}
	fleet := d.fleet("default")
	for range 3 {
		d.deployment(fleet.SID, sid.New(sid.Service))
		d.deployment(fleet.SID, "")
	}
	for range 6 {
		device := d.device(fleet.SID, "", "")
		key, secret := d.key(device)
		d.secrets[key.SID] = secret
		d.enrol([]byte(device.SID), fleet.SID, device.SID)
	}
	for range 20 {
		d.shake()
	}
	return d
}

func pick[T any](d *dice, all map[string]T) string {
	keys := make([]string, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return ""
	}
	slices.Sort(keys)
	return keys[d.IntN(len(keys))]
}

// shake changes one thing.
func (d *dice) shake() {
	d.version++
	device := d.devices[pick(d, d.devices)]
	switch d.IntN(9) {
	case 0:
		device.Enabled = !device.Enabled
		d.devices[device.SID] = device
	case 1:
		device.DeploymentSID = pick(d, d.deployments)
		d.devices[device.SID] = device
	case 2:
		device.DeploymentSID = ""
		d.devices[device.SID] = device
	case 3:
		key := d.keys[pick(d, d.keys)]
		key.DeviceSID = pick(d, d.devices)
		d.keys[key.SID] = key
	case 4:
		key := d.keys[pick(d, d.keys)]
		key.DeviceSID = ""
		d.keys[key.SID] = key
	case 5:
		certificate := d.certificates[pick(d, d.certificates)]
		certificate.DeviceSID = []string{"", device.SID}[d.IntN(2)]
		d.certificates[certificate.Thumbprint] = certificate
	case 6:
		if key := pick(d, d.keys); len(d.keys) > 3 {
			delete(d.keys, key)
			d.graves[key] = registry.Tombstone{CredentialSID: key, WithDevice: d.IntN(2) == 0}
		}
	case 7:
		if len(d.devices) > 3 {
			delete(d.devices, device.SID)
		}
	case 8:
		if print := pick(d, d.certificates); len(d.certificates) > 3 {
			delete(d.certificates, print)
		}
	}
}

// connect is a random connection, right or wrong in some way.
func (d *dice) connect() admission.Presented {
	p := admission.Presented{ProtocolName: "MQTT", ProtocolLevel: 4}
	if d.IntN(8) == 0 {
		p.ProtocolLevel = byte(3 + d.IntN(3))
	}
	switch d.IntN(4) {
	case 0:
		p.Thumbprint = pick(d, d.certificates)
		if d.IntN(5) == 0 {
			p.Thumbprint = credential.Thumbprint([]byte(sid.New(sid.Device)))
		}
		if d.IntN(3) == 0 {
			p.HasUser, p.User = true, "somebody"
		}
	default:
		p.HasUser, p.User = d.IntN(10) > 0, pick(d, d.secrets)
		p.HasPassword, p.Password = d.IntN(10) > 0, []byte(d.secrets[p.User])
		switch d.IntN(8) {
		case 0:
			p.User = "somebody"
		case 1:
			p.User = sid.New(sid.Key)
		case 2:
			p.Password = append(p.Password, '\n')
		case 3:
			p.Password = nil
		}
	}
	return p
}

// Whatever was presented, and whatever is changed in the registry afterwards: replaying the record says what presenting the
// same again would lead to.
func TestReplayIsWhatTheSameConnectWouldLeadTo(t *testing.T) {
	seen := map[cause.ID]int{}
	accepted := 0
	for seed := range uint64(400) {
		d := newDice(seed)
		for range 25 {
			p := d.connect()
			p.RateLimited = d.IntN(12) == 0
			service := admission.Open
			if d.IntN(12) == 0 {
				service = admission.Service(d.IntN(4))
			}
			a := record(d, p, service)
			for range d.IntN(6) {
				d.shake()
			}
			o := Replay(a, admission.Open, d)
			p.RateLimited = false
			want := admission.Decide(p, admission.Open, d)
			if !o.Decided {
				// Only who was refused before the secret was looked at, and has a key that is there, is in doubt.
				if _, found := d.keys[p.User]; o.Reason != cause.SecretNotCompared || a.Inputs.KeyHash != "" || !found {
					t.Fatalf("seed %d: undecided by %s: %+v", seed, o.Reason, a)
				}
				seen[o.Reason]++
				continue
			}
			if !sameVerdict(o.Verdict, want) || o.Changed != (attempt.Code(want.Code) != a.Code) || o.Before != a.Code {
				t.Fatalf("seed %d: replay %+v\nwant %+v\nof %+v %+v", seed, o, want, a, a.Inputs)
			}
			seen[want.Cause]++
			if want.Accepted() && a.Code != 0 {
				accepted++
			}
		}
	}
	for _, c := range []cause.ID{
		cause.Accepted, cause.MQTT5, cause.NoCredential, cause.UserNotKeySID, cause.PasswordMissing, cause.UnknownKey, cause.WrongSecret, cause.UnknownCertificate,
		cause.CredentialUnassigned, cause.CredentialRevoked, cause.DeviceDeleted, cause.DeviceDisabled, cause.NotDeployed, cause.NoService, cause.SecretNotCompared,
	} {
		if seen[c] == 0 {
			t.Errorf("%s did not come up", c)
		}
	}
	if accepted == 0 {
		t.Error("nothing that was refused would pass now")
	}
}

func sameVerdict(a, b admission.Verdict) bool {
	return a.Code == b.Code && a.Cause == b.Cause && slices.Equal(a.Also, b.Also) && a.DeviceSID == b.DeviceSID && a.CredentialSID == b.CredentialSID &&
		a.ServiceSID == b.ServiceSID && a.FleetSID == b.FleetSID && a.DeviceName == b.DeviceName
}

// What if shows what the change would really lead to, and changes nothing itself.
func TestWhatIfIsWhatTheChangeLeadsTo(t *testing.T) {
	mended := map[cause.ID]int{}
	for seed := range uint64(600) {
		d := newDice(seed)
		p := d.connect()
		a := record(d, p, admission.Open)
		before := Replay(a, admission.Open, d)
		var c Change
		device := d.devices[before.Verdict.DeviceSID]
		deployment := d.deployments[device.DeploymentSID]
		switch before.Verdict.Cause {
		case cause.DeviceDisabled:
			c.Enable = true
			if slices.Contains(before.Verdict.Also, cause.NotDeployed) {
				c.DeploymentSID = pick(d, d.deployments)
			}
		case cause.NotDeployed:
			c.DeploymentSID = pick(d, d.deployments)
		case cause.NoService:
			c.ServiceSID = sid.New(sid.Service)
		case cause.CredentialUnassigned:
			c.AssignTo = pick(d, d.devices)
		case cause.UnknownCertificate:
			c.Enrol = pick(d, d.devices)
		case cause.WrongSecret:
			c.CredentialSID = p.User
			p.Password = []byte(d.secrets[p.User])
		default:
			continue
		}
		o := WhatIf(a, admission.Open, d, c)
		if again := Replay(a, admission.Open, d); !sameVerdict(again.Verdict, before.Verdict) {
			t.Fatalf("seed %d: trying %+v out changed the registry", seed, c)
		}
		// Now for real.
		if c.Enable {
			device.Enabled = true
		}
		if c.DeploymentSID != "" {
			device.DeploymentSID = c.DeploymentSID
		}
		if device.SID != "" {
			d.devices[device.SID] = device
		}
		if c.ServiceSID != "" {
			deployment.ServiceSID = c.ServiceSID
			d.deployments[deployment.SID] = deployment
		}
		if c.AssignTo != "" {
			if key, found := d.keys[p.User]; found && p.Thumbprint == "" {
				key.DeviceSID = c.AssignTo
				d.keys[key.SID] = key
			} else {
				certificate := d.certificates[p.Thumbprint]
				certificate.DeviceSID = c.AssignTo
				d.certificates[p.Thumbprint] = certificate
			}
		}
		if c.Enrol != "" {
			d.certificates[p.Thumbprint] = registry.Certificate{Thumbprint: p.Thumbprint, DeviceSID: c.Enrol, FleetSID: d.devices[c.Enrol].FleetSID}
		}
		want := admission.Decide(p, admission.Open, d)
		if !o.Decided || !sameVerdict(o.Verdict, want) {
			t.Fatalf("seed %d, %+v: %+v\nwant %+v", seed, c, o, want)
		}
		if want.Accepted() {
			mended[a.Cause]++
		}
	}
	for _, c := range []cause.ID{cause.DeviceDisabled, cause.NotDeployed, cause.NoService, cause.CredentialUnassigned, cause.UnknownCertificate, cause.WrongSecret} {
		if mended[c] == 0 {
			t.Errorf("%s was never mended", c)
		}
	}
}

func TestASecretThatChangedSinceLeavesItOpen(t *testing.T) {
	f := newFarm()
	a := recordOf(f, f.key.SID, f.secret+"\n")
	changed := f.key
	changed.Salt, changed.Hash = credential.HashSecret([]byte(f.secret + "\n"))
	f.keys[f.key.SID] = changed
	o := Replay(a, admission.Open, f)
	if o.Decided || o.Reason != cause.SecretChanged || !o.Verdict.Accepted() {
		t.Errorf("%+v", o)
	}
}

func TestWhatWasNotRecordedIsNotReplayed(t *testing.T) {
	f := newFarm()
	if o := Replay(attempt.Attempt{Code: attempt.TLS, Cause: cause.UntrustedRoot}, admission.Open, f); o.Decided || o.Reason != cause.BeforeConnect || o.Before != attempt.TLS {
		t.Errorf("%+v", o)
	}
	if o := Replay(attempt.Attempt{Code: 4}, admission.Open, f); o.Decided || o.Reason != cause.NotRecorded {
		t.Errorf("%+v", o)
	}
	// The state of the service is that of now.
	if o := Replay(recordOf(f, f.key.SID, f.secret), admission.Draining, f); !o.Decided || o.Verdict.Cause != cause.Draining || !o.Changed {
		t.Errorf("%+v", o)
	}
}

func TestAnotherCredentialCanBeTriedOut(t *testing.T) {
	f := newFarm()
	a := recordOf(f, f.key.SID, "wrong")
	if o := WhatIf(a, admission.Open, f, Change{CredentialSID: f.spare.SID}); !o.Decided || !o.Verdict.Accepted() || o.Verdict.CredentialSID != f.spare.SID {
		t.Errorf("%+v", o)
	}
	if o := WhatIf(a, admission.Open, f, Change{CredentialSID: f.far.SID}); o.Verdict.Cause != cause.NotDeployed {
		t.Errorf("%+v", o)
	}
	if o := WhatIf(a, admission.Open, f, Change{CredentialSID: sid.New(sid.Certificate)}); o.Verdict.Cause != cause.UnknownCertificate {
		t.Errorf("%+v", o)
	}
	certificate := f.enrol([]byte("DER"), f.lamp.FleetSID, f.lamp.SID)
	if o := WhatIf(a, admission.Open, f, Change{CredentialSID: certificate.SID}); !o.Verdict.Accepted() {
		t.Errorf("%+v", o)
	}
}
