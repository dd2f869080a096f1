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
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/wire"
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
	s.changes = []Change{
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
	for _, want := range []string{"SHA-256", "differs", "abababababababab", "cdcdcdcdcdcdcdcd", "same", "CY77…77"} {
		require.Contains(t, s.said(), want)
	}
	shelltest.Buttons(s.screen.detail.content, "Copy")[0].Tapped(nil)
	require.Contains(t, s.shell.Copied[0][1], strings.Repeat("cd", 32), "it is copied whole")
	s.comparison = diagnosis.Comparison{}
	s.stamp++
	s.tick()
	require.Contains(t, s.said(), "Nothing to compare")
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

// talk records an attempt with a CONNECT and so many QoS 1 publishes with their answers.
func (s *stage) talk(pairs int) uint64 {
	s.now = s.now.Add(time.Second)
	r := s.log.Begin("192.168.1.44:50000", "127.0.0.1:8883")
	r.Identify(func(a *attempt.Attempt) { a.DeviceSID, a.DeviceName = sidOf("meter"), "meter" })
	r.Packet(false, wire.AppendConnect(nil, wire.Connect{ClientID: "meter-board"}, false))
	for i := range pairs {
		r.Packet(false, wire.AppendPublish(nil, wire.Message{Topic: "sync/docs/led", QoS: 1, ID: uint16(i + 1), Payload: []byte(`{"on":true}`)}))
		r.Packet(true, wire.AppendAck(nil, wire.PUBACK, uint16(i+1)))
	}
	r.Identify(func(a *attempt.Attempt) { a.Live = true })
	r.Decide(0, cause.Accepted)
	return r.ID()
}

func (s *stage) packets(pairs int) *packets {
	s.screen.Show(fmt.Sprint(s.talk(pairs)))
	s.tick()
	s.screen.detail.tabs.Choose(tabPackets)
	s.tick()
	return s.screen.detail.packets
}

func TestAFieldMarksItsBytesAndAByteItsField(t *testing.T) {
	s := newStage(t)
	p := s.packets(1)
	var client fieldRow
	for i, f := range p.one.line.Packet.Fields {
		if f.Value == "meter-board" {
			client = fieldRow{key: fmt.Sprint(i), field: f}
		}
	}
	require.NotEmpty(t, client.key)
	p.one.fields.Select(client.key)
	start, end := p.one.hex.Marked()
	require.Equal(t, [2]int{client.field.Offset, client.field.Offset + client.field.Length}, [2]int{start, end})
	p.one.hex.OnByte(0)
	chosen, ok := p.one.fields.Selected()
	require.True(t, ok)
	require.Zero(t, chosen.field.Offset)
	p.one.hex.OnByte(client.field.Offset + client.field.Length - 1)
	chosen, _ = p.one.fields.Selected()
	require.Equal(t, "meter-board", chosen.field.Value)
}

func TestAPublishAndItsAnswerAreBracketed(t *testing.T) {
	s := newStage(t)
	p := s.packets(2)
	rows := p.trace.rows
	require.Equal(t, kit.Begins, rows[1].lanes[0])
	require.Equal(t, kit.Ends, rows[2].lanes[0])
	require.NotEmpty(t, rows[2].took)
	require.Equal(t, "→", rows[1].way)
	require.Equal(t, "←", rows[2].way)
}

func TestPacketsAreFilteredAndAPayloadIsShownAsWhatItIs(t *testing.T) {
	s := newStage(t)
	p := s.packets(3)
	test.Type(p.search.Entry, "PUBACK")
	require.Contains(t, shelltest.Texts(p.table), "PUBACK")
	require.NotContains(t, shelltest.Texts(p.table), "sync/docs/led")
	p.search.Entry.SetText("")
	p.table.Select(p.trace.rows[1].key)
	shelltest.PressChip(t, p.content, "Payload")
	require.Contains(t, shelltest.Texts(p.content), `"on": true`)
	shelltest.PressChip(t, p.content, "Payload in hex")
	require.Contains(t, shelltest.Texts(p.content), "7b 22 6f 6e")
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

func TestPacketsOfALiveDeviceAreTracedOnRequest(t *testing.T) {
	s := newStage(t)
	p := s.packets(1)
	shelltest.Press(t, p.content, "Trace packets")
	require.True(t, s.traced[sidOf("meter")])
	s.tick()
	shelltest.Press(t, p.content, "Stop tracing")
	require.False(t, s.traced[sidOf("meter")])
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

func BenchmarkTraceOfTenThousandPackets(b *testing.B) {
	var a attempt.Attempt
	for i := range 5_000 {
		id := uint16(i + 1)
		pub := wire.AppendPublish(nil, wire.Message{Topic: "sync/docs/led", QoS: 1, ID: id, Payload: []byte(`{"on":true}`)})
		ack := wire.AppendAck(nil, wire.PUBACK, id)
		a.Packets = append(a.Packets, attempt.Packet{Bytes: pub, Length: len(pub)}, attempt.Packet{Bytes: ack, Length: len(ack), Outbound: true})
	}
	for b.Loop() {
		if t := readTrace(a); len(t.rows) != 10_000 {
			b.Fatal(len(t.rows))
		}
	}
}
