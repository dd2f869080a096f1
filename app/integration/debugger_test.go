package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/app/report"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
	"gatehouse/sim/simtest"
)

// TestARefusalTellsNothingByItsTime: whether the key is known, and its device disabled, is not to be seen from how long the answer takes,
// nor from how soon the connection is closed after it. That clues are looked for after the close only, gateway/listener shows; this is
// what a client sees of it, with enough keys that they take a while. Each try has a key of its own, since a second wrong secret is
// answered later than the first.
func TestARefusalTellsNothingByItsTime(t *testing.T) {
	const tries = 15
	dir := t.TempDir()
	unlimited(t, dir)
	g := open(t, dir)
	kinds := []string{"unknown", "wrong secret", "disabled"}
	users := map[string][]string{}
	for i := range tries {
		for _, kind := range kinds[1:] {
			d, err := g.Registry().CreateDevice(t.Context(), registry.NewDevice{UniqueName: fmt.Sprint(strings.ReplaceAll(kind, " ", "-"), i), Disabled: kind == "disabled"})
			if err != nil {
				t.Fatal(err)
			}
			for range 4 { // more to compare with
				k, _, err := g.Registry().CreateKey(t.Context(), d.FleetSID, d.SID, "")
				if err != nil {
					t.Fatal(err)
				}
				if len(users[kind]) <= i {
					users[kind] = append(users[kind], k.SID)
				}
			}
		}
		users["unknown"] = append(users["unknown"], sid.New(sid.Key))
	}
	answered, closed := map[string][]time.Duration{}, map[string][]time.Duration{}
	for i := range tries {
		for _, n := range rand.Perm(len(kinds)) { // in no order, so that what drifts is the same for all
			kind := kinds[n]
			c := dial(t, g, nil)
			began := time.Now()
			answer, _, err := c.says(packet(key(users[kind][i], "0123456789abcdefABCDEF0123456789")))
			at := time.Now()
			_, _ = io.Copy(io.Discard, c)
			end := time.Now()
			_ = c.NetConn().Close()
			if answer != 4 {
				t.Fatalf("%s: %d, %v", kind, answer, err)
			}
			answered[kind], closed[kind] = append(answered[kind], at.Sub(began)), append(closed[kind], end.Sub(at))
		}
	}
	median := func(all []time.Duration) time.Duration { slices.Sort(all); return all[len(all)/2] }
	for what, times := range map[string]map[string][]time.Duration{"answer": answered, "close": closed} {
		var medians []time.Duration
		for _, kind := range kinds {
			medians = append(medians, median(times[kind]))
		}
		t.Logf("%s: %v of %v", what, medians, kinds)
		if apart := slices.Max(medians) - slices.Min(medians); apart > 5*time.Millisecond {
			t.Errorf("the medians until the %s are %v for %v: %v apart", what, medians, kinds, apart)
		}
	}
}

// TestTheDebuggerStandsWhileEverythingHappensAtOnce: clients connect, evict each other and are refused, while all that the window can
// ask for is asked, and the record is bounded anew and cleared. Nothing is left afterwards.
func TestTheDebuggerStandsWhileEverythingHappensAtOnce(t *testing.T) {
	leak := goleak.IgnoreCurrent()
	dir := t.TempDir()
	unlimited(t, dir)
	g := open(t, dir)
	var devices []registry.Device
	var keys [][2]string
	for i := range 3 {
		d, err := g.Registry().CreateDevice(t.Context(), registry.NewDevice{UniqueName: "board-" + strconv.Itoa(i)})
		if err != nil {
			t.Fatal(err)
		}
		k, secret, err := g.Registry().CreateKey(t.Context(), d.FleetSID, d.SID, "")
		if err != nil {
			t.Fatal(err)
		}
		devices, keys = append(devices, d), append(keys, [2]string{k.SID, secret})
	}
	until := time.Now().Add(2500 * time.Millisecond)
	var all sync.WaitGroup
	again := func(pause time.Duration, do func()) {
		all.Go(func() {
			for time.Now().Before(until) {
				do()
				time.Sleep(pause)
			}
		})
	}
	var connects, asked int64
	var mu sync.Mutex
	for n := range 8 {
		again(0, func() {
			k := keys[n%len(keys)]
			if n%4 == 3 {
				k[1] += "\n" // refused, with a clue
			}
			c, err := dialErr(g, nil)
			if err != nil {
				return
			}
			defer c.NetConn().Close()
			if _, err := c.Write(packet(key(k[0], k[1]))); err != nil {
				return
			}
			answer, _, _ := code(c)
			if answer == 0 {
				_, _ = c.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "a/#"}))
				_, _ = c.Write(wire.AppendPublish(nil, wire.Message{Topic: "a/b", Payload: []byte("x")}))
				_ = c.SetReadDeadline(time.Now().Add(time.Duration(n) * 5 * time.Millisecond))
				_, _ = io.Copy(io.Discard, c)
			}
			mu.Lock()
			connects++
			mu.Unlock()
		})
	}
	on := false
	again(time.Millisecond, func() {
		on = !on
		g.Trace(devices[0].SID, on)
		g.Traced(devices[1].SID)
	})
	again(20*time.Millisecond, func() {
		s := g.Settings()
		s.Attempts.Count = 100 + rand.IntN(400)
		if err := g.SetSettings(s); err != nil {
			t.Error(err)
		}
		g.Attempts().SetBounds(50+rand.IntN(500), 1<<20+rand.Int64N(1<<24))
	})
	again(50*time.Millisecond, func() {
		if err := g.ClearAttempts(); err != nil {
			t.Error(err)
		}
	})
	again(10*time.Millisecond, func() {
		off := rand.IntN(2) == 0
		if _, err := g.Registry().UpdateDevice(t.Context(), devices[2].SID, registry.DeviceChange{Enabled: &off}); err != nil {
			t.Error(err)
		}
		g.Disconnect(devices[rand.IntN(len(devices))].SID)
	})
	for range 2 {
		again(0, func() {
			findings := g.Findings().All()
			for _, f := range findings {
				if rand.IntN(10) == 0 {
					g.Findings().Dismiss(f.ID)
				}
			}
			page := g.Attempts().Query(attempt.Filter{Limit: 4, Whole: true, Text: []string{"", "board", "127"}[rand.IntN(3)]})
			for _, a := range page.Attempts {
				now := g.WouldPass(a)
				g.WhatIf(a, diagnosis.Change{Enable: true, AssignTo: devices[1].SID})
				source := report.Source{Attempt: a, Comparison: g.Compare(a), Now: &now, Findings: report.ProvedBy(a.ID, findings)}
				if report.Markdown(source) == "" {
					t.Error("an empty report")
				}
				if _, err := report.JSON(source); err != nil {
					t.Error(err)
				}
				g.Attempts().Counts(time.Time{})
				mu.Lock()
				asked++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if connects < 10 || asked < 10 { // a busy machine under the race detector
		t.Errorf("%d connects, %d attempts asked about", connects, asked)
	}
	began := time.Now()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	simtest.NothingRuns(t, leak)
	t.Logf("%d connects, %d attempts asked about", connects, asked)
}

// TestTenThousandStrangersCostABoundedMemory: whatever is different in each attempt, in the record and in the findings.
func TestTenThousandStrangersCostABoundedMemory(t *testing.T) {
	const strangers, bound = 10_000, 8 << 20
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	findings := finding.New(finding.Params{})
	l := attempt.NewLog(attempt.Params{Capacity: 2000, Bytes: bound, Each: findings.Observe})
	defer l.Close()
	long := strings.Repeat("x", 4000)
	for i := range 3 * strangers {
		n := strconv.Itoa(i)
		rec := l.Begin(net.JoinHostPort(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), "1000"), "192.0.2.1:8883")
		rec.Identify(func(a *attempt.Attempt) {
			a.ClientID, a.ServerName, a.PresentedUser, a.Thumbprint = n+long, n+".example", "KY"+n, n
		})
		rec.Step(attempt.ClientHello, attempt.Good, attempt.F("sni", n+long))
		rec.Warn(cause.NameNotInCertificate, attempt.F("dialled", n+long))
		rec.Decide([]attempt.Code{4, attempt.TLS, 2}[i%3], []cause.ID{cause.UnknownKey, cause.UntrustedRoot, cause.UserNotKeySID}[i%3])
		rec.End(cause.UnknownKey, "gateway", nil)
		if i%1000 == 0 {
			l.Query(attempt.Filter{Text: n, Limit: 1}) // which is when what is searched is made
			findings.All()
		}
	}
	if n := l.Len(); n > 2000 {
		t.Errorf("%d attempts are kept", n)
	}
	if n := len(findings.All()); n > 500 {
		t.Errorf("%d findings are kept", n)
	}
	const findingsMost = 32 << 20 // 4 096 watched devices, addresses and credentials, with some events each
	if grown := heap() - before; grown > bound+bound/2+findingsMost {
		t.Errorf("%d MiB are held", grown>>20)
	} else {
		t.Logf("%d KiB are held", grown>>10)
	}
	runtime.KeepAlive(findings)
}

// manyAlerts is a connection whose client sends warnings of TLS 1.2 in the clear before its hello.
func manyAlerts(n int) []byte {
	var b []byte
	for range n {
		b = append(b, 21, 3, 1, 0, 2, 1, 90) // warning, user_canceled
	}
	return b
}

// TestAHandshakeMadeToHurtCostsOneRecordOfBoundedSize: chains at the limit of TLS and beyond, floods of alerts, and bytes one by one.
func TestAHandshakeMadeToHurtCostsOneRecordOfBoundedSize(t *testing.T) {
	dir := t.TempDir()
	unlimited(t, dir)
	g := open(t, dir)
	d, _, _ := device(t, g, "heavy")
	pair, _ := enrolled(t, g, d)
	chain := func(size int) *tls.Config {
		big := pair
		big.Certificate = slices.Clone(pair.Certificate)
		for sum := 0; sum < size; sum += len(pair.Certificate[0]) + 5 {
			big.Certificate = append(big.Certificate, pair.Certificate[0])
		}
		return &tls.Config{Certificates: []tls.Certificate{big}}
	}
	tcp := func() net.Conn {
		c, err := net.DialTimeout("tcp", g.Status().MQTTAddr, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(12 * time.Second))
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	newest := func(c net.Conn) (a attempt.Attempt) {
		eventually(t, "the attempt is over", func() bool {
			page := g.Attempts().Query(attempt.Filter{Remote: c.LocalAddr().String(), Limit: 1, Whole: true})
			if len(page.Attempts) == 0 || !page.Attempts[0].Done {
				return false
			}
			a = page.Attempts[0]
			return true
		})
		return a
	}
	bounded := func(name string, a attempt.Attempt) {
		const most = 128 << 10
		size := 0
		for _, s := range a.Steps {
			for _, f := range s.Facts {
				size += len(f.Name) + len(f.Value)
			}
		}
		for _, p := range a.Packets {
			size += len(p.Bytes)
		}
		if size > most || len(a.Steps) > 200 {
			t.Errorf("%s: %d bytes in %d steps are recorded", name, size, len(a.Steps))
		}
	}
	for name, c := range map[string]struct {
		size int
		code int
		why  cause.ID
	}{
		"a chain of 200 KiB":   {200 << 10, 0, cause.Accepted},
		"a chain beyond TLS's": {300 << 10, -1, cause.HandshakeFailed},
	} {
		raw := tcp()
		config := chain(c.size)
		config.InsecureSkipVerify = true
		conn := tls.Client(raw, config)
		answer := -1
		if conn.Handshake() == nil {
			if _, err := conn.Write(packet(wire.Connect{Clean: true, KeepAlive: 60})); err == nil {
				answer, _, _ = code(conn)
			}
		}
		_ = raw.Close()
		a := newest(raw)
		if answer != c.code || a.Cause != c.why {
			t.Errorf("%s: code %d, %s, want %d, %s", name, answer, a.Cause, c.code, c.why)
		}
		bounded(name, a)
	}

	alerts := tcp()
	_, _ = alerts.Write(manyAlerts(20_000))
	_, _ = io.Copy(io.Discard, alerts)
	_ = alerts.Close()
	a := newest(alerts)
	if a.Code != attempt.TLS && a.Code != attempt.TCP {
		t.Errorf("a flood of alerts: %d, %s", a.Code, a.Cause)
	}
	bounded("a flood of alerts", a)

	slow := tls.Client(byteByByte{tcp()}, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})
	if _, err := slow.Write(packet(wire.Connect{Clean: true, KeepAlive: 60})); err != nil {
		t.Fatal("byte by byte:", err)
	}
	if answer, _, err := code(slow); answer != 0 {
		t.Errorf("byte by byte: %d, %v", answer, err)
	}
	_ = slow.NetConn().Close()
	bounded("byte by byte", newest(slow.NetConn()))
}

// byteByByte writes each byte as a segment of its own.
type byteByByte struct{ net.Conn }

func (c byteByByte) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := c.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// TestADamagedNewestRecordCostsItselfAlone: the gateway starts and listens, what is in older files stays, and no
// number that is kept is given again.
func TestADamagedNewestRecordCostsItselfAlone(t *testing.T) {
	dir := t.TempDir()
	refuse := func(g *gateway.Gateway) uint64 {
		c := dial(t, g, nil)
		if answer, _, err := c.says(packet(wire.Connect{Clean: true})); answer != 2 {
			t.Fatal(answer, err)
		}
		_ = c.NetConn().Close()
		eventually(t, "the attempt is over", func() bool {
			page := g.Attempts().Query(attempt.Filter{Limit: 1})
			return len(page.Attempts) > 0 && page.Attempts[0].Done
		})
		return last(t, g).ID
	}
	g := open(t, dir)
	first := refuse(g)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil { // another run, another file
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"cut in half":   func(b []byte) []byte { return b[:len(b)/2] },
		"cut by a byte": func(b []byte) []byte { return b[:len(b)-1] },
		"emptied":       func([]byte) []byte { return nil },
		"zeroed":        func(b []byte) []byte { clear(b); return b },
		"overwritten":   func(b []byte) []byte { return []byte(strings.Repeat("not a record\n", 1000)) },
		"grown":         func(b []byte) []byte { return append(b, make([]byte, 1<<16)...) },
	} {
		g := open(t, dir)
		<-g.Attempts().Restored()
		var kept []uint64
		for _, a := range g.Attempts().Query(attempt.Filter{}).Attempts {
			kept = append(kept, a.ID)
		}
		if id := refuse(g); id <= slices.Max(append(kept, 0)) {
			t.Errorf("before %s: number %d, but %v are kept", name, id, kept)
		}
		if !slices.Contains(kept, first) {
			t.Errorf("before %s: the first, which is in another file, is lost: %v", name, kept)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "attempts", "*.log"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		slices.Sort(files)
		newest := files[len(files)-1]
		content, err := os.ReadFile(newest)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(newest, damage(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g = open(t, dir)
	<-g.Attempts().Restored()
	if g.Status().State != gateway.Listening {
		t.Error("it does not listen")
	}
	t.Logf("%d attempts are left", g.Attempts().Len())
	id := refuse(g)
	if a, found := g.Attempts().Get(id); !found || a.Cause != cause.NoCredential {
		t.Errorf("%+v", a)
	}
}
