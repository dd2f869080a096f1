package integration

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// TestARefusalArrivesAlsoAtOneWhoKeepsSending a megabyte behind its CONNECT before it reads.
func TestARefusalArrivesAlsoAtOneWhoKeepsSending(t *testing.T) {
	g := open(t, t.TempDir())
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for range 20 {
			c := dial(t, g, &tls.Config{MinVersion: version, MaxVersion: version})
			sent := packet(wire.Connect{Clean: true})
			for range 5 {
				sent = wire.AppendPublish(sent, wire.Message{Topic: "x", Payload: make([]byte, 200<<10)})
			}
			_, written := c.Write(sent)
			if answer, _, err := code(c); answer != 2 {
				t.Fatalf("%s: code %d, %v; written: %v", tls.VersionName(version), answer, err, written)
			}
		}
	}
}

// TestAWillIsDroppedWithAWarning and is not published, however the connection ends.
func TestAWillIsDroppedWithAWarning(t *testing.T) {
	g := open(t, t.TempDir())
	_, _, o := device(t, g, "mortal")
	_, _, p := device(t, g, "heir")
	heir := dial(t, g, nil)
	if answer, _, err := heir.says(packet(key(p.Credential.KeySID, p.Credential.Secret))); answer != 0 {
		t.Fatal(err)
	}
	_, _ = heir.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "#", QoS: 0}))
	if _, err := io.ReadFull(heir, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	hello := key(o.Credential.KeySID, o.Credential.Secret)
	hello.HasWill, hello.WillTopic, hello.WillPayload, hello.WillQoS, hello.WillRetain = true, "last/words", []byte("x"), 1, true
	c := dial(t, g, nil)
	if answer, _, err := c.says(packet(hello)); answer != 0 {
		t.Fatal(answer, err)
	}
	if a := last(t, g); !slices.Contains(a.Warnings, cause.WillDiscarded) {
		t.Errorf("warnings: %v", a.Warnings)
	}
	_ = c.NetConn().Close()
	eventually(t, "it is gone", func() bool { return g.Stats().Connected == 1 })
	_, _ = heir.Write([]byte{0xc0, 0})
	b := make([]byte, 2)
	if _, err := io.ReadFull(heir, b); err != nil || b[0] != 0xd0 {
		t.Errorf("% x, %v", b, err)
	}
}

// TestSessionPresentTellsTheTruth for both levels.
func TestSessionPresentTellsTheTruth(t *testing.T) {
	g := open(t, t.TempDir())
	_, _, o := device(t, g, "sleeper")
	for i, step := range []struct{ clean, old, present bool }{
		{false, false, false}, {false, false, true}, {false, true, false}, {false, false, true},
		{true, false, false}, {false, false, false}, {true, true, false}, {true, false, false},
	} {
		hello := key(o.Credential.KeySID, o.Credential.Secret)
		hello.Clean, hello.ClientID = step.clean, "client "+strconv.Itoa(i)
		if step.old {
			hello.ProtocolName, hello.Level = "MQIsdp", 3
		}
		c := dial(t, g, nil) // the one before is taken over
		if answer, present, err := c.says(packet(hello)); answer != 0 || present != step.present {
			t.Errorf("step %d: code %d, present %v, %v", i, answer, present, err)
		}
	}
}

// TestBytesThatTrickleDelayNobody, nor are they refused as long as they come within the deadline.
func TestBytesThatTrickleDelayNobody(t *testing.T) {
	g := open(t, t.TempDir())
	_, _, o := device(t, g, "brisk")
	hello := packet(key(o.Credential.KeySID, o.Credential.Secret))
	slow := dial(t, g, nil)
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		for _, b := range hello { // one byte each 5 ms: within the deadline
			if _, err := slow.Write([]byte{b}); err != nil {
				done <- err
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		answer, _, err := code(slow)
		if answer == 0 {
			err = nil
		}
		done <- err
	}()
	for range 3 {
		at := time.Now()
		c := dial(t, g, nil)
		if answer, _, err := c.says(packet(wire.Connect{Clean: true})); answer != 2 || time.Since(at) > time.Second {
			t.Error(answer, err, time.Since(at))
		}
	}
	if err := <-done; err != nil {
		t.Errorf("the slow but honest one: %v after %v", err, time.Since(began))
	}
}

// TestAnotherPortEndsConnectionsAndKeepsSessions: devices go on where they were, on the port that was set.
func TestAnotherPortEndsConnectionsAndKeepsSessions(t *testing.T) {
	g, err := gateway.Open(gateway.Config{DataDir: t.TempDir(), HTTPAddr: "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	s := g.Settings()
	s.Port = freePort(t)
	if err := errors.Join(g.SetSettings(s), g.Start()); err != nil {
		t.Fatal(err)
	}
	_, _, o := device(t, g, "roamer")
	hello := key(o.Credential.KeySID, o.Credential.Secret)
	hello.Clean = false
	for i := range 2 {
		c := dial(t, g, nil)
		if answer, present, err := c.says(packet(hello)); answer != 0 || present != (i > 0) {
			t.Fatal(answer, present, err)
		}
		s.Port, s.Names = freePort(t), []string{"name" + strconv.Itoa(i) + ".local"}
		if err := g.SetSettings(s); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("the connection outlived the move")
		}
		if status := g.Status(); status.State != gateway.Listening || status.Port != s.Port || !slices.Contains(status.Names, s.Names[0]) {
			t.Errorf("%+v", status)
		}
	}
}

// freePort is a port of loopback that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
