package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// Renew makes the leaves fit: it issues new ones when these names are others than the current ones, or when there are
// less than 30 days left, and does nothing otherwise. Connections that are open are not affected. A leaf that only gets
// other names keeps its key. When it fails, the old leaves stay in use.
func (a *Authority) Renew(names []string) error {
	names, err := completeNames(names)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.renew(names)
}

// renewIfDue is called for every ClientHello; it costs one atomic load unless the leaves are due, and then only one of
// the callers does the work while the others go on with the old ones.
func (a *Authority) renewIfDue() {
	now := a.now()
	if now.UnixNano() < a.due.Load() || !a.mu.TryLock() {
		return
	}
	defer a.mu.Unlock()
	if now.Before(a.retry) {
		return
	}
	a.retry = now.Add(retryAfter)
	if err := a.renew(a.current().names); err != nil {
		a.logger.Error("server certificate cannot be renewed", "err", err)
	}
}

// renew does it. The lock is held.
func (a *Authority) renew(names []string) error {
	now, old := a.now(), a.current()
	if err := a.renewIntermediate(now); err != nil {
		return err
	}
	aged := old.aged(now) || string(old.ecdsa.Certificate[1]) != string(a.intermediate.cert.Raw)
	if !aged && slices.Equal(old.names, names) {
		return nil
	}
	m := &material{}
	rsaKey, ecdsaKey := old.rsa.PrivateKey.(crypto.Signer), old.ecdsa.PrivateKey.(crypto.Signer)
	if aged {
		keys, err := newKeys(newRSA, newECDSA)
		if err != nil {
			return err
		}
		rsaKey, ecdsaKey = keys[0], keys[1]
	}
	for _, l := range []struct {
		file string
		key  crypto.Signer
	}{{rsaFile, rsaKey}, {ecdsaFile, ecdsaKey}} {
		cert, err := issueLeaf(l.key, a.intermediate, names, now)
		if err != nil {
			return err
		}
		pair := issuer{cert, l.key, a.intermediate.cert}
		if err := writePair(inDir(a.dir, l.file), pair); err != nil {
			return fmt.Errorf("write server certificate: %w", err)
		}
		if l.file == rsaFile {
			m.rsa = pair.chain()
		} else {
			m.ecdsa = pair.chain()
		}
	}
	a.publish(m)
	a.logger.Info("server certificate issued", "names", names, "not_after", m.ecdsa.Leaf.NotAfter)
	return nil
}

// renewIntermediate replaces an intermediate that leaves would outlive. The root's key is read for it, and forgotten.
func (a *Authority) renewIntermediate(now time.Time) error {
	cert := a.intermediate.cert
	if !now.Before(cert.NotBefore) && now.Add(leafLife).Before(cert.NotAfter) || cert.NotAfter.Equal(a.root.NotAfter) {
		return nil
	}
	root, err := readPair(inDir(a.dir, rootKeyFile), nil)
	if err != nil {
		return err
	}
	keys, err := newKeys(newRSA)
	if err != nil {
		return err
	}
	fresh, err := issueIntermediate(keys[0], root, now)
	if err != nil {
		return err
	}
	// The leaves' files carry the intermediate that signed them, so they stay good until they are replaced.
	pair := issuer{cert: fresh, key: keys[0]}
	if err := writePair(inDir(a.dir, intermediateFile), pair); err != nil {
		return fmt.Errorf("write intermediate certificate: %w", err)
	}
	a.intermediate = pair
	return nil
}

// aged reports whether a leaf has to be replaced for its dates.
func (m *material) aged(now time.Time) bool {
	for _, l := range m.leaves() {
		if cert := l.chain.Leaf; now.Before(cert.NotBefore) || !now.Before(cert.NotAfter.Add(-leafRenewBefore)) {
			return true
		}
	}
	return false
}

// publish makes leaves the current ones.
func (a *Authority) publish(m *material) {
	m.names = namesOf(m.ecdsa.Leaf)
	if other := namesOf(m.rsa.Leaf); !slices.Equal(other, m.names) {
		m.names = nil // a crash between the two writes: they are due
	}
	a.live.Store(m)
	a.due.Store(a.NotAfter().Add(-leafRenewBefore).UnixNano())
}

// namesOf are the names of a leaf, the Common Name first.
func namesOf(cert *x509.Certificate) []string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if i := slices.Index(names, cert.Subject.CommonName); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, cert.Subject.CommonName)
	}
	return names
}
