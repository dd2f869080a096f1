package credential

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"unicode"
	"unicode/utf8"
)

var (
	oidPKCS7Data       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidPKCS7SignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
)

func fromDER(data []byte) (*x509.Certificate, error) {
	if len(data) > 0 && data[0] == 0x30 {
		certificate, err := certificateIn(data)
		if err == nil {
			return certificate, nil
		}
		if other := otherDER(data); other != nil {
			return nil, other
		}
		return nil, err
	}
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return nil, problem(KeyStore, "this is a Java key store, not a certificate")
	case bytes.HasPrefix(data, []byte("ssh-")) || bytes.HasPrefix(data, []byte("ecdsa-sha2-")):
		return nil, problem(SSHKey, "this is an SSH key, not a certificate")
	case isText(data):
		return nil, problem(NotCertificate, "this is text without a certificate in it")
	}
	return nil, problem(NotCertificate, "this is neither PEM nor DER")
}

// otherDER says what a DER value is that is not a certificate; nil when it is not known.
func otherDER(data []byte) *ImportError {
	switch {
	case isPKCS12(data):
		return problem(PKCS12, "this is a PKCS#12 file, not a certificate")
	case isPKCS7(data):
		return problem(PKCS7, "this is a PKCS#7 bundle, not a certificate")
	case isPrivateKey(data):
		return problem(PrivateKey, "this is a private key, not a certificate")
	case isEncryptedKey(data):
		return problem(EncryptedKey, "this is an encrypted private key, not a certificate")
	}
	if _, err := x509.ParseCertificateRequest(data); err == nil {
		return problem(SigningRequest, "this is a certificate signing request, not a certificate")
	}
	if _, err := x509.ParsePKIXPublicKey(data); err == nil {
		return problem(PublicKey, "this is a public key, not a certificate")
	}
	if _, err := x509.ParsePKCS1PublicKey(data); err == nil {
		return problem(PublicKey, "this is a public key, not a certificate")
	}
	return nil
}

func isPKCS12(data []byte) bool {
	var pfx struct { // RFC 7292, section 4
		Version  int
		AuthSafe struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue `asn1:"optional"`
		}
		Mac asn1.RawValue `asn1:"optional"`
	}
	_, err := asn1.Unmarshal(data, &pfx)
	return err == nil && pfx.Version == 3 && (pfx.AuthSafe.Type.Equal(oidPKCS7Data) || pfx.AuthSafe.Type.Equal(oidPKCS7SignedData))
}

func isPKCS7(data []byte) bool {
	var content struct { // RFC 2315, section 7
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"optional"`
	}
	_, err := asn1.Unmarshal(data, &content)
	return err == nil && content.Type.Equal(oidPKCS7SignedData)
}

func isPrivateKey(data []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(data); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(data); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(data)
	return err == nil
}

func isEncryptedKey(data []byte) bool {
	var key struct { // RFC 5958, section 3
		Algorithm struct {
			OID        asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Data []byte
	}
	rest, err := asn1.Unmarshal(data, &key)
	return err == nil && len(rest) == 0
}

func isText(data []byte) bool {
	return utf8.Valid(data) && bytes.IndexFunc(data, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) < 0
}
