package devices

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/devices/screentest"
	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/sim"
)

func TestRenamingKeepsWhatIsBeingTypedWhileOthersChange(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabIdentity)
	v := s.s.detail.views[tabIdentity].(*identity)
	v.name.Entry.SetText("Living room")
	s.attempts.Add(attempt.Attempt{DeviceSID: s.s.Selected(), Code: 0})
	s.pull()
	if v.name.Entry.Text != "Living room" {
		t.Errorf("what was typed became %q", v.name.Entry.Text)
	}
	s.press("Save")
	if d := s.device("thermostat-9"); d.FriendlyName != "Living room" {
		t.Errorf("saved %q", d.FriendlyName)
	}
	s.shell.Toasts[len(s.shell.Toasts)-1].Undo()
	if d := s.device("thermostat-9"); d.FriendlyName != "" {
		t.Errorf("after undo it is %q", d.FriendlyName)
	}
}

func TestDisablingCanBeUndone(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabIdentity)
	s.press("May connect")
	if s.device("thermostat-9").Enabled {
		t.Fatal("it is still enabled")
	}
	s.shell.Toasts[0].Undo()
	if !s.device("thermostat-9").Enabled {
		t.Error("undo did not enable it")
	}
}

func TestUndeployingAsksFirstAndNamesWhatIsLost(t *testing.T) {
	s := newStage(t, "thermostat-9")
	other := s.registry.AddDeployment(s.registry.Fleets()[0].SID, "Field trial")
	s.pull()
	s.open("thermostat-9", tabIdentity)
	v := s.s.detail.views[tabIdentity].(*identity)
	v.deploy.Choose(2)
	if s.device("thermostat-9").DeploymentSID == "" {
		t.Fatal("it was undeployed without asking")
	}
	if v.deploy.Chosen() == 2 {
		t.Error("the choice shows what is not so yet")
	}
	if q := s.agree(); !strings.Contains(q.Lost, "connection closes") {
		t.Errorf("asked %q", q.Lost)
	}
	if s.device("thermostat-9").DeploymentSID != "" {
		t.Fatal("it is still deployed")
	}
	v.deploy.Choose(1)
	if s.device("thermostat-9").DeploymentSID != other.SID {
		t.Error("deploying a device that was not deployed needs no question")
	}
}

func TestDeletingNamesWhatIsLostAndTakesTheKeptCredentials(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.equip("thermostat-9", onboard.GenerateKey)
	sid := s.device("thermostat-9").SID
	s.open("thermostat-9", tabIdentity)
	s.press("Delete the device…")
	if q := s.agree(); !strings.Contains(q.Lost, "1 key") || !strings.Contains(q.Lost, sid) || !strings.Contains(q.Lost, "code 4") {
		t.Errorf("asked %q", q.Lost)
	}
	if len(s.registry.Devices()) != 0 || len(s.vault.Get(sid)) != 0 {
		t.Error("something is left")
	}
	s.want("No devices yet")
}

func TestANewSecretIsShownOnceAndGoneAfterLeavingTheTab(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabCredentials)
	s.press("Add a key")
	v := s.s.detail.views[tabCredentials].(*credentials)
	secret := v.once.Secret
	s.want(secret, "It is shown once")
	s.s.detail.open(tabIdentity)
	s.s.detail.open(tabCredentials)
	s.wantNone(secret)
	if v.once != nil {
		t.Error("it is still in memory")
	}
}

func TestANewSecretIsMaskedForAPresenterAndCopies(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.shell.Masked = true
	s.open("thermostat-9", tabCredentials)
	s.press("Add a key")
	secret := s.s.detail.views[tabCredentials].(*credentials).once.Secret
	s.wantNone(secret)
	s.press("Copy with secret")
	if last := s.shell.Copied[len(s.shell.Copied)-1][1]; last != secret {
		t.Error("the secret was not copied")
	}
}

func TestChoosingAnotherDeviceHidesTheSecret(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.open("thermostat-9", tabCredentials)
	s.press("Generate a certificate")
	s.want("BEGIN PRIVATE KEY")
	s.s.Show(s.device("lamp").SID)
	s.wantNone("BEGIN PRIVATE KEY")
}

func TestRevokingSaysThatTheConnectionCloses(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.equip("thermostat-9", onboard.GenerateKey)
	s.open("thermostat-9", tabCredentials)
	v := s.s.detail.views[tabCredentials].(*credentials)
	v.table.Select(s.registry.AllKeys()[0].SID)
	s.press("Revoke…")
	if q := s.agree(); !strings.Contains(q.Lost, "closes at once") || !strings.Contains(q.Lost, "This computer plays") {
		t.Errorf("asked %q", q.Lost)
	}
	if len(s.registry.AllKeys()) != 0 {
		t.Error("the key is still there")
	}
	s.want("No credential: this device cannot connect.")
}

func TestAnImportIsExplainedBeforeItIsEnrolled(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabCredentials)
	s.shell.File = []byte("not a certificate")
	s.press("Import a certificate…")
	s.press("Choose a file…")
	s.want("This cannot be used", "Choose the device's certificate")
	s.press("Enrol it")
	if len(s.registry.AllCertificates()) != 0 {
		t.Error("it was enrolled")
	}
}

func TestTheVirtualDeviceConnectsAsChosen(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabConnect)
	s.want("This device is external")
	s.press("Play it with a new key")
	v := s.s.detail.views[tabConnect].(*connect)
	if v.clean.On() || protocols[v.protocol.Chosen()].level != sim.MQTT311 || v.keepAlive.Entry.Text != "60" {
		t.Error("the options do not begin as the contract advises")
	}
	v.keepAlive.Entry.SetText("70000")
	s.press("Connect")
	s.want("The keepalive is a whole number of seconds, from 0 to 65535.")
	v.keepAlive.Entry.SetText("30")
	v.protocol.Choose(2)
	screentest.Press(t, v.view, "Send a wrong secret on purpose")
	screentest.Press(t, v.view, "Send a last will")
	v.willTopic.Entry.SetText("gone")
	screentest.Press(t, v.view, "Connect")
	o := s.player.Last()
	if o.Protocol != sim.MQTT5 || !o.WrongSecret || o.Clean || o.KeepAlive != 30*time.Second || o.Will == nil || o.Will.Topic != "gone" || o.ClientID != "thermostat-9" {
		t.Errorf("it connected with %+v", o)
	}
	s.want("Connected since", "Disconnect")
	screentest.Press(t, v.view, "Disconnect")
	if s.bench.Connected(s.s.Selected()) {
		t.Error("it is still connected")
	}
}

func TestARefusalIsExplainedWithItsFix(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.equip("thermostat-9", onboard.GenerateKey)
	d, key := s.device("thermostat-9"), s.registry.AllKeys()[0]
	s.player.Answer = func(sim.Options) sim.Result {
		s.attempts.Add(attempt.Attempt{DeviceSID: d.SID, DeviceName: d.Name(), CredentialSID: key.SID, Code: 4, Cause: cause.WrongSecret})
		return sim.Result{Code: 4, Err: &sim.RefusedError{Code: 4}}
	}
	s.open("thermostat-9", tabConnect)
	screentest.Press(t, s.s.detail.views[tabConnect].content(), "Connect")
	s.want("Bad user name or password", "is wrong.", "Do not try again with this credential.")
	s.press("Show the timeline")
	if len(s.shell.Gone) != 1 || s.shell.Gone[0] != [2]string{"attempts", "1"} {
		t.Errorf("went to %v", s.shell.Gone)
	}
	s.press("New key for thermostat-9")
	s.want("The secret of KY", "It is shown once")
	if len(s.registry.AllKeys()) != 2 {
		t.Errorf("there are %d keys", len(s.registry.AllKeys()))
	}
}

func TestNoAnswerSaysWhatTheDeviceSaw(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.equip("thermostat-9", onboard.GenerateKey)
	s.player.Answer = func(sim.Options) sim.Result { return sim.Result{Code: -1, Err: errors.New("nothing listens there")} }
	s.open("thermostat-9", tabConnect)
	screentest.Press(t, s.s.detail.views[tabConnect].content(), "Connect")
	s.want("No answer", "Nothing listens there.")
}

func TestTheConsoleShowsPacketsAndPublishes(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabLive)
	s.want("This device is external.")
	s.equip("thermostat-9", onboard.GenerateKey)
	s.want("Nothing yet: connect the device")
	s.press("Connect it")
	s.s.detail.open(tabLive)
	s.player.Log(sim.Entry{Type: sim.TypeNote, Summary: "connected"})
	s.pull()
	v := s.s.detail.views[tabLive].(*live)
	v.topic.Entry.SetText("a/b")
	v.payload.Entry.SetText("21.5")
	s.press("Publish")
	s.press("Subscribe")
	entries := s.player.Console(0)
	if len(entries) != 3 || entries[1].Topic != "a/b" || string(entries[1].Payload) != "21.5" || entries[1].QoS != 1 {
		t.Fatalf("it sent %+v", entries)
	}
	s.want("PUBLISH", "a/b", "devices/# · QoS 1")
	s.press("devices/# · QoS 1")
	if len(s.player.Subscriptions()) != 0 {
		t.Error("it is still subscribed")
	}
	s.want("a/b 21.5")
	s.press("Clear")
	s.wantNone("a/b 21.5")
}

func TestAttemptsOfTheDeviceLeadToTheirTimeline(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("thermostat-9").SID, DeviceName: "thermostat-9", Code: 5, Cause: cause.DeviceDisabled})
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("lamp").SID, Code: 5, Cause: cause.NotDeployed})
	s.pull()
	s.open("thermostat-9", tabAttempts)
	s.want("Device is disabled", "1 attempt")
	screentest.WantNone(t, s.s.detail.content, "Not deployed to a service")
	s.s.detail.views[tabAttempts].(*history).table.Select("1")
	s.press("Show in Attempts")
	if len(s.shell.Gone) != 1 || s.shell.Gone[0][1] != "1" {
		t.Errorf("went to %v", s.shell.Gone)
	}
}

// steps is a timeline that remembers what it was shown.
type steps struct {
	shown []attempt.Attempt
	text  *kit.Text
}

func (l *steps) Show(a attempt.Attempt)     { l.shown = append(l.shown, a); l.text.Set("the steps") }
func (l *steps) Content() fyne.CanvasObject { return l.text }

func TestTheChosenAttemptIsExplainedAndFixedInPlace(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	l := &steps{text: kit.NewText("", kit.Body)}
	s.s.p.Timeline = func() mend.Timeline { return l }
	s.s.detail.views[tabAttempts] = newHistory(s.s.detail)
	d := s.device("thermostat-9")
	s.attempts.Add(attempt.Attempt{Remote: "192.168.1.44:1", DeviceSID: d.SID, DeviceName: "thermostat-9", Code: 4, Cause: cause.WrongSecret})
	s.pull()
	s.open("thermostat-9", tabAttempts)
	s.wantNone("Bad user name or password", "the steps")
	v := s.s.detail.views[tabAttempts].(*history)
	v.table.Select("1")
	s.want("Bad user name or password", "The key belongs to thermostat-9.", "the steps", "New key for thermostat-9")
	if len(s.shell.Gone) != 0 {
		t.Errorf("went to %v", s.shell.Gone)
	}
	s.press("192.168.1.44")
	if s.shell.Gone[0] != [2]string{"attempts", "from:192.168.1.44"} {
		t.Errorf("went to %v", s.shell.Gone)
	}
	s.press("Newest")
	s.wantNone("Bad user name or password", "the steps")
	v.table.Select("1")
	s.s.choose(s.device("lamp").SID)
	s.pull()
	s.wantNone("the steps", "Bad user name or password")
}

// found has the findings that a test wants.
type found struct {
	all     []findings.Finding
	version uint64
}

func (f *found) Version() uint64            { return f.version }
func (f *found) Active() []findings.Finding { return f.all }
func (f *found) Dismiss(uint64)             { f.version++; f.all = nil }

func TestADevicesPageShowsItsOwnFindings(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	from := &found{}
	s.s.p.Findings = from
	s.s.detail.views[tabAttempts] = newHistory(s.s.detail)
	s.open("thermostat-9", tabIdentity)
	s.wantNone("finding")
	from.all = []findings.Finding{
		{ID: 1, State: attempt.Bad, Title: "Two boards fight", DeviceSID: s.device("thermostat-9").SID, DeviceName: "thermostat-9"},
		{ID: 2, State: attempt.Bad, Title: "A clock is wrong", DeviceSID: s.device("lamp").SID},
	}
	from.version++
	s.pull()
	s.press("1 finding")
	s.want("Two boards fight")
	s.wantNone("A clock is wrong", "Show thermostat-9")
	s.press("Dismiss")
	s.pull()
	s.wantNone("Two boards fight", "1 finding")
}

func TestCredentialsCanBeCheckedFromTheirTab(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabCredentials)
	s.press("Check credentials…")
	if len(s.shell.Checks) != 1 {
		t.Error("nothing was opened")
	}
}

func TestSnippetsHoldNoSecret(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabSnippets)
	s.want("This device has no credential to connect with.")
	_, secret, err := s.registry.CreateKey(t.Context(), "", s.s.Selected(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.pull()
	s.want("mosquitto_pub", "-P SECRET", "cannot be shown again")
	s.wantNone(secret)
	s.press("mosquitto_sub")
	s.press("Copy")
	if got := screentest.Copied(s.shell, "mosquitto_sub"); !strings.Contains(got, "--cafile /data/root.pem") {
		t.Errorf("copied %q", got)
	}
}

func TestAFailureIsShownInWordsAndTheScreenStaysTrue(t *testing.T) {
	s := newStage(t, "thermostat-9")
	s.open("thermostat-9", tabIdentity)
	s.registry.FailNext(errors.New("the disk is full"))
	s.press("May connect")
	if len(s.shell.Failures) != 1 || !strings.Contains(fmt.Sprint(s.shell.Failures[0]), "disk is full") {
		t.Errorf("said %v", s.shell.Failures)
	}
	if !s.s.detail.views[tabIdentity].(*identity).enabled.On() {
		t.Error("the switch shows what is not so")
	}
}
