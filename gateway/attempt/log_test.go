package attempt

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/gateway/cause"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests set.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) Now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func TestAnAttemptIsRecordedFromAcceptToEnd(t *testing.T) {
	now := newClock()
	l := NewLog(Params{Now: now.Now})
	r := l.Begin("192.0.2.7:4711", "127.0.0.1:8883")
	now.advance(3 * time.Millisecond)
	r.Step(ClientHello, Good, F("sni", "localhost"))
	r.Warn(cause.WillDiscarded, F("topic", "gone"))
	r.Identify(func(a *Attempt) { a.DeviceSID, a.DeviceName, a.ClientID = "TH1", "lamp", "lamp-1" })
	if a, _ := l.Get(r.ID()); a.Code != Pending || a.Live || a.Done {
		t.Fatalf("before the verdict: %+v", a)
	}
	r.Decide(0, cause.Accepted)
	now.advance(time.Millisecond)
	r.Accepted(true, 7)
	a, _ := l.Get(r.ID())
	if a.Code != 0 || a.Cause != cause.Accepted || !a.Live || !a.Resumed || a.Pending != 7 || a.Total != 3*time.Millisecond {
		t.Fatalf("after the verdict: %+v", a)
	}
	now.advance(time.Minute)
	r.End(cause.ClientClosed, "device", errors.New("reset"))
	a, ok := l.Get(r.ID())
	if !ok || a.Live || !a.Done || a.End != cause.ClientClosed || a.Code != 0 || a.Total < time.Minute {
		t.Fatalf("after the end: %+v", a)
	}
	var kinds []string
	for _, s := range a.Steps {
		kinds = append(kinds, string(s.Kind))
	}
	if got := strings.Join(kinds, " "); got != "accepted client_hello warning verdict session ended" {
		t.Errorf("steps: %s", got)
	}
	if last := a.Steps[len(a.Steps)-1]; last.Fact("by") != "device" || last.Fact("error") != "reset" || last.State != Warn {
		t.Errorf("end: %+v", last)
	}
	if a.Steps[1].Offset != 3*time.Millisecond || a.Warnings[0] != cause.WillDiscarded {
		t.Errorf("step %+v, warnings %v", a.Steps[1], a.Warnings)
	}
}

func TestAnEndWithoutAVerdictIsNoAnswer(t *testing.T) {
	l := NewLog(Params{})
	r := l.Begin("a:1", "b:2")
	r.End(cause.ConnectTimeout, "gateway", nil)
	if a, _ := l.Get(1); a.Code != NoAnswer || a.Cause != cause.ConnectTimeout || a.End != "" || !a.Done {
		t.Fatalf("%+v", a)
	}
}

func TestARegistryRecheckOverrulesAnUnconfirmedAcceptance(t *testing.T) {
	l := NewLog(Params{})
	told := 0
	l.OnDecided(func(a Attempt) {
		if told++; a.Code != 5 {
			t.Errorf("told of code %d", a.Code)
		}
	})
	r := l.Begin("a:1", "b:2")
	r.Decide(0, cause.Accepted)
	r.Decide(5, cause.DeviceDisabled, cause.NotDeployed)
	r.End(cause.DeviceDisabled, "gateway", nil)
	a, _ := l.Get(1)
	if a.Code != 5 || a.Cause != cause.DeviceDisabled || len(a.Also) != 1 || told != 1 {
		t.Fatalf("told %d times, %+v", told, a)
	}
	c := l.Counts(time.Time{})
	if c.Accepted != 0 || c.Refused != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestEachAttemptIsToldAndCountedOnce(t *testing.T) {
	l := NewLog(Params{})
	told := map[Code]int{}
	l.OnDecided(func(a Attempt) {
		told[a.Code]++
		if a.Code < 0 && !a.Done {
			t.Errorf("code %d told before its end", a.Code)
		}
		l.Get(a.ID) // no lock is held
	})
	for _, code := range []Code{TLS, TCP, 1, 2, 3, 4, 5} {
		r := l.Begin("a:1", "b:2")
		r.Decide(code, cause.HandshakeFailed)
		r.End(cause.HandshakeFailed, "gateway", nil)
		r.End(cause.HandshakeFailed, "gateway", nil)
	}
	r := l.Begin("a:1", "b:2")
	r.Decide(0, cause.Accepted)
	r.Accepted(false, 0)
	r.End(cause.ClientDisconnect, "device", nil)
	l.Begin("a:1", "b:2").End(cause.ClosedBeforeConnect, "device", nil)
	l.Begin("a:1", "b:2") // pending
	c := l.Counts(time.Now().Add(-time.Minute))
	for _, code := range []Code{TLS, TCP, NoAnswer, 0, 1, 2, 3, 4, 5} {
		if told[code] != 1 || c.ByCode[code] != 1 {
			t.Errorf("code %d: told %d, counted %d", code, told[code], c.ByCode[code])
		}
	}
	if c.Accepted != 1 || c.Refused != 8 {
		t.Errorf("counts %+v", c)
	}
}

func TestTheOldestGoFirstWhenTheRingIsFull(t *testing.T) {
	l := NewLog(Params{Capacity: 10})
	for range 25 {
		l.Begin("a:1", "b:2")
	}
	if l.Len() != 10 {
		t.Fatalf("%d kept", l.Len())
	}
	if _, ok := l.Get(15); ok {
		t.Error("15 is still there")
	}
	page := l.Query(Filter{})
	if page.Total != 10 || page.Attempts[0].ID != 25 || page.Attempts[9].ID != 16 {
		t.Errorf("total %d, first %d", page.Total, page.Attempts[0].ID)
	}
}

func TestBytesAreBounded(t *testing.T) {
	const bound = 1 << 20
	l := NewLog(Params{Bytes: bound, MaxPacketBytes: 1 << 10})
	live := l.Begin("first:1", "b:2")
	for range 2000 {
		r := l.Begin("a:1", "b:2")
		r.Identify(func(a *Attempt) { a.ClientID = strings.Repeat("é", 40_000) })
		for range 40 {
			r.Packet(false, make([]byte, 4096))
		}
		if got := l.bytes.Load(); got > bound {
			t.Fatalf("%d bytes are kept", got)
		}
	}
	if l.Len() < 10 || l.Len() > 100 {
		t.Errorf("%d attempts are kept", l.Len())
	}
	for range 1000 { // one whose record is gone costs nothing more
		live.Step(Warning, Warn, F("x", strings.Repeat("y", 1000)))
	}
	live.record.mu.Lock()
	defer live.record.mu.Unlock()
	if live.record.body.stepCount != 0 || live.record.size != 0 {
		t.Error("an evicted record still grows")
	}
}

func TestOnePeerCannotFillTheRing(t *testing.T) {
	l := NewLog(Params{PacketsKept: 3, MaxPacketBytes: 8})
	r := l.Begin("a:1", "b:2")
	if !r.Packet(false, []byte("0123456789")) || !r.Packet(true, []byte{1}) || r.Packet(false, nil) || r.Packet(false, nil) {
		t.Error("Packet does not say when it is enough")
	}
	for range 10_000 {
		r.Step(Warning, Warn, F("x", strings.Repeat("é", 20_000)))
	}
	r.Identify(func(a *Attempt) { a.ClientID = strings.Repeat("é", 40_000) })
	r.End(cause.ClientClosed, "device", nil)
	a, _ := l.Get(1)
	if len(a.Packets) != 3 || len(a.Packets[0].Bytes) != 8 || a.Packets[0].Length != 10 {
		t.Errorf("packets %+v", a.Packets)
	}
	if len(a.Steps) > maxSteps+1 || a.Steps[len(a.Steps)-1].Kind != Ended || len(a.Steps[1].Facts[0].Value) > maxFactBytes {
		t.Errorf("%d steps", len(a.Steps))
	}
	if len(a.ClientID) > maxFieldText || !strings.HasSuffix(a.ClientID, "é…") {
		t.Errorf("client id of %d bytes", len(a.ClientID))
	}
}

func TestFilters(t *testing.T) {
	now := newClock()
	l := NewLog(Params{Now: now.Now})
	add := func(remote string, code Code, why cause.ID, who Attempt) uint64 {
		r := l.Begin(remote, "b:2")
		r.Identify(func(a *Attempt) {
			a.DeviceSID, a.DeviceName, a.CredentialSID, a.ClientID, a.Thumbprint = who.DeviceSID, who.DeviceName, who.CredentialSID, who.ClientID, who.Thumbprint
		})
		r.Decide(code, why)
		if code == 0 {
			r.Warn(cause.WillDiscarded)
			r.Accepted(false, 0)
		} else {
			r.End(why, "gateway", nil)
		}
		now.advance(time.Minute)
		return r.ID()
	}
	lamp := add("192.0.2.1:1000", 0, cause.Accepted, Attempt{DeviceSID: "TH1", DeviceName: "Lamp", CredentialSID: "KY1", ClientID: "esp32"})
	pump := add("192.0.2.2:1001", 5, cause.DeviceDisabled, Attempt{DeviceSID: "TH2", DeviceName: "pump", CredentialSID: "CY2", Thumbprint: "abcdef"})
	tls := add("[2001:db8::1]:1002", TLS, cause.UntrustedRoot, Attempt{})
	for name, c := range map[string]struct {
		filter Filter
		want   []uint64
	}{
		"all":          {Filter{}, []uint64{tls, pump, lamp}},
		"code":         {Filter{Codes: []Code{5, 0}}, []uint64{pump, lamp}},
		"refused":      {Filter{Refused: true}, []uint64{tls, pump}},
		"cause":        {Filter{Causes: []cause.ID{cause.UntrustedRoot}}, []uint64{tls}},
		"warning":      {Filter{Causes: []cause.ID{cause.WillDiscarded}}, []uint64{lamp}},
		"device":       {Filter{DeviceSID: "TH2"}, []uint64{pump}},
		"credential":   {Filter{CredentialSID: "KY1"}, []uint64{lamp}},
		"host":         {Filter{Remote: "192.0.2.2"}, []uint64{pump}},
		"IPv6 host":    {Filter{Remote: "2001:db8::1"}, []uint64{tls}},
		"address":      {Filter{Remote: "192.0.2.1:1000"}, []uint64{lamp}},
		"since":        {Filter{Since: newClock().Now().Add(time.Minute)}, []uint64{tls, pump}},
		"after":        {Filter{AfterID: pump}, []uint64{tls}},
		"name":         {Filter{Text: "LAMP"}, []uint64{lamp}},
		"client id":    {Filter{Text: "ESP"}, []uint64{lamp}},
		"thumbprint":   {Filter{Text: "ABCD"}, []uint64{pump}},
		"cause text":   {Filter{Text: "untrusted"}, []uint64{tls}},
		"remote text":  {Filter{Text: "192.0.2"}, []uint64{pump, lamp}},
		"nothing":      {Filter{Text: "nowhere"}, nil},
		"both":         {Filter{Refused: true, Text: "pump"}, []uint64{pump}},
		"second page":  {Filter{Offset: 1, Limit: 1}, []uint64{pump}},
		"past the end": {Filter{Offset: 9}, nil},
	} {
		page := l.Query(c.filter)
		var got []uint64
		for _, a := range page.Attempts {
			got = append(got, a.ID)
			if a.Steps != nil {
				t.Errorf("%s: steps without Whole", name)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if p := l.Query(Filter{Limit: 1, Whole: true}); p.Total != 3 || len(p.Attempts[0].Steps) == 0 {
		t.Errorf("whole page: %+v", p)
	}
}

func TestSearchFindsWhatWasIdentifiedAfterTheLastSearch(t *testing.T) {
	l := NewLog(Params{})
	r := l.Begin("a:1", "b:2")
	if l.Query(Filter{Text: "lamp"}).Total != 0 {
		t.Fatal("found too early")
	}
	r.Identify(func(a *Attempt) { a.DeviceName = "lamp" })
	if l.Query(Filter{Text: "lamp"}).Total != 1 {
		t.Fatal("not found")
	}
}

func TestCountsCoverAnHourSecondBySecond(t *testing.T) {
	now := newClock()
	l := NewLog(Params{Now: now.Now, Capacity: 5})
	for range 100 {
		r := l.Begin("a:1", "b:2")
		r.Decide(4, cause.WrongSecret)
		r.End(cause.WrongSecret, "gateway", nil)
	}
	now.advance(10 * time.Second)
	r := l.Begin("a:1", "b:2")
	r.Decide(0, cause.Accepted)
	r.Accepted(false, 0)
	if c := l.Counts(now.Now().Add(-10 * time.Second)); c.ByCode[4] != 100 || c.Accepted != 1 {
		t.Errorf("11 seconds: %+v", c)
	}
	if c := l.Counts(now.Now().Add(-9 * time.Second)); c.Refused != 0 || c.Accepted != 1 {
		t.Errorf("10 seconds: %+v", c)
	}
	series := l.Series(11)
	if len(series) != 11 || series[0].Refused != 100 || series[10].Accepted != 1 || !series[10].At.Equal(now.Now().Truncate(time.Second)) {
		t.Errorf("series: %+v", series)
	}
	now.advance(time.Hour - 10*time.Second)
	if c := l.Counts(time.Time{}); c.Refused != 0 || c.Accepted != 1 {
		t.Errorf("an hour later: %+v", c)
	}
}

func TestVersionRisesWithEveryChange(t *testing.T) {
	l := NewLog(Params{})
	last := l.Version()
	rose := func(what string) {
		t.Helper()
		if v := l.Version(); v <= last {
			t.Errorf("%s did not raise the version", what)
		} else {
			last = v
		}
	}
	r := l.Begin("a:1", "b:2")
	rose("Begin")
	r.Step(ClientHello, Good)
	rose("Step")
	r.Identify(func(a *Attempt) { a.ClientID = "x" })
	rose("Identify")
	r.Packet(true, nil)
	rose("Packet")
	r.Decide(0, cause.Accepted)
	rose("Decide")
	r.Accepted(false, 0)
	rose("Accepted")
	r.End(cause.ClientClosed, "device", nil)
	rose("End")
	l.Query(Filter{})
	if l.Version() != last {
		t.Error("a query raised the version")
	}
}

func TestWritersAndReadersAtOnce(t *testing.T) {
	l := NewLog(Params{Capacity: 64, Bytes: 1 << 20})
	l.OnDecided(func(a Attempt) { l.Get(a.ID) })
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for _, a := range l.Query(Filter{Text: "lamp", Whole: true, Limit: 20}).Attempts {
					if a.DeviceName != "lamp" || len(a.Steps) == 0 {
						t.Errorf("torn copy: %+v", a)
					}
				}
				l.Counts(time.Time{})
				l.Get(l.newest.Load())
				l.Version()
			}
		})
	}
	for range 8 {
		writers.Go(func() {
			for range 500 {
				r := l.Begin("a:1", "b:2")
				r.Identify(func(a *Attempt) { a.DeviceName = "lamp" })
				r.Step(ClientHello, Good, F("sni", "localhost"))
				r.Packet(false, make([]byte, 100))
				r.Decide(0, cause.Accepted)
				r.Accepted(false, 0)
				r.End(cause.ClientClosed, "device", nil)
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if c := l.Counts(time.Time{}); c.Accepted != 4000 {
		t.Errorf("%d counted", c.Accepted)
	}
}

func BenchmarkRecordAnAttempt(b *testing.B) {
	l := NewLog(Params{})
	packet := make([]byte, 120)
	b.ReportAllocs()
	for b.Loop() {
		r := l.Begin("192.0.2.7:4711", "127.0.0.1:8883")
		r.Step(ClientHello, Good, F("versions", "TLS 1.3, TLS 1.2"), F("suites", "12"), F("sni", "localhost"))
		r.Step(ServerChain, Good, F("leaf", "ECDSA P-256"), F("name", "localhost"))
		r.Step(NoCertificate, Good)
		r.Step(Handshake, Good, F("version", "TLS 1.3"), F("suite", "x"), F("group", "X25519"))
		r.Step(Connect, Good, F("protocol", "MQTT"), F("level", "4"), F("client_id", "lamp"), F("hex", "10"))
		r.Packet(false, packet)
		r.Identify(func(a *Attempt) { a.DeviceSID, a.DeviceName = "TH0123456789abcdef0123456789abcdef", "lamp" })
		r.Step(Lookup, Good, F("by", "key"))
		r.Decide(0, cause.Accepted)
		r.Accepted(false, 0)
		r.Packet(true, packet[:4])
		r.End(cause.ClientDisconnect, "device", nil)
	}
}

func benchmarkFull(b *testing.B, f Filter) {
	l := NewLog(Params{})
	for i := range 10_000 {
		r := l.Begin("192.0.2.7:4711", "127.0.0.1:8883")
		r.Identify(func(a *Attempt) {
			a.DeviceSID, a.DeviceName = "TH0123456789abcdef0123456789abcdef", fmt.Sprint("lamp-", i)
		})
		r.Decide(0, cause.Accepted)
		r.Accepted(false, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Query(f)
	}
}

func BenchmarkQueryAPageOf10000(b *testing.B)  { benchmarkFull(b, Filter{Limit: 50}) }
func BenchmarkQueryTextOver10000(b *testing.B) { benchmarkFull(b, Filter{Limit: 50, Text: "lamp-99"}) }
func BenchmarkCounts(b *testing.B) {
	l := NewLog(Params{})
	for b.Loop() {
		l.Counts(time.Time{})
	}
}
