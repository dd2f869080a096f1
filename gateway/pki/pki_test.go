package pki

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/gateway/atomicfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Now().Truncate(time.Second).UnixNano())
	return c
}
func (c *clock) Now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func open(t testing.TB, dir string, now *clock, names ...string) *Authority {
	t.Helper()
	p := Params{Dir: dir, Names: names}
	if now != nil {
		p.Now = now.Now
	}
	a, err := Open(p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func serialOf(a *Authority) string { return a.current().ecdsa.Leaf.SerialNumber.String() }

func fileTexts(t *testing.T, dir string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts[e.Name()] = string(b)
	}
	return texts
}

func TestBothLeavesVerifyAgainstTheRootForEveryName(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "data", "pki"), nil, "Gateway.Example", "192.0.2.4", "[fe80::1]")
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(a.RootPEM()) {
		t.Fatal("the root is not PEM")
	}
	for _, kind := range []Kind{ECDSA, RSA} {
		var certs []*x509.Certificate
		for block, rest := pem.Decode(a.LeafPEM(kind)); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			certs = append(certs, c)
		}
		if len(certs) != 2 {
			t.Fatalf("%s: %d certificates are sent", kind, len(certs))
		}
		middle := x509.NewCertPool()
		middle.AddCert(certs[1])
		for _, name := range []string{"gateway.example", "192.0.2.4", "fe80::1", "localhost", "127.0.0.1", "::1"} {
			if _, err := certs[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: middle, DNSName: name}); err != nil {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
			if !a.Covers(name) {
				t.Errorf("Covers(%s)", name)
			}
		}
		if cn := certs[0].Subject.CommonName; cn != "gateway.example" {
			t.Errorf("%s: CN %s", kind, cn)
		}
		if life := time.Until(certs[0].NotAfter); life > leafLife || life < leafLife-time.Minute {
			t.Errorf("%s: lives %s", kind, life)
		}
	}
	for n := range 3 * mostDialled { // more than are remembered
		if a.Covers(fmt.Sprint("other-", n, ".example")) {
			t.Fatal(n)
		}
	}
	if n := len(a.current().asked.known); n > mostDialled {
		t.Errorf("%d names are remembered", n)
	}
	if !a.Covers("localhost") || a.Covers("other.example") || a.Covers("other.example") || a.Covers(strings.Repeat("a.", 200)) {
		t.Error("covers a name that it was not given")
	}
	if key, ok := a.current().rsa.Leaf.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
		t.Error("the RSA leaf is not RSA-2048")
	}
	if got := a.Names(); got[0] != "gateway.example" || len(got) != 6 {
		t.Errorf("names %v", got)
	}
}

func TestKeysAreForTheOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	a := open(t, dir, nil)
	if err := os.Chmod(filepath.Join(dir, rootKeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, dir, nil) // takes the rights back
	for name, text := range fileTexts(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		hasKey := strings.Contains(text, pemKey)
		if hasKey != (name != rootFile) || hasKey && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: key %v, mode %s", name, hasKey, info.Mode())
		}
	}
	if a.RootPath() != filepath.Join(dir, rootFile) || fileTexts(t, dir)[rootFile] != string(a.RootPEM()) {
		t.Error("the exported root is not the root")
	}
	beside, _ := os.ReadDir(filepath.Dir(dir))
	if len(beside) != 1 {
		t.Errorf("left beside: %v", beside)
	}
}

func TestReopeningKeepsEverything(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "pki"), newClock()
	first := open(t, dir, now, "a.example", "192.0.2.1", "b.example")
	before := fileTexts(t, dir)
	now.advance(leafLife - leafRenewBefore - time.Second)
	second := open(t, dir, now, "a.example", "192.0.2.1", "b.example")
	if serialOf(first) != serialOf(second) || !slices.Equal(first.Names(), second.Names()) {
		t.Error("new leaves without need")
	}
	for name, text := range fileTexts(t, dir) {
		if before[name] != text {
			t.Errorf("%s was written", name)
		}
	}
}

func TestLeavesAreRenewedWhenDue(t *testing.T) {
	cases := map[string]struct {
		advance time.Duration
		names   []string
	}{
		"29 days before expiry":       {leafLife - leafRenewBefore, nil},
		"long expired":                {3 * leafLife, nil},
		"not valid yet":               {-2 * backdated, nil},
		"a name more":                 {0, []string{"new.example"}},
		"another common name":         {0, []string{"127.0.0.1"}},
		"the intermediate is too old": {intermediateLife - leafLife, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir, now := filepath.Join(t.TempDir(), "pki"), newClock()
			first := open(t, dir, now)
			root, serial := first.RootPEM(), serialOf(first)
			now.advance(c.advance)
			second := open(t, dir, now, c.names...)
			if serialOf(second) == serial {
				t.Error("the leaf is the old one")
			}
			if !bytes.Equal(root, second.RootPEM()) {
				t.Error("the root changed")
			}
			if c.names != nil && second.current().rsa.Leaf.Subject.CommonName != c.names[0] {
				t.Error("the common name is not the first name")
			}
			if left := second.NotAfter().Sub(now.Now()); left < leafLife-time.Minute {
				t.Errorf("the new leaf lives %s", left)
			}
			if third := open(t, dir, now, c.names...); serialOf(third) != serialOf(second) {
				t.Error("what was renewed is renewed again")
			}
			handshake(t, second, now, &tls.Config{})
		})
	}
}

func TestLeavesAreRenewedWhileServing(t *testing.T) {
	now := newClock()
	a := open(t, filepath.Join(t.TempDir(), "pki"), now)
	serial := serialOf(a)
	now.advance(leafLife - leafRenewBefore + time.Second)
	state := handshake(t, a, now, &tls.Config{})
	if serialOf(a) == serial || state.PeerCertificates[0].SerialNumber.String() != serialOf(a) {
		t.Error("the due leaf was served")
	}
}

func TestRenewDoesNothingWithoutNeedAndKeepsTheKeyForOtherNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	a := open(t, dir, nil, "localhost")
	old := a.current()
	if err := a.Renew([]string{"localhost"}); err != nil || a.current() != old {
		t.Errorf("renewed without need, or %v", err)
	}
	if err := a.Renew([]string{"host.example"}); err != nil || !a.Covers("host.example") {
		t.Fatalf("not renewed: %v", err)
	}
	if a.current().ecdsa.PrivateKey != old.ecdsa.PrivateKey {
		t.Error("another key for another name")
	}
	var bad *NameError
	if err := a.Renew([]string{"not a name"}); !errors.As(err, &bad) || !a.Covers("host.example") {
		t.Errorf("a bad name: %v", err)
	}
}

func TestAFailedRenewalKeepsTheOldLeaves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	a := open(t, dir, nil)
	old := a.current()
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := a.Renew([]string{"host.example"}); err == nil || a.current() != old {
		t.Errorf("err %v", err)
	}
}

func TestACrashBetweenTheTwoLeavesIsMended(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	a := open(t, dir, nil, "old.example")
	before := fileTexts(t, dir)
	if err := a.Renew([]string{"new.example"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ecdsaFile), []byte(before[ecdsaFile]), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, atomicfile.Beside+"123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir, nil, "old.example")
	if !b.Covers("old.example") || b.current().rsa.Leaf.VerifyHostname("old.example") != nil {
		t.Error("the leaves differ")
	}
	if _, err := os.Stat(filepath.Join(dir, atomicfile.Beside+"123")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what a crash has left is still there")
	}
}

func TestAnInterruptedIntermediateRenewalIsFinished(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "pki"), newClock()
	open(t, dir, now)
	leaves := fileTexts(t, dir)
	now.advance(intermediateLife - leafLife)
	open(t, dir, now)
	for _, name := range []string{ecdsaFile, rsaFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(leaves[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	handshake(t, open(t, dir, now), now, &tls.Config{})
}

func TestDamagedFilesAreNamedAndNothingIsOverwritten(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good")
	open(t, good, nil)
	other := filepath.Join(t.TempDir(), "other")
	open(t, other, nil)
	goodTexts, otherTexts := fileTexts(t, good), fileTexts(t, other)
	damage := map[string]func(name string) (string, bool){
		"missing":   func(string) (string, bool) { return "", false },
		"empty":     func(string) (string, bool) { return "", true },
		"truncated": func(name string) (string, bool) { return goodTexts[name][:len(goodTexts[name])/2], true },
		"zeroed":    func(name string) (string, bool) { return strings.Repeat("\x00", len(goodTexts[name])), true },
		"foreign":   func(name string) (string, bool) { return otherTexts[name], true },
	}
	for _, name := range []string{rootKeyFile, intermediateFile, ecdsaFile, rsaFile} {
		for how, fn := range damage {
			t.Run(name+" "+how, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "pki")
				if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, name)
				if text, kept := fn(name); kept {
					if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				} else if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				before := fileTexts(t, dir)
				_, err := Open(Params{Dir: dir, Names: []string{"new.example"}})
				var wrong *FileError
				if !errors.As(err, &wrong) {
					t.Fatalf("err %v", err)
				}
				// A foreign root key is noticed by the export that does not fit it.
				if wrong.File != path && !(how == "foreign" && wrong.File == filepath.Join(dir, rootFile)) {
					t.Errorf("it names %s", wrong.File)
				}
				if wrong.Missing != (how == "missing") || strings.Contains(err.Error(), "BEGIN") {
					t.Errorf("error %v", err)
				}
				after := fileTexts(t, dir)
				if len(after) != len(before) {
					t.Errorf("files %d, before %d", len(after), len(before))
				}
				for file, text := range before {
					if after[file] != text {
						t.Errorf("%s was overwritten", file)
					}
				}
			})
		}
	}
}

func TestAMissingExportIsWrittenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	a := open(t, dir, nil)
	if err := os.Remove(a.RootPath()); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir, nil)
	if text, err := os.ReadFile(b.RootPath()); err != nil || string(text) != string(a.RootPEM()) {
		t.Errorf("%v", err)
	}
}

func TestNamesThatCannotStandInACertificateAreRefused(t *testing.T) {
	for _, name := range []string{"", "a b", "-a", "a..b", "ä.example", strings.Repeat("a", 64), "https://x", "x:8883", "*.*.a"} {
		var wrong *NameError
		if _, err := completeNames([]string{name}); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if names, err := completeNames([]string{"B.example.", " [::1] ", "*.a.example"}); err != nil || names[0] != "b.example" {
		t.Errorf("%v %v", names, err)
	}
	long := strings.Repeat("a", 60) + ".example"
	if got := commonName([]string{long, "short"}); got != "short" {
		t.Errorf("common name %s", got)
	}
}

// handshake connects once and returns the client's view.
func handshake(t *testing.T, a *Authority, now *clock, client *tls.Config) tls.ConnectionState {
	t.Helper()
	state, err := tryHandshake(a, Policy{}, now, client)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func tryHandshake(a *Authority, p Policy, now *clock, client *tls.Config) (tls.ConnectionState, error) {
	client = client.Clone()
	client.RootCAs = x509.NewCertPool()
	client.RootCAs.AppendCertsFromPEM(a.RootPEM())
	client.ServerName = "localhost"
	if now != nil {
		client.Time = now.Now
	}
	serverSide, clientSide := net.Pipe()
	defer serverSide.Close()
	defer clientSide.Close()
	deadline := time.Now().Add(10 * time.Second)
	_ = serverSide.SetDeadline(deadline)
	_ = clientSide.SetDeadline(deadline)
	server := tls.Server(serverSide, a.Config(p, nil))
	done := make(chan error, 1)
	go func() {
		err := server.Handshake()
		if err != nil {
			serverSide.Close()
		}
		done <- err
		// drain: the client's alert must not wait for a reader
		_, _ = server.Read(make([]byte, 1))
	}()
	c := tls.Client(clientSide, client)
	err := c.Handshake()
	state := c.ConnectionState()
	if err != nil {
		clientSide.Close()
		<-done
		return state, err
	}
	return state, <-done
}

func TestOurOrderOfTLS12SuitesWinsWhateverTheClientPrefers(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "pki"), nil)
	ours := Policy{}.Suites12()
	if len(ours) != 6 {
		t.Fatalf("%d suites", len(ours))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		offered := slices.Clone(ours)
		random.Shuffle(len(offered), func(i, j int) { offered[i], offered[j] = offered[j], offered[i] })
		offered = offered[:1+round%len(offered)]
		var ids []uint16
		for _, s := range offered {
			ids = append(ids, s.ID)
		}
		best := ours[slices.IndexFunc(ours, func(s Suite) bool { return slices.Contains(ids, s.ID) })]
		// Go's client sorts its offer, so the choice is asked directly for the shuffled one, and then made by handshake.
		answer, err := a.Answer(&tls.ClientHelloInfo{
			SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: ids, SupportedCurves: Policy{}.Groups(), SupportedPoints: []uint8{0},
			SignatureSchemes: []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.ECDSAWithP256AndSHA256},
		}, Policy{})
		if err != nil || answer.Suite != best.ID || answer.Kind != best.Leaf {
			t.Fatalf("offered %v: got %s, %v; want %s", ids, tls.CipherSuiteName(answer.Suite), err, best.Name)
		}
		state := handshake(t, a, nil, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: ids})
		if state.CipherSuite != best.ID {
			t.Errorf("offered %v: negotiated %s, want %s", ids, tls.CipherSuiteName(state.CipherSuite), best.Name)
		}
	}
}

func TestTheLeafIsChosenByWhatTheClientVerifies(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "pki"), nil)
	rsaOnly12 := []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PSSWithSHA256}
	both := append(slices.Clone(rsaOnly12), tls.ECDSAWithP256AndSHA256)
	all12 := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	for name, c := range map[string]struct {
		hello tls.ClientHelloInfo
		want  Kind
		err   error
	}{
		"1.3, both":           {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}, SignatureSchemes: both}, ECDSA, nil},
		"1.3, RSA only":       {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}, SignatureSchemes: rsaOnly12}, RSA, nil},
		"1.3, no suite":       {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13}, CipherSuites: []uint16{0x1304}, SignatureSchemes: both}, "", ErrNoSharedSuite},
		"1.2, RSA only":       {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: all12, SupportedCurves: []tls.CurveID{tls.X25519}, SupportedPoints: []uint8{0}, SignatureSchemes: rsaOnly12}, RSA, nil},
		"1.2, other name":     {tls.ClientHelloInfo{ServerName: "elsewhere.example", SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: all12, SupportedCurves: []tls.CurveID{tls.CurveP256}, SupportedPoints: []uint8{0}, SignatureSchemes: both}, ECDSA, nil},
		"1.2, no P-256":       {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: all12, SupportedCurves: []tls.CurveID{tls.X25519}, SupportedPoints: []uint8{0}, SignatureSchemes: both}, RSA, nil},
		"1.2, no group":       {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: all12, SupportedCurves: []tls.CurveID{0x1234}, SupportedPoints: []uint8{0}, SignatureSchemes: both}, "", ErrNoSharedSuite},
		"1.2, old suite only": {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, SupportedCurves: []tls.CurveID{tls.CurveP256}, SignatureSchemes: both}, "", ErrNoSharedSuite},
		"1.1":                 {tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS11}, CipherSuites: all12}, "", ErrVersion},
	} {
		answer, err := a.Answer(&c.hello, Policy{})
		if answer.Kind != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, answer.Kind, err)
		}
		if err == nil && answer.Why == "" {
			t.Errorf("%s: no reason is given", name)
		}
		if chain, err := a.Leaf(&c.hello); err != nil || chain == nil {
			t.Errorf("%s: Leaf: %v", name, err)
		}
	}
}

func TestLegacySuitesAreOnlyThereWhenSwitchedOn(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "pki"), nil)
	for _, id := range []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256} {
		client := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}}
		if _, err := tryHandshake(a, Policy{}, nil, client); err == nil {
			t.Errorf("%s is spoken by default", tls.CipherSuiteName(id))
		}
		if state, err := tryHandshake(a, Policy{Legacy: true}, nil, client); err != nil || state.CipherSuite != id {
			t.Errorf("%s: %v", tls.CipherSuiteName(id), err)
		}
	}
	mixed := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}}
	if state, err := tryHandshake(a, Policy{Legacy: true}, nil, mixed); err != nil || state.CipherSuite != tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 {
		t.Errorf("legacy wins: %s, %v", tls.CipherSuiteName(state.CipherSuite), err)
	}
}

func TestOnlyOurVersionsAndGroupsAreSpoken(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "pki"), nil)
	if _, err := tryHandshake(a, Policy{}, nil, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	for _, group := range []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if version == tls.VersionTLS12 && group == tls.CurveP384 {
				continue // P-256 would be needed beside it for the ECDSA leaf; RSA is used then
			}
			state, err := tryHandshake(a, Policy{}, nil, &tls.Config{MinVersion: version, MaxVersion: version, CurvePreferences: []tls.CurveID{group}})
			if err != nil || state.CurveID != group {
				t.Errorf("%s: %s, %v", group, state.CurveID, err)
			}
		}
	}
	for _, group := range []tls.CurveID{tls.CurveP521, tls.X25519MLKEM768} {
		client := &tls.Config{CurvePreferences: []tls.CurveID{group}}
		if _, err := tryHandshake(a, Policy{}, nil, client); err == nil {
			t.Errorf("%s is spoken", group)
		}
	}
	if state, err := tryHandshake(a, Policy{PostQuantum: true}, nil, &tls.Config{}); err != nil || state.CurveID != tls.X25519MLKEM768 {
		t.Errorf("post-quantum: %s, %v", state.CurveID, err)
	}
}

func TestRenewalWhileManyConnect(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "pki"), nil)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 10 {
				if _, err := tryHandshake(a, Policy{}, nil, &tls.Config{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, name := range []string{"a.example", "b.example", "c.example"} {
		if err := a.Renew([]string{name}); err != nil {
			t.Error(err)
		}
	}
	clients.Wait()
}

func BenchmarkAnswer(b *testing.B) {
	a := open(b, filepath.Join(b.TempDir(), "pki"), nil)
	hello := &tls.ClientHelloInfo{
		SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		SupportedCurves: Policy{}.Groups(), SignatureSchemes: []tls.SignatureScheme{tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Answer(hello, Policy{}); err != nil {
			b.Fatal(err)
		}
	}
}
