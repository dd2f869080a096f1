package lab

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/pki"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "not-to-be-recorded"

type nobody struct{}

func (nobody) Key(string) (k registry.Key, found bool)                             { return }
func (nobody) CertificateByThumbprint(string) (c registry.Certificate, found bool) { return }
func (nobody) Device(string) (d registry.Device, found bool)                       { return }

type world struct {
	lab  *Lab
	log  *attempt.Log
	root *x509.CertPool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	a, err := pki.Open(pki.Params{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{log: attempt.NewLog(attempt.Params{}), root: x509.NewCertPool()}
	w.root.AddCert(a.Root())
	w.lab = New(Params{Log: w.log, Registry: nobody{}, Authority: a})
	t.Cleanup(w.lab.Close)
	return w
}

func (w *world) start(t *testing.T, k Kind, o Options) Server {
	t.Helper()
	s, err := w.lab.Start(k, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dial sends a CONNECT, and returns what is answered until the server closes or the device does after a CONNACK.
func (w *world) dial(s Server, validates bool, id string, change func(*tls.Config)) ([]byte, error) {
	c := &tls.Config{RootCAs: w.root, ServerName: "localhost", InsecureSkipVerify: !validates}
	if change != nil {
		change(c)
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", s.Addr, c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(1500 * time.Millisecond))
	packet := wire.AppendConnect(nil, wire.Connect{
		ProtocolName: "MQTT", Level: 4, KeepAlive: 1, Clean: true, ClientID: id, HasUser: true, User: "somebody", HasPassword: true, Password: []byte(secret),
	}, false)
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	answer := make([]byte, 4)
	n, err := io.ReadFull(conn, answer)
	return answer[:n], err
}

// result waits for one about a kind that has seen n attempts.
func (w *world) result(t *testing.T, k Kind, n int) Result {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, r := range w.lab.Results() {
			if r.Kind == k && r.Attempts >= n {
				return r
			}
		}
	}
	t.Fatalf("no result of %s", k)
	return Result{}
}

func TestWrongCertificatesTellValidatingDevicesFromOthers(t *testing.T) {
	w := newWorld(t)
	for _, i := range Kinds() {
		if i.Group != Certificate {
			continue
		}
		s := w.start(t, i.Kind, Options{})
		_, err := w.dial(s, true, "", nil)
		if i.Lenient { // Go takes them, too
			if r := w.result(t, i.Kind, 1); r.Outcome != Lenient {
				t.Errorf("%s, validating: %s, %v", i.Kind, r.Outcome, err)
			}
			continue
		}
		if r := w.result(t, i.Kind, 1); err == nil || r.Outcome != Passed {
			t.Errorf("%s, validating: %s, %v", i.Kind, r.Outcome, err)
		}
		answer, _ := w.dial(s, false, "careless", nil)
		if len(answer) != 4 || answer[3] != 3 {
			t.Errorf("%s, not validating: answered % x", i.Kind, answer)
		}
		found := false
		for end := time.Now().Add(5 * time.Second); !found && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			for _, r := range w.lab.Results() {
				found = found || r.Kind == i.Kind && r.Name == "careless" && r.Outcome == Failed
			}
		}
		if !found {
			t.Errorf("%s: the careless device did not fail", i.Kind)
		}
	}
	for _, a := range w.log.Query(attempt.Filter{Whole: true}).Attempts {
		if text, _ := json.Marshal(a); strings.Contains(string(text), secret) || a.Server == "" {
			t.Errorf("attempt %d at %q holds the password, or no server", a.ID, a.Server)
		}
		for _, p := range a.Packets {
			if bytes.Contains(p.Bytes, []byte(secret)) {
				t.Errorf("attempt %d: the password is in a packet", a.ID)
			}
		}
	}
	if c := w.log.Counts(time.Time{}); c.Refused != 0 {
		t.Errorf("%d refusals are counted as the gateway's", c.Refused)
	}
}

func TestTLSServersSpeakOneThingOnly(t *testing.T) {
	w := newWorld(t)
	old := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	modern := func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }
	for _, c := range []struct {
		kind   Kind
		change func(*tls.Config)
		want   Outcome
	}{
		{OnlyTLS12, old, Passed}, {OnlyTLS13, nil, Passed}, {LegacySuites, modern, Passed},
	} {
		s := w.start(t, c.kind, Options{})
		_, err := w.dial(s, true, "", c.change)
		if r := w.result(t, c.kind, 1); r.Outcome != c.want {
			t.Errorf("%s: %s, %v", c.kind, r.Outcome, err)
		}
	}
	w.lab.ClearResults()
	s := w.lab.Servers()[0] // TLS 1.2 only
	if _, err := w.dial(s, true, "", modern); err == nil {
		t.Error("a server of TLS 1.2 spoke 1.3")
	}
	if r := w.result(t, OnlyTLS12, 1); r.Outcome != Failed {
		t.Errorf("a device of TLS 1.3 only: %s", r.Outcome)
	}
}

func TestTourGivesEveryCodeInTurn(t *testing.T) {
	w := newWorld(t)
	s := w.start(t, ReturnCode, Options{Code: Tour})
	for n, want := range []byte{1, 2, 3, 4, 5, 0, 1} {
		answer, err := w.dial(s, true, "tourist", nil)
		if err != nil || answer[3] != want {
			t.Fatalf("stop %d: % x, %v, want code %d", n, answer, err, want)
		}
	}
}

func TestRetryAtOnceAfterCode4Fails(t *testing.T) {
	w := newWorld(t)
	s := w.start(t, ReturnCode, Options{Code: 4})
	_, _ = w.dial(s, true, "stubborn", nil)
	if r := w.result(t, ReturnCode, 1); r.Outcome != Waiting {
		t.Errorf("after one: %s", r.Outcome)
	}
	_, _ = w.dial(s, true, "stubborn", nil)
	if r := w.result(t, ReturnCode, 2); r.Outcome != Failed {
		t.Errorf("after two: %s", r.Outcome)
	}
}

func TestNetworkServersDoWhatTheySay(t *testing.T) {
	w := newWorld(t)
	for k, want := range map[Kind]struct {
		answer  string
		outcome Outcome
	}{
		CloseConnect: {"", Waiting}, CloseConnack: {" \x02\x00\x00", Waiting}, HalfOpen: {" \x02\x00\x00", Passed},
		WrongPresent: {" \x02\x01\x00", Passed}, Throttled: {" \x02\x00\x00", Failed},
	} {
		s := w.start(t, k, Options{})
		answer, _ := w.dial(s, true, "one", nil)
		if string(answer) != want.answer {
			t.Errorf("%s: answered % x", k, answer)
		}
		if r := w.result(t, k, 1); r.Outcome != want.outcome {
			t.Errorf("%s: %s, want %s", k, r.Outcome, want.outcome)
		}
	}
	s := w.start(t, Garbage, Options{})
	if answer, _ := w.dial(s, true, "one", nil); len(answer) != 4 || answer[0] != 0xf3 {
		t.Errorf("garbage: % x", answer)
	}
	s = w.start(t, Withheld, Options{})
	if answer, err := w.dial(s, true, "one", nil); len(answer) != 0 || err == nil {
		t.Errorf("withheld: % x, %v", answer, err)
	}
	if r := w.result(t, Withheld, 1); r.Outcome != Passed {
		t.Errorf("gave up on a CONNACK: %s", r.Outcome)
	}
}

func TestServersStopByThemselvesAndForGood(t *testing.T) {
	w := newWorld(t)
	w.start(t, Garbage, Options{})
	if _, err := w.lab.Start(Garbage, Options{}); !errors.Is(err, ErrRunning) {
		t.Errorf("started twice: %v", err)
	}
	w.lab.Stop(Garbage)
	s := w.start(t, HalfOpen, Options{For: 50 * time.Millisecond})
	for end := time.Now().Add(5 * time.Second); len(w.lab.Servers()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still running")
		}
	}
	if conn, err := net.Dial("tcp", s.Addr); err == nil {
		_ = conn.Close()
		t.Error("its port is still open")
	}
	w.lab.Close()
	if _, err := w.lab.Start(HalfOpen, Options{}); !errors.Is(err, ErrClosed) {
		t.Errorf("started after Close: %v", err)
	}
}

func TestExportsCannotBeBrokenByNames(t *testing.T) {
	r := []Result{{Name: "=cmd|'x'!A0\n<b>", Kind: Garbage, Code: -1, Outcome: Failed}}
	if text := CSV(r); !strings.Contains(text, `"'=cmd`) {
		t.Errorf("%s", text)
	}
	if text := Markdown(r); strings.Count(text, "\n") != 3 || strings.Contains(text, "<b>") {
		t.Errorf("%s", text)
	}
	if text, err := JSON(r); err != nil || !json.Valid(text) {
		t.Errorf("%s, %v", text, err)
	}
}
