package lab

import (
	"crypto/tls"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// TestADeviceThatRefusesIsKnownByItsAddressUnlessInDoubt: all that it shows of itself is where it comes from.
func TestADeviceThatRefusesIsKnownByItsAddressUnlessInDoubt(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.lab.p.Now = func() time.Time { return now }
	connected := func(remote, device string) {
		rec := w.log.Begin(remote, "192.0.2.1:8883")
		rec.Identify(func(a *attempt.Attempt) { a.DeviceSID, a.DeviceName = device, "name of "+device })
		rec.Decide(0, cause.Accepted)
		rec.End(cause.ClientDisconnect, byDevice, nil)
	}
	refuses := func(remote string) Result {
		rec := w.log.Begin(remote, "192.0.2.1:40000")
		rec.Step(attempt.ClientHello, attempt.Good)
		rec.Step(attempt.ServerChain, attempt.Good)
		rec.Decide(attempt.TLS, cause.UntrustedRoot)
		rec.End(cause.UntrustedRoot, byDevice, nil)
		i, _ := Find("expired_certificate")
		w.lab.ended(i, &server{tour: map[string]int{}}, rec.ID())
		now = now.Add(lookEvery)
		for _, r := range w.lab.Results() {
			if r.Attempt == rec.ID() {
				return r
			}
		}
		t.Fatal("no result")
		return Result{}
	}
	if r := refuses("192.0.2.7:1000"); r.DeviceSID != "" || r.KnownBy != "" || r.Name != "192.0.2.7" || r.Outcome != Passed {
		t.Errorf("nobody came from there: %+v", r)
	}
	connected("192.0.2.7:1001", "TH1")
	if r := refuses("192.0.2.7:1002"); r.DeviceSID != "TH1" || r.KnownBy != ByAddress || r.Name != "name of TH1" {
		t.Errorf("one device came from there: %+v", r)
	}
	connected("192.0.2.7:1003", "TH2")
	if r := refuses("192.0.2.7:1004"); r.DeviceSID != "" || r.KnownBy != "" {
		t.Errorf("two devices came from there: %+v", r)
	}
	connected("192.0.2.8:1", "TH3")
	now = now.Add(2 * lately)
	if r := refuses("192.0.2.8:2"); r.DeviceSID != "" {
		t.Errorf("that was long ago: %+v", r)
	}
}

// TestAWrongNameIsToldByTheServersOwnCertificate: careful clients say bad_certificate for whatever is wrong, and the gateway's own
// certificate is not the one that they saw.
func TestARefusalIsToldByTheServersOwnCertificate(t *testing.T) {
	w := newWorld(t)
	for kind, want := range map[Kind]cause.ID{
		"wrong_name_certificate": cause.WrongServerName, "expired_certificate": cause.ServerCertificateExpired,
		"not_yet_valid_certificate": cause.ServerCertificateEarly, "unknown_root_certificate": cause.UntrustedRoot,
	} {
		s := w.start(t, kind, Options{})
		if _, err := w.dial(s, true, "", nil); err == nil {
			t.Errorf("%s was taken", kind)
		}
		r := w.result(t, kind, 1)
		if a, _ := w.log.Get(r.Attempt); a.Cause != want {
			t.Errorf("%s: %s, want %s", kind, a.Cause, want)
		}
	}
}

// TestASlowNetworkIsPassedByWhoStaysAndFailedByWhoLeaves, be it in the handshake already.
func TestASlowNetworkIsPassedByWhoStaysAndFailedByWhoLeaves(t *testing.T) {
	i, _ := Find(Throttled)
	hello, connect := attempt.Step{Kind: attempt.ClientHello}, attempt.Step{Kind: attempt.Connect}
	packet := func(b byte) attempt.Packet { return attempt.Packet{Bytes: []byte{b}} }
	accepted := []attempt.Packet{packet(0x10), {Outbound: true, Bytes: []byte{0x20, 2, 0, 0}}}
	for name, c := range map[string]struct {
		a    attempt.Attempt
		want Outcome
	}{
		"never spoke":          {attempt.Attempt{Cause: cause.NothingSent}, Undecided},
		"left in handshake":    {attempt.Attempt{Cause: cause.ClosedInHandshake, Steps: []attempt.Step{hello}}, Failed},
		"refused the server":   {attempt.Attempt{Cause: cause.UntrustedRoot, Steps: []attempt.Step{hello}}, Undecided},
		"left after CONNECT":   {attempt.Attempt{Cause: cause.LabCode, End: cause.ClientClosed, Steps: []attempt.Step{hello, connect}, Packets: accepted}, Failed},
		"said goodbye":         {attempt.Attempt{End: cause.ClientClosed, Steps: []attempt.Step{hello, connect}, Packets: append(accepted[:2:2], packet(0xe0))}, Failed},
		"went on":              {attempt.Attempt{End: cause.ClientClosed, Steps: []attempt.Step{hello, connect}, Packets: append(accepted[:2:2], packet(0x82))}, Passed},
		"stayed to the end":    {attempt.Attempt{End: cause.LabClosed, Steps: []attempt.Step{hello, connect}, Packets: accepted}, Passed},
		"the server was ended": {attempt.Attempt{End: cause.GatewayStopped, Steps: []attempt.Step{hello, connect}, Packets: accepted}, Passed},
	} {
		if got := judge(i, c.a); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// openFiles is how many files and sockets this process has open; false where that cannot be told.
func openFiles() (int, bool) {
	entries, err := os.ReadDir("/dev/fd")
	return len(entries), err == nil && runtime.GOOS != "windows"
}

// TestNothingIsLeftOfAllServers: goroutines, sockets and timers, with a device connected to each when it is stopped.
func TestNothingIsLeftOfAllServers(t *testing.T) {
	w := newWorld(t)
	round := func() {
		var devices sync.WaitGroup
		begun := w.log.Query(attempt.Filter{}).Total
		for _, i := range Kinds() {
			s := w.start(t, i.Kind, Options{Code: Tour})
			devices.Go(func() {
				_, _ = w.dial(s, false, "one", func(c *tls.Config) {
					c.MinVersion, c.CipherSuites = tls.VersionTLS12, append(legacySuites, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
				})
			})
		}
		if n := len(w.lab.Servers()); n != len(Kinds()) {
			t.Fatalf("%d servers run, of %d", n, len(Kinds()))
		}
		for end := time.Now().Add(10 * time.Second); w.log.Query(attempt.Filter{}).Total < begun+len(Kinds()); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("not all servers were reached")
			}
		}
		var stopping sync.WaitGroup
		for _, i := range Kinds() {
			stopping.Go(func() {
				if !w.lab.Stop(i.Kind) {
					t.Errorf("%s did not run", i.Kind)
				}
			})
		}
		stopping.Wait()
		devices.Wait()
	}
	round()
	leak := goleak.IgnoreCurrent()
	before, told := openFiles()
	round()
	goleak.VerifyNone(t, leak)
	if after, _ := openFiles(); told && after > before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

// TestWhatStartsDoesNotHoldUpTheOthers: a name that is slow to look up, or a port that is slow to be had, is waited for by nobody
// who asks what runs; and Close leaves nothing of it.
func TestWhatStartsDoesNotHoldUpTheOthers(t *testing.T) {
	w := newWorld(t)
	asked, goOn := make(chan struct{}), make(chan struct{})
	w.lab.p.Host = func() string {
		close(asked)
		<-goOn
		return "127.0.0.1"
	}
	started := make(chan error, 1)
	go func() {
		_, err := w.lab.Start(Garbage, Options{})
		started <- err
	}()
	<-asked
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.lab.Servers()
		w.lab.Results()
		w.lab.Stop(Garbage)
		if _, err := w.lab.Start(Garbage, Options{Addr: "127.0.0.1:0"}); err == nil {
			t.Error("it was started twice")
		}
		w.start(t, HalfOpen, Options{Addr: "127.0.0.1:0"})
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("they wait for a server that starts")
	}
	closed := make(chan struct{})
	go func() {
		w.lab.Close()
		close(closed)
	}()
	for end := time.Now().Add(10 * time.Second); len(w.lab.Servers()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("Close stops nothing")
		}
	}
	close(goOn)
	if err := <-started; err == nil {
		t.Error("a server was started after Close")
	}
	<-closed
	if n := len(w.lab.Servers()); n != 0 {
		t.Errorf("%d servers run after Close", n)
	}
}

// TestStrangersWithoutEndCostABoundedMemory: a client id of its own for each connection, and the tour of each.
func TestStrangersWithoutEndCostABoundedMemory(t *testing.T) {
	w := newWorld(t)
	i, _ := Find(ReturnCode)
	s := &server{Server: Server{Options: Options{Code: Tour}}, tour: map[string]int{}}
	for n := range 3 * mostPupils {
		rec := w.log.Begin("192.0.2.1:1", "192.0.2.2:1")
		rec.Identify(func(a *attempt.Attempt) { a.ClientID = "client-" + strconv.Itoa(n) })
		rec.Step(attempt.Connect, attempt.Good)
		if code := w.lab.codeFor(s, rec.ID()); code != 1 {
			t.Fatalf("the first code of client %d is %d", n, code)
		}
		rec.Decide(1, cause.LabCode)
		rec.End(cause.LabClosed, byGateway, nil)
		w.lab.ended(i, s, rec.ID())
	}
	if n := len(w.lab.Results()); n != mostPupils || len(s.tour) > mostPupils || len(w.lab.order) != mostPupils {
		t.Errorf("%d results, %d in order, %d on tour", n, len(w.lab.order), len(s.tour))
	}
	if newest := w.lab.Results()[0].Name; newest != "client-"+strconv.Itoa(3*mostPupils-1) {
		t.Errorf("the newest is %s", newest)
	}
}
