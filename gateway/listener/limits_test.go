package listener

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func TestConnectsPerSecondAreLimitedInTotal(t *testing.T) {
	r := rates{total: 500, perAddress: -1}
	now := time.Now()
	passed := 0
	for n := range 3000 {
		if r.allow(prefix("192.0.2.1/32"), false, now.Add(time.Duration(n)*time.Millisecond)) {
			passed++
		}
	}
	if passed < 1950 || passed > 2010 { // a burst of 500, and 500 in each of three seconds
		t.Errorf("%d passed", passed)
	}
}

func TestOneAddressCannotUseUpTheOthersConnects(t *testing.T) {
	r := rates{total: 1000, perAddress: 10}
	now := time.Now()
	count := func(addr string, exempt bool) (passed int) {
		for range 100 {
			if r.allow(prefix(addr), exempt, now) {
				passed++
			}
		}
		return passed
	}
	if got := count("192.0.2.1/32", false); got != 10 {
		t.Errorf("a loud address: %d", got)
	}
	if got := count("192.0.2.2/32", false); got != 10 {
		t.Errorf("another one: %d", got)
	}
	if got := count("127.0.0.1/32", true); got != 100 {
		t.Errorf("loopback: %d", got)
	}
	now = now.Add(time.Second)
	if got := count("192.0.2.1/32", false); got != 10 {
		t.Errorf("a second later: %d", got)
	}
}

func TestLimitsRememberABoundedNumberOfPeers(t *testing.T) {
	r, f := rates{total: -1, perAddress: 5}, failures{longest: time.Second}
	now := time.Now()
	for n := range 3 * rememberedAddresses {
		addr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
		r.allow(addr, false, now)
		f.delay("key"+strconv.Itoa(n), addr, now)
		f.delay(fmt.Sprintf("%01000d", n), addr, now)
	}
	if len(r.byAddr) > rememberedAddresses || len(f.by) > rememberedFailures {
		t.Errorf("%d addresses, %d failures", len(r.byAddr), len(f.by))
	}
	for name := range f.by {
		if len(name.key) > longestKeyName {
			t.Fatalf("a name of %d bytes", len(name.key))
		}
	}
	now = now.Add(2 * time.Second)
	if !r.allow(prefix("192.0.2.1/32"), false, now) || len(r.byAddr) != 1 {
		t.Errorf("idle addresses are not forgotten: %d", len(r.byAddr))
	}
}

func TestWrongSecretsAreDelayedMoreAndMoreUpToASecond(t *testing.T) {
	f := failures{longest: time.Second}
	now := time.Now()
	a, b := prefix("192.0.2.1/32"), prefix("192.0.2.2/32")
	last := time.Duration(0)
	for n := range 100 {
		d := f.delay("KY1", a, now)
		if d < last || d > time.Second || n == 0 && d != firstDelay {
			t.Fatalf("failure %d: %s after %s", n, d, last)
		}
		last = d
	}
	if last != time.Second {
		t.Errorf("at last %s", last)
	}
	if d := f.delay("KY1", b, now); d != firstDelay {
		t.Errorf("another address waits %s", d)
	}
	if d := f.delay("KY2", a, now); d != firstDelay {
		t.Errorf("another key waits %s", d)
	}
	if d := f.delay("KY1", a, now.Add(2*failureMemory)); d != firstDelay {
		t.Errorf("later: %s", d)
	}
}

func TestARightSecretIsNeverDelayedByOthersMistakes(t *testing.T) {
	w := newWorld(t, Settings{})
	right := w.withKey("lamp")
	wrong := right
	wrong.secret = "wrong"
	took := func(i identity, want byte) time.Duration {
		began := time.Now()
		conn, code, err := w.tryConnect(i)
		if err != nil || code != want {
			t.Fatalf("code %d, %v", code, err)
		}
		conn.NetConn().Close()
		return time.Since(began)
	}
	for range 6 {
		took(wrong, 4)
	}
	if d := took(wrong, 4); d < 500*time.Millisecond || d > 3*time.Second {
		t.Errorf("the seventh wrong secret took %s", d)
	}
	if d := took(right, 0); d > 500*time.Millisecond {
		t.Errorf("the right secret took %s", d)
	}
}

// TestAnUnknownKeyIsDelayedLikeAWrongSecret: the time of the answer must not tell which keys exist.
func TestAnUnknownKeyIsDelayedLikeAWrongSecret(t *testing.T) {
	w := newWorld(t, Settings{})
	known := w.withKey("lamp")
	known.secret = "wrong"
	unknown := known
	unknown.credential = sid.New(sid.Key)
	for _, i := range []identity{known, unknown} {
		for range 3 {
			conn, code, err := w.tryConnect(i)
			if err != nil || code != 4 {
				t.Fatalf("code %d, %v", code, err)
			}
			conn.NetConn().Close()
		}
	}
	w.failures.mu.Lock()
	defer w.failures.mu.Unlock()
	if len(w.failures.by) != 2 {
		t.Fatalf("%d are remembered", len(w.failures.by))
	}
	for name, f := range w.failures.by {
		if f.times != 3 {
			t.Errorf("%s failed %d times", name.key, f.times)
		}
	}
}

func TestBeyondTheRateTheAnswerIsCode3(t *testing.T) {
	w := newWorld(t, Settings{ConnectsPerSecond: 2})
	i := w.withKey("lamp")
	codes := map[byte]int{}
	for range 6 {
		conn, code, err := w.tryConnect(i)
		if err != nil {
			t.Fatal(err)
		}
		codes[code]++
		conn.NetConn().Close()
	}
	if codes[0] < 2 || codes[3] == 0 {
		t.Errorf("codes %v", codes)
	}
	eventually(t, "each is recorded", func() bool { return w.log.Query(filterCause(cause.RateLimited)).Total == codes[3] })
	conn := w.dial(t, config(nil)) // protocol comes before the rate
	if connack, err := offer(conn, wire.AppendConnect(nil, wire.Connect{Level: 5}, true)); err != nil || connack[3] != 1 {
		t.Errorf("MQTT 5: %x, %v", connack, err)
	}
}

func TestAddressesAreCountedAsMachinesHaveThem(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:4711":         "192.0.2.7/32 false",
		"[::ffff:192.0.2.7]:1":   "192.0.2.7/32 false",
		"[2001:db8::1]:1":        "2001:db8::/64 false",
		"[2001:db8::2]:2":        "2001:db8::/64 false",
		"[fe80::1%eth0]:2":       "fe80::/64 false",
		"127.0.0.1:1":            "127.0.0.1/32 true",
		"[::1]:1":                "::1/128 true",
		"[::ffff:127.0.0.1]:123": "127.0.0.1/32 true",
	} {
		p, exempt := addressOf(from{remote: remote})
		if got := fmt.Sprint(p, exempt); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestTheLobbyCountsPerAddress(t *testing.T) {
	b := lobby{max: 100, perAddress: 2}
	s := &shift{}
	enter := func(remote string) (*guest, bool) { return b.enter(from{remote: remote}, s) }
	first, ok := enter("192.0.2.1:1")
	if !ok {
		t.Fatal("the first")
	}
	if _, ok := enter("192.0.2.1:2"); !ok {
		t.Error("the second")
	}
	if _, ok := enter("192.0.2.1:3"); ok {
		t.Error("a third was let in")
	}
	if _, ok := enter("192.0.2.2:1"); !ok {
		t.Error("another address")
	}
	for range 10 {
		if _, ok := enter("127.0.0.1:1"); !ok {
			t.Error("loopback")
		}
	}
	b.leave(first)
	b.leave(first)
	if _, ok := enter("192.0.2.1:4"); !ok {
		t.Error("after one has left")
	}
	if len(b.guests) != 13 || b.silent.Len() != 13 {
		t.Errorf("%d guests, %d silent", len(b.guests), b.silent.Len())
	}
}

func TestThoseWhoSpokeAndDallyMakeRoomToo(t *testing.T) {
	now := time.Unix(0, 0)
	b := lobby{max: 2, perAddress: -1, now: func() time.Time { return now }}
	s := &shift{}
	var conns []net.Conn
	enter := func() (*guest, bool) {
		mine, theirs := net.Pipe()
		conns = append(conns, mine, theirs)
		return b.enter(theirs, s)
	}
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	first, _ := enter()
	second, _ := enter()
	b.spoke(first)
	b.spoke(second)
	if _, ok := enter(); ok {
		t.Error("a guest that may be busy with its handshake had to go")
	}
	now = now.Add(dallying)
	if _, ok := enter(); !ok {
		t.Error("the newcomer was turned away for one that dallies")
	}
	if !b.wasCut(first) || b.wasCut(second) {
		t.Errorf("cut: the first %v, the second %v", b.wasCut(first), b.wasCut(second))
	}
	b.leave(second)
	if b.spoken.Len() != 0 || b.silent.Len() != 1 {
		t.Errorf("%d spoken, %d silent", b.spoken.Len(), b.silent.Len())
	}
}
