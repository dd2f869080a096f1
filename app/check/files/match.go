package files

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"gatehouse/gateway/attempt"
)

// Identity is what a device proves itself with, taken from its files.
type Identity struct {
	Leaf   *x509.Certificate   // the device's own certificate; nil when there is none to use
	Chain  []*x509.Certificate // those that follow it, each the issuer of the one before
	Signer crypto.Signer       // the leaf's private key
	File   string              // where the leaf is
}

// nearExpiry is how long before its end a certificate is remarked upon.
const nearExpiry = 30 * 24 * time.Hour

// Match says what is wrong with files taken together, now: whether key and certificate belong to each other, whether the
// chain is whole and in order.
func Match(fs []File) []Problem {
	_, problems := Pick(fs, time.Now())
	return problems
}

// holder is a certificate or key with the file that it is in.
type holder[T any] struct {
	it   T
	file string
	at   int // its place in the file
}

// Pick takes the device's certificate, its chain and its key out of files, and says what is wrong with them together. What
// cannot be used is not in the identity.
func Pick(fs []File, now time.Time) (Identity, []Problem) {
	var m matcher
	for _, f := range fs {
		for i, c := range f.Certificates {
			m.certificates = append(m.certificates, holder[*x509.Certificate]{c, f.Name, i})
		}
		for i, k := range f.Keys {
			m.keys = append(m.keys, holder[Key]{k, f.Name, i})
		}
	}
	m.duplicates()
	leaf, key, found := m.pair()
	if !found {
		return Identity{}, m.problems
	}
	m.dates(leaf, now)
	return Identity{Leaf: leaf.it, Chain: m.chain(leaf), Signer: key.it.signer, File: leaf.file}, m.problems
}

type matcher struct {
	certificates []holder[*x509.Certificate]
	keys         []holder[Key]
	problems     []Problem
}

func (m *matcher) say(state attempt.State, id, file, what, advice string) {
	m.problems = append(m.problems, Problem{ID: id, State: state, File: file, What: what, Advice: advice})
}

// duplicates says which certificates are there twice, and leaves the second ones out.
func (m *matcher) duplicates() {
	var kept []holder[*x509.Certificate]
	for _, h := range m.certificates {
		again := false
		for _, k := range kept {
			again = again || bytes.Equal(k.it.Raw, h.it.Raw)
		}
		if again {
			m.say(attempt.Warn, "duplicate", h.file, "The certificate “"+Subject(h.it)+"” is there more than once.", "Remove the second one: it is sent with every handshake.")
			continue
		}
		kept = append(kept, h)
	}
	m.certificates = kept
}

func belong(c *x509.Certificate, k Key) bool {
	if k.signer == nil {
		return false
	}
	public, can := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return can && public.Equal(k.signer.Public())
}

// same reports whether two keys are one.
func (k Key) same(o Key) bool {
	if k.signer == nil || o.signer == nil {
		return false
	}
	public, can := k.signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return can && public.Equal(o.signer.Public())
}

// pair finds the certificate that a key belongs to.
func (m *matcher) pair() (leaf holder[*x509.Certificate], key holder[Key], found bool) {
	readable := 0 // and another than those before: the same key may be in two files
	for n, k := range m.keys {
		if k.it.signer == nil {
			continue
		}
		if !slices.ContainsFunc(m.keys[:n], func(before holder[Key]) bool { return before.it.same(k.it) }) {
			readable++
		}
		for _, c := range m.certificates {
			if !found && belong(c.it, k.it) {
				leaf, key, found = c, k, true
			}
		}
	}
	switch {
	case len(m.certificates) == 0 && len(m.keys) == 0:
		return
	case len(m.certificates) == 0:
		m.say(attempt.Bad, "no_certificate", "", "There is a key, but no certificate.", "Give the certificate that was made for the key as well.")
		return
	case len(m.keys) == 0:
		m.say(attempt.Bad, "no_key", "", "There is a certificate, but no private key: nobody can prove with it who they are.", "Give the private key that the certificate was made for as well.")
		return
	case readable == 0:
		return // that the key cannot be read has been said
	case !found:
		m.mismatch()
		return
	}
	if readable > 1 {
		m.say(attempt.Warn, "several_keys", key.file, fmt.Sprintf("There are %d keys; the one that belongs to “%s” was used.", readable, Subject(leaf.it)), "Leave the other keys out: devices take the first.")
	}
	if leaf.at > 0 {
		m.say(attempt.Warn, "leaf_not_first", leaf.file, "The device’s certificate is not the first in its file.", "Put it first, then each certificate’s issuer after it: devices take the first for theirs, and say that the key does not fit.")
	}
	return
}

// mismatch says that no key belongs to any certificate, and what was probably confused.
func (m *matcher) mismatch() {
	c := m.certificates[0]
	var k holder[Key]
	for _, k = range m.keys {
		if k.it.signer != nil {
			break
		}
	}
	if c.it.IsCA && c.it.BasicConstraintsValid {
		m.say(attempt.Bad, "authority_certificate", c.file, "“"+Subject(c.it)+"” is the certificate of an authority, and the key is not its own.",
			"Give the device’s own certificate; the authority’s is for verifying others.")
		return
	}
	what := "The key does not belong to the certificate “" + Subject(c.it) + "”."
	if certificate := KeyName(c.it.PublicKey); certificate != k.it.Algorithm {
		what = "The key does not belong to the certificate: it is " + k.it.Algorithm + ", and the certificate is for " + certificate + "."
	}
	m.say(attempt.Bad, "key_mismatch", k.file, what, "Give the key that the certificate was made for; if it is lost, make a new pair.")
}

func (m *matcher) dates(leaf holder[*x509.Certificate], now time.Time) {
	const advice = "This gateway accepts it all the same; other servers do not. Issue a new one."
	switch c := leaf.it; {
	case now.After(c.NotAfter):
		m.say(attempt.Warn, "expired", leaf.file, "The certificate expired on "+day(c.NotAfter)+".", advice)
	case now.Before(c.NotBefore):
		m.say(attempt.Warn, "not_yet_valid", leaf.file, "The certificate is not valid before "+moment(c.NotBefore)+".", "Is the clock of the machine that made it right? "+advice)
	case c.NotAfter.Sub(now) < nearExpiry:
		m.say(attempt.Warn, "near_expiry", leaf.file, "The certificate expires on "+day(c.NotAfter)+".", "Issue a new one before that day.")
	}
}

func day(t time.Time) string    { return t.UTC().Format("2006-01-02") }
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// chain is what is to be sent after the leaf, and says what of the files does not belong there or stands in another order.
func (m *matcher) chain(leaf holder[*x509.Certificate]) []*x509.Certificate {
	var chain []*x509.Certificate
	used := map[*x509.Certificate]bool{leaf.it: true}
	for at := leaf.it; !selfSigned(at); {
		next := m.issuer(at, used)
		if next == nil {
			if len(chain) == 0 && len(m.certificates) == 1 {
				m.say(attempt.Good, "issuer_missing", leaf.file, "The certificate of its issuer, “"+Issuer(at)+"”, is not beside it.",
					"This gateway does not need it. A server that judges the chain may, unless that issuer is its root.")
			}
			break
		}
		used[next] = true
		chain = append(chain, next)
		at = next
	}
	m.order(leaf, chain)
	for _, h := range m.certificates {
		if !used[h.it] {
			m.say(attempt.Warn, "unrelated", h.file, "“"+Subject(h.it)+"” did not issue the device’s certificate or one that did.", "Leave it out: it is sent with every handshake, and helps nobody.")
		}
	}
	return chain
}

// order says when the chain's certificates do not follow each other as they must be sent.
func (m *matcher) order(leaf holder[*x509.Certificate], chain []*x509.Certificate) {
	last := leaf.at
	for _, c := range chain {
		for _, h := range m.certificates {
			if h.it != c || h.file != leaf.file {
				continue
			}
			if h.at < last && leaf.at == 0 {
				m.say(attempt.Warn, "wrong_order", h.file, "The certificates of the chain are not in order.", "After the device’s certificate put its issuer, then the issuer’s issuer.")
				return
			}
			last = h.at
		}
	}
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

func (m *matcher) issuer(of *x509.Certificate, used map[*x509.Certificate]bool) *x509.Certificate {
	for _, h := range m.certificates {
		if !used[h.it] && bytes.Equal(h.it.RawSubject, of.RawIssuer) && h.it.CheckSignature(of.SignatureAlgorithm, of.RawTBSCertificate, of.Signature) == nil {
			return h.it
		}
	}
	return nil
}

// WantCertificate says what is wrong with a file that was given as the device's certificate.
func WantCertificate(f File) []Problem {
	if f.Kind == PrivateKey {
		return []Problem{{ID: "key_instead_of_certificate", State: attempt.Bad, File: f.Name, What: "It was given as the certificate, but is a private key.", Advice: "Give the certificate here, and this file as the key."}}
	}
	return nil
}

// WantKey says what is wrong with a file that was given as the device's private key.
func WantKey(f File) []Problem {
	if f.Kind == Certificate || f.Kind == Chain {
		return []Problem{{ID: "certificate_instead_of_key", State: attempt.Bad, File: f.Name, What: "It was given as the private key, but is a certificate.", Advice: "Give the private key here, and this file as the certificate."}}
	}
	return nil
}
