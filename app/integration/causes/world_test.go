package causes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

// world is a gateway and the device that a row of the table is about.
type world struct {
	*testing.T
	g      *gateway.Gateway
	alone  bool // the gateway serves no other row
	device registry.Device
	key    registry.Key
	secret string
	masks  []string // what differs from run to run, and what stands for it
	port   int      // of a listener of the row's own; 0: the gateway's
	root   []byte   // of that listener
}

// opening lets one gateway open at a time: each makes keys and a store, which would starve the others.
var opening sync.Mutex

// newGateway starts a gateway on free ports of loopback.
func newGateway(t *testing.T, settings gateway.Settings, drain time.Duration) *gateway.Gateway {
	t.Helper()
	dir := t.TempDir()
	content, err := json.Marshal(settings)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "settings.json"), content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	opening.Lock()
	g, err := gateway.Open(gateway.Config{DataDir: dir, MQTTAddr: "127.0.0.1:0", HTTPAddr: "off", Drain: drain})
	opening.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	return g
}

// newWorld adds a device with a key to a gateway.
func newWorld(t *testing.T, g *gateway.Gateway, name string) *world {
	t.Helper()
	w := &world{T: t, g: g}
	w.device = w.add(name)
	w.key, w.secret = w.newKey(w.device)
	w.mask(name, "thermostat-7", sid.Short(w.key.SID), "KY41…9c", w.key.SID, "KY41…9c", sid.Short(w.device.SID), "TH3f…9c")
	return w
}

func (w *world) mask(pairs ...string) { w.masks = append(w.masks, pairs...) }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) add(name string) registry.Device {
	w.Helper()
	d, err := w.g.Registry().CreateDevice(w.Context(), registry.NewDevice{UniqueName: name})
	w.must(err)
	return d
}

func (w *world) newKey(d registry.Device) (registry.Key, string) {
	w.Helper()
	k, secret, err := w.g.Registry().CreateKey(w.Context(), d.FleetSID, d.SID, "")
	w.must(err)
	return k, secret
}

func (w *world) change(c registry.DeviceChange) {
	w.Helper()
	_, err := w.g.Registry().UpdateDevice(w.Context(), w.device.SID, c)
	w.must(err)
}

// eventually polls a condition for at most 30 s: the machine may be busy.
func (w *world) eventually(what string, is func() bool) {
	w.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(3 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("not within 30 s: %s", what)
		}
	}
}

// tcp is a connection without TLS.
func (w *world) tcp() net.Conn {
	w.Helper()
	port := w.port
	if port == 0 {
		port = w.g.Status().Port
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 5*time.Second)
	w.must(err)
	_ = c.SetDeadline(time.Now().Add(40 * time.Second))
	w.Cleanup(func() { _ = c.Close() })
	return c
}

// roots trust the gateway.
func (w *world) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	root := w.root
	if root == nil {
		root = w.g.RootPEM()
	}
	pool.AppendCertsFromPEM(root)
	return pool
}

func (w *world) config() *tls.Config { return &tls.Config{RootCAs: w.roots(), ServerName: "localhost"} }

// tls is a connection whose handshake must succeed.
func (w *world) tls(config *tls.Config) *tls.Conn {
	w.Helper()
	c := tls.Client(w.tcp(), config)
	w.must(c.Handshake())
	return c
}

// shake does a handshake that is to fail, one side or the other, and leaves.
func (w *world) shake(config *tls.Config) attempt.Attempt {
	w.Helper()
	c := tls.Client(w.tcp(), config)
	if err := c.Handshake(); err == nil { // under TLS 1.3 the gateway's refusal comes when the client is done
		_, _ = c.Read(make([]byte, 1))
	}
	_ = c.NetConn().Close()
	return w.done(c.NetConn())
}

// at is the attempt that a connection made, once it is as wanted.
func (w *world) at(c net.Conn, is func(attempt.Attempt) bool) (found attempt.Attempt) {
	w.Helper()
	w.eventually("the attempt is as it should be", func() bool {
		page := w.g.Attempts().Query(attempt.Filter{Remote: c.LocalAddr().String(), Limit: 1, Whole: true})
		if len(page.Attempts) == 0 {
			return false
		}
		found = page.Attempts[0]
		return is(found)
	})
	return found
}

func (w *world) done(c net.Conn) attempt.Attempt {
	w.Helper()
	return w.at(c, func(a attempt.Attempt) bool { return a.Done })
}

// connect is the CONNECT of the device.
func (w *world) connect() wire.Connect {
	return wire.Connect{Clean: true, ClientID: "client", KeepAlive: 60, HasUser: true, User: w.key.SID, HasPassword: true, Password: []byte(w.secret)}
}

func bytesOf(c wire.Connect) []byte { return wire.AppendConnect(nil, c, false) }

// answer sends a packet and reads the code of the CONNACK; -1 when there is none.
func answer(c net.Conn, packet []byte) int {
	if _, err := c.Write(packet); err != nil {
		return -1
	}
	var b [4]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != wire.CONNACK<<4 {
		return -1
	}
	return int(b[3])
}

// refused connects with a packet that is to be refused with a code, and waits for the end.
func (w *world) refused(code int, packet []byte) attempt.Attempt {
	w.Helper()
	return w.refusedBy(code, packet, w.config())
}

func (w *world) refusedBy(code int, packet []byte, config *tls.Config) attempt.Attempt {
	w.Helper()
	c := w.tls(config)
	if got := answer(c, packet); got != code {
		w.Errorf("code %d, want %d", got, code)
	}
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
	return w.done(c.NetConn())
}

// wrong is the device's CONNECT with another user name and password.
func (w *world) wrong(code int, user, password string) attempt.Attempt {
	w.Helper()
	c := w.connect()
	c.User, c.Password = user, []byte(password)
	return w.refused(code, bytesOf(c))
}

// session is a device that is connected, after its CONNECT.
func (w *world) session(c wire.Connect) *tls.Conn {
	w.Helper()
	return w.sessionBy(c, w.config())
}

func (w *world) sessionBy(c wire.Connect, config *tls.Config) *tls.Conn {
	w.Helper()
	conn := w.tls(config)
	if got := answer(conn, bytesOf(c)); got != 0 {
		w.Fatalf("code %d, want 0", got)
	}
	w.at(conn.NetConn(), func(a attempt.Attempt) bool { return a.Live || a.Done })
	return conn
}

func (w *world) send(c net.Conn, packets ...[]byte) {
	w.Helper()
	for _, p := range packets {
		_, err := c.Write(p)
		w.must(err)
	}
}

// ended waits until the gateway has closed a connection.
func (w *world) ended(c *tls.Conn) attempt.Attempt {
	w.Helper()
	_, _ = io.Copy(io.Discard, c)
	return w.done(c.NetConn())
}

// identity is a certificate for a device, in the registry when it is to be enrolled.
func (w *world) identity(name string, enrol bool) tls.Certificate {
	w.Helper()
	made, err := credential.GenerateP256(name, time.Now())
	w.must(err)
	if enrol {
		_, err = w.g.Registry().ImportCertificate(w.Context(), w.device.FleetSID, w.device.SID, "", made.CertPEM)
		w.must(err)
	}
	pair, err := tls.X509KeyPair(made.CertPEM, made.KeyPEM)
	w.must(err)
	w.mask(words.Thumbprint(credential.Thumbprint(made.Cert.Raw)), "012345…cdef")
	return pair
}

func (w *world) presenting(c tls.Certificate) *tls.Config {
	config := w.config()
	config.Certificates = []tls.Certificate{c}
	return config
}

// seen is what is said about one cause.
type seen struct {
	short, said, advice, fix string
}

func (w *world) source() remedy.Source {
	return remedy.Source{Registry: w.g.Registry(), Settings: w.g, Address: w.g.Status().URL}
}

// refusal is an attempt that has the cause that it was made for.
func (w *world) refusal(a attempt.Attempt, why cause.ID) seen {
	w.Helper()
	if a.Cause != why {
		w.Fatalf("the cause is %s, code %d, want %s: %+v", a.Cause, a.Code, why, a.Steps)
	}
	e := words.Explain(a)
	fix, _ := w.source().For(a)
	return seen{e.Short, join(e.Cause, e.More), e.Advice, fix.Label}
}

// warning is one that an attempt carries.
func (w *world) warning(a attempt.Attempt, why cause.ID) seen {
	w.Helper()
	for _, s := range a.Steps {
		if s.Kind == attempt.Warning && s.Fact("cause") == string(why) {
			title, _ := words.Step(s, a)
			_, detail := words.Warning(why)
			f := w.finding(why)
			fix, _ := w.source().ForFinding(f, a)
			return seen{title, sentence(detail), words.Finding(f).Advice, fix.Label}
		}
	}
	w.Fatalf("no warning %s: %+v", why, a.Steps)
	return seen{}
}

// clue is one that an attempt carries: its sentence is that of the attempt.
func (w *world) clue(a attempt.Attempt, why cause.ID) seen {
	w.Helper()
	for _, s := range a.Steps {
		if s.Kind == attempt.Warning && s.Fact("cause") == string(why) {
			return w.refusal(a, a.Cause)
		}
	}
	w.Fatalf("no clue %s: %+v", why, a.Steps)
	return seen{}
}

// end is how a connection ended.
func (w *world) end(a attempt.Attempt, why cause.ID) seen {
	w.Helper()
	if a.End != why {
		w.Fatalf("it ended with %s, want %s", a.End, why)
	}
	return seen{said: words.End(why)}
}

// finding is the one of a kind about the world's device, or about none when it has the gateway for itself.
func (w *world) finding(kind cause.ID) (found finding.Finding) {
	w.Helper()
	w.eventually("there is a finding "+string(kind), func() bool {
		for _, f := range w.g.Findings().All() {
			if f.Kind == kind && (f.DeviceSID == w.device.SID || f.DeviceSID == "" && w.alone) {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

// pattern is a finding over several attempts.
func (w *world) pattern(kind cause.ID) seen {
	w.Helper()
	f := w.finding(kind)
	newest, _ := w.g.Attempts().Get(f.Attempts[0])
	said := words.Finding(f)
	fix, _ := w.source().ForFinding(f, newest)
	return seen{said.Title, said.Evidence, said.Advice, fix.Label}
}

// compared is a clue of presented and enrolled.
func (w *world) compared(a attempt.Attempt, why cause.ID) seen {
	w.Helper()
	comparison := w.g.Compare(a)
	for _, c := range comparison.Clues {
		if c.ID == why {
			fix, _ := w.source().For(a)
			title, _ := words.Step(attempt.Step{Kind: attempt.Warning, Facts: append([]attempt.Fact{attempt.F("cause", string(why))}, c.Facts...)}, a)
			return seen{title, words.Clue(c), words.ClueAdvice(c), fix.Label}
		}
	}
	w.Fatalf("no clue %s: %+v", why, comparison)
	return seen{}
}

// open is an attempt of which it cannot be told whether it would pass now.
func (w *world) open(a attempt.Attempt, why cause.ID) seen {
	w.Helper()
	return w.outcome(w.g.WouldPass(a), a, why)
}

func (w *world) outcome(o diagnosis.Outcome, a attempt.Attempt, why cause.ID) seen {
	w.Helper()
	if o.Decided || o.Reason != why {
		w.Fatalf("%+v, want %s", o, why)
	}
	return seen{short: "Would it pass now?", said: words.Outcome(o, a)}
}

// masked is what was seen without what differs from run to run.
func (w *world) masked(s seen) seen {
	for i := 0; i+1 < len(w.masks); i += 2 {
		for _, text := range []*string{&s.short, &s.said, &s.advice, &s.fix} {
			*text = strings.ReplaceAll(*text, w.masks[i], w.masks[i+1])
		}
	}
	for _, text := range []*string{&s.short, &s.said, &s.advice, &s.fix} {
		*text = address.ReplaceAllString(*text, "127.0.0.1:50000")
		*text = times.ReplaceAllString(took.ReplaceAllString(*text, "every 0.1 s"), "12 $1")
	}
	return s
}

var (
	address = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	took    = regexp.MustCompile(`every \d+\.\d m?s`)
	times   = regexp.MustCompile(`\b\d+ (times in a minute|handshakes)`)
)

// sentence is a detail that stands after a title, as a sentence of its own.
func sentence(detail string) string { return strings.ToUpper(detail[:1]) + detail[1:] + "." }

func join(a, b string) string { return strings.TrimSpace(a + " " + b) }

func (s seen) String() string {
	return fmt.Sprintf("%q: %q, %q, fix %q", s.short, s.said, s.advice, s.fix)
}

// stop stops a gateway within a bound.
func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	if err := w.g.Stop(ctx); err != nil {
		w.Error(err)
	}
}
