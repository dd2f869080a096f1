package devices

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/screentest"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
)

// stage is the screen with everything around it.
type stage struct {
	t         *testing.T
	shell     *shelltest.Shell
	registry  *onboardtest.Registry
	attempts  *onboardtest.Attempts
	vault     *onboardtest.Vault
	player    *onboardtest.Player
	bench     *onboard.Bench
	connected map[string]bool
	cut       []string // disconnected at the gateway
	s         *Screen
}

func newStage(t *testing.T, names ...string) *stage {
	s := &stage{
		t: t, shell: screentest.New(t), registry: onboardtest.NewRegistry(), attempts: &onboardtest.Attempts{}, vault: &onboardtest.Vault{},
		player: &onboardtest.Player{}, connected: map[string]bool{},
	}
	endpoint := func() onboard.Endpoint {
		return onboard.Endpoint{Listening: true, Host: "localhost", Port: 8883, RootPath: "/data/root.pem", RootPEM: []byte("ROOT")}
	}
	s.bench = onboard.NewBench(onboard.BenchParams{Registry: s.registry, Vault: s.vault, Endpoint: endpoint, NewPlayer: func() onboard.Player { return s.player }})
	for _, name := range names {
		if _, err := s.registry.CreateDevice(t.Context(), registry.NewDevice{UniqueName: name}); err != nil {
			t.Fatal(err)
		}
	}
	s.s = newScreen(Params{
		Shell: s.shell, Registry: s.registry, Attempts: s.attempts, Bench: s.bench, Endpoint: endpoint,
		Connected:  func() map[string]bool { return s.connected },
		Disconnect: func(sid string) bool { s.cut = append(s.cut, sid); return true },
		Remedy: func(a attempt.Attempt) (remedy.Remedy, bool) {
			return remedy.Remedy{Kind: remedy.NewKey, Label: "New key for " + a.DeviceName, DeviceSID: a.DeviceSID}, a.Cause == cause.WrongSecret
		},
		Now: func() time.Time { return time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC) },
	})
	screentest.Put(s.shell, s.s.Content())
	s.pull()
	return s
}

func (s *stage) pull() {
	if apply := s.s.Pull(); apply != nil {
		apply()
	}
}
func (s *stage) device(name string) registry.Device {
	s.t.Helper()
	d, found := s.registry.DeviceByName(s.registry.Fleets()[0].SID, name)
	if !found {
		s.t.Fatalf("there is no %s", name)
	}
	return d
}
func (s *stage) open(name string, tab int) {
	s.t.Helper()
	s.s.Show(s.device(name).SID)
	s.s.detail.open(tab)
}
func (s *stage) press(label string) {
	s.t.Helper()
	screentest.Press(s.t, s.s.detail.content, label)
}
func (s *stage) want(texts ...string) {
	s.t.Helper()
	screentest.Want(s.t, s.s.Content(), texts...)
}
func (s *stage) wantNone(texts ...string) {
	s.t.Helper()
	screentest.WantNone(s.t, s.s.Content(), texts...)
}

// agree answers the last question with yes.
func (s *stage) agree() shelltest.Question {
	s.t.Helper()
	if len(s.shell.Questions) == 0 {
		s.t.Fatal("nothing was asked")
	}
	q := s.shell.Questions[len(s.shell.Questions)-1]
	q.Do()
	return q
}

func (s *stage) equip(name string, how onboard.Method) {
	s.t.Helper()
	if err := s.bench.Equip(s.t.Context(), s.device(name).SID, how); err != nil {
		s.t.Fatal(err)
	}
	s.pull()
}

func TestWithoutDevicesTheScreenSaysWhatToDo(t *testing.T) {
	s := newStage(t)
	s.want("No devices yet", "Add your first device")
	screentest.Press(t, s.s.Content(), "Add your first device")
	if s.shell.Wizards != 1 {
		t.Error("the wizard did not open")
	}
}

func TestTheTableShowsWhatADeviceIs(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	d := s.device("thermostat-9")
	s.connected[d.SID] = true
	s.attempts.Add(attempt.Attempt{DeviceSID: d.SID, Code: 0})
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("lamp").SID, Code: 5, Cause: cause.DeviceDisabled})
	if _, err := s.registry.UpdateDevice(t.Context(), s.device("lamp").SID, registry.DeviceChange{Enabled: new(false), DeploymentSID: new("")}); err != nil {
		t.Fatal(err)
	}
	s.equip("thermostat-9", onboard.GenerateCertificate)
	s.want("thermostat-9", "Connected", "virtual", "1 cert", "Disabled", "Not deployed", "external", "none")
	s.want("All 2", "Connected 1", "Virtual 1", "Disabled 1", "Not deployed 1")
}

func TestPullIsNilWhenNothingChanged(t *testing.T) {
	s := newStage(t, "thermostat-9")
	if s.s.Pull() != nil {
		t.Error("nothing has changed")
	}
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("thermostat-9").SID, Code: 0})
	if s.s.Pull() == nil {
		t.Error("an attempt has come")
	}
}

func TestFilterAndOrderChooseTheRows(t *testing.T) {
	s := newStage(t, "b-lamp", "a-lamp", "meter")
	names := func() string {
		var out []string
		for _, r := range sorted(s.s.list.filter.apply(s.s.list.all.rows), s.s.list.order) {
			out = append(out, r.name)
		}
		return strings.Join(out, " ")
	}
	if got := names(); got != "meter a-lamp b-lamp" {
		t.Errorf("newest first: %s", got)
	}
	s.s.list.arrange(1)
	s.want("Sort: by name")
	s.s.list.search.Entry.SetText("LAMP default")
	if got := names(); got != "a-lamp b-lamp" {
		t.Errorf("filtered: %s", got)
	}
	s.wantNone("meter")
	s.s.list.search.Entry.SetText("nothing like it")
	s.want("No device matches.")
	screentest.Press(t, s.s.Content(), "Show all")
	s.want("meter")
}

func TestTheTableStaysWhereTheUserScrolled(t *testing.T) {
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("device-%03d", i))
	}
	s := newStage(t, names...)
	s.s.list.table.scroll.ScrollToOffset(1400)
	s.connected[s.device("device-150").SID] = true
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("device-150").SID})
	s.pull()
	if at := s.s.list.table.scroll.GetScrollOffset(); at != 1400 {
		t.Errorf("it jumped to %v", at)
	}
	s.want("device-149", "Connected 1")
}

func TestEscapeClosesTheDetailAndAFilterDoesNot(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.open("thermostat-9", tabIdentity)
	s.s.list.search.Entry.SetText("lamp")
	if s.s.Selected() == "" {
		t.Fatal("filtering closed the detail")
	}
	s.s.list.search.Entry.SetText("")
	s.s.list.table.Unselect()
	s.s.list.table.Follow() // both are what Escape does
	if s.s.Selected() != "" || s.s.detail.content.Visible() {
		t.Error("the detail is still open")
	}
}

func TestAnOlderReadNeverReplacesANewerOne(t *testing.T) {
	s := newStage(t, "thermostat-9")
	older := func() func() { s.attempts.Add(attempt.Attempt{}); return s.s.Pull() }()
	if _, err := s.registry.CreateDevice(t.Context(), registry.NewDevice{UniqueName: "lamp"}); err != nil {
		t.Fatal(err)
	}
	s.pull()
	older()
	s.want("lamp", "All 2")
}

func TestShowFindsADeviceByItsCredentialAndThroughTheFilter(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.s.list.search.Entry.SetText("lamp")
	key, _, err := s.registry.CreateKey(t.Context(), "", s.device("thermostat-9").SID, "")
	if err != nil {
		t.Fatal(err)
	}
	s.s.Show(key.SID)
	if s.s.Selected() != s.device("thermostat-9").SID {
		t.Errorf("selected %q", s.s.Selected())
	}
	s.want("Identity", "Credentials", "Snippets", s.device("thermostat-9").SID)
}

func TestShowWorksBeforeTheFirstSnapshot(t *testing.T) {
	s := newStage(t, "thermostat-9")
	fresh := newScreen(s.s.p)
	fresh.Show(s.device("thermostat-9").SID)
	if fresh.Selected() != s.device("thermostat-9").SID {
		t.Error("the key was lost")
	}
}

func TestADeletedDeviceClosesItsDetail(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.open("thermostat-9", tabIdentity)
	if err := s.registry.DeleteDevice(t.Context(), s.s.Selected()); err != nil {
		t.Fatal(err)
	}
	s.pull()
	if s.s.Selected() != "" || s.s.detail.content.Visible() {
		t.Error("the detail of a device that is gone is still shown")
	}
}

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
	s.press("Show the timeline")
	if len(s.shell.Gone) != 1 || s.shell.Gone[0][1] != "1" {
		t.Errorf("went to %v", s.shell.Gone)
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

// labels are what a menu offers.
func labels(m *fyne.Menu) string {
	var out []string
	for _, item := range m.Items {
		if !item.IsSeparator {
			out = append(out, item.Label)
		}
	}
	return strings.Join(out, ", ")
}

func TestTheRowMenuOffersWhatCanBeDone(t *testing.T) {
	s := newStage(t, "thermostat-9")
	menu := func() *fyne.Menu {
		r, _ := s.s.list.row(s.device("thermostat-9").SID)
		return s.s.menu(r)
	}
	if got := labels(menu()); got != "Disable, Undeploy, Copy SID, Delete…" {
		t.Errorf("external and offline: %s", got)
	}
	s.connected[s.device("thermostat-9").SID] = true
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("thermostat-9").SID})
	s.pull()
	m := menu()
	if got := labels(m); got != "Disable, Undeploy, Disconnect, Copy SID, Delete…" {
		t.Errorf("external and connected: %s", got)
	}
	m.Items[2].Action()
	if len(s.cut) != 1 {
		t.Error("it was not disconnected")
	}
	s.equip("thermostat-9", onboard.GenerateKey)
	m = menu()
	if got := labels(m); got != "Disable, Undeploy, Connect virtual device, Copy SID, Delete…" {
		t.Errorf("virtual: %s", got)
	}
	m.Items[2].Action()
	if !s.bench.Connected(s.device("thermostat-9").SID) {
		t.Error("it did not connect")
	}
	for _, item := range m.Items {
		if !item.IsSeparator && item.Action == nil {
			t.Errorf("%s does nothing", item.Label)
		}
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

func TestNewKeyFromAnotherScreenShowsItsSecret(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.shell.Hold = true // the detail is read only later
	s.s.NewKey(s.device("lamp").SID)
	for range 4 {
		s.shell.Release()
	}
	s.want("The secret of KY")
	if keys := s.registry.AllKeys(); len(keys) != 1 || keys[0].DeviceSID != s.device("lamp").SID {
		t.Errorf("%d keys", len(keys))
	}
}

func TestLastCodesSurviveAttemptsThatArePending(t *testing.T) {
	log := &onboardtest.Attempts{}
	var c codes
	log.Add(attempt.Attempt{DeviceSID: "TH1", Code: 0})
	log.Add(attempt.Attempt{Code: attempt.Pending})
	log.Add(attempt.Attempt{DeviceSID: "TH2", Code: 5})
	if got := c.look(log); got["TH1"] != 0 || got["TH2"] != 5 || len(got) != 2 {
		t.Errorf("%v", got)
	}
	if c.after != 1 {
		t.Errorf("the pending attempt will not be read again: after %d", c.after)
	}
}

func BenchmarkTenThousandDevices(b *testing.B) {
	r := onboardtest.NewRegistry()
	for i := range 10000 {
		if _, err := r.CreateDevice(b.Context(), registry.NewDevice{UniqueName: fmt.Sprintf("device-%05d", i)}); err != nil {
			b.Fatal(err)
		}
	}
	vault := &onboardtest.Vault{}
	p := Params{Registry: r, Bench: onboard.NewBench(onboard.BenchParams{Registry: r, Vault: vault}), Connected: func() map[string]bool { return nil }}
	var all snapshot
	b.Run("read", func(b *testing.B) { // off the UI goroutine
		for b.Loop() {
			all = read(p, nil)
		}
	})
	b.Run("filter", func(b *testing.B) { // on it
		for b.Loop() {
			sorted(filter{only: onlyAll, text: "99"}.apply(all.rows), 1)
		}
	})
	b.Run("sort", func(b *testing.B) { // on it
		for b.Loop() {
			sorted(filter{only: onlyAll}.apply(all.rows), 1)
		}
	})
}
