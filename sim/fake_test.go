package sim

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/sim/simtest"
)

// TestMain finds what the tests leave running.
func TestMain(m *testing.M) { simtest.Main(m) }

// authority is a certificate authority of the tests, with one server certificate.
type authority struct {
	rootPEM []byte
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
}

var trusted = sync.OnceValue(newAuthority)

func newAuthority() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	return &authority{rootPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), cert: cert, key: key}
}

// issue makes a certificate for these names and its private key, both PEM.
func (a *authority) issue(notAfter time.Time, names ...string) (certPEM, keyPEM []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	must(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// server is a fake MQTT server that speaks raw bytes over TLS.
type server struct {
	t        *testing.T
	listener net.Listener
	config   *tls.Config
	serve    func(*peer)
	wg       sync.WaitGroup

	mu      sync.Mutex
	conns   []net.Conn
	packets [][]byte // all from devices, in order
}

// peer is one connection as the fake server has it.
type peer struct {
	*tls.Conn
	server *server
	r      *bufio.Reader
}

func serverConfig(names ...string) *tls.Config {
	certPEM, keyPEM := trusted().issue(time.Now().Add(time.Hour), names...)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	must(err)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
}

// serveWith starts a fake server; serve is run for each connection once TLS is agreed on.
func serveWith(t *testing.T, config *tls.Config, serve func(*peer)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{t: t, listener: l, config: config, serve: serve}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		_ = l.Close()
		s.cut()
		s.wg.Wait()
	})
	return s
}

func serveFake(t *testing.T, serve func(*peer)) *server {
	return serveWith(t, serverConfig("localhost", "127.0.0.1"), serve)
}

func (s *server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
		s.wg.Go(func() {
			defer func() { _ = c.Close() }()
			secure := tls.Server(c, s.config)
			if secure.Handshake() == nil {
				s.serve(&peer{Conn: secure, server: s, r: bufio.NewReader(secure)})
				_ = secure.Close()
			}
		})
	}
}

// cut closes all connections, as a gateway that vanishes.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}

func (s *server) accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *server) seen(kind byte) (list [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.packets {
		if p[0]>>4 == kind {
			list = append(list, p)
		}
	}
	return list
}

// options are those of a device that this server accepts.
func (s *server) options() Options {
	return Options{URL: "mqtts://" + s.listener.Addr().String(), RootPEM: trusted().rootPEM, ClientID: "board-1", Timeout: 5 * time.Second,
		Credential: Credential{KeySID: "KY" + strings.Repeat("ab", 16), Secret: testSecret}}
}

const testSecret = "s3cretS3CRETs3cretS3CRETs3cret32"

// next reads a packet and records it; nil when the connection ended.
func (p *peer) next() []byte {
	packet, err := readPacket(p.r)
	if err != nil {
		return nil
	}
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.server.packets = append(p.server.packets, packet)
	return packet
}

func (p *peer) write(b ...byte) { _, _ = p.Write(b) }

// answer reads the CONNECT and sends this CONNACK code.
func (p *peer) answer(present, code byte) {
	p.next()
	p.write(0x20, 2, present, code)
}

// broker answers as a small MQTT 3.1.1 broker: everything is acknowledged, every message goes back to the sender as the QoS it came with.
func (p *peer) broker() {
	p.answer(0, 0)
	for packet := p.next(); packet != nil; packet = p.next() {
		body := packetBody(packet)
		switch packet[0] >> 4 {
		case typePublish:
			p.acknowledge(packet, body)
			p.write(packet...)
		case typePubrec:
			p.write(0x62, 2, body[0], body[1])
		case typePubrel:
			p.write(0x70, 2, body[0], body[1])
		case typeSubscribe:
			qos := body[len(body)-1]
			if bytes.Contains(body, []byte("forbidden")) {
				qos = 0x80
			}
			p.write(0x90, 3, body[0], body[1], qos)
		case typeUnsubscribe:
			p.write(0xB0, 2, body[0], body[1])
		case typePingreq:
			p.write(0xD0, 0)
		case typeDisconnect:
			return
		}
	}
}

func (p *peer) acknowledge(packet, body []byte) {
	c := &cursor{b: body}
	c.string()
	switch packet[0] >> 1 & 3 {
	case 1:
		p.write(0x40, 2, c.b[0], c.b[1])
	case 2:
		p.write(0x50, 2, c.b[0], c.b[1])
	}
}

// eventually polls until the claim holds, for at most five seconds.
func eventually(t *testing.T, what string, claim func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !claim(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within five seconds: %s", what)
		}
	}
}

func newTestDevice(t *testing.T) *Device {
	d := NewDevice(Params{})
	t.Cleanup(d.Close)
	return d
}

func summaries(d *Device, kind string, outbound bool) (list []string) {
	for _, e := range d.Console(0) {
		if e.Type == kind && e.Outbound == outbound {
			list = append(list, e.Summary)
		}
	}
	return list
}
