// Package files says what the files are that a device's credential comes in, and what is wrong with them: certificates
// and keys in PEM, DER and PKCS#12, and all that people have instead of them.
//
// It is pure: bytes go in, findings come out. It reads no file, and no clock but for [Match]. Nothing that it returns shows
// key material or a passphrase, however it is printed.
package files

import (
	"crypto"
	"crypto/x509"
	"log/slog"

	"gatehouse/gateway/attempt"
)

// Kind is what a file is. The names are stable.
type Kind string

// What files are.
const (
	Empty           Kind = "empty"
	TooLarge        Kind = "too_large"
	Certificate     Kind = "certificate"
	Chain           Kind = "chain" // several certificates
	PrivateKey      Kind = "private_key"
	CertificateKey  Kind = "certificate_and_key" // in one PEM file
	PKCS12          Kind = "pkcs12"              // .p12, .pfx
	PKCS7           Kind = "pkcs7"               // .p7b
	PublicKey       Kind = "public_key"
	SigningRequest  Kind = "signing_request"
	RevocationList  Kind = "revocation_list"
	Parameters      Kind = "parameters" // of a curve or of Diffie-Hellman, without a key
	JavaKeyStore    Kind = "java_key_store"
	SSHPrivateKey   Kind = "ssh_private_key"
	SSHPublicKey    Kind = "ssh_public_key"
	PuTTYKey        Kind = "putty_key"
	PGP             Kind = "pgp"
	JSON            Kind = "json"
	HTML            Kind = "html"
	ZIP             Kind = "zip"
	GZIP            Kind = "gzip"
	OtherText       Kind = "text"
	OtherBytes      Kind = "bytes"
	DamagedPEM      Kind = "damaged_pem" // PEM lines, and nothing in them that can be read
	UnknownPEMBlock Kind = "unknown_pem"
)

// MaxFile bounds in bytes what is looked at of one file.
const MaxFile = 1 << 20

// File is what a file turned out to be.
type File struct {
	Name         string
	Kind         Kind
	Encoding     string // PEM, DER, base64, PKCS#12 or empty
	Title        string // in a few words: "Certificate, ECDSA P-256, lamp-7"
	Problems     []Problem
	Certificates []*x509.Certificate // in the order of the file
	Keys         []Key
	Facts        []attempt.Fact
}

// Problem is one thing that is wrong with a file, or that a device may stumble over.
type Problem struct {
	ID     string        // stable, as "byte_order_mark"
	State  attempt.State // Bad: it cannot be used as it is; Warn: it was read here all the same
	File   string        // its name
	Line   int           // counted from 1; 0 when it concerns the whole file
	What   string        // a sentence
	Advice string        // a sentence, or empty
}

// Key is a private key in a file. It prints, logs and encodes without the key.
type Key struct {
	Format    string // PKCS#1, SEC1, PKCS#8 or PKCS#12
	Algorithm string // as "ECDSA P-256", "RSA-2048"; empty when it is locked
	Encrypted bool
	signer    crypto.Signer // nil when it could not be read
}

// Signer is the key, to prove with; nil when it could not be read.
func (k Key) Signer() crypto.Signer { return k.signer }

// String is the key's kind.
func (k Key) String() string {
	if k.Algorithm == "" {
		return k.Format + " key (locked)"
	}
	return k.Algorithm + " key in " + k.Format
}

// GoString is String: %#v must not show the key either.
func (k Key) GoString() string { return k.String() }

// LogValue is String.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText is String.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Bad reports whether a problem is among them that makes the file unusable.
func (f File) Bad() bool {
	for _, p := range f.Problems {
		if p.State == attempt.Bad {
			return true
		}
	}
	return false
}
