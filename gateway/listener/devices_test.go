package listener

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

func TestTakeoverClosesTheOldConnection(t *testing.T) {
	w := newWorld(t, Settings{})
	first := w.withKey("lamp")
	second := w.enrol(first.device, clientCertificate(t, nil)) // another credential of the same device
	old := w.connected(t, first)
	fresh := w.connected(t, second)
	if !ended(old) || !alive(fresh) {
		t.Fatal("the old connection lives, or the new one does not")
	}
	page := w.log.Query(attempt.Filter{Whole: true})
	if a := page.Attempts[1]; a.End != cause.TakenOver || a.Live {
		t.Errorf("old: %s", a.End)
	}
	a := page.Attempts[0]
	if took := step(a, attempt.Takeover); took.Fact("old_remote") != old.LocalAddr().String() || took.Fact("old_attempt") != "1" || a.TookOver != old.LocalAddr().String() {
		t.Errorf("new: %+v", took)
	}
	if !w.Disconnect(first.device, cause.DisconnectedByUser) || !ended(fresh) {
		t.Error("not disconnected")
	}
}

func TestOfSixteenSimultaneousConnectsExactlyOneStaysInEachRound(t *testing.T) {
	const rounds, many = 200, 16
	w := newWorld(t, Settings{ConnectsPerSecond: -1})
	i := w.withKey("lamp")
	config := config(nil)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(many) // cheaper handshakes
	for round := range rounds {
		conns := make([]*tls.Conn, many)
		var all sync.WaitGroup
		for n := range conns {
			all.Go(func() {
				raw, err := net.Dial("tcp", w.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = raw.SetDeadline(time.Now().Add(patient))
				conns[n] = tls.Client(raw, config)
				_, _ = offer(conns[n], wire.AppendConnect(nil, i.connect(), false)) // some are taken over before their CONNACK
			})
		}
		all.Wait()
		live := 0
		for _, c := range conns {
			if c == nil {
				continue
			}
			if alive(c) {
				live++
			}
		}
		if live != 1 {
			t.Fatalf("round %d: %d connections live", round, live)
		}
		if n := w.hub.Stats().Connected; n != 1 {
			t.Fatalf("round %d: the broker has %d", round, n)
		}
		for _, c := range conns {
			c.NetConn().Close()
		}
	}
}

func TestAStalledOldConnectionDelaysTheNewOneLessThanASecond(t *testing.T) {
	w := newWorld(t, Settings{})
	i, publisher := w.withKey("lamp"), w.withKey("publisher")
	stalled := w.connected(t, i) // subscribes, and then never reads
	_, _ = stalled.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: "a", QoS: 0}))
	if _, err := stalled.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	p := w.connected(t, publisher)
	message := wire.AppendPublish(nil, wire.Message{Topic: "a", Payload: make([]byte, 60_000)})
	for range 200 { // more than the sockets of both sides take
		if _, err := p.Write(message); err != nil {
			t.Fatal(err)
		}
	}
	if !alive(p) {
		t.Fatal("the publisher is stalled, too")
	}
	began := time.Now()
	fresh := w.connected(t, i)
	if took := time.Since(began); took > time.Second {
		t.Errorf("the new connection waited %s", took)
	}
	if !alive(fresh) {
		t.Error("it does not live")
	}
}

// stuck is a connection whose Run does not return until it is told.
type stuck struct {
	release chan struct{}
	kills   atomic.Int32
}

func (s *stuck) Follow()         {}
func (s *stuck) Run() broker.End { <-s.release; return broker.End{Cause: cause.TakenOver} }
func (s *stuck) Kill(cause.ID)   { s.kills.Add(1) }

// stuckFirst hands out a stuck connection first, and the broker's after it.
type stuckFirst struct {
	engine
	conn *stuck
	used atomic.Bool
}

func (e *stuckFirst) open(nc net.Conn, hello broker.Hello) (served, bool, int, error) {
	if e.used.CompareAndSwap(false, true) {
		return e.conn, false, 0, nil
	}
	return e.engine.open(nc, hello)
}

func withStuck(s *stuck) func(*world) {
	return func(w *world) { w.engine = &stuckFirst{engine: w.engine, conn: s} }
}

func TestNoTwoConnectionsOfADeviceAreEverInTheBroker(t *testing.T) {
	s := &stuck{release: make(chan struct{})}
	w := newWorld(t, Settings{}, withStuck(s))
	i := w.withKey("lamp")
	first := tls.Client(w.dialRaw(t), config(nil))
	_, _ = first.Write(wire.AppendConnect(nil, i.connect(), false))
	eventually(t, "the first is with the broker", func() bool { return w.devices.of(i.device) != nil })
	done := make(chan byte, 1)
	go func() {
		conn, code, err := w.tryConnect(i)
		if err != nil {
			code = 0xff
		} else {
			conn.NetConn().Close()
		}
		done <- code
	}()
	eventually(t, "the first is told to end", func() bool { return s.kills.Load() > 0 })
	select {
	case <-done:
		t.Fatal("the second was let in before the first had ended")
	default:
	}
	close(s.release)
	if code := <-done; code != 0 {
		t.Errorf("code %d", code)
	}
}

func TestDisconnectEndsTheConnectionAndOnlyThat(t *testing.T) {
	w := newWorld(t, Settings{})
	a, b := w.withKey("a"), w.withKey("b")
	ca, cb := w.connected(t, a), w.connected(t, b)
	if w.Disconnect(sid.New(sid.Device), cause.DisconnectedByUser) {
		t.Error("an unknown device was connected")
	}
	if !w.Disconnect(a.device, cause.DisconnectedByUser) {
		t.Error("it was not connected")
	}
	if w.hub.Stats().Connected != 1 || w.devices.of(a.device) != nil {
		t.Error("Disconnect returned before the end")
	}
	if !ended(ca) || !alive(cb) {
		t.Error("the wrong connection ended")
	}
	if got, _ := w.log.Get(1); got.End != cause.DisconnectedByUser {
		t.Errorf("end %s", got.End)
	}
	if w.Disconnect(a.device, cause.DisconnectedByUser) {
		t.Error("it was disconnected twice")
	}
	w.connected(t, a) // it may come again
}

func TestDisconnectCredentialEndsWhatRestsOnIt(t *testing.T) {
	w := newWorld(t, Settings{})
	byKey := w.withKey("lamp")
	byCert := w.enrol(byKey.device, clientCertificate(t, nil))
	conn := w.connected(t, byCert)
	w.DisconnectCredential(byKey.credential, cause.CredentialRevoked)
	if !alive(conn) {
		t.Fatal("a connection by another credential ended")
	}
	w.DisconnectCredential(byCert.credential, cause.CredentialRevoked)
	if !ended(conn) {
		t.Fatal("it lives")
	}
	if a := w.lastDone(t); a.End != cause.CredentialRevoked {
		t.Errorf("end %s", a.End)
	}
}

func TestRecheckEndsWhatNoLongerStandsWithItsCause(t *testing.T) {
	w := newWorld(t, Settings{})
	bystander := w.withKey("bystander")
	untouched := w.connected(t, bystander)
	for name, c := range map[string]struct {
		change func(identity)
		why    cause.ID
	}{
		"nothing":    {func(identity) {}, ""},
		"renamed":    {func(i identity) { w.people.change(i.device, func(d *registry.Device) { d.UniqueName = "other" }) }, ""},
		"disabled":   {func(i identity) { w.people.change(i.device, func(d *registry.Device) { d.Enabled = false }) }, cause.DeviceDisabled},
		"undeployed": {func(i identity) { w.people.change(i.device, func(d *registry.Device) { d.DeploymentSID = "" }) }, cause.NotDeployed},
		"deleted": {func(i identity) {
			w.people.mu.Lock()
			defer w.people.mu.Unlock()
			delete(w.people.devices, i.device)
			delete(w.people.keys, i.credential)
			w.people.graves[i.credential] = registry.Tombstone{CredentialSID: i.credential, WithDevice: true}
		}, cause.DeviceDeleted},
		"key deleted": {func(i identity) {
			w.people.mu.Lock()
			defer w.people.mu.Unlock()
			delete(w.people.keys, i.credential)
			w.people.graves[i.credential] = registry.Tombstone{CredentialSID: i.credential}
		}, cause.CredentialRevoked},
		"key of another device": {func(i identity) {
			w.people.mu.Lock()
			defer w.people.mu.Unlock()
			k := w.people.keys[i.credential]
			k.DeviceSID = bystander.device
			w.people.keys[i.credential] = k
		}, cause.CredentialUnassigned},
		"other service": {func(i identity) {
			elsewhere := sid.New(sid.Deployment)
			w.people.mu.Lock()
			w.people.services[elsewhere] = sid.New(sid.Service)
			w.people.mu.Unlock()
			w.people.change(i.device, func(d *registry.Device) { d.DeploymentSID = elsewhere })
		}, cause.ServiceChanged},
	} {
		i := w.withKey(name)
		conn := w.connected(t, i)
		c.change(i)
		w.Recheck([]string{i.device, bystander.device, sid.New(sid.Device)})
		if c.why == "" {
			if !alive(conn) {
				t.Errorf("%s: it ended", name)
			}
			continue
		}
		if w.devices.of(i.device) != nil || !ended(conn) {
			t.Errorf("%s: it lives", name)
		}
		if a := w.lastDone(t); a.End != c.why || a.Code != 0 {
			t.Errorf("%s: end %s", name, a.End)
		}
	}
	if !alive(untouched) {
		t.Error("a connection that stands was ended")
	}
}

func TestADisableThatRacesWithAConnectNeverLeavesALiveConnection(t *testing.T) {
	w := newWorld(t, Settings{ConnectsPerSecond: -1})
	i := w.withKey("lamp")
	let, refused := 0, 0
	for round := range 300 {
		w.people.change(i.device, func(d *registry.Device) { d.Enabled = true })
		done := make(chan byte, 1)
		var conn *tls.Conn
		go func() {
			var code byte
			var err error
			if conn, code, err = w.tryConnect(i); err != nil {
				code = 0xff
			}
			done <- code
		}()
		time.Sleep(time.Duration(round%40) * 50 * time.Microsecond) // the moment of the race, from before to after the verdict
		w.people.change(i.device, func(d *registry.Device) { d.Enabled = false })
		w.Recheck([]string{i.device})
		code := <-done
		switch code {
		case 0:
			let++
			if !ended(conn) {
				t.Fatalf("round %d: a disabled device is connected", round)
			}
		case 5:
			refused++
		}
		if conn != nil {
			conn.NetConn().Close()
		}
		eventually(t, "nothing is live", func() bool { return w.hub.Stats().Connected == 0 })
	}
	t.Logf("let in and ended %d, refused %d", let, refused)
}

// TestARegistryChangeBetweenVerdictAndTurnRefuses makes the race certain: the device is disabled while the newcomer
// waits for the older connection to end.
func TestARegistryChangeBetweenVerdictAndTurnRefuses(t *testing.T) {
	s := &stuck{release: make(chan struct{})}
	w := newWorld(t, Settings{}, withStuck(s))
	i := w.withKey("lamp")
	first := tls.Client(w.dialRaw(t), config(nil))
	_, _ = first.Write(wire.AppendConnect(nil, i.connect(), false))
	eventually(t, "the first is with the broker", func() bool { return w.devices.of(i.device) != nil })
	second := tls.Client(w.dialRaw(t), config(nil))
	_, _ = second.Write(wire.AppendConnect(nil, i.connect(), false))
	eventually(t, "the second waits", func() bool { return s.kills.Load() > 0 })
	w.people.change(i.device, func(d *registry.Device) { d.Enabled = false })
	close(s.release)
	var connack [4]byte
	if _, err := second.Read(connack[:]); err != nil || connack != [4]byte{0x20, 2, 0, 5} {
		t.Fatalf("%x, %v", connack, err)
	}
	if a := w.lastDone(t); a.Code != 5 || a.Cause != cause.DeviceDisabled || a.Live {
		t.Errorf("%d %s", a.Code, a.Cause)
	}
	if c := w.log.Counts(time.Now().Add(-time.Minute)); c.ByCode[5] != 1 || c.Accepted != 1 {
		t.Errorf("counted %+v", c)
	}
}

func TestConnectionsOfOneDeviceComeAndGoWithoutLeavingAnything(t *testing.T) {
	w := newWorld(t, Settings{ConnectsPerSecond: -1})
	var all sync.WaitGroup
	for n := range 8 {
		i := w.withKey(string(rune('a' + n)))
		all.Go(func() {
			for range 20 {
				if conn, _, err := w.tryConnect(i); err == nil {
					conn.NetConn().Close()
				}
				w.Disconnect(i.device, cause.DisconnectedByUser)
			}
		})
	}
	all.Wait()
	eventually(t, "all are gone", func() bool {
		w.devices.mu.Lock()
		defer w.devices.mu.Unlock()
		return len(w.devices.seats) == 0 && w.lobby.len() == 0
	})
}
