package onboard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
	"gatehouse/sim"
)

// Both stand behind the interface: the real one is what the product uses.
var (
	_ onboard.Registry = (*registry.Registry)(nil)
	_ onboard.Attempts = (*attempt.Log)(nil)
	_ onboard.Vault    = (*sim.Vault)(nil)
	_ onboard.Player   = (*sim.Device)(nil)
)

func realRegistry(t *testing.T) *registry.Registry {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Params{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r, err := registry.Open(t.Context(), registry.Params{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	return r
}

func draft(how onboard.Method) onboard.Draft { return onboard.Draft{Name: "thermostat-9", Method: how} }

func TestMakeBecomesADeviceWithAWorkingCredential(t *testing.T) {
	r := realRegistry(t)
	o := onboard.Start(r, nil)
	if err := o.Make(t.Context(), draft(onboard.GenerateKey)); err != nil {
		t.Fatal(err)
	}
	device, made := o.Made()
	m, has := o.Material()
	if !made || !has || device.UniqueName != "thermostat-9" || device.DeploymentSID == "" {
		t.Fatalf("made %+v", device)
	}
	key, found := r.Key(m.SID)
	if !found || key.DeviceSID != device.SID || !credential.SecretMatches(key.Salt, key.Hash, []byte(m.Secret)) {
		t.Error("the secret that is shown does not open the device")
	}
}

func TestMakeAgainChangesOnlyWhatDiffers(t *testing.T) {
	r := realRegistry(t)
	o := onboard.Start(r, nil)
	d := draft(onboard.GenerateCertificate)
	for range 3 {
		if err := o.Make(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := o.Material()
	version := r.Version()
	if err := o.Make(t.Context(), d); err != nil || r.Version() != version {
		t.Errorf("making the same again wrote something (%v)", err)
	}
	d.Deploy.Not = true
	if err := o.Make(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if device, _ := r.Device(mustMade(t, o).SID); device.DeploymentSID != "" {
		t.Error("the device is still deployed")
	}
	if same, _ := o.Material(); same.SID != first.SID {
		t.Error("the credential changed with the deployment")
	}
	d.Method = onboard.GenerateKey
	if err := o.Make(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if len(r.Devices()) != 1 || len(r.AllKeys()) != 1 || len(r.AllCertificates()) != 0 {
		t.Errorf("%d devices, %d keys, %d certificates", len(r.Devices()), len(r.AllKeys()), len(r.AllCertificates()))
	}
}

func mustMade(t *testing.T, o *onboard.Onboarding) registry.Device {
	t.Helper()
	device, made := o.Made()
	if !made {
		t.Fatal("there is no device")
	}
	return device
}

func TestAFailureHalfwayGoesOnWhereItStopped(t *testing.T) {
	r := onboardtest.NewRegistry()
	o := onboard.Start(r, nil)
	d := draft(onboard.ImportCertificate)
	d.Imported = []byte("nonsense")
	if err := o.Make(t.Context(), d); err == nil {
		t.Fatal("nonsense was enrolled")
	}
	d.Method = onboard.GenerateKey
	if err := o.Make(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if len(r.Devices()) != 1 || len(r.AllKeys()) != 1 {
		t.Errorf("%d devices, %d keys", len(r.Devices()), len(r.AllKeys()))
	}
}

func TestRenewReplacesTheLostSecret(t *testing.T) {
	r := onboardtest.NewRegistry()
	o := onboard.Start(r, nil)
	if err := o.Make(t.Context(), draft(onboard.GenerateKey)); err != nil {
		t.Fatal(err)
	}
	before, _ := o.Material()
	if err := o.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, _ := o.Material()
	if after.Secret == before.Secret || len(r.AllKeys()) != 1 || r.AllKeys()[0].SID != after.SID {
		t.Error("the old key is still there, or the new one is not")
	}
	// Going back and forth afterwards keeps it.
	if err := o.Make(t.Context(), draft(onboard.GenerateKey)); err != nil {
		t.Fatal(err)
	}
	if again, _ := o.Material(); again.SID != after.SID {
		t.Error("the renewed key was replaced again")
	}
}

func TestForgetWipesTheSecretForGood(t *testing.T) {
	o := onboard.Start(onboardtest.NewRegistry(), nil)
	if err := o.Make(t.Context(), draft(onboard.GenerateCertificate)); err != nil {
		t.Fatal(err)
	}
	held, _ := o.Material()
	o.Forget()
	now, _ := o.Material()
	if now.Holds() || bytes.Contains(held.KeyPEM, []byte("PRIVATE KEY")) {
		t.Error("the private key is still in memory")
	}
}

func TestCancelRemovesEverythingThatWasMade(t *testing.T) {
	r := realRegistry(t)
	o := onboard.Start(r, nil)
	if err := o.Cancel(t.Context()); err != nil {
		t.Errorf("nothing was made, yet: %v", err)
	}
	if err := o.Make(t.Context(), draft(onboard.GenerateKey)); err != nil {
		t.Fatal(err)
	}
	if err := o.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.Devices())+len(r.AllKeys()) != 0 {
		t.Error("something is left")
	}
}

func TestNamesAreCheckedBeforeAnythingIsMade(t *testing.T) {
	r := onboardtest.NewRegistry()
	fleet := r.Fleets()[0].SID
	if _, err := r.CreateDevice(t.Context(), registry.NewDevice{FleetSID: fleet, UniqueName: "taken"}); err != nil {
		t.Fatal(err)
	}
	taken := r.Devices()[0].SID
	for _, c := range []struct{ name, made, want string }{
		{"  ", "", "Give the device a name."},
		{strings.Repeat("x", 129), "", "at most 128"},
		{"a\x00b", "", "cannot be seen"},
		{"TH" + strings.Repeat("0", 32), "", "look like a SID"},
		{"taken", "", "named taken"},
		{"taken", taken, ""},
		{"thermostat-9", "", ""},
	} {
		err := onboard.Draft{Name: c.name, FleetSID: fleet}.CheckName(r, c.made)
		if got := onboard.Say(err); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%q: said %q, want %q", c.name, got, c.want)
		}
	}
}

func TestImportsAreExplainedByName(t *testing.T) {
	made, err := credential.GenerateP256("board", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		input []byte
		want  string
	}{
		{"nothing", nil, "Choose a certificate file, or paste"},
		{"a private key", made.KeyPEM, "Import the certificate that goes with this key."},
		{"text", []byte("hello"), "Choose the device's certificate"},
		{"PEM", made.CertPEM, ""},
		{"DER", made.Cert.Raw, ""},
		{"both", append(bytes.Clone(made.KeyPEM), made.CertPEM...), ""},
	} {
		d := onboard.Draft{Method: onboard.ImportCertificate, Imported: c.input}
		if got := onboard.Say(d.CheckCredential()); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: said %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAPrivateKeyBesideTheCertificateIsTakenOnlyWhenItFits(t *testing.T) {
	mine, err := credential.GenerateP256("mine", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := credential.GenerateP256("other", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if p, err := onboard.CheckCertificate(append(bytes.Clone(mine.CertPEM), mine.KeyPEM...)); err != nil || len(p.KeyPEM) == 0 {
		t.Errorf("its own key was not taken (%v)", err)
	}
	if p, err := onboard.CheckCertificate(append(bytes.Clone(mine.CertPEM), other.KeyPEM...)); err != nil || len(p.KeyPEM) != 0 {
		t.Errorf("a foreign key was taken (%v)", err)
	}
}

func TestLookTellsTheDeviceFromOthers(t *testing.T) {
	device := registry.Device{SID: "TH1"}
	refused := func(device, credential string) attempt.Attempt {
		return attempt.Attempt{DeviceSID: device, CredentialSID: credential, Code: 4, Cause: cause.WrongSecret}
	}
	for _, c := range []struct {
		name      string
		attempts  []attempt.Attempt
		connected bool
		refused   bool
		unsure    bool
		tries     int
	}{
		{name: "nothing"},
		{name: "another device", attempts: []attempt.Attempt{refused("TH2", "KY2"), {DeviceSID: "TH2", Code: 0}}},
		{name: "pending", attempts: []attempt.Attempt{{DeviceSID: "TH1", Code: attempt.Pending}}},
		{name: "refused twice", attempts: []attempt.Attempt{refused("TH1", "KY1"), refused("TH1", "KY1")}, refused: true, tries: 2},
		{name: "then connected", attempts: []attempt.Attempt{refused("TH1", "KY1"), {DeviceSID: "TH1", Code: 0}}, connected: true, tries: 1},
		{name: "by its key", attempts: []attempt.Attempt{{PresentedUser: "KY1", Code: 1, Cause: cause.MQTT5}}, refused: true, tries: 1},
		{name: "nameless", attempts: []attempt.Attempt{{Code: attempt.TLS, Cause: cause.UntrustedRoot}}, refused: true, unsure: true, tries: 1},
		{name: "nameless beside its own", attempts: []attempt.Attempt{{DeviceSID: "TH1", Code: 0}, {Code: attempt.TLS}}, connected: true},
	} {
		log := &onboardtest.Attempts{}
		log.Add(refused("TH1", "KY1")) // before
		after := onboard.Newest(log)
		for _, a := range c.attempts {
			log.Add(a)
		}
		s := onboard.Look(log, device, onboard.Material{SID: "KY1"}, after)
		if s.Connected != c.connected || s.Refused != c.refused || s.Unsure != c.unsure || s.Tries != c.tries {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
}

func TestADeviceIsRecognisedByAllThatIsItsOwn(t *testing.T) {
	key := "KY8f2c41d07b9e4a6c93d5e1f0a2b7c684"
	device := registry.Device{SID: "TH1", UniqueName: "thermostat-9"}
	_, m := certificate(t)
	for _, c := range []struct {
		name                              string
		material                          onboard.Material
		attempt                           attempt.Attempt
		refused, nearly, unsure, newcomer bool
	}{
		{"a letter of the Key SID is wrong", onboard.Material{SID: key}, attempt.Attempt{PresentedUser: key[:33] + "5", Code: 4}, true, true, false, false},
		{"its Key SID in capitals", onboard.Material{SID: key}, attempt.Attempt{PresentedUser: "KY" + strings.ToUpper(key[2:]), Code: 2}, true, true, false, false},
		{"quite another key", onboard.Material{SID: key}, attempt.Attempt{PresentedUser: "KY00000000000000000000000000000000", Code: 4}, true, false, true, true},
		{"its certificate", m, attempt.Attempt{Thumbprint: strings.ToUpper(thumbprint(t, m)), Code: 4}, true, false, false, false},
		{"its name as client ID", onboard.Material{SID: key}, attempt.Attempt{ClientID: "thermostat-9", Code: 1}, true, false, false, false},
		{"another device under its name", onboard.Material{SID: key}, attempt.Attempt{ClientID: "thermostat-9", DeviceSID: "TH2", Code: 5}, false, false, false, false},
		{"nobody, from a new address", onboard.Material{SID: key}, attempt.Attempt{Remote: "192.168.1.44:50112", Code: attempt.TLS}, true, false, true, true},
		{"nobody, from where others connect", onboard.Material{SID: key}, attempt.Attempt{Remote: "192.168.1.7:50112", Code: attempt.TLS}, true, false, true, false},
	} {
		log := &onboardtest.Attempts{}
		log.Add(attempt.Attempt{DeviceSID: "TH2", Remote: "192.168.1.7:4000", Code: 0}) // before
		after := onboard.Newest(log)
		log.Add(c.attempt)
		s := onboard.Look(log, device, c.material, after)
		if s.Refused != c.refused || s.Nearly != c.nearly || s.Unsure != c.unsure || s.Newcomer != c.newcomer {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
}

func TestTriesOfOthersAreNotCountedAmongThoseOfANewcomer(t *testing.T) {
	log := &onboardtest.Attempts{}
	for _, from := range []string{"192.168.1.44:1", "192.168.1.45:1", "192.168.1.44:2"} {
		log.Add(attempt.Attempt{Remote: from, Code: attempt.TLS, Cause: cause.UntrustedRoot})
	}
	if s := onboard.Look(log, registry.Device{SID: "TH1"}, onboard.Material{SID: "KY1"}, 0); s.Tries != 2 {
		t.Errorf("%d tries", s.Tries)
	}
}

// certificate makes a device's certificate, as the wizard does.
func certificate(t *testing.T) (registry.Device, onboard.Material) {
	t.Helper()
	r := onboardtest.NewRegistry()
	device, err := r.CreateDevice(t.Context(), registry.NewDevice{UniqueName: "thermostat-9"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := onboard.NewMaterial(t.Context(), r, time.Now(), device.SID, onboard.GenerateCertificate, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return device, m
}

func thumbprint(t *testing.T, m onboard.Material) string {
	t.Helper()
	parsed, err := onboard.CheckCertificate(m.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Thumbprint
}

func TestSnippetsNameHostPortRootAndCredential(t *testing.T) {
	at := onboard.Endpoint{Host: "gate.local", Port: 8883, RootPath: "/home/ada lovelace/root.pem"}
	key := onboard.Material{Method: onboard.GenerateKey, SID: "KY1", Secret: "s3cret"}
	for _, c := range []struct {
		got  string
		want []string
		none []string
	}{
		{onboard.Publish(at, "t'9", key, onboard.Shown), []string{"mosquitto_pub -h gate.local -p 8883", "--cafile '/home/ada lovelace/root.pem'", "-V mqttv311", `-i 't'\''9'`, "-u KY1", "-P s3cret"}, nil},
		{onboard.Subscribe(at, "t9", key, onboard.Masked), []string{"mosquitto_sub", "-c ", onboard.Dots}, []string{"s3cret"}},
		{onboard.Publish(at, "t9", onboard.Material{Method: onboard.GenerateKey, SID: "KY1"}, onboard.Shown), []string{"-P " + onboard.LostSecret}, nil},
		{onboard.Publish(at, "t9", onboard.Material{Method: onboard.ImportCertificate, SID: "CY1"}, onboard.Shown), []string{"--cert t9.crt.pem", "--key t9.key.pem"}, []string{"-P", "-u"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.got, want) {
				t.Errorf("%q is missing in\n%s", want, c.got)
			}
		}
		for _, none := range c.none {
			if strings.Contains(c.got, none) {
				t.Errorf("%q stands in\n%s", none, c.got)
			}
		}
	}
}

func bench(t *testing.T) (*onboard.Bench, *onboardtest.Registry, *onboardtest.Vault, *onboardtest.Player, registry.Device) {
	t.Helper()
	r, vault, player := onboardtest.NewRegistry(), &onboardtest.Vault{}, &onboardtest.Player{}
	device, err := r.CreateDevice(t.Context(), registry.NewDevice{UniqueName: "thermostat-9"})
	if err != nil {
		t.Fatal(err)
	}
	b := onboard.NewBench(onboard.BenchParams{
		Registry: r, Vault: vault, NewPlayer: func(func(sim.Message)) onboard.Player { return player },
		Endpoint: func() onboard.Endpoint {
			return onboard.Endpoint{Host: "192.168.1.5", Port: 18883, RootPEM: []byte("ROOT")}
		},
	})
	return b, r, vault, player, device
}

func TestAVirtualDeviceConnectsWithTheChosenOptions(t *testing.T) {
	b, _, _, player, device := bench(t)
	if got := b.Connect(t.Context(), device.SID, onboard.DefaultOptions(device)); !errors.Is(got.Err, onboard.ErrNoCredential) {
		t.Fatalf("connected without a credential: %+v", got)
	}
	for _, how := range []onboard.Method{onboard.GenerateCertificate, onboard.GenerateKey} {
		if err := b.Equip(t.Context(), device.SID, how); err != nil {
			t.Fatal(err)
		}
	}
	o := onboard.DefaultOptions(device)
	if o.Clean || o.Protocol != sim.MQTT311 {
		t.Errorf("the default is clean %v, protocol %d", o.Clean, o.Protocol)
	}
	o.Protocol, o.Clean, o.KeepAlive, o.ClientID, o.WrongSecret, o.Credential = sim.MQTT5, true, 0, "", true, 1
	o.Will = &sim.Will{Topic: "gone"}
	if got := b.Connect(t.Context(), device.SID, o); got.Err != nil {
		t.Fatal(got.Err)
	}
	last := player.Last()
	if last.URL != "mqtts://localhost:18883" || last.Protocol != sim.MQTT5 || !last.Clean || last.KeepAlive != sim.NoKeepAlive || last.ClientID != "" ||
		!last.WrongSecret || last.Will == nil || len(last.Credential.CertPEM) == 0 {
		t.Errorf("it connected with %+v", last)
	}
	if !b.Connected(device.SID) || b.LastOptions(device).Credential != 1 {
		t.Error("the bench does not know what it did")
	}
}

func TestACredentialThatCannotBeKeptIsTakenBack(t *testing.T) {
	b, r, vault, _, device := bench(t)
	vault.Fail = errors.New("disk full")
	if err := b.Equip(t.Context(), device.SID, onboard.GenerateKey); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("said %v", err)
	}
	if len(r.AllKeys()) != 0 {
		t.Error("a key stays whose secret nobody holds")
	}
}

func TestRemoveEndsTheVirtualDevice(t *testing.T) {
	b, _, vault, player, device := bench(t)
	if err := b.Equip(t.Context(), device.SID, onboard.GenerateKey); err != nil {
		t.Fatal(err)
	}
	b.Connect(t.Context(), device.SID, onboard.DefaultOptions(device))
	if err := b.Remove(device.SID); err != nil {
		t.Fatal(err)
	}
	if !player.Closed() || b.Virtual(device.SID) || len(vault.Get(device.SID)) != 0 {
		t.Error("something of it is left")
	}
}

func TestErrorsAreSaidInWords(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{&registry.InvalidError{Field: "UniqueName", Reason: "is longer than 128 characters"}, "The name is longer than 128 characters."},
		{&registry.ExistsError{What: "certificate", SID: "TH1"}, "This certificate is taken already by TH1."},
		{errors.New("making the device: the disk is full"), "Making the device: the disk is full."},
	} {
		if got := onboard.Say(c.err); got != c.want {
			t.Errorf("%v: said %q", c.err, got)
		}
	}
}

func TestTheNumbersThatAreSentByHandAreBounded(t *testing.T) {
	b, _, _, _, device := bench(t)
	if err := b.Equip(t.Context(), device.SID, onboard.GenerateKey); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), device.SID, "a", []byte("1"), 0, false); !errors.Is(err, sim.ErrNotConnected) {
		t.Errorf("published before it was played: %v", err)
	}
	b.Connect(t.Context(), device.SID, onboard.DefaultOptions(device))
	for i := range 400 {
		payload := fmt.Sprintf(`{"v%d":%d,"always":%d,"%s":1}`, i, i, i, strings.Repeat("long", 50))
		if err := b.Publish(t.Context(), device.SID, "a", []byte(payload), 0, false); err != nil {
			t.Fatal(err)
		}
	}
	series := b.Life(device.SID).Series
	if len(series) > 12 {
		t.Errorf("%d values are kept", len(series))
	}
	for _, s := range series {
		if len(s.Points) > 300 || len(s.Name) > 130 {
			t.Errorf("of %s, %d points are kept", s.Name, len(s.Points))
		}
	}
}
