package onboard

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/sim"
)

// Method is a way to give a device a credential.
type Method int

// The ways, the recommended one first.
const (
	GenerateCertificate Method = iota // a P-256 key and a self-signed certificate, made here
	GenerateKey                       // a Key SID and a secret
	ImportCertificate                 // the user's own certificate, PEM or DER
)

// Material is a credential with what a device needs to prove that it holds it. Secret and KeyPEM exist only here and
// only once: nothing can show them again.
type Material struct {
	Method  Method
	SID     string // KY… or CY…
	Secret  string // of a key
	CertPEM []byte
	KeyPEM  []byte // of a certificate that was made here, or imported together with its key
}

// Holds reports whether the secret or the private key is (still) here.
func (m Material) Holds() bool { return m.Secret != "" || len(m.KeyPEM) > 0 }

// Forget wipes the secret and the private key.
func (m *Material) Forget() {
	clear(m.KeyPEM)
	m.Secret, m.KeyPEM = "", nil
}

// simulated is the material as a virtual device keeps it.
func (m Material) simulated() sim.Credential {
	if m.Method == GenerateKey {
		return sim.Credential{KeySID: m.SID, Secret: m.Secret}
	}
	return sim.Credential{CertificateSID: m.SID, CertPEM: bytes.Clone(m.CertPEM), KeyPEM: bytes.Clone(m.KeyPEM)}
}

// ErrNothingImported is returned when a certificate is to be imported and none was given.
var ErrNothingImported = errors.New("no certificate was given")

// NewMaterial makes a credential for a device and registers it. imported is used by ImportCertificate only: PEM or DER,
// with or without the private key beside it.
func NewMaterial(ctx context.Context, r Registry, now time.Time, deviceSID string, how Method, friendlyName string, imported []byte) (Material, error) {
	device, found := r.Device(deviceSID)
	if !found {
		return Material{}, fmt.Errorf("making a credential: the device %s is gone", deviceSID)
	}
	switch how {
	case GenerateKey:
		key, secret, err := r.CreateKey(ctx, device.FleetSID, device.SID, friendlyName)
		if err != nil {
			return Material{}, fmt.Errorf("making a key: %w", err)
		}
		return Material{Method: how, SID: key.SID, Secret: secret}, nil
	case ImportCertificate:
		return importMaterial(ctx, r, device.FleetSID, device.SID, friendlyName, imported)
	}
	made, err := credential.GenerateP256(device.Name(), now)
	if err != nil {
		return Material{}, fmt.Errorf("making a certificate: %w", err)
	}
	certificate, err := r.ImportCertificate(ctx, device.FleetSID, device.SID, friendlyName, made.CertPEM)
	if err != nil {
		return Material{}, fmt.Errorf("enrolling the new certificate: %w", err)
	}
	return Material{Method: how, SID: certificate.SID, CertPEM: made.CertPEM, KeyPEM: made.KeyPEM}, nil
}

func importMaterial(ctx context.Context, r Registry, fleet, device, friendlyName string, imported []byte) (Material, error) {
	parsed, err := CheckCertificate(imported)
	if err != nil {
		return Material{}, err
	}
	certificate, err := r.ImportCertificate(ctx, fleet, device, friendlyName, parsed.CertPEM)
	if err != nil {
		return Material{}, fmt.Errorf("enrolling the certificate: %w", err)
	}
	return Material{Method: ImportCertificate, SID: certificate.SID, CertPEM: parsed.CertPEM, KeyPEM: parsed.KeyPEM}, nil
}

// Parsed is a certificate that was read from what a user gave.
type Parsed struct {
	Subject    string
	Key        string // "P-256", "RSA 2048"
	Thumbprint string // SHA-256 of the DER, lower-case hex
	NotAfter   time.Time
	CertPEM    []byte
	KeyPEM     []byte // when the private key stood beside it and fits; else nil
	// Unusable says why no handshake with this certificate can succeed, empty when one can.
	Unusable string
}

// CheckCertificate reads a certificate without registering it. Errors are *credential.ImportError or ErrNothingImported.
func CheckCertificate(pemOrDER []byte) (Parsed, error) {
	if len(bytes.TrimSpace(pemOrDER)) == 0 {
		return Parsed{}, ErrNothingImported
	}
	certificate, err := credential.ParseCertificate(pemOrDER)
	if err != nil {
		return Parsed{}, err
	}
	p := Parsed{
		Subject: certificate.Subject.String(), Key: keyName(certificate), NotAfter: certificate.NotAfter,
		Thumbprint: credential.Thumbprint(certificate.Raw),
		CertPEM:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}),
	}
	if p.Subject == "" {
		p.Subject = "no subject"
	}
	if why, detail := credential.Usable(certificate); why == cause.CertificateUnsupported {
		p.Unusable = detail
	}
	if key := privateKey(pemOrDER); fits(p.CertPEM, key) {
		p.KeyPEM = key
	}
	return p, nil
}

// privateKey is the first private key in a PEM text, nil without one.
func privateKey(input []byte) []byte {
	for rest := input; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return pem.EncodeToMemory(block)
		}
	}
}
