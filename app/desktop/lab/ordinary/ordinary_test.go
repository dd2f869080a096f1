package ordinary

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/lab"
)

// fake is a broker that does as it is told.
type fake struct {
	plans []lab.BrokerPlan
	err   error
	state lab.BrokerState
	stops int
}

func (f *fake) Start(p lab.BrokerPlan) error {
	f.plans = append(f.plans, p)
	if f.err == nil {
		f.state = lab.BrokerState{Running: true, URL: "mqtts://localhost:40123", Network: p.Network, Locked: p.Password != ""}
	}
	return f.err
}

func (f *fake) Stop() error            { f.stops++; f.state = lab.BrokerState{}; return f.err }
func (f *fake) State() lab.BrokerState { return f.state }

type stage struct {
	*View
	broker  *fake
	shell   *shelltest.Shell
	devices []Device
	pointed [][2]string
	refuse  error
	labels  []string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{broker: &fake{}, shell: &shelltest.Shell{}}
	s.View = New(Params{
		Shell: s.shell, Broker: s.broker, RootPEM: func() []byte { return []byte("root") }, Devices: func() []Device { return s.devices },
		Point: func(_ context.Context, sid, url string) error {
			s.pointed = append(s.pointed, [2]string{sid, url})
			return s.refuse
		},
		Pick: func(_ string, labels []string, chosen func(int)) { s.labels = labels; chosen(1) },
	})
	w := test.NewTempWindow(t, s.Content())
	w.Resize(fyne.NewSize(1172, 660))
	shelltest.Tick(s.View)
	return s
}

func (s *stage) texts() string { return shelltest.Texts(s.Content()) }

const begin = "Start the ordinary broker"

func TestTheBrokerIsStartedWatchedAndStopped(t *testing.T) {
	s := newStage(t)
	require.Contains(t, s.texts(), "Stopped")
	require.Contains(t, s.texts(), "The gateway answers MQTT 5 with code 1.")
	shelltest.Press(t, s.Content(), begin)
	require.Equal(t, []lab.BrokerPlan{{}}, s.broker.plans)
	s.broker.state.Clients, s.broker.state.Received, s.broker.state.Retained, s.broker.state.For = 2, 1204, 1, 65*time.Second
	shelltest.Tick(s.View)
	require.False(t, shelltest.Tick(s.View), "nothing has changed")
	for _, said := range []string{"Running", "mqtts://localhost:40123", "2 connected", "1 204 messages in", "1 min 5 s running for", "This machine only: there is no password"} {
		require.Contains(t, s.texts(), said)
	}
	require.NotContains(t, s.texts(), begin)
	shelltest.Press(t, s.Content(), "Copy")
	require.Equal(t, "mqtts://localhost:40123", s.shell.Copied[0][1])
	shelltest.Press(t, s.Content(), "Save root.pem")
	require.Equal(t, "root", string(s.shell.Saved["root.pem"]))

	shelltest.Press(t, s.Content(), "Stop it")
	require.Zero(t, s.broker.stops, "not before the user agrees")
	require.Contains(t, s.shell.Questions[0].Lost, "2 clients are disconnected")
	s.shell.Questions[0].Do()
	shelltest.Tick(s.View)
	require.Equal(t, 1, s.broker.stops)
	require.Contains(t, s.texts(), begin)
}

func TestTheNetworkNeedsAPassword(t *testing.T) {
	s := newStage(t)
	shelltest.PressChip(t, s.Content(), "My network")
	require.Contains(t, s.texts(), "Without a password only this machine may connect: give a password, or keep to this machine.")
	shelltest.Press(t, s.Content(), begin)
	require.Empty(t, s.broker.plans)
	s.password.Entry.SetText("secret")
	require.Contains(t, s.texts(), "A password goes with a user name")
	s.user.Entry.SetText("bench")
	s.port.Entry.SetText("70000")
	require.Contains(t, s.texts(), "A port is a number from 1 to 65535")
	s.port.Entry.SetText("8884")
	shelltest.Press(t, s.Content(), begin)
	require.Equal(t, []lab.BrokerPlan{{Port: 8884, Network: true, User: "bench", Password: "secret"}}, s.broker.plans)
	require.Empty(t, s.password.Entry.Text, "the password does not stay on the screen")
	shelltest.Tick(s.View)
	require.Contains(t, s.texts(), "Devices on your network can connect")
	require.Contains(t, s.texts(), "A virtual device sends its own key")
	shelltest.Press(t, s.Content(), "Point a virtual device at it…")
	require.Empty(t, s.pointed)
}

func TestAPortThatIsTakenIsSaidBesideIt(t *testing.T) {
	s := newStage(t)
	s.port.Entry.SetText("8883")
	s.broker.err = fmt.Errorf("port 8883: %w", lab.ErrPortTaken)
	shelltest.Press(t, s.Content(), begin)
	require.Contains(t, s.texts(), "Port 8883 is taken: another program listens there, or the gateway itself")
	require.Empty(t, s.shell.Failures)
	s.port.Entry.SetText("8884")
	require.NotContains(t, s.texts(), "is taken")
	s.broker.err = errors.New("out of luck")
	shelltest.Press(t, s.Content(), begin)
	require.Len(t, s.shell.Failures, 1)
}

func TestAVirtualDeviceIsPointedAtIt(t *testing.T) {
	s := newStage(t)
	shelltest.Press(t, s.Content(), begin)
	shelltest.Tick(s.View)
	press := func() { shelltest.Press(t, s.Content(), "Point a virtual device at it…") }
	press()
	require.Contains(t, s.shell.Toasts[len(s.shell.Toasts)-1].Message, "There is no virtual device yet")
	s.devices = []Device{{"TH1", "lamp"}, {"TH2", "meter"}}
	press()
	require.Equal(t, []string{"lamp", "meter"}, s.labels)
	require.Equal(t, [][2]string{{"TH2", "mqtts://localhost:40123"}}, s.pointed)
	require.Equal(t, [][2]string{{"devices", "TH2"}}, s.shell.Gone)
	s.devices, s.refuse = s.devices[:1], errors.New("refused")
	press()
	require.Equal(t, []error{s.refuse}, s.shell.Failures)
}
