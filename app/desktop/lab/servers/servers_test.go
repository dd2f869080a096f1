package servers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/gateway/lab"
	"gatehouse/gateway/registry"
)

// fake holds servers that nobody can reach; the test says what devices made of them.
type fake struct {
	servers []lab.Server
	results []lab.Result
	version uint64
	asked   []string
	err     error
	cleared bool
}

func (f *fake) Start(k lab.Kind, o lab.Options) (lab.Server, error) {
	f.asked = append(f.asked, "start "+string(k)+" "+o.Addr)
	if f.err != nil {
		return lab.Server{}, f.err
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:4000" + string(rune('1'+len(f.servers)))
	}
	s := lab.Server{Kind: k, Addr: o.Addr, URL: "mqtts://localhost" + o.Addr[strings.LastIndex(o.Addr, ":"):], Since: noon, Until: noon.Add(time.Hour), Options: o}
	f.servers = append(f.servers, s)
	f.version++
	return s, nil
}

func (f *fake) Stop(k lab.Kind) bool {
	f.asked = append(f.asked, "stop "+string(k))
	f.servers = slices.DeleteFunc(f.servers, func(s lab.Server) bool { return s.Kind == k })
	f.version++
	return true
}
func (f *fake) Servers() []lab.Server { return slices.Clone(f.servers) }
func (f *fake) Results() []lab.Result { return slices.Clone(f.results) }
func (f *fake) ClearResults()         { f.results, f.cleared = nil, true; f.version++ }
func (f *fake) Version() uint64       { return f.version }

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	lampSID = "TH" + strings.Repeat("1", 32)
)

const expired = lab.Kind("expired_certificate")

type stage struct {
	lab    *fake
	shell  *shelltest.Shell
	view   *View
	now    time.Time
	picked []string // labels that were offered
	pick   int
}

func newStage(t *testing.T, width, height float32, mode kit.Mode) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: mode})
	s := &stage{lab: &fake{}, shell: &shelltest.Shell{}, now: noon}
	s.view = New(Params{
		Shell: s.shell, Lab: s.lab, Now: func() time.Time { return s.now }, RootPEM: func() []byte { return []byte("root") },
		Devices: func() []registry.Device { return []registry.Device{{SID: lampSID, UniqueName: "lamp"}} },
		Pick:    func(_ string, labels []string, chosen func(int)) { s.picked = labels; chosen(s.pick) },
	})
	w := test.NewTempWindow(t, s.view.Content())
	w.Resize(fyne.NewSize(width, height))
	s.shell.Win = w
	shelltest.Tick(s.view)
	return s
}

func (s *stage) texts() string { return shelltest.Texts(s.view.Content()) }

func (s *stage) met(r ...lab.Result) {
	s.lab.results = r
	s.lab.version++
	shelltest.Tick(s.view)
}

func TestEveryWrongServerIsListedWithWhatIsWrongAndWhatADeviceShouldDo(t *testing.T) {
	s := newStage(t, 1160, 900, kit.AlwaysDark)
	require.Len(t, s.view.kinds, len(lab.Kinds()))
	for _, k := range s.view.kinds {
		require.NotEmpty(t, k.group, k.kind)
		s.view.Show(string(k.kind))
		shelltest.Tick(s.view)
		require.Contains(t, s.texts(), k.title)
		require.Equal(t, string(k.kind), s.view.Selected())
		said := shelltest.Texts(s.view.detail.content)
		require.Contains(t, said, k.shows)
		require.Contains(t, said, strings.Fields(k.passes)[0])
	}
	s.view.Show("no_such_thing")
	require.NotEqual(t, "no_such_thing", s.view.Selected())
}

func TestAServerIsStartedOffTheUIAndItsAddressIsThereToCopy(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.shell.Hold = true
	shelltest.Press(t, s.view.detail.content, "Start")
	require.Empty(t, s.lab.asked, "it waits for a certificate, and the window does not")
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "Starting…")
	s.shell.Release()
	s.shell.Hold = false
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "mqtts://localhost:40001")
	require.Contains(t, s.texts(), "mosquitto_pub -h localhost -p 40001 --cafile root.pem")
	require.Contains(t, s.texts(), "1 running,")
	s.view.detail.content.Refresh()
	copies := shelltest.Buttons(s.view.detail.content, "Copy")
	require.Len(t, copies, 2)
	copies[0].Tapped(nil)
	require.Equal(t, "mqtts://localhost:40001", s.shell.Copied[0][1])
	shelltest.Press(t, s.view.detail.content, "Save root.pem")
	require.Equal(t, "root", string(s.shell.Saved["root.pem"]))
	shelltest.Press(t, s.view.detail.content, "Stop")
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "Not running")
	require.Equal(t, []string{"start expired_certificate ", "stop expired_certificate"}, s.lab.asked)
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.lab.err = errors.New("no port is free")
	shelltest.Press(t, s.view.detail.content, "Start")
	require.Len(t, s.shell.Failures, 1)
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "Not running")
	require.NotContains(t, s.texts(), "Starting…")
}

func TestEachServerIsSwitchedInTheListAndAllAreStoppedAtOnce(t *testing.T) {
	s := newStage(t, 1160, 900, kit.AlwaysDark)
	for _, k := range []string{"expired_certificate", "half_open"} {
		for _, r := range s.view.shown.rows {
			if string(r.kind) == k {
				s.view.list.table.OnOpen(r)
			}
		}
		shelltest.Tick(s.view)
	}
	require.Contains(t, s.texts(), "2 running,")
	shelltest.Press(t, s.view.list.content, "Stop all")
	shelltest.Tick(s.view)
	require.Empty(t, s.lab.servers)
	require.Contains(t, s.texts(), "None is running")
}

func TestReturnCodesAreChosenForADeviceWhileTheirServerKeepsItsAddress(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.view.Show("return_code")
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "every device")
	shelltest.PressChip(t, s.view.detail.content, "4")
	shelltest.Press(t, s.view.detail.content, "Start")
	shelltest.Tick(s.view)
	require.Equal(t, 4, s.lab.servers[0].Options.Code)
	s.pick = 1
	shelltest.Press(t, s.view.detail.content, "Choose…")
	shelltest.Tick(s.view)
	require.Equal(t, []string{"Every device", "lamp · " + lampSID}, s.picked)
	require.Equal(t, lab.Options{Code: 4, DeviceSID: lampSID, Addr: "127.0.0.1:40001"}, s.lab.servers[0].Options)
	require.Contains(t, s.texts(), "lamp; others get 3")
	shelltest.PressChip(t, s.view.detail.content, "1 to 5, then 0")
	require.Equal(t, lab.Tour, s.lab.servers[0].Options.Code)
	s.pick = 0
	shelltest.Press(t, s.view.detail.content, "Choose…")
	require.Empty(t, s.lab.servers[0].Options.DeviceSID)
}

func TestADeviceThatFailsTheLessonIsNamedWithLinks(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	require.Contains(t, s.texts(), "No lesson yet.")
	s.met(lab.Result{DeviceSID: lampSID, Name: "lamp", Peer: "192.168.1.7:50000", Kind: expired, Code: -1, Outcome: lab.Failed, At: noon, Attempt: 17, Attempts: 1},
		lab.Result{Name: "sensor", Peer: "127.0.0.1:1", Kind: "half_open", Outcome: lab.Passed, At: noon, Attempt: 16, Attempts: 2})
	require.Contains(t, s.texts(), "This device does not validate the server certificate.")
	require.Contains(t, s.texts(), "Passed")
	for _, link := range []*kit.Link{s.view.results.device, s.view.results.attempt, s.view.results.peer, s.view.results.server} {
		link.Tapped(nil)
	}
	require.Equal(t, [][2]string{{"devices", lampSID}, {"attempts", "17"}, {"attempts", "from:192.168.1.7"}}, s.shell.Gone)
	s.view.results.table.Select(keyOf(s.lab.results[1]))
	s.met(append([]lab.Result{{Name: "door", Peer: "127.0.0.1:2", Kind: expired, Outcome: lab.Passed, At: noon, Attempt: 18, Attempts: 1}}, s.lab.results...)...)
	require.Equal(t, "sensor", s.view.results.device.String(), "the user's choice stays")
	require.Equal(t, "Attempt 16, the last of 2", s.view.results.attempt.String())
	shelltest.PressChip(t, s.view.results.content, "This server")
	shelltest.Tick(s.view)
	require.NotContains(t, shelltest.Texts(s.view.results.table), "sensor")
	for _, form := range s.view.results.forms() {
		form.Action()
	}
	require.Contains(t, string(s.shell.Saved["lessons.csv"]), lampSID)
	require.Contains(t, string(s.shell.Saved["lessons.json"]), `"failed"`)
	require.Contains(t, string(s.shell.Saved["lessons.md"]), "| lamp |")
	require.NotContains(t, string(s.shell.Saved["lessons.md"]), "sensor", "what is shown is saved")
}

func TestResultsAreForgottenOnlyWhenTheUserAgrees(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.met(lab.Result{Name: "lamp", Peer: "127.0.0.1:1", Kind: expired, Outcome: lab.Passed, At: noon, Attempt: 1, Attempts: 1})
	shelltest.Press(t, s.view.results.content, "Clear…")
	require.False(t, s.lab.cleared)
	require.Contains(t, s.shell.Questions[0].Lost, "1 result")
	s.shell.Questions[0].Do()
	require.True(t, s.lab.cleared)
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "No lesson yet.")
}

func TestAResultThatWaitsIsAskedForOnceASecondAndOthersNever(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark)
	s.met(lab.Result{Name: "lamp", Peer: "127.0.0.1:1", Kind: lab.ReturnCode, Outcome: lab.Waiting, At: noon, Attempt: 1, Attempts: 1})
	require.Contains(t, s.texts(), "Waiting")
	s.lab.results[0].Outcome = lab.Passed // time decides it: no version rises
	require.False(t, shelltest.Tick(s.view), "not before a second is over")
	s.now = s.now.Add(time.Second)
	require.True(t, shelltest.Tick(s.view))
	require.Contains(t, s.texts(), "Passed")
	s.lab.results[0].Outcome = lab.Failed
	s.now = s.now.Add(time.Minute)
	require.False(t, shelltest.Tick(s.view), "nothing waits any more")
}
