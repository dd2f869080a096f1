package devices

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/devices/screentest"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/onboard"
	"gatehouse/gateway/attempt"
	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/simtest"
	"gatehouse/sim/telemetry"
)

// virtual is the screen with a virtual device that is not connected, on one of its tabs.
func virtual(t *testing.T, tab int) (*stage, string) {
	t.Helper()
	s := newStage(t, "thermostat-9", "lamp")
	t.Cleanup(s.bench.Close)
	s.equip("thermostat-9", onboard.GenerateKey)
	s.open("thermostat-9", tab)
	return s, s.device("thermostat-9").SID
}

func (s *stage) telemetry() *telemetryTab { return s.s.detail.views[tabTelemetry].(*telemetryTab) }
func (s *stage) reactions() *reactionsTab { return s.s.detail.views[tabReactions].(*reactionsTab) }

// entry is the field that shows this text.
func entry(t *testing.T, in fyne.CanvasObject, text string) *kit.Entry {
	t.Helper()
	var found *kit.Entry
	shelltest.Each(in, func(o fyne.CanvasObject) {
		if e, ok := o.(*kit.Entry); ok && e.Text == text && found == nil {
			found = e
		}
	})
	if found == nil {
		t.Fatalf("no field holds %q", text)
	}
	return found
}

func TestAnExternalDeviceHasNoTabsOfAVirtualOne(t *testing.T) {
	s, _ := virtual(t, tabFaults)
	s.want("Latency")
	s.s.Show(s.device("lamp").SID)
	s.wantNone("Telemetry", "Reactions", "Faults", "Latency")
	s.want("This device is external")
}

func TestAReadyMadeKindShowsItsNextMessagesBeforeItStarts(t *testing.T) {
	s, sid := virtual(t, tabTelemetry)
	s.want("It does nothing by itself.")
	assert.Equal(t, 0, s.telemetry().kind.Chosen())
	s.telemetry().kind.Choose(5)
	s.want("Heats towards the target", "The next messages, as they would be · QoS 1", "at once", "in 10s", "thermostat-9/temperature", `"degrees":18`, "Not saved yet.")
	s.telemetry().pace.Entry.SetText("20")
	s.want("in 500ms")
	assert.False(t, s.bench.ByItself(sid), "nothing runs before it is started")
	assert.Empty(t, s.bench.Setup(sid).Kind, "nothing is kept before it is saved")
	s.press("Save and start")
	setup := s.bench.Setup(sid)
	assert.Equal(t, "thermostat", setup.Kind)
	assert.True(t, setup.ByItself)
	simtest.Eventually(t, "it reports", func() bool { return s.bench.Life(sid).Status.Sent > 0 })
	s.pull()
	s.want("Left to itself, it does this now.", "Save and restart")
	s.s.detail.open(tabLive)
	s.want("Left to itself · connected", "degrees", "18")
	s.wantNone("outside")
	s.press("Stop")
	assert.False(t, s.bench.ByItself(sid))
	s.want("It is driven by hand now")
}

func TestAMistakeIsSaidBesideItsFieldWithWhatToDo(t *testing.T) {
	s, sid := virtual(t, tabTelemetry)
	s.press("+ Add a series")
	s.want("thermostat-9/data", "Step", "Lowest")
	view := s.telemetry().view
	entry(t, view, "5s").SetText("soon")
	s.want("“soon” is not a time. Write 500ms, 5s or 1m30s.", "Something is not right yet")
	entry(t, view, "soon").SetText("1ms")
	s.want("It is not between 10ms and 24h.", "The next messages are shown here as soon as everything is right.")
	entry(t, view, "1ms").SetText("2s")
	s.wantNone("It is not between")
	entry(t, view, "{device}/data").SetText("a/#")
	s.want("A message cannot be sent to a wildcard.", "Leave + and # out.")
	s.press("Save and start")
	assert.False(t, s.bench.ByItself(sid), "a series with a mistake is not started")
	entry(t, view, "a/#").SetText("{device}/heat")
	s.want("thermostat-9/heat", "in 2s")
	entry(t, view, "40").SetText("x")
	s.want("“x” is not a number. Write one such as 21.5.")
}

func TestEveryGeneratorBeginsWithoutAMistakeAndShowsItsFigures(t *testing.T) {
	s, _ := virtual(t, tabTelemetry)
	s.press("+ Add a series")
	for i, g := range generators {
		v := s.telemetry()
		v.rebuild(func(b *agent.Behaviour) { b.Reports[0].Fields[0].Source = begin(g.kind) })
		v.update()
		if g.kind == telemetry.CSV {
			s.want("CSV file, with its folder", "Something is not right yet")
			continue
		}
		assert.Empty(t, v.draft.problems, g.name)
		assert.NotEmpty(t, v.messages, g.name)
		for _, p := range g.params {
			s.want(p.label)
			source := begin(g.kind)
			assert.Empty(t, p.set(&source, p.get(begin(g.kind))), "%s takes back what it shows", p.key)
			assert.Equal(t, p.get(begin(g.kind)), p.get(source), p.key)
		}
		assert.Equal(t, i, generatorOf(g.kind))
	}
	for _, kind := range telemetry.Kinds() {
		assert.Equal(t, kind, generators[generatorOf(kind)].kind, "the form knows every kind")
	}
}

func TestWhatIsTypedSurvivesTrafficAndIsKeptWhenAnotherDeviceIsShown(t *testing.T) {
	s, sid := virtual(t, tabTelemetry)
	s.press("+ Add a series")
	field := entry(t, s.telemetry().view, "{device}/data")
	field.SetText("mine")
	s.attempts.Add(attempt.Attempt{DeviceSID: sid, Code: 0})
	s.pull()
	assert.Equal(t, "mine", field.Text)
	assert.Same(t, field, entry(t, s.telemetry().view, "mine"), "the field was not built anew under the user's fingers")
	s.s.Show(s.device("lamp").SID)
	require.Len(t, s.bench.Setup(sid).Behaviour.Reports, 1)
	assert.Equal(t, "mine", s.bench.Setup(sid).Behaviour.Reports[0].Topic)
	s.open("thermostat-9", tabTelemetry)
	entry(t, s.telemetry().view, "mine")
}

func TestAReactionIsFilledInAndItsMistakesAreSaidInPlace(t *testing.T) {
	s, sid := virtual(t, tabReactions)
	s.want("It reacts to nothing yet.")
	s.press("Add a reaction")
	view := s.reactions().view
	entry(t, view, "orders/#").SetText("orders/#/x")
	s.want("# is not its last level.")
	entry(t, view, "orders/#/x").SetText("orders/+")
	s.wantNone("is not its last level")
	v := s.reactions()
	v.edit(func(b *agent.Behaviour) { b.Reactions[0].When = "text ==" })
	v.update()
	s.want("Something is not right yet")
	v.edit(func(b *agent.Behaviour) { b.Reactions[0].When = `text == "ON"` })
	v.edit(func(b *agent.Behaviour) { b.Reactions[0].Set = map[string]string{"on": "true"} })
	v.update()
	s.want("The device has no such state.")
	v.edit(func(b *agent.Behaviour) { b.State = map[string]any{"on": false} })
	v.update()
	s.press("Save")
	kept := s.bench.Setup(sid)
	require.Len(t, kept.Behaviour.Reactions, 1)
	assert.Equal(t, "orders/+", kept.Behaviour.Reactions[0].On)
	assert.True(t, kept.ByItself)
	assert.Empty(t, s.bench.Problems(sid, kept))
}

func TestStateAndAssignmentsAreReadAsTheyAreShown(t *testing.T) {
	state, wrong := readState("on = false\nn = 1.5\nname = a text\n")
	require.Empty(t, wrong)
	assert.Equal(t, map[string]any{"on": false, "n": 1.5, "name": "a text"}, state)
	again, wrong := readState(stateText(state))
	require.Empty(t, wrong)
	assert.Equal(t, state, again)
	set, wrong := readSet(`on = json.led == "ON"`)
	require.Empty(t, wrong)
	assert.Equal(t, map[string]string{"on": `json.led == "ON"`}, set)
	_, wrong = readSet("on")
	assert.Contains(t, wrong, "is not a name and a value")
}

func TestTheTextOfEveryReadyMadeKindIsReadBackAsItIs(t *testing.T) {
	for _, kind := range kinds() {
		text, err := textOf(kind.Behaviour)
		require.NoError(t, err)
		b, mistakes := readText(text)
		require.Empty(t, mistakes, "%s:\n%s", kind.ID, text)
		assert.Equal(t, written(kind.Behaviour), written(b), kind.ID)
	}
	_, mistakes := readText("reports:\n  - topic: a\n    evry: 5s\n")
	require.NotEmpty(t, mistakes)
	assert.Equal(t, 3, mistakes[0].Line, "%v", mistakes[0])
	assert.Equal(t, 5, mistakes[0].Column, "%v", mistakes[0])
}

func TestTheTextIsTakenOverOnlyWithoutMistakes(t *testing.T) {
	s, _ := virtual(t, tabTelemetry)
	s.press("As text…")
	sheet := s.telemetry().sheet
	require.True(t, sheet.Open())
	var area *kit.Entry
	shelltest.Each(sheet.Content(), func(o fyne.CanvasObject) {
		if e, ok := o.(*kit.Entry); ok {
			area = e
		}
	})
	require.NotNil(t, area)
	assert.Equal(t, "reports: []\n", area.Text)
	area.SetText("reports:\n  - topic: a\n    every: 5s\n    format: xml\n    payload: b\n")
	screentest.Press(t, sheet.Content(), "Take it over")
	screentest.Want(t, sheet.Content(), "ine 4")
	area.SetText("reports:\n  - topic: from/text\n    every: 5s\n    format: text\n    payload: hello\n")
	screentest.Press(t, sheet.Content(), "Take it over")
	assert.False(t, sheet.Open())
	s.want("from/text", "hello", "Not saved yet.")
}

func TestFaultsAreSwitchedOnAndOffWhileConnected(t *testing.T) {
	s, sid := virtual(t, tabFaults)
	s.want("Nothing is wrong. What you switch on counts when it connects.")
	require.True(t, s.bench.Connect(t.Context(), sid, s.bench.Setup(sid).Options).Accepted())
	s.pull()
	s.press("Latency")
	assert.Equal(t, 300*time.Millisecond, s.bench.Troubles(sid).Network.Latency)
	s.want("What is on counts now.")
	s.press("Drop the next PUBACK")
	s.want("1 to come", "2 faults on")
	s.press("Send it")
	assert.Len(t, s.player.Raw, 1)
	s.s.detail.open(tabIdentity)
	s.press("2 faults on")
	s.press("All off")
	assert.False(t, s.bench.Troubles(sid).Any())
	s.wantNone("faults on")
}

func TestTheConnectTabKeepsHowTheDeviceIsDrivenAndWhomItTrusts(t *testing.T) {
	s, sid := virtual(t, tabConnect)
	v := s.s.detail.views[tabConnect].(*connect)
	s.wantNone("Code 4, unknown credential")
	v.driven.Choose(1)
	s.want("Code 4, unknown credential: stops")
	s.press("Code 4, unknown credential: stops")
	v.policy.every.Entry.SetText("2s")
	v.target.Choose(1)
	v.address.Entry.SetText("mqtt://example.org")
	screentest.Press(t, v.view, "Start")
	s.want("never sends its secret in the clear")
	assert.False(t, s.bench.ByItself(sid))
	v.address.Entry.SetText("mqtts://example.org:8883")
	v.trust.Choose(2)
	screentest.Press(t, v.view, "Start")
	s.want("Choose the file with the certificates")
	s.shell.FileName, s.shell.File = "notes.txt", []byte("hello")
	screentest.Press(t, v.view, "Choose a file…")
	s.want("notes.txt holds no certificate in PEM form")
	v.trust.Choose(3)
	screentest.Press(t, v.view, "Start")
	simtest.Eventually(t, "it connects there", func() bool { return s.player.Last().URL == "mqtts://example.org:8883" })
	assert.True(t, s.player.Last().TrustEverybody)
	setup := s.bench.Setup(sid)
	assert.Equal(t, []int{4}, setup.Reconnect.Disobey)
	assert.Equal(t, telemetry.Duration(2*time.Second), setup.Reconnect.DisobeyEvery)
	assert.True(t, setup.ByItself)
}

func TestADeviceLeftToItselfThatWaitsSaysWhenItTriesAgain(t *testing.T) {
	s, sid := virtual(t, tabConnect)
	s.player.Answer = func(sim.Options) sim.Result {
		return sim.Result{Code: 3, Err: &sim.RefusedError{Code: 3}, Advice: sim.AdviceFor(3)}
	}
	require.NoError(t, s.bench.Change(sid, func(x *onboard.Setup) { x.ByItself = true }))
	require.NoError(t, s.bench.Leave(sid))
	simtest.Eventually(t, "it waits", func() bool { return s.bench.Life(sid).Status.Phase == agent.Waiting })
	s.s.reload()
	s.want("Left to itself: it tries again at")
	if !strings.Contains(screentest.Text(s.s.detail.content), "Stop") {
		t.Error("it cannot be stopped")
	}
}

func TestADocumentThatADeviceFollowsInVainIsMadeByOneTap(t *testing.T) {
	s, sid := virtual(t, tabLive)
	s.player.Refuse = "sync/docs/Heating"
	require.NoError(t, s.bench.Change(sid, func(x *onboard.Setup) { x.ByItself, x.Kind = true, "thermostat" }))
	require.NoError(t, s.bench.Leave(sid))
	simtest.Eventually(t, "it was refused", func() bool { return s.bench.Life(sid).Status.LastErr != "" && s.bench.Life(sid).Status.Sent > 0 })
	s.s.reload()
	s.want("a Sync object has to be there before a device can follow it")
	s.player.Refuse = ""
	s.press("Make the document Heating")
	assert.Equal(t, []string{"Heating"}, s.followed)
	simtest.Eventually(t, "it follows it", func() bool { return len(s.player.Subscriptions()) == 1 && s.bench.Connected(sid) })
	s.s.reload()
	s.wantNone("Make the document Heating")
}

func TestNumbersThatAreSentByHandAreDrawnToo(t *testing.T) {
	s, sid := virtual(t, tabLive)
	require.True(t, s.bench.Connect(t.Context(), sid, s.bench.Setup(sid).Options).Accepted())
	s.player.Log(sim.Entry{Type: "CONNACK", Summary: "CONNACK 0"})
	s.pull()
	v := s.s.detail.views[tabLive].(*live)
	for _, payload := range []string{`{"degrees":20.5,"on":true,"note":"x"}`, `{"degrees":21.5,"on":false}`} {
		v.payload.Entry.SetText(payload)
		s.press("Publish")
	}
	s.want("The numbers that you have sent by hand.", "degrees", "21.50", "20.50", "on")
	v.topic.Entry.SetText("plant/humidity")
	v.payload.Entry.SetText("55")
	s.press("Publish")
	s.want("humidity", "55")
	assert.Len(t, s.bench.Life(sid).Series, 3, "a text is no number")
}
