package attempts

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/sid"
)

// stage is the screen in a window of the test driver, over a real log.
type stage struct {
	t      *testing.T
	log    *attempt.Log
	shell  *shelltest.Shell
	screen *Screen
	now    time.Time
	remedy func(attempt.Attempt) (remedy.Remedy, bool)
	stamp  uint64

	outcome    func(diagnosis.Change) diagnosis.Outcome
	comparison diagnosis.Comparison
	compared   int // how many times it was asked for
	trials     []remedy.Trial
	traced     map[string]bool
	active     []findings.Finding
	news       uint64 // version of active
}

func (s *stage) Compare(attempt.Attempt) diagnosis.Comparison {
	s.compared++
	return s.comparison
}
func (s *stage) WouldPass(attempt.Attempt) diagnosis.Outcome { return s.judge(diagnosis.Change{}) }
func (s *stage) WhatIf(_ attempt.Attempt, c diagnosis.Change) diagnosis.Outcome {
	return s.judge(c)
}
func (s *stage) judge(c diagnosis.Change) diagnosis.Outcome {
	if s.outcome == nil {
		return diagnosis.Outcome{}
	}
	return s.outcome(c)
}
func (s *stage) Trace(device string, on bool) bool { s.traced[device] = on; return true }
func (s *stage) Traced(device string) bool         { return s.traced[device] }
func (s *stage) Version() uint64                   { return s.news }
func (s *stage) Active() []findings.Finding        { return s.active }
func (s *stage) Dismiss(uint64)                    {}

func newStage(t *testing.T) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{t: t, now: time.Date(2026, 3, 1, 14, 2, 0, 0, time.UTC), shell: &shelltest.Shell{}, traced: map[string]bool{}}
	s.log = attempt.NewLog(attempt.Params{Now: func() time.Time { return s.now }})
	s.screen = New(Params{
		Fix: fix.Fixer{Shell: s.shell, RootPEM: func() []byte { return []byte("PEM") }}, Log: s.log,
		Remedy: func(a attempt.Attempt) (remedy.Remedy, bool) {
			if s.remedy == nil {
				return remedy.Remedy{}, false
			}
			return s.remedy(a)
		},
		Registered: func() uint64 { return s.stamp }, Now: func() time.Time { return s.now },
		Diagnosis: s, Tracer: s, Findings: s, Trials: func(attempt.Attempt) []remedy.Trial { return s.trials },
	})
	w := test.NewTempWindow(t, s.screen.Content())
	w.Resize(fyne.NewSize(1180, 700))
	s.shell.Win = w
	s.tick()
	return s
}

// tick is one pull, applied at once.
func (s *stage) tick() (changed bool) {
	return shelltest.Tick(s.screen)
}

// attempts records attempts that ended with a code.
func (s *stage) attempts(n int, code attempt.Code, why cause.ID, device string) (last uint64) {
	for range n {
		s.now = s.now.Add(time.Second)
		r := s.log.Begin("192.168.1.44:50000", "127.0.0.1:8883")
		r.Identify(func(a *attempt.Attempt) {
			a.DeviceName, a.DeviceSID, a.CredentialSID = device, sidOf(device), sid.New(sid.Key)
		})
		r.Step(attempt.Connect, attempt.Good, attempt.F("client_id", device))
		r.Packet(false, []byte{0x10, 0x02, 'h', 'i'})
		r.Decide(code, why)
		r.End(why, "gateway", nil)
		last = r.ID()
	}
	return last
}

func sidOf(device string) string {
	if device == "" {
		return ""
	}
	return "TH" + strings.Repeat("0", 32-len(fmt.Sprintf("%x", device))) + fmt.Sprintf("%x", device)
}

func (s *stage) listed() []string {
	var all []string
	for _, r := range s.screen.rows {
		all = append(all, r.device+" "+r.code.Label())
	}
	return all
}

func tap(o fyne.Tappable) { o.Tapped(&fyne.PointEvent{}) }

func TestAChipListsOnlyItsCode(t *testing.T) {
	s := newStage(t)
	s.attempts(1, 0, cause.Accepted, "lamp")
	s.attempts(2, 5, cause.DeviceDisabled, "meter")
	s.tick()
	require.Equal(t, []string{"meter 5", "meter 5", "lamp 0"}, s.listed())
	tap(s.screen.chips["5"])
	s.tick()
	require.Equal(t, []string{"meter 5", "meter 5"}, s.listed())
	tap(s.screen.chips["all"])
	s.tick()
	require.Len(t, s.listed(), 3)
}

func TestAKeyOfACodeFiltersAndAKeyOfADeviceToo(t *testing.T) {
	s := newStage(t)
	s.attempts(1, 0, cause.Accepted, "lamp")
	s.attempts(1, 5, cause.DeviceDisabled, "meter")
	s.screen.Show(CodeKey(5))
	s.tick()
	require.Equal(t, []string{"meter 5"}, s.listed())
	s.screen.Show(sidOf("lamp"))
	s.tick()
	require.Equal(t, []string{"lamp 0"}, s.listed())
	require.Contains(t, shelltest.Texts(s.screen.on), "Device TH00…70", "it can be seen why so few are listed")
	shelltest.Press(t, s.screen.on, "Clear filters")
	s.tick()
	require.Len(t, s.listed(), 2)
}

func TestTypingFilters(t *testing.T) {
	s := newStage(t)
	s.attempts(1, 0, cause.Accepted, "lamp")
	s.attempts(1, 5, cause.DeviceDisabled, "meter")
	test.Type(s.screen.search.Entry, "lam")
	s.tick()
	require.Equal(t, []string{"lamp 0"}, s.listed())
	test.Type(s.screen.search.Entry, "xyz")
	s.tick()
	require.Empty(t, s.listed())
	require.Contains(t, shelltest.Texts(s.screen.Content()), "No attempt fits this filter")
}

func TestTheSelectionStaysOnItsAttemptWhileOthersArrive(t *testing.T) {
	s := newStage(t)
	id := s.attempts(1, 5, cause.DeviceDisabled, "meter")
	s.tick()
	s.screen.Show(fmt.Sprint(id))
	s.tick()
	s.attempts(4, 0, cause.Accepted, "lamp")
	s.tick()
	require.Equal(t, fmt.Sprint(id), s.screen.Selected())
	require.Contains(t, shelltest.Texts(s.screen.detail.content), "meter is disabled.")
	require.Equal(t, "Follow · 4 new", shelltest.Texts(s.screen.follow))
	require.Equal(t, "Paused · 4 waiting", s.screen.Note())
	tap(s.screen.follow)
	require.Len(t, s.listed(), 5)
	chosen, ok := s.screen.table.Selected()
	require.True(t, ok)
	require.Equal(t, id, chosen.id)
	require.Equal(t, "Following · newest first", s.screen.Note())
}

func TestTheFixIsDoneSaidAndUndone(t *testing.T) {
	s := newStage(t)
	enabled := false
	s.outcome = func(diagnosis.Change) diagnosis.Outcome {
		if enabled {
			return accepted()
		}
		return still5()
	}
	s.remedy = func(attempt.Attempt) (remedy.Remedy, bool) {
		return remedy.Remedy{Kind: remedy.Press, Label: "Enable meter", Do: func(context.Context) (remedy.Done, error) {
			enabled = true
			s.stamp++
			return remedy.Done{Message: "meter is enabled", Undo: func(context.Context) error { enabled = false; s.stamp++; return nil }}, nil
		}}, !enabled
	}
	s.screen.Show(fmt.Sprint(s.attempts(1, 5, cause.DeviceDisabled, "meter")))
	s.tick()
	shelltest.Press(t, s.screen.detail.content, "Enable meter")
	require.True(t, enabled)
	require.Equal(t, "meter is enabled", s.shell.Toasts[0].Message)
	s.tick()
	require.NotContains(t, shelltest.Texts(s.screen.detail.content), "Enable meter", "a fix that is done is not offered again")
	require.Contains(t, shelltest.Texts(s.screen.detail.content), "Fixed.")
	s.shell.Toasts[0].Undo()
	s.tick()
	require.Len(t, shelltest.Buttons(s.screen.detail.content, "Enable meter"), 1)
}

func TestAStepUnfoldsAndStaysOpenWhileTheAttemptGoesOn(t *testing.T) {
	s := newStage(t)
	r := s.log.Begin("192.168.1.44:50000", "127.0.0.1:8883")
	r.Step(attempt.Connect, attempt.Good, attempt.F("protocol", "MQTT"), attempt.F("client_id", "a-very-special-id"))
	s.screen.Show(fmt.Sprint(r.ID()))
	s.tick()
	s.screen.detail.timeline.Toggle(1)
	require.Contains(t, shelltest.Texts(s.screen.detail.content), "Client ID a-very-special-id")
	r.Step(attempt.Lookup, attempt.Good, attempt.F("by", "key"))
	s.tick()
	require.Contains(t, shelltest.Texts(s.screen.detail.content), "Client ID a-very-special-id")
}

func TestPacketsShowTheirBytes(t *testing.T) {
	s := newStage(t)
	s.screen.Show(fmt.Sprint(s.attempts(1, 5, cause.DeviceDisabled, "meter")))
	s.tick()
	s.screen.detail.tabs.Choose(tabPackets)
	s.tick()
	said := shelltest.Texts(s.screen.detail.content)
	require.Contains(t, said, "CONNECT")
	require.Contains(t, said, "10 02 2a 2a", "what cannot be decoded may hold a password")
}

func TestNothingIsShownAnewWhenNothingHasChanged(t *testing.T) {
	s := newStage(t)
	s.attempts(3, 0, cause.Accepted, "lamp")
	require.True(t, s.tick())
	for range 5 {
		require.False(t, s.tick())
	}
	s.stamp++ // the registry has changed, but nothing that is chosen
	require.False(t, s.tick())
}

func TestOlderAttemptsComeOnDemand(t *testing.T) {
	s := newStage(t)
	s.attempts(firstRows+5, 0, cause.Accepted, "lamp")
	s.tick()
	require.Len(t, s.listed(), firstRows)
	require.True(t, s.screen.more.Visible())
	tap(s.screen.more)
	s.tick()
	require.Len(t, s.listed(), firstRows+5)
	require.False(t, s.screen.more.Visible())
}

func TestAnEmptyListSaysWhatToDo(t *testing.T) {
	s := newStage(t)
	require.Contains(t, shelltest.Texts(s.screen.Content()), "No device has tried to connect yet")
	shelltest.Press(t, s.screen.Content(), "Add a device")
	require.Equal(t, 1, s.shell.Wizards)
}

func TestTheReportHoldsTheCauseAndTheSteps(t *testing.T) {
	s := newStage(t)
	s.screen.Show(fmt.Sprint(s.attempts(1, 5, cause.DeviceDisabled, "meter")))
	s.tick()
	shelltest.Press(t, s.screen.detail.content, "Copy report")
	require.Len(t, s.shell.Copied, 1)
	report := s.shell.Copied[0][1]
	require.Contains(t, report, "5 Not authorized")
	require.Contains(t, report, "meter is disabled.")
	require.Contains(t, report, "**CONNECT**")
}

func TestOtherScreensLeadToACertificatesAttemptsAndToPackets(t *testing.T) {
	s := newStage(t)
	s.attempts(1, 0, cause.Accepted, "lamp")
	id := s.attempts(1, 4, cause.UnknownCertificate, "meter")
	thumbprint := strings.Repeat("ab", 32)
	s.log.Begin("192.168.1.7:1", "127.0.0.1:8883").Identify(func(a *attempt.Attempt) { a.Thumbprint, a.DeviceName = thumbprint, "door" })
	s.screen.Show(strings.ToUpper(thumbprint))
	s.tick()
	require.Equal(t, []string{"door …"}, s.listed())
	require.Contains(t, shelltest.Texts(s.screen.on), "Certificate")
	shelltest.Press(t, s.screen.on, "Clear filters")
	s.tick()
	s.screen.Show(shell.PacketsKey(id))
	s.tick()
	require.Equal(t, id, s.screen.wanted().selected)
	require.Contains(t, shelltest.Texts(s.screen.detail.content), "10 02 2a 2a")
}

func TestCredentialsCanBeCheckedBeforeAnyDeviceTries(t *testing.T) {
	s := newStage(t)
	shelltest.Press(t, s.screen.Content(), "Check credentials")
	require.Len(t, s.shell.Checks, 1)
}
