package credential

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Problem names why something could not be imported as a certificate. The names are stable.
type Problem string

// What people import instead of one certificate.
const (
	Empty               Problem = "empty"
	TooLarge            Problem = "too_large"
	PrivateKey          Problem = "private_key"
	EncryptedKey        Problem = "encrypted_key" // a private key behind a passphrase
	PublicKey           Problem = "public_key"
	SigningRequest      Problem = "signing_request" // a CSR, not yet signed
	PKCS12              Problem = "pkcs12"          // .p12, .pfx
	PKCS7               Problem = "pkcs7"           // .p7b
	KeyStore            Problem = "key_store"       // Java's .jks
	SSHKey              Problem = "ssh_key"
	SeveralCertificates Problem = "several_certificates" // that are not one chain
	Malformed           Problem = "malformed"            // a certificate, but damaged or against X.509
	NotCertificate      Problem = "not_certificate"      // none of the above
	Unsupported         Problem = "unsupported"          // a certificate with a key that cannot be used
)

// MaxImport bounds in bytes what is looked at for a certificate.
const MaxImport = 256 << 10

// ImportError says what was given instead of a usable certificate, and what to give. It never quotes the input, which
// may be a private key.
type ImportError struct {
	Problem Problem
	Reason  string // what it is, lower-case
	Advice  string // what to do, a sentence
}

func (e *ImportError) Error() string { return "import certificate: " + e.Reason }

var advice = map[Problem]string{
	Empty:               "Choose the device's certificate, a .pem, .crt or .cer file.",
	TooLarge:            "Choose the device's certificate alone, a .pem, .crt or .cer file of a few kilobytes.",
	PrivateKey:          "Import the certificate that goes with this key. The key itself stays on the device.",
	EncryptedKey:        "Import the certificate that goes with this key. The key itself stays on the device.",
	PublicKey:           "Make a certificate for this key: openssl req -x509 -key device.key -subj /CN=device -out device.crt",
	SigningRequest:      "Have the request signed, and import the certificate that comes back.",
	PKCS12:              "Take the certificate out of it: openssl pkcs12 -in device.p12 -clcerts -nokeys -out device.crt",
	PKCS7:               "Take the certificates out of it: openssl pkcs7 -in device.p7b -print_certs -out device.crt",
	KeyStore:            "Take the certificate out of it: keytool -exportcert -rfc -keystore device.jks -alias device -file device.crt",
	SSHKey:              "Devices authenticate with an X.509 certificate: choose a .pem, .crt or .cer file.",
	SeveralCertificates: "Import one certificate at a time.",
	Malformed:           "Export the certificate again; it may have been cut or changed on the way.",
	NotCertificate:      "Choose the device's certificate, a .pem, .crt or .cer file.",
}

func problem(p Problem, reason string) *ImportError {
	return &ImportError{Problem: p, Reason: reason, Advice: advice[p]}
}

// ParseCertificate reads one certificate as people have it: PEM with any line ends and with text around it, base64 without
// the PEM lines, or DER. Of a chain it takes the leaf. A private key beside the certificate is passed over. Anything
// else is an [*ImportError]. Whether the certificate's key can be used is for [Usable] to say.
func ParseCertificate(pemOrDER []byte) (*x509.Certificate, error) {
	if len(pemOrDER) > MaxImport {
		return nil, problem(TooLarge, fmt.Sprintf("this is larger than %d KiB", MaxImport>>10))
	}
	data := plainText(pemOrDER)
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, problem(Empty, "there is nothing in it")
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return fromPEM(data)
	}
	if der, ok := bareBase64(data); ok {
		return fromDER(der)
	}
	return fromDER(pemOrDER)
}

// plainText undoes what editors and shells do to text: byte order marks, UTF-16 (PowerShell's ">"), other line ends,
// indentation.
func plainText(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}) && len(data)%2 == 0:
		data = decodeUTF16(data[2:], 0)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}) && len(data)%2 == 0:
		data = decodeUTF16(data[2:], 1)
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return data
	}
	data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	lines := bytes.Split(data, []byte("\n"))
	for i, line := range lines {
		lines[i] = bytes.TrimSpace(line)
	}
	return append(bytes.Join(lines, []byte("\n")), '\n')
}

func decodeUTF16(data []byte, low int) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = uint16(data[2*i+low]) | uint16(data[2*i+1-low])<<8
	}
	return []byte(string(utf16.Decode(units)))
}

// bareBase64 decodes base64 without PEM lines; DER in base64 begins with MI or MA to ME for a sequence of this size.
func bareBase64(data []byte) ([]byte, bool) {
	if data = bytes.TrimSpace(data); data[0] != 'M' {
		return nil, false
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
	return der, err == nil
}

func fromPEM(data []byte) (*x509.Certificate, error) {
	var (
		found []*x509.Certificate
		other *ImportError
	)
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
			certificate, err := certificateIn(block.Bytes)
			if err != nil {
				return nil, err
			}
			found = append(found, certificate)
		default:
			if other == nil {
				other = otherPEM(block)
			}
		}
	}
	switch {
	case len(found) > 0:
		return leaf(found)
	case other != nil:
		return nil, other
	case bytes.Contains(data, []byte("CERTIFICATE-----")):
		return nil, problem(Malformed, "its PEM block is damaged: it is cut, or holds characters that are not base64")
	case bytes.Contains(data, []byte("PRIVATE KEY-----")):
		return nil, problem(PrivateKey, "this is a private key, not a certificate")
	}
	return nil, problem(NotCertificate, "no certificate is in it")
}

// otherPEM says what a PEM block is that is not a certificate.
func otherPEM(block *pem.Block) *ImportError {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return problem(EncryptedKey, "this is an encrypted private key, not a certificate")
	case strings.Contains(block.Type, "PRIVATE KEY"):
		return problem(PrivateKey, "this is a private key, not a certificate")
	case strings.Contains(block.Type, "PUBLIC KEY"):
		return problem(PublicKey, "this is a public key, not a certificate")
	case strings.Contains(block.Type, "CERTIFICATE REQUEST"):
		return problem(SigningRequest, "this is a certificate signing request, not a certificate")
	case block.Type == "PKCS7" || block.Type == "CMS":
		return problem(PKCS7, "this is a PKCS#7 bundle, not a certificate")
	case block.Type == "PKCS12":
		return problem(PKCS12, "this is a PKCS#12 file, not a certificate")
	}
	return problem(NotCertificate, "no certificate is in it")
}

// certificateIn parses the first DER value of data. What follows it, OpenSSL's trust settings or white space, is no part of
// the certificate and of its thumbprint.
func certificateIn(data []byte) (*x509.Certificate, error) {
	var first asn1.RawValue
	if _, err := asn1.Unmarshal(data, &first); err != nil {
		return nil, problem(Malformed, "it is cut or damaged: it is not DER")
	}
	certificate, err := x509.ParseCertificate(first.FullBytes)
	if err != nil {
		return nil, problem(Malformed, "it cannot be read: "+strings.TrimPrefix(err.Error(), "x509: "))
	}
	return certificate, nil
}

// leaf is the one certificate of a chain that issued no other of it.
func leaf(found []*x509.Certificate) (*x509.Certificate, error) {
	var leaves []*x509.Certificate
	for i, candidate := range found {
		issued := false
		for j, other := range found {
			// The same certificate twice is one leaf.
			if i < j && bytes.Equal(candidate.Raw, other.Raw) {
				issued = true
			}
			issued = issued || !bytes.Equal(candidate.Raw, other.Raw) && bytes.Equal(candidate.RawSubject, other.RawIssuer)
		}
		if !issued {
			leaves = append(leaves, candidate)
		}
	}
	if len(leaves) == 1 {
		return leaves[0], nil
	}
	return nil, problem(SeveralCertificates, fmt.Sprintf("%d certificates are in it, and they are not one chain", len(found)))
}
