package sessions

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/gateway/broker"
)

var (
	lampSID  = "TH" + strings.Repeat("1", 32)
	meterSID = "TH" + strings.Repeat("2", 32)
	doorSID  = "TH" + strings.Repeat("3", 32)
)

// fake is a gateway with sessions; it records what was asked of it.
type fake struct {
	sessions []broker.Session
	stats    broker.Stats
	asked    []string
	gone     bool // nothing is there any more when it is asked for
}

func (f *fake) Sessions() []broker.Session { return f.sessions }
func (f *fake) Stats() broker.Stats        { return f.stats }
func (f *fake) DeviceName(sid string) string {
	return map[string]string{lampSID: "lamp", meterSID: "meter", doorSID: "door"}[sid]
}
func (f *fake) Disconnect(sid string) bool {
	f.asked = append(f.asked, "disconnect "+sid)
	return !f.gone
}
func (f *fake) DropSession(sid string) bool { f.asked = append(f.asked, "drop "+sid); return !f.gone }

type stage struct {
	gateway *fake
	shell   *shelltest.Shell
	screen  *Screen
	now     time.Time
}

func newStage(t *testing.T) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{shell: &shelltest.Shell{}, now: time.Date(2026, 3, 1, 14, 2, 0, 0, time.UTC)}
	s.gateway = &fake{sessions: []broker.Session{
		{DeviceSID: meterSID, Since: s.now.Add(-time.Hour), Queued: 3, Subscriptions: []broker.Subscription{{Filter: "sync/docs/meter", QoS: 1}}},
		{
			DeviceSID: lampSID, Connected: true, Remote: "192.168.1.44:50000", Level: 4, KeepAlive: 60, KeepAliveDue: s.now.Add(time.Minute),
			Since: s.now.Add(-90 * time.Second), AttemptID: 17, In: 1204, Subscriptions: []broker.Subscription{{Filter: "demo/#", QoS: 0}},
		},
		{DeviceSID: doorSID, Connected: true, Since: s.now},
	}}
	s.screen = New(Params{Shell: s.shell, Gateway: s.gateway, Now: func() time.Time { return s.now }})
	w := test.NewTempWindow(t, s.screen.Content())
	w.Resize(fyne.NewSize(1180, 700))
	s.tick()
	return s
}

func (s *stage) tick() bool { return shelltest.Tick(s.screen) }

func (s *stage) devices() (names []string) {
	for _, r := range s.screen.last.rows {
		names = append(names, r.device)
	}
	return names
}

func TestLiveSessionsComeFirst(t *testing.T) {
	s := newStage(t)
	require.Equal(t, []string{"door", "lamp", "meter"}, s.devices())
	require.Contains(t, shelltest.Texts(s.screen.Content()), "2 connected · 1 parked")
}

func TestChipsAndTextFilter(t *testing.T) {
	s := newStage(t)
	shelltest.PressChip(t, s.screen.Content(), "Parked")
	s.tick()
	require.Equal(t, []string{"meter"}, s.devices())
	shelltest.PressChip(t, s.screen.Content(), "All")
	test.Type(s.screen.search.Entry, "demo/#")
	s.tick()
	require.Equal(t, []string{"lamp"}, s.devices(), "by topic")
}

func TestADeviceIsShownWithWhatItIsSubscribedTo(t *testing.T) {
	s := newStage(t)
	s.screen.Show(lampSID)
	s.tick()
	said := shelltest.Texts(s.screen.detail.content)
	for _, want := range []string{"lamp", "Live", "192.168.1.44:50000", "MQTT 3.1.1", "1 min, due in 1 min", "1 204 messages", "demo/#", "QoS 0"} {
		require.Contains(t, said, want)
	}
	shelltest.Press(t, s.screen.detail.content, "Show attempt")
	shelltest.Press(t, s.screen.detail.content, "Show device")
	require.Equal(t, [][2]string{{"attempts", "17"}, {"devices", lampSID}}, s.shell.Gone)
}

func TestTheSelectionStaysWhileSessionsComeAndGo(t *testing.T) {
	s := newStage(t)
	s.screen.Show(lampSID)
	s.tick()
	s.gateway.sessions = s.gateway.sessions[:2]
	s.gateway.stats.Sessions = 2
	s.tick()
	require.Equal(t, lampSID, s.screen.Selected())
	require.Contains(t, shelltest.Texts(s.screen.detail.content), "demo/#")
}

func TestDisconnectingSaysSo(t *testing.T) {
	s := newStage(t)
	s.screen.Show(lampSID)
	s.tick()
	shelltest.Press(t, s.screen.detail.content, "Disconnect")
	require.Equal(t, []string{"disconnect " + lampSID}, s.gateway.asked)
	require.Contains(t, s.shell.Toasts[0].Message, "lamp is disconnected")
}

func TestDroppingASessionAsksFirstAndNamesWhatIsLost(t *testing.T) {
	s := newStage(t)
	s.screen.Show(meterSID)
	s.tick()
	require.Empty(t, shelltest.Buttons(s.screen.detail.content, "Disconnect"), "it is not connected")
	shelltest.Press(t, s.screen.detail.content, "Drop session…")
	require.Empty(t, s.gateway.asked)
	require.Contains(t, s.shell.Questions[0].Lost, "1 subscription and 3 waiting messages are lost.")
	s.shell.Questions[0].Do()
	require.Equal(t, []string{"drop " + meterSID}, s.gateway.asked)
}

func TestWhatIsGoneAlreadyIsNotCalledDone(t *testing.T) {
	s := newStage(t)
	s.screen.Show(lampSID)
	s.tick()
	s.gateway.gone = true
	shelltest.Press(t, s.screen.detail.content, "Disconnect")
	require.Contains(t, s.shell.Toasts[0].Message, "was not connected any more")
}

func TestAgesMoveOnceASecondAndParkedSessionsStandStill(t *testing.T) {
	s := newStage(t)
	require.False(t, s.tick())
	s.now = s.now.Add(time.Second)
	require.True(t, s.tick(), "ages are shown in seconds")
	s.gateway.sessions = []broker.Session{{DeviceSID: meterSID, Since: s.now.Add(-50 * time.Hour)}}
	s.gateway.stats.Sessions = 1
	require.True(t, s.tick())
	for range 5 {
		s.now = s.now.Add(time.Second)
		require.False(t, s.tick(), "an age of days does not change every second")
	}
}

func TestWithoutSessionsItSaysWhatTheyAre(t *testing.T) {
	s := newStage(t)
	s.gateway.sessions, s.gateway.stats = nil, broker.Stats{Sessions: -1}
	s.tick()
	require.Contains(t, shelltest.Texts(s.screen.Content()), "No sessions yet.")
}

// tracer remembers whom it traces; gone are devices that it does not know any more.
type tracer struct{ traced, gone map[string]bool }

func (f *tracer) Trace(deviceSID string, on bool) bool {
	if f.gone[deviceSID] {
		return false
	}
	f.traced[deviceSID] = on
	return true
}
func (f *tracer) Traced(deviceSID string) bool { return f.traced[deviceSID] }

func TestPacketsAreTracedVisiblyAndUntilItIsEnded(t *testing.T) {
	s := newStage(t)
	require.Empty(t, shelltest.Buttons(s.screen.Content(), "Trace packets"), "nobody can")
	f := &tracer{traced: map[string]bool{}, gone: map[string]bool{}}
	s.screen.p.Tracer = f
	s.screen.Show(lampSID)
	s.tick()
	shelltest.Press(t, s.screen.Content(), "Trace packets")
	require.True(t, f.traced[lampSID])
	require.Equal(t, "The packets of lamp are recorded from now on", s.shell.Toasts[0].Message)
	require.True(t, s.tick(), "at once, not with the next second")
	texts := shelltest.Texts(s.screen.Content())
	require.Contains(t, texts, "traced")
	require.Contains(t, texts, "every packet is recorded")
	shelltest.Press(t, s.screen.Content(), "Show packets")
	require.Equal(t, [][2]string{{"attempts", "17/packets"}}, s.shell.Gone)
	shelltest.Press(t, s.screen.Content(), "Stop tracing")
	s.tick()
	require.False(t, f.traced[lampSID])
	require.NotContains(t, shelltest.Texts(s.screen.Content()), "every packet is recorded")
	s.shell.Toasts[0].Undo()
	require.False(t, f.traced[lampSID])
	f.gone[lampSID] = true
	s.tick()
	shelltest.Press(t, s.screen.Content(), "Trace packets")
	require.Contains(t, s.shell.Toasts[len(s.shell.Toasts)-1].Message, "cannot be traced")
}

func TestAddressAndAttemptOfASessionAreLinks(t *testing.T) {
	s := newStage(t)
	s.screen.Show(lampSID)
	s.tick()
	s.screen.detail.address.Tapped(nil)
	s.screen.detail.attempt.Tapped(nil)
	s.screen.detail.cred.Tapped(nil) // there is none
	require.Equal(t, [][2]string{{"attempts", "from:192.168.1.44"}, {"attempts", "17"}}, s.shell.Gone)
	s.screen.Show(meterSID)
	s.tick()
	s.screen.detail.address.Tapped(nil)
	require.Len(t, s.shell.Gone, 2, "it is away")
}
