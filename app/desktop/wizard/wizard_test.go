package wizard

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/devices/screentest"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
)

// stage is a wizard with everything around it.
type stage struct {
	t        *testing.T
	shell    *shelltest.Shell
	registry *onboardtest.Registry
	attempts *onboardtest.Attempts
	vault    *onboardtest.Vault
	player   *onboardtest.Player
	at       onboard.Endpoint
	now      time.Time
	w        *Wizard
	done     string
	canceled bool
}

func newStage(t *testing.T) *stage {
	s := &stage{
		t: t, shell: screentest.New(t), registry: onboardtest.NewRegistry(), attempts: &onboardtest.Attempts{}, vault: &onboardtest.Vault{}, player: &onboardtest.Player{},
		at:  onboard.Endpoint{Listening: true, Host: "localhost", Port: 8883, RootPath: "/data/root.pem", RootPEM: []byte("ROOT")},
		now: time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC),
	}
	endpoint := func() onboard.Endpoint { return s.at }
	s.w = New(Params{
		Shell: s.shell, Registry: s.registry, Attempts: s.attempts, Endpoint: endpoint, Now: func() time.Time { return s.now },
		Bench: onboard.NewBench(onboard.BenchParams{Registry: s.registry, Vault: s.vault, Endpoint: endpoint, NewPlayer: func(func(sim.Message)) onboard.Player { return s.player }}),
		Remedy: func(a attempt.Attempt) (remedy.Remedy, bool) {
			if a.Cause == cause.WrongSecret {
				return remedy.Remedy{Kind: remedy.NewKey, Label: "New key", DeviceSID: a.DeviceSID}, true
			}
			return remedy.Remedy{}, false
		},
		OnDone: func(sid string) { s.done = sid }, OnCancel: func() { s.canceled = true },
	})
	screentest.Put(s.shell, s.w.Content())
	return s
}

func (s *stage) name(name string)   { s.w.device.name.Entry.SetText(name) }
func (s *stage) press(label string) { s.t.Helper(); screentest.Press(s.t, s.w.Content(), label) }
func (s *stage) want(texts ...string) {
	s.t.Helper()
	screentest.Want(s.t, s.w.Content(), texts...)
}
func (s *stage) wantNone(texts ...string) {
	s.t.Helper()
	screentest.WantNone(s.t, s.w.Content(), texts...)
}

// pull lets a second pass and shows what is new.
func (s *stage) pull() {
	s.now = s.now.Add(time.Second)
	if apply := s.w.Pull(); apply != nil {
		apply()
	}
}

// toConnect goes through the wizard with a way to get a credential.
func (s *stage) toConnect(card string) registry.Device {
	s.t.Helper()
	s.name("thermostat-9")
	s.press("Next")
	s.press(card)
	s.press("Next")
	s.press("Create thermostat-9")
	devices := s.registry.Devices()
	if len(devices) != 1 {
		s.t.Fatalf("there are %d devices", len(devices))
	}
	return devices[0]
}

func TestNothingIsMadeBeforeTheLastStep(t *testing.T) {
	s := newStage(t)
	before := s.registry.Version()
	s.name("thermostat-9")
	s.press("Next")
	s.press("Generate a key")
	s.press("Next")
	s.want("Next, thermostat-9 is created with a new key.")
	if s.registry.Version() != before {
		t.Fatal("something was made before the user agreed to it")
	}
	s.press("Create thermostat-9")
	if len(s.registry.Devices()) != 1 || len(s.registry.AllKeys()) != 1 {
		t.Fatalf("made %d devices, %d keys", len(s.registry.Devices()), len(s.registry.AllKeys()))
	}
}

func TestAMissingOrTakenNameIsSaidByName(t *testing.T) {
	s := newStage(t)
	s.press("Next")
	s.want("Give the device a name.")
	_, err := s.registry.CreateDevice(t.Context(), registry.NewDevice{UniqueName: "thermostat-9"})
	if err != nil {
		t.Fatal(err)
	}
	s.name("thermostat-9")
	s.press("Next")
	s.want("There is a device named thermostat-9 in this fleet already.")
	if s.w.step != stepDevice {
		t.Error("the wizard went on all the same")
	}
}

func TestBackKeepsWhatWasTypedAndMakesNoSecondDevice(t *testing.T) {
	s := newStage(t)
	device := s.toConnect("Generate a key")
	for range 3 {
		s.press("Back")
	}
	if got := s.w.device.name.Entry.Text; got != "thermostat-9" {
		t.Errorf("the name is now %q", got)
	}
	s.want("thermostat-9 exists now")
	secret := s.w.connect.material.Secret
	s.press("Next")
	if s.w.credential.cards.Chosen() != int(onboard.GenerateKey) {
		t.Error("the way to get a credential was forgotten")
	}
	s.press("Next")
	s.press("Next")
	if got := s.registry.Devices(); len(got) != 1 || got[0].SID != device.SID {
		t.Fatalf("there are %d devices", len(got))
	}
	if got := s.registry.AllKeys(); len(got) != 1 {
		t.Errorf("there are %d keys", len(got))
	}
	if s.w.connect.material.Secret != secret {
		t.Error("the secret changed although nothing was")
	}
}

func TestAnotherWayAfterGoingBackReplacesTheCredential(t *testing.T) {
	s := newStage(t)
	s.toConnect("Generate a key")
	s.press("Back")
	s.press("Back")
	s.press("Generate a certificate")
	s.press("Next")
	s.press("Not yet")
	s.press("Next")
	if len(s.registry.Devices()) != 1 || len(s.registry.AllKeys()) != 0 || len(s.registry.AllCertificates()) != 1 {
		t.Errorf("%d devices, %d keys, %d certificates", len(s.registry.Devices()), len(s.registry.AllKeys()), len(s.registry.AllCertificates()))
	}
	if d := s.registry.Devices()[0]; d.DeploymentSID != "" {
		t.Error("the device is still deployed")
	}
	s.want("--cert thermostat-9.crt.pem", "--key thermostat-9.key.pem")
}

func TestTheSecretIsShownOnceAndGoneAfterLeaving(t *testing.T) {
	s := newStage(t)
	device := s.toConnect("Generate a key")
	secret := s.w.connect.material.Secret
	if len(secret) != 32 {
		t.Fatalf("the secret has %d characters", len(secret))
	}
	s.want("-P "+secret, "The secret is shown once.")
	s.press("Save secret")
	if string(s.shell.Saved["thermostat-9.secret.txt"]) != secret {
		t.Errorf("saved %v", s.shell.Saved)
	}
	s.press("Finish later")
	if s.done != device.SID {
		t.Errorf("done with %q", s.done)
	}
	s.wantNone(secret)
	if m, _ := s.w.run.Material(); m.Holds() || s.w.connect.material.Holds() {
		t.Error("the secret is still in memory")
	}
	if len(s.shell.Toasts) != 1 || !strings.Contains(s.shell.Toasts[0].Message, "thermostat-9 is here") {
		t.Errorf("what stays was not said: %v", s.shell.Toasts)
	}
}

func TestAPresenterSeesNoSecretAndCanCopyIt(t *testing.T) {
	s := newStage(t)
	s.shell.Masked = true
	s.toConnect("Generate a key")
	secret := s.w.connect.material.Secret
	s.wantNone(secret)
	s.want(onboard.Dots)
	s.press("Copy with secret")
	if !strings.Contains(screentest.Copied(s.shell, "mosquitto_pub"), secret) {
		t.Errorf("copied %q", s.shell.Copied)
	}
	s.press("Secret")
	s.wantNone(secret)
}

func TestTurningPresenterModeOnMasksWhatIsShown(t *testing.T) {
	s := newStage(t)
	s.toConnect("Generate a certificate")
	s.press("Private key")
	s.want("BEGIN PRIVATE KEY")
	s.shell.Masked = true
	s.pull()
	s.wantNone("BEGIN PRIVATE KEY")
}

func TestATickAppearsTheMomentTheDeviceConnects(t *testing.T) {
	s := newStage(t)
	device := s.toConnect("Generate a certificate")
	s.want("Waiting for thermostat-9…", "mqtts://localhost:8883")
	s.attempts.Add(attempt.Attempt{At: s.now, Remote: "192.168.1.44:50112", DeviceSID: device.SID, Code: 0, Cause: cause.Accepted, Live: true})
	s.pull()
	s.want("thermostat-9 is connected", "from 192.168.1.44")
	s.wantNone("Waiting for")
	s.press("Done")
	if s.done != device.SID {
		t.Error("Done did not finish")
	}
}

func TestAttemptsFromBeforeDoNotCount(t *testing.T) {
	s := newStage(t)
	s.attempts.Add(attempt.Attempt{At: s.now, Code: attempt.TLS, Cause: cause.UntrustedRoot})
	s.toConnect("Generate a key")
	s.pull()
	s.want("Waiting for thermostat-9…")
	s.wantNone("was refused")
}

func TestARefusedAttemptShowsCauseTimelineAndFix(t *testing.T) {
	s := newStage(t)
	device := s.toConnect("Generate a key")
	key := s.registry.AllKeys()[0]
	for range 3 {
		s.attempts.Add(attempt.Attempt{At: s.now, Remote: "192.168.1.44:50112", DeviceSID: device.SID, DeviceName: "thermostat-9", CredentialSID: key.SID, Code: 4, Cause: cause.WrongSecret})
	}
	s.pull()
	s.want("It tried and was refused", "is wrong.", "from 192.168.1.44 · 3 tries", "Still listening for thermostat-9…")
	s.press("Show the timeline")
	if len(s.shell.Gone) != 1 || s.shell.Gone[0] != [2]string{"attempts", "3"} {
		t.Errorf("went to %v", s.shell.Gone)
	}
	old := s.w.connect.material.Secret
	s.press("New key")
	if keys := s.registry.AllKeys(); len(keys) != 1 || keys[0].SID == key.SID {
		t.Errorf("the lost key was not replaced: %d keys", len(keys))
	}
	s.want("-P "+s.w.connect.material.Secret, "Waiting for")
	s.wantNone(old, "was refused")
}

func TestANamelessRefusalIsShownAsUnsure(t *testing.T) {
	s := newStage(t)
	s.toConnect("Generate a certificate")
	s.attempts.Add(attempt.Attempt{At: s.now, Remote: "192.168.1.44:50112", Code: attempt.TLS, Cause: cause.UntrustedRoot})
	s.pull()
	s.want("Somebody tried from 192.168.1.44 and did not trust this gateway’s root", "1 try")
	s.press("192.168.1.44")
	if len(s.shell.Gone) != 1 || s.shell.Gone[0] != [2]string{"attempts", "from:192.168.1.44"} {
		t.Errorf("went to %v", s.shell.Gone)
	}
}

func TestARefusalFromWhereOthersConnectIsNotSaidToBeANewcomers(t *testing.T) {
	s := newStage(t)
	s.attempts.Add(attempt.Attempt{At: s.now, Remote: "192.168.1.44:4000", DeviceSID: "TH2", Code: 0})
	s.toConnect("Generate a certificate")
	s.attempts.Add(attempt.Attempt{At: s.now, Remote: "192.168.1.44:50112", Code: attempt.TLS, Cause: cause.UntrustedRoot})
	s.pull()
	s.want("Something tried and was refused")
	s.wantNone("Somebody tried")
}

func TestAKeySIDWithAWrongLetterIsTheDevicesTry(t *testing.T) {
	s := newStage(t)
	s.toConnect("Generate a key")
	key := s.registry.AllKeys()[0].SID
	letter := "0"
	if key[33:] == letter {
		letter = "1"
	}
	s.attempts.Add(attempt.Attempt{At: s.now, Remote: "192.168.1.44:1", PresentedUser: key[:33] + letter, Code: 4, Cause: cause.UnknownKey})
	s.pull()
	s.want("It tried and was refused", "nearly its Key SID")
}

// line is a timeline that remembers what it was shown.
type line struct {
	shown []attempt.Attempt
	text  *kit.Text
}

func (l *line) Show(a attempt.Attempt)     { l.shown = append(l.shown, a); l.text.Set("the steps") }
func (l *line) Content() fyne.CanvasObject { return l.text }

func TestTheTimelineUnfoldsInPlaceAndGrowsWithTheAttempt(t *testing.T) {
	s := newStage(t)
	l := &line{text: kit.NewText("", kit.Body)}
	s.w.p.Timeline = func() mend.Timeline { return l }
	s.w.connect = newConnectPage(s.w)
	device := s.toConnect("Generate a key")
	s.attempts.Add(attempt.Attempt{At: s.now, Remote: "192.168.1.44:1", DeviceSID: device.SID, Code: 4, Cause: cause.WrongSecret})
	s.pull()
	s.wantNone("the steps")
	s.press("Show the timeline")
	s.want("the steps", "Fold the timeline", "Attempt 1")
	if len(s.shell.Gone) != 0 {
		t.Errorf("went to %v", s.shell.Gone)
	}
	s.attempts.Add(attempt.Attempt{At: s.now, Remote: "192.168.1.44:2", DeviceSID: device.SID, Code: 4, Cause: cause.WrongSecret})
	s.pull()
	if last := l.shown[len(l.shown)-1].ID; last != 2 {
		t.Errorf("the newest attempt is 2, not %d", last)
	}
	s.press("Fold the timeline")
	s.wantNone("the steps")
}

func TestThisComputerCanPlayTheDevice(t *testing.T) {
	s := newStage(t)
	device := s.toConnect("Generate a certificate")
	s.player.Answer = func(sim.Options) sim.Result {
		s.attempts.Add(attempt.Attempt{At: s.now, Remote: "127.0.0.1:40000", DeviceSID: device.SID, Code: 0, Cause: cause.Accepted, Live: true})
		return sim.Result{}
	}
	s.press("Connect a virtual thermostat-9")
	s.pull()
	s.want("thermostat-9 is connected")
	kept := s.vault.Get(device.SID)
	if len(kept) != 1 || len(kept[0].KeyPEM) == 0 || kept[0].CertificateSID != s.registry.AllCertificates()[0].SID {
		t.Errorf("the vault holds %d credentials", len(kept))
	}
	o := s.player.Last()
	if o.Clean || o.Protocol != 4 || o.URL != "mqtts://localhost:8883" || string(o.RootPEM) != "ROOT" {
		t.Errorf("connected with clean %v, protocol %d to %s", o.Clean, o.Protocol, o.URL)
	}
}

func TestAVirtualDeviceThatGetsNoAnswerSaysWhy(t *testing.T) {
	s := newStage(t)
	s.toConnect("Generate a key")
	s.player.Answer = func(sim.Options) sim.Result {
		return sim.Result{Code: -1, Err: errors.New("nothing listens on that port; start the gateway")}
	}
	s.press("Connect a virtual thermostat-9")
	s.want("The virtual device got no answer", "Nothing listens on that port; start the gateway.")
}

func TestAStoppedGatewayIsSaid(t *testing.T) {
	s := newStage(t)
	s.at.Listening = false
	s.toConnect("Generate a key")
	s.want("The gateway is stopped")
	s.at.Listening = true
	s.pull()
	s.want("Waiting for thermostat-9…")
}

func TestCancelBeforeAnythingWasMadeLeavesAtOnce(t *testing.T) {
	s := newStage(t)
	s.name("thermostat-9")
	s.press("Next")
	s.press("Cancel")
	if !s.canceled || len(s.shell.Questions) != 0 {
		t.Errorf("canceled %v, asked %v", s.canceled, s.shell.Questions)
	}
}

func TestCancelAfterwardsNamesWhatIsLostAndCleansUp(t *testing.T) {
	s := newStage(t)
	device := s.toConnect("Generate a key")
	s.press("Connect a virtual thermostat-9")
	s.press("Cancel")
	if s.canceled || len(s.shell.Questions) != 1 || !strings.Contains(s.shell.Questions[0].Lost, "thermostat-9") || !strings.Contains(s.shell.Questions[0].Lost, "key KY") {
		t.Fatalf("asked %+v", s.shell.Questions)
	}
	s.shell.Questions[0].Do()
	if !s.canceled || len(s.registry.Devices()) != 0 || len(s.registry.AllKeys()) != 0 || len(s.vault.Get(device.SID)) != 0 || !s.player.Closed() {
		t.Errorf("canceled %v; %d devices, %d keys and %d kept credentials are left; player closed %v",
			s.canceled, len(s.registry.Devices()), len(s.registry.AllKeys()), len(s.vault.Get(device.SID)), s.player.Closed())
	}
}

func TestAFailureIsShownAndTryingAgainMakesOneDevice(t *testing.T) {
	s := newStage(t)
	s.name("thermostat-9")
	s.press("Next")
	s.press("Next")
	s.registry.FailNext(errors.New("the disk is full"))
	s.press("Create thermostat-9")
	s.want("the disk is full")
	s.press("Create thermostat-9")
	if len(s.registry.Devices()) != 1 || s.w.step != stepConnect {
		t.Errorf("%d devices, step %d", len(s.registry.Devices()), s.w.step)
	}
}

func TestPressingCreateTwiceMakesOneDevice(t *testing.T) {
	s := newStage(t)
	s.name("thermostat-9")
	s.press("Next")
	s.press("Next")
	s.shell.Hold = true
	s.press("Create thermostat-9")
	s.press("Create thermostat-9")
	s.shell.Release()
	if len(s.registry.Devices()) != 1 {
		t.Errorf("there are %d devices", len(s.registry.Devices()))
	}
}

func TestImportSaysWhatIsWrongAndWhatWasRead(t *testing.T) {
	s := newStage(t)
	s.name("thermostat-9")
	s.press("Next")
	s.press("Import my certificate")
	s.press("Next")
	s.want("Choose a certificate file, or paste the certificate.")
	made, err := credential.GenerateP256("board", s.now)
	if err != nil {
		t.Fatal(err)
	}
	s.w.credential.paste.Entry.SetText(string(made.KeyPEM))
	s.want("private key", "Import the certificate that goes with this key.")
	s.shell.File = made.Cert.Raw // DER, from a file
	s.press("Choose a file…")
	s.want("P-256", "CN=board")
	s.wantNone("This cannot be used")
	s.press("Next")
	s.press("Create thermostat-9")
	if got := s.registry.AllCertificates(); len(got) != 1 || got[0].Thumbprint != credential.Thumbprint(made.Cert.Raw) {
		t.Fatalf("%d certificates", len(got))
	}
	s.want("It gets a key of its own")
	s.press("Connect a virtual thermostat-9")
	if s.player.Last().Credential.KeySID == "" {
		t.Error("the virtual device was not given a key of its own")
	}
}

func TestNoPullWhileNothingIsWaitedFor(t *testing.T) {
	s := newStage(t)
	if s.w.Pull() != nil {
		t.Error("the first step asks for something")
	}
	s.toConnect("Generate a key")
	s.pull()
	if s.w.Pull() != nil {
		t.Error("nothing has changed within this second")
	}
	s.press("Finish later")
	if s.w.Pull() != nil {
		t.Error("a wizard that is over still looks")
	}
}

func TestTypingOnALaterStepDoesNotRenameTheDevice(t *testing.T) {
	s := newStage(t)
	s.name("lamp")
	c := s.shell.Window().Canvas()
	c.Focus(s.w.device.name.Entry)
	s.press("Next")
	if f := c.Focused(); f != nil {
		f.TypedRune('z')
	}
	if got := s.w.device.name.Entry.Text; got != "lamp" {
		t.Errorf("the name is now %q", got)
	}
}
