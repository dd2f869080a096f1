// Package pki is the gateway's own certificate authority: a root that devices install, an intermediate, and the two
// server leaves that name this machine (contract, section 1). It lives in one folder. It knows neither devices nor
// MQTT, and the root's key never leaves the folder.
package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	leafLife         = 90 * 24 * time.Hour
	leafRenewBefore  = 30 * 24 * time.Hour
	intermediateLife = 10 * 365 * 24 * time.Hour
	rootLife         = 20 * 365 * 24 * time.Hour
	// backdated lets devices whose clock is somewhat behind take a new certificate.
	backdated = 24 * time.Hour
	// rootBackdated keeps a root good when the machine's clock is put back after the first start.
	rootBackdated = 365 * 24 * time.Hour
	// retryAfter is how long a renewal that failed while serving is left alone.
	retryAfter = 10 * time.Minute
)

// Params of an Authority. Dir is required.
type Params struct {
	Dir string // its folder; made when it does not exist, with everything in it
	// Names are the hosts and IP addresses that the leaves are for. The first is the Common Name. localhost, 127.0.0.1
	// and ::1 are always added.
	Names  []string
	Now    func() time.Time
	Logger *slog.Logger
}

// Authority holds the chain in memory. Its methods are safe for concurrent use; Answer and Leaf wait for no disk, except
// the one call that finds the leaves due for renewal.
type Authority struct {
	dir     string
	now     func() time.Time
	logger  *slog.Logger
	rootPEM []byte
	root    *x509.Certificate

	mu           sync.Mutex // held to renew
	intermediate issuer     // guarded by mu
	retry        time.Time  // guarded by mu

	live atomic.Pointer[material]
	due  atomic.Int64 // Unix nanoseconds from which the leaves are to be renewed
}

// issuer is a certificate with its key, and for a leaf the intermediate that signed it.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
	by   *x509.Certificate
}

// material is one generation of leaves. It never changes.
type material struct {
	ecdsa, rsa *tls.Certificate
	names      []string
	configs    sync.Map // answerKey to *tls.Config
	asked      dialled
}

// dialled remembers of names whether they are in the leaf: the devices of a fleet dial the same one at every connect.
type dialled struct {
	mu    sync.Mutex
	known map[string]bool
}

// mostDialled bounds the names that are remembered: they come from devices. A name has 253 letters at most (RFC 1035).
const mostDialled, longestDialled = 64, 253

func (d *dialled) covers(host string, verify func(string) bool) bool {
	if len(host) > longestDialled {
		return verify(host)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	covered, known := d.known[host]
	if !known {
		if covered = verify(host); d.known == nil || len(d.known) >= mostDialled {
			d.known = map[string]bool{}
		}
		d.known[host] = covered
	}
	return covered
}

type leaf struct {
	kind  Kind
	chain *tls.Certificate
}

// leaves in our order of preference.
func (m *material) leaves() []leaf { return []leaf{{ECDSA, m.ecdsa}, {RSA, m.rsa}} }

// Open reads the authority in a folder, or makes one when there is none. A key file that is missing or damaged is a
// *FileError and nothing is written over. Leaves are renewed when they have less than 30 days left, are not valid yet, or
// are for other names.
func Open(p Params) (*Authority, error) {
	a := &Authority{dir: p.Dir, now: p.Now, logger: p.Logger}
	if a.now == nil {
		a.now = time.Now
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	names, err := completeNames(p.Names)
	if err != nil {
		return nil, err
	}
	fresh, err := needsNew(a.dir)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := create(a.dir, names, a.now()); err != nil {
			return nil, fmt.Errorf("make certificate authority in %s: %w", a.dir, err)
		}
	}
	if err := a.load(); err != nil {
		return nil, err
	}
	if err := a.Renew(names); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Authority) current() *material { return a.live.Load() }

// RootPath is the file that devices install.
func (a *Authority) RootPath() string { return inDir(a.dir, rootFile) }

// RootPEM is its content: the root certificate, without its key.
func (a *Authority) RootPEM() []byte { return slices.Clone(a.rootPEM) }

// Root is the root certificate.
func (a *Authority) Root() *x509.Certificate { return a.root }

// NotAfter is when the first leaf expires.
func (a *Authority) NotAfter() time.Time {
	m := a.current()
	if e, r := m.ecdsa.Leaf.NotAfter, m.rsa.Leaf.NotAfter; r.Before(e) {
		return r
	}
	return a.current().ecdsa.Leaf.NotAfter
}

// Names are those that the leaves are for, the Common Name first.
func (a *Authority) Names() []string { return slices.Clone(a.current().names) }

// Covers reports whether a device that dials this host or IP address accepts the name in the leaf.
func (a *Authority) Covers(host string) bool {
	m := a.current()
	return m.asked.covers(host, func(host string) bool { return m.ecdsa.Leaf.VerifyHostname(host) == nil })
}

// LeafPEM is the chain that is sent with a kind of leaf: leaf and intermediate.
func (a *Authority) LeafPEM(kind Kind) []byte {
	chain := a.current().ecdsa
	if kind == RSA {
		chain = a.current().rsa
	}
	var text []byte
	for _, der := range chain.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der})...)
	}
	return text
}
