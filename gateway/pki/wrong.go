package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"time"
)

// Fault is the one thing that is wrong with a certificate made by Wrong.
type Fault string

// The faults. FaultNone is a chain as it should be.
const (
	FaultNone                Fault = "none"
	FaultExpired             Fault = "expired"
	FaultNotYetValid         Fault = "not_yet_valid"
	FaultWrongName           Fault = "wrong_name"
	FaultUnknownRoot         Fault = "unknown_root"
	FaultNoIntermediate      Fault = "missing_intermediate"
	FaultSelfSigned          Fault = "self_signed"
	FaultRSA1024             Fault = "rsa_1024"
	FaultSHA1                Fault = "sha1"
	FaultCALeaf              Fault = "ca_leaf"
	FaultExpiredIntermediate Fault = "expired_intermediate"
)

// wrongName is the only name in a leaf with FaultWrongName (RFC 6761, section 6.4).
const wrongName = "another-server.invalid"

// weakBits are the least that Go still signs with: below them crypto/rsa refuses.
const weakBits = 1024

// Wrong makes a server chain with one fault, under this authority's own root as far as the fault allows, for the names of the
// leaves and with an RSA key, which every TLS stack takes. It lives in memory alone: nothing is written, and the key goes with it.
func (a *Authority) Wrong(f Fault) (*tls.Certificate, error) {
	makers := []func() (crypto.Signer, error){newRSA}
	if f == FaultRSA1024 {
		makers[0] = func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, weakBits) }
	}
	if f == FaultUnknownRoot || f == FaultExpiredIntermediate {
		makers = append(makers, newRSA, newRSA)
	}
	keys, err := newKeys(makers...)
	if err != nil {
		return nil, err
	}
	now := a.now().UTC().Truncate(time.Second)
	by, err := a.wrongIssuer(f, keys, now)
	if err != nil {
		return nil, err
	}
	template := wrongLeaf(f, a.Names(), now)
	parent, signer := by.cert, by.key
	if f == FaultSelfSigned {
		parent, signer = template, keys[0]
	}
	leaf, err := sign(template, parent, keys[0].Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("wrong certificate %s: %w", f, err)
	}
	chain := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: keys[0], Leaf: leaf}
	if f != FaultSelfSigned && f != FaultNoIntermediate {
		chain.Certificate = append(chain.Certificate, by.cert.Raw)
	}
	return chain, nil
}

// wrongIssuer is who signs the leaf.
func (a *Authority) wrongIssuer(f Fault, keys []crypto.Signer, now time.Time) (issuer, error) {
	switch f {
	case FaultUnknownRoot:
		rootCert, err := issueRoot(keys[1], now)
		if err != nil {
			return issuer{}, err
		}
		middle, err := issueIntermediate(keys[2], issuer{cert: rootCert, key: keys[1]}, now)
		return issuer{cert: middle, key: keys[2]}, err
	case FaultExpiredIntermediate:
		root, err := readPair(inDir(a.dir, rootKeyFile), nil) // and its key is forgotten
		if err != nil {
			return issuer{}, err
		}
		template := caTemplate(newSerial(), "Gatehouse expired intermediate", now, -time.Hour)
		template.NotBefore, template.MaxPathLenZero = now.Add(-backdated), true
		middle, err := sign(template, root.cert, keys[1].Public(), root.key)
		return issuer{cert: middle, key: keys[1]}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.intermediate, nil
}

func wrongLeaf(f Fault, names []string, now time.Time) *x509.Certificate {
	if f == FaultWrongName {
		names = []string{wrongName}
	}
	t := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: commonName(names)},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, // the latter for suites without ECDHE
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	switch f {
	case FaultExpired:
		t.NotBefore, t.NotAfter = now.Add(-leafLife), now.Add(-time.Hour)
	case FaultNotYetValid:
		t.NotBefore = now.Add(24 * time.Hour)
	case FaultSHA1:
		t.SignatureAlgorithm = x509.SHA1WithRSA
	case FaultCALeaf:
		t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}
	return t
}
