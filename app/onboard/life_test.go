package onboard_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/faults"
	"gatehouse/sim/simtest"
	"gatehouse/sim/telemetry"
)

// settled is a device with a key, on a real gateway.
func settled(t *testing.T) (world, registry.Device) {
	t.Helper()
	w := newWorld(t)
	device, err := w.Registry().CreateDevice(t.Context(), registry.NewDevice{UniqueName: "thermostat-9"})
	require.NoError(t, err)
	require.NoError(t, w.bench.Equip(t.Context(), device.SID, onboard.GenerateKey))
	return w, device
}

func connects(w world, device registry.Device) int {
	return w.Attempts().Query(attempt.Filter{DeviceSID: device.SID}).Total
}

func TestADeviceLeftToItselfReportsOnTheConnectionThatItsConsoleShows(t *testing.T) {
	w, device := settled(t)
	s := w.bench.Setup(device.SID)
	s.Kind, s.Pace = "thermostat", 100
	require.NoError(t, w.bench.SetUp(device.SID, s))
	require.NoError(t, w.bench.Leave(device.SID))
	simtest.Eventually(t, "it reports", func() bool { return w.bench.Life(device.SID).Status.Sent >= 3 })
	player, _ := w.bench.Player(device.SID)
	published := 0
	for _, e := range player.Console(0) {
		if e.Outbound && e.Type == "PUBLISH" && strings.Contains(string(e.Payload), "degrees") {
			published++
		}
	}
	assert.GreaterOrEqual(t, published, 3, "the console shows what it reports")
	life := w.bench.Life(device.SID)
	assert.True(t, life.Running)
	names := []string{}
	for _, one := range life.Series {
		names = append(names, one.Name)
		assert.NotEmpty(t, one.Points)
	}
	assert.Contains(t, names, "degrees")
	require.NoError(t, player.Publish(t.Context(), "by/hand", []byte("too"), 1, false), "a person can use the same connection")

	w.bench.Disconnect(device.SID)
	assert.False(t, w.bench.ByItself(device.SID))
	assert.False(t, w.bench.Connected(device.SID))
	before := connects(w, device)
	assert.True(t, w.bench.Connect(t.Context(), device.SID, s.Options).Accepted(), "it can be driven by hand again")
	assert.Equal(t, before+1, connects(w, device))
	assert.False(t, w.bench.Life(device.SID).Running)
	assert.NotEmpty(t, w.bench.Life(device.SID).Series, "what it sent is still to be seen")
}

func TestABehaviourWithAMistakeIsNotBegun(t *testing.T) {
	w, device := settled(t)
	s := w.bench.Setup(device.SID)
	s.Behaviour = agent.Behaviour{Reports: []telemetry.Report{{Topic: "a/#", Every: telemetry.Duration(time.Second)}}}
	problems := w.bench.Problems(device.SID, s)
	require.NotEmpty(t, problems)
	require.NoError(t, w.bench.SetUp(device.SID, s), "it is kept all the same: it may be half done")
	var wrong *onboard.BehaviourError
	require.ErrorAs(t, w.bench.Leave(device.SID), &wrong)
	assert.Equal(t, problems, wrong.Problems)
	assert.Zero(t, connects(w, device))
	assert.False(t, w.bench.Life(device.SID).Known)
}

func TestWhatIsChangedOfAConnectionCountsForTheNextAttemptOfADeviceLeftToItself(t *testing.T) {
	w, device := settled(t)
	require.NoError(t, w.bench.Leave(device.SID))
	simtest.Eventually(t, "it is connected", func() bool { return w.bench.Connected(device.SID) })
	s := w.bench.Setup(device.SID)
	s.Options.ClientID = "another"
	require.NoError(t, w.bench.SetUp(device.SID, s))
	w.bench.Reset(device.SID)
	simtest.Eventually(t, "it came back as another", func() bool {
		all := w.Attempts().Query(attempt.Filter{DeviceSID: device.SID}).Attempts
		return len(all) == 2 && all[0].ClientID == "another" && w.bench.Connected(device.SID)
	})
}

func TestASetupIsThereAfterARestartAndHoldsNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "setups.json")
	kept, err := onboard.OpenSetups(path)
	require.NoError(t, err)
	b, r, vault, _, device := benchOn(t, kept)
	for range 2 {
		require.NoError(t, b.Equip(t.Context(), device.SID, onboard.GenerateKey))
	}
	s := b.Setup(device.SID)
	s.ByItself, s.Reconnect.Disobey = true, []int{4}
	s.Options.Credential, s.Options.WrongSecret = 1, true
	s.Options.Trust, s.Options.TrustName = onboard.TrustFile, "mine.pem"
	s.Options.TrustPEM = []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n")
	s.Behaviour = agent.Behaviour{State: map[string]any{"on": true, "n": 1.5}, Reports: []telemetry.Report{{
		Topic: "a", Every: telemetry.Duration(time.Second), Payload: "1", Format: telemetry.Text,
	}}}
	require.NoError(t, b.SetUp(device.SID, s))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, c := range vault.Get(device.SID) {
		assert.NotContains(t, string(content), c.Secret)
	}
	assert.NotContains(t, string(content), "UFJJVkFURQ", "a private key that was given along is left out")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again, err := onboard.OpenSetups(path)
	require.NoError(t, err)
	require.NoError(t, b.Equip(t.Context(), device.SID, onboard.GenerateKey)) // the order of the credentials changes
	b2 := onboard.NewBench(onboard.BenchParams{Registry: r, Vault: vault, Setups: again})
	got := b2.Setup(device.SID)
	assert.Equal(t, 2, got.Options.Credential, "the same credential, at its new place")
	assert.False(t, got.Options.WrongSecret)
	assert.NotContains(t, string(got.Options.TrustPEM), "PRIVATE")
	assert.Contains(t, string(got.Options.TrustPEM), "BEGIN CERTIFICATE")
	assert.Equal(t, s.Behaviour, got.Behaviour)
	assert.Equal(t, s.Reconnect, got.Reconnect)
	require.NoError(t, b2.Remove(device.SID))
	content, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(content), device.SID)
}

func TestADamagedFileOfSetupsIsPutAsideAndTheRestGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "setups.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	kept, err := onboard.OpenSetups(path)
	require.ErrorContains(t, err, "kept as")
	require.NoError(t, kept.Put("TH1", onboard.Setup{ByItself: true}))
	_, err = onboard.OpenSetups(path)
	require.NoError(t, err)
}

func TestTroublesCountForTheConnectionThatThereIs(t *testing.T) {
	w, device := settled(t)
	require.True(t, w.bench.Connect(t.Context(), device.SID, w.bench.Setup(device.SID).Options).Accepted())
	player, _ := w.bench.Player(device.SID)
	want := onboard.Troubles{Network: faults.Network{Latency: 150 * time.Millisecond}, IgnoreKeepAlive: true, DropAcks: 1, Duplicates: 1, ClockOff: time.Hour}
	require.NoError(t, w.bench.Trouble(device.SID, want))
	assert.Equal(t, want, w.bench.Troubles(device.SID))
	began := time.Now()
	require.NoError(t, player.Publish(t.Context(), "a", nil, 1, false))
	assert.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond, "there and back")
	assert.Zero(t, w.bench.Troubles(device.SID).Duplicates, "that was the one")
	require.NoError(t, w.bench.Trouble(device.SID, onboard.Troubles{}))
	assert.False(t, w.bench.Troubles(device.SID).Any())
	require.NoError(t, w.bench.Break(t.Context(), device.SID, faults.QoS3))
	simtest.Eventually(t, "the gateway closes", func() bool { return !w.bench.Connected(device.SID) })
}

func TestEveryPacketOutOfTheSpecificationEndsTheConnection(t *testing.T) {
	w, device := settled(t)
	for _, packet := range faults.Invalids() {
		require.True(t, w.bench.Connect(t.Context(), device.SID, w.bench.Setup(device.SID).Options).Accepted())
		require.NoError(t, w.bench.Break(t.Context(), device.SID, packet))
		simtest.Eventually(t, "the gateway closes after "+string(packet), func() bool { return !w.bench.Connected(device.SID) })
		player, _ := w.bench.Player(device.SID)
		assert.Equal(t, sim.EndByServer, player.State().End, packet)
	}
	require.ErrorIs(t, w.bench.Break(t.Context(), device.SID, faults.QoS3), sim.ErrNotConnected)
}

func TestAMessageWhosePUBACKWasDroppedComesAgainAsADuplicate(t *testing.T) {
	w, device := settled(t)
	o := w.bench.Setup(device.SID).Options
	require.True(t, w.bench.Connect(t.Context(), device.SID, o).Accepted())
	player, _ := w.bench.Player(device.SID)
	_, err := player.Subscribe(t.Context(), "a", 1)
	require.NoError(t, err)
	require.NoError(t, w.bench.Trouble(device.SID, onboard.Troubles{DropAcks: 1}))
	require.NoError(t, player.Publish(t.Context(), "a", []byte("once"), 1, false))
	got := func(what string) (n int) {
		for _, e := range player.Console(0) {
			if !e.Outbound && e.Type == "PUBLISH" && strings.Contains(e.Summary, what) {
				n++
			}
		}
		return n
	}
	simtest.Eventually(t, "its acknowledgement is dropped", func() bool { return got("a") == 1 && w.bench.Troubles(device.SID).DropAcks == 0 })
	w.bench.Reset(device.SID)
	simtest.Eventually(t, "it is gone", func() bool { return !w.bench.Connected(device.SID) })
	require.True(t, w.bench.Connect(t.Context(), device.SID, o).Accepted())
	simtest.Eventually(t, "it comes again", func() bool { return got("dup") == 1 })
}

func TestTheGatewayEndsAConnectionWhoseKeepaliveIsIgnored(t *testing.T) {
	w, device := settled(t)
	o := w.bench.Setup(device.SID).Options
	o.KeepAlive = time.Second
	require.NoError(t, w.bench.Trouble(device.SID, onboard.Troubles{IgnoreKeepAlive: true}))
	require.True(t, w.bench.Connect(t.Context(), device.SID, o).Accepted())
	player, _ := w.bench.Player(device.SID)
	simtest.Eventually(t, "the gateway closes", func() bool { return !w.bench.Connected(device.SID) })
	assert.Equal(t, sim.EndByServer, player.State().End)
	assert.Greater(t, player.State().EndedAt.Sub(w.Attempts().Query(attempt.Filter{DeviceSID: device.SID}).Attempts[0].At), time.Second)
}

func TestAStormOnADeviceThatIsDrivenByHandEndsWithTheSwitch(t *testing.T) {
	w, device := settled(t)
	require.NoError(t, w.bench.Trouble(device.SID, onboard.Troubles{Storm: 50 * time.Millisecond}))
	simtest.Eventually(t, "it connects again and again", func() bool { return connects(w, device) >= 5 })
	require.NoError(t, w.bench.Trouble(device.SID, onboard.Troubles{}))
	assert.False(t, w.bench.ByItself(device.SID))
	assert.False(t, w.bench.Connected(device.SID))
}

func TestASecondBoardTakesTheConnectionAndGivesItBackWhenItIsGone(t *testing.T) {
	w, device := settled(t)
	require.NoError(t, w.bench.Leave(device.SID))
	simtest.Eventually(t, "it is connected", func() bool { return w.bench.Connected(device.SID) })
	require.NoError(t, w.bench.Trouble(device.SID, onboard.Troubles{Twin: true}))
	seen := func() map[string]int {
		n := map[string]int{}
		for _, a := range w.Attempts().Query(attempt.Filter{DeviceSID: device.SID}).Attempts {
			n[a.ClientID]++
		}
		return n
	}
	simtest.Eventually(t, "they fight", func() bool { n := seen(); return n["thermostat-9"] >= 2 && n["thermostat-9-copy"] >= 1 })
	require.NoError(t, w.bench.Trouble(device.SID, onboard.Troubles{}))
	simtest.Eventually(t, "one is left", func() bool { return w.bench.Connected(device.SID) })
}

// benchOn is a bench with devices in memory, and setups that are kept.
func benchOn(t *testing.T, kept onboard.Setups) (*onboard.Bench, *onboardtest.Registry, *onboardtest.Vault, *onboardtest.Player, registry.Device) {
	t.Helper()
	r, vault, player := onboardtest.NewRegistry(), &onboardtest.Vault{}, &onboardtest.Player{}
	device, err := r.CreateDevice(t.Context(), registry.NewDevice{UniqueName: "thermostat-9"})
	require.NoError(t, err)
	return onboard.NewBench(onboard.BenchParams{Registry: r, Vault: vault, Setups: kept}), r, vault, player, device
}
