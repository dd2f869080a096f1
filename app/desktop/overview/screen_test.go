package overview

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/meter"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
)

func deviceSID(digit string) string { return "TH" + strings.Repeat(digit, 32) }

type fake struct {
	devices  []registry.Device
	sessions []broker.Session
	stats    broker.Stats
}

func (f *fake) Devices() []registry.Device { return f.devices }
func (f *fake) Sessions() []broker.Session { return f.sessions }
func (f *fake) Stats() broker.Stats        { return f.stats }

type stage struct {
	gateway *fake
	log     *attempt.Log
	meter   *meter.Meter
	shell   *shelltest.Shell
	screen  *Screen
	now     time.Time
	remedy  remedy.Remedy
	fixable bool
	stamp   uint64
}

func newStage(t *testing.T) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{gateway: &fake{}, meter: &meter.Meter{}, shell: &shelltest.Shell{}, now: time.Date(2026, 3, 1, 14, 2, 0, 0, time.UTC)}
	s.log = attempt.NewLog(attempt.Params{Now: func() time.Time { return s.now }})
	s.screen = New(Params{
		Fix: fix.Fixer{Shell: s.shell}, Log: s.log, Gateway: s.gateway, Meter: s.meter,
		Remedy:     func(attempt.Attempt) (remedy.Remedy, bool) { return s.remedy, s.fixable },
		Registered: func() uint64 { return s.stamp }, Now: func() time.Time { return s.now },
	})
	w := test.NewTempWindow(t, s.screen.Content())
	w.Resize(fyne.NewSize(1180, 700))
	s.shell.Win = w
	s.tick()
	return s
}

func (s *stage) tick() bool    { return shelltest.Tick(s.screen) }
func (s *stage) texts() string { return shelltest.Texts(s.screen.Content()) }

func (s *stage) attempt(code attempt.Code, why cause.ID, device, sid string) uint64 {
	r := s.log.Begin("192.168.1.44:50000", "127.0.0.1:8883")
	r.Identify(func(a *attempt.Attempt) { a.DeviceName, a.DeviceSID = device, sid })
	r.Decide(code, why)
	r.End(why, "gateway", nil)
	return r.ID()
}

func TestWithoutDevicesItSaysHowToBegin(t *testing.T) {
	s := newStage(t)
	require.Contains(t, s.texts(), "Add your first device")
	require.Contains(t, s.texts(), "Nothing was refused in the last hour.")
	shelltest.Press(t, s.screen.Content(), "Add a device")
	require.Equal(t, 1, s.shell.Wizards)
}

func TestFiguresComeFromTheMeter(t *testing.T) {
	s := newStage(t)
	s.meter.Add(s.now, meter.Sample{Connected: 12})
	s.meter.Add(s.now.Add(time.Second), meter.Sample{Connected: 1204, MessagesIn: 552})
	s.tick()
	require.Contains(t, s.texts(), "Connected 1 204 devices")
	require.Contains(t, s.texts(), "Messages in 184 a second", "the mean of three seconds")
}

func TestATapOnACodeFiltersTheAttempts(t *testing.T) {
	s := newStage(t)
	s.attempt(5, cause.DeviceDisabled, "meter", deviceSID("2"))
	s.tick()
	shelltest.Each(s.screen.codes.content, func(o fyne.CanvasObject) {
		if bar, ok := o.(fyne.Tappable); ok && strings.HasPrefix(shelltest.Texts(o), "5 not allowed") {
			bar.Tapped(&fyne.PointEvent{})
		}
	})
	require.Equal(t, [][2]string{{"attempts", "code:5"}}, s.shell.Gone)
}

func TestTheSameRefusalAgainIsOneLine(t *testing.T) {
	s := newStage(t)
	for range 3 {
		s.attempt(5, cause.DeviceDisabled, "meter", deviceSID("2"))
	}
	s.attempt(1, cause.MQTT5, "", "")
	s.tick()
	require.Contains(t, s.texts(), "meter: device is disabled 14:02:00 · 192.168.1.44 · 3 tries")
	require.Contains(t, s.texts(), "Device speaks MQTT 5")
	require.Len(t, s.screen.refusals.shown, 2)
}

func TestTheFixBesideARefusalIsDoneAndGoesAway(t *testing.T) {
	s := newStage(t)
	s.fixable = true
	s.remedy = remedy.Remedy{Kind: remedy.Press, Label: "Enable thermostat-7", Do: func(context.Context) (remedy.Done, error) {
		s.fixable = false
		s.stamp++
		return remedy.Done{Message: "thermostat-7 is enabled"}, nil
	}}
	id := s.attempt(5, cause.DeviceDisabled, "thermostat-7", deviceSID("2"))
	s.tick()
	shelltest.Press(t, s.screen.Content(), "Enable")
	require.Equal(t, "thermostat-7 is enabled", s.shell.Toasts[0].Message)
	s.tick()
	require.Empty(t, shelltest.Buttons(s.screen.Content(), "Enable"))
	shelltest.Press(t, s.screen.Content(), "Show")
	require.Equal(t, "attempts", s.shell.Gone[0][0])
	require.EqualValues(t, 1, id)
}

func TestDevicesStandAroundTheGatewayWithTheirState(t *testing.T) {
	s := newStage(t)
	s.gateway.devices = []registry.Device{
		{SID: deviceSID("1"), UniqueName: "lamp", Enabled: true},
		{SID: deviceSID("2"), UniqueName: "meter", Enabled: true},
		{SID: deviceSID("3"), UniqueName: "door", Enabled: true},
	}
	s.gateway.sessions = []broker.Session{{DeviceSID: deviceSID("1"), Connected: true}}
	s.gateway.stats.Connected = 1
	s.attempt(5, cause.DeviceDisabled, "meter", deviceSID("2"))
	s.attempt(4, cause.UnknownKey, "", "")
	s.tick()
	byName := map[string]node{}
	for _, n := range s.screen.last.nodes {
		byName[n.name] = n
	}
	require.Equal(t, kit.Good, byName["lamp"].state)
	require.Empty(t, byName["lamp"].icon, "connected")
	require.Equal(t, kit.Bad, byName["meter"].state, "a refusal that has just come stands out")
	require.Equal(t, "barred", byName["meter"].icon)
	require.Equal(t, "minus", byName["door"].icon)
	require.Contains(t, byName, "192.168.1.44", "a peer that is no known device")
	s.now = s.now.Add(flash + time.Second)
	s.tick()
	for _, n := range s.screen.last.nodes {
		if n.name == "meter" {
			require.Equal(t, kit.Blocked, n.state)
		}
	}
}

func TestAMessageTravelsOnceAndThenThePictureRests(t *testing.T) {
	s := newStage(t)
	s.gateway.devices = []registry.Device{{SID: deviceSID("1"), UniqueName: "lamp", Enabled: true}}
	s.gateway.sessions = []broker.Session{{DeviceSID: deviceSID("1"), Connected: true}}
	s.gateway.stats.Connected = 1
	s.stamp++
	s.tick()
	s.gateway.sessions[0].In++
	s.gateway.stats.MessagesIn++
	var way []float32
	for s.tick() {
		way = append(way, s.screen.last.nodes[0].pulse)
		require.Less(t, len(way), 10, "it arrives")
	}
	require.GreaterOrEqual(t, len(way), 3)
	require.IsIncreasing(t, way[:len(way)-1])
	require.Negative(t, way[len(way)-1])
	for range 5 {
		require.False(t, s.tick(), "idle is idle")
	}
}

func TestPressingADeviceOnThePictureGoesToIt(t *testing.T) {
	s := newStage(t)
	s.gateway.devices = []registry.Device{{SID: deviceSID("1"), UniqueName: "lamp", Enabled: true}}
	s.attempt(4, cause.UnknownKey, "", "")
	s.tick()
	spots := s.screen.around.spots
	for i := range spots.nodes {
		spots.Tapped(&fyne.PointEvent{Position: spots.at(i, spots.Size())})
	}
	spots.Tapped(&fyne.PointEvent{Position: fyne.NewPos(spots.Size().Width/2, spots.Size().Height/2)})
	require.ElementsMatch(t, [][2]string{{"attempts", "from:192.168.1.44"}, {"devices", deviceSID("1")}}, s.shell.Gone)
}

func TestThePicturesRingsAreWhereTheyArePressed(t *testing.T) {
	s := newStage(t)
	for _, d := range []string{"1", "2", "3", "4", "5"} {
		s.gateway.devices = append(s.gateway.devices, registry.Device{SID: deviceSID(d), UniqueName: d, Enabled: true})
	}
	s.stamp++
	s.tick()
	var rings []fyne.Position
	shelltest.Each(s.screen.around.picture, func(o fyne.CanvasObject) {
		if ring, ok := o.(*canvas.Circle); ok {
			rings = append(rings, ring.Position().AddXY(ring.Size().Width/2, ring.Size().Height/2))
		}
	})
	spots := s.screen.around.spots
	require.Len(t, rings, 5)
	for i, ring := range rings {
		at := spots.at(i, spots.Size())
		require.InDelta(t, ring.X, at.X, 1)
		require.InDelta(t, ring.Y, at.Y, 1)
	}
}

func TestOnlySoManyDevicesAreDrawnAndTheTellingOnesFirst(t *testing.T) {
	var n nodes
	var devices []registry.Device
	for i := range 100 {
		devices = append(devices, registry.Device{SID: deviceSID(string(rune('0' + i))), UniqueName: string(rune('0' + i)), Enabled: true})
	}
	live := []broker.Session{{DeviceSID: devices[99].SID, Connected: true}}
	chosen, _ := n.look(devices, live, nil, time.Now())
	require.Len(t, chosen, mostNodes)
	names := map[string]bool{}
	for _, node := range chosen {
		names[node.name] = true
	}
	require.True(t, names[devices[99].UniqueName], "the one that is connected")
}

// source has the findings that a test wants.
type source struct {
	all     []findings.Finding
	version uint64
}

func (s *source) Version() uint64            { return s.version }
func (s *source) Active() []findings.Finding { return slices.Clone(s.all) }
func (s *source) Dismiss(id uint64) {
	s.version++
	s.all = slices.DeleteFunc(s.all, func(f findings.Finding) bool { return f.ID == id })
}

func TestFindingsTakeAPartOfTheScreenAndNoMoreAndGoWhenDismissed(t *testing.T) {
	from := &source{}
	s := newStage(t)
	s.screen = New(Params{Fix: fix.Fixer{Shell: s.shell}, Log: s.log, Gateway: s.gateway, Meter: s.meter, Findings: from,
		Remedy: s.screen.p.Remedy, Now: s.screen.p.Now})
	w := test.NewTempWindow(t, s.screen.Content())
	w.Resize(fyne.NewSize(912, 544))
	s.tick()
	require.Contains(t, s.texts(), "Nothing to worry about")
	calm := s.screen.around.content.Size().Height
	for i := range 9 {
		from.all = append(from.all, findings.Finding{ID: uint64(i + 1), State: attempt.Warn, Title: "A clock is far off", Evidence: "2 days"})
	}
	from.all = append(from.all, findings.Finding{ID: 99, Title: "Last will discarded"}) // a remark
	from.version++
	s.tick()
	require.NotContains(t, s.texts(), "Nothing to worry about")
	require.Contains(t, s.texts(), "9 findings: A clock is far off", "folded where room is scarce")
	require.InDelta(t, calm, s.screen.around.content.Size().Height, 1)
	shelltest.Press(t, s.screen.found.content, "Show")
	require.Contains(t, s.texts(), "9 findings Fold")
	full := s.screen.around.content.Size().Height
	require.Less(t, full, calm, "the picture makes room")
	require.Greater(t, full, calm/2, "but stays")
	for len(from.all) > 1 {
		shelltest.Buttons(s.screen.Content(), "Dismiss")[0].Tapped(nil)
		s.tick()
	}
	require.Contains(t, s.texts(), "Nothing to worry about")
	require.InDelta(t, calm, s.screen.around.content.Size().Height, 1)
	require.False(t, s.tick(), "idle is idle")
}

func TestCredentialsAreCheckedFromHere(t *testing.T) {
	s := newStage(t)
	shelltest.Press(t, s.screen.Content(), "Check credentials")
	require.Len(t, s.shell.Checks, 1)
}

func TestARefusalsTitleLeadsToItsAttempt(t *testing.T) {
	s := newStage(t)
	s.fixable, s.remedy = true, remedy.Remedy{Kind: remedy.Press, Label: "Enable thermostat-7"}
	id := s.attempt(5, cause.DeviceDisabled, "thermostat-7", deviceSID("2"))
	s.tick()
	require.Empty(t, shelltest.Buttons(s.screen.refusals.content, "Show"), "one button a refusal: the fix")
	shelltest.Each(s.screen.refusals.content, func(o fyne.CanvasObject) {
		if l, is := o.(*kit.Link); is && strings.HasPrefix(l.String(), "thermostat-7") {
			l.Tapped(nil)
		}
	})
	require.Equal(t, [][2]string{{"attempts", shell.AttemptKey(id)}}, s.shell.Gone)
}

func TestAScenarioIsRunFromTheLab(t *testing.T) {
	s := newStage(t)
	s.gateway.devices = []registry.Device{{SID: deviceSID("1"), UniqueName: "lamp", Enabled: true}}
	s.stamp++
	s.tick()
	shelltest.Press(t, s.screen.Content(), "Run a scenario")
	require.Equal(t, [][2]string{{"lab", "scenarios"}}, s.shell.Gone)
}

func TestWhereRoomIsScarceTheRefusalsComeBeforeTheCodes(t *testing.T) {
	s := newStage(t)
	s.attempt(5, cause.DeviceDisabled, "thermostat-7", deviceSID("2"))
	s.tick()
	for height, shown := range map[float32]bool{700: true, 420: false} {
		s.shell.Win.Resize(fyne.NewSize(853, height))
		require.Equal(t, shown, s.screen.codes.content.Visible(), "%v", height)
		require.Contains(t, shelltest.Texts(s.screen.refusals.content), "thermostat-7: device is disabled")
		require.GreaterOrEqual(t, s.screen.refusals.content.Size().Height, float32(refusalsHeight))
	}
}
