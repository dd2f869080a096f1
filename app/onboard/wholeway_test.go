package onboard_test

import (
	"path/filepath"
	"testing"
	"time"

	"gatehouse/app/onboard"
	"gatehouse/gateway"
	"gatehouse/gateway/cause"
	"gatehouse/sim"
)

// world is a gateway that listens, and virtual devices before it.
type world struct {
	*gateway.Gateway
	bench *onboard.Bench
}

func newWorld(t *testing.T) world {
	t.Helper()
	g, err := gateway.Open(gateway.Config{DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	vault, err := sim.OpenVault(filepath.Join(t.TempDir(), "vault.json"))
	if err != nil {
		t.Fatal(err)
	}
	w := world{Gateway: g}
	w.bench = onboard.NewBench(onboard.BenchParams{
		Registry: g.Registry(), Vault: vault, Endpoint: w.endpoint, NewPlayer: func(received func(sim.Message)) onboard.Player { return sim.NewDevice(sim.Params{Received: received}) },
	})
	t.Cleanup(w.bench.Close)
	return w
}

func (w world) endpoint() onboard.Endpoint {
	s := w.Status()
	return onboard.Endpoint{Listening: true, Host: s.Host, Port: s.Port, RootPath: s.RootPath, RootPEM: w.RootPEM()}
}

// look waits for what the gateway has seen of a device: it notes an attempt a moment after it has answered it.
func (w world) look(t *testing.T, o *onboard.Onboarding, after uint64) onboard.Sighting {
	t.Helper()
	device := mustMade(t, o)
	m, _ := o.Material()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if s := onboard.Look(w.Attempts(), device, m, after); s.Seen() {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatal("the gateway saw nothing")
		}
	}
}

func TestTheWholeWayFromANameToAConnection(t *testing.T) {
	for name, how := range map[string]onboard.Method{"certificate": onboard.GenerateCertificate, "key": onboard.GenerateKey} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := onboard.Start(w.Registry(), nil)
			if err := o.Make(t.Context(), draft(how)); err != nil {
				t.Fatal(err)
			}
			device := mustMade(t, o)
			m, _ := o.Material()
			if err := w.bench.Keep(device.SID, m); err != nil {
				t.Fatal(err)
			}
			if r := w.bench.Connect(t.Context(), device.SID, onboard.DefaultOptions(device)); r.Err != nil {
				t.Fatal(r.Err)
			}
			if s := w.look(t, o, 0); !s.Connected || s.Attempt.CredentialSID != m.SID {
				t.Errorf("seen: %+v", s)
			}
		})
	}
}

func TestRefusalsAreSeenWithTheirCause(t *testing.T) {
	w := newWorld(t)
	o := onboard.Start(w.Registry(), nil)
	if err := o.Make(t.Context(), draft(onboard.GenerateKey)); err != nil {
		t.Fatal(err)
	}
	device := mustMade(t, o)
	m, _ := o.Material()
	if err := w.bench.Keep(device.SID, m); err != nil {
		t.Fatal(err)
	}
	wrong, new5 := onboard.DefaultOptions(device), onboard.DefaultOptions(device)
	wrong.WrongSecret = true
	new5.Protocol = sim.MQTT5
	for _, c := range []struct {
		name    string
		options onboard.Options
		code    int
		cause   cause.ID
	}{
		{"a wrong secret", wrong, 4, cause.WrongSecret},
		{"MQTT 5", new5, 1, cause.MQTT5},
	} {
		after := onboard.Newest(w.Attempts())
		if r := w.bench.Connect(t.Context(), device.SID, c.options); r.Code != c.code {
			t.Errorf("%s: code %d, %v", c.name, r.Code, r.Err)
		}
		if s := w.look(t, o, after); !s.Refused || s.Attempt.Cause != c.cause {
			t.Errorf("%s: seen %+v", c.name, s)
		}
	}
}
