package onboard

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// KeyName is the kind of a certificate's key: "P-256", "RSA 2048", "Ed25519".
func KeyName(der []byte) string {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return "unreadable"
	}
	return keyName(certificate)
}

func keyName(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return key.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

// fits reports whether a private key belongs to a certificate.
func fits(certPEM, keyPEM []byte) bool {
	if len(keyPEM) == 0 {
		return false
	}
	_, err := tls.X509KeyPair(certPEM, keyPEM)
	return err == nil
}
