package overview

import (
	"context"
	"errors"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
)

// dozen is a demo of twelve devices.
type dozen struct {
	state   DemoState
	err     error
	devices int
}

func (s *dozen) State() DemoState { return s.state }
func (s *dozen) Devices() int     { return s.devices }
func (s *dozen) Load(context.Context) error {
	if s.err == nil {
		s.state = DemoState{Living: true, Of: 12}
	}
	return s.err
}

func (s *dozen) Remove(context.Context) error {
	if s.err == nil {
		s.state = DemoState{Of: 12}
	}
	return s.err
}

func newDemoStage(t *testing.T, d *dozen) *stage {
	t.Helper()
	s := newStage(t)
	s.screen = New(Params{
		Fix: fix.Fixer{Shell: s.shell}, Log: s.log, Gateway: s.gateway, Meter: s.meter, Demo: d,
		Remedy:     func(attempt.Attempt) (remedy.Remedy, bool) { return s.remedy, s.fixable },
		Registered: func() uint64 { return s.stamp }, Now: func() time.Time { return s.now },
	})
	w := test.NewTempWindow(t, s.screen.Content())
	w.Resize(fyne.NewSize(1180, 700))
	s.tick()
	return s
}

func TestTheDemoIsLoadedByOneTapAndRemovedWhenTheUserAgreesToWhatIsLost(t *testing.T) {
	d := &dozen{state: DemoState{Of: 12}}
	s := newDemoStage(t, d)
	require.Empty(t, shelltest.Buttons(s.screen.Content(), "Remove the demo"))
	shelltest.Press(t, s.screen.Content(), "Load the demo fleet")
	require.True(t, d.state.Living)
	require.Contains(t, s.shell.Toasts[0].Message, "12 devices")

	s.gateway.devices, d.devices = []registry.Device{{SID: deviceSID("1"), UniqueName: "lamp"}}, 13
	s.stamp++
	s.tick()
	require.Empty(t, shelltest.Buttons(s.screen.Content(), "Load the demo fleet"))
	shelltest.Press(t, s.screen.Content(), "Remove the demo")
	require.True(t, d.state.Living, "not before the user agrees")
	require.Contains(t, s.shell.Questions[0].Lost, "13 devices are disconnected and deleted with all credentials, 1 of them added by you")
	s.shell.Questions[0].Do()
	require.False(t, d.state.Living)

	s.gateway.devices = nil
	s.stamp++
	s.tick()
	require.Len(t, shelltest.Buttons(s.screen.Content(), "Load the demo fleet"), 1)
}

func TestTheDemoCanBeLoadedAgainWhileStrangersAreOnThePicture(t *testing.T) {
	d := &dozen{state: DemoState{Of: 12}}
	s := newDemoStage(t, d)
	s.attempt(1, cause.MQTT5, "", "")
	s.tick()
	require.False(t, s.screen.around.first.Visible(), "a refused peer is on the picture")
	shelltest.Press(t, s.screen.Content(), "Load the demo fleet")
	require.True(t, d.state.Living)
	s.gateway.devices = []registry.Device{{SID: deviceSID("1"), UniqueName: "lamp"}}
	s.stamp++
	s.tick()
	require.Empty(t, shelltest.Buttons(s.screen.Content(), "Load the demo fleet"))
}

func TestLoadingTheDemoShowsHowFarItIsAndWhatWentWrong(t *testing.T) {
	d := &dozen{state: DemoState{Of: 12, Making: true, Made: 5}}
	s := newDemoStage(t, d)
	require.Contains(t, s.texts(), "5 of 12.")
	require.True(t, s.screen.around.demo.making.Visible())

	d.state, d.err = DemoState{Of: 12}, errors.New("the gateway is stopped: start it, and try again")
	s.tick()
	require.False(t, s.screen.around.demo.making.Visible())
	shelltest.Press(t, s.screen.Content(), "Load the demo fleet")
	require.Equal(t, []error{d.err}, s.shell.Failures)
	shelltest.Press(t, s.screen.Content(), "Load the demo fleet")
	require.Len(t, s.shell.Failures, 2, "it can be tried again")
}

func TestADemoOfAnEarlierTimeCanBeRemoved(t *testing.T) {
	d := &dozen{state: DemoState{Of: 12, Left: true}}
	s := newDemoStage(t, d)
	require.Contains(t, s.texts(), "left without its devices")
	s.gateway.devices = []registry.Device{{SID: deviceSID("1"), UniqueName: "lamp"}}
	s.stamp++
	d.state.Removing, d.state.Left = true, false
	s.tick()
	d.state = DemoState{Of: 12, Left: true}
	s.tick()
	require.Len(t, shelltest.Buttons(s.screen.Content(), "Remove the demo"), 1)
}
