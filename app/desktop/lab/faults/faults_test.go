package faults

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/devices/screentest"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/faults"
)

// stage is the tab with devices behind it that are not real.
type stage struct {
	*View
	t         *testing.T
	shell     *shelltest.Shell
	registry  *onboardtest.Registry
	bench     *onboard.Bench
	players   map[string]*onboardtest.Player
	generated []Generated
}

func newStage(t *testing.T, names ...string) *stage {
	t.Helper()
	s := &stage{t: t, shell: screentest.New(t), registry: onboardtest.NewRegistry(), players: map[string]*onboardtest.Player{}}
	var last *onboardtest.Player
	s.bench = onboard.NewBench(onboard.BenchParams{
		Registry: s.registry, Vault: &onboardtest.Vault{},
		Endpoint:  func() onboard.Endpoint { return onboard.Endpoint{Listening: true, Host: "localhost", Port: 8883} },
		NewPlayer: func(func(sim.Message)) onboard.Player { last = &onboardtest.Player{}; return last },
	})
	t.Cleanup(s.bench.Close)
	for _, name := range names {
		d, err := s.registry.CreateDevice(t.Context(), registry.NewDevice{UniqueName: name})
		require.NoError(t, err)
		require.NoError(t, s.bench.Equip(t.Context(), d.SID, onboard.GenerateKey))
		require.True(t, s.bench.Connect(t.Context(), d.SID, onboard.DefaultOptions(d)).Accepted())
		s.players[name] = last
	}
	s.View = New(Params{Shell: s.shell, Bench: s.bench, Registry: s.registry, Generated: func() []Generated { return s.generated }})
	s.shell.Win.SetContent(s.Content())
	s.shell.Win.Resize(fyne.NewSize(1170, 700))
	s.pull()
	return s
}

func (s *stage) sid(name string) string {
	d, found := s.registry.DeviceByName(s.registry.Fleets()[0].SID, name)
	require.True(s.t, found)
	return d.SID
}

func (s *stage) press(label string) {
	s.t.Helper()
	screentest.Press(s.t, s.detail.content, label)
	s.pull()
}

func TestWithoutVirtualDevicesTheTabSaysWhatToDo(t *testing.T) {
	s := newStage(t)
	screentest.Want(t, s.Content(), "No virtual devices yet", "Add a device")
	screentest.WantNone(t, s.Content(), "Latency")
}

func TestASwitchIsForAllDevicesOfTheChosenGroupAndSaysHowMany(t *testing.T) {
	s := newStage(t, "lamp", "lock", "meter")
	s.bench.Disconnect(s.sid("meter"))
	s.pull()
	screentest.Want(t, s.Content(), "All virtual devices", "2 of 3", "Fleet “default”")
	s.press("Latency")
	for _, name := range []string{"lamp", "lock", "meter"} {
		assert.Equal(t, 300*time.Millisecond, s.bench.Troubles(s.sid(name)).Network.Latency, name)
	}
	screentest.Want(t, s.Content(), "3 of 3", "3 affected: latency 300 ms", "3 of 3 devices have something wrong · 2 connected")

	s.Show(s.sid("lock"))
	s.pull()
	s.press("Latency")
	assert.Zero(t, s.bench.Troubles(s.sid("lock")).Network.Latency, "one by itself")
	assert.NotZero(t, s.bench.Troubles(s.sid("lamp")).Network.Latency)
	screentest.Want(t, s.Content(), "2 affected: latency 300 ms", "Nothing is wrong.")

	s.Show(everybody)
	s.pull()
	screentest.Want(t, s.detail.content, "2 of 3 devices have something wrong")
	s.press("All off")
	assert.False(t, s.bench.Troubles(s.sid("lamp")).Any())
	screentest.Want(t, s.Content(), "0 of 3 devices")
}

func TestAFigureThatIsChangedCountsAtOnceAndAWrongOneIsExplained(t *testing.T) {
	s := newStage(t, "lamp")
	s.Show(s.sid("lamp"))
	s.pull()
	var figure *kit.Entry
	shelltest.Each(s.detail.content, func(o fyne.CanvasObject) {
		if e, ok := o.(*kit.Entry); ok && figure == nil {
			figure = e
		}
	})
	s.press("Latency")
	figure.SetText("1000")
	assert.Equal(t, time.Second, s.bench.Troubles(s.sid("lamp")).Network.Latency)
	figure.SetText("soon")
	screentest.Want(t, s.detail.content, "Give a whole number from 1 to 60")
	assert.Equal(t, time.Second, s.bench.Troubles(s.sid("lamp")).Network.Latency, "what was is still so")
}

func TestAStormAndASecondBoardAreForConnectedDevicesOfAGroup(t *testing.T) {
	s := newStage(t, "lamp", "meter")
	s.bench.Disconnect(s.sid("meter"))
	s.pull()
	s.press("Duplicate identity")
	assert.True(t, s.bench.Troubles(s.sid("lamp")).Twin)
	assert.False(t, s.bench.Troubles(s.sid("meter")).Twin)
	screentest.Want(t, s.Content(), "1 affected: duplicate identity")
	s.press("Duplicate identity")
	assert.False(t, s.bench.Troubles(s.sid("lamp")).Twin)
}

func TestAPacketOutOfTheSpecificationIsTheOneThatWasChosen(t *testing.T) {
	s := newStage(t, "lamp")
	s.Show(s.sid("lamp"))
	s.pull()
	s.press("Send it")
	want, err := faults.ReservedType.Bytes()
	require.NoError(t, err)
	assert.Equal(t, [][]byte{want}, s.players["lamp"].Raw)
	assert.Empty(t, s.shell.Failures)
}

func TestAGeneratedFleetSharesItsFaults(t *testing.T) {
	s := newStage(t, "lamp")
	s.generated = []Generated{{Number: 1, Title: "Fleet 1: meters", Devices: 500, Connected: 480, Switches: new(faults.Switches)}}
	s.pull()
	s.Show("generated:1")
	s.pull()
	screentest.Want(t, s.Content(), "Fleet 1: meters", "480 of 500")
	s.press("Half-open connection")
	assert.True(t, s.generated[0].Switches.Network().HalfOpen)
	assert.False(t, s.bench.Troubles(s.sid("lamp")).Any())
	screentest.Want(t, s.Content(), "500 affected: half-open connection")
	s.press("Duplicate identity")
	require.Len(t, s.shell.Failures, 1)
	assert.ErrorContains(t, s.shell.Failures[0], "no second boards", "there would be too many")
	s.generated[0].Devices = 50
	s.pull()
	s.press("Duplicate identity")
	on, _ := s.generated[0].Switches.Twins()
	assert.True(t, on)
}

func TestTheLinkOfADeviceLeadsToIt(t *testing.T) {
	s := newStage(t, "lamp")
	sid := s.sid("lamp")
	s.Show(sid)
	s.pull()
	screentest.Press(t, s.detail.content, sid)
	assert.Equal(t, [][2]string{{"devices", sid}}, s.shell.Gone)
	assert.Equal(t, sid, s.Selected())
}

func TestNothingIsDrawnWhileNothingChanges(t *testing.T) {
	s := newStage(t, "lamp")
	assert.Nil(t, s.Pull())
	require.NoError(t, s.bench.Trouble(s.sid("lamp"), onboard.Troubles{IgnoreKeepAlive: true}))
	assert.NotNil(t, s.Pull())
	assert.Nil(t, s.Pull())
}
