package integration

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/wire"
)

// TestSettingsThatCannotBeKeptAreNotApplied, and trying again does not claim that they are.
func TestSettingsThatCannotBeKeptAreNotApplied(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	if err := os.MkdirAll(filepath.Join(dir, "settings.json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := g.Settings()
	s := before
	s.SyncTopicsOnly, s.Names = true, []string{"gw.local"}
	for range 2 {
		if err := g.SetSettings(s); err == nil {
			t.Error("settings that were not kept are reported as kept")
		}
		if g.Settings().SyncTopicsOnly {
			t.Error("settings that were not kept are in force until the next start only")
		}
	}
	for _, name := range g.Status().Names {
		if name == "gw.local" {
			t.Error("the certificate has a name of settings that were not kept")
		}
	}
}

// TestATakenHTTPPortDoesNotStopDevicesWhenTheirPortMoves: HTTP is not what the user changed.
func TestATakenHTTPPortDoesNotStopDevicesWhenTheirPortMoves(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(`{"port":`+strconv.Itoa(freePort(t))+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := gateway.Open(gateway.Config{DataDir: dir, HTTPAddr: taken.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	if err := g.Start(); err == nil || g.Status().State != gateway.Listening || g.Status().Problem == nil {
		t.Fatalf("%v, %+v", err, g.Status())
	}
	s := g.Settings()
	s.Port = freePort(t)
	if err := g.SetSettings(s); err != nil {
		t.Error(err)
	}
	status := g.Status()
	if status.State != gateway.Listening || status.Port != s.Port || status.Problem == nil {
		t.Errorf("state %v, port %d for %d, problem %v", status.State, status.Port, s.Port, status.Problem)
	}
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// TestClosingUnderLoadTakesSecondsAtMost: devices publish, connect and stall meanwhile.
func TestClosingUnderLoadTakesSecondsAtMost(t *testing.T) {
	dir := t.TempDir()
	unlimited(t, dir)
	g := open(t, dir)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 8 {
		_, _, o := device(t, g, "load-"+strconv.Itoa(i))
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := dialErr(g, nil)
				if err != nil {
					continue
				}
				_, _ = c.Write(packet(key(o.Credential.KeySID, o.Credential.Secret)))
				if answer, _, _ := code(c); answer == 0 {
					_, _ = c.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "#", QoS: 1}))
					for range 50 {
						if _, err := c.Write(wire.AppendPublish(nil, wire.Message{Topic: "x", QoS: 1, ID: 7, Payload: make([]byte, 4000)})); err != nil {
							break
						}
					}
				}
				_ = c.NetConn().Close()
			}
		})
	}
	eventually(t, "messages flow", func() bool { return g.Stats().MessagesIn > 500 })
	began := time.Now()
	err := g.Close()
	if took := time.Since(began); err != nil || took > 3*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	close(stop)
	wg.Wait()
	if n := g.Stats().Connected; n != 0 {
		t.Errorf("%d are connected to a closed gateway", n)
	}
}

// TestNothingOfAServiceIsHeardInAnother: not what waits, not what is retained, not through a wildcard.
func TestNothingOfAServiceIsHeardInAnother(t *testing.T) {
	g := open(t, t.TempDir())
	r := g.Registry()
	d, _, o := device(t, g, "mover")
	_, _, p := device(t, g, "stayer")
	publisher := dial(t, g, nil)
	if answer, _, err := publisher.says(packet(key(p.Credential.KeySID, p.Credential.Secret))); answer != 0 {
		t.Fatal(err)
	}
	hello := key(o.Credential.KeySID, o.Credential.Secret)
	hello.Clean = false
	c := dial(t, g, nil)
	if answer, _, err := c.says(packet(hello)); answer != 0 {
		t.Fatal(err)
	}
	_, _ = c.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "#", QoS: 2}, wire.Subscription{Filter: "+/+", QoS: 1}))
	if _, err := io.ReadFull(c, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	_ = c.NetConn().Close()
	eventually(t, "it is gone", func() bool { return g.Stats().Connected == 1 })
	send := func(id uint16) {
		t.Helper()
		_, _ = publisher.Write(wire.AppendPublish(nil, wire.Message{Topic: "a/b", QoS: 1, ID: id, Retain: true, Payload: []byte("x")}))
		if _, err := io.ReadFull(publisher, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
	}
	send(1) // waits in the session, and is retained
	service, err := r.CreateService(t.Context(), "", "Other")
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := r.CreateDeployment(t.Context(), d.FleetSID, "Other", service.SID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.UpdateDevice(t.Context(), d.SID, registry.DeviceChange{DeploymentSID: &deployment.SID}); err != nil {
		t.Fatal(err)
	}
	c = dial(t, g, nil)
	if answer, present, err := c.says(packet(hello)); answer != 0 || present {
		t.Fatal(answer, present, err)
	}
	send(2)
	_, _ = c.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "#", QoS: 2}, wire.Subscription{Filter: "a/b", QoS: 1}))
	send(3)
	// Its PUBACK keeps its turn behind whatever the subscription brings.
	_, _ = c.Write(wire.AppendPublish(nil, wire.Message{Topic: "$barrier", QoS: 1, ID: 9}))
	b := make([]byte, 10)
	if _, err := io.ReadFull(c, b); err != nil || b[0]>>4 != wire.SUBACK || b[6]>>4 != wire.PUBACK {
		t.Errorf("% x, %v: something came between SUBACK and PUBACK", b, err)
	}
	// Back again, and nothing of its old state is there.
	if _, err := r.UpdateDevice(t.Context(), d.SID, registry.DeviceChange{DeploymentSID: &d.DeploymentSID}); err != nil {
		t.Fatal(err)
	}
	c = dial(t, g, nil)
	if answer, present, err := c.says(packet(hello)); answer != 0 || present {
		t.Fatal(answer, present, err)
	}
}

// TestWhatAServiceRetainedGoesWithIt: nothing can reach it any more.
func TestWhatAServiceRetainedGoesWithIt(t *testing.T) {
	g := open(t, t.TempDir())
	r := g.Registry()
	d, _, o := device(t, g, "archive")
	service, err := r.CreateService(t.Context(), "", "Short-lived")
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := r.CreateDeployment(t.Context(), d.FleetSID, "Short-lived", service.SID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.UpdateDevice(t.Context(), d.SID, registry.DeviceChange{DeploymentSID: &deployment.SID}); err != nil {
		t.Fatal(err)
	}
	c := dial(t, g, nil)
	if answer, _, err := c.says(packet(key(o.Credential.KeySID, o.Credential.Secret))); answer != 0 {
		t.Fatal(err)
	}
	m := wire.Message{Topic: "x", QoS: 1, ID: 1, Retain: true, Payload: []byte("kept")}
	if _, err := c.Write(wire.AppendPublish(nil, m)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if n := g.Stats().Retained; n != 1 {
		t.Fatalf("%d retained", n)
	}
	if err := r.DeleteService(t.Context(), service.SID); err != nil {
		t.Fatal(err)
	}
	if n := g.Stats().Retained; n != 0 {
		t.Errorf("%d retained by a service that is gone", n)
	}
}

// TestTwoWhoChangeSettingsAtOnceBothSucceed: a switch does not take back what another one has just changed.
func TestTwoWhoChangeSettingsAtOnceBothSucceed(t *testing.T) {
	g := open(t, t.TempDir())
	for round := range 10 {
		s := g.Settings()
		s.Network, s.SyncTopicsOnly = false, false
		if err := g.SetSettings(s); err != nil {
			t.Fatal(err)
		}
		s.SyncTopicsOnly = true
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := g.SetSettings(s); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := g.SetNetwork(false); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if !g.Settings().SyncTopicsOnly {
			t.Fatalf("round %d: a change was lost", round)
		}
	}
}
