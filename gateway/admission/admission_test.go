package admission

import (
	"slices"
	"testing"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// world is a registry in memory with one of everything.
type world struct {
	keys         map[string]registry.Key
	certificates map[string]registry.Certificate // by thumbprint
	devices      map[string]registry.Device
	services     map[string]string // by deployment
	graves       map[string]registry.Tombstone
}

func (w world) Key(s string) (k registry.Key, ok bool)       { k, ok = w.keys[s]; return }
func (w world) Device(s string) (d registry.Device, ok bool) { d, ok = w.devices[s]; return }
func (w world) CertificateByThumbprint(s string) (c registry.Certificate, ok bool) {
	c, ok = w.certificates[s]
	return
}

func (w world) Certificate(s string) (registry.Certificate, bool) {
	for _, c := range w.certificates {
		if c.SID == s {
			return c, true
		}
	}
	return registry.Certificate{}, false
}

func (w world) EffectiveService(d registry.Device) (string, cause.ID) {
	switch service, ok := w.services[d.DeploymentSID]; {
	case !ok:
		return "", cause.NotDeployed
	case service == "":
		return "", cause.NoService
	default:
		return service, ""
	}
}
func (w world) Tombstone(s string) (t registry.Tombstone, ok bool) { t, ok = w.graves[s]; return }

const secret = "0123456789abcdef0123456789abcdef"

var (
	good, disabled, undeployed, serviceless, both = sid.New(sid.Device), sid.New(sid.Device), sid.New(sid.Device), sid.New(sid.Device), sid.New(sid.Device)
	deployment, empty                             = sid.New(sid.Deployment), sid.New(sid.Deployment)
	service                                       = sid.New(sid.Service)
)

// keyOf is the Key SID of each device, and of keys that have none.
var keyOf = map[string]string{}

func newWorld() world {
	w := world{
		keys: map[string]registry.Key{}, certificates: map[string]registry.Certificate{},
		services: map[string]string{deployment: service, empty: ""}, graves: map[string]registry.Tombstone{},
		devices: map[string]registry.Device{
			good:        {SID: good, UniqueName: "good", Enabled: true, DeploymentSID: deployment},
			disabled:    {SID: disabled, UniqueName: "disabled", DeploymentSID: deployment},
			undeployed:  {SID: undeployed, UniqueName: "undeployed", Enabled: true},
			serviceless: {SID: serviceless, UniqueName: "serviceless", Enabled: true, DeploymentSID: empty},
			both:        {SID: both, UniqueName: "both"},
		},
	}
	salt, hash := credential.HashSecret([]byte(secret))
	for _, device := range []string{good, disabled, undeployed, serviceless, both, "", "TH-gone"} {
		key := sid.New(sid.Key)
		keyOf[device] = key
		w.keys[key] = registry.Key{SID: key, DeviceSID: device, Salt: salt, Hash: hash}
		w.certificates["print-"+device] = registry.Certificate{SID: sid.New(sid.Certificate), DeviceSID: device, Thumbprint: "print-" + device}
	}
	w.graves["print-revoked"] = registry.Tombstone{CredentialSID: "CY1", DeviceSID: good, DeviceName: "good"}
	w.graves["KY"+secret] = registry.Tombstone{CredentialSID: "KY" + secret, DeviceName: "old", WithDevice: true}
	return w
}

// key is a well-formed CONNECT with a device key.
func key(user, password string) Presented {
	return Presented{ProtocolName: "MQTT", ProtocolLevel: 4, HasUser: true, User: user, HasPassword: true, Password: []byte(password)}
}

func certificate(thumbprint string) Presented {
	return Presented{ProtocolName: "MQTT", ProtocolLevel: 4, Thumbprint: thumbprint}
}

func with(p Presented, change func(*Presented)) Presented { change(&p); return p }

func TestDecide(t *testing.T) {
	w := newWorld()
	unknown := sid.New(sid.Key)
	for name, c := range map[string]struct {
		p     Presented
		s     Service
		code  byte
		cause cause.ID
		also  []cause.ID
	}{
		// Code 0.
		"key":                                {key(keyOf[good], secret), Open, 0, cause.Accepted, nil},
		"certificate":                        {certificate("print-" + good), Open, 0, cause.Accepted, nil},
		"MQTT 3.1":                           {with(key(keyOf[good], secret), func(p *Presented) { p.ProtocolName, p.ProtocolLevel = "MQIsdp", 3 }), Open, 0, cause.Accepted, nil},
		"MQTT level 3":                       {with(key(keyOf[good], secret), func(p *Presented) { p.ProtocolLevel = 3 }), Open, 0, cause.Accepted, nil},
		"certificate plus a bad key":         {with(certificate("print-"+good), func(p *Presented) { p.HasUser, p.User = true, "nonsense" }), Open, 0, cause.Accepted, nil},
		"certificate plus a wrong secret":    {with(key(keyOf[good], "wrong"), func(p *Presented) { p.Thumbprint = "print-" + good }), Open, 0, cause.Accepted, nil},
		"certificate plus another's key":     {with(key(keyOf[disabled], secret), func(p *Presented) { p.Thumbprint = "print-" + good }), Open, 0, cause.Accepted, nil},
		"certificate plus an empty password": {with(key(keyOf[good], ""), func(p *Presented) { p.Thumbprint = "print-" + good }), Open, 0, cause.Accepted, nil},

		// Code 1, before everything else.
		"MQTT 5":                      {with(key(keyOf[good], secret), func(p *Presented) { p.ProtocolLevel = 5 }), Open, 1, cause.MQTT5, nil},
		"level 6":                     {with(key(keyOf[good], secret), func(p *Presented) { p.ProtocolLevel = 6 }), Open, 1, cause.UnsupportedProtocol, nil},
		"MQIsdp level 4":              {with(key(keyOf[good], secret), func(p *Presented) { p.ProtocolName = "MQIsdp" }), Open, 1, cause.UnsupportedProtocol, nil},
		"other name":                  {with(key(keyOf[good], secret), func(p *Presented) { p.ProtocolName = "mqtt" }), Open, 1, cause.UnsupportedProtocol, nil},
		"MQTT 5 while draining":       {with(key(keyOf[good], secret), func(p *Presented) { p.ProtocolLevel = 5 }), Draining, 1, cause.MQTT5, nil},
		"MQTT 5 without a credential": {Presented{ProtocolName: "MQTT", ProtocolLevel: 5}, Open, 1, cause.MQTT5, nil},

		// Code 3, before the credential is looked at.
		"draining":                          {key(keyOf[good], secret), Draining, 3, cause.Draining, nil},
		"maintenance":                       {key(keyOf[good], secret), Maintenance, 3, cause.Maintenance, nil},
		"store down":                        {certificate("print-" + good), StoreDown, 3, cause.StoreDown, nil},
		"rate limited":                      {with(key(keyOf[good], secret), func(p *Presented) { p.RateLimited = true }), Open, 3, cause.RateLimited, nil},
		"rate limited without credential":   {Presented{ProtocolName: "MQTT", ProtocolLevel: 4, RateLimited: true}, Open, 3, cause.RateLimited, nil},
		"store down with an unknown key":    {key(unknown, secret), StoreDown, 3, cause.StoreDown, nil},
		"maintenance for a disabled device": {key(keyOf[disabled], secret), Maintenance, 3, cause.Maintenance, nil},

		// Code 2.
		"nothing":                  {Presented{ProtocolName: "MQTT", ProtocolLevel: 4}, Open, 2, cause.NoCredential, nil},
		"password alone":           {Presented{ProtocolName: "MQTT", ProtocolLevel: 4, HasPassword: true, Password: []byte(secret)}, Open, 2, cause.NoCredential, nil},
		"empty user":               {key("", secret), Open, 2, cause.UserNotKeySID, nil},
		"user is a name":           {key("lamp", secret), Open, 2, cause.UserNotKeySID, nil},
		"user is a device SID":     {key(good, secret), Open, 2, cause.UserNotKeySID, nil},
		"user in upper case":       {key("KY0123456789ABCDEF0123456789ABCDEF", secret), Open, 2, cause.UserNotKeySID, nil},
		"user with a newline":      {key(keyOf[good]+"\n", secret), Open, 2, cause.UserNotKeySID, nil},
		"no password":              {with(key(keyOf[good], ""), func(p *Presented) { p.HasPassword = false }), Open, 2, cause.PasswordMissing, nil},
		"empty password":           {key(keyOf[good], ""), Open, 2, cause.PasswordMissing, nil},
		"empty password, disabled": {key(keyOf[disabled], ""), Open, 2, cause.PasswordMissing, nil},
		"unknown key, no password": {key(unknown, ""), Open, 2, cause.PasswordMissing, nil},

		// Code 4.
		"unknown key":                           {key(unknown, secret), Open, 4, cause.UnknownKey, nil},
		"wrong secret":                          {key(keyOf[good], "wrong"), Open, 4, cause.WrongSecret, nil},
		"secret with a newline":                 {key(keyOf[good], secret+"\n"), Open, 4, cause.WrongSecret, nil},
		"wrong secret, disabled":                {key(keyOf[disabled], "wrong"), Open, 4, cause.WrongSecret, nil},
		"wrong secret, disabled and undeployed": {key(keyOf[both], "wrong"), Open, 4, cause.WrongSecret, nil},
		"wrong secret of an unassigned key":     {key(keyOf[""], "wrong"), Open, 4, cause.WrongSecret, nil},
		"unknown certificate":                   {certificate("print-nobody"), Open, 4, cause.UnknownCertificate, nil},
		"unknown certificate plus a good key":   {with(key(keyOf[good], secret), func(p *Presented) { p.Thumbprint = "print-nobody" }), Open, 4, cause.UnknownCertificate, nil},
		"unassigned key":                        {key(keyOf[""], secret), Open, 4, cause.CredentialUnassigned, nil},
		"unassigned certificate":                {certificate("print-"), Open, 4, cause.CredentialUnassigned, nil},
		"device gone, key":                      {key(keyOf["TH-gone"], secret), Open, 4, cause.DeviceDeleted, nil},
		"device gone, certificate":              {certificate("print-TH-gone"), Open, 4, cause.DeviceDeleted, nil},
		"revoked certificate":                   {certificate("print-revoked"), Open, 4, cause.CredentialRevoked, nil},
		"key that went with its device":         {key("KY"+secret, secret), Open, 4, cause.DeviceDeleted, nil},

		// Code 5.
		"disabled":                             {key(keyOf[disabled], secret), Open, 5, cause.DeviceDisabled, nil},
		"disabled, certificate":                {certificate("print-" + disabled), Open, 5, cause.DeviceDisabled, nil},
		"undeployed":                           {key(keyOf[undeployed], secret), Open, 5, cause.NotDeployed, nil},
		"undeployed, certificate":              {certificate("print-" + undeployed), Open, 5, cause.NotDeployed, nil},
		"deployment without service":           {key(keyOf[serviceless], secret), Open, 5, cause.NoService, nil},
		"disabled and undeployed":              {key(keyOf[both], secret), Open, 5, cause.DeviceDisabled, []cause.ID{cause.NotDeployed}},
		"disabled, certificate plus a bad key": {with(certificate("print-"+disabled), func(p *Presented) { p.HasUser, p.User = true, "nonsense" }), Open, 5, cause.DeviceDisabled, nil},
	} {
		v := Decide(c.p, c.s, w)
		if v.Code != c.code || v.Cause != c.cause || !slices.Equal(v.Also, c.also) {
			t.Errorf("%s: code %d, %s, also %v; want %d, %s, %v", name, v.Code, v.Cause, v.Also, c.code, c.cause, c.also)
		}
		if v.Accepted() != (v.ServiceSID == service) || v.Accepted() && v.DeviceSID != good {
			t.Errorf("%s: device %q, service %q", name, v.DeviceSID, v.ServiceSID)
		}
	}
}

func TestVerdictNamesWhoItWas(t *testing.T) {
	w := newWorld()
	v := Decide(key(keyOf[disabled], "wrong"), Open, w)
	if v.DeviceSID != disabled || v.DeviceName != "disabled" || v.CredentialSID != keyOf[disabled] || v.SecretMatched {
		t.Errorf("%+v", v)
	}
	if v := Decide(key(keyOf[disabled], secret), Open, w); !v.SecretMatched {
		t.Error("the right secret is not noted")
	}
	if v := Decide(certificate("print-revoked"), Open, w); v.DeviceName != "good" || v.CredentialSID != "CY1" {
		t.Errorf("%+v", v)
	}
}

func TestAuthorizeDecidesAnewOnALiveConnection(t *testing.T) {
	w := newWorld()
	cert := w.certificates["print-"+good].SID
	for _, credential := range []string{keyOf[good], cert} {
		if v := Authorize(credential, w); !v.Accepted() || v.ServiceSID != service {
			t.Errorf("%+v", v)
		}
	}
	w.devices[good] = registry.Device{SID: good, DeploymentSID: deployment}
	for _, credential := range []string{keyOf[good], cert} {
		if v := Authorize(credential, w); v.Code != 5 || v.Cause != cause.DeviceDisabled {
			t.Errorf("%+v", v)
		}
	}
	delete(w.keys, keyOf[good])
	if v := Authorize(keyOf[good], w); v.Code != 4 || v.Cause != cause.UnknownKey {
		t.Errorf("%+v", v)
	}
	delete(w.certificates, "print-"+good)
	if v := Authorize(cert, w); v.Code != 4 || v.Cause != cause.UnknownCertificate {
		t.Errorf("%+v", v)
	}
}
