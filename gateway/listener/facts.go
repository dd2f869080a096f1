package listener

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // shown beside SHA-256, because older tools print it; nothing rests on it
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/pki"
)

// listed bounds how many entries of a peer's list are written out.
const listed = 64

// usualFacts is room for the facts of most steps. The record copies what it is given, so lists of that size need not be allocated.
const usualFacts = 16

// facts appends what a ClientHello says.
func (o *offers) facts(facts []attempt.Fact, h *tls.ClientHelloInfo) []attempt.Fact {
	facts = append(facts, o.lists(h)...)
	if h.ServerName != "" {
		facts = append(facts, attempt.F("sni", h.ServerName))
	}
	if len(h.SupportedProtos) > 0 {
		facts = append(facts, attempt.F("alpn", strings.Join(h.SupportedProtos[:min(len(h.SupportedProtos), listed)], ", ")))
	}
	if ticket := ticketOf(h.Extensions); ticket != "" {
		facts = append(facts, attempt.F("session_ticket", ticket))
	}
	if slices.ContainsFunc(h.SupportedCurves, isPostQuantum) {
		facts = append(facts, attempt.F("post_quantum", "yes"))
	}
	return facts
}

// offers remembers what is said about the lists of a ClientHello, which are the same for all devices of a kind: to write them out is the
// dearest part of recording a connect.
type offers struct {
	mu    sync.Mutex
	known map[string][]attempt.Fact
}

// Bounds of what is remembered: hellos, and the bytes of the lists of one.
const (
	mostOffers   = 256
	largestOffer = 1 << 10
)

// lists are the facts of the lists; the caller does not change them.
func (o *offers) lists(h *tls.ClientHelloInfo) []attempt.Fact {
	if 2*(len(h.SupportedVersions)+len(h.CipherSuites)+len(h.SupportedCurves)+len(h.SignatureSchemes)) > largestOffer {
		return factsOfLists(h)
	}
	var room [largestOffer + 4*2]byte
	key := appendList(room[:0], h.SupportedVersions)
	key = appendList(key, h.CipherSuites)
	key = appendList(key, h.SupportedCurves)
	key = appendList(key, h.SignatureSchemes)
	o.mu.Lock()
	defer o.mu.Unlock()
	facts, known := o.known[string(key)]
	if !known {
		facts = factsOfLists(h)
		if o.known == nil || len(o.known) >= mostOffers { // those that are still about come back by themselves
			o.known = map[string][]attempt.Fact{}
		}
		o.known[string(key)] = facts
	}
	return facts
}

// appendList appends a list with its length before it, so that no two different hellos are the same.
func appendList[T ~uint16](b []byte, values []T) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(values)))
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func factsOfLists(h *tls.ClientHelloInfo) []attempt.Fact {
	return []attempt.Fact{
		attempt.F("versions", join(h.SupportedVersions, versionName)),
		attempt.F("suites", strconv.Itoa(countOf(h.CipherSuites))),
		attempt.F("suite_names", join(h.CipherSuites, suiteName)),
		attempt.F("groups", join(h.SupportedCurves, groupName)),
		attempt.F("signatures", join(h.SignatureSchemes, signatureName)),
	}
}

// ticketOf tells whether a device wants to go on with an earlier session ("resumes", TLS 1.3), or could ("understood", TLS 1.2).
func ticketOf(extensions []uint16) string {
	switch {
	case slices.Contains(extensions, extensionPSK):
		return "resumes"
	case slices.Contains(extensions, extensionTicket):
		return "understood"
	}
	return ""
}

// chains remembers what is said about the certificates that are sent, which are the same for all devices until they are renewed.
type chains struct {
	mu     sync.Mutex
	byLeaf map[pki.Kind]sentChain
}

type sentChain struct {
	chain *tls.Certificate
	facts []attempt.Fact
}

// facts appends those of a chain: that of the leaf, and each certificate in the order in which it was sent, sent_1 being the leaf.
func (c *chains) facts(facts []attempt.Fact, answer pki.Answer) []attempt.Fact {
	c.mu.Lock()
	known := c.byLeaf[answer.Kind]
	if known.chain != answer.Chain {
		known = sentChain{answer.Chain, factsOfChain(answer)}
		if c.byLeaf == nil {
			c.byLeaf = map[pki.Kind]sentChain{}
		}
		c.byLeaf[answer.Kind] = known
	}
	c.mu.Unlock()
	facts = append(facts, known.facts...)
	return append(facts, attempt.F("why", answer.Why))
}

func factsOfChain(answer pki.Answer) []attempt.Fact {
	leaf := answer.Chain.Leaf
	facts := []attempt.Fact{
		attempt.F("leaf", string(answer.Kind)), attempt.F("name", leaf.Subject.CommonName), attempt.F("not_before", day(leaf.NotBefore)), attempt.F("not_after", day(leaf.NotAfter)),
		attempt.F("names", strings.Join(namesOf(leaf), ", ")), attempt.F("intermediates", strconv.Itoa(len(answer.Chain.Certificate)-1)),
	}
	for n, der := range answer.Chain.Certificate {
		if c, err := x509.ParseCertificate(der); err == nil {
			facts = append(facts, attempt.F("sent_"+strconv.Itoa(n+1), certificateLine(c)))
		}
	}
	return facts
}

// certificateLine is a certificate in one line.
func certificateLine(c *x509.Certificate) string {
	return fmt.Sprintf("%s; issuer %s; %s; valid %s to %s; SHA-256 %s", c.Subject, c.Issuer, keyName(c), day(c.NotBefore), day(c.NotAfter), credential.Thumbprint(c.Raw))
}

// certificateFacts are a client's certificate, whole, and what it sent beside it.
func certificateFacts(sent []*x509.Certificate) []attempt.Fact {
	c := sent[0]
	old := sha1.Sum(c.Raw)
	facts := append(make([]attempt.Fact, 0, 16),
		attempt.F("subject", c.Subject.String()), attempt.F("issuer", c.Issuer.String()), attempt.F("serial", c.SerialNumber.Text(16)),
		attempt.F("not_before", day(c.NotBefore)), attempt.F("not_after", day(c.NotAfter)), attempt.F("key", keyName(c)),
		attempt.F("signature", c.SignatureAlgorithm.String()),
		attempt.F("sha256", credential.Thumbprint(c.Raw)), attempt.F("sha1", hex.EncodeToString(old[:])),
	)
	if names := namesOf(c); len(names) > 0 {
		facts = append(facts, attempt.F("names", strings.Join(names[:min(len(names), listed)], ", ")))
	}
	if usage := keyUsage(c); usage != "" {
		facts = append(facts, attempt.F("key_usage", usage))
	}
	if c.IsCA {
		facts = append(facts, attempt.F("ca", "yes"))
	}
	facts = append(facts, attempt.F("certificates", strconv.Itoa(len(sent))), attempt.F("bytes", strconv.Itoa(bytesOf(sent))))
	for n, other := range sent[1:min(len(sent), mostCertificates)] {
		facts = append(facts, attempt.F("sent_"+strconv.Itoa(n+2), certificateLine(other)))
	}
	var text strings.Builder
	text.Grow(bytesOf(sent)*3/2 + 64)
	for _, each := range sent[:min(len(sent), mostCertificates)] {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: each.Raw}) // a Builder does not fail
	}
	return append(facts, attempt.F("pem", text.String()))
}

// mostCertificates of those that a device sends are written out.
const mostCertificates = 8

func bytesOf(sent []*x509.Certificate) (n int) {
	for _, c := range sent {
		n += len(c.Raw)
	}
	return n
}

// namesOf are the subject alternative names of a certificate.
func namesOf(c *x509.Certificate) []string {
	if len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs) == 0 {
		return nil
	}
	names := slices.Concat(c.DNSNames, c.EmailAddresses)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	return names
}

// Names of RFC 5280, sections 4.2.1.3 and 4.2.1.12.
var (
	usageNames = []string{
		"digitalSignature", "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
	}
	extendedNames = map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "any", x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth",
		x509.ExtKeyUsageCodeSigning: "codeSigning", x509.ExtKeyUsageEmailProtection: "emailProtection",
		x509.ExtKeyUsageTimeStamping: "timeStamping", x509.ExtKeyUsageOCSPSigning: "OCSPSigning",
	}
)

// keyUsage is what a certificate says its key is for.
func keyUsage(c *x509.Certificate) string {
	var uses []string
	for n, name := range usageNames {
		if c.KeyUsage&(1<<n) != 0 {
			uses = append(uses, name)
		}
	}
	for _, use := range c.ExtKeyUsage[:min(len(c.ExtKeyUsage), listed)] {
		if name, known := extendedNames[use]; known {
			uses = append(uses, name)
		}
	}
	return strings.Join(uses, ", ")
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

// countOf leaves out what is no suite: GREASE and the two signalling values.
func countOf(suites []uint16) (n int) {
	for _, s := range suites {
		if isSuite(s) {
			n++
		}
	}
	return n
}

// join writes the values that have a name.
func join[T any](values []T, name func(T) string) string {
	values = values[:min(len(values), listed)]
	var b strings.Builder
	b.Grow(24 * len(values))
	for _, v := range values {
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
