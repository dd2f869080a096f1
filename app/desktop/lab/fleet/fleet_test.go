package fleet

import (
	"errors"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/lab"
	"gatehouse/sim/fleet"
	"gatehouse/sim/telemetry"
)

// fake are fleets that do as they are told.
type fake struct {
	started []lab.FleetPlan
	err     error
	asked   []string
	all     []lab.FleetState
}

func (f *fake) Start(p lab.FleetPlan) (int, error) { f.started = append(f.started, p); return 1, f.err }
func (f *fake) Stop(int)                           { f.asked = append(f.asked, "stop") }
func (f *fake) Again(int) error                    { f.asked = append(f.asked, "again"); return f.err }
func (f *fake) Remove(int)                         { f.asked = append(f.asked, "remove") }
func (f *fake) All() []lab.FleetState              { return f.all }

type stage struct {
	*View
	fleets   *fake
	shell    *shelltest.Shell
	ordinary bool
}

func newStage(t *testing.T) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{fleets: &fake{}, shell: &shelltest.Shell{}}
	s.View = New(Params{Shell: s.shell, Fleets: s.fleets, Ordinary: func() bool { return s.ordinary }})
	w := test.NewTempWindow(t, s.Content())
	w.Resize(fyne.NewSize(1172, 660))
	shelltest.Tick(s.View)
	return s
}

func (s *stage) texts() string { return shelltest.Texts(s.Content()) }

// running is a fleet of 200 meters that lives.
func running() lab.FleetState {
	return lab.FleetState{
		Number: 1, Title: "200 × meter", Kind: "meter", First: "meter-001", Last: "meter-200", FirstSID: "TH1", FleetSID: "FL1", Stage: lab.FleetRunning,
		Figures:     fleet.Status{Stage: fleet.Running, Count: 200, Provisioned: 200, Started: 200, Connected: 188, Waiting: 12, Why: "too many connects; try again later"},
		ConnectRate: 94, MessageRate: 41.2, PerDevice: 94 << 10, MadeIn: 530 * time.Millisecond,
	}
}

func TestAFleetIsMadeAsTheFormSays(t *testing.T) {
	s := newStage(t)
	require.Contains(t, s.texts(), "No fleet yet")
	shelltest.PressChip(t, s.Content(), "Lamp")
	s.form.count.Entry.SetText("1 200")
	s.form.vars.Entry.SetText("room = kitchen, hall")
	s.form.topics.Entry.SetText("site/{room}")
	shelltest.PressChip(t, s.Content(), "A certificate each")
	require.Contains(t, s.texts(), "lamp-0001 to lamp-1200")
	require.Contains(t, s.texts(), "within 12 s")
	shelltest.Press(t, s.Content(), "Make and start them")
	require.Equal(t, []lab.FleetPlan{{
		Kind: "lamp", Count: 1200, Name: "lamp-{n}", Vars: map[string][]string{"room": {"kitchen", "hall"}}, Topics: "site/{room}", Certificate: true, PerSecond: 100,
	}}, s.fleets.started)
}

func TestWhatIsWrongWithAFieldStandsBelowItAndNothingIsMade(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		field *kit.Field
		bad   string
		said  string
	}{
		{s.form.count, "5001", "A fleet has from 1 to 5000 devices: give a number between them."},
		{s.form.count, "many", "A fleet has from 1 to 5000 devices"},
		{s.form.rate, "0", "From 1 to 400 devices can be started each second"},
		{s.form.name, "meter", "It has no {n}"},
		{s.form.name, "{room}-{n}", "{room} is not known"},
		{s.form.vars, "room", "“room” is no variable"},
		{s.form.topics, "site/{room}", "{room} is not known"},
	} {
		good := c.field.Entry.Text
		c.field.Entry.SetText(c.bad)
		require.Contains(t, s.texts(), c.said)
		shelltest.Press(t, s.Content(), "Make and start them")
		require.Empty(t, s.fleets.started)
		c.field.Entry.SetText(good)
		require.NotContains(t, s.texts(), c.said)
	}
	s.fleets.err = telemetry.Problem{Path: "count", What: "there are too many", Todo: "give fewer"}
	shelltest.Press(t, s.Content(), "Make and start them")
	require.Contains(t, s.texts(), "There are too many: give fewer.", "also what shows only at the start")
	s.form.count.Entry.SetText("7")
	s.fleets.err = lab.ErrStopped
	shelltest.Press(t, s.Content(), "Make and start them")
	require.ErrorIs(t, s.shell.Failures[0], lab.ErrStopped)
}

func TestAFleetVisitsAnotherServer(t *testing.T) {
	s := newStage(t)
	shelltest.PressChip(t, s.Content(), "Ordinary broker")
	require.Contains(t, s.texts(), "It does not run: start it on the tab")
	s.ordinary = true
	shelltest.Tick(s.View)
	require.NotContains(t, s.texts(), "It does not run")
	require.NotContains(t, s.texts(), "A certificate each", "identities are for the gateway")
	shelltest.Press(t, s.Content(), "Make and start them")
	require.True(t, s.fleets.started[0].Ordinary)

	shelltest.PressChip(t, s.Content(), "Another server")
	s.form.url.Entry.SetText("http://broker.example")
	require.Contains(t, s.texts(), "is not MQTT over TLS")
	s.form.url.Entry.SetText("mqtts://broker.example")
	s.form.user.Entry.SetText("bench")
	s.form.password.Entry.SetText("secret")
	shelltest.Press(t, s.Content(), "Make and start them")
	require.Equal(t, &lab.Target{URL: "mqtts://broker.example", User: "bench", Secret: "secret"}, s.fleets.started[1].Other)
	require.NotContains(t, s.texts(), "secret", "it is masked")
}

func TestTheFiguresOfAFleetAreLiveAndItsDeviceIsALink(t *testing.T) {
	s := newStage(t)
	s.fleets.all = []lab.FleetState{running()}
	require.True(t, shelltest.Tick(s.View))
	require.False(t, shelltest.Tick(s.View), "nothing has changed")
	for _, said := range []string{"Running", "188 connected of 200", "12 refused or lost", "94 connects/s", "41 messages/s", "94.0 KiB memory a device", "made in 0.5 s", "too many connects"} {
		require.Contains(t, s.texts(), said)
	}
	require.NotContains(t, s.texts(), "No fleet yet")
	shelltest.Each(s.Content(), func(o fyne.CanvasObject) {
		if link, ok := o.(*kit.Link); ok && link.String() == "meter-001" {
			link.Tapped(nil)
		}
	})
	require.Equal(t, [][2]string{{"devices", "TH1"}}, s.shell.Gone)
}

func TestAFleetIsCancelledStoppedStartedAgainAndRemovedOnceTheUserAgrees(t *testing.T) {
	s := newStage(t)
	f := running()
	f.Stage, f.Figures.Provisioned = lab.FleetMaking, 17
	s.fleets.all = []lab.FleetState{f}
	shelltest.Tick(s.View)
	require.Contains(t, s.texts(), "17 made of 200")
	require.Empty(t, shelltest.Buttons(s.Content(), "Remove…"))
	shelltest.Press(t, s.Content(), "Cancel")

	s.fleets.all = []lab.FleetState{running()}
	shelltest.Tick(s.View)
	shelltest.Press(t, s.Content(), "Stop")
	shelltest.Press(t, s.Content(), "Remove…")
	require.Contains(t, s.shell.Questions[0].Lost, "200 devices with all credentials")
	require.Equal(t, "Remove 200 devices", s.shell.Questions[0].Verb)
	require.Equal(t, []string{"stop", "stop"}, s.fleets.asked, "not removed before the user agrees")
	s.shell.Questions[0].Do()

	f.Stage = lab.FleetStopped
	s.fleets.all = []lab.FleetState{f}
	shelltest.Tick(s.View)
	s.fleets.err = errors.New("the gateway is stopped")
	shelltest.Press(t, s.Content(), "Start again")
	require.Equal(t, []string{"stop", "stop", "remove", "again"}, s.fleets.asked)
	require.Len(t, s.shell.Failures, 1)

	s.fleets.all = nil
	shelltest.Tick(s.View)
	require.Contains(t, s.texts(), "No fleet yet")
}

func TestAFleetThatFailedSaysWhatStaysAndOffersToRemoveIt(t *testing.T) {
	s := newStage(t)
	f := running()
	f.Stage, f.Why, f.Registered = lab.FleetFailed, "the disk is full", 31
	s.fleets.all = []lab.FleetState{f, {Number: 2, Title: "3 × lamp", Stage: lab.FleetLeft, Registered: 3}}
	shelltest.Tick(s.View)
	require.Contains(t, s.texts(), "the disk is full. 31 devices stay registered until you remove the fleet.")
	require.Contains(t, s.texts(), "3 devices are registered, and nobody has the credentials any more")
	buttons := shelltest.Buttons(s.Content(), "Remove…")
	require.Len(t, buttons, 2)
	buttons[1].Tapped(nil)
	require.Equal(t, "Remove 3 devices", s.shell.Questions[0].Verb)
}
