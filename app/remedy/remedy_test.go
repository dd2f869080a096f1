package remedy

import (
	"context"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/store"
)

// world is a registry with one device, lamp, and its key.
type world struct {
	*registry.Registry
	t        *testing.T
	lamp     registry.Device
	key      registry.Key
	settings gateway.Settings
	refuse   error // what SetSettings says
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Params{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.Open(t.Context(), registry.Params{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(r.Close(ctx), s.Close()); err != nil {
			t.Error(err)
		}
	})
	w := &world{Registry: r, t: t}
	w.lamp = w.add("lamp")
	if w.key, _, err = r.CreateKey(t.Context(), "", w.lamp.SID, ""); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) add(name string) registry.Device {
	w.t.Helper()
	d, err := w.CreateDevice(w.t.Context(), registry.NewDevice{UniqueName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// must is for what cannot fail here.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) Settings() gateway.Settings { return w.settings }

func (w *world) SetSettings(s gateway.Settings) error {
	if w.refuse == nil {
		w.settings = s
	}
	return w.refuse
}

func (w *world) source() Source {
	return Source{Registry: w.Registry, Settings: w, Address: "mqtts://h:1"}
}

// now is the device as it is registered now.
func (w *world) now() registry.Device { d, _ := w.Device(w.lamp.SID); return d }

// service is what lamp's devices connect to, empty when they may not.
func (w *world) service() string { s, _ := w.EffectiveService(w.now()); return s }

// pressed does a remedy, checks its effect and that it says what it did, and that undo takes it back.
func pressed(t *testing.T, do func(context.Context) (Done, error), message string, effect func() bool) {
	t.Helper()
	if effect() {
		t.Error("the effect is there before the button is pressed")
	}
	done, err := do(t.Context())
	if err != nil || !strings.Contains(done.Message, message) || done.Message == "" || !effect() {
		t.Fatalf("%+v, %v, effect %v", done, err, effect())
	}
	if err := done.Undo(t.Context()); err != nil || effect() {
		t.Errorf("undo: %v, effect still there: %v", err, effect())
	}
}

func TestRemediesOfCode5DoWhatTheySayAndCanBeUndone(t *testing.T) {
	w := newWorld(t)
	a := attempt.Attempt{Code: 5, DeviceSID: w.lamp.SID}
	disable := func() {
		_, err := w.UpdateDevice(t.Context(), w.lamp.SID, registry.DeviceChange{Enabled: new(false)})
		w.must(err)
	}
	undeploy := func() {
		_, err := w.UpdateDevice(t.Context(), w.lamp.SID, registry.DeviceChange{DeploymentSID: new("")})
		w.must(err)
	}
	unlink := func() {
		_, err := w.UpdateDeployment(t.Context(), w.lamp.DeploymentSID, nil, new(""))
		w.must(err)
	}
	restore := func() {
		_, err := w.UpdateDevice(t.Context(), w.lamp.SID, registry.DeviceChange{Enabled: new(true), DeploymentSID: &w.lamp.DeploymentSID})
		w.must(err)
		_, err = w.UpdateDeployment(t.Context(), w.lamp.DeploymentSID, nil, &w.Services()[0].SID)
		w.must(err)
	}
	passes := func() bool { return w.now().Enabled && w.service() != "" }
	for _, c := range []struct {
		cause          cause.ID
		prepare        []func()
		label, message string
	}{
		{cause.DeviceDisabled, []func(){disable}, "Enable lamp", "lamp is enabled"},
		{cause.NotDeployed, []func(){undeploy}, "Deploy lamp", "lamp is deployed to Default deployment"},
		{cause.NoService, []func(){unlink}, "Link to Default Sync service", "Default deployment is linked to Default Sync service"},
		{cause.DeviceDisabled, []func(){disable, undeploy}, "Enable and deploy lamp", "lamp is enabled and deployed to Default deployment"},
		{cause.DeviceDisabled, []func(){disable, unlink}, "Enable lamp and link to Default Sync service", "lamp is enabled and linked to Default Sync service"},
	} {
		restore()
		for _, p := range c.prepare {
			p()
		}
		a.Cause = c.cause
		fix, ok := w.source().For(a)
		if !ok || fix.Kind != Press || fix.Label != c.label || fix.DeviceSID != w.lamp.SID {
			t.Errorf("%s: %+v", c.cause, fix)
			continue
		}
		pressed(t, fix.Do, c.message, passes)
	}
}

func TestARemedyThatIsNoLongerNeededIsNotOffered(t *testing.T) {
	w := newWorld(t)
	for _, a := range []attempt.Attempt{
		{Code: 5, Cause: cause.DeviceDisabled, DeviceSID: w.lamp.SID},
		{Code: 5, Cause: cause.NotDeployed, DeviceSID: w.lamp.SID},
		{Code: 5, Cause: cause.NoService, DeviceSID: w.lamp.SID},
		{Code: 5, Cause: cause.DeviceDisabled, DeviceSID: "TH-gone"},
		{Code: 4, Cause: cause.CredentialUnassigned, CredentialSID: w.key.SID},
		{Code: 4, Cause: cause.CredentialUnassigned, CredentialSID: sid.New(sid.Key)},
		{Code: 4, Cause: cause.DeviceDeleted, DeviceSID: w.lamp.SID, DeviceName: "lamp"},
		{Code: 4, Cause: cause.DeviceDeleted, DeviceSID: "TH-gone", DeviceName: "lamp"}, // there is another of that name
		{Code: 4, Cause: cause.UnknownCertificate},                                      // it was not recorded
		{Code: 4, Cause: cause.WrongSecret, DeviceSID: "TH-gone"},
		{Code: 0, Cause: cause.Accepted},
		{Code: 3, Cause: cause.RateLimited},
	} {
		if fix, ok := For(a, w.Registry, ""); ok {
			t.Errorf("%s: %+v", a.Cause, fix)
		}
	}
}

// presenting is an attempt with a certificate of that name.
func presenting(t *testing.T, name string, why cause.ID) (attempt.Attempt, credential.Generated) {
	t.Helper()
	made, err := credential.GenerateP256(name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return attempt.Attempt{Code: 4, Cause: why, Thumbprint: credential.Thumbprint(made.Cert.Raw), Steps: []attempt.Step{
		{Kind: attempt.ClientCertificate, Facts: []attempt.Fact{attempt.F("pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Cert.Raw})))}},
	}}, made
}

func TestCertificatesAreEnrolledForWhomTheyName(t *testing.T) {
	w := newWorld(t)
	for name, label := range map[string]string{"lamp": "Enrol this certificate for lamp", "stranger": "Enrol this certificate for…"} {
		a, _ := presenting(t, name, cause.UnknownCertificate)
		belongs := func() bool { c, _ := w.CertificateByThumbprint(a.Thumbprint); return c.DeviceSID == w.lamp.SID }
		fix, ok := w.source().For(a)
		if !ok || fix.Label != label {
			t.Fatalf("%+v", fix)
		}
		do := fix.Do
		if fix.Kind == Choose {
			if len(fix.Choices) != 1 || fix.Choices[0].Label != "lamp" {
				t.Fatalf("%+v", fix)
			}
			do = fix.Choices[0].Do
		}
		pressed(t, do, "belongs to lamp", belongs)
	}
	// The client id names it as well.
	a, _ := presenting(t, "stranger", cause.UnknownCertificate)
	a.ClientID = "lamp"
	if fix, _ := w.source().For(a); fix.Kind != Press || fix.Label != "Enrol this certificate for lamp" {
		t.Errorf("%+v", fix)
	}
	// A removed one is enrolled again.
	a, _ = presenting(t, "x", cause.CredentialRevoked)
	a.DeviceSID = w.lamp.SID
	fix, _ := w.source().For(a)
	if fix.Label != "Enrol it for lamp again" {
		t.Fatalf("%+v", fix)
	}
	pressed(t, fix.Do, "belongs to lamp", func() bool { _, found := w.CertificateByThumbprint(a.Thumbprint); return found })
	// Once it is enrolled there is nothing to do.
	if _, err := fix.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Cause = cause.UnknownCertificate
	if fix, ok := w.source().For(a); ok {
		t.Errorf("%+v", fix)
	}
}

func TestCredentialsAreAssigned(t *testing.T) {
	w := newWorld(t)
	w.must(w.AssignCredential(t.Context(), w.key.SID, ""))
	a := attempt.Attempt{Code: 4, Cause: cause.CredentialUnassigned, CredentialSID: w.key.SID}
	owned := func() bool { k, _ := w.Key(w.key.SID); return k.DeviceSID == w.lamp.SID }
	fix, ok := w.source().For(a)
	if !ok || fix.Kind != Choose || fix.Label != "Assign the key to…" || len(fix.Choices) != 1 {
		t.Fatalf("%+v", fix)
	}
	pressed(t, fix.Choices[0].Do, "belongs to lamp", owned)
	a.ClientID = "lamp"
	if fix, ok = w.source().For(a); !ok || fix.Kind != Press || fix.Label != "Assign the key to lamp" {
		t.Fatalf("%+v", fix)
	}
	pressed(t, fix.Do, "belongs to lamp", owned)
}

func TestADeletedDeviceIsAddedAgain(t *testing.T) {
	w := newWorld(t)
	named := func() bool { _, found := w.DeviceByName("", "pump"); return found }
	fix, ok := w.source().For(attempt.Attempt{Code: 4, Cause: cause.DeviceDeleted, DeviceSID: sid.New(sid.Device), DeviceName: "pump"})
	if !ok || fix.Label != "Add pump again" {
		t.Fatalf("%+v", fix)
	}
	pressed(t, fix.Do, "pump is back, without a key", named)
	a, _ := presenting(t, "pump", cause.DeviceDeleted)
	a.DeviceName = "pump"
	fix, _ = w.source().For(a)
	pressed(t, fix.Do, "with its certificate", func() bool {
		c, found := w.CertificateByThumbprint(a.Thumbprint)
		return named() && found && c.DeviceSID != ""
	})
}

// clued is an attempt with a clue.
func clued(a attempt.Attempt, id cause.ID, nameValue ...string) attempt.Attempt {
	facts := []attempt.Fact{attempt.F("cause", string(id))}
	for i := 0; i < len(nameValue); i += 2 {
		facts = append(facts, attempt.F(nameValue[i], nameValue[i+1]))
	}
	a.Steps = append(slices.Clone(a.Steps), attempt.Step{Kind: attempt.Warning, Facts: facts})
	return a
}

func TestWhatOnlyTheDeviceCanMendIsHandedOver(t *testing.T) {
	w := newWorld(t)
	wrong := attempt.Attempt{Code: 4, Cause: cause.WrongSecret, DeviceSID: w.lamp.SID}
	unknown := attempt.Attempt{Code: 4, Cause: cause.UnknownKey}
	for _, c := range []struct {
		a    attempt.Attempt
		want Remedy
	}{
		{wrong, Remedy{Kind: NewKey, Label: "New key for lamp", DeviceSID: w.lamp.SID}},
		{clued(wrong, cause.SecretWhitespace, "at", "end", "what", "newline"), Remedy{Kind: NewKey, Label: "New key for lamp", DeviceSID: w.lamp.SID, Hint: "Send the password without it; reading it from a file often adds one."}},
		{clued(wrong, cause.SecretOfOtherKey, "key", w.key.SID), Remedy{Kind: Copy, Label: "Copy the right Key SID", Text: w.key.SID, DeviceSID: w.lamp.SID, Hint: "Set it as the user name."}},
		{clued(unknown, cause.KeySIDMistyped, "key", w.key.SID), Remedy{Kind: Copy, Label: "Copy the right Key SID", Text: w.key.SID, DeviceSID: w.lamp.SID, Hint: "Set it as the user name."}},
		{clued(attempt.Attempt{Code: 2, Cause: cause.UserNotKeySID}, cause.SecretSwapped, "key", w.key.SID), Remedy{Kind: Copy, Label: "Copy the right Key SID", Text: w.key.SID, DeviceSID: w.lamp.SID, Hint: "Set it as the user name, and the secret as the password."}},
		{clued(attempt.Attempt{Code: 2, Cause: cause.UserNotKeySID}, cause.UserIsDevice, "device", w.lamp.SID), Remedy{Kind: Copy, Label: "Copy the right Key SID", Text: w.key.SID, DeviceSID: w.lamp.SID, Hint: "Set it as the user name."}},
		{attempt.Attempt{Code: 2, Cause: cause.NoCredential, ClientID: "lamp"}, Remedy{Kind: NewKey, Label: "New key for lamp", DeviceSID: w.lamp.SID}},
		{attempt.Attempt{Code: 2, Cause: cause.PasswordMissing, PresentedUser: w.key.SID}, Remedy{Kind: NewKey, Label: "New key for lamp", DeviceSID: w.lamp.SID, Hint: "Set the secret as the password."}},
		{attempt.Attempt{Code: 4, Cause: cause.CredentialRevoked, DeviceSID: w.lamp.SID}, Remedy{Kind: NewKey, Label: "New key for lamp", DeviceSID: w.lamp.SID}},
		{attempt.Attempt{Code: attempt.TLS, Cause: cause.UntrustedRoot}, Remedy{Kind: SaveRoot, Label: "Save root.pem"}},
		{attempt.Attempt{Code: attempt.TCP, Cause: cause.Plaintext}, Remedy{Kind: Copy, Label: "Copy the TLS address", Text: "mqtts://h:1"}},
		{attempt.Attempt{Code: 1, Cause: cause.MQTT5}, Remedy{Kind: Copy, Label: "Copy the mosquitto option", Text: "-V mqttv311"}},
		{attempt.Attempt{Code: attempt.TLS, Cause: cause.TLSVersion}, Remedy{Kind: Copy, Label: "Copy the mosquitto option", Text: "--tls-version tlsv1.2"}},
	} {
		fix, ok := w.source().For(c.a)
		if !ok || fix.Kind != c.want.Kind || fix.Label != c.want.Label || fix.Text != c.want.Text || fix.DeviceSID != c.want.DeviceSID || fix.Hint != c.want.Hint {
			t.Errorf("%s: %+v", c.a.Cause, fix)
		}
	}
}

func TestTheNameThatWasDialledIsAddedToTheCertificate(t *testing.T) {
	w := newWorld(t)
	w.settings.Names = []string{"other"}
	a := attempt.Attempt{Code: attempt.TLS, Cause: cause.WrongServerName, ServerName: "gateway.lan", Local: "127.0.0.1:8883"}
	fix, ok := w.source().For(a)
	if !ok || fix.Label != "Add gateway.lan to the certificate" {
		t.Fatalf("%+v", fix)
	}
	pressed(t, fix.Do, "names gateway.lan now", func() bool { return slices.Equal(w.settings.Names, []string{"other", "gateway.lan"}) })
	a.ServerName = ""
	if fix, _ = w.source().For(a); fix.Label != "Add 127.0.0.1 to the certificate" {
		t.Errorf("%+v", fix)
	}
	w.settings.Names = []string{"127.0.0.1"}
	if fix, _ = w.source().For(a); fix.Kind != Copy || fix.Text != "mqtts://h:1" {
		t.Errorf("%+v", fix)
	}
	w.settings.Names, w.refuse = nil, errors.New("read-only")
	fix, _ = w.source().For(a)
	if _, err := fix.Do(t.Context()); !errors.Is(err, w.refuse) {
		t.Error(err)
	}
}

func TestFindingsHaveTheirFixes(t *testing.T) {
	w := newWorld(t)
	fight := finding.Finding{Kind: cause.TakeoverFight, DeviceSID: w.lamp.SID}
	fix, ok := w.source().ForFinding(fight, attempt.Attempt{})
	if !ok || fix.Label != "Add lamp-2 for the other board" {
		t.Fatalf("%+v", fix)
	}
	pressed(t, fix.Do, "lamp-2 is there", func() bool {
		d, found := w.DeviceByName("", "lamp-2")
		return found && d.DeploymentSID == w.lamp.DeploymentSID && d.Enabled
	})
	w.add("lamp-2")
	if fix, _ = ForFinding(fight, attempt.Attempt{}, w.Registry, ""); fix.Label != "Add lamp-3 for the other board" {
		t.Errorf("%+v", fix)
	}
	ignores := finding.Finding{Kind: cause.IgnoresCode, DeviceSID: w.lamp.SID, Facts: []attempt.Fact{attempt.F("cause", string(cause.WrongSecret))}}
	if fix, ok = w.source().ForFinding(ignores, attempt.Attempt{}); !ok || fix.Kind != NewKey {
		t.Errorf("%+v", fix)
	}
	if fix, ok = w.source().ForFinding(ignores, attempt.Attempt{Code: 1, Cause: cause.MQTT5}); !ok || fix.Kind != Copy {
		t.Errorf("%+v", fix)
	}
	if fix, ok = w.source().ForFinding(finding.Finding{Kind: cause.WeakKey, DeviceName: "lamp"}, attempt.Attempt{}); !ok || !strings.Contains(fix.Text, "/CN=lamp ") {
		t.Errorf("%+v", fix)
	}
	if fix, ok = w.source().ForFinding(finding.Finding{Kind: cause.WeakKey, DeviceName: "a; rm -rf"}, attempt.Attempt{}); !ok || !strings.Contains(fix.Text, "/CN=device ") {
		t.Errorf("a name went into a command unquoted: %+v", fix)
	}
}

func TestAFailureIsToldAndTakesBackWhatWasDone(t *testing.T) {
	failure := errors.New("disk full")
	var undone []string
	note := func(name string, err error) act {
		return act{func(context.Context) error { return err }, func(context.Context) error { undone = append(undone, name); return nil }, nil}
	}
	do := doer("done", note("first", nil), note("second", nil), note("third", failure))
	if _, err := do(t.Context()); !errors.Is(err, failure) || !slices.Equal(undone, []string{"second", "first"}) {
		t.Errorf("%v, undone %v", err, undone)
	}
}
