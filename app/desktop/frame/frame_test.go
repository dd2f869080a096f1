package frame

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/meter"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/desktop/state"
)

// queue is the UI goroutine of a test: what is handed over waits until the test runs it.
type queue struct {
	mu      sync.Mutex
	waiting []func()
}

func (q *queue) do(f func()) { q.mu.Lock(); q.waiting = append(q.waiting, f); q.mu.Unlock() }

func (q *queue) run() (n int) {
	q.mu.Lock()
	waiting := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	for _, f := range waiting {
		f()
	}
	return len(waiting)
}

// fake is a gateway; its methods are called from background goroutines.
type fake struct {
	mu     sync.Mutex
	status Status
	tally  Tally
	asked  []string
	err    error
}

func (g *fake) Status() Status { g.mu.Lock(); defer g.mu.Unlock(); return g.status }
func (g *fake) Tally() Tally   { g.mu.Lock(); defer g.mu.Unlock(); return g.tally }

func (g *fake) record(what string, state State) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, what)
	if g.err == nil {
		g.status.State = state
	}
	return g.err
}

func (g *fake) Start() error               { return g.record("start", Listening) }
func (g *fake) Stop(context.Context) error { return g.record("stop", Stopped) }
func (g *fake) SetPort(port int) error {
	g.mu.Lock()
	g.status.Port = port
	g.mu.Unlock()
	return g.record("port", Listening)
}

func (g *fake) SetNetwork(on bool) error {
	g.mu.Lock()
	g.status.Network = on
	g.mu.Unlock()
	return g.record("network", Listening)
}

// screen is a place that counts how it is used.
type screen struct {
	content  fyne.CanvasObject
	shown    []string
	pulls    int
	applied  int
	changed  bool
	selected string
}

func (s *screen) Content() fyne.CanvasObject { return s.content }
func (s *screen) Show(key string)            { s.shown = append(s.shown, key) }
func (s *screen) Selected() string           { return s.selected }
func (s *screen) Pull() func() {
	s.pulls++
	if !s.changed {
		return nil
	}
	return func() { s.applied++ }
}

type stage struct {
	t       *testing.T
	frame   *Frame
	gateway *fake
	queue   *queue
	one     *screen
	two     *screen
	window  fyne.Window
	now     time.Time
}

func newStage(t *testing.T, was state.State) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{t: t, queue: &queue{}, now: time.Date(2026, 3, 1, 14, 2, 0, 0, time.UTC)}
	s.gateway = &fake{status: Status{State: Listening, URL: "mqtts://localhost:8883", Port: 8883, LeafNotAfter: s.now.Add(89*24*time.Hour + time.Hour), TLS: "TLS 1.2, 1.3"}}
	s.window = test.NewTempWindow(t, canvas.NewRectangle(nil))
	s.frame = New(Params{
		Window: s.window, Gateway: s.gateway, Meter: &meter.Meter{}, Do: s.queue.do, Now: func() time.Time { return s.now }, Remembered: was,
		Find: func(q string) []Found {
			return []Found{{Icon: "devices", Title: "lamp " + q, Do: func() { s.frame.Go(shell.Devices, "TH1") }}}
		},
		AddDevice: func() {},
	})
	s.one, s.two = &screen{content: widget.NewLabel("one")}, &screen{content: widget.NewLabel("two")}
	s.frame.Add(shell.Overview, "Overview", s.one)
	s.frame.Add(shell.Devices, "Devices", s.two)
	s.window.SetContent(s.frame.Content())
	s.window.Resize(fyne.NewSize(1280, 800))
	s.frame.Begin()
	s.tick()
	t.Cleanup(func() {
		s.frame.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.frame.Wait(ctx)
	})
	return s
}

// tick looks once, a second later, and shows what there is.
func (s *stage) tick() (updates int) {
	s.now = s.now.Add(time.Second)
	s.frame.Tick()
	return s.queue.run()
}

// settle waits for background work, and shows its end.
func (s *stage) settle() {
	s.t.Helper()
	s.frame.work.Wait()
	s.queue.run()
	s.tick()
}

func (s *stage) texts() string { return shelltest.Texts(s.frame.Content()) }

func (s *stage) press(label string) { s.t.Helper(); shelltest.Press(s.t, s.frame.Content(), label) }

// overlay is what stands above the window: the question that was asked last.
func (s *stage) overlay() fyne.CanvasObject { return s.window.Canvas().Overlays().Top() }

func (s *stage) shortcut(key fyne.KeyName) {
	s.window.Canvas().(interface{ TypedShortcut(fyne.Shortcut) }).TypedShortcut(
		&desktop.CustomShortcut{KeyName: key, Modifier: fyne.KeyModifierShortcutDefault})
}

func TestTheHeaderSaysWhatTheGatewayDoes(t *testing.T) {
	s := newStage(t, state.State{})
	require.Contains(t, s.texts(), "Listening")
	require.Contains(t, s.texts(), "mqtts://localhost:8883")
	require.Contains(t, s.texts(), "Certificate valid 89 days")
	require.Contains(t, s.texts(), "· TLS 1.2, 1.3")
	s.press("Stop")
	s.settle()
	require.Equal(t, []string{"stop"}, s.gateway.asked)
	require.Contains(t, s.texts(), "Stopped")
	s.press("Undo")
	s.settle()
	require.Equal(t, []string{"stop", "start"}, s.gateway.asked)
}

func TestStoppingAsksWhenDevicesAreConnected(t *testing.T) {
	s := newStage(t, state.State{})
	s.gateway.tally.Sample.Connected = 12
	s.tick()
	s.press("Stop")
	s.settle()
	require.Empty(t, s.gateway.asked)
	require.Contains(t, shelltest.Texts(s.overlay()), "12 connected devices lose their connections.")
	shelltest.Press(t, s.overlay(), "Stop")
	s.settle()
	require.Equal(t, []string{"stop"}, s.gateway.asked)
}

func TestEscapeAnswersAQuestionWithNo(t *testing.T) {
	s := newStage(t, state.State{})
	s.frame.Confirm("Drop it?", "All is lost.", "Drop", func() { t.Error("it was dropped") })
	require.NotNil(t, s.overlay())
	s.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.Nil(t, s.overlay())
}

func TestATakenPortIsExplainedAndAnotherOneOffered(t *testing.T) {
	s := newStage(t, state.State{})
	s.gateway.status = Status{
		State: Failed, URL: "mqtts://localhost:8883", Port: 8883,
		Problem: "Port 8883 is taken by mosquitto (pid 812).", Advice: "Stop it, or use another port.", OtherPort: 8884,
	}
	s.tick()
	require.Contains(t, s.texts(), "Not listening")
	require.Contains(t, s.texts(), "Port 8883 is taken by mosquitto (pid 812).")
	s.press("Use port 8884")
	s.gateway.status.Problem = ""
	s.settle()
	require.Equal(t, []string{"port", "start"}, s.gateway.asked)
	require.Contains(t, s.texts(), "The gateway is listening on port 8884")
	require.NotContains(t, s.texts(), "mosquitto")
	require.Zero(t, s.frame.size.Position().Y, "the screen has the banner's room again")
}

func TestAFailureIsShownWithItsReason(t *testing.T) {
	s := newStage(t, state.State{})
	s.gateway.err = errors.New("the disk is full")
	s.press("Stop")
	s.settle()
	require.Contains(t, s.texts(), "The gateway could not be stopped")
	require.Contains(t, s.texts(), "The disk is full.")
}

func TestTheStatusBarCounts(t *testing.T) {
	s := newStage(t, state.State{})
	s.gateway.tally = Tally{Sample: meter.Sample{Connected: 1204, MessagesIn: 552, Dropped: 3}, Refused: 7}
	s.tick()
	require.Contains(t, s.texts(), "1 204 connected")
	require.Contains(t, s.texts(), "in 184 /s")
	require.Contains(t, s.texts(), "7 refused in 5 min")
	require.Contains(t, s.texts(), "3 dropped")
}

func TestEverythingOfATickIsShownInOneGo(t *testing.T) {
	s := newStage(t, state.State{})
	s.one.changed = true
	s.gateway.status.URL = "mqtts://192.168.1.2:8883"
	s.gateway.tally.Sample.Connected = 5
	require.Equal(t, 1, s.tick())
	require.Equal(t, 1, s.one.applied)
	require.Contains(t, s.texts(), "mqtts://192.168.1.2:8883")
	require.Contains(t, s.texts(), "5 connected")
}

func TestNothingIsShownAnewWhenNothingHasChanged(t *testing.T) {
	s := newStage(t, state.State{})
	for range 5 {
		require.Zero(t, s.tick())
	}
}

func TestNothingIsLookedAtWhileAnUpdateWaits(t *testing.T) {
	s := newStage(t, state.State{})
	s.one.changed = true
	s.now = s.now.Add(time.Second)
	s.frame.Tick()
	pulls := s.one.pulls
	s.frame.Tick()
	s.frame.Tick()
	require.Equal(t, pulls, s.one.pulls)
	require.Equal(t, 1, s.queue.run())
}

func TestOnlyTheVisibleScreenIsPulled(t *testing.T) {
	s := newStage(t, state.State{})
	s.tick()
	require.Zero(t, s.two.pulls)
	s.frame.Go(shell.Devices, "TH1")
	pulls := s.one.pulls
	s.tick()
	require.Equal(t, []string{"TH1"}, s.two.shown)
	require.NotZero(t, s.two.pulls)
	require.Equal(t, pulls, s.one.pulls)
}

func TestCtrlAndADigitGoesToAPlaceAndCtrlKFinds(t *testing.T) {
	s := newStage(t, state.State{})
	s.shortcut(fyne.Key2)
	require.Equal(t, shell.Devices, s.frame.Shown())
	s.shortcut(fyne.Key1)
	require.Equal(t, shell.Overview, s.frame.Shown())
	s.shortcut(fyne.KeyK)
	require.NotNil(t, s.frame.palette)
	test.Type(s.frame.palette.field, "kitchen")
	s.settle()
	require.Equal(t, "lamp kitchen", s.frame.palette.found[0].Title)
	s.frame.palette.field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	require.Nil(t, s.frame.palette)
	require.Equal(t, shell.Devices, s.frame.Shown())
	require.Equal(t, []string{"TH1"}, s.two.shown)
}

func TestThePaletteDoesActionsWithTheKeyboardAlone(t *testing.T) {
	s := newStage(t, state.State{})
	s.frame.OpenPalette()
	test.Type(s.frame.palette.field, "stop gate")
	require.Equal(t, "Stop the gateway", s.frame.palette.found[0].Title)
	s.frame.palette.field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.Nil(t, s.frame.palette)
	s.settle()
	require.Empty(t, s.gateway.asked)
	s.frame.OpenPalette()
	test.Type(s.frame.palette.field, "stop gate")
	s.frame.palette.field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	s.settle()
	require.Equal(t, []string{"stop"}, s.gateway.asked)
}

func TestThePaletteOffersWhatTheProgramAdds(t *testing.T) {
	s := newStage(t, state.State{})
	done := false
	s.frame.p.Actions = func() []Found { return []Found{{Icon: "lab", Title: "Lab: Wrong servers", Do: func() { done = true }}} }
	s.frame.OpenPalette()
	test.Type(s.frame.palette.field, "wrong serv")
	s.frame.palette.field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	require.True(t, done)
}

func TestPickingOneOfMany(t *testing.T) {
	s := newStage(t, state.State{})
	got := -1
	s.frame.Pick("Enrol for…", []string{"lamp", "door", "meter"}, func(i int) { got = i })
	test.Type(s.frame.palette.field, "met")
	s.frame.palette.field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	require.Equal(t, 2, got)
}

func TestTheWindowComesBackAsItWas(t *testing.T) {
	s := newStage(t, state.State{Place: "devices", Selected: map[string]string{"devices": "TH9", "overview": "x"}, Theme: state.Light})
	require.Equal(t, shell.Devices, s.frame.Shown())
	require.Equal(t, []string{"TH9"}, s.two.shown)
	s.two.selected = "TH9"
	now := s.frame.State()
	require.Equal(t, "devices", now.Place)
	require.Equal(t, state.Light, now.Theme)
	require.Equal(t, map[string]string{"devices": "TH9"}, now.Selected)
	require.EqualValues(t, 1280, now.Width)
}

func TestAPlaceThatIsNoLongerThereIsTheFirstOne(t *testing.T) {
	s := newStage(t, state.State{Place: "topics"})
	require.Equal(t, shell.Overview, s.frame.Shown())
}

func TestTheWizardStandsInPlaceOfAScreenUntilItIsDone(t *testing.T) {
	s := newStage(t, state.State{})
	wizard := &screen{content: widget.NewLabel("wizard")}
	s.frame.Cover(shell.Devices, wizard)
	require.Equal(t, shell.Devices, s.frame.Shown())
	require.Equal(t, wizard.content, s.frame.stage.Objects[0])
	s.tick()
	require.NotZero(t, wizard.pulls)
	s.frame.Go(shell.Overview, "")
	s.frame.Go(shell.Devices, "")
	require.Equal(t, wizard.content, s.frame.stage.Objects[0], "it is still there")
	s.frame.Uncover(shell.Devices)
	require.Equal(t, s.two.content, s.frame.stage.Objects[0])
}

func TestAfterClosingNothingIsShownAnyMore(t *testing.T) {
	s := newStage(t, state.State{})
	release, late := make(chan struct{}), false
	s.frame.Background(func(ctx context.Context) error {
		<-ctx.Done() // background work is told
		<-release
		return nil
	}, func(error) { late = true })
	s.one.changed = true
	s.now = s.now.Add(time.Second)
	s.frame.Tick()
	s.frame.Close()
	close(release)
	s.frame.work.Wait()
	s.queue.run()
	require.False(t, late)
	require.Zero(t, s.one.applied)
	s.frame.Tick()
	require.Zero(t, s.queue.run())
}

func TestAFileIsWrittenForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666)
	require.NoError(t, err)
	require.NoError(t, write(file, path, []byte("secret")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestTheHeaderFitsNarrowWindowsByLeavingOutWhatMattersLeast(t *testing.T) {
	s := newStage(t, state.State{})
	for width, has := range map[float32]map[string]bool{
		1280: {"Certificate valid 89 days": true, "Ctrl+K  Find anything": true, "My network": true},
		1000: {"Certificate valid 89 days": false, "My network": true, "Stop": true},
		700:  {"Certificate valid 89 days": false, "Ctrl+K  Find anything": false, "Stop": true, "Presenter": true, "Listening": true},
	} {
		s.frame.header.content.Resize(fyne.NewSize(width, 46))
		said := shelltest.Texts(s.frame.header.content)
		for text, want := range has {
			require.Equal(t, want, strings.Contains(said, text), "%q at %v: %s", text, width, said)
		}
		var right float32
		for _, o := range s.frame.header.content.Objects {
			if o.Visible() {
				right = max(right, o.Position().X+o.Size().Width)
			}
		}
		require.LessOrEqual(t, right, width)
	}
}

// sheet is a thing that stands in place of screens.
type sheet struct {
	screen
	taken  []shell.File
	closed bool
}

func (s *sheet) Take(files []shell.File) { s.taken = append(s.taken, files...) }
func (s *sheet) Close()                  { s.closed = true }

func TestASheetStandsInPlaceOfAnyScreenAndWaitsWhileAnotherIsLookedAt(t *testing.T) {
	s := newStage(t, state.State{})
	made := 0
	one := &sheet{screen: screen{content: kit.NewText("check", kit.Body), changed: true}}
	s.frame.p.Check = func() Sheet { made++; return one }
	s.frame.Check(shell.File{Name: "device.pem"})
	require.Contains(t, shelltest.Texts(s.frame.stage), "check")
	require.Equal(t, []shell.File{{Name: "device.pem"}}, one.taken)
	before := s.one.pulls
	s.frame.Tick()
	s.queue.run()
	require.Equal(t, 1, one.applied, "the sheet is what is looked at")
	require.Equal(t, before, s.one.pulls)

	s.frame.Go(s.frame.Shown(), "")
	require.NotContains(t, shelltest.Texts(s.frame.stage), "check")
	require.False(t, one.closed, "it is only put away")
	s.frame.Check()
	require.Equal(t, 1, made)
	s.frame.typed(&fyne.KeyEvent{Name: fyne.KeyEscape})
	require.True(t, one.closed)
	require.NotContains(t, shelltest.Texts(s.frame.stage), "check")
}

func TestFindingsAreCountedOnTheRailAndAtTheFoot(t *testing.T) {
	s := newStage(t, state.State{})
	require.NotContains(t, shelltest.Texts(s.frame.status.content), "finding")
	s.gateway.mu.Lock()
	s.gateway.tally.Findings = 1
	s.gateway.mu.Unlock()
	s.now = s.now.Add(2 * time.Second)
	s.frame.Tick()
	s.queue.run()
	require.Contains(t, shelltest.Texts(s.frame.status.content), "1 finding")
	require.Equal(t, "1", shelltest.Texts(s.frame.places[0].count.content))
}

func TestPresentingDrawsAsLargeAsTheWindowHasRoomFor(t *testing.T) {
	for size, want := range map[fyne.Size]float32{
		{Width: 1920, Height: 1080}: 1.5, {Width: 1280, Height: 800}: 1.5, {Width: LeastWidth, Height: LeastHeight}: 1.21,
		{Width: 1280, Height: 640}: 1.23, {Width: 600, Height: 400}: 1,
	} {
		require.InDelta(t, want, PresenterScale(size), 0.001, "%v", size)
		if want > 1 {
			require.GreaterOrEqual(t, size.Width/PresenterScale(size), float32(presenterWidth))
			require.GreaterOrEqual(t, size.Height/PresenterScale(size), float32(presenterHeight))
		}
	}
}

func TestEveryScreenIsInTheWindowWhileTheThemeChanges(t *testing.T) {
	s := newStage(t, state.State{})
	told := 0
	s.frame.p.Look = func(state.Theme, bool) { told = len(s.frame.stage.Objects) }
	s.frame.SetTheme(state.Light)
	require.Equal(t, 2, told, "a screen that is not shown keeps the colours of before")
	require.Len(t, s.frame.stage.Objects, 1)
}
