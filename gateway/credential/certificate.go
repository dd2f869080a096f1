package credential

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"time"
	"unicode/utf8"

	"gatehouse/gateway/cause"
)

// Sizes of RSA keys in bits that a device may use (contract, section 4). Below weakRSA a key is accepted with a warning.
const (
	minRSA  = 1024
	weakRSA = 2048
	maxRSA  = 8192
)

// Thumbprint is the SHA-256 of a whole DER certificate in lower-case hex: what a device is found by (contract, section 3).
func Thumbprint(der []byte) string {
	digest := sha256.Sum256(der)
	return hex.EncodeToString(digest[:])
}

// Usable tells whether a device can authenticate with a certificate, by its public key alone: neither chain nor expiry
// is judged (contract, sections 3 and 4). The cause is empty for a good key, [cause.WeakKey] for one that is accepted with
// a warning, and [cause.CertificateUnsupported] for one that cannot be used; the text says which key it is and what
// would do.
func Usable(certificate *x509.Certificate) (cause.ID, string) {
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		return usableRSA(key)
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return "", ""
		}
		return cause.CertificateUnsupported, fmt.Sprintf("its key is on curve %s; P-256, P-384 and P-521 can be used", key.Params().Name)
	case ed25519.PublicKey:
		return "", ""
	}
	algorithm := certificate.PublicKeyAlgorithm.String()
	if certificate.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		algorithm = "of an unknown kind"
	}
	return cause.CertificateUnsupported, "its key is " + algorithm + "; RSA, ECDSA and Ed25519 keys can be used"
}

func usableRSA(key *rsa.PublicKey) (cause.ID, string) {
	bits := key.N.BitLen()
	switch {
	case bits < minRSA || bits > maxRSA:
		return cause.CertificateUnsupported, fmt.Sprintf("its RSA key has %d bits; %d to %d can be used", bits, minRSA, maxRSA)
	case key.N.Bit(0) == 0 || key.E < 3 || key.E%2 == 0:
		return cause.CertificateUnsupported, "its RSA key is not a valid one"
	case bits < weakRSA:
		return cause.WeakKey, fmt.Sprintf("its RSA key has %d bits; %d or more are advised", bits, weakRSA)
	}
	return "", ""
}

// Generated is a new certificate with its private key. It prints and logs without the key.
type Generated struct {
	CertPEM []byte // CERTIFICATE
	KeyPEM  []byte // PRIVATE KEY, PKCS#8, not encrypted
	Cert    *x509.Certificate
}

// String names the certificate by its thumbprint and leaves the private key out.
func (g Generated) String() string {
	if g.Cert == nil {
		return "no certificate"
	}
	return "certificate " + Thumbprint(g.Cert.Raw) + " (private key withheld)"
}

// GoString is String: %#v must not show the key either.
func (g Generated) GoString() string { return g.String() }

// LogValue is String.
func (g Generated) LogValue() slog.Value { return slog.StringValue(g.String()) }

const (
	generatedLife  = 10 // years
	maxCommonName  = 64 // characters, RFC 5280 appendix A: longer ones are refused by some TLS stacks
	clockTolerance = 24 * time.Hour
)

// GenerateP256 makes a P-256 key and a self-signed certificate for TLS clients that holds for ten years from now, and
// from a day before, for devices whose clock is behind. A common name beyond 64 characters is cut. An error means that the name is not
// UTF-8.
func GenerateP256(commonName string, now time.Time) (Generated, error) {
	if !utf8.ValidString(commonName) {
		return Generated{}, fmt.Errorf("generate certificate: the common name is not UTF-8")
	}
	if name := []rune(commonName); len(name) > maxCommonName {
		commonName = string(name[:maxCommonName])
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Generated{}, fmt.Errorf("generate certificate: %w", err)
	}
	var random [16]byte
	_, _ = rand.Read(random[:])
	random[0] &= 0x7f // a serial number is positive, and at most 20 bytes long (RFC 5280, 4.1.2.2)
	random[15] |= 1
	now = now.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(random[:]),
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             now.Add(-clockTolerance),
		NotAfter:              now.AddDate(generatedLife, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return Generated{}, fmt.Errorf("generate certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Generated{}, fmt.Errorf("generate certificate: encode key: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return Generated{}, fmt.Errorf("generate certificate: %w", err)
	}
	return Generated{
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		Cert:    certificate,
	}, nil
}
