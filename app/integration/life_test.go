// Package integration has tests of the gateway together with real clients: the simulator's virtual devices, and
// mosquitto's.
package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"gatehouse/app/remedy"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
	"gatehouse/sim"
)

// open starts a gateway on free ports of loopback in dir.
func open(t *testing.T, dir string) *gateway.Gateway {
	t.Helper()
	g, err := gateway.Open(gateway.Config{DataDir: dir, MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	return g
}

// device registers a device with a key, and makes its virtual twin.
func device(t *testing.T, g *gateway.Gateway, name string) (registry.Device, *sim.Device, sim.Options) {
	t.Helper()
	d, err := g.Registry().CreateDevice(t.Context(), registry.NewDevice{UniqueName: name})
	if err != nil {
		t.Fatal(err)
	}
	key, secret, err := g.Registry().CreateKey(t.Context(), d.FleetSID, d.SID, name)
	if err != nil {
		t.Fatal(err)
	}
	twin := sim.NewDevice(sim.Params{})
	t.Cleanup(twin.Close)
	return d, twin, sim.Options{
		URL: g.Status().URL, RootPEM: g.RootPEM(), ClientID: name, Credential: sim.Credential{KeySID: key.SID, Secret: secret},
	}
}

// eventually polls a condition for at most 20 s: machines can be busy.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// last is the newest attempt, once it is decided.
func last(t *testing.T, g *gateway.Gateway) attempt.Attempt {
	t.Helper()
	var newest attempt.Attempt
	eventually(t, "an attempt is decided", func() bool {
		page := g.Attempts().Query(attempt.Filter{Limit: 1, Whole: true})
		if len(page.Attempts) == 0 {
			return false
		}
		newest = page.Attempts[0]
		return newest.Code != attempt.Pending
	})
	return newest
}

func expect(t *testing.T, g *gateway.Gateway, twin *sim.Device, o sim.Options, code int, why cause.ID) attempt.Attempt {
	t.Helper()
	if r := twin.Connect(t.Context(), o); r.Code != code {
		t.Fatalf("code %d (%v), want %d", r.Code, r.Err, code)
	}
	a := last(t, g)
	if int(a.Code) != code || a.Cause != why {
		t.Fatalf("the gateway recorded %d %s, want %d %s", a.Code, a.Cause, code, why)
	}
	return a
}

// TestADeviceConnectsIsRefusedIsFixedAndConnects is the product in one test.
func TestADeviceConnectsIsRefusedIsFixedAndConnects(t *testing.T) {
	g := open(t, t.TempDir())
	d, twin, o := device(t, g, "thermostat-7")
	expect(t, g, twin, o, 0, cause.Accepted)

	if _, err := g.Registry().UpdateDevice(t.Context(), d.SID, registry.DeviceChange{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection of a disabled device drops", func() bool { return !twin.State().Connected })
	eventually(t, "the gateway counts it as gone", func() bool { return g.Stats().Connected == 0 })

	refused := expect(t, g, twin, o, 5, cause.DeviceDisabled)
	fix, ok := remedy.For(refused, g.Registry(), g.Status().URL)
	if !ok || fix.Label != "Enable thermostat-7" {
		t.Fatalf("%+v", fix)
	}
	done, err := fix.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expect(t, g, twin, o, 0, cause.Accepted)

	if err := done.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "undo disables it again", func() bool { return !twin.State().Connected })
	expect(t, g, twin, o, 5, cause.DeviceDisabled)

	o.WrongSecret = true
	if a := expect(t, g, twin, o, 4, cause.WrongSecret); a.DeviceName != "thermostat-7" {
		t.Errorf("the attempt names %q", a.DeviceName)
	}
}

func TestEveryReasonReachesTheDevice(t *testing.T) {
	g := open(t, t.TempDir())
	r := g.Registry()
	d, twin, o := device(t, g, "board")
	with := func(change func(*sim.Options)) sim.Options { c := o; change(&c); return c }

	expect(t, g, twin, with(func(o *sim.Options) { o.Protocol = sim.MQTT5 }), 1, cause.MQTT5)
	expect(t, g, twin, with(func(o *sim.Options) { o.Credential = sim.Credential{} }), 2, cause.NoCredential)
	expect(t, g, twin, with(func(o *sim.Options) { o.Credential.KeySID = "lamp" }), 2, cause.UserNotKeySID)
	expect(t, g, twin, with(func(o *sim.Options) { o.Credential.Secret = "" }), 2, cause.PasswordMissing)
	expect(t, g, twin, with(func(o *sim.Options) { o.Credential.KeySID = "KY0123456789abcdef0123456789abcdef" }), 4, cause.UnknownKey)
	expect(t, g, twin, with(func(o *sim.Options) { o.Protocol = sim.MQTT31 }), 0, cause.Accepted)
	expect(t, g, twin, with(func(o *sim.Options) { o.ClientID = "" }), 0, cause.Accepted)

	if _, err := r.UpdateDevice(t.Context(), d.SID, registry.DeviceChange{DeploymentSID: new("")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an undeployed device is cut off", func() bool { return !twin.State().Connected })
	a := expect(t, g, twin, o, 5, cause.NotDeployed)
	fix, ok := remedy.For(a, r, "")
	if !ok {
		t.Fatal("no remedy")
	}
	if _, err := fix.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	a = expect(t, g, twin, o, 0, cause.Accepted)
	if a.Resumed {
		t.Error("the session survived its service")
	}
	if err := r.DeleteKey(t.Context(), o.Credential.KeySID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a revoked key closes its connection", func() bool { return !twin.State().Connected })
	expect(t, g, twin, o, 4, cause.CredentialRevoked)
}

func TestACertificateConnectsWhateverItsChainAndIsEnrolledByItsRemedy(t *testing.T) {
	g := open(t, t.TempDir())
	d, err := g.Registry().CreateDevice(t.Context(), registry.NewDevice{UniqueName: "door"})
	if err != nil {
		t.Fatal(err)
	}
	made, err := credential.GenerateP256("anybody", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	twin := sim.NewDevice(sim.Params{})
	t.Cleanup(twin.Close)
	o := sim.Options{URL: g.Status().URL, RootPEM: g.RootPEM(), Credential: sim.Credential{CertPEM: made.CertPEM, KeyPEM: made.KeyPEM, KeySID: "nonsense", Secret: "x"}}
	a := expect(t, g, twin, o, 4, cause.UnknownCertificate)
	fix, ok := remedy.For(a, g.Registry(), "")
	if !ok || fix.Kind != remedy.Choose || len(fix.Choices) != 1 {
		t.Fatalf("%+v", fix)
	}
	done, err := fix.Choices[0].Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a = expect(t, g, twin, o, 0, cause.Accepted)
	if a.DeviceSID != d.SID || len(a.Warnings) == 0 || a.Warnings[0] != cause.CredentialsIgnored {
		t.Errorf("%s, %v", a.DeviceSID, a.Warnings)
	}
	if err := done.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "taking the certificate back closes the connection", func() bool { return !twin.State().Connected })
}

func TestOneConnectionPerDeviceAcrossCredentials(t *testing.T) {
	g := open(t, t.TempDir())
	d, first, o := device(t, g, "lamp")
	expect(t, g, first, o, 0, cause.Accepted)
	key, secret, err := g.Registry().CreateKey(t.Context(), d.FleetSID, d.SID, "second")
	if err != nil {
		t.Fatal(err)
	}
	second := sim.NewDevice(sim.Params{})
	t.Cleanup(second.Close)
	o.ClientID, o.Credential = "other", sim.Credential{KeySID: key.SID, Secret: secret}
	a := expect(t, g, second, o, 0, cause.Accepted)
	if !a.Resumed || a.TookOver == "" {
		t.Errorf("resumed %v, took over %q", a.Resumed, a.TookOver)
	}
	eventually(t, "the older connection is closed", func() bool { return !first.State().Connected })
	if !second.State().Connected || g.Stats().Connected != 1 {
		t.Errorf("connected: %v, %d", second.State().Connected, g.Stats().Connected)
	}
}

func TestMessagesReachDevicesOfTheSameServiceOnly(t *testing.T) {
	g := open(t, t.TempDir())
	_, a, oa := device(t, g, "a")
	_, b, ob := device(t, g, "b")
	other, c, oc := device(t, g, "c")
	service, err := g.Registry().CreateService(t.Context(), "", "Other")
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := g.Registry().CreateDeployment(t.Context(), other.FleetSID, "Other", service.SID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Registry().UpdateDevice(t.Context(), other.SID, registry.DeviceChange{DeploymentSID: &deployment.SID}); err != nil {
		t.Fatal(err)
	}
	for twin, o := range map[*sim.Device]sim.Options{a: oa, b: ob, c: oc} {
		if r := twin.Connect(t.Context(), o); r.Code != 0 {
			t.Fatal(r.Err)
		}
		if granted, err := twin.Subscribe(t.Context(), "#", 2); err != nil || granted != 2 {
			t.Fatal(granted, err)
		}
	}
	if err := a.Publish(t.Context(), "room/1", []byte("hello"), 2, true); err != nil {
		t.Fatal(err)
	}
	heard := func(d *sim.Device) bool {
		for _, e := range d.Console(0) {
			if !e.Outbound && e.Topic == "room/1" {
				return true
			}
		}
		return false
	}
	eventually(t, "the other device of the service hears it", func() bool { return heard(b) })
	if _, err := c.Subscribe(t.Context(), "room/+", 1); err != nil { // would bring the retained message
		t.Fatal(err)
	}
	if heard(c) {
		t.Error("a message crossed into another service")
	}
}

func TestEverythingSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	_, twin, o := device(t, g, "lamp")
	expect(t, g, twin, o, 0, cause.Accepted)
	account, root := g.Registry().Account(), string(g.RootPEM())
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if again.Registry().Account() != account || string(again.RootPEM()) != root {
		t.Error("account or root changed")
	}
	o.URL = again.Status().URL
	expect(t, again, twin, o, 0, cause.Accepted)
}

func TestASecondInstanceIsToldSoAndHarmsNothing(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	_, twin, o := device(t, g, "lamp")
	_, err := gateway.Open(gateway.Config{DataDir: dir, MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	var inUse *store.InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("%v", err)
	}
	expect(t, g, twin, o, 0, cause.Accepted)
}

func TestStopRefusesAndStartGoesOn(t *testing.T) {
	g := open(t, t.TempDir())
	_, twin, o := device(t, g, "lamp")
	expect(t, g, twin, o, 0, cause.Accepted)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := g.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "stopping ends connections", func() bool { return !twin.State().Connected })
	if g.Status().State != gateway.Stopped {
		t.Error(g.Status().State)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	o.URL = g.Status().URL
	if a := expect(t, g, twin, o, 0, cause.Accepted); !a.Resumed {
		t.Error("the session did not survive")
	}
}

func TestWhoComesWhileTheGatewayStopsIsToldToTryLater(t *testing.T) {
	g, err := gateway.Open(gateway.Config{DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "off", Drain: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	_, twin, o := device(t, g, "late")
	expect(t, g, twin, o, 0, cause.Accepted)
	stopped := make(chan error, 1)
	go func() { stopped <- g.Close() }()
	eventually(t, "code 3", func() bool { return twin.Connect(t.Context(), o).Code == 3 })
	if a := last(t, g); a.Cause != cause.Draining {
		t.Errorf("recorded %s", a.Cause)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestADisableNeverLosesARaceWithAConnect: whatever the order, a disabled device has no live connection in the end.
func TestADisableNeverLosesARaceWithAConnect(t *testing.T) {
	g := open(t, t.TempDir())
	d, twin, o := device(t, g, "racer")
	for round := range 40 {
		var wg sync.WaitGroup
		wg.Go(func() { twin.Connect(t.Context(), o) })
		wg.Go(func() {
			time.Sleep(time.Duration(round%8) * time.Millisecond / 2)
			if _, err := g.Registry().UpdateDevice(t.Context(), d.SID, registry.DeviceChange{Enabled: new(false)}); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		eventually(t, "a disabled device has no live connection", func() bool { return g.Stats().Connected == 0 })
		if _, err := g.Registry().UpdateDevice(t.Context(), d.SID, registry.DeviceChange{Enabled: new(true)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheServerIsTrustedThroughTheRootAlone: both leaves verify against the exported root under every loopback name.
func TestTheServerIsTrustedThroughTheRootAlone(t *testing.T) {
	g := open(t, t.TempDir())
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(g.RootPEM()) {
		t.Fatal("no root")
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} {
			c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", g.Status().MQTTAddr,
				&tls.Config{RootCAs: roots, ServerName: name, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
			if err != nil {
				t.Errorf("%s with %s: %v", name, tls.CipherSuiteName(suite), err)
				continue
			}
			_ = c.Close()
		}
	}
}
