package listener

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/pki"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

// authority is made once: RSA keys take their time.
var authority *pki.Authority

func TestMain(m *testing.M) {
	if os.Getenv(clientAddress) != "" {
		if err := beClient(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	dir, err := os.MkdirTemp("", "gatehouse-listener-")
	if err == nil {
		authority, err = pki.Open(pki.Params{Dir: filepath.Join(dir, "pki"), Names: []string{"localhost"}})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// patient bounds everything that a test waits for.
const patient = 10 * time.Second

func eventually(t testing.TB, what string, fn func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !fn(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patient, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// people is a registry in memory.
type people struct {
	mu            sync.RWMutex
	keys          map[string]registry.Key
	certificates  map[string]registry.Certificate
	devices       map[string]registry.Device
	services      map[string]string // by deployment
	graves        map[string]registry.Tombstone
	authenticated map[string]int
	onKey         func() // called in Key, without the lock
}

func newPeople() *people {
	return &people{
		keys: map[string]registry.Key{}, certificates: map[string]registry.Certificate{}, devices: map[string]registry.Device{},
		services: map[string]string{}, graves: map[string]registry.Tombstone{}, authenticated: map[string]int{},
	}
}

func (p *people) Key(s string) (registry.Key, bool) {
	p.mu.RLock()
	fn := p.onKey
	k, ok := p.keys[s]
	p.mu.RUnlock()
	if fn != nil {
		fn()
	}
	return k, ok
}

func (p *people) Certificate(s string) (registry.Certificate, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	c, ok := p.certificates[s]
	return c, ok
}

func (p *people) CertificateByThumbprint(thumbprint string) (registry.Certificate, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, c := range p.certificates {
		if c.Thumbprint == thumbprint {
			return c, true
		}
	}
	return registry.Certificate{}, false
}

func (p *people) Device(s string) (registry.Device, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	d, ok := p.devices[s]
	return d, ok
}

func (p *people) EffectiveService(d registry.Device) (string, cause.ID) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if service := p.services[d.DeploymentSID]; service != "" {
		return service, ""
	}
	return "", cause.NotDeployed
}

func (p *people) Tombstone(name string) (registry.Tombstone, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	g, ok := p.graves[name]
	return g, ok
}

func (p *people) Authenticated(device string, _ time.Time) {
	p.mu.Lock()
	p.authenticated[device]++
	p.mu.Unlock()
}

// change alters a device.
func (p *people) change(device string, fn func(*registry.Device)) {
	p.mu.Lock()
	d := p.devices[device]
	fn(&d)
	p.devices[device] = d
	p.mu.Unlock()
}

// world is a listener with a registry, a hub and a log.
type world struct {
	*Listener
	people *people
	hub    *broker.Hub
	log    *attempt.Log
	addr   string
	state  atomic.Int32
	dialed atomic.Uint64 // connections made: each is one attempt

	deployment, service string
}

func newWorld(t testing.TB, settings Settings, options ...func(*world)) *world {
	t.Helper()
	w := &world{people: newPeople(), log: attempt.NewLog(attempt.Params{}), hub: broker.New(broker.Params{})}
	w.deployment, w.service = sid.New(sid.Deployment), sid.New(sid.Service)
	w.people.services[w.deployment] = w.service
	w.Listener = New(Params{
		Hub: w.hub, Log: w.log, Registry: w.people, Authority: authority, Settings: settings,
		State: func() admission.Service { return admission.Service(w.state.Load()) },
	})
	for _, o := range options {
		o(w)
	}
	addr, err := w.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = addr.String()
	t.Cleanup(func() {
		w.stop(t)
		w.hub.Close()
	})
	return w
}

func (w *world) stop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Error(err)
	}
	if n := w.lobby.len(); n != 0 {
		t.Errorf("%d are left in the lobby", n)
	}
	if n := len(w.devices.seats); n != 0 {
		t.Errorf("%d seats are left", n)
	}
}

// identity is a device with one credential.
type identity struct {
	device, credential string
	secret             string
	cert               tls.Certificate
}

func (w *world) add(name string) string {
	d := registry.Device{SID: sid.New(sid.Device), UniqueName: name, Enabled: true, DeploymentSID: w.deployment}
	w.people.mu.Lock()
	w.people.devices[d.SID] = d
	w.people.mu.Unlock()
	return d.SID
}

func (w *world) withKey(name string) identity {
	i := identity{device: w.add(name), credential: sid.New(sid.Key), secret: credential.NewSecret()}
	salt, hash := credential.HashSecret([]byte(i.secret))
	w.people.mu.Lock()
	w.people.keys[i.credential] = registry.Key{SID: i.credential, DeviceSID: i.device, Salt: salt, Hash: hash}
	w.people.mu.Unlock()
	return i
}

func (w *world) withCertificate(t testing.TB, name string) identity {
	return w.enrol(w.add(name), clientCertificate(t, nil))
}

func (w *world) enrol(device string, cert tls.Certificate) identity {
	i := identity{device: device, credential: sid.New(sid.Certificate), cert: cert}
	w.people.mu.Lock()
	w.people.certificates[i.credential] = registry.Certificate{SID: i.credential, DeviceSID: device, Thumbprint: credential.Thumbprint(cert.Certificate[0])}
	w.people.mu.Unlock()
	return i
}

// clientCertificate makes a self-signed one; edit may change it, and give another key.
func clientCertificate(t testing.TB, edit func(*x509.Certificate) crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "device"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	var key crypto.Signer
	if edit != nil {
		key = edit(template)
	}
	if key == nil {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key = made
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// config is what a device with this certificate, if any, dials with.
func config(cert *tls.Certificate) *tls.Config {
	c := &tls.Config{ServerName: "localhost", RootCAs: roots()}
	if cert != nil && cert.Certificate != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return c
}

var roots = sync.OnceValue(func() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.RootPEM())
	return pool
})

func (w *world) dialRaw(t testing.TB) net.Conn {
	t.Helper()
	w.dialed.Add(1)
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patient))
	return c
}

func (w *world) dial(t testing.TB, c *tls.Config) *tls.Conn {
	t.Helper()
	conn := tls.Client(w.dialRaw(t), c)
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn
}

func (i identity) connect() wire.Connect {
	c := wire.Connect{Clean: true, ClientID: "test", KeepAlive: 60}
	if i.secret != "" {
		c.HasUser, c.User, c.HasPassword, c.Password = true, i.credential, true, []byte(i.secret)
	}
	return c
}

// offer sends a CONNECT and returns the four bytes of CONNACK.
func offer(conn io.ReadWriter, packet []byte) ([4]byte, error) {
	var connack [4]byte
	if _, err := conn.Write(packet); err != nil {
		return connack, err
	}
	_, err := io.ReadFull(conn, connack[:])
	return connack, err
}

// tryConnect connects a device; it owns nothing of the test, so that goroutines may call it.
func (w *world) tryConnect(i identity) (*tls.Conn, byte, error) {
	w.dialed.Add(1)
	raw, err := net.Dial("tcp", w.addr)
	if err != nil {
		return nil, 0, err
	}
	_ = raw.SetDeadline(time.Now().Add(patient))
	conn := tls.Client(raw, config(&i.cert))
	connack, err := offer(conn, wire.AppendConnect(nil, i.connect(), false))
	if err != nil {
		raw.Close()
		return nil, 0, err
	}
	return conn, connack[3], nil
}

// connected connects a device that is let in.
func (w *world) connected(t testing.TB, i identity) *tls.Conn {
	t.Helper()
	conn, code, err := w.tryConnect(i)
	if err != nil || code != 0 {
		t.Fatalf("code %d, %v", code, err)
	}
	t.Cleanup(func() { conn.NetConn().Close() })
	return conn
}

// alive reports whether the gateway answers a PINGREQ.
func alive(conn net.Conn) bool {
	_ = conn.SetDeadline(time.Now().Add(patient))
	if _, err := conn.Write(wire.AppendEmpty(nil, wire.PINGREQ)); err != nil {
		return false
	}
	var b [2]byte
	_, err := io.ReadFull(conn, b[:])
	return err == nil && b == [2]byte{wire.PINGRESP << 4, 0}
}

// ended waits for the end of the stream, and is false if something else comes.
func ended(conn net.Conn) bool {
	_ = conn.SetDeadline(time.Now().Add(patient))
	n, err := conn.Read(make([]byte, 1))
	return n == 0 && err != nil && !isTimeout(err)
}

// last waits until the newest attempt is done or live, and returns it.
func (w *world) last(t testing.TB) attempt.Attempt {
	t.Helper()
	var found attempt.Attempt
	eventually(t, "the attempt is over", func() bool {
		page := w.log.Query(attempt.Filter{Limit: 1, Whole: true})
		if len(page.Attempts) == 0 {
			return false
		}
		found = page.Attempts[0]
		return found.ID == w.dialed.Load() && (found.Done || found.Live)
	})
	return found
}

// lastDone waits until the newest attempt is done.
func (w *world) lastDone(t testing.TB) attempt.Attempt {
	t.Helper()
	eventually(t, "the attempt is done", func() bool { return w.last(t).Done })
	return w.last(t)
}

func step(a attempt.Attempt, kind attempt.Kind) attempt.Step {
	for _, s := range a.Steps {
		if s.Kind == kind {
			return s
		}
	}
	return attempt.Step{}
}

func kinds(a attempt.Attempt) string {
	var names []string
	for _, s := range a.Steps {
		names = append(names, string(s.Kind))
	}
	return strings.Join(names, " ")
}

// holdsSecret reports whether a text is anywhere in what was recorded, plain, as hexadecimal digits or in base64.
func holdsSecret(t testing.TB, a attempt.Attempt, secret string) bool {
	t.Helper()
	for _, p := range a.Packets {
		if bytes.Contains(p.Bytes, []byte(secret)) {
			return true
		}
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(hex.EncodeToString([]byte(secret))))
}

// from is a connection that only has a remote address.
type from struct {
	net.Conn
	remote string
}

func (f from) RemoteAddr() net.Addr { return addr(f.remote) }
func (from) Close() error           { return nil }

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

func filterCause(why cause.ID) attempt.Filter { return attempt.Filter{Causes: []cause.ID{why}} }
