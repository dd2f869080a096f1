package attempts

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

func TestAFilterByTimeLetsAttemptsGo(t *testing.T) {
	s := newStage(t)
	s.attempts(1, 0, cause.Accepted, "lamp")
	s.screen.ask(func(q *query) { q.within = time.Minute })
	s.tick()
	require.Len(t, s.listed(), 1)
	require.Contains(t, shelltest.Texts(s.screen.on), "Last minute")
	s.now = s.now.Add(2 * time.Minute)
	s.tick()
	require.Empty(t, s.listed())
	shelltest.Press(t, s.screen.on, "Clear filters")
	s.tick()
	require.Len(t, s.listed(), 1)
}

func TestFiltersAddUp(t *testing.T) {
	s := newStage(t)
	s.attempts(1, 0, cause.Accepted, "lamp")
	s.attempts(1, 5, cause.DeviceDisabled, "lamp")
	s.attempts(1, 5, cause.NotDeployed, "meter")
	s.screen.ask(func(q *query) { q.device = sidOf("lamp") })
	s.screen.ask(func(q *query) { q.cause = cause.DeviceDisabled })
	s.tick()
	require.Equal(t, []string{"lamp 5"}, s.listed())
	s.attempts(1, 5, cause.DeviceDisabled, "lamp")
	s.attempts(1, 5, cause.DeviceDisabled, "meter")
	s.tick()
	require.Equal(t, []string{"lamp 5", "lamp 5"}, s.listed(), "they keep applying to what comes")
	require.Contains(t, shelltest.Texts(s.screen.Content()), "All 5")
	require.Contains(t, shelltest.Texts(s.screen.Content()), "Refused 4")
}

func BenchmarkTenThousandAttemptsAtFiveHertz(b *testing.B) {
	test.NewTempApp(b).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{shell: &shelltest.Shell{}, traced: map[string]bool{}}
	s.log = attempt.NewLog(attempt.Params{})
	s.screen = New(Params{Fix: fix.Fixer{Shell: s.shell}, Log: s.log, Remedy: func(attempt.Attempt) (remedy.Remedy, bool) { return remedy.Remedy{}, false }, Findings: s, Diagnosis: s, Tracer: s})
	test.NewTempWindow(b, s.screen.Content()).Resize(fyne.NewSize(1180, 700))
	one := func() {
		r := s.log.Begin("192.168.1.44:50000", "127.0.0.1:8883")
		r.Decide(5, cause.DeviceDisabled)
		r.End(cause.DeviceDisabled, "gateway", nil)
	}
	for range 10_000 {
		one()
	}
	s.screen.ask(func(q *query) { q.limit = 10_000 })
	s.tick()
	b.ResetTimer()
	for b.Loop() {
		one()
		s.tick()
	}
}
