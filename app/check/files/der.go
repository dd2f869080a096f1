package files

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"strings"
)

// item is what a DER value is.
type item struct {
	kind        Kind
	certificate *x509.Certificate
	format      string // of a key: PKCS#1, SEC1 or PKCS#8
	key         any
	locked      bool   // a PKCS#8 key behind a passphrase
	reason      string // why what it should be cannot be read, lower-case
}

var (
	oidData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidPKCS5      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5}
	oidPKCS12PBE  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1}
)

// classify says what a DER value is by what it holds, whatever it is called.
func classify(data []byte) item {
	var first asn1.RawValue
	rest, err := asn1.Unmarshal(data, &first)
	if err != nil {
		return item{kind: OtherBytes, reason: "it is not DER, or it was cut"}
	}
	der := data[:len(data)-len(rest)]
	if first.Tag == asn1.TagOID && first.Class == asn1.ClassUniversal {
		return item{kind: Parameters}
	}
	if first.Tag != asn1.TagSequence || first.Class != asn1.ClassUniversal {
		return item{kind: OtherBytes, reason: "it is not a certificate or key"}
	}
	if c, err := x509.ParseCertificate(der); err == nil {
		return item{kind: Certificate, certificate: c}
	} else if certificateShaped(first.Bytes) {
		if request, bad := x509.ParseCertificateRequest(der); bad == nil && request != nil {
			return item{kind: SigningRequest}
		}
		if list, bad := x509.ParseRevocationList(der); bad == nil && list != nil {
			return item{kind: RevocationList}
		}
		return item{kind: Certificate, reason: strings.TrimPrefix(err.Error(), "x509: ")}
	}
	if it, is := keyIn(der); is {
		return it
	}
	return container(first.Bytes)
}

// keyIn reads a private or public key.
func keyIn(der []byte) (item, bool) {
	for _, form := range []struct {
		name  string
		parse func([]byte) (any, error)
	}{
		{"PKCS#8", x509.ParsePKCS8PrivateKey},
		{"PKCS#1", func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) }},
		{"SEC1", func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) }},
	} {
		if key, err := form.parse(der); err == nil {
			return item{kind: PrivateKey, format: form.name, key: key}, true
		}
	}
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return item{kind: PublicKey}, true
	}
	if _, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return item{kind: PublicKey}, true
	}
	return item{}, false
}

// container tells what else is made of a sequence, by its first members.
func container(body []byte) item {
	members := sequence(body, 4)
	is := func(i, tag int) bool {
		return i < len(members) && members[i].Tag == tag && members[i].Class == asn1.ClassUniversal
	}
	switch {
	case is(0, asn1.TagInteger) && is(1, asn1.TagSequence) && oidFirst(members[1].Bytes).Equal(oidData),
		is(0, asn1.TagInteger) && is(1, asn1.TagSequence) && oidFirst(members[1].Bytes).Equal(oidSignedData):
		return item{kind: PKCS12}
	case is(0, asn1.TagOID) && (oidFirst(body).Equal(oidSignedData) || oidFirst(body).Equal(oidData)):
		return item{kind: PKCS7}
	case is(0, asn1.TagSequence) && is(1, asn1.TagOctetString) && len(members) == 2 && isEncryption(oidFirst(members[0].Bytes)):
		return item{kind: PrivateKey, format: "PKCS#8", locked: true}
	case is(0, asn1.TagInteger) && is(1, asn1.TagSequence) && is(2, asn1.TagOctetString):
		return item{kind: PrivateKey, format: "PKCS#8", reason: "its algorithm or curve is not one that can be used here"}
	case is(0, asn1.TagInteger) && is(1, asn1.TagOctetString):
		return item{kind: PrivateKey, format: "SEC1", reason: "its curve is not one that can be used here"}
	case is(0, asn1.TagInteger) && is(1, asn1.TagInteger) && len(members) > 3:
		return item{kind: PrivateKey, format: "PKCS#1", reason: "its numbers do not fit together, or their size cannot be used"}
	case is(0, asn1.TagInteger) && is(1, asn1.TagInteger), is(0, asn1.TagInteger) && is(1, asn1.TagSequence):
		return item{kind: Parameters}
	}
	return item{kind: OtherBytes, reason: "it is DER, but not a certificate or key"}
}

// certificateShaped reports whether a sequence's body is a sequence, an algorithm and a bit string: a certificate, a request
// or a revocation list.
func certificateShaped(body []byte) bool {
	m := sequence(body, 4)
	return len(m) == 3 && m[0].Tag == asn1.TagSequence && m[1].Tag == asn1.TagSequence && m[2].Tag == asn1.TagBitString
}

// sequence splits the body of a sequence into at most so many members.
func sequence(body []byte, most int) []asn1.RawValue {
	var members []asn1.RawValue
	for len(body) > 0 && len(members) < most {
		var m asn1.RawValue
		rest, err := asn1.Unmarshal(body, &m)
		if err != nil {
			return members
		}
		members, body = append(members, m), rest
	}
	return members
}

func oidFirst(body []byte) asn1.ObjectIdentifier {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(body, &oid); err != nil {
		return nil
	}
	return oid
}

func isEncryption(oid asn1.ObjectIdentifier) bool {
	return hasPrefix(oid, oidPKCS5) || hasPrefix(oid, oidPKCS12PBE)
}

func hasPrefix(oid, prefix asn1.ObjectIdentifier) bool {
	return len(oid) >= len(prefix) && oid[:len(prefix)].Equal(prefix)
}

// Bounds of what is worked to open something with a passphrase: beyond them a file could keep the program busy for hours or
// take all its memory. What tools write is far below.
const (
	maxRounds = 5_000_000 // of PBKDF2 and of PKCS#12's derivation
	maxScrypt = 1 << 20   // N times r, 128 MiB
)

// costly reports whether opening a DER value would take more work than that. What it looks for is a salt with numbers
// behind it, wherever one is: rounds and length of key (PBKDF2, RFC 8018, A.2), rounds (PKCS#12, RFC 7292, 4), or N, r
// and p (scrypt, RFC 7914, 7).
func costly(der []byte) bool { return costlyWithin(der, 0) }

func costlyWithin(body []byte, depth int) bool {
	if depth > 24 {
		return true
	}
	salted := false
	var numbers []int
	for len(body) > 0 {
		var m asn1.RawValue
		rest, err := asn1.Unmarshal(body, &m)
		if err != nil {
			break
		}
		body = rest
		if m.Class == asn1.ClassUniversal && m.Tag == asn1.TagInteger {
			var n int
			if _, err := asn1.Unmarshal(m.FullBytes, &n); err != nil {
				n = maxRounds + 1
			}
			if salted {
				numbers = append(numbers, n)
			}
			continue
		}
		if tooMuch(numbers) {
			return true
		}
		salted, numbers = m.Class == asn1.ClassUniversal && m.Tag == asn1.TagOctetString, nil
		if (m.IsCompound || salted && bytes.HasPrefix(m.Bytes, []byte{0x30})) && costlyWithin(m.Bytes, depth+1) {
			return true
		}
	}
	return tooMuch(numbers)
}

// tooMuch judges the numbers behind a salt.
func tooMuch(numbers []int) bool {
	for _, n := range numbers {
		if n < 0 || n > maxRounds {
			return true
		}
	}
	switch len(numbers) {
	case 0, 1:
		return false
	case 2:
		return numbers[1] > 1024
	}
	return numbers[0]*numbers[1] > maxScrypt || numbers[2] > 16
}
