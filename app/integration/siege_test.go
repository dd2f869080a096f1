package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/wire"
)

// raw is a connection that says what no well-behaved client would.
type raw struct {
	*tls.Conn
	t *testing.T
}

// dial does TLS without judging the server's certificate; config may be nil.
func dial(t *testing.T, g *gateway.Gateway, config *tls.Config) raw {
	t.Helper()
	c, err := dialErr(g, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.NetConn().Close() })
	return raw{c, t}
}

func dialErr(g *gateway.Gateway, config *tls.Config) (*tls.Conn, error) {
	if config == nil {
		config = &tls.Config{}
	}
	config = config.Clone()
	config.InsecureSkipVerify = true
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(g.Status().Port)), config)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(8 * time.Second))
	return c, nil
}

// code reads a CONNACK; -1 when the connection ends without one.
func code(c io.Reader) (answer int, present bool, err error) {
	var b [4]byte
	if n, err := io.ReadFull(c, b[:]); err != nil {
		return -1, false, fmt.Errorf("after %d bytes: %w", n, err)
	}
	if b[0] != 0x20 || b[1] != 2 || b[2] > 1 {
		return -1, false, fmt.Errorf("no CONNACK: % x", b)
	}
	return int(b[3]), b[2] == 1, nil
}

// says sends a packet and reads the CONNACK.
func (r raw) says(packet []byte) (answer int, present bool, err error) {
	if _, err := r.Write(packet); err != nil {
		return -1, false, err
	}
	return code(r)
}

// key is a key's CONNECT.
func key(user, secret string) wire.Connect {
	return wire.Connect{Clean: true, ClientID: "siege", HasUser: true, User: user, HasPassword: true, Password: []byte(secret)}
}

func packet(c wire.Connect) []byte { return wire.AppendConnect(nil, c, false) }

// enrolled is a device with a certificate.
func enrolled(t *testing.T, g *gateway.Gateway, d registry.Device) (tls.Certificate, registry.Certificate) {
	t.Helper()
	made, err := credential.GenerateP256("siege", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	entry, err := g.Registry().ImportCertificate(t.Context(), d.FleetSID, d.SID, "siege", made.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(made.CertPEM, made.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair, entry
}

// TestOfSixteenSimultaneousConnectsExactlyOneStays: one device, key and certificate mixed, 200 rounds.
func TestOfSixteenSimultaneousConnectsExactlyOneStays(t *testing.T) {
	dir := t.TempDir()
	unlimited(t, dir)
	g := open(t, dir)
	d, _, o := device(t, g, "twins")
	pair, _ := enrolled(t, g, d)
	deadline := time.Now().Add(8 * time.Second)
	rounds := 0
	for ; rounds < 200 && time.Now().Before(deadline); rounds++ {
		conns := make([]*tls.Conn, 16)
		var ready, wg sync.WaitGroup
		ready.Add(16)
		for i := range conns {
			wg.Go(func() {
				config, hello := (*tls.Config)(nil), packet(key(o.Credential.KeySID, o.Credential.Secret))
				if i%2 == 1 {
					config, hello = &tls.Config{Certificates: []tls.Certificate{pair}}, packet(wire.Connect{ClientID: "c"})
				}
				c, err := dialErr(g, config)
				ready.Done()
				if err != nil {
					t.Error(err)
					return
				}
				conns[i] = c
				ready.Wait()
				if _, err := c.Write(hello); err != nil {
					t.Error(err)
					return
				}
				if answer, _, err := code(c); answer != 0 && (answer != -1 || err == nil) {
					t.Errorf("round %d: code %d", rounds, answer)
				}
			})
		}
		wg.Wait()
		if n := g.Stats().Connected; n != 1 {
			t.Fatalf("round %d: %d connected", rounds, n)
		}
		alive := 0
		for _, c := range conns {
			if c == nil {
				continue
			}
			_ = c.SetDeadline(time.Now().Add(3 * time.Second))
			_, err := c.Write([]byte{0xc0, 0})
			if err == nil {
				_, err = io.ReadFull(c, make([]byte, 2))
			}
			if err == nil {
				alive++
			}
			_ = c.NetConn().Close()
		}
		if alive != 1 {
			t.Fatalf("round %d: %d of 16 answer PINGREQ", rounds, alive)
		}
	}
	t.Logf("%d rounds", rounds)
}

// unlimited takes the rate limit away that a siege from one machine would run into.
func unlimited(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(`{"limits":{"connects_per_second":1000000,"unfinished_handshakes":4000}}`), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAStalledConnectionDoesNotDelayItsSuccessor: the old one reads nothing, and its outbox is full.
func TestAStalledConnectionDoesNotDelayItsSuccessor(t *testing.T) {
	g := open(t, t.TempDir())
	_, _, o := device(t, g, "stalled")
	_, _, p := device(t, g, "publisher")
	hello := key(o.Credential.KeySID, o.Credential.Secret)
	hello.Clean = false
	old := dial(t, g, nil)
	if answer, _, err := old.says(packet(hello)); answer != 0 {
		t.Fatal(answer, err)
	}
	if _, err := old.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "x", QoS: 0})); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(old, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	publisher := dial(t, g, nil)
	if answer, _, err := publisher.says(packet(key(p.Credential.KeySID, p.Credential.Secret))); answer != 0 {
		t.Fatal(answer, err)
	}
	big := wire.AppendPublish(nil, wire.Message{Topic: "x", Payload: make([]byte, 200<<10)})
	for range 100 { // 20 MB: more than the sockets take
		if _, err := publisher.Write(big); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the outbox overflows", func() bool { return g.Stats().Dropped > 0 })
	next := dial(t, g, nil)
	began := time.Now()
	answer, present, err := next.says(packet(hello))
	if took := time.Since(began); answer != 0 || !present || took > time.Second {
		t.Errorf("code %d, present %v, %v after %v", answer, present, err, took)
	}
}

// TestAThousandSilentPeersDoNotDelayADevice: some say nothing, some half a ClientHello, byte by byte.
func TestAThousandSilentPeersDoNotDelayADevice(t *testing.T) {
	g := open(t, t.TempDir())
	_, _, o := device(t, g, "busy")
	for i := range 1100 {
		c, err := net.Dial("tcp", g.Status().MQTTAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 1 {
			_, _ = c.Write([]byte{0x16, 3, 1, 2, 0, 1})
		}
	}
	for range 5 {
		began := time.Now()
		c := dial(t, g, nil)
		if answer, _, err := c.says(packet(key(o.Credential.KeySID, o.Credential.Secret))); answer != 0 {
			t.Fatal(answer, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// TestARefusalAlwaysArrives: TLS 1.2 and 1.3, also when the client has sent more behind its CONNECT.
func TestARefusalAlwaysArrives(t *testing.T) {
	dir := t.TempDir()
	unlimited(t, dir)
	g := open(t, dir)
	more := wire.AppendSubscribe(packet(wire.Connect{Clean: true}), 1, wire.Subscription{Filter: "x", QoS: 1})
	more = wire.AppendPublish(more, wire.Message{Topic: "x", Payload: make([]byte, 1000), QoS: 1, ID: 2})
	large := wire.AppendPublish(append([]byte(nil), more...), wire.Message{Topic: "x", Payload: make([]byte, 190<<10)})
	packets := [][]byte{packet(wire.Connect{Clean: true}), more, large}
	deadline := time.Now().Add(8 * time.Second)
	n := 0
	for ; n < 510 && time.Now().Before(deadline); n++ {
		version := uint16(tls.VersionTLS12 + n%2)
		c, err := dialErr(g, &tls.Config{MinVersion: version, MaxVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		_, written := c.Write(packets[n/2%3])
		answer, _, err := code(c)
		if answer != 2 || written != nil {
			t.Fatalf("connect %d, %s: code %d, %v, written %v", n, tls.VersionName(version), answer, err, written)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatalf("connect %d, %s: after CONNACK came %v", n, tls.VersionName(version), err)
		}
		_ = c.Close()
	}
	t.Logf("%d refusals", n)
}

// TestTheOrderOfChecksIsTheContracts sends every row of section 4, and combinations of rows, over the wire.
func TestTheOrderOfChecksIsTheContracts(t *testing.T) {
	g := open(t, t.TempDir())
	r := g.Registry()
	good, _, o := device(t, g, "good")
	goodPair, _ := enrolled(t, g, good)
	off, _, offOptions := device(t, g, "off")
	offPair, _ := enrolled(t, g, off)
	if _, err := r.UpdateDevice(t.Context(), off.SID, registry.DeviceChange{Enabled: new(false), DeploymentSID: new("")}); err != nil {
		t.Fatal(err)
	}
	loose, looseSecret, err := r.CreateKey(t.Context(), good.FleetSID, "", "loose")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := credential.GenerateP256("stranger", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	strange, err := tls.X509KeyPair(stranger.CertPEM, stranger.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	of := func(pair tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{pair}} }
	goodKey := key(o.Credential.KeySID, o.Credential.Secret)
	with := func(c wire.Connect, change func(*wire.Connect)) wire.Connect { change(&c); return c }
	as := func(name string, level byte) func(*wire.Connect) {
		return func(c *wire.Connect) { c.ProtocolName, c.Level = name, level }
	}
	unknown := "KY0123456789abcdef0123456789abcdef"
	for name, row := range map[string]struct {
		config *tls.Config
		packet wire.Connect
		code   int
		why    cause.ID
	}{
		"MQTT 3.1":                         {nil, with(goodKey, as("MQIsdp", 3)), 0, cause.Accepted},
		"MQTT 3":                           {nil, with(goodKey, as("MQTT", 3)), 0, cause.Accepted},
		"MQTT 3.1.1":                       {nil, goodKey, 0, cause.Accepted},
		"bridge 0x84":                      {nil, with(goodKey, as("MQTT", 0x84)), 1, cause.UnsupportedProtocol},
		"bridge 0x83":                      {nil, with(goodKey, as("MQIsdp", 0x83)), 1, cause.UnsupportedProtocol},
		"MQIsdp 4":                         {nil, with(goodKey, as("MQIsdp", 4)), 1, cause.UnsupportedProtocol},
		"mqtt 4":                           {nil, with(goodKey, as("mqtt", 4)), 1, cause.UnsupportedProtocol},
		"level 6":                          {nil, with(goodKey, as("MQTT", 6)), 1, cause.UnsupportedProtocol},
		"MQTT 5 with a bad credential":     {nil, with(wire.Connect{}, as("MQTT", 5)), 1, cause.MQTT5},
		"MQTT 5 by certificate":            {of(goodPair), with(wire.Connect{}, as("MQTT", 5)), 1, cause.MQTT5},
		"nothing":                          {nil, wire.Connect{Clean: true}, 2, cause.NoCredential},
		"client id without clean":          {nil, with(goodKey, func(c *wire.Connect) { c.Clean, c.ClientID = false, "" }), 0, cause.Accepted},
		"empty user":                       {nil, key("", o.Credential.Secret), 2, cause.UserNotKeySID},
		"user in capitals":                 {nil, key(strings.ToUpper(o.Credential.KeySID), o.Credential.Secret), 2, cause.UserNotKeySID},
		"a device's SID":                   {nil, key(good.SID, o.Credential.Secret), 2, cause.UserNotKeySID},
		"no password":                      {nil, with(goodKey, func(c *wire.Connect) { c.HasPassword = false }), 2, cause.PasswordMissing},
		"empty password":                   {nil, key(o.Credential.KeySID, ""), 2, cause.PasswordMissing},
		"unknown key, empty password":      {nil, key(unknown, ""), 2, cause.PasswordMissing},
		"unknown key":                      {nil, key(unknown, "x"), 4, cause.UnknownKey},
		"wrong secret":                     {nil, key(o.Credential.KeySID, "x"), 4, cause.WrongSecret},
		"wrong secret of a disabled one":   {nil, key(offOptions.Credential.KeySID, "x"), 4, cause.WrongSecret},
		"unassigned":                       {nil, key(loose.SID, looseSecret), 4, cause.CredentialUnassigned},
		"disabled and undeployed":          {nil, key(offOptions.Credential.KeySID, offOptions.Credential.Secret), 5, cause.DeviceDisabled},
		"certificate":                      {of(goodPair), wire.Connect{}, 0, cause.Accepted},
		"certificate with a bad user":      {of(goodPair), key("nonsense", ""), 0, cause.Accepted},
		"certificate with another's key":   {of(goodPair), key(offOptions.Credential.KeySID, offOptions.Credential.Secret), 0, cause.Accepted},
		"unknown certificate, right key":   {of(strange), goodKey, 4, cause.UnknownCertificate},
		"disabled by certificate, and key": {of(offPair), goodKey, 5, cause.DeviceDisabled},
	} {
		c := dial(t, g, row.config)
		answer, present, err := c.says(packet(row.packet))
		if answer != row.code || present {
			t.Errorf("%s: code %d, present %v, %v, want %d", name, answer, present, err, row.code)
		}
		if a := last(t, g); a.Cause != row.why {
			t.Errorf("%s: recorded %s, want %s", name, a.Cause, row.why)
		}
		if _, err := c.Write([]byte{0xe0, 0}); row.code == 0 && err != nil {
			t.Error(name, err)
		}
		eventually(t, "the device is gone", func() bool { return g.Stats().Connected == 0 })
		if err := g.DropSession(good.SID); row.code != 0 && err {
			t.Errorf("%s left a session", name)
		}
	}
}

// TestAMalformedCONNECTIsClosedWithoutAnAnswer, whatever its credential is worth.
func TestAMalformedCONNECTIsClosedWithoutAnAnswer(t *testing.T) {
	g := open(t, t.TempDir())
	_, _, o := device(t, g, "rude")
	good := packet(key(o.Credential.KeySID, o.Credential.Secret))
	change := func(at int, b byte) []byte { c := bytes.Clone(good); c[at] = b; return c }
	for name, p := range map[string][]byte{
		"reserved flag":       change(9, 0xc3),
		"flags of the type":   change(0, 0x11),
		"bad UTF-8":           change(14, 0xff),
		"U+0000":              change(14, 0),
		"too long a length":   {0x10, 0xff, 0xff, 0xff, 0xff, 0x01},
		"huge claimed length": {0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0},
		"no CONNECT":          {0x30, 3, 0, 1, 'x'},
		"user without field":  {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x82, 0, 0, 0, 0},
		"password alone":      {0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x42, 0, 0, 0, 0, 0, 1, 'x'},
		"bytes left over":     {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0, 0},
		"will QoS 3":          {0x10, 18, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x1e, 0, 0, 0, 0, 0, 1, 'x', 0, 1, 'y'},
	} {
		c := dial(t, g, nil)
		if _, err := c.Write(p); err != nil {
			t.Fatal(name, err)
		}
		if b, err := io.ReadAll(c); len(b) > 0 || err != nil {
			t.Errorf("%s: answered % x, %v", name, b, err)
		}
		if a := last(t, g); a.Cause != cause.MalformedConnect {
			t.Errorf("%s: %s", name, a.Cause)
		}
	}
}

// TestNoSecretLeavesThroughTheRecords plants secrets where people and faulty clients put them.
func TestNoSecretLeavesThroughTheRecords(t *testing.T) {
	var mu sync.Mutex
	var said bytes.Buffer
	g, err := gateway.Open(gateway.Config{
		DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "off",
		Logger: slog.New(slog.NewTextHandler(writer(func(b []byte) { mu.Lock(); defer mu.Unlock(); said.Write(b) }), &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnAttempt: func(a attempt.Attempt) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(&said, "%+v\n", a)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	d, _, o := device(t, g, "discreet")
	pair, _ := enrolled(t, g, d)
	keySID, secret := o.Credential.KeySID, o.Credential.Secret
	withID := func(c wire.Connect, id string) wire.Connect { c.ClientID = id; return c }
	right := packet(key(keySID, secret))
	level5 := wire.AppendConnect(nil, func() wire.Connect { c := key(keySID, secret); c.Level = 5; return c }(), true)
	flagsOff := bytes.Clone(right)
	flagsOff[9] = 2
	short := bytes.Clone(right)
	short[1] -= 3
	long := bytes.Clone(right)
	long[1] += 3
	reserved := bytes.Clone(right)
	reserved[9] |= 1
	odd := packet(func() wire.Connect { c := key(secret, secret); c.ProtocolName, c.Level = "MQTT", 9; return c }())
	noUser := bytes.Clone(right)
	noUser[9] = 0x42
	for name, p := range map[string][]byte{
		"right": right, "secret as user": packet(key(secret, "x")), "secret as both": packet(key(secret, secret)),
		"secret and client id alike": packet(withID(key(keySID, secret), secret)),
		"MQTT 5":                     level5, "flags off": flagsOff, "short": short, "long": long, "reserved": reserved, "level 9": odd, "no user": noUser,
		"second CONNECT": append(bytes.Clone(right), right...),
		"half":           right[:len(right)-5],
		"plain topic":    append(bytes.Clone(right), 0x10, 0xff, 0xff, 0xff, 0x7f),
		"wrong but near": packet(key(keySID, secret+"0")),
	} {
		for _, config := range []*tls.Config{nil, {Certificates: []tls.Certificate{pair}}} {
			c := dial(t, g, config)
			if _, err := c.Write(p); err != nil {
				t.Fatal(name, err)
			}
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			_ = c.NetConn().Close()
			eventually(t, "the attempt is over", func() bool {
				page := g.Attempts().Query(attempt.Filter{Limit: 1})
				return page.Attempts[0].Done
			})
			a := g.Attempts().Query(attempt.Filter{Limit: 1, Whole: true}).Attempts[0]
			if where := leaks(a, secret); where != "" {
				t.Errorf("%s (certificate: %v): the secret is in %s", name, config != nil, where)
			}
		}
	}
	plain, err := net.Dial("tcp", g.Status().MQTTAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	_, _ = plain.Write(right)
	_, _ = io.Copy(io.Discard, plain)
	if where := leaks(last(t, g), secret); where != "" {
		t.Errorf("plaintext: the secret is in %s", where)
	}
	mu.Lock()
	defer mu.Unlock()
	if text := said.String(); strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("% x", secret)) {
		t.Error("a log or event holds the secret")
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// leaks names the part of an attempt that holds a secret, as text or as bytes in any form.
func leaks(a attempt.Attempt, secret string) string {
	for _, p := range a.Packets {
		if bytes.Contains(p.Bytes, []byte(secret)) {
			return "a packet"
		}
	}
	hidden := []string{secret, fmt.Sprintf("% x", secret), fmt.Sprintf("%x", secret)}
	for _, s := range a.Steps {
		for _, f := range s.Facts {
			for _, h := range hidden {
				if strings.Contains(f.Value, h) {
					return string(s.Kind) + "." + fmt.Sprint(f)
				}
			}
		}
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err.Error()
	}
	for _, h := range hidden {
		if strings.Contains(string(text), h) {
			return "a field"
		}
	}
	return ""
}

// TestAChangeNeverLosesARaceWithAConnect: key and certificate connect while what they rest on is taken away.
func TestAChangeNeverLosesARaceWithAConnect(t *testing.T) {
	dir := t.TempDir()
	unlimited(t, dir)
	g := open(t, dir)
	r := g.Registry()
	other, err := r.CreateService(t.Context(), "", "Other")
	if err != nil {
		t.Fatal(err)
	}
	for name, take := range map[string]func(ctx context.Context, d registry.Device, key, certificate string) error{
		"disable": func(ctx context.Context, d registry.Device, _, _ string) error {
			_, err := r.UpdateDevice(ctx, d.SID, registry.DeviceChange{Enabled: new(false)})
			return err
		},
		"undeploy": func(ctx context.Context, d registry.Device, _, _ string) error {
			_, err := r.UpdateDevice(ctx, d.SID, registry.DeviceChange{DeploymentSID: new("")})
			return err
		},
		"revoke": func(ctx context.Context, _ registry.Device, key, certificate string) error {
			return errors.Join(r.DeleteKey(ctx, key), r.DeleteCertificate(ctx, certificate))
		},
		"delete": func(ctx context.Context, d registry.Device, _, _ string) error { return r.DeleteDevice(ctx, d.SID) },
		"unassign": func(ctx context.Context, _ registry.Device, key, certificate string) error {
			return errors.Join(r.AssignCredential(ctx, key, ""), r.AssignCredential(ctx, certificate, ""))
		},
	} {
		for round := range 6 {
			d, _, o := device(t, g, fmt.Sprintf("%s-%d", name, round))
			pair, certificate := enrolled(t, g, d)
			var wg sync.WaitGroup
			taken := make(chan struct{})
			for i := range 4 {
				wg.Go(func() {
					for {
						config, hello := (*tls.Config)(nil), packet(key(o.Credential.KeySID, o.Credential.Secret))
						if i%2 == 1 {
							config, hello = &tls.Config{Certificates: []tls.Certificate{pair}}, packet(wire.Connect{ClientID: "c"})
						}
						c, err := dialErr(g, config)
						if err != nil {
							t.Error(err)
							return
						}
						t.Cleanup(func() { _ = c.NetConn().Close() })
						_, _ = c.Write(hello)
						_, _, _ = code(c)
						select {
						case <-taken:
							return
						default:
						}
					}
				})
			}
			eventually(t, "it connects", func() bool { return g.Stats().Connected > 0 })
			if err := take(t.Context(), d, o.Credential.KeySID, certificate.SID); err != nil {
				t.Error(err)
			}
			if n := g.Stats().Connected; n != 0 {
				t.Errorf("%s: %d connected when the change has been made", name, n)
			}
			close(taken)
			wg.Wait()
			if n := g.Stats().Connected; n != 0 {
				t.Errorf("%s: %d connected", name, n)
			}
		}
	}
	// Another service: it may connect again, but only to the new one and without the old session.
	d, _, o := device(t, g, "mover")
	deployment, err := r.CreateDeployment(t.Context(), d.FleetSID, "Other", other.SID)
	if err != nil {
		t.Fatal(err)
	}
	to := []string{deployment.SID, d.DeploymentSID}
	for round := range 20 {
		hello := key(o.Credential.KeySID, o.Credential.Secret)
		hello.Clean = false
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 3 {
				c, err := dialErr(g, nil)
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { _ = c.NetConn().Close() })
				_, _ = c.Write(packet(hello))
				_, _, _ = code(c)
			}
		})
		if _, err := r.UpdateDevice(t.Context(), d.SID, registry.DeviceChange{DeploymentSID: &to[round%2]}); err != nil {
			t.Error(err)
		}
		wg.Wait()
		now, _ := r.Device(d.SID)
		service, _ := r.EffectiveService(now)
		for _, s := range g.Sessions() {
			if s.DeviceSID == d.SID && s.ServiceSID != service {
				t.Fatalf("round %d: a session of service %s, the device belongs to %s", round, s.ServiceSID, service)
			}
		}
	}
}
