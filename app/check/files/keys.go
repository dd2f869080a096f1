package files

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/credential"
)

// key adds a private key that could be read.
func (f *File) key(key any, format string, encrypted bool) {
	signer, can := key.(crypto.Signer)
	if !can {
		f.Keys = append(f.Keys, Key{Format: format, Encrypted: encrypted})
		f.bad("key_unsupported", 0, "It is a key that cannot sign, such as one for X25519.", "Use a P-256 key: openssl ecparam -genkey -name prime256v1 -noout -out device.key")
		return
	}
	k := Key{Format: format, Algorithm: KeyName(signer.Public()), Encrypted: encrypted, signer: signer}
	f.Keys = append(f.Keys, k)
	f.strength(&x509.Certificate{PublicKey: signer.Public()}, "The key cannot be used: ", "The key is weak: ")
}

const (
	adviceWrong   = "Give the passphrase that the key was made with; it is not the password of the device."
	adviceMissing = "Give its passphrase, or write the key without one: openssl pkey -in device.key -out plain.key"
)

// locked opens an encrypted PKCS#8 key.
func (f *File) locked(der, passphrase []byte) {
	f.unlock("PKCS#8", passphrase, costly(der), func(phrase []byte) (any, error) {
		key, _, err := pkcs8.ParsePrivateKey(der, phrase)
		return key, err
	})
}

// legacy opens a key that is encrypted as RFC 1421 has it, with DEK-Info in its PEM headers.
func (f *File) legacy(b block, passphrase []byte) {
	format := map[string]string{"RSA PRIVATE KEY": "PKCS#1", "EC PRIVATE KEY": "SEC1"}[b.label]
	if format == "" {
		format = b.label
	}
	f.set(PrivateKey)
	f.warn("old_encryption", b.line, "The key is encrypted in the old way (DEK-Info), which is weak and which some devices cannot read.",
		"Write it anew: openssl pkey -aes256 -in device.key -out new.key")
	f.unlock(format, passphrase, false, func(phrase []byte) (any, error) {
		//lint:ignore SA1019 it is weak, and that is said; but keys that are so encrypted must be read to be judged.
		der, err := x509.DecryptPEMBlock(&pem.Block{Type: b.label, Headers: b.headers, Bytes: b.der}, phrase)
		if err != nil {
			return nil, err
		}
		// A wrong passphrase may pass for right until here.
		if it := classify(der); it.key != nil {
			return it.key, nil
		}
		return nil, x509.IncorrectPasswordError
	})
}

// unlock opens a key with the passphrase, and without the line end that a passphrase file may have brought.
func (f *File) unlock(format string, passphrase []byte, tooMuch bool, open func([]byte) (any, error)) {
	closed := func(id, what, advice string) {
		f.Keys = append(f.Keys, Key{Format: format, Encrypted: true})
		f.bad(id, 0, what, advice)
	}
	switch {
	case tooMuch:
		closed("too_costly", "The key asks for so much work to be opened that it was not tried.", "Write it anew: openssl pkey -aes256 -in device.key -out new.key")
		return
	case passphrase == nil:
		closed("encrypted", "The key is encrypted, and no passphrase was given.", adviceMissing)
		return
	}
	key, err := guarded(open, passphrase)
	if err == nil {
		f.key(key, format, true)
		return
	}
	if bare := bytes.TrimRight(passphrase, "\r\n"); len(bare) < len(passphrase) {
		if key, err = guarded(open, bare); err == nil {
			f.warn("passphrase_line_end", 0, "The passphrase was given with a line end after it, which is not part of it.", "A device may take the line end for a part: printf %s instead of echo writes none.")
			f.key(key, format, true)
			return
		}
	}
	if isWrong(err) {
		closed("wrong_passphrase", "The passphrase does not open the key.", adviceWrong)
		return
	}
	closed("encryption_unsupported", "The key is encrypted in a way that cannot be read here.", "Write it anew: openssl pkey -aes256 -in device.key -out new.key")
}

func isWrong(err error) bool {
	return errors.Is(err, x509.IncorrectPasswordError) || err.Error() == "pkcs8: incorrect password" || errors.Is(err, pkcs12.ErrIncorrectPassword)
}

// guarded calls a reader that others wrote with input that anyone may have made.
func guarded(open func([]byte) (any, error), phrase []byte) (key any, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it cannot be read")
		}
	}()
	return open(phrase)
}

// bundle is what a PKCS#12 file holds.
type bundle struct {
	key   any
	certs []*x509.Certificate
}

// pkcs12 opens a PKCS#12 file.
func (f *File) pkcs12(der, passphrase []byte) {
	if costly(der) {
		f.bad("too_costly", 0, "It asks for so much work to be opened that it was not tried.", "Export it anew: openssl pkcs12 -export -inkey device.key -in device.crt -out new.p12")
		return
	}
	open := func(phrase []byte) (any, error) {
		key, leaf, others, err := pkcs12.DecodeChain(der, string(phrase))
		if err != nil {
			return nil, err
		}
		return bundle{key, append([]*x509.Certificate{leaf}, others...)}, nil
	}
	found, err := guarded(open, passphrase)
	if bare := bytes.TrimRight(passphrase, "\r\n"); err != nil && len(bare) < len(passphrase) {
		if found, err = guarded(open, bare); err == nil {
			f.warn("passphrase_line_end", 0, "The passphrase was given with a line end after it, which is not part of it.", "A device may take the line end for a part: printf %s instead of echo writes none.")
		}
	}
	if err != nil {
		f.Keys = append(f.Keys, Key{Format: "PKCS#12", Encrypted: true})
		switch {
		case isWrong(err) && passphrase == nil:
			f.bad("encrypted", 0, "It is behind a passphrase, and none was given.", "Give its passphrase.")
		case isWrong(err):
			f.bad("wrong_passphrase", 0, "The passphrase does not open it.", "Give the passphrase that it was exported with.")
		default:
			f.bad("pkcs12_unreadable", 0, "It does not hold exactly one key with its certificate, or is encrypted in a way that cannot be read here.",
				"Export it anew: openssl pkcs12 -export -inkey device.key -in device.crt -out new.p12")
		}
		return
	}
	b := found.(bundle)
	f.key(b.key, "PKCS#12", len(passphrase) > 0)
	for _, c := range b.certs {
		f.Certificates = append(f.Certificates, c)
		f.strength(c, "The certificate’s key cannot be used: ", "The certificate’s key is weak: ")
	}
	f.warn("pkcs12", 0, "It is PKCS#12, which holds key and certificate together behind a passphrase.",
		"It was opened here; most devices want them as PEM: openssl pkcs12 -in "+f.quoted()+" -nodes -out device.pem")
}

// KeyName is the kind and size of a public key, as "ECDSA P-256", "RSA-2048" or "Ed25519".
func KeyName(public any) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "a key of another kind"
}

// Subject is what to call a certificate: its common name, else its whole subject, else its serial number.
func Subject(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return Visible(c.Subject.CommonName)
	case len(c.Subject.Names) > 0:
		return Visible(c.Subject.String())
	case len(c.DNSNames) > 0:
		return Visible(c.DNSNames[0])
	case c.SerialNumber != nil:
		return "serial " + c.SerialNumber.Text(16)
	}
	return "a certificate without a name"
}

// Issuer is what to call the one who issued a certificate.
func Issuer(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return Visible(c.Issuer.CommonName)
	}
	return Visible(c.Issuer.String())
}

// Visible is a text that cannot move a cursor, of bounded length: names in certificates are anyone's.
func Visible(s string) string {
	const most = 120
	out := make([]rune, 0, min(len(s), most))
	for _, c := range s {
		if len(out) == most {
			return string(out) + "…"
		}
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069' {
			c = '·'
		}
		out = append(out, c)
	}
	return string(out)
}

// CertificateFacts are what is known of a certificate.
func CertificateFacts(c *x509.Certificate) []attempt.Fact {
	return []attempt.Fact{
		{Name: "subject", Value: Visible(c.Subject.String())},
		{Name: "issuer", Value: Visible(c.Issuer.String())},
		{Name: "serial", Value: hex.EncodeToString(c.SerialNumber.Bytes())},
		{Name: "not_before", Value: c.NotBefore.UTC().Format(time.RFC3339)},
		{Name: "not_after", Value: c.NotAfter.UTC().Format(time.RFC3339)},
		{Name: "key", Value: KeyName(c.PublicKey)},
		{Name: "signature", Value: c.SignatureAlgorithm.String()},
		{Name: "sha256", Value: credential.Thumbprint(c.Raw)},
	}
}
