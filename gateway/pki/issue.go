package pki

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

// The CA keys are RSA although the first leaf is ECDSA: nearly every TLS stack verifies RSA signatures, while a stack that
// knows nothing but RSA could not verify the RSA leaf under an ECDSA root.
const caBits = 2048

// maxCommonName is the upper bound of RFC 5280, appendix A.1.
const maxCommonName = 64

func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[0] = b[0]&0x7f | 0x40 // positive, and always as long
	return new(big.Int).SetBytes(b[:])
}

func newRSA() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, caBits) }

func newECDSA() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// newKeys makes keys at the same time: an RSA key takes about a tenth of a second.
func newKeys(makers ...func() (crypto.Signer, error)) ([]crypto.Signer, error) {
	type made struct {
		key crypto.Signer
		err error
	}
	results := make([]chan made, len(makers))
	for i, fn := range makers {
		results[i] = make(chan made, 1)
		go func() {
			key, err := fn()
			results[i] <- made{key, err}
		}()
	}
	keys := make([]crypto.Signer, len(makers))
	var first error
	for i := range results {
		r := <-results[i]
		if keys[i] = r.key; r.err != nil && first == nil {
			first = fmt.Errorf("make key: %w", r.err)
		}
	}
	return keys, first
}

func issueRoot(key crypto.Signer, now time.Time) (*x509.Certificate, error) {
	serial := newSerial()
	// The name tells one installation's root from another's in a device's list.
	name := fmt.Sprintf("Gatehouse root %x", serial.Bytes()[:4])
	template := caTemplate(serial, name, now, rootLife)
	template.MaxPathLen = 1
	template.NotBefore = now.UTC().Truncate(time.Second).Add(-rootBackdated)
	return sign(template, template, key.Public(), key)
}

func issueIntermediate(key crypto.Signer, root issuer, now time.Time) (*x509.Certificate, error) {
	serial := newSerial()
	template := caTemplate(serial, fmt.Sprintf("Gatehouse intermediate %x", serial.Bytes()[:4]), now, intermediateLife)
	template.MaxPathLenZero = true
	if template.NotAfter.After(root.cert.NotAfter) {
		template.NotAfter = root.cert.NotAfter
	}
	return sign(template, root.cert, key.Public(), root.key)
}

func caTemplate(serial *big.Int, name string, now time.Time, life time.Duration) *x509.Certificate {
	now = now.UTC().Truncate(time.Second)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"Gatehouse"}, CommonName: name},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
}

func issueLeaf(key crypto.Signer, by issuer, names []string, now time.Time) (*x509.Certificate, error) {
	now = now.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: commonName(names)},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if template.NotAfter.After(by.cert.NotAfter) {
		template.NotAfter = by.cert.NotAfter
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return sign(template, by.cert, key.Public(), by.key)
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate for %s: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// commonName is the first name that fits; localhost always does.
func commonName(names []string) string {
	fits := slices.IndexFunc(names, func(name string) bool { return len(name) <= maxCommonName })
	return names[fits]
}

// NameError tells that something cannot stand in a certificate.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("%q is neither a host name nor an IP address", e.Name)
}

// completeNames checks names, writes them in one way, adds those of loopback, and orders them as a certificate does:
// host names before addresses, but the first stays first.
func completeNames(given []string) ([]string, error) {
	var names []string
	for _, name := range slices.Concat(given, []string{"localhost", "127.0.0.1", "::1"}) {
		name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
		if ip := net.ParseIP(strings.Trim(name, "[]")); ip != nil {
			name = ip.String()
		} else if !isHostName(name) {
			return nil, &NameError{name}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.SortStableFunc(names[1:], func(a, b string) int { return cmp.Compare(isIP(a), isIP(b)) })
	return names, nil
}

func isIP(name string) int {
	if net.ParseIP(name) == nil {
		return 0
	}
	return 1
}

// isHostName allows what RFC 1123 does, underscores (Windows machines have them), and a wildcard as the first label.
func isHostName(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
