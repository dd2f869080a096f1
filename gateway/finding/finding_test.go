package finding

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// world makes attempts at times of its own.
type world struct {
	t   *testing.T
	log *Log
	now time.Time
	id  uint64
	mu  sync.Mutex
}

func newWorld(t *testing.T, p Params) *world {
	w := &world{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	p.Now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	}
	w.log = New(p)
	return w
}

func (w *world) after(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) attempt(code attempt.Code, why cause.ID, remote, device, credential, client string) attempt.Attempt {
	w.id++
	return attempt.Attempt{
		ID: w.id, At: w.now, Remote: remote, Code: code, Cause: why, DeviceSID: device, DeviceName: "lamp", CredentialSID: credential, ClientID: client, Done: code != 0, Live: code == 0,
	}
}

// takeover is an accepted attempt that evicts another.
func (w *world) takeover(a, old attempt.Attempt) attempt.Attempt {
	a.TookOver = old.Remote
	a.Steps = append(a.Steps, attempt.Step{Kind: attempt.Takeover, Facts: []attempt.Fact{
		attempt.F("old_remote", old.Remote), attempt.F("old_attempt", fmt.Sprint(old.ID)), attempt.F("old_credential", old.CredentialSID), attempt.F("old_client_id", old.ClientID)}})
	return a
}

// only is the one finding that there is.
func (w *world) only(kind cause.ID) Finding {
	w.t.Helper()
	all := w.log.All()
	require.Len(w.t, all, 1)
	require.Equal(w.t, kind, all[0].Kind)
	return all[0]
}

// fight has two peers evict each other, a number of times.
func (w *world) fight(times int, every time.Duration, peers [2]Party) {
	w.t.Helper()
	old := w.attempt(0, cause.Accepted, peers[1].Remote+":1000", "TH1", peers[1].CredentialSID, peers[1].ClientID)
	w.log.Observe(old)
	for n := range times {
		w.after(every)
		p := peers[n%2]
		next := w.takeover(w.attempt(0, cause.Accepted, fmt.Sprintf("%s:%d", p.Remote, 2000+n), "TH1", p.CredentialSID, p.ClientID), old)
		w.log.Observe(next)
		old = next
	}
}

func TestATakeoverFightIsOneFindingWithBothPeers(t *testing.T) {
	w := newWorld(t, Params{})
	w.fight(5, 5*time.Second, [2]Party{{Remote: "192.0.2.1", CredentialSID: "KY1", ClientID: "a"}, {Remote: "192.0.2.2", CredentialSID: "KY1", ClientID: "a"}})
	f := w.only(cause.TakeoverFight)
	require.True(t, f.Active)
	require.Equal(t, 5, f.Count)
	require.Equal(t, LikelySameKey, f.Fact("likely"))
	require.Equal(t, "5", f.Fact("times"))
	require.Equal(t, "5s", f.Fact("interval"))
	require.Len(t, f.Parties, 2)
	require.Equal(t, Party{Remote: "192.0.2.1:2004", CredentialSID: "KY1", ClientID: "a", Attempt: 6}, f.Parties[0])
	require.Equal(t, Party{Remote: "192.0.2.2:2003", CredentialSID: "KY1", ClientID: "a", Attempt: 5}, f.Parties[1])
	require.Equal(t, []uint64{6, 5, 4, 3, 2}, f.Attempts)
	require.Equal(t, 20*time.Second, f.Last.Sub(f.First))
	w.fight(6, 5*time.Second, [2]Party{{Remote: "192.0.2.1", CredentialSID: "KY1", ClientID: "a"}, {Remote: "192.0.2.2", CredentialSID: "KY1", ClientID: "a"}})
	require.Equal(t, 11, w.only(cause.TakeoverFight).Count, "it goes on and stays one")
}

func TestWhatAFightIsLikelyAbout(t *testing.T) {
	for want, peers := range map[string][2]Party{
		LikelyTwoKeys:   {{Remote: "192.0.2.1", CredentialSID: "KY1", ClientID: "a"}, {Remote: "192.0.2.2", CredentialSID: "CY2", ClientID: "a"}},
		LikelySameKey:   {{Remote: "192.0.2.1", CredentialSID: "KY1", ClientID: "a"}, {Remote: "192.0.2.1", CredentialSID: "KY1", ClientID: "b"}},
		LikelyReconnect: {{Remote: "192.0.2.1", CredentialSID: "KY1", ClientID: "a"}, {Remote: "192.0.2.1", CredentialSID: "KY1", ClientID: "a"}},
	} {
		w := newWorld(t, Params{})
		w.fight(6, time.Second, peers)
		f := w.only(cause.TakeoverFight)
		require.Equal(t, want, f.Fact("likely"))
		require.Len(t, f.Parties, 2, "two peers are named in any case: %s", want)
	}
}

func TestSlowTakeoversAreNoFight(t *testing.T) {
	w := newWorld(t, Params{})
	w.fight(20, 16*time.Second, [2]Party{{Remote: "192.0.2.1", CredentialSID: "KY1"}, {Remote: "192.0.2.2", CredentialSID: "KY1"}})
	require.Empty(t, w.log.All())
	w = newWorld(t, Params{Takeovers: 2})
	w.fight(3, 16*time.Second, [2]Party{{Remote: "192.0.2.1", CredentialSID: "KY1"}, {Remote: "192.0.2.2", CredentialSID: "KY1"}})
	w.only(cause.TakeoverFight)
}

func TestAClientThatIgnoresItsCodeIsFound(t *testing.T) {
	for code, why := range map[attempt.Code]cause.ID{2: cause.PasswordMissing, 4: cause.WrongSecret, 5: cause.DeviceDisabled} {
		w := newWorld(t, Params{})
		for n := range 4 {
			w.log.Observe(w.attempt(code, why, fmt.Sprintf("192.0.2.1:%d", n), "TH1", "KY1", "a"))
			require.Len(t, w.log.All(), n/3, "a person tries three times")
			w.after(2500 * time.Millisecond)
		}
		f := w.only(cause.IgnoresCode)
		require.Equal(t, fmt.Sprint(int(code)), f.Fact("code"))
		require.Equal(t, string(why), f.Fact("cause"))
		require.Equal(t, "2.5s", f.Fact("interval"))
		require.Equal(t, "4", f.Fact("times"))
		require.Equal(t, []uint64{4, 3, 2, 1}, f.Attempts)
		require.Equal(t, "lamp", f.DeviceName)
	}
}

func TestWhoHeedsItsCodeIsNotFound(t *testing.T) {
	w := newWorld(t, Params{})
	for n := range 10 {
		w.log.Observe(w.attempt(4, cause.WrongSecret, "192.0.2.1:1", "TH1", fmt.Sprint("KY", n), "a")) // another credential each time
		w.log.Observe(w.attempt(4, cause.WrongSecret, fmt.Sprintf("192.0.2.%d:1", n), "TH1", "KY", "a"))
		w.log.Observe(w.attempt(3, cause.RateLimited, "192.0.2.1:1", "TH1", "KY1", "a")) // may try again
	}
	for range 10 {
		w.log.Observe(w.attempt(4, cause.WrongSecret, "192.0.2.77:1", "TH1", "KY1", "a"))
		w.after(31 * time.Second)
	}
	require.Empty(t, w.log.All())
}

func TestAReconnectStormIsFound(t *testing.T) {
	w := newWorld(t, Params{})
	for range 9 {
		w.log.Observe(w.attempt(0, cause.Accepted, "192.0.2.1:1", "TH1", "KY1", "a"))
		w.log.Observe(w.attempt(0, cause.Accepted, "192.0.2.2:1", "TH2", "KY2", "b"))
		w.after(6 * time.Second)
	}
	require.Empty(t, w.log.All())
	w.log.Observe(w.attempt(0, cause.Accepted, "192.0.2.1:1", "TH1", "KY1", "a"))
	f := w.only(cause.ReconnectStorm)
	require.Equal(t, "TH1", f.DeviceSID)
	require.Equal(t, "10", f.Fact("times"))
	require.Equal(t, "6s", f.Fact("interval"))
}

func TestHandshakesThatFailAlikeAreOneFinding(t *testing.T) {
	w := newWorld(t, Params{})
	for n := range 5 {
		w.log.Observe(w.attempt(attempt.TLS, cause.UntrustedRoot, fmt.Sprintf("192.0.2.1:%d", n), "", "", ""))
		w.after(time.Minute)
	}
	f := w.only(cause.SameFailure)
	require.Equal(t, "192.0.2.1", f.Remote)
	require.Equal(t, string(cause.UntrustedRoot), f.Fact("cause"))
	for n := 2; n < 6; n++ {
		w.log.Observe(w.attempt(attempt.TLS, cause.UntrustedRoot, fmt.Sprintf("192.0.2.%d:1", n), "", "", ""))
	}
	all := w.log.All()
	require.Len(t, all, 2, "and one over all addresses")
	at := slices.IndexFunc(all, func(f Finding) bool { return f.Fact("addresses") != "" })
	require.Equal(t, "5", all[at].Fact("addresses"))
	require.Empty(t, all[at].Remote)
}

func TestAClockThatIsOffIsFound(t *testing.T) {
	w := newWorld(t, Params{})
	a := w.attempt(attempt.TLS, cause.HandshakeFailed, "192.0.2.1:1", "", "", "")
	a.Steps = []attempt.Step{
		{Kind: attempt.ServerChain, Facts: []attempt.Fact{attempt.F("not_after", w.now.Add(time.Hour).Format(time.RFC3339))}},
		{Kind: attempt.Handshake, State: attempt.Bad, Facts: []attempt.Fact{attempt.F("alert", "certificate_expired"), attempt.F("alert_from", "device")}},
	}
	w.log.Observe(a)
	require.Equal(t, "certificate_expired", w.only(cause.ClockOff).Fact("alert"))

	w = newWorld(t, Params{})
	a.Steps[0].Facts[0].Value = w.now.Add(-time.Hour).Format(time.RFC3339)
	w.log.Observe(a)
	require.Empty(t, w.log.All(), "the certificate has really expired")

	for why, found := range map[cause.ID]int{cause.ServerCertificateEarly: 1, cause.UntrustedRoot: 0} {
		w = newWorld(t, Params{})
		a.Cause = why
		a.Steps[0].Facts[0].Value = w.now.Add(time.Hour).Format(time.RFC3339)
		a.Steps[1].Facts[0].Value = "bad_certificate"
		w.log.Observe(a)
		require.Len(t, w.log.All(), found, why)
	}
}

func TestWarningsOfSingleAttemptsAreSummedUp(t *testing.T) {
	w := newWorld(t, Params{})
	for range 20 {
		a := w.attempt(0, cause.Accepted, "192.0.2.1:1", "TH1", "CY1", "a")
		a.Warnings = []cause.ID{cause.WeakKey}
		a.Steps = []attempt.Step{{Kind: attempt.Warning, Facts: []attempt.Fact{attempt.F("cause", string(cause.WeakKey)), attempt.F("key", "RSA-1024")}}}
		w.log.Observe(a)
		w.log.Observe(a) // as at its end
		a.Warnings = append(a.Warnings, cause.MessageRefused)
		a.Steps = append(a.Steps, attempt.Step{Offset: time.Second, Kind: attempt.Warning, Facts: []attempt.Fact{attempt.F("cause", string(cause.MessageRefused))}})
		w.log.Observe(a)
		w.after(time.Minute)
	}
	all := w.log.All()
	require.Len(t, all, 2)
	for _, f := range all {
		require.Equal(t, 20, f.Count, f.Kind)
		require.Len(t, f.Attempts, 16)
		require.EqualValues(t, 20, f.Attempts[0])
		require.Equal(t, "TH1", f.DeviceSID)
	}
	at := slices.IndexFunc(all, func(f Finding) bool { return f.Kind == cause.WeakKey })
	require.Equal(t, []attempt.Fact{attempt.F("key", "RSA-1024")}, all[at].Facts)
	require.Equal(t, time.Second, all[1-at].Last.Sub(all[at].Last), "a late warning has the time at which it came")
}

func TestAFindingIsActiveUntilItIsSilentOrDismissed(t *testing.T) {
	w := newWorld(t, Params{})
	warn := func() {
		a := w.attempt(0, cause.Accepted, "192.0.2.1:1", "TH1", "CY1", "a")
		a.Warnings = []cause.ID{cause.WeakKey}
		w.log.Observe(a)
	}
	warn()
	id, version := w.only(cause.WeakKey).ID, w.log.Version()
	require.Equal(t, map[cause.ID]int{cause.WeakKey: 1}, w.log.Active())
	w.after(9 * time.Minute)
	require.Equal(t, version, w.log.Version())
	require.True(t, w.only(cause.WeakKey).Active)
	w.after(time.Minute)
	require.Greater(t, w.log.Version(), version, "who polls learns that it is over")
	require.False(t, w.only(cause.WeakKey).Active)
	warn()
	require.True(t, w.only(cause.WeakKey).Active)
	require.True(t, w.log.Dismiss(id))
	require.False(t, w.only(cause.WeakKey).Active)
	require.Empty(t, w.log.Active())
	w.after(time.Minute)
	warn()
	require.False(t, w.only(cause.WeakKey).Active, "it goes on: the user knows")
	w.after(11 * time.Minute)
	warn()
	require.True(t, w.only(cause.WeakKey).Active, "it is back")
	require.False(t, w.log.Dismiss(id+1))
	w.log.Clear()
	require.Empty(t, w.log.All())
	_, found := w.log.Get(id)
	require.False(t, found)
}

func TestIDsAreTheSameAfterARestart(t *testing.T) {
	one, other := newWorld(t, Params{}), newWorld(t, Params{})
	for _, w := range []*world{one, other} {
		w.fight(5, time.Second, [2]Party{{Remote: "192.0.2.1", CredentialSID: "KY1"}, {Remote: "192.0.2.2", CredentialSID: "KY1"}})
	}
	require.Equal(t, one.log.All(), other.log.All())
	require.Less(t, one.only(cause.TakeoverFight).ID, uint64(1)<<53)
}

func TestMemoryIsBoundedWhateverComes(t *testing.T) {
	w := newWorld(t, Params{Capacity: 20, Watched: 50})
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 20_000 {
		a := w.attempt(attempt.Code(random.IntN(9)-4), cause.UntrustedRoot, fmt.Sprintf("10.%d.%d.%d:1", random.IntN(4), random.IntN(200), n%250), fmt.Sprint("TH", random.IntN(3000)), fmt.Sprint("KY", n), "c")
		if random.IntN(3) == 0 {
			a.Warnings = []cause.ID{cause.WeakKey}
		}
		if a.Code == 0 && random.IntN(2) == 0 {
			a.TookOver = "x:1"
		}
		w.log.Observe(a)
		w.after(time.Duration(random.IntN(1000)) * time.Millisecond)
	}
	l := w.log
	require.LessOrEqual(t, len(l.byID), 20)
	require.Equal(t, len(l.byID), len(l.byKey))
	require.Equal(t, len(l.byID), l.order.Len())
	require.LessOrEqual(t, len(l.watches.by), 50)
	require.Equal(t, len(l.watches.by), l.watches.order.Len())
	require.LessOrEqual(t, len(l.observed.by), 200)
	require.Equal(t, len(l.observed.by), len(l.observed.order))
	for _, one := range l.watches.by {
		require.LessOrEqual(t, len(one.events), maxEvidence)
	}
}

func TestReadersAndTheObserverAtOnce(t *testing.T) {
	w := newWorld(t, Params{})
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, f := range w.log.All() {
					w.log.Get(f.ID)
					w.log.Dismiss(f.ID)
				}
				w.log.Version()
				w.log.Active()
			}
		})
	}
	for n := range 2000 {
		w.log.Observe(w.attempt(4, cause.WrongSecret, "192.0.2.1:1", "TH1", fmt.Sprint("KY", n%5), "a"))
	}
	close(stop)
	readers.Wait()
	require.Len(t, w.log.All(), 5)
}

func TestTheLabIsNotHeldAgainstADevice(t *testing.T) {
	w := newWorld(t, Params{})
	for range 20 {
		a := w.attempt(4, cause.WrongSecret, "192.0.2.1:1", "TH1", "KY1", "a")
		a.Server = "code_4"
		w.log.Observe(a)
	}
	require.Empty(t, w.log.All())
}

func BenchmarkObserve(b *testing.B) {
	l := New(Params{})
	now := time.Now()
	n := uint64(0)
	for b.Loop() {
		n++
		l.Observe(attempt.Attempt{ID: n, At: now.Add(time.Duration(n) * time.Second), Remote: "192.0.2.1:1", Code: 4, Cause: cause.WrongSecret, CredentialSID: fmt.Sprint("KY", n%5000)})
	}
}
