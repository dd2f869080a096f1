package attempts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
)

func accepted() diagnosis.Outcome {
	return diagnosis.Outcome{Decided: true, Changed: true, Before: 5, Verdict: admission.Verdict{Code: 0, Cause: cause.Accepted}}
}

func still5() diagnosis.Outcome {
	return diagnosis.Outcome{Decided: true, Before: 5, Verdict: admission.Verdict{Code: 5, Cause: cause.DeviceDisabled, DeviceName: "meter"}}
}

// choose records a refused attempt and chooses it.
func (s *stage) choose() uint64 {
	id := s.attempts(1, 5, cause.DeviceDisabled, "meter")
	s.screen.Show(fmt.Sprint(id))
	s.tick()
	return id
}

func (s *stage) said() string { return shelltest.Texts(s.screen.detail.content) }

func TestWouldItPassNowIsAnsweredInTheCard(t *testing.T) {
	s := newStage(t)
	s.choose()
	s.outcome = func(diagnosis.Change) diagnosis.Outcome { return still5() }
	shelltest.Press(t, s.screen.detail.content, "Would it pass now?")
	require.Contains(t, s.said(), "No: still code 5. meter is disabled.")
	s.outcome = func(diagnosis.Change) diagnosis.Outcome { return accepted() }
	shelltest.Press(t, s.screen.detail.content, "Would it pass now?")
	require.Contains(t, s.said(), "Yes: it would be accepted now.")
	require.NotContains(t, s.said(), "still code 5")
	s.choose()
	require.NotContains(t, s.said(), "Yes: it would", "the answer is that of another attempt")
}

func TestWhatIfTriesOneChangeAndDoesItOnlyWhenAsked(t *testing.T) {
	s := newStage(t)
	done := 0
	s.trials = []remedy.Trial{
		{Label: "Deploy meter to hall", Change: diagnosis.Change{DeploymentSID: "x"}},
		{Label: "Enable meter", Change: diagnosis.Change{Enable: true}, Doable: true, Do: remedy.Remedy{Kind: remedy.Press, Do: func(context.Context) (remedy.Done, error) {
			done++
			return remedy.Done{Message: "meter is enabled"}, nil
		}}},
	}
	s.outcome = func(c diagnosis.Change) diagnosis.Outcome {
		if c.Enable {
			return accepted()
		}
		return still5()
	}
	s.choose()
	shelltest.Press(t, s.screen.detail.content, "What if…")
	sheet := s.screen.detail.sheet
	require.True(t, sheet.Open())
	require.Contains(t, shelltest.Texts(sheet.Content()), "No: still code 5.")
	require.NotContains(t, shelltest.Texts(sheet.Content()), "Do it")
	s.shell.Win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	require.Contains(t, shelltest.Texts(sheet.Content()), "Yes: it would be accepted now.")
	require.Zero(t, done)
	shelltest.Press(t, sheet.Content(), "Do it: Enable meter")
	require.Equal(t, 1, done)
	require.False(t, sheet.Open())
	require.Equal(t, "meter is enabled", s.shell.Toasts[0].Message)
}

const fixedNow = "Fixed. The device gets in when it tries again."

// registered has the screen see a change of the registry.
func (s *stage) registered() { s.stamp++; s.tick() }

func TestFixedIsSaidOnlyWhileTheDeviceWouldGetIn(t *testing.T) {
	s := newStage(t)
	enabled, there := false, true
	s.outcome = func(diagnosis.Change) diagnosis.Outcome {
		switch {
		case !there:
			return diagnosis.Outcome{Decided: true, Verdict: admission.Verdict{Code: 4, Cause: cause.DeviceDeleted}}
		case enabled:
			return accepted()
		}
		return still5()
	}
	s.remedy = func(attempt.Attempt) (remedy.Remedy, bool) {
		return remedy.Remedy{Kind: remedy.Press, Label: "Enable meter", Do: func(context.Context) (remedy.Done, error) {
			enabled = true
			return remedy.Done{Message: "meter is enabled", Undo: func(context.Context) error { enabled = false; return nil }}, nil
		}}, there && !enabled
	}
	s.choose()
	shelltest.Press(t, s.screen.detail.content, "Enable meter")
	s.registered()
	require.Contains(t, s.said(), fixedNow)
	s.shell.Toasts[0].Undo()
	s.registered()
	require.NotContains(t, s.said(), fixedNow)
	shelltest.Press(t, s.screen.detail.content, "Enable meter")
	s.registered()
	require.Contains(t, s.said(), fixedNow)
	there = false // the device was deleted: there is nothing to press any more, and nobody gets in
	s.registered()
	require.NotContains(t, s.said(), fixedNow)
	require.Contains(t, s.said(), "The device was deleted since then.")
	require.Empty(t, shelltest.Buttons(s.screen.detail.content, "Enable meter"))
}

func TestAnAnswerGoesAwayWhenItNoLongerHolds(t *testing.T) {
	s := newStage(t)
	s.outcome = func(diagnosis.Change) diagnosis.Outcome { return accepted() }
	s.choose()
	shelltest.Press(t, s.screen.detail.content, "Would it pass now?")
	require.Contains(t, s.said(), "Yes: it would be accepted now.")
	s.outcome = func(diagnosis.Change) diagnosis.Outcome { return still5() }
	s.registered()
	require.NotContains(t, s.said(), "Yes: it would be accepted now.")
}

func TestAFixThatBecameImpossibleIsToldAndNothingIsCalledDone(t *testing.T) {
	gone := errors.New("the device meter was deleted meanwhile: nothing was changed")
	fails := remedy.Remedy{Kind: remedy.Press, Label: "Enable meter", Do: func(context.Context) (remedy.Done, error) { return remedy.Done{}, gone }}
	s := newStage(t)
	s.outcome = func(c diagnosis.Change) diagnosis.Outcome {
		if c.Enable {
			return accepted() // when the sheet was opened
		}
		return still5()
	}
	s.remedy = func(attempt.Attempt) (remedy.Remedy, bool) { return fails, true }
	s.trials = []remedy.Trial{{Label: "Enable meter", Change: diagnosis.Change{Enable: true}, Doable: true, Do: fails}}
	s.choose()
	shelltest.Press(t, s.screen.detail.content, "What if…")
	shelltest.Press(t, s.screen.detail.sheet.Content(), "Do it: Enable meter")
	shelltest.Press(t, s.screen.detail.content, "Enable meter")
	s.registered()
	require.Equal(t, []error{gone, gone}, s.shell.Failures)
	require.Empty(t, s.shell.Toasts)
	require.NotContains(t, s.said(), "Fixed.")
}

func TestWhatIfSaysWhyNothingCanBeTried(t *testing.T) {
	s := newStage(t)
	s.outcome = func(diagnosis.Change) diagnosis.Outcome { return accepted() }
	s.choose()
	shelltest.Press(t, s.screen.detail.content, "What if…")
	s.outcome = func(diagnosis.Change) diagnosis.Outcome { return still5() } // the device was deleted
	shelltest.Press(t, s.screen.detail.content, "What if…")
	require.Equal(t, "There is nothing left to try out: it would be accepted now", s.shell.Toasts[0].Message)
	require.Contains(t, s.shell.Toasts[1].Message, "no change of what is registered here would let it in")
	require.Nil(t, s.screen.detail.sheet)
}

func TestPresentedAndEnrolledMarkWhatDiffers(t *testing.T) {
	s := newStage(t)
	s.comparison = diagnosis.Comparison{
		By: "certificate", EnrolledSID: "CY" + strings.Repeat("7", 32),
		Rows: []diagnosis.Row{
			{Name: "sha256", Presented: strings.Repeat("ab", 32), Enrolled: strings.Repeat("cd", 32), Known: true},
			{Name: "subject", Presented: "CN=meter", Enrolled: "CN=meter", Known: true, Same: true},
		},
		Clues: []diagnosis.Clue{{ID: cause.SecretQuoted}},
	}
	s.choose()
	s.screen.detail.tabs.Choose(tabCompare)
	s.tick()
	for _, want := range []string{"SHA-256", "differs", "abababab abababab", "cdcdcdcd cdcdcdcd", "same", "CY77…77"} {
		require.Contains(t, s.said(), want)
	}
	shelltest.Buttons(s.screen.detail.content, "Copy")[0].Tapped(nil)
	require.Contains(t, s.shell.Copied[0][1], strings.Repeat("cd", 32), "it is copied whole")
	s.comparison = diagnosis.Comparison{}
	s.stamp++
	s.tick()
	require.Contains(t, s.said(), "Nothing to compare")
}

func TestTheWaysFromWhatIsEnrolledHaveRoomInAnyWindow(t *testing.T) {
	s := newStage(t)
	s.comparison = diagnosis.Comparison{By: "certificate", EnrolledSID: "CY" + strings.Repeat("7", 32), DeviceSID: "TH" + strings.Repeat("3", 32)}
	s.choose()
	s.screen.detail.tabs.Choose(tabCompare)
	s.tick()
	for _, size := range []fyne.Size{fyne.NewSize(922, 560), fyne.NewSize(1178, 720)} {
		s.shell.Win.Resize(size)
		links := 0
		shelltest.Each(s.screen.detail.compare.content, func(o fyne.CanvasObject) {
			link, is := o.(*kit.Link)
			if !is {
				return
			}
			links++
			driver := fyne.CurrentApp().Driver()
			side := driver.AbsolutePositionForObject(s.screen.detail.compare.content).X + s.screen.detail.compare.content.Size().Width
			if end := driver.AbsolutePositionForObject(link).X + link.Size().Width; link.Size().Width < link.MinSize().Width || end > side-54 {
				t.Errorf("%v: %q is %v wide and ends at %v", size, link.String(), link.Size().Width, end)
			}
		})
		require.Equal(t, 2, links)
	}
}

func TestComparingIsDoneOncePerAttemptAndRegistry(t *testing.T) {
	s := newStage(t)
	s.choose()
	s.screen.detail.tabs.Choose(tabCompare)
	s.tick()
	require.Equal(t, 1, s.compared)
	for range 3 { // other attempts come, and this one stays chosen
		s.attempts(1, 0, cause.Accepted, "lamp")
		s.tick()
	}
	require.Equal(t, 1, s.compared)
	s.stamp++ // something was enrolled
	s.tick()
	require.Equal(t, 2, s.compared)
}

func TestAFindingIsMarkedInTheRowAndListedBesideTheTimeline(t *testing.T) {
	s := newStage(t)
	id := s.choose()
	s.active, s.news = []findings.Finding{{ID: 1, State: attempt.Warn, Title: "meter does not heed code 5", Evidence: "9 times", Attempts: []uint64{id}}}, 1
	s.tick()
	require.True(t, s.screen.rows[0].marked)
	require.Contains(t, s.said(), "meter does not heed code 5")
	s.active, s.news = nil, 2
	s.tick()
	require.False(t, s.screen.rows[0].marked)
	require.NotContains(t, s.said(), "does not heed")
}

func TestATabShowsNothingUntilItsAttemptWasRead(t *testing.T) {
	s := newStage(t)
	s.comparison = diagnosis.Comparison{By: "key", Rows: []diagnosis.Row{{Name: "subject", Presented: "first", Known: true}}}
	s.choose()
	for tab, claim := range map[int]string{tabCompare: "first", tabPackets: "CONNECT", tabRaw: `"device_name"`} {
		s.screen.detail.tabs.Choose(tab)
		require.NotContains(t, s.said(), "No packets")
		require.NotContains(t, s.said(), claim)
		s.tick()
		require.Contains(t, s.said(), claim)
		s.screen.detail.tabs.Choose(tabTimeline)
		s.tick()
		s.choose() // another attempt
		s.screen.detail.tabs.Choose(tab)
		require.NotContains(t, s.said(), claim, "it is that of the other attempt")
		s.tick()
		require.Contains(t, s.said(), claim)
		s.screen.detail.tabs.Choose(tabTimeline)
		s.tick()
		s.choose()
	}
}

func TestRawIsTheAttemptAsJSON(t *testing.T) {
	s := newStage(t)
	s.choose()
	s.screen.detail.tabs.Choose(tabRaw)
	s.tick()
	require.Contains(t, s.said(), `"device_name": "meter"`)
	shelltest.Press(t, s.screen.detail.content, "Save…")
	require.Len(t, s.shell.Saved, 1)
}

func TestWhereRoomIsScarceTheVerdictIsALineAboveAllButTheTimeline(t *testing.T) {
	s := newStage(t)
	s.remedy = func(attempt.Attempt) (remedy.Remedy, bool) {
		return remedy.Remedy{Kind: remedy.Press, Label: "Enable meter"}, true
	}
	s.choose()
	meaning := "The device is known, but may not connect."
	s.shell.Win.Resize(fyne.NewSize(922, 500))
	require.Contains(t, s.said(), meaning, "the timeline is about the verdict")
	s.screen.detail.tabs.Choose(tabRaw)
	s.tick()
	require.NotContains(t, s.said(), meaning)
	require.Contains(t, s.said(), "meter is disabled.")
	require.Len(t, shelltest.Buttons(s.screen.detail.content, "Enable meter"), 1)
	s.shell.Win.Resize(fyne.NewSize(1178, 720))
	require.Contains(t, s.said(), meaning, "there is room for all of it again")
}
