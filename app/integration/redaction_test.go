package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/app/commands"
	"gatehouse/app/integration/planted"
	"gatehouse/app/report"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
)

// What is planted and shown by right, wherever an attempt is shown whole: devices chose it to be read, and it is what helps to
// find out why they were refused.
var (
	ofAttempts = []string{"the topic of a will", "a topic", "a client ID", "a server name", "an ALPN", "a certificate's subject", "a certificate's SAN"}
	// A report goes to others: client IDs and server names that look like secrets are masked in it.
	ofReports = []string{"the topic of a will", "a topic", "a certificate's subject", "a certificate's SAN"}
	ofPackets = append(slices.Clone(ofAttempts), "a payload", "the data of an object", "a filter") // of one who asked for them
)

// leaky is a gateway into which secrets are put, and what it lets out.
type leaky struct {
	planted.Secrets
	api
	log struct {
		sync.Mutex
		bytes.Buffer
	}
	talks   sync.WaitGroup
	outputs []planted.Output
}

func (l *leaky) Write(b []byte) (int, error) {
	l.log.Lock()
	defer l.log.Unlock()
	return l.log.Buffer.Write(b)
}

func (l *leaky) out(name string, text []byte, shown ...string) {
	l.outputs = append(l.outputs, planted.Output{Name: name, Text: text, Shown: shown})
}

func openLeaky(t *testing.T) *leaky {
	l := &leaky{Secrets: planted.Secrets{T: t}}
	events := slog.NewJSONHandler(l, nil)
	g, err := gateway.Open(gateway.Config{
		DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0",
		Logger:    slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnAttempt: func(a attempt.Attempt) { slog.New(events).Info("attempt", "attempt", a) },
	})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = g.Close()
	})
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	l.api = api{t, g, &http.Client{Transport: transport, Timeout: 10 * time.Second}}
	l.Add("the account's token", g.Registry().Account().AuthToken)
	return l
}

// say sends bytes over TLS, or without when config is nil, beside all that is said already: wrong secrets are answered slowly.
func (l *leaky) say(config *tls.Config, parts ...[]byte) {
	l.talks.Add(1)
	go func() {
		defer l.talks.Done()
		var c net.Conn
		var err error
		if config == nil {
			c, err = net.DialTimeout("tcp", l.gateway.Status().MQTTAddr, 5*time.Second)
		} else {
			c, err = dialErr(l.gateway, config)
		}
		if err != nil {
			return // an ALPN that nobody speaks: that was the attempt
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(15 * time.Second))
		for _, b := range parts {
			if _, err := c.Write(b); err != nil {
				break // refused after the first
			}
		}
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, c)
	}()
}

// said waits until all that was said has been answered and recorded.
func (l *leaky) said() {
	l.api.t.Helper()
	l.talks.Wait()
	eventually(l.api.t, "every attempt is over", func() bool {
		return !slices.ContainsFunc(l.gateway.Attempts().Query(attempt.Filter{}).Attempts, func(a attempt.Attempt) bool { return !a.Done })
	})
}

// certificate is a self-signed one with secrets in its names, and its private key as bytes.
func (l *leaky) certificate(subject, san string) (tls.Certificate, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		l.api.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: subject}, DNSNames: []string{san},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		l.api.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		l.api.t.Fatal(err)
	}
	scalar, err := key.Bytes()
	if err != nil {
		l.api.t.Fatal(err)
	}
	l.Add("a private key of "+subject[:4], string(scalar))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// connects are CONNECTs with a secret where there should be one, where there should be none, and cut at every field.
func (l *leaky) connects(keySID, secret string) [][]byte {
	with := func(c wire.Connect, password string) wire.Connect {
		c.HasPassword, c.Password = true, []byte(password)
		return c
	}
	base := wire.Connect{ClientID: "board", HasUser: true, User: keySID}
	mqtt5 := with(base, l.Text("a password of MQTT 5"))
	mqtt5.Level, mqtt5.User = 5, l.Text("a user name of MQTT 5")
	five := wire.AppendConnect(nil, mqtt5, true)
	property := slices.Concat([]byte{0x16, 0, 32}, []byte(l.Text("authentication data")), []byte{0x26, 0, 1, 'k', 0, 32}, []byte(l.Text("a user property")))
	withProperties := slices.Concat([]byte{0x10, byte(len(five) - 2 + len(property))}, five[2:12], []byte{byte(len(property))}, property, five[13:])
	unknown := with(base, l.Text("a password of level 9"))
	unknown.Level = 9
	noFlags := packet(with(base, l.Text("a password without its flag")))
	noFlags[9] = 0
	reserved := packet(with(base, l.Text("a password behind a reserved flag")))
	reserved[9] |= 1
	short := packet(with(base, l.Text("a password beyond the packet")))
	short[1] -= 5
	will := with(base, secret)
	will.HasWill, will.WillTopic, will.WillPayload = true, "last/"+l.Bare("the topic of a will"), []byte(l.Text("the payload of a will"))
	idAsWell := with(base, secret)
	idAsWell.ClientID = secret
	named := with(base, l.Text("a wrong password"))
	named.ClientID = l.Bare("a client ID")
	wrongField := with(base, "x")
	wrongField.User = l.Text("a user name that is a secret")
	old := with(base, l.Text("a password of MQTT 3.1"))
	old.ProtocolName, old.Level = "MQIsdp", 3
	all := [][]byte{
		five, withProperties, packet(unknown), noFlags, reserved, short, packet(will), packet(idAsWell), packet(named), packet(wrongField), packet(old),
		packet(with(base, secret+"\n")), packet(with(base, secret[:len(secret)-3])), packet(with(base, `"`+secret+`"`)), packet(with(base, url.QueryEscape(secret))),
	}
	cut := packet(with(wire.Connect{ClientID: "board", HasWill: true, WillTopic: "w", WillPayload: []byte(l.Text("the payload of a will that is cut off")), HasUser: true, User: keySID}, l.Text("a password that is cut off")))
	for at := 10; at < len(cut); at += 9 {
		all = append(all, cut[:at])
	}
	return all
}

// TestNoOutputHoldsASecret plants secrets wherever a device, a user or a script may put one, and looks for eight bytes of any of
// them in all that the program lets out.
func TestNoOutputHoldsASecret(t *testing.T) {
	l := openLeaky(t)
	keySID, secret, pair := l.devices()
	anyTLS := &tls.Config{}
	for _, b := range l.connects(keySID, secret) {
		l.say(anyTLS, b)
		l.say(&tls.Config{Certificates: []tls.Certificate{pair}}, b)
	}
	right := packet(key(keySID, secret))
	topic := "rooms/" + l.Bare("a topic")
	l.said() // one connection of a device ends another
	l.say(anyTLS, right,
		wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "rooms/" + l.Bare("a filter")}),
		wire.AppendPublish(nil, wire.Message{Topic: topic, QoS: 1, ID: 2, Payload: []byte(l.Text("a payload"))}),
		wire.AppendPublish(nil, wire.Message{Topic: "sync/docs/Kept", QoS: 1, ID: 3, Payload: []byte(`{"text":"` + l.Bare("the data of an object") + `"}`)}),
		wire.AppendEmpty(nil, wire.DISCONNECT))
	l.said()
	second := key(keySID, l.Text("the password of a second CONNECT"))
	l.say(anyTLS, right, packet(second))
	l.say(&tls.Config{ServerName: l.Bare("a server name") + ".example", NextProtos: []string{l.Bare("an ALPN")}}, packet(key(keySID, "wrong")))
	// Without TLS, and HTTP where MQTT is spoken.
	l.say(nil, packet(key(keySID, l.Text("a password in the clear"))))
	web := "GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: Basic " + l.Text("an authorization in the clear") + "\r\n\r\n"
	l.say(nil, []byte(web))
	l.say(nil, []byte(l.Text("a secret in the clear, of no protocol")))
	l.say(nil, []byte("\x10"+l.Text("a secret in the clear, after a byte of MQTT")))
	l.say(nil, []byte("GET /"+l.Text("a path in the clear")+" HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt, "+l.Bare("a token beside a protocol")+"\r\n\r\n"))
	l.say(anyTLS, []byte("GET /"+l.Text("a path over TLS")+" HTTP/1.1\r\nUpgrade: websocket\r\nCookie: "+l.Text("a cookie over TLS")+"\r\n\r\n"))
	l.say(anyTLS, []byte("POST / HTTP/1.1\r\nAuthorization: Bearer "+l.Text("an authorization over TLS")+"\r\n\r\n"))
	l.said()
	l.overHTTP()
	l.byCommand()
	l.collect()
	l.Look(l.outputs)
	l.shows("attempts whole, as JSON", ofPackets)
	l.shows("reports", []string{"the topic of a will", "a topic", "a certificate's subject"})
	l.shows("packets", []string{"a filter", "a topic"})
	l.shows("packets and reports with payloads", []string{"a payload"})
}

// shows fails when an output lacks what it shows by right: then the search says nothing.
func (l *leaky) shows(name string, what []string) {
	at := slices.IndexFunc(l.outputs, func(o planted.Output) bool { return o.Name == name })
	for _, one := range what {
		if !l.Held(l.outputs[at].Text, one) {
			l.api.t.Errorf("%s should show %s, and does not", name, one)
		}
	}
}

// devices makes what is needed over HTTP, with secrets in it. It returns a key's SID and secret, and a certificate.
func (l *leaky) devices() (keySID, secret string, pair tls.Certificate) {
	d := l.post(201, "/default/Devices", url.Values{"UniqueName": {"board"}})
	made := l.post(201, "/default/Keys", url.Values{"DeviceSid": {d.SID}})
	l.Add("the secret of a key", made.Secret)
	pair, both := l.certificate(l.Bare("a certificate's subject"), l.Bare("a certificate's SAN")+".example")
	// Of a file with certificate and private key, the whole is sent by mistake.
	l.post(201, "/default/Certificates", url.Values{"DeviceSid": {d.SID}, "CertificateData": {string(both)}})
	return made.SID, made.Secret, pair
}

// overHTTP asks with secrets in header, path, query and form. The answers are outputs.
func (l *leaky) overHTTP() {
	account := l.gateway.Registry().Account()
	ask := func(name, method, path, user, password string, form url.Values) {
		r, err := http.NewRequestWithContext(l.api.t.Context(), method, l.gateway.Status().HTTPURL+path, strings.NewReader(form.Encode()))
		if err != nil {
			l.api.t.Fatal(err)
		}
		r.SetBasicAuth(user, password)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := l.client.Do(r)
		if err != nil {
			l.api.t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			l.api.t.Fatal(err)
		}
		l.out("the answer to "+name, body)
	}
	ask("a wrong token", "GET", "/DeployedDevices/Fleets", account.SID, l.Text("a wrong token"), nil)
	ask("a token as the account", "GET", "/DeployedDevices/Fleets", l.Text("a token in the account's place"), "x", nil)
	ask("a secret in the query", "GET", "/DeployedDevices/Fleets?Token="+url.QueryEscape(l.Text("a token in a query")), account.SID, account.AuthToken, nil)
	ask("a key with a password", "POST", "/DeployedDevices/Fleets/default/Keys", account.SID, account.AuthToken, url.Values{"Secret": {l.Text("a secret in a form")}, "DeviceSid": {"TH0"}})
	private := l.Text("a private key without a certificate")
	ask("a private key as a certificate", "POST", "/DeployedDevices/Fleets/default/Certificates", account.SID, account.AuthToken,
		url.Values{"CertificateData": {"-----BEGIN PRIVATE KEY-----\n" + private + "\n-----END PRIVATE KEY-----\n"}})
	hook := url.URL{Scheme: "http", Host: "127.0.0.1:1", Path: "/hook", RawQuery: "token=" + l.Bare("a webhook's token"), User: url.UserPassword("hook", l.Bare("a webhook's password"))}
	ask("a webhook", "POST", "/v1/Services/default", account.SID, account.AuthToken, url.Values{"WebhookUrl": {hook.String()}})
	l.outputs = l.outputs[:len(l.outputs)-1] // a service says what its webhook is to those who hold the token
	ask("a document", "POST", "/v1/Services/default/Documents", account.SID, account.AuthToken, url.Values{"UniqueName": {"Hooked"}, "Data": {`{"a":1}`}})
}

// run is one command of the command line on the gateway.
func (l *leaky) run(args ...string) (text []byte) {
	var out, errs bytes.Buffer
	commands.Run(append(args, "--data", l.gateway.Status().DataDir), &out, &errs, nil)
	return append(out.Bytes(), errs.Bytes()...)
}

// byCommand calls the command line with secrets in its arguments and its environment.
func (l *leaky) byCommand() {
	bad := func(name string, args ...string) {
		var out, errs bytes.Buffer
		commands.Run(args, &out, &errs, nil)
		l.out("the command with "+name, append(out.Bytes(), errs.Bytes()...))
	}
	bad("a password in its URL", "attempt", "list", "--http", "http://me:"+l.Bare("a password in a URL")+"@127.0.0.1:1")
	l.api.t.Setenv("GATEHOUSE_ACCOUNT_SID", l.gateway.Registry().Account().SID)
	l.api.t.Setenv("GATEHOUSE_AUTH_TOKEN", l.Text("a token in the environment"))
	bad("a wrong token in the environment", "attempt", "list", "--http", l.gateway.Status().HTTPURL)
	bad("a token that goes nowhere", "attempt", "list", "--http", "http://127.0.0.1:1")
}

// collect gathers all that shows attempts and what is known of them.
func (l *leaky) collect() {
	t, g := l.api.t, l.gateway
	l.log.Lock()
	l.out("the log and the events", bytes.Clone(l.log.Bytes()))
	l.log.Unlock()
	all := g.Attempts().Query(attempt.Filter{Whole: true}).Attempts
	if len(all) < 40 {
		t.Fatalf("only %d attempts", len(all))
	}
	var whole, reports, texts, packets, asked bytes.Buffer
	for _, a := range all {
		id := fmt.Sprint(a.ID)
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		whole.Write(append(text, '\n'))
		whole.Write(l.do(200, "GET", "/gatehouse/v1/Attempts/"+id, nil))
		whole.Write(l.do(200, "GET", "/gatehouse/v1/Attempts/"+id+"/Diagnosis", nil))
		outcome := g.WouldPass(a)
		source := report.Source{Attempt: a, Comparison: g.Compare(a), Now: &outcome, Findings: g.Findings().All(), Gateway: report.Gateway{ServerNames: g.Status().Names}}
		markdown := report.Markdown(source)
		if text, err = report.JSON(source); err != nil {
			t.Fatal(err)
		}
		reports.WriteString(markdown + string(text))
		published := slices.ContainsFunc(a.Packets, func(p attempt.Packet) bool { return p.Bytes[0]>>4 == wire.PUBLISH })
		if a.ID%9 != 0 && !published { // the commands take their time, and say what the functions beneath them say
			continue
		}
		reports.Write(l.run("attempt", "report", id))
		reports.Write(l.run("attempt", "report", id, "--format", "json"))
		texts.Write(l.run("attempt", "show", id, "--facts"))
		packets.Write(l.run("attempt", "packets", id))
		packets.Write(l.run("attempt", "packets", id, "--format", "json"))
		packets.Write(l.run("attempt", "packets", id, "--format", "raw"))
		asked.Write(l.run("attempt", "packets", id, "--payloads"))
		asked.Write(l.run("attempt", "report", id, "--payloads"))
	}
	l.out("attempts whole, as JSON", whole.Bytes(), ofPackets...)
	l.out("reports", reports.Bytes(), append([]string{"a filter"}, ofReports...)...)
	l.out("timelines", texts.Bytes(), ofAttempts...)
	l.out("packets", packets.Bytes(), append([]string{"a filter"}, ofAttempts...)...)
	l.out("packets and reports with payloads", asked.Bytes(), ofPackets...)
	l.out("the list", l.run("attempt", "list", "--limit", "1000"), ofAttempts...)
	l.out("the list as JSON", l.run("attempt", "list", "--limit", "1000", "--json"), ofAttempts...)
	l.out("findings", l.run("finding", "list", "--all"), ofAttempts...)
	l.out("findings as JSON", l.do(200, "GET", "/gatehouse/v1/Findings", nil), ofAttempts...)
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/DeployedDevices/Fleets", "/DeployedDevices/Fleets/default/Devices", "/DeployedDevices/Fleets/default/Keys", "/DeployedDevices/Fleets/default/Deployments"} {
		l.out(path, l.do(200, "GET", path, nil))
	}
	l.out("certificates", l.do(200, "GET", "/DeployedDevices/Fleets/default/Certificates", nil), "a certificate's subject", "a certificate's SAN")
	if err := g.Close(); err != nil { // what is written last is written now
		t.Fatal(err)
	}
	l.files()
}

// files are those of the data folder, but for those whose purpose is to hold secrets or data: api.json, the store, and the
// gateway's own private keys.
func (l *leaky) files() {
	dir := l.gateway.Status().DataDir
	seen := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case entry.IsDir() && (name == "store" || name == "pki"):
			return filepath.SkipDir
		case entry.IsDir() || name == "api.json":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		l.out("the file "+name, text, ofPackets...)
		return nil
	})
	if err != nil || seen == 0 {
		l.api.t.Fatalf("%d files of the data folder: %v", seen, err)
	}
}
