package check

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
)

// authority is a certificate with its key.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func p256(t testing.TB) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// made is a certificate by an authority, or self-signed; with change, other than usual.
func made(t testing.TB, name string, by *authority, key crypto.Signer, change func(*x509.Certificate)) *authority {
	t.Helper()
	if key == nil {
		key = p256(t)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), BasicConstraintsValid: true}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key}
}

func isCA(c *x509.Certificate) { c.IsCA = true }

func local(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
}

func and(changes ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, change := range changes {
			change(c)
		}
	}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// world is a root, an intermediate and a server's certificate.
type world struct{ root, middle, leaf *authority }

func newWorld(t testing.TB) world {
	root := made(t, "Root", nil, nil, isCA)
	middle := made(t, "Middle", root, nil, isCA)
	return world{root, middle, made(t, "localhost", middle, nil, local)}
}

func (w world) config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{w.leaf.cert.Raw, w.middle.cert.Raw}, PrivateKey: w.leaf.key}}}
}

// serve takes connections until the test ends, each with its own goroutine, and gives the target's port.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	leak := goleak.IgnoreCurrent()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
				defer stop()
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		wg.Wait()
		goleak.VerifyNone(t, leak)
	})
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

// overTLS serves what follows a handshake.
func servedTLS(t *testing.T, config *tls.Config, handle func(net.Conn)) string {
	return serve(t, func(conn net.Conn) {
		secure := tls.Server(conn, config)
		if secure.Handshake() == nil {
			handle(secure)
			_ = secure.CloseWrite()
		}
	})
}

// answers reads a CONNECT and answers with bytes, then waits for the other to end.
func answers(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 1024)); err == nil {
			_, _ = io.WriteString(conn, text)
			_, _ = io.Copy(io.Discard, conn)
		}
	}
}

// says answers each packet with the next of some bytes.
func says(answers ...string) func(net.Conn) {
	return func(conn net.Conn) {
		for _, a := range answers {
			if _, err := conn.Read(make([]byte, 1024)); err != nil {
				return
			}
			_, _ = io.WriteString(conn, a)
		}
		waits(conn)
	}
}

func closes(conn net.Conn) { _, _ = conn.Read(make([]byte, 1024)) }

func waits(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

const connack0 = "\x20\x02\x00\x00"

func tried(t *testing.T, o Options) (Result, string) {
	t.Helper()
	var seen []Step
	r := Run(t.Context(), o, func(s Step) { seen = append(seen, s) })
	require.Equal(t, r.Steps, seen, "what was told and what was returned differ")
	var text strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&text, "%d %s: %s. %s %s\n", s.State, s.ID, s.Title, s.Detail, s.Advice)
		require.NotEmpty(t, s.Title)
	}
	fmt.Fprintf(&text, "%s %s", r.Summary, r.Advice)
	require.NotEmpty(t, r.Summary, text.String())
	return r, text.String()
}

// Each exit code that the reference documents, and what is said of it.
func TestTheExitCodeSaysWhereItEnded(t *testing.T) {
	w := newWorld(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, freePort, _ := net.SplitHostPort(free.Addr().String())
	require.NoError(t, free.Close())
	lamp := made(t, "lamp", nil, nil, nil)
	for _, c := range []struct {
		name   string
		port   string
		change func(*Options)
		exit   int
		code   int
		said   string
	}{
		{"accepted", servedTLS(t, w.config(), answers(connack0)), nil, ExitAccepted, 0, "Accepted"},
		{"accepted with messages", servedTLS(t, w.config(), answers("\x20\x02\x01\x00\x30\x04\x00\x01ab\x32\x05\x00\x01a\x00\x07")), nil, ExitAccepted, 0, "2 messages came at once; none was acknowledged"},
		{"code 1", servedTLS(t, w.config(), answers("\x20\x02\x00\x01")), nil, 11, 1, "does not speak MQTT 3.1.1"},
		{"code 2", servedTLS(t, w.config(), answers("\x20\x02\x00\x02")), nil, 12, 2, "Correct the credential"},
		{"code 3", servedTLS(t, w.config(), answers("\x20\x02\x00\x03")), nil, 13, 3, "more slowly each time"},
		{"code 4", servedTLS(t, w.config(), answers("\x20\x02\x00\x04")), nil, 14, 4, "Do not try again with this credential"},
		{"code 5", servedTLS(t, w.config(), answers("\x20\x02\x00\x05")), nil, 15, 5, "until the device is enabled"},
		{"a code that there is not", servedTLS(t, w.config(), answers("\x20\x02\x00\x06")), nil, ExitOther, 6, "reserved"},
		{"an answer of MQTT 5", servedTLS(t, w.config(), answers("\x20\x03\x00\x84\x00")), nil, ExitOther, -1, "MQTT 5 is spoken there"},
		{"nonsense", servedTLS(t, w.config(), answers("hello there")), nil, ExitOther, -1, "Something else than MQTT"},
		{"closed before an answer", servedTLS(t, w.config(), closes), nil, ExitClosed, -1, "closed without an answer"},
		{"closed after the answer", servedTLS(t, w.config(), func(c net.Conn) { closes(c); _, _ = io.WriteString(c, connack0) }), nil, ExitClosed, 0, "accepted, and closed at once"},
		{"no answer", servedTLS(t, w.config(), waits), func(o *Options) { o.Timeout = 300 * time.Millisecond }, ExitNoAnswer, -1, "No answer to CONNECT"},
		{"no handshake", serve(t, waits), func(o *Options) { o.Timeout = 300 * time.Millisecond }, ExitTLS, -1, "No TLS handshake"},
		{"an unknown root", servedTLS(t, w.config(), waits), func(o *Options) { o.CA = lamp.pem() }, ExitTrust, -1, "was not sent, because"},
		{"nothing listens", freePort, nil, ExitTCP, -1, "nothing listens on that port"},
		{"no such name", "1", func(o *Options) {
			o.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, &net.DNSError{IsNotFound: true} }
		}, ExitLookup, -1, "there is no such name"},
		{"files", "1", func(o *Options) { o.Files = []File{{Name: "x", Content: lamp.pem()}} }, ExitFiles, -1, "no private key"},
		{"a password alone", "1", func(o *Options) { o.User, o.Password = "", []byte("x") }, ExitUsage, -1, "no user name"},
		{"no round trip", servedTLS(t, w.config(), says(connack0, "\x90\x03\x00\x01\x80")), func(o *Options) { o.RoundTrip = true }, ExitRoundTrip, 0, "refused the subscription"},
		{"plaintext MQTT", serve(t, plainBroker), nil, ExitOther, -1, "MQTT without TLS is spoken there"},
		{"HTTP", serve(t, answers("HTTP/1.1 400 Bad Request\r\n\r\n")), nil, ExitOther, -1, "HTTP is spoken there"},
		{"SSH", serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n"); waits(c) }), nil, ExitOther, -1, "SSH is spoken there"},
		{"mail", serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "220 mail ready\r\n"); waits(c) }), nil, ExitOther, -1, "greets as a mail"},
		{"WebSocket", servedTLS(t, w.config(), webSocketServer), nil, ExitOther, -1, "MQTT over WebSocket is spoken there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Target: "mqtts://localhost:" + c.port, CA: w.root.pem(), User: "me", Password: []byte("hunter2-hunter2"), Lookup: loopbackOnly}
			if c.change != nil {
				c.change(&o)
			}
			r, text := tried(t, o)
			require.Equal(t, c.exit, r.Exit, text)
			require.Equal(t, c.code, r.Code, text)
			require.Contains(t, text, c.said)
			require.NotContains(t, text, "hunter2")
		})
	}
}

func loopbackOnly(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

// plainBroker is a broker without TLS: it closes what is no CONNECT.
func plainBroker(c net.Conn) {
	b := make([]byte, 1024)
	if n, err := c.Read(b); err == nil && n > 0 && b[0] == wire.CONNECT<<4 {
		_, _ = io.WriteString(c, connack0)
		waits(c)
	}
}

// webSocketServer closes what is no request, and consents to one for WebSocket.
func webSocketServer(c net.Conn) {
	b := make([]byte, 1024)
	if n, err := c.Read(b); err == nil && bytes.HasPrefix(b[:n], []byte("GET /mqtt ")) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		waits(c)
	}
}

func TestWithoutTLSNoPasswordIsSent(t *testing.T) {
	heard := make(chan struct{}, 8)
	port := serve(t, func(c net.Conn) { heard <- struct{}{}; plainBroker(c) })
	o := Options{Target: "mqtt://127.0.0.1:" + port, User: "me", Password: []byte("secret")}
	r, text := tried(t, o)
	require.Equal(t, ExitTrust, r.Exit, text)
	require.Empty(t, heard, "it connected")
	o.Insecure = true
	r, text = tried(t, o)
	require.Equal(t, ExitAccepted, r.Exit, text)
	o = Options{Target: o.Target}
	r, text = tried(t, o)
	require.Equal(t, ExitAccepted, r.Exit, text)
	require.Contains(t, text, "lets in anybody")

	secure := servedTLS(t, newWorld(t).config(), waits)
	r, text = tried(t, Options{Target: "mqtt://127.0.0.1:" + secure})
	require.Equal(t, ExitOther, r.Exit, text)
	require.Contains(t, text, "TLS is spoken there")
}

// One address that fails is said, and another is used.
func TestAFailingAddressIsNotFatal(t *testing.T) {
	w := newWorld(t)
	port := servedTLS(t, w.config(), answers(connack0))
	o := Options{Target: "mqtts://localhost:" + port, CA: w.root.pem(), Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1")}, nil
	}, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, "192.0.2.1:") {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	r, text := tried(t, o)
	require.Equal(t, ExitAccepted, r.Exit, text)
	require.Contains(t, text, "no answer within 1 s after another address connected")
	require.Contains(t, text, "1 tcp: TCP failed")
	require.Equal(t, 2, strings.Count(text, "tcp: TCP"), text) // the address that was there twice is tried once
}

func TestOldServersAreReachedAndSaidToBeOld(t *testing.T) {
	w := newWorld(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	w.leaf = made(t, "localhost", w.middle, key, local)
	for name, c := range map[string]struct {
		change func(*tls.Config)
		said   string
		state  attempt.State
	}{
		"TLS 1.2 only": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "tls: TLS 1.2.", attempt.Good},
		"TLS 1.0 only": {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }, "tls: TLS 1.0.", attempt.Warn},
		"a suite without ECDHE": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		}, "TLS_RSA_WITH_AES_128_CBC_SHA", attempt.Warn},
	} {
		t.Run(name, func(t *testing.T) {
			config := w.config()
			c.change(config)
			r, text := tried(t, Options{Target: "localhost:" + servedTLS(t, config, answers(connack0)), CA: w.root.pem(), Lookup: loopbackOnly})
			require.Equal(t, ExitAccepted, r.Exit, text)
			require.Contains(t, text, c.said)
			require.Contains(t, text, fmt.Sprintf("%d tls:", c.state))
		})
	}
}

// A server that insists on a certificate says so only after the handshake under TLS 1.3.
func TestARefusalAfterTheHandshakeIsExplained(t *testing.T) {
	w := newWorld(t)
	for version, said := range map[uint16]string{tls.VersionTLS13: "believes that it is connected until it reads this", tls.VersionTLS12: "The server refused the handshake"} {
		config := w.config()
		config.ClientAuth, config.MaxVersion = tls.RequireAndVerifyClientCert, version
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AddCert(w.root.cert)
		port := servedTLS(t, config, waits)
		o := Options{Target: "mqtts://localhost:" + port, CA: w.root.pem(), Lookup: loopbackOnly}
		r, text := tried(t, o)
		require.Equal(t, ExitTLS, r.Exit, text)
		require.Contains(t, text, said)

		stranger := made(t, "stranger", nil, nil, nil)
		raw, err := x509.MarshalPKCS8PrivateKey(stranger.key)
		require.NoError(t, err)
		o.Files = []File{{Name: "stranger.pem", Content: append(stranger.pem(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})...)}}
		r, text = tried(t, o)
		require.Equal(t, ExitTLS, r.Exit, text)
		require.Contains(t, text, "unknown_ca")

		// To a server that is not trusted it is not even offered, and that is why it refuses.
		o.CA = stranger.pem()
		r, text = tried(t, o)
		require.Equal(t, ExitTrust, r.Exit, text)
		require.Contains(t, text, "was not sent, because")
	}
}

// Every alert that a server can send is read off crypto/tls by its number.
func TestEachAlertIsNamed(t *testing.T) {
	for number, words := range alertWords {
		if number == alertCloseNotify || number == 90 {
			continue // these end a connection without an error
		}
		port := serve(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, byte(number)})
			waits(c)
		})
		r, text := tried(t, Options{Target: "mqtts://127.0.0.1:" + port})
		require.Equal(t, ExitTLS, r.Exit, text)
		require.Contains(t, text, "Alert “"+words[0]+"”")
	}
}

func TestAnInterruptedCheckEndsAtOnce(t *testing.T) {
	port := serve(t, waits)
	ctx, cancel := context.WithCancel(t.Context())
	r := Run(ctx, Options{Target: "mqtts://127.0.0.1:" + port}, func(s Step) {
		if s.ID == StepTCP {
			cancel()
		}
	})
	require.Equal(t, ExitFailure, r.Exit)
	require.Contains(t, r.Summary, "interrupted")
	require.Less(t, r.Took, 5*time.Second)
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]string{
		"mqtts://host": "mqtts://host:8883", "host:1": "mqtts://host:1", "mqtt://host": "mqtt://host:1883", "mqtts://[::1]:9/": "mqtts://[::1]:9", "SSL://h": "mqtts://h:8883",
	} {
		got, err := parseTarget(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.String())
	}
	for _, text := range []string{"", "mqtts://", "mqtts://u:p@host", "https://host", "wss://host", "ftp://host", "mqtts://host:0", "mqtts://host:70000", "mqtts://host/x", "mqtts://::1:x"} {
		_, err := parseTarget(text)
		var bad *TargetError
		require.True(t, errors.As(err, &bad), text)
		require.NotContains(t, err.Error(), "u:p")
	}
}

// All that is wrong with a chain is found, not the first thing alone.
func TestAServersChainIsJudgedByTheBook(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	past := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0) }
	future := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(0, 0, 1), now.AddDate(1, 0, 0) }
	soon := func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 3) }
	elsewhere := func(c *x509.Certificate) { c.DNSNames = []string{"broker.example", "other.example"} }
	forClients := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	big2048, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	notAuthority := made(t, "Imposter", w.root, nil, nil)
	lookalike := made(t, "Root", nil, nil, isCA)
	rsaRoot := made(t, "RSA Root", nil, big2048, isCA)
	sha1 := made(t, "localhost", rsaRoot, nil, local)
	selfSigned := made(t, "localhost", nil, nil, local)
	oldMiddle := made(t, "Middle", w.root, w.middle.key, and(isCA, past))
	for _, c := range []struct {
		name  string
		sent  []*authority
		root  *authority
		finds []string
		good  bool
	}{
		{"as it should be", []*authority{w.leaf, w.middle}, w.root, nil, true},
		{"expired", []*authority{made(t, "localhost", w.middle, nil, and(local, past)), w.middle}, w.root, []string{"expired"}, false},
		{"not yet valid", []*authority{made(t, "localhost", w.middle, nil, and(local, future)), w.middle}, w.root, []string{"not_yet_valid"}, false},
		{"about to expire", []*authority{made(t, "localhost", w.middle, nil, and(local, soon)), w.middle}, w.root, []string{"near_expiry"}, true},
		{"an intermediate that has expired", []*authority{w.leaf, oldMiddle}, w.root, []string{"expired"}, false},
		{"for another name", []*authority{made(t, "broker", w.middle, nil, elsewhere), w.middle}, w.root, []string{"wrong_name"}, false},
		{"a common name alone", []*authority{made(t, "localhost", w.middle, nil, nil), w.middle}, w.root, []string{"common_name_only"}, false},
		{"another common name alone", []*authority{made(t, "broker", w.middle, nil, nil), w.middle}, w.root, []string{"wrong_name"}, false},
		{"no intermediate", []*authority{w.leaf}, w.root, []string{"missing_intermediate"}, false},
		{"in disorder", []*authority{w.leaf, w.root, w.middle}, w.root, []string{"wrong_order", "root_sent"}, true},
		{"with its root", []*authority{w.leaf, w.middle, w.root}, w.root, []string{"root_sent"}, true},
		{"with a stranger", []*authority{w.leaf, w.middle, lookalike}, w.root, []string{"extra_certificates"}, true},
		{"an unknown root", []*authority{w.leaf, w.middle}, rsaRoot, []string{"unknown_root"}, false},
		{"a root made anew", []*authority{w.leaf, w.middle}, lookalike, []string{"unknown_root"}, false},
		{"self-signed", []*authority{selfSigned}, w.root, []string{"self_signed"}, false},
		{"self-signed and trusted", []*authority{selfSigned}, selfSigned, nil, true},
		{"a weak key", []*authority{made(t, "localhost", w.middle, small, local), w.middle}, w.root, []string{"weak_key"}, false},
		{"for clients only", []*authority{made(t, "localhost", w.middle, nil, and(local, forClients)), w.middle}, w.root, []string{"wrong_usage"}, false},
		{"by one who may not", []*authority{made(t, "localhost", notAuthority, nil, local), notAuthority}, w.root, []string{"not_an_authority"}, false},
		{"expired, for another name, alone", []*authority{made(t, "broker", w.middle, nil, and(elsewhere, past))}, w.root, []string{"wrong_name", "expired", "missing_intermediate"}, false},
		{"nothing", nil, w.root, []string{"no_certificate"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			pool := x509.NewCertPool()
			pool.AddCert(c.root.cert)
			var sent []*x509.Certificate
			for _, a := range c.sent {
				sent = append(sent, a.cert)
			}
			j := judge(sent, "localhost", pool, now)
			found := []string{}
			for _, f := range j.findings {
				found = append(found, f.id)
				require.NotEmpty(t, f.title)
				require.NotEmpty(t, f.advice)
			}
			require.ElementsMatch(t, c.finds, found, "%+v", j.findings)
			require.Equal(t, c.good, j.trusted())
		})
	}
	// crypto/x509 makes no SHA-1 signatures any more, and what matters is the name of the algorithm.
	weak := *sha1.cert
	weak.SignatureAlgorithm = x509.SHA1WithRSA
	pool := x509.NewCertPool()
	pool.AddCert(rsaRoot.cert)
	j := judge([]*x509.Certificate{&weak}, "localhost", pool, now)
	require.True(t, j.has("weak_signature"))
	require.False(t, j.trusted())
}
