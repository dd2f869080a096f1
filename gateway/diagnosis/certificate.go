package diagnosis

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // shown beside SHA-256, because older tools print it; nothing rests on it
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
)

// certificate compares a client certificate with the enrolled one that resembles it most: the same, one for the same
// private key, the one that issued it, or one of the same subject.
func (c *Comparison) certificate(a attempt.Attempt, r Registry) {
	c.By = "certificate"
	presented := presentedCertificate(a)
	enrolled, same := r.CertificateByThumbprint(a.Thumbprint)
	var how cause.ID
	if !same && presented != nil {
		enrolled, how = closest(presented, r)
	}
	if same || how != "" {
		c.EnrolledSID, c.DeviceSID, c.FleetSID = enrolled.SID, enrolled.DeviceSID, enrolled.FleetSID
	}
	right, err := x509.ParseCertificate(enrolled.DER)
	if err != nil {
		right = nil
	}
	commonName := ""
	if presented != nil {
		commonName = presented.Subject.CommonName
	}
	named, as := namedDevice(r, a.ClientID, commonName, enrolled.DeviceSID)
	c.row("sha256", a.Thumbprint, enrolled.Thumbprint)
	left, beside := certificateValues(presented), certificateValues(right)
	for i, name := range certificateRows {
		c.row(name, left[i], beside[i])
	}
	c.owner(as, r)
	c.mismatch(how, enrolled, right, named, a, r)
	c.moved(a, r)
}

// mismatch says what the differences mean.
func (c *Comparison) mismatch(how cause.ID, enrolled registry.Certificate, right *x509.Certificate, named registry.Device, a attempt.Attempt, r Registry) {
	about := []string{"device", enrolled.DeviceSID, "name", nameOf(r, enrolled.DeviceSID)}
	if how != "" {
		c.tell(clue(how, about...))
	}
	if named.SID != "" && enrolled.SID != "" && how != cause.CAEnrolled && enrolled.FleetSID != named.FleetSID {
		fleet, _ := r.Fleet(enrolled.FleetSID)
		name := fleet.UniqueName
		if name == "" {
			name = fleet.FriendlyName
		}
		c.tell(clue(cause.EnrolledInOtherFleet, append(about, "was", named.Name(), "fleet", fleet.SID, "fleet_name", name)...))
	} else if named.SID != "" && how == "" && enrolled.DeviceSID != "" && enrolled.DeviceSID != named.SID {
		c.tell(clue(cause.EnrolledForOther, append(about, "was", named.Name())...))
	}
	if right != nil && how != cause.CAEnrolled && right.NotAfter.Before(a.At) {
		c.tell(clue(cause.EnrolledExpired, append(about, "not_after", date(right.NotAfter))...))
	}
}

// presentedCertificate is the certificate that an attempt brought, nil when it was not recorded or cannot be read.
func presentedCertificate(a attempt.Attempt) *x509.Certificate {
	for _, s := range a.Steps {
		if s.Kind != attempt.ClientCertificate {
			continue
		}
		if block, _ := pem.Decode([]byte(s.Fact("pem"))); block != nil {
			if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
				return certificate
			}
		}
	}
	return nil
}

// closest looks for an enrolled certificate that has to do with the presented one, in one pass over all, of which only an
// issuer is parsed whole.
func closest(presented *x509.Certificate, r Registry) (best registry.Certificate, how cause.ID) {
	self := bytes.Equal(presented.RawIssuer, presented.RawSubject)
	emptyName := len(presented.RawSubject) <= 2
	for _, candidate := range r.AllCertificates() {
		subject, publicKey := partsOf(candidate.DER)
		switch {
		case bytes.Equal(publicKey, presented.RawSubjectPublicKeyInfo):
			return candidate, cause.Reissued
		case how == cause.CAEnrolled: // only a reissued one would be closer
		case how == "" && !emptyName && bytes.Equal(subject, presented.RawSubject):
			best, how = candidate, cause.SameNameOtherKey
		case !self && bytes.Equal(subject, presented.RawIssuer):
			if issuer, err := x509.ParseCertificate(candidate.DER); err == nil && issuer.CheckSignature(presented.SignatureAlgorithm, presented.RawTBSCertificate, presented.Signature) == nil {
				best, how = candidate, cause.CAEnrolled
			}
		}
	}
	return best, how
}

// partsOf are the raw subject and the raw public key of a DER certificate, found by their place (RFC 5280, 4.1); nil for bytes
// that are none.
func partsOf(der []byte) (subject, publicKey []byte) {
	certificate, _, _ := element(der)
	tbs, _, _ := element(certificate)
	const version = 0xa0
	if len(tbs) > 0 && tbs[0] == version {
		_, _, tbs = element(tbs)
	}
	for range 4 { // serial number, signature, issuer, validity
		_, _, tbs = element(tbs)
	}
	_, subject, tbs = element(tbs)
	_, publicKey, _ = element(tbs)
	return subject, publicKey
}

// element splits off the first DER element: its content, the whole of it, and what follows. All are nil when it is not whole.
func element(der []byte) (content, whole, rest []byte) {
	if len(der) < 2 {
		return nil, nil, nil
	}
	length, at := int(der[1]), 2
	if length >= 0x80 {
		octets := length & 0x7f
		if octets > 3 || len(der) < 2+octets {
			return nil, nil, nil
		}
		length = 0
		for _, b := range der[2 : 2+octets] {
			length = length<<8 | int(b)
		}
		at += octets
	}
	if len(der)-at < length {
		return nil, nil, nil
	}
	return der[at : at+length], der[:at+length], der[at+length:]
}

// certificateRows are the rows beside the thumbprint, in the order of certificateValues.
var certificateRows = [...]string{"sha1", "public_key", "subject", "issuer", "serial", "not_before", "not_after", "key_type"}

func certificateValues(c *x509.Certificate) (v [len(certificateRows)]string) {
	if c == nil {
		return v
	}
	old, spki := sha1.Sum(c.Raw), sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return [...]string{
		hex.EncodeToString(old[:]), hex.EncodeToString(spki[:]), c.Subject.String(), c.Issuer.String(), c.SerialNumber.Text(16),
		date(c.NotBefore), date(c.NotAfter), keyType(c),
	}
}

func keyType(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

// secret says how the presented secret stands to the key's of now.
func (c *Comparison) secret(key registry.Key, a attempt.Attempt) string {
	in := a.Inputs
	switch {
	case in == nil || in.KeyHash == "" || a.PresentedUser != key.SID:
		return "unknown"
	case in.KeyHash != credential.HashName(key.Salt, key.Hash):
		c.tell(clue(cause.SecretChanged, "key", key.SID))
		return "unknown"
	case in.SecretMatched:
		return "matches"
	}
	return "differs"
}
