package settings

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/desktop/state"
)

type fake struct {
	view View
	fail error
	set  []Settings
	told int // how often the token was asked for
	turn int // how often it was rotated
}

func (f *fake) View() View { return f.view }
func (f *fake) Set(s Settings) error {
	f.set = append(f.set, s)
	if f.fail == nil {
		f.view.Settings = s
	}
	return f.fail
}
func (f *fake) ClearAttempts() error {
	if f.fail == nil {
		f.view.Kept = 0
	}
	return f.fail
}
func (f *fake) RootPEM() []byte { return []byte("-----BEGIN CERTIFICATE-----") }
func (f *fake) Token() string   { f.told++; return "the-secret-token" + strings.Repeat("-again", f.turn) }
func (f *fake) RotateToken(context.Context) error {
	if f.fail == nil {
		f.turn++
	}
	return f.fail
}
func (f *fake) Suites() []Suite {
	return []Suite{{"TLS 1.3", "TLS_AES_128_GCM_SHA256", ""}, {"TLS 1.2", "ECDHE-RSA-AES128-GCM-SHA256", "RSA-2048"}}
}

type look struct {
	theme     state.Theme
	presenter bool
}

func (l *look) Theme() state.Theme     { return l.theme }
func (l *look) SetTheme(t state.Theme) { l.theme = t }
func (l *look) Presenter() bool        { return l.presenter }
func (l *look) SetPresenter(on bool)   { l.presenter = on }

type stage struct {
	gateway *fake
	look    *look
	shell   *shelltest.Shell
	screen  *Screen
}

func newStage(t *testing.T) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{shell: &shelltest.Shell{}, look: &look{}, gateway: &fake{view: View{
		Settings: Settings{Port: 8883}, Address: "127.0.0.1:8883", URL: "mqtts://localhost:8883", CertNames: []string{"localhost", "127.0.0.1"},
		NotAfter: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), RootPath: "/data/pki/root.pem", DataDir: "/data", Account: "AC" + strings.Repeat("1", 32),
	}}}
	s.screen = New(Params{Shell: s.shell, Gateway: s.gateway, Look: s.look})
	w := test.NewTempWindow(t, s.screen.Content())
	w.Resize(fyne.NewSize(1180, 900))
	s.tick()
	return s
}

func (s *stage) tick() bool { return shelltest.Tick(s.screen) }

func (s *stage) texts() string { return shelltest.Texts(s.screen.Content()) }

func TestAnotherPortIsUsedOnlyWhenItIsOne(t *testing.T) {
	s := newStage(t)
	s.screen.listener.port.Entry.SetText("70000")
	require.Contains(t, s.texts(), "A port is a number from 1 to 65535.")
	shelltest.Press(t, s.screen.Content(), "Use this port")
	require.Empty(t, s.gateway.set)
	s.screen.listener.port.Entry.SetText("8884")
	require.NotContains(t, s.texts(), "A port is a number")
	shelltest.Press(t, s.screen.Content(), "Use this port")
	require.Equal(t, []Settings{{Port: 8884}}, s.gateway.set)
	require.Equal(t, "The gateway listens on port 8884", s.shell.Toasts[0].Message)
}

func TestAPortThatCannotBeHadIsAFailureAndNothingMore(t *testing.T) {
	s := newStage(t)
	s.gateway.fail = errors.New("port 8884 is taken by mosquitto")
	s.screen.listener.port.Entry.SetText("8884")
	shelltest.Press(t, s.screen.Content(), "Use this port")
	require.Len(t, s.shell.Failures, 1)
	require.Empty(t, s.shell.Toasts)
}

func TestNamesAreAddedAndRemoved(t *testing.T) {
	s := newStage(t)
	s.screen.certificate.field.Entry.SetText(" gateway.example ")
	shelltest.Press(t, s.screen.Content(), "Add")
	s.tick()
	require.Equal(t, []string{"gateway.example"}, s.gateway.view.Names)
	shelltest.Press(t, s.screen.Content(), "Remove gateway.example")
	s.tick()
	require.Empty(t, s.gateway.view.Names)
	require.Empty(t, shelltest.Buttons(s.screen.Content(), "Remove gateway.example"))
}

func TestTheNetworkIsAChoiceOfTwo(t *testing.T) {
	s := newStage(t)
	shelltest.PressChip(t, s.screen.Content(), "This machine only")
	require.Empty(t, s.gateway.set, "it is so already")
	shelltest.PressChip(t, s.screen.Content(), "My network")
	require.True(t, s.gateway.view.Network)
}

func TestAnAddressFromTheCommandLineCannotBeChanged(t *testing.T) {
	s := newStage(t)
	s.gateway.view.Fixed = true
	s.tick()
	require.NotContains(t, s.texts(), "Use this port")
	require.NotContains(t, s.texts(), "My network")
	require.Contains(t, s.texts(), "command line")
}

func TestTheTokenIsShownOnlyWhenAskedForAndNeverWhilePresenting(t *testing.T) {
	s := newStage(t)
	require.Zero(t, s.gateway.told)
	require.NotContains(t, s.texts(), "the-secret-token")
	shelltest.Press(t, s.screen.Content(), "Reveal")
	require.Contains(t, s.texts(), "the-secret-token")
	shelltest.PressChip(t, s.screen.Content(), "On")
	require.True(t, s.look.presenter)
	require.NotContains(t, s.texts(), "the-secret-token")
	shelltest.Press(t, s.screen.Content(), "Reveal")
	require.NotContains(t, s.texts(), "the-secret-token")
}

func TestAddressAccountAndTokenOfTheHTTPAPIAreCopiedWhole(t *testing.T) {
	s := newStage(t)
	require.Contains(t, s.texts(), "off")
	s.gateway.view.HTTPURL = "http://127.0.0.1:8080"
	s.tick()
	for _, button := range shelltest.Buttons(s.screen.api.content, "Copy") {
		button.Tapped(nil)
	}
	require.Equal(t, [][2]string{
		{"address of the HTTP API", "http://127.0.0.1:8080"}, {"account SID", s.gateway.view.Account}, {"account token", "the-secret-token"},
	}, s.shell.Copied)
	require.NotContains(t, s.texts(), "the-secret-token", "to copy it is not to show it")
}

func TestTheTokenIsRotatedOnceTheConsequenceWasAgreedTo(t *testing.T) {
	s := newStage(t)
	shelltest.Press(t, s.screen.Content(), "Reveal")
	shelltest.Press(t, s.screen.Content(), "Rotate token…")
	require.Zero(t, s.gateway.turn, "not before it was agreed to")
	require.Contains(t, s.shell.Questions[0].Lost, "the old token is refused from now on")
	s.shell.Hold = true
	s.shell.Questions[0].Do()
	s.shell.Questions[0].Do() // twice, before the first is done
	s.shell.Release()
	require.Equal(t, 1, s.gateway.turn)
	require.Contains(t, s.texts(), "the-secret-token-again")
	require.Equal(t, "The account has another token now", s.shell.Toasts[0].Message)
}

func TestATokenThatCannotBeRotatedIsAFailure(t *testing.T) {
	s := newStage(t)
	s.gateway.fail = errors.New("the disk is full")
	shelltest.Press(t, s.screen.Content(), "Rotate token…")
	s.shell.Questions[0].Do()
	require.Len(t, s.shell.Failures, 1)
	require.Empty(t, s.shell.Toasts)
}

func TestTheThemeIsChosen(t *testing.T) {
	s := newStage(t)
	shelltest.PressChip(t, s.screen.Content(), "Light")
	require.Equal(t, state.Light, s.look.theme)
}

func TestRootPEMIsSaved(t *testing.T) {
	s := newStage(t)
	shelltest.Press(t, s.screen.Content(), "Save root.pem")
	require.Equal(t, s.gateway.RootPEM(), s.shell.Saved["root.pem"])
}

func TestTheSuitesAreListedWithTheirKeys(t *testing.T) {
	s := newStage(t)
	require.Contains(t, s.texts(), "ECDHE-RSA-AES128-GCM-SHA256 TLS 1.2 RSA-2048")
}

func TestNothingIsShownAnewWhenNothingHasChanged(t *testing.T) {
	s := newStage(t)
	for range 5 {
		require.False(t, s.tick())
	}
	s.gateway.view.URL = "mqtts://192.168.1.2:8883"
	require.True(t, s.tick())
	require.Contains(t, s.texts(), "mqtts://192.168.1.2:8883")
}

func TestTheRecordIsBoundedByCountAndSizeAndLosingSomeOfItIsAskedFirst(t *testing.T) {
	s := newStage(t)
	s.gateway.view.KeepAttempts, s.gateway.view.KeepBytes, s.gateway.view.Kept = 10_000, 64<<20, 1204
	s.tick()
	require.Contains(t, s.texts(), "1 204 attempts")
	c := s.screen.record
	for _, wrong := range []string{"0", "", "many", "1000001"} {
		c.count.Entry.SetText(wrong)
		require.Contains(t, s.texts(), "From 1 to 1 000 000 attempts can be kept.")
		shelltest.Press(t, s.screen.Content(), "Keep so many")
	}
	require.Empty(t, s.gateway.set)
	c.count.Entry.SetText("20 000")
	c.size.Entry.SetText("128")
	shelltest.Press(t, s.screen.Content(), "Keep so many")
	require.Equal(t, 20_000, s.gateway.view.KeepAttempts)
	require.Equal(t, int64(128<<20), s.gateway.view.KeepBytes)
	require.Empty(t, s.shell.Questions)
	s.tick()
	c.count.Entry.SetText("1000")
	shelltest.Press(t, s.screen.Content(), "Keep so many")
	require.Equal(t, 20_000, s.gateway.view.KeepAttempts, "not before it was agreed to")
	require.Contains(t, s.shell.Questions[0].Lost, "The oldest 204 attempts go now")
	s.shell.Questions[0].Do()
	require.Equal(t, 1000, s.gateway.view.KeepAttempts)
}

func TestTheRecordSaysWhatItLacks(t *testing.T) {
	s := newStage(t)
	require.NotContains(t, s.texts(), "damaged")
	s.gateway.view.Lacks = "The record was damaged at 2 places when the gateway started: what was there may be missing."
	s.tick()
	require.Contains(t, s.texts(), "damaged at 2 places")
	s.gateway.view.Lacks = ""
	s.tick()
	require.NotContains(t, s.texts(), "damaged")
}

func TestClearingTheRecordNamesWhatIsLost(t *testing.T) {
	s := newStage(t)
	shelltest.Press(t, s.screen.Content(), "Clear the record…")
	require.Empty(t, s.shell.Questions, "there is nothing to clear")
	s.gateway.view.Kept = 1204
	s.tick()
	shelltest.Press(t, s.screen.Content(), "Clear the record…")
	require.Contains(t, s.shell.Questions[0].Lost, "1 204 attempts with every step and packet, and all findings")
	require.Equal(t, 1204, s.gateway.view.Kept)
	s.shell.Questions[0].Do()
	s.tick()
	require.Contains(t, s.texts(), "0 attempts")
}

func TestStrictnessAndWritesAreChosenAndTheNextStartIsNamed(t *testing.T) {
	s := newStage(t)
	shelltest.PressChip(t, s.screen.Content(), "Disconnect the device")
	require.True(t, s.gateway.view.StrictPublishes)
	require.NotContains(t, s.texts(), "started the next time")
	s.tick()
	shelltest.PressChip(t, s.screen.Content(), "Before the answer")
	s.tick()
	require.True(t, s.gateway.view.DurableAlways)
	require.Contains(t, s.texts(), "started the next time")
	shelltest.PressChip(t, s.screen.Content(), "Before the answer")
	require.Len(t, s.gateway.set, 2, "it is so already")
}
