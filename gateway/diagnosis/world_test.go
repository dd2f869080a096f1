package diagnosis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// world is a registry in memory.
type world struct {
	fleets       map[string]registry.Fleet
	devices      map[string]registry.Device
	deployments  map[string]registry.Deployment
	keys         map[string]registry.Key
	certificates map[string]registry.Certificate // by thumbprint
	graves       map[string]registry.Tombstone
	version      uint64
	listed       int // how often all keys were asked for
}

func newWorld() *world {
	return &world{
		fleets: map[string]registry.Fleet{}, devices: map[string]registry.Device{}, deployments: map[string]registry.Deployment{},
		keys: map[string]registry.Key{}, certificates: map[string]registry.Certificate{}, graves: map[string]registry.Tombstone{},
	}
}

func (w *world) Fleet(s string) (v registry.Fleet, ok bool)   { v, ok = w.fleets[s]; return }
func (w *world) Device(s string) (v registry.Device, ok bool) { v, ok = w.devices[s]; return }
func (w *world) Deployment(s string) (v registry.Deployment, ok bool) {
	v, ok = w.deployments[s]
	return
}
func (w *world) Key(s string) (v registry.Key, ok bool)             { v, ok = w.keys[s]; return }
func (w *world) Tombstone(s string) (v registry.Tombstone, ok bool) { v, ok = w.graves[s]; return }
func (w *world) Version() uint64                                    { return w.version }
func (w *world) CertificateByThumbprint(s string) (v registry.Certificate, ok bool) {
	v, ok = w.certificates[s]
	return
}

func (w *world) Certificate(s string) (registry.Certificate, bool) {
	for _, c := range w.certificates {
		if c.SID == s {
			return c, true
		}
	}
	return registry.Certificate{}, false
}

func (w *world) EffectiveService(d registry.Device) (string, cause.ID) {
	switch deployment, found := w.deployments[d.DeploymentSID]; {
	case !found:
		return "", cause.NotDeployed
	case deployment.ServiceSID == "":
		return "", cause.NoService
	default:
		return deployment.ServiceSID, ""
	}
}

func (w *world) Devices() (all []registry.Device) {
	for _, d := range w.devices {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b registry.Device) int { return a.Created.Compare(b.Created) })
	return all
}

func (w *world) Keys(device string) (all []registry.Key) {
	for _, k := range w.keys {
		if k.DeviceSID == device {
			all = append(all, k)
		}
	}
	return all
}

func (w *world) AllKeys() (all []registry.Key) {
	w.listed++
	for _, k := range w.keys {
		all = append(all, k)
	}
	return all
}

func (w *world) AllCertificates() (all []registry.Certificate) {
	for _, c := range w.certificates {
		all = append(all, c)
	}
	return all
}

func (w *world) fleet(name string) registry.Fleet {
	f := registry.Fleet{SID: sid.New(sid.Fleet), UniqueName: name}
	w.fleets[f.SID] = f
	w.version++
	return f
}

func (w *world) deployment(fleet, service string) string {
	d := registry.Deployment{SID: sid.New(sid.Deployment), FleetSID: fleet, ServiceSID: service}
	w.deployments[d.SID] = d
	return d.SID
}

func (w *world) device(fleet, deployment, name string) registry.Device {
	d := registry.Device{SID: sid.New(sid.Device), FleetSID: fleet, UniqueName: name, Enabled: true, DeploymentSID: deployment, Created: time.Unix(int64(len(w.devices)), 0)}
	w.devices[d.SID] = d
	w.version++
	return d
}

func (w *world) key(d registry.Device) (registry.Key, string) {
	secret := credential.NewSecret()
	k := registry.Key{SID: sid.New(sid.Key), FleetSID: d.FleetSID, DeviceSID: d.SID, Created: time.Unix(1, 0)}
	k.Salt, k.Hash = credential.HashSecret([]byte(secret))
	w.keys[k.SID] = k
	w.version++
	return k, secret
}

func (w *world) enrol(der []byte, fleet, device string) registry.Certificate {
	c := registry.Certificate{SID: sid.New(sid.Certificate), FleetSID: fleet, DeviceSID: device, DER: der, Thumbprint: credential.Thumbprint(der)}
	w.certificates[c.Thumbprint] = c
	w.version++
	return c
}

// issuer makes certificates with one name and key of its own.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var serial = new(big.Int)

// issue makes a certificate; a nil issuer signs itself.
func (i *issuer) issue(t testing.TB, name string, key *ecdsa.PrivateKey, notAfter time.Time) *x509.Certificate {
	t.Helper()
	serial = new(big.Int).Add(serial, big.NewInt(1))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: notAfter,
		IsCA: i == nil, BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if i != nil {
		parent, signer = i.cert, i.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// presenting is an attempt that brought a certificate.
func presenting(c *x509.Certificate) attempt.Attempt {
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	return attempt.Attempt{
		At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Thumbprint: credential.Thumbprint(c.Raw),
		Steps: []attempt.Step{{Kind: attempt.ClientCertificate, Facts: []attempt.Fact{attempt.F("pem", text)}}},
	}
}
