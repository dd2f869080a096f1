package recordings

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
	"gatehouse/sim/record"
	"gatehouse/sim/scenario"
)

const sid = "TH0123456789abcdef0123456789abcdef"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fake records nothing; the test says what there is.
type fake struct {
	version uint64
	kept    []lab.Kept
	live    []lab.Live
	damaged []string
	asked   []string
	err     error
	run     lab.Run
	as      *lab.As
}

func (f *fake) Version() uint64            { return f.version }
func (f *fake) Kept() []lab.Kept           { return f.kept }
func (f *fake) Live() []lab.Live           { return f.live }
func (f *fake) Damaged() ([]string, error) { return f.damaged, nil }
func (f *fake) Folder() string             { return "/data/recordings" }
func (f *fake) did(what string) error {
	f.asked = append(f.asked, what)
	f.version++
	return f.err
}
func (f *fake) Start(deviceSID string, received bool) error {
	if received {
		return f.did("start with received " + deviceSID)
	}
	return f.did("start " + deviceSID)
}
func (f *fake) Stop(deviceSID string) (lab.Kept, error) {
	f.live = nil
	f.kept = append(f.kept, kept("second", "Lamp again"))
	return f.kept[len(f.kept)-1], f.did("stop " + deviceSID)
}
func (f *fake) Rename(id, name string) error { return f.did("rename " + id + " " + name) }
func (f *fake) Delete(id string) error       { return f.did("delete " + id) }
func (f *fake) Script(_ string, o record.Options) (record.Script, error) {
	return record.Write(lamp(), o)
}

// runs is the fake's other half.
type runs struct{ *fake }

func (r runs) Last() lab.Run { return r.run }
func (r runs) Start(s lab.Script) error {
	r.as = s.As
	r.run = lab.Run{Number: 1, ID: s.ID, Name: s.Scenario.Name, Steps: lab.Outline(s.Scenario), Of: len(s.Scenario.Steps), Playing: true}
	return r.did("run " + s.ID)
}
func (r runs) Stop() { _ = r.did("stop the run") }

func kept(id, name string) lab.Kept {
	r := lamp()
	return lab.Kept{ID: id, Name: name, DeviceSID: sid, DeviceName: "lamp-kitchen", Began: noon, Took: r.Took(), Events: len(r.Events), Counts: r.Counts(), Notes: r.Notes}
}

func lamp() record.Recording {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	r := record.Recording{Name: "Lamp: the evening", DeviceSID: sid, DeviceName: "lamp-kitchen", Began: noon, Ended: at(41), Notes: []string{"What its will says is not recorded; an x stands for each of its bytes."}, Events: []record.Event{
		{At: noon, Kind: record.Connected, Connection: 1, Before: true, Connect: &record.Connect{Protocol: "3.1.1", ClientID: "lamp-kitchen", KeepAlive: 30 * time.Second}},
		{At: noon, Kind: record.Subscribed, Connection: 1, Topic: "sync/docs/BoardLED", QoS: 1, Before: true},
	}}
	for i := range 12 {
		r.Events = append(r.Events, record.Event{At: at(2 + 3*i), Kind: record.Published, Connection: 1, Topic: "lamp-kitchen/state", Payload: []byte(`{"on":true,"brightness":80}`), QoS: 1, Retain: i%4 == 0})
	}
	r.Events = append(r.Events, record.Event{At: at(38), Kind: record.Received, Connection: 1, Topic: "sync/docs/BoardLED", Payload: []byte(`{"led":"OFF"}`)},
		record.Event{At: at(40), Kind: record.Disconnected, Connection: 1})
	return r
}

type stage struct {
	fake  *fake
	shell *shelltest.Shell
	view  *View
	open  bool
	pick  int
	asked []string // labels of the last Pick
}

func newStage(t *testing.T, width, height float32, mode kit.Mode, f *fake) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: mode})
	s := &stage{fake: f, shell: &shelltest.Shell{}, open: true}
	s.view = New(Params{
		Shell: s.shell, Recorder: f, Runs: runs{f}, Listening: func() bool { return s.open }, Now: func() time.Time { return noon.Add(34 * time.Second) },
		Devices: func() []Device {
			return []Device{{SID: "TH2", Name: "away"}, {SID: "TH3", Name: "basement", Virtual: true}, {SID: sid, Name: "lamp-kitchen", Live: true, Virtual: true}}
		},
		Pick: func(_ string, labels []string, chosen func(int)) { s.asked = labels; chosen(s.pick) },
		As:   func(deviceSID string) (lab.As, bool) { return lab.As{SID: deviceSID}, deviceSID != "TH3" },
	})
	w := test.NewTempWindow(t, s.view.Content())
	w.Resize(fyne.NewSize(width, height))
	s.shell.Win = w
	shelltest.Tick(s.view)
	return s
}

func (s *stage) texts() string { return shelltest.Texts(s.view.Content()) }
func (s *stage) press(t *testing.T, label string) {
	t.Helper()
	shelltest.Press(t, s.view.Content(), label)
	shelltest.Tick(s.view)
}

func TestADeviceIsChosenLiveOnesFirstRecordedAndStopped(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark, &fake{})
	require.Contains(t, s.texts(), "Nothing is recorded yet")
	s.press(t, "Choose a device…")
	require.Equal(t, []string{"lamp-kitchen · connected, virtual", "away · not connected", "basement · not connected, virtual"}, s.asked)
	require.Contains(t, s.texts(), "It is connected. The recording begins with how it is connected now")
	shelltest.PressChip(t, s.view.Content(), "Also what it receives")
	s.press(t, "Record")
	require.Equal(t, []string{"start with received " + sid}, s.fake.asked)
	s.fake.live = []lab.Live{{DeviceSID: sid, Name: "lamp-kitchen", Began: noon, Events: 7, Counts: map[record.Kind]int{record.Published: 5}, Connected: true}}
	s.fake.version++
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "34.0 s · connected · 7 events, 5 messages")
	require.Contains(t, s.texts(), "lamp-kitchen is being recorded.")
	s.press(t, "Stop")
	require.Equal(t, "stop "+sid, s.fake.asked[1])
	require.NotContains(t, s.texts(), "34.0 s")
	require.Contains(t, s.texts(), "Lamp again", "what was recorded is shown at once")
	require.Equal(t, "second", s.view.Selected())
}

func TestAPreviewFollowsTheOptionsAndIsExported(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark, &fake{kept: []lab.Kept{kept("first", "Lamp: the evening")}})
	for _, want := range []string{"Lamp: the evening", "lamp-kitchen", "16 events · 1 connection · 12 sent · 1 received", "an x stands for each", "Create lamp-kitchen", "lamp-kitchen publishes to lamp-kitchen/state", "Wait 3s"} {
		require.Contains(t, s.texts(), want)
	}
	require.NotContains(t, s.texts(), "receives a message")
	shelltest.PressChip(t, s.view.Content(), "Expect what it received")
	shelltest.PressChip(t, s.view.Content(), "Up to 1 s")
	shelltest.PressChip(t, s.view.Content(), "2 ×")
	shelltest.Tick(s.view)
	require.NotContains(t, s.texts(), "Wait 3s")
	require.Contains(t, s.texts(), "Wait 1s")
	s.press(t, "Export…")
	require.Contains(t, string(s.shell.Saved["first.yaml"]), "expect_message")
	s.press(t, "Copy YAML")
	require.Len(t, s.shell.Copied, 1)
	text := s.shell.Copied[0][1]
	require.Contains(t, text, "expect_message")
	parsed, mistakes := scenario.Parse([]byte(text), nil)
	require.Empty(t, mistakes)
	require.Equal(t, "Lamp: the evening", parsed.Name)
	s.view.detail.tabs.Choose(1)
	require.Contains(t, s.texts(), "# Its waits are divided by 2.")
}

func TestARecordingRunsAsADeviceOfItsOwnOrOneOfTheUsers(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark, &fake{kept: []lab.Kept{kept("first", "Lamp: the evening")}})
	s.press(t, "Run now")
	require.Equal(t, []string{"run recording first"}, s.fake.asked)
	require.Nil(t, s.fake.as)
	require.Contains(t, s.texts(), "Running: 0 of")
	s.press(t, "Stop")
	require.Equal(t, "stop the run", s.fake.asked[1])
	s.fake.run.Playing, s.fake.run.Held, s.fake.run.Took = false, true, 12*time.Second
	s.fake.version++
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "It did the same again")

	s.pick = 1 // basement, which has no credential here
	s.press(t, "Run as…")
	require.Equal(t, []string{"lamp-kitchen · connected, virtual", "basement · not connected, virtual"}, s.asked)
	require.Len(t, s.shell.Toasts, 1)
	s.pick = 0 // connected: its connection would end
	s.press(t, "Run as…")
	require.Len(t, s.fake.asked, 2, "nothing runs before the user has agreed")
	require.Len(t, s.shell.Questions, 1)
	s.shell.Questions[0].Do()
	require.Equal(t, &lab.As{Name: "lamp-kitchen", SID: sid}, s.fake.as)
}

func TestNothingIsDeletedOrRenamedUnasked(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark, &fake{kept: []lab.Kept{kept("first", "Lamp: the evening")}, damaged: []string{"x.recording.damaged"}})
	require.Contains(t, s.texts(), "1 file is damaged and was set aside in /data/recordings: x.recording.damaged.")
	s.press(t, "Delete…")
	require.Empty(t, s.fake.asked)
	s.shell.Questions[0].Do()
	require.Equal(t, []string{"delete first"}, s.fake.asked)
	s.press(t, "Rename…")
	require.Equal(t, "Lamp: the evening", s.view.detail.rename.Entry.Text)
	s.view.detail.rename.Entry.SetText("Late")
	s.press(t, "Rename")
	require.Equal(t, "rename first Late", s.fake.asked[1])
	s.fake.err = errors.New("disk full")
	s.press(t, "Rename…")
	s.press(t, "Rename")
	require.Len(t, s.shell.Failures, 1)
}

func TestNothingRunsWhileTheGatewayIsStopped(t *testing.T) {
	s := newStage(t, 1160, 660, kit.AlwaysDark, &fake{kept: []lab.Kept{kept("first", "x")}})
	s.open = false
	shelltest.Tick(s.view)
	require.Contains(t, s.texts(), "The gateway is stopped")
	require.False(t, shelltest.Tick(s.view), "nothing changed, nothing is painted")
}
