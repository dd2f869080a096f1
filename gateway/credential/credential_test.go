package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/cause"
)

func TestSecretsAreLongRandomAndFairlySpread(t *testing.T) {
	seen := map[string]bool{}
	count := map[rune]int{}
	for range 2000 {
		s := NewSecret()
		require.Regexp(t, "^[0-9A-Za-z]{32}$", s)
		require.False(t, seen[s])
		seen[s] = true
		for _, c := range s {
			count[c]++
		}
	}
	require.Len(t, count, 62)
	for c, n := range count { // 1032 expected, standard deviation 32
		require.InDelta(t, 2000*32/62, n, 260, "%c", c)
	}
}

func TestOnlyTheRightSecretMatches(t *testing.T) {
	secret := []byte(NewSecret())
	salt, hash := HashSecret(secret)
	require.Len(t, salt, 16)
	require.Len(t, hash, 32)
	require.True(t, SecretMatches(salt, hash, secret))
	for _, wrong := range [][]byte{nil, {}, secret[:31], append(bytes.Clone(secret), 0), bytes.ToLower(secret), []byte(NewSecret())} {
		require.False(t, SecretMatches(salt, hash, wrong))
	}
	require.False(t, SecretMatches(nil, nil, nil), "an empty hash matches nothing")
	require.False(t, SecretMatches(salt, nil, secret))
	otherSalt, otherHash := HashSecret(secret)
	require.NotEqual(t, salt, otherSalt)
	require.NotEqual(t, hash, otherHash)
	require.Zero(t, testing.AllocsPerRun(100, func() { SecretMatches(salt, hash, secret) }))
}

func TestGeneratedCertificatesServeTLSClients(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	g, err := GenerateP256("thermostat-7", now)
	require.NoError(t, err)
	_, err = tls.X509KeyPair(g.CertPEM, g.KeyPEM)
	require.NoError(t, err)
	require.Equal(t, "thermostat-7", g.Cert.Subject.CommonName)
	require.Equal(t, 2036, g.Cert.NotAfter.Year())
	require.True(t, g.Cert.NotBefore.Before(now))
	require.NoError(t, g.Cert.CheckSignature(g.Cert.SignatureAlgorithm, g.Cert.RawTBSCertificate, g.Cert.Signature))
	usable, _ := Usable(g.Cert)
	require.Empty(t, usable)
	require.True(t, strings.HasPrefix(string(g.KeyPEM), "-----BEGIN PRIVATE KEY-----"))

	long, err := GenerateP256(strings.Repeat("ü", 100), now)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ü", 64), long.Cert.Subject.CommonName)
	_, err = GenerateP256("\xff", now)
	require.Error(t, err)
}

func TestGeneratedKeysDoNotShow(t *testing.T) {
	g, err := GenerateP256("a", time.Now())
	require.NoError(t, err)
	var text bytes.Buffer
	slog.New(slog.NewJSONHandler(&text, nil)).Info("made", "credential", g)
	fmt.Fprintf(&text, "%v %+v %#v %s", g, g, g, g)
	require.NotContains(t, text.String(), "PRIVATE KEY")
	require.NotContains(t, text.String(), fmt.Sprint(g.KeyPEM[:40])[1:40])
	require.Contains(t, text.String(), Thumbprint(g.Cert.Raw))
}

func selfSigned(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return der
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return key
}

func TestWhichKeysCanBeUsed(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	modulus := func(bits uint) *rsa.PublicKey {
		n := new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1)
		return &rsa.PublicKey{N: n, E: 65537}
	}
	for name, test := range map[string]struct {
		key  any
		want cause.ID
	}{
		"P-256":             {ecKey(t, elliptic.P256()).Public(), ""},
		"P-384":             {ecKey(t, elliptic.P384()).Public(), ""},
		"P-521":             {ecKey(t, elliptic.P521()).Public(), ""},
		"P-224":             {ecKey(t, elliptic.P224()).Public(), cause.CertificateUnsupported},
		"Ed25519":           {edwards.Public(), ""},
		"RSA 1024":          {rsa1024.Public(), cause.WeakKey},
		"RSA 1023":          {modulus(1023), cause.CertificateUnsupported},
		"RSA 2047":          {modulus(2047), cause.WeakKey},
		"RSA 2048":          {modulus(2048), ""},
		"RSA 8192":          {modulus(8192), ""},
		"RSA 8193":          {modulus(8193), cause.CertificateUnsupported},
		"RSA even modulus":  {&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}, cause.CertificateUnsupported},
		"RSA even exponent": {&rsa.PublicKey{N: modulus(2048).N, E: 4}, cause.CertificateUnsupported},
		"none":              {nil, cause.CertificateUnsupported},
	} {
		got, why := Usable(&x509.Certificate{PublicKey: test.key})
		require.Equal(t, test.want, got, name)
		require.Equal(t, test.want == "", why == "", name)
	}
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestACertificateIsReadAsPeopleHaveIt(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	der := selfSigned(t, key)
	text := pemOf("CERTIFICATE", der)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(string(text))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, data := range map[string][]byte{
		"PEM":                  text,
		"DER":                  der,
		"DER and a line end":   append(bytes.Clone(der), '\r', '\n'),
		"Windows line ends":    bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")),
		"old Mac line ends":    bytes.ReplaceAll(text, []byte("\n"), []byte("\r")),
		"no last line end":     bytes.TrimSpace(text),
		"byte order mark":      append([]byte{0xef, 0xbb, 0xbf}, text...),
		"UTF-16":               wide,
		"indented":             bytes.ReplaceAll(text, []byte("\n"), []byte("\n    ")),
		"text before":          append([]byte("Certificate:\n    Data:\n        Version: 3\n"), text...),
		"text behind":          append(bytes.Clone(text), "\nsubject=CN = device\n"...),
		"private key before":   append(pemOf("PRIVATE KEY", pkcs8), text...),
		"private key behind":   append(bytes.Clone(text), pemOf("PRIVATE KEY", pkcs8)...),
		"X509 CERTIFICATE":     pemOf("X509 CERTIFICATE", der),
		"TRUSTED CERTIFICATE":  pemOf("TRUSTED CERTIFICATE", append(bytes.Clone(der), 0x30, 0x00)),
		"twice":                append(bytes.Clone(text), text...),
		"base64 without lines": []byte(base64.StdEncoding.EncodeToString(der) + "\n"),
	} {
		certificate, err := ParseCertificate(data)
		require.NoError(t, err, name)
		require.Equal(t, Thumbprint(der), Thumbprint(certificate.Raw), name)
	}
}

func TestOfAChainTheLeafIsTaken(t *testing.T) {
	rootKey, leafKey := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	rootTemplate := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true}
	root, err := x509.CreateCertificate(rand.Reader, rootTemplate, rootTemplate, rootKey.Public(), rootKey)
	require.NoError(t, err)
	leafTemplate := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}}
	leaf, err := x509.CreateCertificate(rand.Reader, leafTemplate, rootTemplate, leafKey.Public(), rootKey)
	require.NoError(t, err)
	a, b := pemOf("CERTIFICATE", leaf), pemOf("CERTIFICATE", root)
	for _, chain := range [][]byte{append(bytes.Clone(a), b...), append(bytes.Clone(b), a...)} {
		certificate, err := ParseCertificate(chain)
		require.NoError(t, err)
		require.Equal(t, "leaf", certificate.Subject.CommonName)
	}
}

func TestWhatIsNoCertificateIsNamed(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "device"}}, key)
	require.NoError(t, err)
	type content struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"optional"`
	}
	pfx, err := asn1.Marshal(struct {
		Version int
		Safe    content
	}{3, content{Type: oidPKCS7Data}})
	require.NoError(t, err)
	p7b, err := asn1.Marshal(content{Type: oidPKCS7SignedData})
	require.NoError(t, err)
	encrypted, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, []byte("data")})
	require.NoError(t, err)
	der := selfSigned(t, key)
	certificate := pemOf("CERTIFICATE", der)
	another := pemOf("CERTIFICATE", func() []byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "another"}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		require.NoError(t, err)
		return der
	}())
	oldEncrypted := []byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n")
	for name, test := range map[string]struct {
		data []byte
		want Problem
	}{
		"nothing":                 {nil, Empty},
		"white space":             {[]byte(" \r\n\t"), Empty},
		"only a byte order mark":  {[]byte{0xef, 0xbb, 0xbf}, Empty},
		"too large":               {bytes.Repeat([]byte{0x30}, MaxImport+1), TooLarge},
		"PKCS#8 key":              {pemOf("PRIVATE KEY", pkcs8), PrivateKey},
		"PKCS#8 key in DER":       {pkcs8, PrivateKey},
		"SEC 1 key":               {pemOf("EC PRIVATE KEY", sec1), PrivateKey},
		"SEC 1 key in DER":        {sec1, PrivateKey},
		"OpenSSH key":             {pemOf("OPENSSH PRIVATE KEY", []byte("openssh-key-v1")), PrivateKey},
		"damaged key":             {[]byte("-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----"), PrivateKey},
		"encrypted key":           {pemOf("ENCRYPTED PRIVATE KEY", encrypted), EncryptedKey},
		"encrypted key in DER":    {encrypted, EncryptedKey},
		"encrypted SEC 1 key":     {oldEncrypted, EncryptedKey},
		"public key":              {pemOf("PUBLIC KEY", public), PublicKey},
		"public key in DER":       {public, PublicKey},
		"SSH key":                 {[]byte("ssh-ed25519 AAAAC3Nz user@host"), SSHKey},
		"CSR":                     {pemOf("CERTIFICATE REQUEST", csr), SigningRequest},
		"CSR of old":              {pemOf("NEW CERTIFICATE REQUEST", csr), SigningRequest},
		"CSR in DER":              {csr, SigningRequest},
		"PKCS#12":                 {pfx, PKCS12},
		"PKCS#7":                  {pemOf("PKCS7", p7b), PKCS7},
		"PKCS#7 in DER":           {p7b, PKCS7},
		"Java key store":          {[]byte{0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2}, KeyStore},
		"two that are no chain":   {append(bytes.Clone(certificate), another...), SeveralCertificates},
		"cut PEM":                 {certificate[:len(certificate)/2], Malformed},
		"cut DER":                 {der[:len(der)-1], Malformed},
		"cut DER in PEM":          {pemOf("CERTIFICATE", der[:len(der)/2]), Malformed},
		"changed DER":             {append(append(bytes.Clone(der[:20]), 0xff), der[21:]...), Malformed},
		"text":                    {[]byte("hello\n"), NotCertificate},
		"binary":                  {[]byte{0, 1, 2, 3}, NotCertificate},
		"another PEM":             {pemOf("DH PARAMETERS", []byte{0x30, 0}), NotCertificate},
		"base64 of something":     {[]byte("MIIB"), Malformed},
		"an end without begin":    {[]byte("-----END CERTIFICATE-----"), NotCertificate},
		"a begin without an end ": {[]byte("-----BEGIN CERTIFICATE-----"), Malformed},
	} {
		_, err := ParseCertificate(test.data)
		var problem *ImportError
		require.ErrorAs(t, err, &problem, name)
		require.Equal(t, test.want, problem.Problem, name)
		require.NotEmpty(t, problem.Reason, name)
		require.NotEmpty(t, problem.Advice, name)
	}
}

func FuzzParseCertificate(f *testing.F) {
	key := ecKey(f, elliptic.P256())
	der := selfSigned(f, key)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(f, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	require.NoError(f, err)
	text := pemOf("CERTIFICATE", der)
	for _, seed := range [][]byte{
		nil, der, text, pkcs8, csr, pemOf("PRIVATE KEY", pkcs8), pemOf("CERTIFICATE REQUEST", csr), append(bytes.Clone(text), text...),
		bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), {0xff, 0xfe, 0x2d, 0}, {0xef, 0xbb, 0xbf}, []byte("MIIB"), {0x30, 0x84, 0xff, 0xff, 0xff, 0xff},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		certificate, err := ParseCertificate(data)
		if err != nil {
			var problem *ImportError
			require.ErrorAs(t, err, &problem)
			require.NotEmpty(t, problem.Advice)
			return
		}
		Usable(certificate)
		again, err := ParseCertificate(certificate.Raw)
		require.NoError(t, err)
		require.Equal(t, certificate.Raw, again.Raw)
	})
}
