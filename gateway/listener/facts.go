package listener

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // shown beside SHA-256, because older tools print it; nothing rests on it
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/pki"
)

// listed bounds how many entries of a peer's list are written out.
const listed = 64

func helloFacts(h *tls.ClientHelloInfo) []attempt.Fact {
	facts := []attempt.Fact{
		attempt.F("versions", join(h.SupportedVersions, versionName)),
		attempt.F("suites", strconv.Itoa(countOf(h.CipherSuites))),
		attempt.F("suite_names", join(h.CipherSuites, suiteName)),
		attempt.F("groups", join(h.SupportedCurves, groupName)),
		attempt.F("signatures", join(h.SignatureSchemes, tls.SignatureScheme.String)),
	}
	if h.ServerName != "" {
		facts = append(facts, attempt.F("sni", h.ServerName))
	}
	if len(h.SupportedProtos) > 0 {
		facts = append(facts, attempt.F("alpn", strings.Join(h.SupportedProtos[:min(len(h.SupportedProtos), listed)], ", ")))
	}
	return facts
}

func chainFacts(answer pki.Answer) []attempt.Fact {
	leaf := answer.Chain.Leaf
	return []attempt.Fact{
		attempt.F("leaf", string(answer.Kind)), attempt.F("name", leaf.Subject.CommonName), attempt.F("not_after", day(leaf.NotAfter)),
		attempt.F("intermediates", strconv.Itoa(len(answer.Chain.Certificate)-1)), attempt.F("why", answer.Why),
	}
}

func certificateFacts(c *x509.Certificate) []attempt.Fact {
	old := sha1.Sum(c.Raw)
	return []attempt.Fact{
		attempt.F("subject", c.Subject.String()), attempt.F("issuer", c.Issuer.String()), attempt.F("serial", c.SerialNumber.Text(16)),
		attempt.F("not_before", day(c.NotBefore)), attempt.F("not_after", day(c.NotAfter)), attempt.F("key", keyName(c)),
		attempt.F("sha256", credential.Thumbprint(c.Raw)), attempt.F("sha1", hex.EncodeToString(old[:])),
		attempt.F("pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))),
	}
}

func keyName(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

// isGREASE tells the reserved values of RFC 8701, which stand for nothing.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// countOf leaves out what is no suite: GREASE and the two signalling values.
func countOf(suites []uint16) (n int) {
	for _, s := range suites {
		if suiteName(s) != "" {
			n++
		}
	}
	return n
}

func suiteName(id uint16) string {
	const renegotiation, fallback = 0x00ff, 0x5600
	if isGREASE(id) || id == renegotiation || id == fallback {
		return ""
	}
	return tls.CipherSuiteName(id)
}

func versionName(v uint16) string {
	if isGREASE(v) {
		return ""
	}
	return tls.VersionName(v)
}

func groupName(id tls.CurveID) string {
	switch {
	case id == 0 || isGREASE(uint16(id)):
		return ""
	case id == tls.CurveP256:
		return "P-256"
	case id == tls.CurveP384:
		return "P-384"
	case id == tls.CurveP521:
		return "P-521"
	}
	return id.String()
}

// join writes the values that have a name.
func join[T any](values []T, name func(T) string) string {
	var b strings.Builder
	for _, v := range values[:min(len(values), listed)] {
		text := name(v)
		if text == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text)
	}
	return b.String()
}
