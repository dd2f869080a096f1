package integration

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/app/commands"
	"gatehouse/gateway/lab"
	"gatehouse/gateway/wire"
)

// TestNoOutputOfTheLabOrOfACheckHoldsASecret does what the other test does with what is let out by checks, wrong servers, recordings and scenarios.
func TestNoOutputOfTheLabOrOfACheckHoldsASecret(t *testing.T) {
	l := openLeaky(t)
	keySID, secret, pair := l.devices()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root := file("root.pem", l.gateway.RootPEM())
	l.checks(file, root, keySID, secret, pair)
	l.lessons(keySID, secret, pair)
	l.recording(keySID, secret)
	l.scenarios(file, root, keySID, secret)
	l.log.Lock()
	l.out("the log and the events", bytes.Clone(l.log.Bytes()))
	l.log.Unlock()
	l.Look(l.outputs)
}

// said is all that a command says, and its exit code.
func said(args ...string) (code int, text string) {
	var out, errs bytes.Buffer
	code = commands.Run(args, &out, &errs, nil)
	return code, out.String() + errs.String()
}

// checks are made with right and wrong credentials, and with files that are not what they should be.
func (l *leaky) checks(file func(string, []byte) string, root, keySID, secret string, pair tls.Certificate) {
	t := l.api.t
	pkcs8, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	l.Add("another private key", string(rsaKey.D.Bytes()))
	passphrase := l.Text("a passphrase")
	//lint:ignore SA1019 openssl still writes such keys, so devices have them
	locked, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), []byte(passphrase), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	cert := file("board.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
	key := file("board.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	der := file("board.der", pkcs8)
	other := file("other.key", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}))
	encrypted := file("locked.key", pem.EncodeToMemory(locked))
	damaged := file("damaged.key", []byte("-----BEGIN PRIVATE KEY-----\n"+l.Text("a private key that is cut off")+"\n"))
	right, newline := file("right", []byte(secret)), file("newline", []byte(secret+"\n\n"))
	wrong := file("wrong", []byte(l.Text("a wrong password")))
	tries := map[string][]string{
		"the right key":             {"--user", keySID, "--password-file", right},
		"line ends":                 {"--user", keySID, "--password-file", newline},
		"a wrong password":          {"--user", keySID, "--password-file", wrong},
		"a key file as a password":  {"--user", keySID, "--password-file", key},
		"a certificate":             {"--cert", cert, "--key", key},
		"a key in DER":              {"--cert", cert, "--key", der},
		"a key as the certificate":  {"--cert", key, "--key", key},
		"a key that does not fit":   {"--cert", cert, "--key", other},
		"a locked key":              {"--cert", cert, "--key", encrypted},
		"a wrong passphrase":        {"--cert", cert, "--key", encrypted, "--passphrase-file", wrong},
		"the right passphrase":      {"--cert", cert, "--key", encrypted, "--passphrase-file", file("passphrase", []byte(passphrase))},
		"a damaged key":             {"--cert", cert, "--key", damaged},
		"a key as the authority":    {"--ca", key, "--user", keySID, "--password-file", right},
		"a round trip":              {"--user", keySID, "--password-file", right, "--round-trip"},
		"a certificate and a key":   {"--cert", cert, "--key", key, "--user", keySID, "--password-file", wrong},
		"nothing behind the option": {"--user", keySID, "--password-file", file("empty", nil)},
	}
	accepted := []string{"the right key", "a certificate", "a key in DER", "a round trip", "a certificate and a key"}
	answered := 0
	var mu, connected sync.Mutex
	var all sync.WaitGroup
	for name, args := range tries {
		for _, format := range []string{"", "--json"} {
			args := append([]string{"check", l.gateway.Status().URL}, args...)
			if format != "" {
				args = append(args, format)
			}
			if !slices.Contains(args, "--ca") {
				args = append(args, "--ca", root)
			}
			all.Go(func() {
				alone := slices.Contains(accepted, name)
				if alone { // each would end the connection of the one before
					connected.Lock()
				}
				code, text := said(args...)
				if alone {
					connected.Unlock()
				}
				mu.Lock()
				defer mu.Unlock()
				l.out("a check with "+name+" "+format, []byte(text), "a certificate's subject", "a certificate's SAN")
				switch {
				case alone && code != 0:
					t.Errorf("a check with %s ended with %d:\n%s", name, code, text)
				case slices.Contains([]int{0, 12, 14}, code):
					answered++
				}
			})
		}
	}
	all.Wait()
	if answered < 8 { // else nothing was sent that could show
		t.Errorf("only %d checks came to a return code", answered)
	}
	// Somebody has mixed up what goes where.
	address := "mqtts://" + keySID + ":" + l.Bare("a password in a URL of a check") + "@127.0.0.1:1"
	for _, args := range [][]string{{"check", address}, {"check", address, "--json"}} {
		_, text := said(args...)
		l.out("a check with the password in its URL", []byte(text))
	}
}

// lessons are given to a careless device, which tells wrong servers what it has.
func (l *leaky) lessons(keySID, secret string, pair tls.Certificate) {
	t, g := l.api.t, l.gateway
	careless := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}
	tell := func(server lab.Server, c wire.Connect) {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 2 * time.Second}, "tcp", strings.TrimPrefix(server.URL, "mqtts://"), careless)
		if err != nil {
			return // there are suites that no client of today speaks
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write(packet(c))
		_, _ = conn.Read(make([]byte, 4))
	}
	var all sync.WaitGroup
	for _, kind := range lab.Kinds() {
		server, err := g.Lab().Start(kind.Kind, lab.Options{})
		if err != nil {
			t.Fatal(err)
		}
		wrong := key(keySID, l.Text("a password for "+string(kind.Kind)))
		all.Go(func() {
			tell(server, key(keySID, secret))
			tell(server, wrong)
		})
	}
	all.Wait()
	results := g.Lab().Results()
	if len(results) < len(lab.Kinds())/2 {
		t.Errorf("only %d results", len(results))
	}
	text, err := lab.JSON(results)
	if err != nil {
		t.Fatal(err)
	}
	l.out("lessons as JSON", text, "a certificate's subject")
	l.out("lessons as CSV", []byte(lab.CSV(results)), "a certificate's subject")
	l.out("lessons as Markdown", []byte(lab.Markdown(results)), "a certificate's subject")
}

// recording is of a device that leaves and comes back while it is recorded, with a will.
func (l *leaky) recording(keySID, secret string) {
	c := key(keySID, secret)
	c.HasWill, c.WillTopic, c.WillPayload = true, "gone", []byte(l.Text("the payload of a recorded will"))
	recorded := make(chan string, 1)
	go func() {
		_, text := said("sim", "record", "--device", "board", "--duration", "2s", "--data", l.gateway.Status().DataDir)
		recorded <- text
	}()
	device := l.gateway.Registry().Devices()[0].SID
	eventually(l.api.t, "the device is recorded", func() bool { return l.gateway.Traced(device) })
	l.say(&tls.Config{}, packet(c), wire.AppendPublish(nil, wire.Message{Topic: "lamp/state", QoS: 1, ID: 1, Payload: []byte("on")}), wire.AppendEmpty(nil, wire.DISCONNECT))
	text := <-recorded
	if !strings.Contains(text, "lamp/state") {
		l.api.t.Errorf("nothing was recorded:\n%s", text)
	}
	l.out("a recording", []byte(text))
}

// scenarios are played with credentials of a target, right and wrong.
func (l *leaky) scenarios(file func(string, []byte) string, root, keySID, secret string) {
	plain := file("plain.yaml", []byte(`name: Plain
target: any
devices:
  lamp: {}
steps:
  - connect: {device: lamp}
  - publish: {device: lamp, topic: lamp/state, payload: "on", qos: 1}
`))
	held := 0
	for name, password := range map[string]string{"the right password": secret, "a wrong one": l.Text("a wrong password of a target")} {
		for _, format := range []string{"--json", ""} {
			report := file("report.xml", nil)
			_ = os.Remove(report)
			args := []string{"sim", "run", plain, "--target", l.gateway.Status().URL, "--ca", root, "--user", keySID, "--password-file", file("password", []byte(password)), "--junit", report}
			if format != "" {
				args = append(args, format)
			}
			code, text := said(args...)
			l.out("a scenario with "+name+" "+format, []byte(text))
			written, err := os.ReadFile(report)
			if err != nil {
				l.api.t.Fatalf("%v: %s", err, text)
			}
			l.out("JUnit of a scenario with "+name, written)
			if code == 0 {
				held++
			}
		}
	}
	if held != 2 {
		l.api.t.Errorf("%d runs held, want the two with the right password", held)
	}
}
